"""Brunel's network: three regimes of synchrony, by the population's activity and its spectrum."""

from typing import Any

import numpy as np

from ...sim.sources import BrunelNetwork
from ..validate.measure import spectrum
from .spiking import run
from .style import BLUE, GREEN, ORANGE, canvas, label

_REGIMES = (
    ("B", BLUE, "fast oscillation: g = 6, eta = 4"),
    ("C", ORANGE, "asynchronous irregular: g = 5, eta = 2"),
    ("D", GREEN, "slow oscillation: g = 4.5, eta = 0.9"),
)


def figure() -> Any:
    """Activity of each regime (rows) and its spectrum, of a third of the paper's number of cells."""
    title = "Brunel's network of integrate-and-fire cells: one network (4000 cells here), three regimes"
    fig, axes = canvas(title, 3, 2, (9.6, 7.0))
    for (regime, color, name), (trace, power) in zip(_REGIMES, axes):
        source = BrunelNetwork.create(regime, 3200)
        field, truth = run(source, 10)
        rate = truth["rates"][2:].mean(axis=0) @ [0.8, 0.2]
        trace.plot(np.arange(300), field[0, -300:], color=color, lw=0.9)
        trace.set_ylim(0, None)
        label(trace, f"{regime}, {name} ({rate:.0f} spikes/s)", "time (ms)", "recurrent input (mV)")
        f, density = spectrum(field[0, 200:] - field[0, 200:].mean(), 1000.0, 0.25)
        power.semilogy(f[1:], density[1:], color=color, lw=1.2)
        power.set_xlim(0, 400)
        note = ": the peak comes from finite size" if regime == "C" else ""
        label(power, f"spectrum{note}", "frequency (Hz)", "power (mV²/Hz)")
    return fig
