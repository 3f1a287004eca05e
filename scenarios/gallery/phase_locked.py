"""Phase-locked stimulation: how well the phase is foretold, what a delay costs, and what a tremor answers."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...sim.loop import Reading
from ...sim.sensing import ArHilbert, EcHilbert, EducatedPrediction, KalmanPhase, PhaseLockedLoop
from ...sim.simulate import simulate
from ...sim.sources.models.stuart_landau import StuartLandau
from ...sim.sources.neural_mass import NeuralMass
from ...sim.tasks.et_phaselock import make
from ..validate.tremor import FIVE_SECONDS, PHASES, locked, trains
from .style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, canvas, label

SFREQ, N_TIMES, F = 500.0, 5, 10.0
BAND = (7.5, 12.5)
AGE = 0.01
"""s between the newest sample and the command's effect, where nothing else is said."""
COLORS = {"ecHT": BLUE, "AR": ORANGE, "ETP": GREEN, "Kalman": RED, "PLL": PURPLE}


def estimators() -> dict[str, Any]:
    """As they come, for a rhythm of some 10 Hz and 20 uV."""
    kalman = KalmanPhase.create(SFREQ, N_TIMES, frequency=F, width=1.0, power=2e-10, noise=2e-11)
    return {
        "ecHT": EcHilbert.create(BAND, SFREQ, N_TIMES),
        "AR": ArHilbert.create(BAND, SFREQ, N_TIMES),
        "ETP": EducatedPrediction.create(BAND, SFREQ, N_TIMES),
        "Kalman": kalman,
        "PLL": PhaseLockedLoop.create(F, SFREQ, N_TIMES),
    }


def signals(seconds: float = 60.0) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """name -> V and the phase to be known, each (n,): exact, or by an offline zero-phase Hilbert transform."""
    from scipy.signal import butter, hilbert, sosfiltfilt

    rng = np.random.default_rng(0)
    n = round(seconds * SFREQ)
    t, white = np.arange(n) / SFREQ, rng.standard_normal(n)
    steady = 2 * np.pi * F * t
    drifting = 2 * np.pi * np.cumsum(F + np.sin(2 * np.pi * t / 10.0)) / SFREQ
    sos = butter(2, BAND, "bandpass", fs=SFREQ, output="sos")

    def rhythm(a: float, s: float, size: float) -> tuple[np.ndarray, np.ndarray]:
        source = NeuralMass.create(StuartLandau.create("alpha", a=a, s=s), sfreq=SFREQ, n_times=500)
        v = size * simulate(source, seconds, jax.random.key(3)).output[0] + 2e-6 * white
        return v, np.angle(hilbert(sosfiltfilt(sos, v)))

    return {
        "pure sinusoid": (20e-6 * np.cos(steady), steady),
        "sinusoid in noise of its own power": (20e-6 * (np.cos(steady) + white / np.sqrt(2)), steady),
        "frequency drifting by 1 Hz in 10 s": (20e-6 * np.cos(drifting) + 5e-6 * white, drifting),
        "self-sustained rhythm": rhythm(1.0, 0.2, 20e-6),
        "bursting rhythm, 1 Hz wide": rhythm(-3.0, 0.25, 100e-6),
    }


def taught(name: str, estimator: Any, v: np.ndarray) -> Any:
    """The estimator after a look at the first 20 s, where it learns from one."""
    start = v[: round(20.0 * SFREQ)]
    if name == "ETP":
        return estimator.taught(start)
    return dataclasses.replace(estimator.fitted(start), track=jnp.float32(1.0)) if name == "Kalman" else estimator


@jax.jit
def _run(estimator: Any, given: Reading) -> Any:
    return jax.lax.scan(lambda state, one: estimator.step(state, one), estimator.init(), given)[1]


def error(estimator: Any, v: np.ndarray, phase: np.ndarray, age: float, blind: bool = False) -> np.ndarray:
    """rad at the effect, after 20 s; ``blind``: of an estimator that is told of no delay."""
    n = len(v) // N_TIMES
    given = Reading(
        v=jnp.asarray(v[: n * N_TIMES].reshape(n, 1, N_TIMES), jnp.float32), blanked=jnp.zeros((n, N_TIMES), bool),
        age=jnp.full(n, 0.0 if blind else age), fresh=jnp.ones(n, bool), applied=jnp.zeros((n, 1)),
    )  # fmt: skip
    found = np.asarray(_run(estimator, given), float)
    at = N_TIMES * np.arange(1, n + 1) - 1 + round(age * SFREQ)
    inside = (at > 20.0 * SFREQ) & (at < len(phase) - SFREQ)
    away = np.arctan2(found[inside, 1], found[inside, 0]) - phase[at[inside]]
    return np.angle(np.exp(1j * away))


