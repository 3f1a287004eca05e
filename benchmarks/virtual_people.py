"""Virtual people for the benchmarks of transfer: motor imagery without drift, recorded by the simulator.

Each person is drawn anew (head, rhythms, noise, depth of desynchronisation) by a number and a population; two
populations share nobody.
"""

import dataclasses
import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.preprocessing import Preprocessing
from neurodrift.scenarios import simulated

SFREQ = 250 / 3  # Hz, after filtering: the lowest that carries 4 to 38 Hz at a whole divisor of the amplifier's rate
SECONDS = 3.0
AT_ONCE = 16


@dataclasses.dataclass(frozen=True)
class _Setup(simulated.Setup):
    """As the scenarios filter for networks, at two thirds of their rate."""

    @functools.cached_property
    def preprocessing(self) -> Preprocessing:
        with jax.ensure_compile_time_eval():
            n_times = round(SECONDS * simulated.SFREQ)
            return Preprocessing.create(simulated.SFREQ, n_times, 4.0, 38.0, sfreq_out=SFREQ)


def record(n_people: int, n_trials: int, population: int, folder: Path | None = None) -> Trials:
    """Trials (n_people, n_trials, 31, 250) V of the first ``n_people`` of a population; n_trials a multiple of 10.

    ``folder``: where recordings are kept and found again.
    """
    file = None if folder is None else folder / f"people_{population}_{n_people}_{n_trials}.npz"
    if file is not None and file.exists():
        with np.load(file, allow_pickle=False) as arrays:
            return Trials(jnp.asarray(arrays["x"]), jnp.asarray(arrays["y"]), jnp.ones(arrays["y"].shape))
    setup = _Setup(simulated.Timeline(), simulated.POPULATION, "eegnet", False)
    parts = []
    for first in range(0, n_people, AT_ONCE):
        # one shape for all groups; who is too many in the last is left out
        keys = simulated._person_keys(jnp.arange(first, first + AT_ONCE), 0, (population,))
        plants = simulated._plants(setup, keys.person)
        still = simulated.Recorder(setup, simulated._no_drift, plants, severity=0.0, onset_s=np.inf)
        parts.append(jax.tree.map(np.asarray, still.trials(keys.calibration, n_trials)))
    x, y = (np.concatenate([getattr(p, name) for p in parts])[:n_people] for name in ("x", "y"))
    if file is not None:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(file, x=x, y=y)
    return Trials(jnp.asarray(x), jnp.asarray(y), jnp.ones(y.shape))


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean and 95 % bootstrap interval of accuracies, however shaped; a person in a repetition is a unit."""
    values = np.asarray(values, float).ravel()
    draws = values[np.random.default_rng(0).integers(values.size, size=(2000, values.size))].mean(1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(values.mean()), float(low), float(high)
