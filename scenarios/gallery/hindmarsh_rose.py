"""Hindmarsh-Rose: a bursting neuron, and an ensemble that begins to burst in step."""

from typing import Any

import jax
import numpy as np

from ...sim.simulate import simulate
from ...sim.sources.ensembles import ensemble
from ...sim.sources.models.hindmarsh_rose import HindmarshRose
from ...sim.sources.neural_mass import NeuralMass
from ..validate.measure import spectrum
from ..validate.oscillators import bursting
from .style import BLUE, GREY, ORANGE, canvas, label


def figure() -> Any:
    """Four panels."""
    fig, ((one, means), (onset, power)) = canvas("Hindmarsh-Rose neurons: bursts, alone and in step")
    source = NeuralMass.create(HindmarshRose.create(), sfreq=5000.0, n_times=500)
    run = simulate(source, 0.8, jax.random.key(0), burn_in=False, everything=True)
    x, _, z = run.values[:, 0, -3000:]  # type: ignore[index]
    t = np.arange(3000) / 5.0
    one.plot(t, x, color=BLUE, lw=0.9, label="x, membrane")
    one.plot(t, z - 5.0, color=ORANGE, lw=1.1, label="z - 5, slow current")
    one.set_ylim(-2.6, 2.9)
    one.legend(frameon=False, fontsize=8, ncols=2, loc="upper right")
    label(one, "one neuron, I = 3", "time (ms)", "")
    traces = {}
    for preset, color, name, down in (("incoherent", GREY, "ε = 0", 1.0), ("synchronous", BLUE, "ε = .1", 0.0)):
        net = ensemble("hindmarsh_rose", preset, 200, sfreq=1000.0, n_times=250)
        traces[name] = simulate(net, 3.0, jax.random.key(0)).output[0]
        means.plot(np.arange(600), traces[name][-600:] + down, color=color, lw=1.0, label=name)
    means.set_ylim(-1.9, 1.3)
    means.legend(frameon=False, fontsize=9, ncols=2, loc="upper right")
    label(means, "mean of 200 neurons (ε = 0 shifted up by 1)", "time (ms)", "mean x")
    eps = np.array([0.0, 0.01, 0.015, 0.02, 0.025, 0.03, 0.05, 0.075, 0.1])
    onset.plot(eps, bursting(eps, 0.02, n=200, units=1600.0), "o-", color=BLUE, ms=4, lw=1.1, label="drives 3 ± .02")
    onset.plot(eps, bursting(eps, 0.2, n=200, units=1600.0), "o-", color=ORANGE, ms=4, lw=1.1, label="drives 3 ± .2")
    onset.legend(frameon=False, fontsize=9)
    onset.set_ylim(0, 0.5)
    label(onset, "onset of bursting in step, 200 neurons", "coupling ε", "sd of the mean")
    for name, color in (("ε = 0", GREY), ("ε = .1", BLUE)):
        f, density = spectrum(traces[name], 1000.0, 1.0)
        power.semilogy(f, density, color=color, lw=1.1, label=name)
    power.set_xlim(0, 100)
    power.set_ylim(1e-8, 1e-1)
    power.legend(frameon=False, fontsize=9)
    label(power, "spectra of the mean, 1 ms per unit", "frequency (Hz)", "power (1/Hz)")
    return fig
