"""The reference controller test through the whole loop: plant, electrode, amplifier, latency, sensing, controller.

The same rhythm as in :mod:`.controller`, but under an electrode: what the controller knows of it is the envelope of 13
to 30 Hz of a noisy voltage that arrives late, and it commands once every 10 ms. What the reference gives as |z|
low-passed with .2 s is that envelope here; its quantiles without stimulation are the thresholds.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.signal import lfilter

from ...agents import Coin, Controller, Ramp, Ramped, RandomMatched, Threshold
from ...sim.builders import brain_plant
from ...sim.loop import Judgement, Latency, Loop, Outcome, run_loop
from ...sim.plant import Plant, PlantState, Window
from ...sim.pytree import component
from ...sim.sensing import Envelope
from ...sim.sources.entry import InformationalLesion
from .controller import BURST_QUANTILE, BURST_S, EFFECT_S, ENVELOPE_S, RAMP_S, TICK, bursts
from .controller import EXPECTED as REFERENCE
from .row import Row, row

SFREQ, BAND, MAX_CURRENT, LONGEST_S = 500.0, (13.0, 30.0), 3e-3, 1.0
SOURCE = "independent float64 integration of the reference test, without electrode and filters, one run of 600 s"
OWN = "independent float64 integration, 8 runs of 600 s: on and off for the durations of the threshold controller"
MATCHED = "random, matched to the threshold at the median"
EXPECTED = {**REFERENCE, MATCHED: (67, 39, 16, 6)}
"""% of the uncontrolled power, time on, mean u^2, bursts above .5 s."""
LIMIT = 5.0
DELAYS = (0.1, 0.2, 0.3, 0.5, 1.0)


@component
class MeanBeta:
    """The symptom is the power of the rhythm itself, |z|^2."""

    def init(self) -> tuple[()]:
        return ()

    def judge(self, memory: tuple[()], plant: Plant, state: PlantState, window: Window) -> tuple[tuple[()], Judgement]:
        power = jnp.mean(window.truth["amplitude"] ** 2)
        return memory, Judgement(-power, jnp.asarray(False), power, jnp.zeros(()))


def beta_loop() -> Loop:
    """The bursting rhythm of 20 Hz under the electrode above it; full amplitude damps by 8 per second, with .1 s."""
    plant = brain_plant(
        "stuart_landau", "beta", montage=("P4",), reference="infinity", sfreq=SFREQ, window_s=TICK,
        max_current=MAX_CURRENT,
        entry=InformationalLesion.create(np.array([[1.0 / MAX_CURRENT]]), tau_fast=EFFECT_S, share=0.0),
    )  # fmt: skip
    n_times = round(TICK * SFREQ)
    return Loop(
        plant=plant, task=MeanBeta(), latency=Latency.create(1, SFREQ, n_times, longest=LONGEST_S), sensing=envelope(),
        bipolar=False,
    )  # fmt: skip


def envelope() -> Envelope:
    return Envelope.create(BAND, SFREQ, round(TICK * SFREQ), tau=ENVELOPE_S, order=1)


class Trace(NamedTuple):
    """Each (n_runs, n_windows): amplitude |z| of the rhythm, the controller's envelope V, stimulation 0 to 1."""

    amplitude: np.ndarray
    envelope: np.ndarray
    u: np.ndarray


def _keep(outcome: Outcome) -> tuple[Array, Array, Array]:
    return outcome.window.truth["amplitude"][0], outcome.observation[0], outcome.applied[0]


@functools.partial(jax.jit, static_argnames="n_windows")
def _run(loop: Loop, policy: Any, keys: Array, n_windows: int) -> tuple[Array, Array, Array]:
    return jax.vmap(lambda key: run_loop(loop, policy, n_windows, key, _keep))(keys)


class Runs:
    """``n_runs`` runs of ``seconds`` s of any policy on the same noise, compared with the uncontrolled ones."""

    def __init__(self, n_runs: int, seconds: float) -> None:
        self.loop = beta_loop()
        self.keys = jax.random.split(jax.random.key(4), n_runs)
        self.n_windows = round(seconds / TICK)
        self.off = self.threshold(np.inf)
        self.power = float(np.mean(self.off.amplitude**2))
        # the filters fill in the first second
        self.lower, self.median, self.upper = np.quantile(self.off.envelope[:, 100:], [0.25, 0.5, 0.75])
        self.high = float(np.quantile(_smooth(self.off.amplitude), BURST_QUANTILE))

    def run(self, policy: Any, delay_s: float = 0.0) -> Trace:
        latency = dataclasses.replace(self.loop.latency, transport=jnp.float32(delay_s))
        loop = dataclasses.replace(self.loop, latency=latency)
        return Trace(*map(np.asarray, _run(loop, policy, self.keys, self.n_windows)))

    def threshold(self, threshold: float, delay_s: float = 0.0) -> Trace:
        law = Threshold(threshold=jnp.float32(threshold))
        return self.run(Controller.create(envelope(), law, TICK, ramp=Ramp.seconds(RAMP_S)), delay_s)

    def measure(self, trace: Trace) -> np.ndarray:
        """(4,) in % as EXPECTED, mean over the runs."""
        late = []
        for one in _smooth(trace.amplitude):
            lasting = bursts(one, self.high)
            late.append(100 * float(np.mean(lasting > 0.5)) if len(lasting) else 0.0)
        power = 100 * float(np.mean(trace.amplitude**2)) / self.power
        return np.array([power, 100 * np.mean(trace.u > 0), 100 * np.mean(trace.u**2), np.mean(late)])