def comparison(seconds: float = 60.0) -> dict[str, dict[str, float]]:
    """signal -> estimator -> mean absolute error in degrees, AGE after the newest sample."""
    return {
        name: {
            key: float(np.degrees(np.abs(error(taught(key, one, v), v, phase, AGE)).mean()))
            for key, one in estimators().items()
        }
        for name, (v, phase) in signals(seconds).items()
    }


def figure() -> Any:
    """Four panels."""
    fig, ((bars, late), (trace, answer)) = canvas("Phase-locked stimulation", 2, 2, size=(9.6, 7.0))
    table = comparison()
    for k, (name, color) in enumerate(COLORS.items()):
        values = [row[name] for row in table.values()]
        bars.barh(np.arange(len(table)) + 0.15 * (k - 2), values, 0.14, color=color, label=name)
    bars.set_yticks(range(len(table)), [name.replace(" in ", "\nin ").replace(", ", ",\n") for name in table])
    bars.invert_yaxis()
    bars.legend(frameon=False, fontsize=8)
    label(bars, f"error of the phase, {1e3 * AGE:g} ms ahead", "mean absolute error (°)", "")
    _delays(late)
    _pulses(trace)
    _answer(answer)
    return fig


def _delays(ax: Any) -> None:
    """Error against delay, with and without prediction."""
    all_signals, ages = signals(), np.arange(0.0, 0.061, 0.006)
    for name, color in (("self-sustained rhythm", BLUE), ("bursting rhythm, 1 Hz wide", ORANGE)):
        v, phase = all_signals[name]
        for blind in (False, True):
            found = [
                np.degrees(np.abs(error(estimators()["ecHT"], v, phase, float(age), blind)).mean()) for age in ages
            ]
            style = {"ls": "--", "lw": 1.0} if blind else {"lw": 1.6, "label": name}
            ax.plot(1e3 * ages, found, color=color, **style)
    ax.plot(1e3 * ages, 360 * F * ages, color=GREY, lw=0.8, ls=":", label="360° x frequency x delay")
    ax.set_ylim(0, 130)
    ax.legend(frameon=False, fontsize=8, title="ecHT; dashed: without prediction", title_fontsize=8)
    label(ax, "what a delay costs at 10 Hz", "delay (ms)", "mean absolute error (°)")


def _pulses(ax: Any) -> None:
    """A tremor that is switched on to be suppressed."""
    from ...sim.loop import run_loop

    loop = make(drift=False)
    source: Any = loop.plant.source
    policy = locked(loop)
    keep = lambda o: (o.window.v[0], o.applied[0])  # noqa: E731
    n = round(3.0 * source.sfreq / source.n_times)
    v, applied = (np.asarray(x) for x in jax.jit(lambda k: run_loop(loop, policy, n, k, keep))(jax.random.key(2)))
    t = np.arange(v.size) / source.sfreq
    shown = t > 1.0
    ax.plot(t[shown], 1e6 * v.ravel()[shown], color=GREY, lw=1.0)
    for k in np.flatnonzero(applied):
        start = k * source.n_times / source.sfreq
        if start > 1.0:
            ax.axvspan(start, start + source.n_times / source.sfreq, color=RED, alpha=0.6, lw=0)
    label(ax, "one window of 10 ms a cycle, at the foretold peak", "time (s)", "tremor (µV)")


def _answer(ax: Any) -> None:
    """Amplitude against the phase at which five seconds of pulses come."""
    change, _ = trains(make(drift=False), FIVE_SECONDS, 16, 4)
    ax.axhline(0, color=GREY, lw=0.8)
    ax.bar((np.degrees(PHASES) + 180) % 360 - 180, change, 24, color=np.where(change < 0, BLUE, RED))
    ax.axhline(-27, color=GREY, lw=0.8, ls="--")
    ax.text(-190, -26.5, "27 %, the best phase of Cagnan 2013", fontsize=8, color=GREY, va="bottom")
    ax.set_xticks(np.arange(-180, 181, 90))
    label(ax, "tremor after 5 s of pulses at one phase", "phase of the pulses (°, 0 is the peak)", "change (%)")
