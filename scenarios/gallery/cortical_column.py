"""The gamma column: field, spectrum, and excitation before inhibition."""

from typing import Any

import numpy as np

from ...sim.sources import CorticalColumn
from ..validate.measure import peak, spectrum
from .spiking import run
from .style import BLUE, GREEN, GREY, RED, canvas, label


def figure() -> Any:
    """Four panels from one second, sample by sample."""
    source = CorticalColumn.create(n_times=1, burn_in_s=0.1)
    field, truth = run(source, 1500)
    v, (e, i) = field[0], truth["rates"].T
    fig, axes = canvas("Cortical column of spiking cells: gamma from excitation and inhibition", 2, 2)
    trace, power, rates, lead = axes.ravel()
    t = np.arange(300)
    trace.plot(t, v[-300:], color=BLUE, lw=0.9)
    label(trace, "local field: sum of |AMPA| and |GABA| currents", "time (ms)", "field (mV per cell)")
    f, density = spectrum(v - v.mean(), 1000.0, 0.5)
    beat = peak(f, density, 15.0, 150.0)
    power.semilogy(f[1:], density[1:], color=BLUE, lw=1.2)
    power.axvspan(30, 80, color=GREY, alpha=0.15, lw=0)
    power.set_xlim(0, 150)
    label(power, f"spectrum: {beat:.0f} Hz (shaded: gamma)", "frequency (Hz)", "power (mV²/Hz)")
    smooth = np.ones(3) / 3
    for x, color, name in ((e, RED, "excitatory"), (i, GREEN, "inhibitory")):
        rates.plot(np.arange(100), np.convolve(x, smooth, "same")[-100:], color=color, lw=1.1, label=name)
    rates.legend(frameon=False, fontsize=8)
    label(rates, "firing rates, a tenth of a second", "time (ms)", "spikes/s per cell")
    lags = np.arange(-20, 21)
    x, y = (e - e.mean()) / e.std(), (i - i.mean()) / i.std()
    c = [np.mean(x[20:-20] * y[20 + lag : len(y) - 20 + lag]) for lag in lags]
    lead.plot(lags, c, color=BLUE, lw=1.2)
    lead.axvline(lags[int(np.argmax(c))], color=GREY, lw=0.8, ls=":")
    label(lead, f"inhibition follows by {lags[int(np.argmax(c))]} ms", "lag of inhibition (ms)", "correlation")
    return fig
