"""Basal ganglia: healthy, Parkinsonian, stimulated; the thalamus's errors against the frequency of stimulation."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from ...sim.sources import BasalGanglia
from ...sim.sources.brian import error_index
from .spiking import CONDITIONS, run
from .style import BLUE, GREEN, GREY, RED, canvas, label

_FREQUENCIES = (10.0, 20.0, 30.0, 50.0, 75.0, 100.0, 130.0, 160.0)
_N = 4


def figure() -> Any:
    """Subthalamic field in three states, error index and rates; four networks of 1 s each, at 50 us."""
    arms = [(1.0, 0.0), (0.0, 0.0), *((0.0, f) for f in _FREQUENCIES)]
    networks = [arm for arm in arms for _ in range(_N)]
    source = BasalGanglia.create(
        n_networks=len(networks),
        burn_in_s=0.0,
        sfreq=1000.0,
        n_times=200,
        dt=50e-6,
        dbs_frequency=[f or 1.0 for _, f in networks],
    )
    conditions = dataclasses.replace(CONDITIONS, medication=jnp.asarray([m for m, _ in networks]))
    field, truth = run(source, 6, conditions, [3e-3 if f else 0.0 for _, f in networks])
    errors, pulses = (truth[k][1:].reshape(-1, len(arms), _N) for k in ("errors", "pulses"))
    index = error_index(errors.sum(axis=2), pulses.sum(axis=2))
    # spread over the networks of an arm
    each = np.stack([error_index(errors[..., n], pulses[..., n]) for n in range(_N)])
    rates = truth["rates"][1:].mean(axis=0).reshape(len(arms), _N, -1).mean(axis=1)

    fig, axes = canvas("Basal ganglia and thalamus: Parkinson's disease and deep brain stimulation", 2, 2)
    traces, bars, dose, firing = axes.ravel()
    t = np.arange(500)
    shown = (
        ("healthy", 0, BLUE),
        ("Parkinson", 1, RED),
        ("Parkinson + DBS 130 Hz", 2 + _FREQUENCIES.index(130.0), GREEN),
    )
    for k, (name, arm, color) in enumerate(shown):
        v = field[arm * _N, -500:]
        # each trace is drawn on its own scale
        unit = (v - v.mean()) / max(np.ptp(v), 1e-9)
        traces.plot(t, unit - 1.4 * k, color=color, lw=0.9)
        traces.text(0, 0.72 - 1.4 * k, name, fontsize=8, color=color)
    traces.set_yticks([])
    label(traces, "field of the subthalamic nucleus", "time (ms)", "each on its own scale")
    order = [arm for _, arm, _ in shown]
    bars.bar(range(3), index[order], color=[color for *_, color in shown], width=0.6)
    bars.errorbar(range(3), index[order], each[:, order].std(axis=0), fmt="none", ecolor=GREY, capsize=3)
    for k, value in enumerate(index[order]):
        bars.annotate(
            f"{value:.2f}" if value >= 0.005 else "0", (k, value), (8, 3), textcoords="offset points", fontsize=9
        )
    bars.set_xticks(range(3), ["healthy", "Parkinson", "DBS 130 Hz"])
    label(bars, "errors of the relayed movement signal (± sd)", "", "error index")
    dose.errorbar(_FREQUENCIES, index[2:], each[:, 2:].std(axis=0), color=GREEN, marker="o", ms=4, capsize=3)
    dose.axhline(index[1], color=RED, lw=1.0, ls="--", label="no stimulation")
    dose.axhline(index[0], color=BLUE, lw=1.0, ls="--", label="healthy")
    dose.legend(frameon=False, fontsize=8)
    dose.set_ylim(-0.02, None)
    label(dose, "only high frequencies help", "frequency of stimulation (Hz)", "error index (± sd)")
    firing.plot(_FREQUENCIES, rates[2:, 1], color=GREEN, marker="o", ms=4, label="subthalamic nucleus")
    firing.plot(_FREQUENCIES, _FREQUENCIES, color=GREY, lw=0.8, ls=":", label="one spike a pulse")
    firing.legend(frameon=False, fontsize=8)
    label(firing, "axonal locking", "frequency of stimulation (Hz)", "rate (spikes/s)")
    return fig
