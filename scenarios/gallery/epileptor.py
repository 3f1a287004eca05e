"""Epileptor: a whole seizure with its permittivity, the threshold, the law of the period, recruitment."""

from typing import Any

import jax
import numpy as np

from ...sim.simulate import simulate
from ...sim.sources.connectome import Connectome
from ...sim.sources.models.epileptor import Epileptor
from ...sim.sources.neural_mass import NeuralMass
from ..validate.epileptor import UNITS, bouts
from ..validate.measure import spectrum
from .style import BLUE, GREEN, GREY, ORANGE, RED, canvas, label

SECONDS = 1.0 / 250.0


def figure() -> Any:
    """Four panels."""
    fig, ((seizure, power), (threshold, spread)) = canvas("Epileptor: seizures that begin and end by themselves")
    x1, z, out = _run(60.0, x0=-1.6)
    onset, end = bouts(x1[0])[1]
    shown = slice(onset - 750, end + 1000)
    t = (np.arange(x1.shape[1]) - onset)[shown] * SECONDS
    seizure.plot(t, out[0, shown], color=BLUE, lw=0.6)
    label(seizure, "a seizure: x0 = -1.6 (1 unit of time = 10 ms)", "time from onset (s)", "x2 - x1")
    slow = seizure.twinx()
    slow.plot(t, z[0, shown], color=RED, lw=1.4)
    slow.set_ylabel("permittivity z", color=RED, fontsize=9)
    slow.spines["top"].set_visible(False)
    slow.tick_params(labelsize=9, colors=RED)

    between = slice(end + 500, bouts(x1[0])[2][0] - 25)
    for part, color, name in ((slice(onset, end), BLUE, "in the seizure"), (between, GREY, "between seizures")):
        f, density = spectrum(out[0, part], 250.0, 2.0)
        power.semilogy(f, density, color=color, lw=1.1, label=name)
    power.set_xlim(0, 60)
    power.legend(frameon=False, fontsize=9)
    label(power, "spectra", "frequency (Hz)", "power (1/Hz)")

    x0 = np.round(np.r_[np.arange(-2.3, -2.05, 0.04), np.arange(-2.05, -0.95, 0.05)], 3)
    many, _, _ = _run(140.0, x0=x0, sigma=0.0)
    critical = float(Epileptor.create().threshold)
    periods, lengths = np.full(len(x0), np.nan), np.full(len(x0), np.nan)
    for k, one in enumerate(many):
        found = bouts(one)[1:]
        if len(found) > 2:
            periods[k] = np.diff(found[:, 0]).mean() * UNITS / 100
            lengths[k] = np.diff(found[:-1], axis=1).mean() * UNITS / 100
    threshold.plot(x0, periods, "o-", color=BLUE, ms=3, lw=1.0, label="from onset to onset")
    threshold.plot(x0, lengths, "o-", color=ORANGE, ms=3, lw=1.0, label="duration of a seizure")
    threshold.axvline(critical, color=GREY, lw=0.9, ls="--")
    threshold.set_xlim(-2.4, -0.95)
    threshold.set_ylim(0, 46)
    threshold.text(critical - 0.02, 20, f"no seizures\nbelow {critical:.3f}", ha="right", fontsize=8, color=GREY)
    threshold.legend(frameon=False, fontsize=8, loc="upper right")
    label(threshold, "threshold: the rest state meets a fold", "epileptogenicity x0", "time (s)")

    weights = np.zeros((3, 3))
    weights[1:, 0] = 1.0
    patient = Epileptor.create(x0=np.array([-1.6, -2.2, -3.0]))
    source = NeuralMass.create(patient, n_nodes=3, wiring=Connectome.create(weights))
    run = simulate(source, 60.0, jax.random.key(1), burn_in=False)
    names = ("epileptogenic zone, x0 = -1.6", "propagation zone, -2.2", "healthy, -3")
    for k, (name, color) in enumerate(zip(names, (RED, ORANGE, GREEN))):
        spread.plot(run.t, run.output[k] - 8.0 * k, color=color, lw=0.5)
        spread.text(0.3, 3.2 - 8.0 * k, name, color=color, fontsize=8)
    spread.set_yticks([])
    spread.set_ylim(-18.0, 5.5)
    label(spread, "wired by permittivity: one zone recruits another", "time (s)", "x2 - x1")
    return fig


def _run(seconds: float, **letters: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x1, z and the output, (n_nodes, n) at 250 Hz."""
    n_nodes = max(np.size(v) for v in letters.values())
    source = NeuralMass.create(Epileptor.create(**letters), n_nodes=n_nodes)
    run = simulate(source, seconds, jax.random.key(0), everything=True, burn_in=False)
    values = np.asarray(run.values)
    return values[0], values[2], run.output