def _smooth(amplitude: np.ndarray) -> np.ndarray:
    keep = np.exp(-TICK / BURST_S)
    return np.asarray(lfilter([1 - keep], [1, -keep], amplitude, axis=-1))


def measure(n_runs: int, seconds: float, only: tuple[str, ...] | None = None) -> dict[str, np.ndarray]:
    """Name of a controller (all of EXPECTED by default) or a delay in s -> (4,) in %, as EXPECTED."""
    runs = Runs(n_runs, seconds)
    median = runs.threshold(runs.median)
    plans = {
        "off": lambda: runs.off,
        "continuous": lambda: runs.threshold(-np.inf),
        "threshold at the median": lambda: median,
        "threshold at the lower quartile": lambda: runs.threshold(runs.lower),
        "threshold at the upper quartile": lambda: runs.threshold(runs.upper),
        "median, 0.2 s late": lambda: runs.threshold(runs.median, 0.2),
        "median, 0.5 s late": lambda: runs.threshold(runs.median, 0.5),
        "median, 1 s late": lambda: runs.threshold(runs.median, 1.0),
        "random, a coin a second": lambda: runs.run(
            Ramped(policy=Coin(period_s=1.0, window_s=TICK), ramp=Ramp.seconds(RAMP_S), window_s=TICK)
        ),
        MATCHED: lambda: runs.run(RandomMatched.like(median.u[..., None])),
        "median, 0.1 s late": lambda: runs.threshold(runs.median, 0.1),
        "median, 0.3 s late": lambda: runs.threshold(runs.median, 0.3),
    }  # fmt: skip
    return {name: runs.measure(plan()) for name, plan in plans.items() if only is None or name in only}


FAST = ("continuous", "threshold at the median", "median, 0.5 s late")


def rows(fast: bool) -> list[Row]:
    """Ten controllers and the sweep of the delay, 8 runs of 600 s; ``fast``: three of them, 8 runs of 90 s, and their
    power and time on alone."""
    found = measure(8, 90.0, FAST) if fast else measure(8, 600.0)
    table = []
    names = ("beta power, % of uncontrolled", "time on, %", "mean u^2, %", "bursts above 0.5 s, %")
    for controller, expected in EXPECTED.items():
        if controller not in found:
            continue
        source = OWN if controller == MATCHED else SOURCE
        for n, (what, value) in enumerate(zip(names, expected)):
            if (controller == "off" and n < 3) or (controller == "continuous" and 0 < n < 3) or (fast and n > 1):
                continue
            measured = float(found[controller][n])
            table.append(row(f"Closed loop, {controller}: {what}", value, measured, LIMIT, source))
    return table if fast else table + _delay_rows(found)


def _delay_rows(found: dict[str, np.ndarray]) -> list[Row]:
    """What a delay leaves of the benefit: in mean power nearly all, in the shortening of bursts nothing after .5 s."""
    prompt = found["threshold at the median"]
    delays = np.array((0.0, *DELAYS))
    late = np.array([prompt, *(found[f"median, {delay:g} s late"] for delay in DELAYS)])
    off = np.array([100.0, 0.0, 0.0, found["off"][3]])
    kept = (off - late) / (off - prompt)
    power, truncation = kept[:, 0], kept[:, 3]
    beyond = np.flatnonzero(truncation < 0.5)
    n = int(beyond[0]) if len(beyond) else len(delays) - 1
    half = float(np.interp(0.5, truncation[[n, n - 1]], delays[[n, n - 1]]))
    source = "science: truncation of bursts wants a delay below .2-.3 s; the rows at .2 to 1 s"
    return [
        row("Loop delay, share of the shortening of bursts kept at 0.2 s", 0.9, float(truncation[2]), 0.3, source),
        row("Loop delay, share of the shortening of bursts kept at 0.5 s", 0.3, float(truncation[4]), 0.3, source),
        row("Loop delay, share of the shortening of bursts kept at 1 s", 0.2, float(truncation[5]), 0.3, source),
        row("Loop delay that halves the shortening of bursts, s", (0.2, 0.5), half, 0.0, source),
        row("Loop delay, least share of the suppression of power kept", 0.85, float(power.min()), 0.1, source),
    ]  # fmt: skip
