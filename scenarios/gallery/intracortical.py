"""Intracortical units: a reach in spikes, tuning, neurons that are lost, and decoders over months."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...sim.clock import Clock
from ...sim.conditions import Conditions
from ...sim.drift.units import DAY_S, UnitTurnover, survival
from ...sim.sources.intracortical import Intracortical
from ..validate.intracortical import DAYS, decay
from .style import BLUE, GREEN, GREY, ORANGE, RED, canvas, label


def figure() -> Any:
    """Four panels."""
    fig, ((raster, tuning), (stay, months)) = canvas("Intracortical units: tuning, turnover, and decoders over months")
    source = Intracortical.sample(jax.random.key(0), sfreq=200.0)
    nominal = Conditions.nominal(source.n_units)
    step = jax.jit(source.step)
    state, counts, intention = source.init(jax.random.key(1), nominal), [], []
    for n in range(4 * source.trial_windows):
        state, spikes, truth = step(state, jnp.zeros((1, source.n_times)), nominal, jax.random.key(n))
        counts.append(spikes)
        intention.append(truth["intention"])
    spikes, aim = np.concatenate(counts, axis=1), np.concatenate(intention, axis=1)
    baseline, weights = (np.asarray(v) for v in source.tuning(jnp.zeros(source.n_units, jnp.int32)))
    preferred = np.arctan2(weights[:, 1], weights[:, 0])
    unit, when = np.nonzero(spikes[np.argsort(preferred)])
    raster.plot(when / 200.0, unit, "|", color=BLUE, ms=2.2, mew=0.5)
    for k, (row, name, color) in enumerate(zip(aim, ("x", "y"), (ORANGE, GREEN))):
        raster.plot(np.arange(row.size) / 200.0, 112 + 26 * k + 9 * row, color=color, lw=1.1)
        raster.text(6.05, 112 + 26 * k, name, color=color, fontsize=9, va="center")
    raster.set_xlim(0, 6)
    raster.set_yticks([0, 31, 63, 95], ["1", "32", "64", "96"])
    label(raster, "four reaches: spikes of 96 units, intended velocity", "time (s)", "unit, by preferred direction")
    angle = np.linspace(-np.pi, np.pi, 100)
    aims = np.stack([np.cos(angle), np.sin(angle), np.ones(100)])
    for k, color in zip(np.argsort(-np.hypot(weights[:, 0], weights[:, 1]) * baseline)[[0, 5, 12, 25]],
                        (BLUE, ORANGE, GREEN, RED)):  # fmt: skip
        tuning.plot(np.degrees(angle), baseline[k] * np.exp(weights[k, :3] @ aims), color=color, lw=1.4,
                    label=f"unit {k + 1}, prefers {np.degrees(preferred[k]):.0f}°")  # fmt: skip
    tuning.set_ylim(0, tuning.get_ylim()[1] * 1.3)
    tuning.legend(frameon=False, fontsize=8, loc="upper left", ncols=2)
    tuning.set_xticks([-180, -90, 0, 90, 180])
    label(tuning, "tuning of four units at full speed", "direction of the reach (degrees)", "rate (1/s)")
    days = np.linspace(0, 300, 61)
    process = UnitTurnover.create(96)
    memory = process.init(jax.random.key(2))
    kept = []
    for day in days:
        _, now = process.step(memory, nominal, Clock(jnp.int32(1), jnp.float32(day * DAY_S)), jax.random.key(0))
        kept.append(100 * float(jnp.mean(now.unit_identity == 0)))
    stay.step(days, kept, where="post", color=BLUE, lw=1.2, label="an array of 96 channels")
    stay.plot(days, 100 * np.asarray(survival(jnp.asarray(days * DAY_S))), color=GREY, lw=1.4, label="law of survival")
    stay.plot(list(DAYS), list(DAYS.values()), "x", color=RED, ms=7, mew=1.8, label="observed (Vaidya et al. 2014)")
    stay.legend(frameon=False, fontsize=8)
    stay.set_ylim(0, 102)
    label(stay, "units that are still the same neuron", "days", "share of units (%)")
    at = [0.0, 5.0, 15.0, 30.0, 60.0, 106.0, 180.0, 270.0]
    runs = np.array(
        [np.array(decay(Intracortical.sample(jax.random.key(p)), at, jax.random.key(p), n_blocks=6)) for p in range(3)]
    )
    lines = (("fresh, trained that day", GREY), ("manifold aligned", GREEN), ("fixed", RED))
    for k, (name, color) in zip((2, 1, 0), lines):
        months.plot(at, runs[..., k].mean(axis=0), "o-", color=color, ms=4, lw=1.3, label=name)
    months.axhline(0, color=GREY, lw=0.7)
    months.set_ylim(-0.8, 1.0)
    months.legend(frameon=False, fontsize=8, loc="lower left")
    label(months, "decoding of intended velocity, mean of 3 people", "days", "R²")
    return fig
