"""A component's model beside its reference: the same start, step, letters and stimulation, all in float64."""

import dataclasses
import functools
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from neurodrift.sim.conditions import Conditions
from neurodrift.sim.sources import CurrentInput, NeuralMass
from neurodrift.sim.sources.entry import Drive
from neurodrift.sim.sources.integrate import delayed, scaled_kicks
from neurodrift.sim.sources.integrate import heun as one_step
from neurodrift.sim.sources.model import Inputs

from .integrate import heun

CONDITIONS = Conditions.nominal(1)


def source(model: Any, dt: float, n_times: int, n_nodes: int = 1, substeps: int = 1, start: Any = None) -> NeuralMass:
    """The model alone, in float64; each node has a contact, whose current is in the model's own unit of input."""
    entry = CurrentInput(coupling=jnp.eye(n_nodes))
    return NeuralMass.create(
        model, n_nodes=n_nodes, sfreq=1.0 / (dt * substeps), n_times=n_times, dt=dt * (1 + 1e-9), n_stim=n_nodes,
        entry=entry, start=start, dtype=jnp.float64,
    )  # fmt: skip


def wave(n: int, n_nodes: int, dt: float, size: float) -> np.ndarray:
    """(n, n_nodes) a stimulus that never repeats within a second."""
    t = np.arange(n)[:, None] * dt
    return size * (np.sin(2 * np.pi * 7.3 * t + np.arange(n_nodes)) + 0.5 * np.sin(2 * np.pi * 41.0 * t))


def both(
    model: Any, twin: ModuleType, parameters: dict, start: np.ndarray, dt: float, seconds: float = 1.0,
    stim: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Ours and the reference's states after each step, (n, n_variables, n_nodes); call with 64-bit numbers on.

    ``start`` (n_variables, n_nodes); ``stim``: size of the stimulus.
    """
    n, n_nodes = round(seconds / dt), start.shape[1]
    given = wave(n, n_nodes, dt, stim)
    ours = source(model, dt, n, n_nodes, start=tuple(start))
    _, values = jax.jit(ours.trace)(ours.begin(), jnp.asarray(given.T), CONDITIONS, jax.random.key(0))
    delays = twin.delays(parameters) if hasattr(twin, "delays") else None
    theirs = heun(
        lambda y, u, past: twin.slope(parameters, y, u, past), start, dt / twin.TIME_UNIT, n, delays=delays, stim=given
    )
    return np.moveaxis(np.asarray(values), -1, 0), theirs[1:]


def relative_error(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest difference relative to the range of its variable."""
    scale = np.abs(theirs).max(axis=(0, 2), keepdims=True)
    return float((np.abs(ours - theirs) / np.where(scale > 0, scale, 1.0)).max())


def orders(model: Any, dt: float, seconds: float, n_nodes: int = 32, seed: int = 0) -> float:
    """Observed strong order of convergence, from steps dt and dt/2 against dt/8, all along one path of the model's
    noise (set it to 0 for the order without)."""
    n, finest = round(seconds / dt), 8
    noisy = sum(density is not None for density in model.noise())
    normals = np.random.default_rng(seed).standard_normal((n * finest, noisy, n_nodes))

    def end(finer: int) -> np.ndarray:
        ours = source(model, dt / finer, n, n_nodes, substeps=finer)
        # sums of normals, scaled to variance 1: the same path, seen with longer steps
        path = normals.reshape(n * finer, finest // finer, noisy, n_nodes).sum(axis=1) / np.sqrt(finest // finer)
        kicks = scaled_kicks(ours.model, ours.h, jnp.asarray(path))
        state = ours.begin()
        if ours.block:
            drive = Drive(jnp.zeros((n, n_nodes)), None)
            y = _delayed(
                ours.model, ours.h, ours.block, state.y, state.memory, drive, kicks.reshape(n, finer, noisy, -1)
            )
        else:
            # one length for every step, so that it is compiled once
            padded = jnp.pad(kicks, ((0, n * finest - len(kicks)), (0, 0), (0, 0)))
            y = _undelayed(ours.model, ours.h, state.y, padded, n * finer)
        return np.asarray(y[0])

    exact = end(finest)
    errors = [float(np.sqrt(np.mean((end(finer) - exact) ** 2))) for finer in (1, 2)]
    return float(np.log2(errors[0] / errors[1]))


@jax.jit
def _undelayed(model: Any, h: jax.Array, y: tuple, kicks: jax.Array, n: jax.Array) -> tuple:
    return jax.lax.fori_loop(0, n, lambda i, y: one_step(model, h, y, lambda y, _: Inputs(), tuple(kicks[i])), y)


@functools.partial(jax.jit, static_argnums=(1, 2))
def _delayed(model: Any, h: float, block: int, y: tuple, memory: Any, drive: Drive, kicks: jax.Array) -> tuple:
    return delayed(model, None, h, block, y, memory, drive, kicks)[0]


def gradient_error(model: Any, dt: float, seconds: float, size: float) -> tuple[float, float]:
    """Of the mean square of the output of ``seconds``, noise on, by the stimulus: (largest absolute slope, relative
    error of its projection on a direction against a central difference)."""
    n = round(seconds / dt)
    ours = source(model, dt, n)
    direction = np.random.default_rng(0).standard_normal((1, n))

    def loss(stim: jax.Array) -> jax.Array:
        _, moments, _ = ours.step(ours.begin(), stim, CONDITIONS, jax.random.key(0))
        return jnp.mean((moments / ours.moment) ** 2)

    stim = jnp.asarray(wave(n, 1, dt, size).T)
    slope = np.asarray(jax.jit(jax.grad(loss))(stim))
    step = 1e-4 * size
    plain = jax.jit(loss)
    difference = (float(plain(stim + step * direction)) - float(plain(stim - step * direction))) / (2 * step)
    return float(np.abs(slope).max()), abs(float((slope * direction).sum()) / difference - 1.0)


def changed(**fields: float) -> Conditions:
    """Nominal conditions but for ``fields``."""
    return dataclasses.replace(CONDITIONS, **{name: jnp.float32(value) for name, value in fields.items()})
