"""The small spiking column: field, spectrum, firing rates, and what a held current does."""

from typing import Any

import numpy as np

from ...sim.sources import SpikingColumn
from ..validate.measure import spectrum
from .spiking import run
from .style import BLUE, GREEN, GREY, RED, canvas, label

_CURRENTS_A = np.array([-4e-3, -2e-3, 0.0, 2e-3, 4e-3])


def figure() -> Any:
    """Four panels, from 4 s sample by sample and 4 s at each of five currents."""
    field, truth = run(SpikingColumn.create(sfreq=1000.0, n_times=1), 4000)
    v, rates = field[0] * 1e9, truth["rates"]
    held = [run(SpikingColumn.create(n_times=250), 4, current=[a]) for a in _CURRENTS_A]
    fig, axes = canvas("Small spiking column: 80 excitatory and 20 inhibitory cells, and a current", 2, 2)
    trace, power, firing, dose = axes.ravel()
    shown = np.arange(500)
    trace.plot(shown, v[-500:], color=BLUE, lw=0.9)
    trace.set_ylim(0, None)
    label(trace, "local field: sum of |AMPA| and |GABA| currents", "time (ms)", "field (nA)")
    f, density = spectrum(v - v.mean(), 1000.0, 0.5)
    power.loglog(f[1:], density[1:], color=BLUE, lw=1.2)
    power.set_xlim(2, 300)
    label(power, "spectrum: broad, no rhythm of its own", "frequency (Hz)", "power (nA²/Hz)")
    smooth = np.ones(10) / 10
    for k, (name, color) in enumerate((("excitatory", RED), ("inhibitory", GREEN))):
        x = np.convolve(rates[:, k], smooth, "same")[-500:]
        firing.plot(shown, x, color=color, lw=1.0, label=f"{name}, mean {rates[500:, k].mean():.1f}")
    firing.set_ylim(0, firing.get_ylim()[1] * 1.25)
    firing.legend(frameon=False, fontsize=8, ncols=2, loc="upper right")
    label(firing, "firing rates in 10 ms", "time (ms)", "spikes/s per cell")
    mean = np.array([truth["rates"].mean(axis=0) for _, truth in held])
    for k, (name, color) in enumerate((("excitatory", RED), ("inhibitory", GREEN))):
        dose.plot(1e3 * _CURRENTS_A, mean[:, k], "o-", color=color, ms=4, lw=1.3, label=name)
    dose.axvline(0, color=GREY, lw=0.8, ls=":")
    dose.set_ylim(0, None)
    dose.legend(frameon=False, fontsize=8, loc="upper left")
    label(dose, "a held current drives the excitatory cells", "current (mA)", "rate (spikes/s)")
    return fig
