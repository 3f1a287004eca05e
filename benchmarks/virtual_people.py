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
from neurodrift.scenarios.catalogue import cap_shift
from neurodrift.scenarios.statistics import Interval, bootstrap, resample, weighted_mean

SFREQ = 250 / 3  # Hz, after filtering: the lowest that carries 4 to 38 Hz at a whole divisor of the amplifier's rate
SECONDS = 3.0
AT_ONCE = 16


@dataclasses.dataclass(frozen=True)
class Setup(simulated.Setup):
    """As the scenarios filter for networks, at two thirds of their rate, without the first ``skipped`` samples."""

    skipped: int = 0

    @functools.cached_property
    def preprocessing(self) -> Preprocessing:
        with jax.ensure_compile_time_eval():
            n_times = round(SECONDS * simulated.SFREQ)
            whole = Preprocessing.create(simulated.SFREQ, n_times, 4.0, 38.0, sfreq_out=SFREQ)
            return dataclasses.replace(whole, operator=whole.operator[:, self.skipped :])


def record(
    n_people: int, n_trials: int, population: int, folder: Path | None = None, slipped: float | None = None
) -> Trials:
    """Trials (n_people, n_trials, 31, 250) V of the first ``n_people`` of a population; n_trials a multiple of 10.

    ``folder``: where recordings are kept and found again; ``slipped``: cm, other trials of the same people, under a cap
    that has slipped sideways by so much.
    """
    name = f"people_{population}_{n_people}_{n_trials}{'' if slipped is None else f'_slipped_{slipped:g}'}.npz"
    file = None if folder is None else folder / name
    if file is not None and file.exists():
        with np.load(file, allow_pickle=False) as arrays:
            return Trials(jnp.asarray(arrays["x"]), jnp.asarray(arrays["y"]), jnp.ones(arrays["y"].shape))
    setup = Setup(simulated.Timeline(), simulated.POPULATION, "eegnet", False)
    parts = []
    for first in range(0, n_people, AT_ONCE):
        # one shape for all groups; who is too many in the last is left out
        keys = simulated._person_keys(jnp.arange(first, first + AT_ONCE), 0, (population,))
        plants = simulated._plants(setup, keys.person)
        if slipped is None:
            recorder = simulated.Recorder(setup, simulated._no_drift, plants, severity=0.0, onset_s=np.inf)
        else:
            recorder = simulated.Recorder(setup, cap_shift, plants, severity=slipped, onset_s=0.0)
        key = keys.calibration if slipped is None else keys.session
        parts.append(jax.tree.map(np.asarray, recorder.trials(key, n_trials)))
    x, y = (np.concatenate([getattr(p, name) for p in parts])[:n_people] for name in ("x", "y"))
    if file is not None:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(file, x=x, y=y)
    return Trials(jnp.asarray(x), jnp.asarray(y), jnp.ones(y.shape))


def over_people(values: np.ndarray, who: np.ndarray) -> Interval:
    """Mean over people and its 95 % bootstrap interval: values (n_repetitions, n_held) of the people ``who``, of the
    same shape. Repetitions of a person are averaged first, as whoever is held out twice is no second person."""
    found, of = np.unique(np.asarray(who).ravel(), return_inverse=True)
    mean = np.bincount(of, np.asarray(values, float).ravel()) / np.bincount(of)
    return bootstrap(weighted_mean(mean), resample(len(found), 0))


def settled(interval: Interval, limit: float) -> str:
    """ "yes" where a difference is above ``-limit`` with its whole interval, "no" where it is below with all of it,
    "not settled" where the interval holds it."""
    if interval.lo >= -limit:
        return "yes"
    return "no" if interval.hi < -limit else "not settled"
