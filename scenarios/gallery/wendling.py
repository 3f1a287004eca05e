"""Wendling: the six types of activity, their spectra, and the way from background to seizure as inhibition fails."""

from typing import Any

import jax
import numpy as np

from ...sim.simulate import simulate
from ...sim.sources.models.wendling import PRESETS, Wendling
from ...sim.sources.neural_mass import NeuralMass
from ..validate.measure import spectrum
from ..validate.wendling import events
from .style import BLUE, GREEN, GREY, ORANGE, RED, canvas, dress, label

TYPES = {
    "background": ("1 background", GREY),
    "sporadic_spikes": ("2 sporadic spikes", BLUE),
    "spike_wave": ("3 sustained spike-wave", ORANGE),
    "slow_rhythmic": ("4 slow rhythmic", GREEN),
    "low_voltage_fast": ("5 low-voltage fast", RED),
    "quasi_sine": ("6 quasi-sinusoidal", "#7d5ba6"),
}
SHOWN_S = 5.0
SFREQ = 500.0


def figure() -> Any:
    """Traces of the six types, their spectra, and a scan of slow inhibition."""
    fig, axes = canvas("Wendling model: six types of activity from background to seizure", 4, 2, size=(9.6, 8.4))
    grid = axes[0, 0].get_gridspec()
    B, G = np.array([[PRESETS[name]["B"], PRESETS[name]["G"]] for name in TYPES]).T
    v = _run(B, G, 65.0)
    n = round(SHOWN_S * SFREQ)
    # a stretch that holds a spike, for the type that has one every other second
    spike = max(int(v[1].argmax()) - n // 2, 0)
    for k, (ax, (name, (title, color))) in enumerate(zip(axes[:3].ravel(), TYPES.items())):
        first = min(spike, v.shape[1] - n) if k == 1 else v.shape[1] - n
        one = v[k, first : first + n]
        ax.plot(np.arange(n) / SFREQ, one, color=color, lw=0.8)
        middle, half = 0.5 * (one.max() + one.min()), max(0.55 * np.ptp(one), 2.0)
        ax.set_ylim(middle - half, middle + half)
        letters = PRESETS[name]
        inhibition = f"B = {letters['B']:g}, G = {letters['G']:g} mV"
        label(ax, f"{title}   ({inhibition})", "time (s)" if k > 3 else "", "v (mV)")
    for ax in axes[3]:
        ax.remove()
    power, scan = (fig.add_subplot(grid[3, i]) for i in range(2))
    for (title, color), one in zip(TYPES.values(), v):
        f, density = spectrum(one, SFREQ, 2.0)
        power.semilogy(f, density, color=color, lw=1.1, label=title[0])
    power.set_xlim(0, 45)
    power.set_ylim(1e-6, 1e2)
    power.legend(frameon=False, fontsize=8, ncols=3, title="type", title_fontsize=8)
    label(power, "spectra", "frequency (Hz)", "power (mV²/Hz)")
    power.annotate(
        "type 5: flat, then a broad\ntop near 14 Hz", (14, 2.5e-3), (1.5, 3e-6), fontsize=8, color=RED,
        arrowprops={"arrowstyle": "-", "color": RED, "lw": 0.7},
    )  # fmt: skip
    _scan(scan)
    for ax in (power, scan):
        dress(ax)
    return fig


def _scan(ax: Any) -> None:
    """Spikes per second and standard deviation against B."""
    B = np.linspace(52.0, 0.0, 53)
    per = 4
    v = _run(np.repeat(B, per), np.full(len(B) * per, 15.0), 65.0).reshape(len(B), per, -1)
    # below 20 mV the cycle is small and fast, and has no spikes to count
    rate = [events(one) if b >= 20 else np.nan for b, one in zip(B, v)]
    ax.plot(B, rate, color=ORANGE, lw=1.4, label="spikes (1/s), none to count below B = 20 mV")
    ax.plot(B, v.std(axis=-1).mean(axis=-1), color=BLUE, lw=1.4, label="standard deviation (mV)")
    ax.invert_xaxis()
    ax.set_ylim(0, 9.0)
    ax.legend(frameon=False, fontsize=8, loc="upper right")
    label(ax, "slow inhibition fails (G = 15 mV)", "slow inhibitory gain B (mV)", "")


def _run(B: np.ndarray, G: np.ndarray, seconds: float) -> np.ndarray:
    """v (n, n_samples) mV at SFREQ, after 5 s, of each pair of gains."""
    model = Wendling.create("background", B=B, G=G)
    source = NeuralMass.create(model, n_nodes=len(B), sfreq=SFREQ, n_times=500, dt=0.5e-3)
    return simulate(source, seconds, jax.random.key(1), burn_in=False).output[:, round(5 * SFREQ) :]
