"""Kuramoto: from disorder to synchrony, the Ott-Antonsen reduction, and what a kick does."""

from typing import Any

import jax
import numpy as np

from ...sim.simulate import simulate
from ...sim.sources.ensembles import ensemble
from ...sim.sources.models.ott_antonsen import OttAntonsen, kick_response
from ...sim.sources.neural_mass import NeuralMass
from ..validate.measure import spectrum
from ..validate.oscillators import kicked, order
from .style import BLUE, GREEN, GREY, ORANGE, RED, canvas, label


def figure() -> Any:
    """Four panels."""
    fig, ((onset, course), (power, kicks)) = canvas("Kuramoto ensemble and its Ott-Antonsen reduction")
    ratios = np.r_[np.linspace(0.5, 2.0, 7), 2.15, 2.3, 2.5, 3, 3.5, 4, 5, 6]
    r = order(ratios, 1000, 100.0, 50.0)
    fine = np.linspace(2, 6, 200)
    onset.plot(np.r_[0.5, 2, fine], np.r_[0, 0, np.sqrt(1 - 2 / fine)], color=GREY, lw=1.5, label="√(1 - 2g/K)")
    onset.plot(ratios, r, "o", color=BLUE, ms=5, label="1000 oscillators")
    onset.legend(frameon=False, fontsize=9, loc="lower right")
    label(onset, "onset of synchrony", "coupling K / half-width g", "order parameter r")
    many = ensemble("kuramoto", "beta", n_oscillators=1000, sfreq=500.0, n_times=100, dt=1e-3)
    one = NeuralMass.create(OttAntonsen.create(s=0.0), start=(1.0, 0.0), sfreq=500.0, n_times=100, dt=2e-4)
    for source, color, name, style in ((many, BLUE, "1000 oscillators", "-"), (one, ORANGE, "reduction", "--")):
        x = simulate(source, 1.0, jax.random.key(0), burn_in=False).output[0]
        course.plot(np.arange(x.size) / 500.0, x, style, color=color, lw=1.2, label=name)
    course.set_xlim(0, 0.6)
    course.set_ylim(-1.15, 1.5)
    course.legend(frameon=False, fontsize=9, ncols=2, loc="upper right")
    label(course, "from full synchrony to r = .71 (K = 4g)", "time (s)", "mean cos θ")
    least = np.inf
    for preset, coupling, color, name in (("beta", None, BLUE, "K = 4g"), ("beta", 1.6 * np.pi, GREEN, "K = 1.6g")):
        source = ensemble("kuramoto", preset, 300, coupling=coupling, key=jax.random.key(1), sfreq=250.0)
        f, density = spectrum(simulate(source, 40.0, jax.random.key(0)).output[0], 250.0)
        power.semilogy(f, density, color=color, lw=1.1, label=name)
        least = min(least, density[(f > 5) & (f < 35)].min())
    power.set_xlim(5, 35)
    power.set_ylim(least / 2, 30)
    power.text(5.4, 25, "far peaks: single oscillators\nthat run free at both K", fontsize=8, color=GREY, va="top")
    power.legend(frameon=False, fontsize=9)
    label(power, "spectra of the mean field, 300 drawn frequencies", "frequency (Hz)", "power (1/Hz)")
    psi = np.linspace(-np.pi, np.pi, 200)
    some = np.linspace(-np.pi, np.pi, 25)
    e = 0.05
    d_rho, d_psi = kick_response(0.7, psi, e)
    kicks.plot(psi, d_rho, color=BLUE, lw=1.3, label="amplitude r")
    kicks.plot(psi, d_psi, color=RED, lw=1.3, label="phase ψ (rad)")
    rho_moved, psi_moved = kicked(0.7, some, e)
    kicks.plot(some, rho_moved, "o", color=BLUE, ms=3.5)
    kicks.plot(some, psi_moved, "o", color=RED, ms=3.5)
    kicks.axhline(0, color=GREY, lw=0.7)
    kicks.set_xticks([-np.pi, 0, np.pi], ["-π", "0", "π"])
    kicks.legend(frameon=False, fontsize=9, loc="upper right")
    label(kicks, "kick of .05 at r = .7 (dots: 20001 oscillators)", "mean phase ψ at the kick (rad)", "change")
    return fig
