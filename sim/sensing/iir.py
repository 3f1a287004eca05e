"""Recursive filters over a whole window at once.

A filter of second-order sections is a linear state space. Over a window of n_times samples it is two matrices for the
output (what came in, and the state before) and two for the state after: exact, and on a CPU a fraction of the cost of
a scan sample by sample. The matrices are computed in float64 when the filter is made, in balanced coordinates, in
which single precision loses nothing: those of the sections themselves are ill-conditioned for bands that are narrow
against the sampling rate.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from ..errors import InputError, check_window
from ..pytree import component


class FilterState(NamedTuple):
    memory: Array  # (n_channels, n_states)
    started: Array  # (n_channels,) bool


@component
class Filter:
    """kernel (n_times, n_times), memory (n_states, n_times), carry (n_times, n_states), decay (n_states, n_states):
    input and state, from the left, to output and state; rest (n_states,): the state at a constant input of 1."""

    kernel: Array
    memory: Array
    carry: Array
    decay: Array
    rest: Array

    @classmethod
    def create(cls, sos: ArrayLike, n_times: int) -> "Filter":
        """Second-order sections (n_sections, 6), as SciPy designs them, for windows of ``n_times`` samples.

        InputError for sections that are unstable.
        """
        A, B, C, D = _balanced(np.asarray(sos, float))
        powers = [B]
        for _ in range(n_times):
            powers.append(A @ powers[-1])
        ahead = np.array(powers)  # (n_times + 1, n_states): A^k B
        impulse = np.concatenate([[D], ahead[: n_times - 1] @ C])
        lag = np.arange(n_times)[None, :] - np.arange(n_times)[:, None]
        rows = [C]
        for _ in range(n_times - 1):
            rows.append(rows[-1] @ A)

        def leaf(x: np.ndarray) -> Array:
            return jnp.asarray(x, jnp.float32)

        return cls(
            kernel=leaf(np.where(lag >= 0, impulse[np.maximum(lag, 0)], 0.0)),
            memory=leaf(np.array(rows).T),
            carry=leaf(ahead[n_times - 1 :: -1][:n_times]),
            decay=leaf(np.linalg.matrix_power(A, n_times).T),
            rest=leaf(np.linalg.solve(np.eye(len(B)) - A, B)),
        )

    @classmethod
    def band_pass(cls, band: Sequence[float], sfreq: float, n_times: int, order: int = 2) -> "Filter":
        """A Butterworth band-pass between ``band`` (low, high) Hz, of ``order`` per edge."""
        from scipy.signal import butter

        check_window("filter", sfreq, n_times)
        low, high = check_band(band, sfreq)
        check_order(order)
        sos: Any = butter(order, (low, high), "bandpass", fs=sfreq, output="sos")
        return cls.create(sos, n_times)

    @property
    def n_times(self) -> int:
        return self.kernel.shape[0]

    def init(self, n_channels: int) -> FilterState:
        """Before the first sample."""
        return FilterState(jnp.zeros((n_channels, self.rest.shape[0])), jnp.zeros(n_channels, bool))

    def step(self, state: FilterState, x: Array) -> tuple[FilterState, Array]:
        """x (n_channels, n_times) -> filtered (n_channels, n_times). It starts as if the first sample had stood for
        ever, so that an offset makes no transient. InputError for windows of another length."""
        if x.shape[-1] != self.n_times:
            raise InputError(f"the reading has {x.shape[-1]} samples; the filter is made for {self.n_times} a window")
        memory = jnp.where(state.started[:, None], state.memory, x[:, :1] * self.rest)
        output = x @ self.kernel + memory @ self.memory
        return FilterState(memory @ self.decay + x @ self.carry, jnp.ones_like(state.started)), output


def check_band(band: Sequence[float], sfreq: float) -> tuple[float, float]:
    """(low, high) Hz; InputError unless 0 < low < high < half of ``sfreq``."""
    try:
        low, high = (float(edge) for edge in band)
    except (TypeError, ValueError):
        raise InputError(f"band is {band!r}; wanted two numbers in Hz, such as (13, 30)") from None
    if not 0.0 < low < high < sfreq / 2:
        raise InputError(f"band is {low:g} to {high:g} Hz; wanted 0 < low < high < {sfreq / 2:g} Hz, half of sfreq")
    return low, high


def check_order(order: int) -> None:
    """InputError unless a Butterworth filter of ``order`` per edge can be."""
    if isinstance(order, bool) or order != int(order) or not 1 <= order <= 8:
        raise InputError(f"order is {order}; wanted a whole number from 1 to 8")


def check_positive(**quantities: float) -> None:
    """InputError unless each of ``quantities`` is a finite number above 0."""
    for name, value in quantities.items():
        if not 0.0 < value < math.inf:
            raise InputError(f"{name} is {value:g}; wanted a finite number above 0")


def _balanced(sos: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """A, B, C, D of the sections in series, in coordinates in which input and output weigh every state alike."""
    from scipy.linalg import solve_discrete_lyapunov

    A, B, C, D = np.zeros((0, 0)), np.zeros(0), np.zeros(0), 1.0
    for b0, b1, b2, a0, a1, a2 in sos:
        b0, b1, b2, a1, a2 = (x / a0 for x in (b0, b1, b2, a1, a2))
        # direct form II, transposed
        a, b, c = np.array([[-a1, 1.0], [-a2, 0.0]]), np.array([b1 - a1 * b0, b2 - a2 * b0]), np.array([1.0, 0.0])
        n = len(B)
        A = np.block([[A, np.zeros((n, 2))], [np.outer(b, C), a]])
        B, C, D = np.concatenate([B, b * D]), np.concatenate([b0 * C, c]), b0 * D
    if np.abs(np.linalg.eigvals(A)).max() >= 1.0:
        raise InputError("the filter is unstable; design it anew, with a wider band or a lower order")
    reach = _root(solve_discrete_lyapunov(A, np.outer(B, B)))
    see = _root(solve_discrete_lyapunov(A.T, np.outer(C, C)))
    left, size, right = np.linalg.svd(see.T @ reach)
    # a section with a pole at 0 has states that nothing reaches or nobody sees
    kept = size > 1e-12 * size[0]
    scale = 1.0 / np.sqrt(size[kept])
    forth, back = (scale[:, None] * left.T[kept]) @ see.T, (reach @ right[kept].T) * scale
    return forth @ A @ back, forth @ B, C @ back, D


def _root(gramian: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh((gramian + gramian.T) / 2)
    return vectors * np.sqrt(np.maximum(values, 0.0))
