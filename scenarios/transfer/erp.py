"""P300 from day to day, and flicker from run to run, of a headband: what is nearly stable must not be made worse."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...adaptation.blocks import stacked
from ...adaptation.contract import Trials
from ...adaptation.decoders.erp import ErpTangent
from ...adaptation.decoders.tangent import TangentLR
from ...adaptation.preprocessing import Preprocessing, shrunk
from ...sim.errors import InputError
from ...sim.keys import stream_key
from ..contract import Cell, Notify, RunConfig
from ..own import Finished, cells_of
from .alignments import Euclidean
from .arms import ARMS, Fitting, Person, make_source, run_arms
from .muse import SFREQ, WANTED, Session, days, joined, read
from .outcome import Outcome
from .risk import find, interval_of
from .scenario import Measured, Table, Told

P300, SSVEP = "P300, day to day", "SSVEP, run to run"
BAND, SPAN = (1.0, 20.0), (0.1, 0.7)
FLICKER_BANDS, FLICKER_SPAN = ((18.0, 22.0), (28.0, 32.0)), (0.5, 2.5)
P300_BUDGETS, P300_POOL = (0, 30, 60, 120), 120
SSVEP_BUDGETS, SSVEP_POOL = (0, 4, 10), 10
STABLE = 0.77  # AUC across these days of tangent space + LR on ERP covariances, as published with the data
HARM = -0.01


@dataclasses.dataclass(frozen=True)
class Evoked:
    """Every ordered pair of days of one person (P300), and each run after the first (SSVEP)."""

    arms: tuple[str, ...] = ARMS
    budget_unit: str = "labelled trials"

    def plan(self, config: RunConfig) -> list[Cell]:
        if config.data is None:
            raise InputError(f"{config.scenario} decodes recordings that are not part of the package; --data: {WANTED}")
        names = [f"{a} to {b}" for a, b in pairs(config.data)]
        runs = [
            f"{name} run {i}" for name, files in days(config.data, "SSVEP").items() for i in range(2, len(files) + 1)
        ]
        if not names and not runs:
            raise InputError(f"--data is '{config.data}', with no run of P300 or SSVEP; {WANTED}")
        chosen = [*names[:1], *runs[:1]] if config.quick else [*names, *runs]
        return cells_of(config, *((name,) for name in chosen))

    def run(self, config: RunConfig, cell: Cell, notify: Notify) -> Measured:
        key = stream_key(jax.random.key(0), "transfer_erp", cell.seed)
        name, folder = cell.subjects[0], str(config.data)
        notify(name)
        if " run " in name:
            return self._flicker(folder, name, cell, key)
        first, second = name.split(" to ")
        files = days(folder, "P300")
        sessions = {day: joined(each, BAND, SPAN) for day, each in files.items()}
        longest = max(len(s.y) for s in sessions.values())
        one, other = (as_trials(*sessions[day], longest) for day in (first, second))
        decoder = ErpTangent.create(one.x.shape[1], one.x.shape[2], 2)
        return Measured(P300, meet(decoder, one, other, P300_POOL, P300_BUDGETS, cell, key, "auc"))

    def _flicker(self, folder: str, name: str, cell: Cell, key: Any) -> Measured:
        day, number = name.split(" run ")
        files = days(folder, "SSVEP")[day]
        runs = [read(file, (15.0, 40.0), FLICKER_SPAN) for file in files]
        longest = max(len(run.y) for run in runs)
        one, other = (flicker(runs[i], longest) for i in (0, int(number) - 1))
        decoder = dataclasses.replace(TangentLR.create(one.x.shape[1], one.x.shape[2], 2), n_blocks=2, shrinkage=False)
        return Measured(SSVEP, meet(decoder, one, other, SSVEP_POOL, SSVEP_BUDGETS, cell, key, "accuracy"))

    def tell(self, transfers: Mapping[str, Mapping[str, Any]], done: Finished) -> Told:
        sentences, rows = [], []
        for name, risk in transfers.items():
            last = risk["budgets"][-1]
            for arm in (a for a in ("aligned", "finetuned") if a in risk["arms"] and "frozen" in risk["arms"]):
                change = interval_of(find(risk, arm, last), "over_frozen")
                word = "not made worse" if change.value >= HARM else "made worse"
                sentences.append(
                    f"{name}: by {arm} with {last} labels {word}, {100 * change.value:+.1f} [{100 * change.lo:.1f}, "
                    f"{100 * change.hi:.1f}] points over frozen."
                )
            if name == P300:
                rows += [[arm, f"{find(risk, arm, last)['value']:.3f}", f"{STABLE}"] for arm in risk["arms"]]
        table = Table("P300: area under the ROC curve on another day", ("arm", "here", "published across days"), rows)
        return Told(sentences[0] if sentences else "Frozen alone.", sentences[1:], [table] if rows else [], NOTES)


NOTES = (
    "Units are ordered pairs of days of one person, and runs of one day: intervals say nothing about other people.",
    "Windows .1 to .7 s after the picture, 1-20 Hz by a causal filter, above 100 uV left out; flicker: covariances in "
    "18-22 and 28-32 Hz, .5 to 2.5 s.",
    "There is one day of flicker; its source is the day's first run.",
)


def pairs(folder: str) -> list[tuple[str, str]]:
    """Ordered pairs of different days of the same person."""
    names = list(days(folder, "P300"))
    return [(a, b) for a in names for b in names if a != b and a.split("_")[0] == b.split("_")[0]]


def as_trials(x: Any, y: np.ndarray, length: int) -> Trials:
    """Trials, ``length`` of them so that all days have one shape: what is missing has weight 0."""
    pad = length - len(y)
    weight = jnp.asarray(np.pad(np.ones(len(y), np.float32), (0, pad)))
    x = jnp.pad(jnp.asarray(x), ((0, pad), (0, 0), (0, 0)), mode="edge")
    return Trials(x, jnp.asarray(np.pad(y, (0, pad)), jnp.int32), weight)


def flicker(session: Session, length: int) -> Trials:
    """Windows whose covariance has a block for each rate of flicker."""
    n = session.x.shape[-1]
    parts = [jax.vmap(lambda w: shrunk(w, n))(Preprocessing.create(SFREQ, n, *band).apply(jnp.asarray(session.x)))
             for band in FLICKER_BANDS]  # fmt: skip
    return as_trials(jax.vmap(stacked)(jnp.stack(parts, axis=1)), session.y, length)


def meet(
    decoder: Any,
    source: Trials,
    target: Trials,
    n_pool: int,
    budgets: tuple[int, ...],
    cell: Cell,
    key: Any,
    measure: str,
) -> Outcome:
    """One day's decoder on another day, of whose trials the first ``n_pool`` may be labelled; every sixth trial of the
    first day is held out to see what is forgotten."""
    fitting = Fitting(decoder=decoder, source=decoder, tuned=decoder, alignment=Euclidean(start=20.0), refit=True)
    held = np.arange(len(source.y)) % 6 == 5
    kept = source._replace(weight=source.weight * ~held)
    trained = make_source(
        fitting, jax.tree.map(lambda a: a[None], kept), jax.tree.map(lambda a: a[held][None], source), key
    )
    person = Person(*(jax.tree.map(lambda a, s=s: a[s][None], target) for s in (slice(n_pool), slice(n_pool, None))))
    proba, on_source = run_arms(fitting, trained, person, budgets, key[None])
    y, on_held = (np.where(np.asarray(t.weight) > 0, np.asarray(t.y), -1) for t in (person.test, trained.held))
    return Outcome.create(cell.subjects, budgets, ARMS, proba, y, measure).with_source(on_source, on_held)
