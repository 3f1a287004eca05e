"""From moments to scalp potentials under a cap that moves: for simulated dipoles, and for recordings."""

from collections.abc import Sequence
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..conditions import Conditions
from ..pytree import component
from .lattice import upper_sphere
from .montage import Montage, move_cap
from .sphere import SphereHead
from .template import TemplateHead


class Projection(Protocol):
    @property
    def head(self) -> Any: ...
    @property
    def montage(self) -> Montage: ...

    def matrix(self, conditions: Conditions, parts: Sequence[Any]) -> Array:
        """(n_sensors, n_rows) from the stacked outputs of ``parts`` (each with ``positions`` and
        ``orientations``) to potentials in volts at the electrodes, wherever the cap is now."""
        ...


@component
class DipoleProjection:
    """Dipoles in a head: the leadfield is evaluated anew at the cap's present position, so a shift is
    exact (linearising it would leave 4-8 % of the change unexplained at 3 mm)."""

    head: SphereHead | TemplateHead
    montage: Montage

    def matrix(self, conditions: Conditions, parts: Sequence[Any]) -> Array:
        electrodes = move_cap(
            self.montage.positions, conditions.cap_rotation, conditions.cap_translation, self.head.radius
        )
        positions = jnp.concatenate([part.positions for part in parts])
        orientations = jnp.concatenate([part.orientations for part in parts])
        return self.head.under(conditions).leadfield(electrodes, positions, orientations)


@component
class Reprojection:
    """A recording under a shifted cap: minimum-norm sources at the recorded positions, leadfield at the new ones.

    v' = v + (L_new - L_old) W v, with W the regularised minimum-norm inverse of L_old over a shell of dipoles. What
    the inverse does not explain stays as recorded, and without a shift v' = v exactly. It is a model: real tissue
    under the new electrode positions was never measured, and reports say so.

    montage of the recording (channels only); sources (n, 3) m; inverse (3 n, n_channels) A·m/V; old
    (n_channels, 3 n) V/(A·m), against the average.
    """

    head: SphereHead | TemplateHead
    montage: Montage
    sources: Array
    inverse: Array
    old: Array

    @classmethod
    def create(
        cls, montage: Montage, head: SphereHead | TemplateHead | None = None, n_dipoles: int = 256, snr: float = 3.0
    ) -> "Reprojection":
        """``n_dipoles`` free dipoles 16 mm below the scalp; regularisation 1/snr^2 of the mean gain, as MNE does."""
        head = SphereHead.preset() if head is None else head
        channels = montage.positions[: montage.n_channels]
        sources = upper_sphere(n_dipoles, 1.4) * float(head.radius - 0.016)
        gain = np.asarray(head.gain(channels, jnp.asarray(sources)), np.float64).reshape(len(channels), -1)
        gain -= gain.mean(axis=0)  # a recording holds potential differences only
        gram = gain @ gain.T
        ridge = np.trace(gram) / len(gram) / snr**2
        inverse = gain.T @ np.linalg.inv(gram + ridge * np.eye(len(gram)))
        return cls(
            head=head,
            montage=montage,
            sources=jnp.asarray(sources, jnp.float32),
            inverse=jnp.asarray(inverse, jnp.float32),
            old=jnp.asarray(gain, jnp.float32),
        )

    def matrix(self, conditions: Conditions, parts: Sequence[Any]) -> Array:
        moved = jnp.any(conditions.cap_rotation != 0) | jnp.any(conditions.cap_translation != 0)
        moved = moved | (conditions.skull_conductivity != 1)
        # (L_new - L_old) W is zero without a change, but only up to rounding; leaving it out is exact, and cheaper
        return jax.lax.cond(moved, self._moved, lambda _: jnp.eye(self.montage.n_channels), conditions)

    def _moved(self, conditions: Conditions) -> Array:
        n_channels = self.montage.n_channels
        electrodes = move_cap(
            self.montage.positions[:n_channels],
            conditions.cap_rotation,
            conditions.cap_translation,
            self.head.radius,
        )
        new = self.head.under(conditions).gain(electrodes, self.sources).reshape(n_channels, -1)
        new = new - jnp.mean(new, axis=0)
        return jnp.eye(n_channels) + (new - self.old) @ self.inverse
