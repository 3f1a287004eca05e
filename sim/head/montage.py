"""Electrode positions: standard 10-20 and 10-10 names on a spherical scalp."""

import functools

import jax.numpy as jnp
import numpy as np
from jax import Array

from ..errors import InputError
from ..pytree import component, static


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


LAYOUTS: dict[str, tuple[str, ...]] = {
    "10-20-19": _names("Fp1 Fp2 F7 F3 Fz F4 F8 T7 C3 Cz C4 T8 P7 P3 Pz P4 P8 O1 O2 "),
    "10-10-16": _names("Fp1 Fp2 F3 Fz F4 FC1 FC2 C3 Cz C4 CP1 CP2 P3 Pz P4 Oz "),
    "10-10-31": _names(
        "Fp1 Fp2 F7 F3 Fz F4 F8 FC5 FC1 FC2 FC6 T7 C5 C3 C1 Cz C2 C4 C6 T8 CP5 CP1 CPz CP2 CP6 P7 P3 Pz P4 P8 Oz "
    ),
}
HIDDEN_REFERENCES = ("FCz", "TP9", "TP10")
"""Reference sites that are no channels: the amplifier's own (FCz, as in active-electrode caps) and the mastoids."""


@component
class Montage:
    """Electrodes on the scalp.

    positions (n_sensors, 3) m: the channels, then the hidden reference sites; ``ch_names`` (n_channels) and
    ``reference_names`` are static.
    """

    positions: Array
    ch_names: tuple[str, ...] = static()
    reference_names: tuple[str, ...] = static(default=HIDDEN_REFERENCES)

    @property
    def n_channels(self) -> int:
        return len(self.ch_names)

    def reference_weights(self, kind: str) -> Array:
        """(n_sensors,) weights of the reference ``kind``: "infinity", "average", "mastoids" or an electrode's name."""
        names = self.ch_names + self.reference_names
        weights = np.zeros(len(names), np.float32)
        if kind == "average":
            weights[: self.n_channels] = 1.0 / self.n_channels
        elif kind == "mastoids":
            weights[[names.index("TP9"), names.index("TP10")]] = 0.5
        elif kind in names:
            weights[names.index(kind)] = 1.0
        elif kind != "infinity":
            raise InputError(
                f"unknown reference {kind!r}; use infinity, average, mastoids or one of {', '.join(names)}"
            )
        return jnp.asarray(weights)


def make_montage(ch_names: str | tuple[str, ...] | list[str], radius: float = 0.09) -> Montage:
    """Electrodes of the named layout ("10-20-19", "10-10-16", "10-10-31") or of a list of 10-05 names.

    Directions are those of the ideal spherical 10-10 system (23 degrees a 10 % step: C3-Cz 46 degrees) where it
    has the name, otherwise MNE's ``colin27_1005`` template seen from its fitted centre. radius in m.
    """
    names = LAYOUTS.get(ch_names) if isinstance(ch_names, str) else tuple(ch_names)
    if names is None:
        raise InputError(f"unknown montage {ch_names!r}; known: {', '.join(LAYOUTS)}, or give a list of 10-05 names")
    if len(set(names)) != len(names):
        raise InputError("channel names appear twice; every channel needs a name of its own")
    hidden = tuple(n for n in HIDDEN_REFERENCES if n not in names)
    table = site_directions()
    lost = [n for n in names if n.lower() not in table]
    if lost:
        raise InputError(
            f"channel names {', '.join(map(repr, lost[:5]))} match no 10-05 position; rename them (as in 'C3', 'Cz')"
        )
    placed = np.stack([table[n.lower()] for n in names + hidden])
    return Montage(positions=jnp.asarray(placed * radius, jnp.float32), ch_names=names, reference_names=hidden)


@functools.cache
def site_directions() -> dict[str, np.ndarray]:
    """Unit vectors by lower-case 10-05 name."""
    import mne

    table = {}
    # the last layout wins: easycap-M1 is the ideal sphere, colin27_1005 fills in the names it lacks
    for layout, centre in (("colin27_1005", None), ("easycap-M1", (0.0, 0.0, 0.0))):
        positions = mne.channels.make_standard_montage(layout).get_positions()["ch_pos"]
        points = np.stack(list(positions.values()))
        if centre is None:
            centre = _sphere_centre(points)
        unit = points - np.asarray(centre)
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        table.update({name.lower(): u for name, u in zip(positions, unit)})
    return table


def _sphere_centre(points: np.ndarray) -> np.ndarray:
    """Centre (3,) of the sphere fitted to points (n, 3) by linear least squares."""
    design = np.c_[2 * points, np.ones(len(points))]
    return np.linalg.lstsq(design, np.sum(points**2, axis=1), rcond=None)[0][:3]


def move_cap(positions: Array, rotation: Array, translation: Array, radius: Array | float) -> Array:
    """Electrode positions (n, 3) m after the cap turned by ``rotation`` (3,) rad (rotation vector) and slipped by
    ``translation`` (3,) m; the electrodes stay on the scalp of ``radius`` m."""
    # sinc-like factors keep the rotation smooth (and its gradient finite) at zero angle
    angle2 = jnp.sum(rotation**2) + 1e-20
    angle = jnp.sqrt(angle2)
    cross = jnp.cross(rotation[None, :], positions)
    turned = (
        positions + jnp.sin(angle) / angle * cross + (1 - jnp.cos(angle)) / angle2 * jnp.cross(rotation[None, :], cross)
    )
    moved = turned + translation
    return moved * (radius / jnp.linalg.norm(moved, axis=-1, keepdims=True))


def lateral_rotation(shift: float | Array, radius: float = 0.09) -> Array:
    """(3,) rad: the cap rotation that moves the electrodes at the vertex by ``shift`` m to the right."""
    return jnp.stack([jnp.zeros(()), jnp.asarray(shift / radius, jnp.float32), jnp.zeros(())])
