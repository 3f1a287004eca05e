"""Reference schemes as matrices over recorded channels: ``matrix @ x`` re-references a window x (n_channels, n_times).

All but the surface Laplacian and the bipolar derivations are computed from potential differences and are invariant to
the reference of the recording: each matrix maps a constant over the channels to zero (a REST potential is zero at
infinity, so its matrix takes out the average first). :meth:`Montage.reference_weights` gives the amplifier's own
reference, which may be a site that is no channel; to put one of these into a simulated amplifier instead, set the
plant's nominal ``conditions.mixing``.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array

from ..errors import InputError
from .heads import Head, make_head
from .lattice import upper_sphere
from .montage import Montage


def average_reference(n_channels: int) -> Array:
    """(n_channels, n_channels) of rank n_channels - 1: every channel against the mean of all."""
    return jnp.asarray(np.eye(n_channels) - 1.0 / n_channels, jnp.float32)


def electrode_reference(montage: Montage, *names: str) -> Array:
    """(n_channels, n_channels): every channel against the mean of the named ones (linked mastoids: "TP9", "TP10")."""
    matrix = np.eye(montage.n_channels)
    if not names:
        raise InputError("no reference channel named; give one or more of " + ", ".join(montage.ch_names))
    for name in names:
        matrix[:, _index(montage, name)] -= 1.0 / len(names)
    return jnp.asarray(matrix, jnp.float32)


def bipolar(montage: Montage, pairs: Sequence[tuple[str, str]]) -> Array:
    """(n_pairs, n_channels): first less second of each pair of channels."""
    matrix = np.zeros((len(pairs), montage.n_channels))
    for row, (plus, minus) in zip(matrix, pairs):
        row[_index(montage, plus)] += 1.0
        row[_index(montage, minus)] -= 1.0
    return jnp.asarray(matrix, jnp.float32)


def small_laplacian(montage: Montage, n_neighbours: int = 4) -> Array:
    """(n_channels, n_channels): every channel against the mean of its ``n_neighbours`` nearest, weighted by the
    inverse of their distance (Hjorth 1975). In volts; divide by the squared spacing for a current density."""
    if not 1 <= n_neighbours < montage.n_channels:
        raise InputError(f"n_neighbours is {n_neighbours}; wanted 1 to {montage.n_channels - 1}")
    place = np.asarray(montage.positions[: montage.n_channels], float)
    distance = np.linalg.norm(place[:, None] - place, axis=-1)
    matrix = np.eye(montage.n_channels)
    for i, row in enumerate(distance):
        near = np.argsort(row)[1 : n_neighbours + 1]
        matrix[i, near] = -(1.0 / row[near]) / np.sum(1.0 / row[near])
    return jnp.asarray(matrix, jnp.float32)


def rest_reference(montage: Montage, head: Head | str = "mne", n_dipoles: int = 400, smallest: float = 1e-3) -> Array:
    """(n_channels, n_channels): potentials against infinity, estimated through a head model (REST; Yao 2001).

    V = G pinv(A G) A v, with A the average reference and G the gain of ``n_dipoles`` free dipoles 16 mm below the
    scalp; singular values below ``smallest`` of the largest count as zero.
    """
    model = make_head(head) if isinstance(head, str) else head
    n = montage.n_channels
    channels = montage.positions[:n]
    sources = jnp.asarray(upper_sphere(n_dipoles, 1.4) * float(model.radius - 0.016), jnp.float32)
    gain = np.asarray(model.gain(channels, sources), float).reshape(n, -1)
    average = np.eye(n) - 1.0 / n
    return jnp.asarray(gain @ np.linalg.pinv(average @ gain, rcond=smallest) @ average, jnp.float32)


def _index(montage: Montage, name: str) -> int:
    if name not in montage.ch_names:
        raise InputError(f"{name!r} is no channel of the montage; use one of {', '.join(montage.ch_names)}")
    return montage.ch_names.index(name)
