"""Phases of oscillators, carried wrapped so that they never lose precision."""

import jax.numpy as jnp
from jax import Array


def rotate(phase: Array, frequency: Array, n_times: int, sfreq: float) -> tuple[Array, Array]:
    """Phases (..., n_times) rad over a window of oscillators at ``phase`` (...) rad with ``frequency`` (...) Hz,
    and the phase (...) at the start of the next window, wrapped to [0, 2 pi)."""
    turn = 2 * jnp.pi * frequency / sfreq
    phases = phase[..., None] + turn[..., None] * jnp.arange(n_times)
    return phases, jnp.mod(phase + turn * n_times, 2 * jnp.pi)
