"""Sleep: K-complexes and spindles of N2, slow oscillations of N3, their spectra, and what clicks evoke."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...sim.simulate import simulate
from ...sim.sources.models.thalamocortical import CLICK, DOWN, Thalamocortical
from ...sim.sources.neural_mass import NeuralMass
from ..validate.measure import spectrum
from ..validate.thalamocortical import SFREQ, closed_loop, evoked, spindle_times
from .style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, canvas, label


def figure() -> Any:
    """Four panels."""
    fig, ((light, deep), (power, clicks)) = canvas("Thalamocortical column asleep: stages N2 and N3, and clicks")
    models = [Thalamocortical.create(name) for name in ("N2", "N3") for _ in range(3)]
    model = jax.tree.map(lambda *x: jnp.stack(x), *models)
    source = NeuralMass.create(model, n_nodes=6, sfreq=SFREQ, n_times=100)
    run = simulate(source, 45.0, jax.random.key(4))
    stages = run.output.reshape(2, 3, -1)[..., round(5 * SFREQ) :]  # the first seconds still settle
    for ax, stage, name in ((light, stages[0], "N2: K-complexes and spindles"), (deep, stages[1], "N3: slow waves")):
        v = max(stage, key=lambda one: _interest(one[:2000]))[:2000]
        t = np.arange(len(v)) / SFREQ
        ax.plot(t, v, color=BLUE, lw=0.8)
        for begin, end in _spindles(v):
            ax.plot(t[begin:end], v[begin:end], color=ORANGE, lw=1.0)
        troughs = _troughs(v)
        ax.plot(t[troughs], v[troughs] - 1.5, "^", color=RED, ms=5)
        ax.axhline(DOWN, color=GREY, lw=0.7, ls=":")
        ax.set_ylim(-78, -40)
        label(ax, name, "time (s)", "pyramidal potential Vp (mV)")
    light.plot([], [], color=ORANGE, lw=1.5, label="spindle (12-15 Hz)")
    light.plot([], [], "^", color=RED, ms=5, label="K-complex or slow wave: below -68 mV")
    light.legend(frameon=False, fontsize=8, loc="lower right", ncols=2, columnspacing=1.0)

    for stage, color, name in ((stages[0], GREEN, "N2"), (stages[1], BLUE, "N3")):
        f, density = spectrum(stage - stage.mean(axis=1, keepdims=True), SFREQ, 8.0)
        power.loglog(f[1:], density[1:], color=color, lw=1.1, label=name)
    power.set_xlim(0.25, 30)
    power.set_xticks([0.5, 1, 2, 5, 10, 20], ["0.5", "1", "2", "5", "10", "20"])
    power.axvspan(12, 15, color=ORANGE, alpha=0.15, lw=0)
    power.axvspan(0.5, 1.2, color=RED, alpha=0.10, lw=0)
    power.text(13.4, power.get_ylim()[1], "sigma", ha="center", va="top", fontsize=8, color=ORANGE)
    power.text(0.78, power.get_ylim()[1], "slow", ha="center", va="top", fontsize=8, color=RED)
    power.legend(frameon=False, fontsize=9, loc="lower left")
    label(power, "spectra", "frequency (Hz)", "power (mV²/Hz)")

    t = np.arange(-100, 300) / SFREQ
    for rate, color, name in ((0.0, GREY, "sham: no clicks"), (CLICK, BLUE, "clicks (bars)")):
        clicks.plot(t, evoked(*closed_loop(40.0, rate, 12)), color=color, lw=1.4, label=name)
    for start in (0.0, 1.05):
        clicks.axvspan(start, start + 0.08, color=PURPLE, alpha=0.4, lw=0)
    clicks.legend(frameon=False, fontsize=8, loc="lower right")
    label(clicks, "N3: two clicks in the up state after a slow wave", "time from the first click (s)", "mean Vp (mV)")
    return fig


def _interest(v: np.ndarray) -> float:
    """Events in a stretch of Vp: the more, the better it shows the stage."""
    return len(_troughs(v)) + 2 * len(_spindles(v))


def _spindles(v: np.ndarray) -> np.ndarray:
    """Spindles of .5 s and more outside slow waves: a detector in the sigma band answers to steep flanks as well."""
    margin = round(0.2 * SFREQ)
    return np.array(
        [
            (begin, end)
            for begin, end in spindle_times(v)
            if end - begin >= 0.5 * SFREQ and v[max(begin - margin, 0) : end + margin].min() > -60.0
        ],
        int,
    ).reshape(-1, 2)


def _troughs(v: np.ndarray) -> np.ndarray:
    """Sample of the least Vp of each time below the line; times less than .2 s apart are one."""
    below = np.flatnonzero(v < DOWN)
    parts = np.split(below, 1 + np.flatnonzero(np.diff(below) >= 0.2 * SFREQ))
    return np.array([part[v[part].argmin()] for part in parts if part.size], int)
