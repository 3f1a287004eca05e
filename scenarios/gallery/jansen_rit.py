"""Jansen-Rit: the alpha and the spike cycle, their spectra, the bifurcation diagram in the input."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...sim.simulate import simulate
from ...sim.sources.models.jansen_rit import SPIKE_BASIN, JansenRit
from ...sim.sources.neural_mass import NeuralMass
from ..validate.measure import spectrum
from .style import BLUE, GREY, ORANGE, canvas, label

HOPF = (89.83, 315.7)
"""1/s, inputs between which the alpha cycle exists."""


def figure() -> Any:
    """Four panels."""
    fig, ((alpha, spikes), (power, map_)) = canvas("Jansen-Rit column: alpha rhythm and epileptic spikes")
    noisy, sharp = _run(60.0, p=220.0, sigma=2.0), _run(24.0, SPIKE_BASIN, p=120.0)
    t = np.arange(3000) / 1000.0
    alpha.plot(t, noisy[0, -3000:], color=BLUE, lw=0.9)
    label(alpha, "alpha cycle: p = 220 /s, with noise", "time (s)", "v = y1 - y2 (mV)")
    spikes.plot(t, sharp[0, -3000:], color=ORANGE, lw=0.9)
    label(spikes, "spike cycle: p = 120 /s, from rest", "time (s)", "v (mV)")
    for v, color, name in ((noisy, BLUE, "alpha"), (sharp, ORANGE, "spikes")):
        f, density = spectrum(v[0, 4000:], 1000.0)
        power.semilogy(f, density, color=color, lw=1.0, label=name)
    power.set_xlim(0, 45)
    power.set_ylim(1e-6, 1e2)
    power.legend(frameon=False, fontsize=9)
    label(power, "spectra", "frequency (Hz)", "power (mV²/Hz)")
    p = np.sort(np.r_[np.linspace(-20.0, 340.0, 181), HOPF[0] + 0.5, HOPF[1] - 0.5])
    # next to a Hopf point a column takes a minute to settle
    slow = (p < 100.0) | (p > 300.0)
    for from_rest, color, name, size in ((True, ORANGE, "from rest", 9), (False, BLUE, "from the upper branch", 3)):
        v = np.zeros((p.size, 4000))
        for some, seconds in ((slow, 120.0), (~slow, 20.0)):
            v[some] = _run(seconds, SPIKE_BASIN if from_rest else _upper(p[some]), p=p[some])[:, -4000:]
        map_.scatter(np.r_[p, p], np.r_[v.min(1), v.max(1)], s=size, color=color, label=name, linewidths=0)
    for hopf in HOPF:
        map_.axvline(hopf, color=GREY, lw=0.8, ls=":")
    low = map_.get_ylim()[0] + 0.3
    map_.text(HOPF[0] - 2, low, f"Hopf {HOPF[0]:.1f}", fontsize=8, color=GREY, ha="right")
    map_.text(HOPF[1] - 2, low, f"Hopf {HOPF[1]:.1f}", fontsize=8, color=GREY, ha="right")
    map_.legend(frameon=False, fontsize=8, loc="upper right", bbox_to_anchor=(0.86, 1.0), markerscale=2)
    label(map_, "bifurcation: least and greatest v", "input p (1/s)", "v (mV)")
    return fig


def _upper(p: np.ndarray) -> tuple[np.ndarray, ...]:
    """Start near the upper equilibrium at inputs p, which the alpha cycle surrounds; below it ends, at its end."""
    model = JansenRit.create()
    A, B, a, b, C2, C4 = (float(getattr(model, name)) for name in ("A", "B", "a", "b", "C2", "C4"))
    v = np.linspace(2.0, 9.0, 7001)
    y0 = A / a * np.asarray(model.rate(jnp.asarray(v)))
    excited, y2 = (
        A / a * C2 * np.asarray(model.rate(model.C1 * y0)),
        B / b * C4 * np.asarray(model.rate(model.C3 * y0)),
    )
    at = (v + y2 - excited) * a / A  # the input at which v is an equilibrium
    low = int(at.argmin())
    v, y0, y2 = (np.interp(p, at[low:], x[low:]) for x in (v, y0, y2))
    rest = np.zeros_like(p)
    return y0, v + y2 + 0.5, y2, rest, rest, rest


def _run(seconds: float, start: Any = None, **letters: Any) -> np.ndarray:
    """v (n_nodes, n) mV at 1 kHz, one node per value of p."""
    model = JansenRit.create("alpha", **({"sigma": 0.0} | letters))
    source = NeuralMass.create(
        model, n_nodes=np.size(letters["p"]), sfreq=1000.0, n_times=1000, dt=1e-3,
        start=start,
    )  # fmt: skip
    return simulate(source, seconds, jax.random.key(0), burn_in=False).output
