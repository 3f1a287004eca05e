"""STN-GPe: health, disease and medication, beta against the disease and the delay, stimulation and its after-effect."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...sim.simulate import simulate
from ...sim.sources.models.stn_gpe import StnGpe
from ...sim.sources.neural_mass import NeuralMass
from ...sim.sources.registry import make_source
from ..validate.measure import cycle, spectrum
from ..validate.stn_gpe import delayed
from .style import BLUE, GREEN, GREY, ORANGE, RED, canvas, label

SFREQ = 1000.0


def figure() -> Any:
    """Six panels."""
    fig, axes = canvas("Subthalamic nucleus and pallidum: Parkinsonian beta", 3, 2, size=(9.6, 8.6))
    (traces, power), (disease, delays), (lesion, dose) = axes
    states = {
        "Parkinsonian, K = 1": (1.0, RED),
        "half medicated, K = 0.5": (0.5, ORANGE),
        "healthy, K = 0": (0.0, BLUE),
    }
    K = np.array([k for k, _ in states.values()])
    S = simulate(_source(K=K), 42.0, jax.random.key(0)).output[:, 2000:]
    for one, (name, (_, color)) in zip(S, states.items()):
        traces.plot(np.arange(600) / SFREQ, one[-600:], color=color, lw=1.1, label=name)
        f, density = spectrum(one, SFREQ)
        power.semilogy(f, density, color=color, lw=1.1)
    traces.set_ylim(None, traces.get_ylim()[1] * 1.35)
    traces.legend(frameon=False, fontsize=8, loc="upper right", ncols=2)
    label(traces, "subthalamic rate; the noise is added to it, so it can pass 0", "time (s)", "S (spikes/s)")
    power.set_xlim(0, 80)
    power.set_ylim(1e-4, 1e3)
    label(power, "spectra", "frequency (Hz)", "power ((spikes/s)²/Hz)")
    _disease(disease)
    _delays(delays)
    _lesion(lesion, dose)
    return fig


def _source(**letters: Any) -> NeuralMass:
    n_nodes = max(np.size(v) for v in letters.values())
    model = StnGpe.create("parkinsonian", **letters)
    return NeuralMass.create(model, n_nodes=n_nodes, sfreq=SFREQ, n_times=500, dt=0.1e-3, mean=0.0)


def _twin(ax: Any) -> Any:
    """A second axis of ordinates, for the frequency."""
    other = ax.twinx()
    other.spines["top"].set_visible(False)
    other.tick_params(labelsize=9, colors=ORANGE)
    other.set_ylabel("frequency (Hz)", fontsize=9, color=ORANGE)
    return other


def _disease(ax: Any) -> None:
    """Least and greatest S, and the frequency of the cycle, against K."""
    K = np.linspace(0.0, 1.0, 101)
    S = simulate(_source(sigma=0.0, K=K), 8.0, jax.random.key(0), burn_in=False).output[:, -2000:]
    ax.scatter(np.r_[K, K], np.r_[S.min(1), S.max(1)], s=5, color=BLUE, linewidths=0)
    ax.axvline(0.3047, color=GREY, lw=0.8, ls=":")
    ax.text(0.295, 60, "Hopf, K = 0.305", fontsize=8, color=GREY, ha="right")
    other = _twin(ax)
    other.plot(K, [cycle(s, SFREQ)[0] if np.ptp(s) > 2.0 else np.nan for s in S], color=ORANGE, lw=1.4)
    other.set_ylim(0, 35)
    label(ax, "disease: least and greatest S, and frequency", "K (0 healthy, 1 Parkinsonian)", "S (spikes/s)")


def _delays(ax: Any) -> None:
    """Peak to peak and frequency against the delay between the nuclei."""
    d = np.linspace(2.0, 12.0, 41)
    S = delayed(d, 4.0)[:, 2000:]
    ax.plot(d, np.ptp(S, axis=1), color=BLUE, lw=1.4)
    ax.set_ylim(0, None)
    hertz = np.array([cycle(s, SFREQ)[0] for s in S])
    other = _twin(ax)
    other.plot(d, hertz, color=ORANGE, lw=1.4)
    other.set_ylim(0, 35)
    for species, delay, place, side in (
        ("rat", 2.0, (6, 2), "left"), ("human", 6.0, (-2, 22), "center"), ("macaque", 10.0, (-2, -13), "right"),
    ):  # fmt: skip
        y = float(np.interp(delay, d, hertz))
        other.plot(delay, y, "o", color=ORANGE, ms=5)
        name = f"{species}, {y:.1f} Hz"
        other.annotate(name, (delay, y), place, textcoords="offset points", fontsize=8, color=ORANGE, ha=side)
    label(ax, "delay between the nuclei: amplitude and frequency", "delay (ms)", "peak to peak of S (spikes/s)")


def _lesion(ax: Any, dose: Any) -> None:
    """Stimulation, its after-effect, and how beta falls with the current."""
    source = make_source("stn_gpe", sfreq=SFREQ, n_times=500)
    key = jax.random.key(0)
    off = simulate(source, 10.0, key)
    on = simulate(source, 20.0, key, stim=[2e-3], state=off.state)
    after = simulate(source, 30.0, key, state=on.state)
    S = np.concatenate([off.output[0], on.output[0], after.output[0]])
    ax.axvspan(10, 30, color=GREY, alpha=0.2, lw=0)
    ax.plot(np.arange(len(S)) / SFREQ, S, color=BLUE, lw=0.25)
    level = np.sqrt(2) * S.reshape(-1, 500).std(axis=1)
    ax.plot((np.arange(len(level)) + 0.5) / 2, level, color=RED, lw=1.6, label="amplitude of beta")
    ax.legend(frameon=False, fontsize=8, loc="upper left")
    ax.set_ylim(None, 130)
    ax.text(20, 95, "stimulation,\n2 mA", ha="center", fontsize=8, color="#555555")
    label(ax, "stimulation suppresses beta; 30 % lingers (time constant 12 s)", "time (s)", "S (spikes/s)")
    u = np.linspace(-200.0, 100.0, 61)
    wide = _source(sigma=0.0, K=np.ones(len(u)))
    wide = dataclasses.replace(wide, entry=dataclasses.replace(wide.entry, coupling=jnp.asarray(u)[:, None]))
    S = simulate(wide, 6.0, key, stim=[1.0], burn_in=False).output[:, -2000:]
    dose.plot(u, np.ptp(S, axis=1), color=GREEN, lw=1.6)
    dose.axvline(0, color=GREY, lw=0.8, ls=":")
    label(
        dose,
        "input of the nucleus: less abolishes beta, more feeds it",
        "added input (spikes/s)",
        "peak to peak of S (spikes/s)",
    )
