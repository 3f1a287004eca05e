"""Proportional control of a mean field through the whole loop: plant, electrode, amplifier, policy.

The same control as in :mod:`.oscillators`, but there the oscillators are kicked by hand; here a
:func:`~neurodrift.agents.proportional_feedback` sees volts and commands a stimulator. Two states coexist under weak
feedback, and which one is reached depends on where it begins: here from full synchrony, as a controller that is
switched on meets it. From random phases kicks of .05 suppress 60 times, and kicks of .1 six times instead of four and
a half.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...agents import proportional_feedback
from ...sim.loop import Loop, Outcome, run_loop
from ...sim.sources.models.bonhoeffer_van_der_pol import BonhoefferVanDerPol
from ...sim.tasks.sync_rl_suppress import make
from .oscillators import KRYLOV
from .row import Row, row

BOUND = 0.5
"""Largest kick."""
GAINS = {0.05: (200.0, 4.1), 0.1: (50.0, 5.0), 0.2: (50.0, 8.0), 0.4: (50.0, 11.6), 0.8: (50.0, 20.0)}
"""Kick per unit of the mean field: (low-pass in units of time, suppression that is expected)."""
EFFORT = {0.05: 0.011, 0.8: 0.039}
"""Mean |u| that is expected."""


def _keep(outcome: Outcome) -> tuple[Array, Array]:
    return outcome.window.moments[0, -1], outcome.applied[0]


def suppressed(loop: Loop, n_networks: int, n_windows: int) -> tuple[np.ndarray, np.ndarray]:
    """Suppression and mean |u|, (n_networks, len(GAINS)), over the second half of ``n_windows`` steps."""
    settled: Any = loop.plant.source
    source = settled.source
    projection: Any = loop.plant.projection
    volts = projection.gain * source.moment
    policy = proportional_feedback(1.0, 1.0, source.sfreq, 1)
    step = 1.0 / (source.sfreq * source.model.time_unit)  # units of time

    def one(gain: Array, tau: Array, drives: Array, start: Array) -> tuple[Array, Array]:
        chosen = dataclasses.replace(
            policy,
            law=dataclasses.replace(policy.law, gain=-gain / (BOUND * volts)),
            sensing=dataclasses.replace(policy.sensing, keep=jnp.exp(-step / tau)),
        )
        network = dataclasses.replace(source, model=dataclasses.replace(source.model, I=drives))
        begun = dataclasses.replace(settled, source=network, snapshots=(start[None], jnp.zeros_like(start)[None]))
        plant = dataclasses.replace(loop.plant, source=begun)
        return run_loop(dataclasses.replace(loop, plant=plant), chosen, n_windows, jax.random.key(0), _keep)

    keys = jax.random.split(jax.random.key(1), n_networks)
    drives = jnp.stack([BonhoefferVanDerPol.create(n=source.n_nodes, key=key).I for key in keys])
    starts = -1.0 + 0.05 * jax.random.normal(jax.random.key(3), (n_networks, source.n_nodes))
    gains = jnp.asarray([0.0, *GAINS], jnp.float32)
    tau = jnp.asarray([50.0, *(low for low, _ in GAINS.values())], jnp.float32)
    every = jax.jit(jax.vmap(jax.vmap(one, (0, 0, None, None)), (None, None, 0, 0)))
    x, u = (np.asarray(a, float)[..., n_windows // 2 :] for a in every(gains, tau, drives, starts))
    sd = x.std(axis=-1)
    return sd[:, :1] / sd[:, 1:], BOUND * np.abs(u[:, 1:]).mean(axis=-1)


def rows(fast: bool) -> list[Row]:
    """Medians over five networks of 1000 for 24000 steps; ``fast``: two for 8000, and the three strongest gains."""
    found = suppressed(make("krylov", bound=BOUND), *((2, 8000) if fast else (5, 24000)))
    ratio, effort = (np.median(values, axis=0) for values in found)
    table = []
    for k, (gain, (low, expected)) in enumerate(GAINS.items()):
        if fast and gain < 0.2:
            continue
        name = f"Closed loop, proportional kicks of {gain:g} against a mean field, low-pass {low:g}"
        table.append(row(f"{name}: suppression", expected, ratio[k], 0.1 * expected, KRYLOV))
        if gain in EFFORT:
            table.append(row(f"{name}: mean |u|", EFFORT[gain], effort[k], 0.1 * EFFORT[gain], KRYLOV))
    return table
