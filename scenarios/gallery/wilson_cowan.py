"""Wilson-Cowan: rhythms of three sets, their spectra, the bifurcation in the input, and a tremor that is kicked."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...sim.simulate import simulate
from ...sim.sources.models.wilson_cowan import WilsonCowan
from ...sim.sources.neural_mass import NeuralMass
from ..validate.measure import cycle, spectrum
from .style import BLUE, GREEN, GREY, ORANGE, RED, canvas, dress, label

SETS = {"beta": BLUE, "gamma": ORANGE, "tremor": GREEN}
SFREQ = 1000.0


def figure() -> Any:
    """Six panels."""
    fig, axes = canvas("Wilson-Cowan populations: beta, gamma, tremor", 3, 2, size=(9.6, 8.6))
    (traces, power), (map_, pitch), (wave, response) = axes
    inner = traces.get_subplotspec().subgridspec(3, 1, hspace=0.05)
    traces.remove()
    for k, (name, color) in enumerate(SETS.items()):
        row = fig.add_subplot(inner[k])
        dress(row)
        E = simulate(_source(name), 40.0, jax.random.key(0)).output[0]
        shown = round((2.0 if name == "tremor" else 0.4) * SFREQ)
        row.plot(np.arange(shown) / SFREQ, E[-shown:], color=color, lw=1.0)
        row.text(1.0, 0.5, name, fontsize=8, color=color, va="center", transform=row.transAxes)
        row.tick_params(labelsize=8)
        row.locator_params(axis="y", nbins=3)
        title = "with noise; each on its own axes" if k == 0 else ""
        label(row, title, "time (s)" if k == 2 else "", "E")
        f, density = spectrum(E, SFREQ)
        power.semilogy(f, density, color=color, lw=1.1, label=name)
    power.set_xlim(0, 100)
    power.set_ylim(1e-9, 1e0)
    power.legend(frameon=False, fontsize=8)
    label(power, "spectra", "frequency (Hz)", "power (1/Hz)")
    _bifurcation(map_, pitch)
    _kicks(wave, response)
    return fig


def _source(preset: str, n_nodes: int = 1, n_stim: int = 1, **letters: Any) -> NeuralMass:
    model = WilsonCowan.create(preset, **letters)
    return NeuralMass.create(model, n_nodes=n_nodes, sfreq=SFREQ, n_times=500, dt=0.1e-3, n_stim=n_stim)


def _bifurcation(map_: Any, pitch: Any) -> None:
    """Least and greatest E, and the frequency, against P."""
    P = np.linspace(-1.2, 3.0, 211)
    for name in ("beta", "gamma"):
        run = simulate(_source(name, len(P), sigma=0.0, P=P), 6.0, jax.random.key(0), burn_in=False)
        E, color = run.output[:, -2000:], SETS[name]
        map_.scatter(np.r_[P, P], np.r_[E.min(1), E.max(1)], s=4, color=color, linewidths=0, label=name)
        found = np.array([cycle(one, SFREQ)[0] if np.ptp(one) > 5e-3 else np.nan for one in E])
        pitch.plot(P, found, color=color, lw=1.4)
    map_.legend(frameon=False, fontsize=8, markerscale=2)
    label(map_, "bifurcation: least and greatest E", "input P", "E")
    for ax in (map_, pitch):
        ax.axvline(0.783, color=GREY, lw=0.8, ls=":")
        ax.axvline(0.825, color=GREY, lw=0.8, ls="--")
    pitch.set_xlim(map_.get_xlim())
    pitch.set_ylim(0, 75)
    pitch.text(
        -1.3, 42, "gamma: Hopf,\nP = 0.783 (dotted)\nbeta: saddle-node,\nP = 0.825 (dashed)", fontsize=8, color=GREY
    )
    label(pitch, "frequency of the cycle", "input P", "frequency (Hz)")


def _kicks(wave: Any, response: Any) -> None:
    """One pulse at every phase of a ringing tremor, and what becomes of its amplitude."""
    n, hertz, first = 50, 5.0, 800
    source = _source("tremor", n, n, sigma=0.0)
    ring = source.begin()._replace(y=tuple(jnp.full(n, x) for x in (0.12, 0.0559, 0.0, 0.0)))
    pulses = np.zeros((n, 3500), np.float32)
    onsets = first + 4 * np.arange(n)
    for i, onset in enumerate(onsets):
        # as the ringing decays by 1.2 /s, so do the pulses: all are of one size relative to it
        pulses[i, onset : onset + 10] = 0.03 * np.exp(-1.2 * 4e-3 * i) / WilsonCowan.STIM_PER_AMPERE
    quiet, struck = (
        simulate(source, 3.5, jax.random.key(0), stim=stim, state=ring).output for stim in (0 * pulses, pulses)
    )
    rest = quiet[0, -round(SFREQ / hertz) :].mean()
    left = [np.sqrt(((E - rest)[:, 1200:2700] ** 2).mean(axis=1)) for E in (quiet, struck)]
    change = 100 * (left[1] / left[0] - 1)
    shown = slice(500, 2000)
    t = np.arange(shown.start, shown.stop) / SFREQ
    wave.plot(t, quiet[0, shown], color=GREY, lw=1.2, label="none")
    for i, color, name in ((int(change.argmax()), RED, "worst phase"), (int(change.argmin()), BLUE, "best phase")):
        wave.plot(t, struck[i, shown], color=color, lw=1.1, label=name)
        wave.axvspan(onsets[i] / SFREQ, (onsets[i] + 10) / SFREQ, color=color, alpha=0.9, lw=0)
        side = "left" if name.startswith("worst") else "right"
        nudge = 0.02 if side == "left" else -0.01
        wave.text(onsets[i] / SFREQ + nudge, 0.1085, name.split()[0], fontsize=8, color=color, ha=side)
    wave.set_ylim(None, 0.111)
    wave.legend(frameon=False, fontsize=8, title="pulse of 10 ms", title_fontsize=8)
    label(wave, "tremor set: one pulse at two phases, without noise", "time (s)", "E")
    top = first - 200 + int(quiet[0, first - 200 : first].argmax())
    phase = (360 * hertz * (onsets + 5 - top) / SFREQ) % 360
    order = np.argsort(phase)
    response.axhline(0, color=GREY, lw=0.8)
    response.plot(phase[order], change[order], "o-", color=BLUE, ms=3, lw=1.0)
    response.set_xticks(np.arange(0, 361, 90))
    label(
        response,
        "amplitude response: what phase-locked stimulation uses",
        "phase of the pulse (°, 0 is the peak of E)",
        "change of amplitude (%)",
    )
