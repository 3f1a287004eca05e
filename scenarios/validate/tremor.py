"""Phase-locked stimulation of tremor through the whole loop: recording, estimator, latency, pulses.

The plant's two numbers follow from two published ones (see :mod:`...sim.tasks.et_phaselock`): 27 % less tremor at the
best phase, and four pulses that act three times as much as one. That a loop with its filters, delays and a control
window of 10 ms reaches them is not given, and what the half-cycles do is the model's own answer. Amplitudes are
compared with those without stimulation on the same noise.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...agents import PhaseLocked
from ...sim.loop import Loop, Outcome, run_loop
from ...sim.pytree import component
from ...sim.sensing import EcHilbert
from ...sim.tasks.et_phaselock import HIGHEST, LOWEST, make
from .row import Row, row

CAGNAN = "Cagnan et al. 2013, Brain 136:3062, essential tremor"
N_PHASES = 12
REST_S = 6.0
"""s after a train of pulses; less than .01 of what they did is left then."""


@component
class InTrains:
    """``policy`` for ``on`` () windows of every ``every`` () windows, else nothing."""

    policy: Any
    on: Array
    every: Array

    def init(self) -> tuple[Any, Array]:
        return self.policy.init(), jnp.int32(0)

    def act(self, memory: tuple[Any, Array], reading: Any, key: Array) -> tuple[tuple[Any, Array], Array]:
        inner, request = self.policy.act(memory[0], reading, key)
        return (inner, memory[1] + 1), jnp.where(memory[1] % self.every < self.on, request, 0.0)


def locked(loop: Loop) -> PhaseLocked:
    """One pulse a cycle where the recorded tremor is foretold to be at its peak, the best phase of this patient."""
    source: Any = loop.plant.source
    estimator = EcHilbert.create((LOWEST, HIGHEST), source.sfreq, source.n_times, seconds=1.0)
    return PhaseLocked.create(estimator, source.n_times / source.sfreq)


def _keep(outcome: Outcome) -> tuple[Array, Array]:
    return outcome.marker, outcome.applied[0]


def trains(
    loop: Loop, targets: np.ndarray, counts: tuple[int, ...], n_runs: int, n_trains: int
) -> tuple[np.ndarray, np.ndarray]:
    """% change of the mean amplitude after so many pulses, one a cycle, at each of ``targets`` rad, and pulses given
    per cycle: (n_targets, len(counts)); ``n_trains`` trains in each of ``n_runs`` runs."""
    source: Any = loop.plant.source
    window_s, frequency = source.n_times / source.sfreq, float(source.model.f)
    lengths = np.array([0, *(round(n / (frequency * window_s)) for n in counts)])
    every = int(lengths.max()) + round(REST_S / window_s)
    policy = locked(loop)

    def one(target: Array, length: Array, key: Array) -> tuple[Array, Array]:
        chosen = dataclasses.replace(policy, target=target)
        return run_loop(loop, InTrains(policy=chosen, on=length, every=jnp.int32(every)), n_windows, key, _keep)

    # the estimator fills during the first train, which is not counted
    n_windows = every * (n_trains + 1) + 4
    over_runs = jax.vmap(one, in_axes=(None, None, 0))
    over_lengths = jax.vmap(over_runs, in_axes=(None, 0, None))
    run = jax.jit(jax.vmap(over_lengths, in_axes=(0, 0, None)))
    keys = jax.random.split(jax.random.key(7), n_runs)
    targets = np.asarray(targets, np.float32)
    # of no pulses there is one arm, whatever their phase
    quiet = np.asarray(run(jnp.zeros(1), jnp.zeros((1, 1), jnp.int32), keys)[0])[0, 0]
    ask = jnp.broadcast_to(jnp.asarray(lengths[1:], jnp.int32), (len(targets), len(counts)))
    marker, applied = (np.asarray(x) for x in run(jnp.asarray(targets), ask, keys))
    starts = every * np.arange(1, n_trains + 1)
    change, given = np.zeros((len(targets), len(counts))), np.zeros((len(targets), len(counts)))
    for k, (length, count) in enumerate(zip(lengths[1:], counts)):
        # the first window is before any action, and the last pulse shows in the window after it
        after = starts + length + 2
        change[:, k] = 100 * (marker[:, k][..., after].mean(axis=(1, 2)) / quiet[..., after].mean() - 1)
        inside = starts[:, None] + np.arange(length + 2)
        given[:, k] = (applied[:, k][..., inside] > 0).sum(axis=-1).mean(axis=(1, 2)) / count
    return change, given


def rows(fast: bool) -> list[Row]:
    """One, four and 25 pulses at the best and the worst phase, five seconds at twelve phases; ``fast``: a sixth of the
    trains, and no other phases."""
    loop = make(drift=False)
    ends, given = trains(loop, np.array([0.0, -np.pi]), (1, 4, 25), *((8, 2) if fast else (16, 6)))
    own = "independent float64 integration with pulses at the exact phase, 400 tremors"
    # two standard errors of 32 trains, or of 96
    limit = 6.0 if fast else 4.0
    table = [
        row("Tremor, five seconds at the best phase: change of amplitude, %", -27.0, ends[0, 2], limit, CAGNAN),
        row("Tremor, five seconds at the worst phase: change of amplitude, %", 14.0, ends[1, 2], limit, own),
        row("Tremor, pulses in a cycle of a train", 1.0, float(given.mean()), 0.06, "one pulse a cycle is asked for"),
    ]
    if fast:
        return table
    phases = np.linspace(-np.pi, np.pi, N_PHASES, endpoint=False)
    change = trains(loop, phases, (25,), 16, 4)[0][:, 0]
    less, more = (float(change[side].mean()) for side in (change < 0, change > 0))
    return [
        row("Tremor, one pulse at the best phase: change of amplitude, %", -3.7, ends[0, 0], 0.8, own),
        row("Tremor, four pulses at the best phase over one", 3.0, float(ends[0, 1] / ends[0, 0]), 0.5, CAGNAN),
        *table,
        row("Tremor, five seconds, mean of the phases that suppress: change, %", -10.0, less, 3.0, CAGNAN),
        row("Tremor, five seconds, mean of the phases that amplify: change, %", 10.0, more, 3.0, CAGNAN),
    ]
