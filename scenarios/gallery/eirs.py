"""Corticothalamic loop: the rhythms of three states, simulated and in closed form, and what propofol does."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...sim.simulate import simulate
from ...sim.sources.models.eirs import Eirs, sheet, spectrum
from ...sim.sources.neural_mass import NeuralMass
from ..validate.eirs import N_SIDE, slowed
from ..validate.measure import spectrum as welch
from .style import BLUE, GREEN, GREY, ORANGE, RED, canvas, label

STATES = {"wake": ("wake", BLUE), "eyes_closed": ("eyes closed", ORANGE), "spindle": ("spindle", GREEN)}


def figure() -> Any:
    """Four panels."""
    fig, ((trace, power), (patch, propofol)) = canvas("Corticothalamic loop (EIRS): waking, sleep spindles, propofol")
    per = 24
    models = [Eirs.create(name) for name in STATES for _ in range(per)]
    model = dataclasses.replace(jax.tree.map(lambda *x: jnp.stack(x), *models), t0=models[0].t0)
    source = NeuralMass.create(model, n_nodes=len(models))
    output = simulate(source, 100.0, jax.random.key(0)).output.reshape(len(STATES), per, -1)
    fine = np.arange(0.5, 45.0, 0.05)
    for k, (name, (shown, color)) in enumerate(STATES.items()):
        v = output[k, 0, :1000]
        trace.plot(np.arange(1000) / 250.0, v / output[k].std() / 4.5 - 2 * k, color=color, lw=0.9)
        trace.text(0.02, 0.85 - 2 * k, f"{shown} (sd {output[k].std():.2g} /s)", color=color, fontsize=8)
        f, density = welch(output[k], 250.0)
        power.semilogy(f, density, color=color, lw=1.8, label=shown)
        power.semilogy(fine, spectrum(Eirs.create(name), fine), color="black", lw=0.9, ls="--")
    trace.set_ylim(-5.2, 1.4)
    trace.set_yticks([])
    label(trace, "cortical field phi, each in its own scale", "time (s)", "phi less its mean")
    power.plot([], [], color="black", lw=0.9, ls="--", label="closed form")
    power.set_xlim(0.5, 45)
    power.set_ylim(1e-9, 3e-1)
    power.text(
        26.0, 3e-9, "spindles alone have a harmonic\nthat linear theory lacks", fontsize=7.5, color=GREEN, ha="right"
    )
    power.legend(frameon=False, fontsize=8, ncols=2)
    label(power, "whole cortex: simulated and closed form", "frequency (Hz)", "power ((1/s)²/Hz)")

    for name, color, shown in (("wake", BLUE, "wake"), ("propofol", RED, "propofol")):
        run = simulate(
            NeuralMass.create(Eirs.create(name), n_nodes=N_SIDE**2, wiring=sheet(N_SIDE)), 40.0, jax.random.key(1)
        )
        f, density = welch(run.output, 250.0)
        patch.semilogy(f, density, color=color, lw=1.8, label=shown)
        patch.semilogy(fine, spectrum(Eirs.create(name), fine, N_SIDE), color="black", lw=0.9, ls="--")
    patch.plot([], [], color="black", lw=0.9, ls="--", label="closed form")
    patch.set_xlim(0.5, 45)
    patch.set_ylim(1e-8, 1e-3)
    patch.legend(frameon=False, fontsize=8)
    label(patch, f"a patch in a sheet of {N_SIDE} x {N_SIDE}", "frequency (Hz)", "power ((1/s)²/Hz)")

    rates, alpha = np.linspace(1000 / 12, 51.0, 34), np.arange(8.0, 13.0, 0.05)
    for name, (shown, color) in list(STATES.items())[:2]:
        stable = rates[rates > (50.9 if name == "wake" else 58.95)]
        total = np.array([spectrum(slowed(name, rate), alpha, N_SIDE).sum() for rate in stable])
        propofol.plot(stable, 10 * np.log10(total / total[0]), color=color, lw=1.4, label=shown)
    propofol.axvline(60.0, color=GREY, lw=0.8, ls=":")
    propofol.text(59.8, -0.4, "60 /s", fontsize=8, color=GREY)
    propofol.set_xlim(84.0, 49.0)
    propofol.legend(frameon=False, fontsize=8, loc="upper left")
    label(propofol, "propofol proxy: slower GABA, until the loop is unstable", "GABA decay rate (1/s)", "8-13 Hz (dB)")
    return fig
