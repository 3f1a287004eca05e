"""Depth of anaesthesia by another sensor: known patients had a gelled strip on the forehead, new ones have another."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...sim.errors import InputError
from ...sim.keys import stream_key
from ..contract import Cell, Notify, RunConfig
from ..own import Finished, cells_of, people, refuse_data
from .arms import Person, make_source, run_arms
from .depth_patients import LIMITS, SENSORS, STAGE, TARGETS, Patients, classes, record_patients
from .feature_fitting import Settings
from .feature_trials import as_trials, centred, in_turn, with_context
from .gain_words import tell_gains
from .infos import ARMS
from .outcome import Outcome
from .privacy import with_audit
from .scenario import Measured, Told

CONTEXT = (3, 9)  # epochs of ten seconds whose causal means are features too
BUDGETS = (0, 3, 9, 18, 36, 60)
COURSES = 3
COURSE = STAGE * len(TARGETS)  # epochs
SOURCE_SENSOR = next(iter(SENSORS))
KNOWN = 500  # where the numbers of the source's patients begin
HELD = 4  # every fourth epoch of the last course of a known patient is held back
KINDS = dict(zip("WDB", SENSORS))

FULL = Settings(source_epochs=20, scratch_epochs=20, scratch_rate=0.3, tuned_rate=3e-3, start=0.0)
"""Chosen by ``benchmarks/choose_transfer.py depth``."""
QUICK = FULL._replace(n_source=3, source_epochs=5, tuned_epochs=10)
NAMES = "awake", "light", "deep"


@dataclasses.dataclass(frozen=True)
class Depth:
    """Known patients by a gelled strip on the forehead; new ones by the same, by a dry one, and by a dry one behind."""

    arms: tuple[str, ...] = ARMS
    budget_unit: str = "labelled epochs, a third of each class"

    def plan(self, config: RunConfig) -> list[Cell]:
        refuse_data(config)
        if config.subjects > KNOWN:
            raise InputError(
                f"--subjects is {config.subjects}: wanted {KNOWN} or fewer, patients of later numbers train the source"
            )
        return cells_of(config, *(tuple(f"{kind}{name[1:]}" for name in people(config)) for kind in KINDS))

    def run(self, config: RunConfig, cell: Cell, notify: Notify) -> Measured:
        settings, sensor = (QUICK if config.quick else FULL), KINDS[cell.subjects[0][0]]
        numbers = np.array([int(name[1:]) for name in cell.subjects])
        notify("recording patients under propofol")
        known = KNOWN + np.arange(settings.n_source)
        return Measured(
            f"{SOURCE_SENSOR} to {sensor}", meet(settings, known, numbers, cell.seed, sensor, cell.subjects)
        )

    def tell(self, transfers: Mapping[str, Mapping[str, Any]], done: Finished) -> Told:
        told = [tell_gains(name, risk, (BUDGETS[1], BUDGETS[3]), "epochs") for name, risk in transfers.items()]
        sentences = [sentence for each in told for sentence in each]
        return Told(sentences[0] if sentences else "Nothing to compare was run.", sentences[1:], (), NOTES)


NOTES = (
    "The corticothalamic loop awake (Robinson et al. 2002), of an age drawn as in the task anaes_depth, below AFz; "
    "propofol slows its GABA-A synapses, through an effect site of .456 /min. Depth is anaes_depth's: awake below "
    f"{LIMITS[0]}, half of what that task aims at; deep above {LIMITS[1]}, midway from there to its ceiling. An "
    "anaesthetist holds each class for eight minutes, in order in the first course and shuffled in two others; what "
    "is between is scored too.",
    "Around it 1/f background, and alpha of the back of the head that is gone at a depth of .7 (assumed; occipital "
    "alpha is lost at loss of consciousness). The sensors see the same patients at the same time: a gelled strip at "
    "Fp1, Fp2, AF7, AF8 of 5 kOhm and .5 to 47 Hz; dry contacts there, 20 kOhm and 2 to 25 Hz; the same at P3, Pz, "
    "P4; all against the mastoids. Who they are, how large their rhythms are and how good their contacts is drawn for "
    "each.",
    "Logarithms of power in 7 bands from 1 to 45 Hz over ten seconds, mean over channels, and causal means over half "
    "a minute and a minute and a half. The first course, unlabelled, tells the patient's scale; of it come the "
    "labels, spread over each class.",
    "Patients differ in the size of everything, so that frozen, which keeps the source's scale, gives nearly all "
    "epochs of a patient one class even by the source's own sensor. In front alpha comes with depth, behind it goes: "
    "there the aligned source is worse than a guess.",
    "The oracle is tuned on epochs beside those that it answers, whose causal means overlap theirs: it is better than "
    "any decoder of new minutes can be.",
    "Settings were chosen on other patients by `python benchmarks/choose_transfer.py depth`, over all sensors: the "
    "source's scale counts nothing beside the patient's first course (aligned .5843, .5809, .5715, .5403, .4834, .4204 "
    "with 0, .3, 1, 3, 10, 30; less than nothing there is not), the source is trained for 20 epochs (.5766, .5903, "
    ".5843, .5864 with 6, 20, 60, 200), from scratch at a rate of .3 (following the scale .6034, .6053, .6047, .6049, "
    ".6081, .6083, .6031 with .001, .003, .01, .03, .1, .3, 1) for 20 epochs (.5979, .6106, .6059, .6083, .6066 with "
    "6, 20, 60, 200, 600), fine-tuning at .003 (.6043, .6208, .6603, .6625, .6424, .6265, .6108 with 1e-4, 3e-4, .001, "
    ".003, .01, .03, .1) for 60 (.6049, .6210, .6596, .6625, .6448 with 2, 6, 20, 60, 200).",
)


def meet(
    settings: Settings, known: np.ndarray, new: np.ndarray, seed: int, sensor: str, names: Sequence[str]
) -> Outcome:
    """Patients by number, the new ones, called ``names``, seen by ``sensor``."""
    everybody = recorded((*known.tolist(), *new.tolist()), seed)
    theirs, mine = (_of(everybody, s) for s in (slice(None, len(known)), slice(len(known), None)))
    scaled = centred(theirs.x[SOURCE_SENSOR])
    old_x, new_x = (with_context(scaled(x), CONTEXT) for x in (theirs.x[SOURCE_SENSOR], mine.x[sensor]))
    old_y, new_y = classes(theirs.depth), classes(mine.depth)
    key = stream_key(stream_key(jax.random.key(0), "transfer_depth", seed), sensor)
    fitting = settings.fitting(old_x.shape[-1], len(NAMES))
    last, first = slice(-COURSE, None, HELD), slice(None, COURSE)
    source = make_source(
        fitting, as_trials(old_x[:, :-COURSE], old_y[:, :-COURSE]), as_trials(old_x[:, last], old_y[:, last]), key,
        as_trials(old_x[:, first], old_y[:, first]),
    )  # fmt: skip
    scale = as_trials(new_x[:, first], new_y[:, first])
    person = Person(
        pool=in_turn(spread(new_x[:, first], new_y[:, first], max(BUDGETS) // len(NAMES))),
        test=as_trials(new_x[:, COURSE:], new_y[:, COURSE:]), scale=scale,
    )  # fmt: skip
    keys = jax.vmap(lambda i: stream_key(key, "patient", i))(jnp.asarray(new))
    proba, on_source, told = run_arms(fitting, source, person, BUDGETS, keys)
    outcome = Outcome.create(names, BUDGETS, ARMS, proba, np.asarray(person.test.y), "balanced_accuracy")
    return with_audit(outcome.with_source(on_source, np.asarray(source.held.y)), told, person)


def spread(x: np.ndarray, y: np.ndarray, n: int) -> np.ndarray:
    """Rows x (n_people, n_rows, n_features) of classes y: (n_people, n_classes, n, n_features), of each class ``n``
    that lie evenly over its rows, ordered so that the first few do as well."""
    order = np.argsort(np.arange(n) * (np.sqrt(5) - 1) / 2 % 1)
    found = [
        [rows[(own := np.flatnonzero(label == c))[np.linspace(0, len(own) - 1, n).astype(int)[order]]]
         for c in range(len(NAMES))]
        for rows, label in zip(x, y)
    ]  # fmt: skip
    return np.array(found)


@functools.lru_cache(maxsize=2)
def recorded(numbers: tuple[int, ...], seed: int) -> Patients:
    """All sensors see the same patients, so that cells of one run share them."""
    return record_patients(np.array(numbers), seed, COURSES)


def _of(patients: Patients, part: slice) -> Patients:
    return Patients({name: x[part] for name, x in patients.x.items()}, patients.depth[part], patients.in_bounds[part])
