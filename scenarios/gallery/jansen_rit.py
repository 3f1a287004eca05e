"""Jansen-Rit: the alpha and the spike cycle, their spectra, the bifurcation diagram in the input."""

from typing import Any

import jax
import numpy as np

from ...sim.simulate import simulate
from ...sim.sources.models.jansen_rit import SPIKE_BASIN, JansenRit
from ...sim.sources.neural_mass import NeuralMass
from ..validate.measure import spectrum
from .style import BLUE, GREY, ORANGE, canvas, label


def figure() -> Any:
    """Four panels."""
    fig, ((alpha, spikes), (power, map_)) = canvas("Jansen-Rit column: alpha rhythm and epileptic spikes")
    noisy, sharp = _run(60.0, p=220.0, sigma=2.0), _run(24.0, True, p=120.0)
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
    p = np.linspace(-20.0, 340.0, 181)
    for from_rest, color, name in ((False, BLUE, "from the alpha basin"), (True, ORANGE, "from rest")):
        v = _run(20.0, from_rest, p=p)[:, -4000:]
        map_.scatter(np.r_[p, p], np.r_[v.min(1), v.max(1)], s=4, color=color, label=name, linewidths=0)
    for hopf in (89.83, 315.7):
        map_.axvline(hopf, color=GREY, lw=0.8, ls=":")
    map_.text(91, map_.get_ylim()[0] + 0.3, "Hopf 89.8", fontsize=8, color=GREY)
    map_.text(313, map_.get_ylim()[0] + 0.3, "Hopf 315.7", fontsize=8, color=GREY, ha="right")
    map_.legend(frameon=False, fontsize=8, loc="upper left", markerscale=2)
    label(map_, "bifurcation: least and greatest v", "input p (1/s)", "v (mV)")
    return fig


def _run(seconds: float, from_rest: bool = False, **letters: Any) -> np.ndarray:
    """v (n_nodes, n) mV at 1 kHz, one node per value of p."""
    model = JansenRit.create(**({"sigma": 0.0} | letters))
    source = NeuralMass.create(
        model, n_nodes=np.size(letters["p"]), sfreq=1000.0, n_times=1000, dt=1e-3,
        start=SPIKE_BASIN if from_rest else None,
    )  # fmt: skip
    return simulate(source, seconds, jax.random.key(0), burn_in=False).output
