"""How nodes are wired to each other: a matrix with or without delays, or everybody to everybody's mean."""

from typing import Any, Protocol

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike
from numpy.typing import ArrayLike

from ..errors import InputError
from ..pytree import component, static


class Wiring(Protocol):
    delays: Array | None

    def collect(self, sent: Array) -> Array:
        """(n_nodes,) what every node gets of the signal ``sent`` (n_nodes,) of the same moment."""
        ...

    def row(self) -> Array:
        """Sum of the weights into each node, () or (n_nodes,)."""
        ...


@component
class Connectome:
    """weights (n_nodes, n_nodes): [i, j] from node j to node i; delays None or (n_nodes, n_nodes) s."""

    weights: Array
    delays: Array | None

    @classmethod
    def create(
        cls, weights: ArrayLike, delays: ArrayLike | None = None, dtype: DTypeLike = jnp.float32
    ) -> "Connectome":
        """InputError unless both are square, finite and of one shape, and delays are not negative.

        Delays of absent connections (weight 0) are not looked at. Divide fibre lengths (m) by a conduction velocity
        (m/s; 3 to 10 is usual between cortical areas) for delays.
        """
        w = np.asarray(weights, float)
        if w.ndim != 2 or w.shape[0] != w.shape[1] or not np.isfinite(w).all():
            raise InputError(f"connectome weights have shape {w.shape}; wanted a square matrix of finite numbers")
        if delays is None:
            return cls(weights=jnp.asarray(w, dtype), delays=None)
        d = np.asarray(delays, float)
        if d.shape != w.shape or not np.isfinite(d[w != 0]).all() or (d[w != 0] < 0).any():
            raise InputError(
                f"connectome delays have shape {d.shape} for weights of {w.shape}; wanted as many, in s, 0 or more"
            )
        # an absent connection never reads the past: any delay that exists will do
        d = np.where(w != 0, d, d[w != 0].min() if (w != 0).any() else 0.0)
        if not (d > 0).any():
            return cls(weights=jnp.asarray(w, dtype), delays=None)
        return cls(weights=jnp.asarray(w, dtype), delays=jnp.asarray(d, dtype))

    def collect(self, sent: Array) -> Array:
        return self.weights @ sent

    def row(self) -> Array:
        return jnp.sum(self.weights, axis=1)


@component
class MeanField:
    """Every node gets ``gain`` () times the mean over its group of ``group`` consecutive nodes, its own share
    included; 0 for one group of all nodes."""

    gain: Array
    group: int = static(default=0)

    @classmethod
    def create(cls, gain: ArrayLike, group: int = 0, dtype: DTypeLike = jnp.float32) -> "MeanField":
        return cls(gain=jnp.asarray(gain, dtype), group=group)

    @property
    def delays(self) -> None:
        return None

    def collect(self, sent: Array) -> Array:
        groups = sent.reshape(-1, self.group or sent.size)
        return jnp.broadcast_to(self.gain * jnp.mean(groups, axis=1, keepdims=True), groups.shape).reshape(sent.shape)

    def row(self) -> Array:
        return self.gain


@component
class LowRank:
    """A dense matrix of weights without delays, as gain () times left (n_nodes, rank) times right (rank, n_nodes):
    smooth kernels of the distance need a few percent of the operations. A batch whose gains differ, and nothing else,
    is multiplied by one and the same matrix."""

    left: Array
    right: Array
    gain: Array

    @classmethod
    def create(cls, weights: ArrayLike, tolerance: float = 1e-6, dtype: DTypeLike = jnp.float32) -> "LowRank":
        """Symmetric weights (n_nodes, n_nodes), by their eigenvectors, left out as far as all of those together change
        no weight by more than ``tolerance`` times the largest. InputError for a matrix that is not symmetric."""
        w = np.asarray(weights, float)
        if w.ndim != 2 or w.shape[0] != w.shape[1] or not np.isfinite(w).all() or not np.allclose(w, w.T):
            raise InputError(f"weights have shape {w.shape}; wanted a symmetric square matrix of finite numbers")
        values, vectors = np.linalg.eigh(w)
        order = np.argsort(-np.abs(values))
        values, vectors = values[order], vectors[:, order]
        # what a weight loses with every further term left out, at most
        rest = np.cumsum((np.abs(values) * np.max(vectors**2, axis=0))[::-1])[::-1]
        rank = max(int(np.sum(rest > tolerance * np.abs(w).max())), 1)
        left = vectors[:, :rank] * values[:rank]
        return cls(
            left=jnp.asarray(left, dtype), right=jnp.asarray(vectors[:, :rank].T, dtype), gain=jnp.ones((), dtype)
        )

    @property
    def delays(self) -> None:
        return None

    def collect(self, sent: Array) -> Array:
        return self.gain * (self.left @ (self.right @ sent))

    def row(self) -> Array:
        return self.gain * (self.left @ jnp.sum(self.right, axis=1))


def scaled(wiring: Any, gain: Array) -> Any:
    """The wiring with every weight ``gain`` times as strong."""
    if isinstance(wiring, MeanField):
        return MeanField(gain=wiring.gain * gain, group=wiring.group)
    if isinstance(wiring, LowRank):
        return LowRank(left=wiring.left, right=wiring.right, gain=wiring.gain * gain)
    return Connectome(weights=wiring.weights * gain, delays=wiring.delays)
