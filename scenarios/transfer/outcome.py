"""The outcome of any transfer: every arm at every budget of labelled trials, person by person."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...sim.errors import InputError
from ..statistics import Floats
from .measures import MEASURES, score

FIELDS = ("accuracy", "y", "probabilities", "source_before", "source_after", "told", "member", "told_y")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How well each person was decoded after a transfer.

    people:        names, one each
    budgets:       labelled trials of the person that an arm was given, ascending
    arms:          names, such as scratch, frozen, aligned, finetuned, oracle
    accuracy:      (n_people, n_budgets, n_arms) in the task's measure; NaN where an arm has no answer, as from scratch
                   without labels
    y:             (n_people, n_trials) classes of the scored trials, -1 where a person had fewer
    probabilities: (n_people, n_budgets, n_arms, n_trials, n_classes) of the scored trials, or None
    source_before: (n_people, n_arms) the measure on people of the source before the transfer, or None
    source_after:  (n_people, n_budgets, n_arms) the same after it: what was forgotten is the difference
    told, member, told_y: what the privacy audit asks for (see ``privacy.with_audit``), or None
    measure:       name of what ``accuracy`` is, one of ``measures.MEASURES``
    """

    people: tuple[str, ...]
    budgets: tuple[int, ...]
    arms: tuple[str, ...]
    accuracy: Floats
    y: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    source_before: Floats | None = None
    source_after: Floats | None = None
    measure: str = "accuracy"
    told: np.ndarray | None = None
    member: np.ndarray | None = None
    told_y: np.ndarray | None = None

    def __post_init__(self) -> None:
        shape = (len(self.people), len(self.budgets), len(self.arms))
        if np.shape(self.accuracy) != shape:
            raise InputError(f"accuracy is {np.shape(self.accuracy)}; wanted (n_people, n_budgets, n_arms) {shape}")
        if list(self.budgets) != sorted(set(self.budgets)):
            raise InputError(f"budgets are {self.budgets}; wanted ascending numbers of labelled trials, each once")
        if self.measure not in MEASURES:
            raise InputError(f"measure is {self.measure!r}; choose from {', '.join(MEASURES)}")
        given = self.probabilities
        if given is not None and (self.y is None or given.shape[:4] != (*shape, self.y.shape[1])):
            raise InputError(
                f"probabilities are {given.shape}; wanted {(*shape, 'n_trials', 'n_classes')}, and y of the same trials"
            )

    @classmethod
    def create(
        cls,
        people: Sequence[str],
        budgets: Sequence[int],
        arms: Sequence[str],
        probabilities: ArrayLike,
        y: ArrayLike,
        measure: str = "accuracy",
        source_before: ArrayLike | None = None,
        source_after: ArrayLike | None = None,
    ) -> "Outcome":
        """The outcome whose accuracy is the measure of these probabilities; an arm's are NaN where it has no answer."""
        given, classes = np.asarray(probabilities, np.float32), np.asarray(y)
        if given.ndim != 5 or classes.shape != (given.shape[0], given.shape[3]):
            raise InputError(
                f"probabilities have shape {given.shape} and y {classes.shape}; wanted (n_people, n_budgets, n_arms, "
                "n_trials, n_classes) and (n_people, n_trials)"
            )
        if measure not in MEASURES:
            raise InputError(f"measure is {measure!r}; choose from {', '.join(MEASURES)}")
        found = np.array(
            [[[score(measure, arm, row) for arm in budget] for budget in person] for person, row in zip(given, classes)]
        )
        before, after = (None if a is None else np.asarray(a, float) for a in (source_before, source_after))
        return cls(tuple(people), tuple(budgets), tuple(arms), found, classes, given, before, after, measure)

    def with_source(self, on_source: ArrayLike, y: ArrayLike) -> "Outcome":
        """The outcome with what became of the source: on_source (n_people, n_budgets, n_arms, n_held, n_classes), the
        probabilities of held trials of the source's people, whose classes are y (n_held,), -1 for none; NaN for arms
        that know no source. Before the transfer it is what the frozen arm says of them."""
        given, y = np.asarray(on_source), np.asarray(y)
        after = np.array([[[score(self.measure, arm, y) for arm in b] for b in person] for person in given])
        before = after[:, 0, self.arms.index("frozen")][:, None]
        return dataclasses.replace(self, source_before=np.broadcast_to(before, after[:, 0].shape), source_after=after)

    def of(self, arm: str) -> Floats:
        """The measure (n_people, n_budgets) of one arm."""
        if arm not in self.arms:
            raise InputError(f"there is no arm {arm!r}; choose from {', '.join(self.arms)}")
        return np.asarray(self.accuracy, float)[:, :, self.arms.index(arm)]

    def facts(self) -> dict[str, Any]:
        """What is no array, as JSON; :meth:`restored` takes it back."""
        return {
            "people": list(self.people),
            "budgets": list(self.budgets),
            "arms": list(self.arms),
            "measure": self.measure,
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name, those that are None left out."""
        found = {name: getattr(self, name) for name in FIELDS}
        return {name: np.asarray(value) for name, value in found.items() if value is not None}

    @classmethod
    def restored(cls, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "Outcome":
        """The outcome of :meth:`facts` and :meth:`arrays`."""
        names = {name: tuple(facts[name]) for name in ("people", "budgets", "arms")}
        return cls(**names, **{name: arrays.get(name) for name in FIELDS}, measure=facts["measure"])  # type: ignore[arg-type]


def joined(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcomes of several groups of people as one.

    A person who was met several times (another seed, another order of the trials) counts once: the mean of the measure,
    and all scored trials; what an audit asks for is kept where nobody was. InputError where budgets, arms or measures
    differ.
    """
    if not outcomes:
        raise InputError("there is no outcome to join; wanted at least one")
    first = outcomes[0]
    for other in outcomes[1:]:
        for name in ("budgets", "arms", "measure"):
            if getattr(other, name) != getattr(first, name):
                raise InputError(f"outcomes differ in {name}: {getattr(first, name)} and {getattr(other, name)}")
    people = tuple(dict.fromkeys(name for one in outcomes for name in one.people))
    rows = {name: [(one, i) for one in outcomes for i, p in enumerate(one.people) if p == name] for name in people}

    def mean(field: str) -> Floats | None:
        if any(getattr(one, field) is None for one in outcomes):
            return None
        return np.stack([np.mean([getattr(one, field)[i] for one, i in rows[p]], axis=0) for p in people])

    accuracy: Any = mean("accuracy")
    y = probabilities = None
    if all(one.probabilities is not None for one in outcomes):
        trials = [np.concatenate([np.asarray(one.y)[i] for one, i in rows[p]]) for p in people]
        chances = [np.concatenate([np.asarray(one.probabilities)[i] for one, i in rows[p]], axis=2) for p in people]
        longest = max(len(t) for t in trials)
        y = np.stack([np.pad(t, (0, longest - len(t)), constant_values=-1) for t in trials])
        pads = [((0, 0), (0, 0), (0, longest - c.shape[2]), (0, 0)) for c in chances]
        probabilities = np.stack([np.pad(c, pad, constant_values=np.nan) for c, pad in zip(chances, pads)])
    told = member = told_y = None
    if len(people) == sum(len(one.people) for one in outcomes) and all(one.told is not None for one in outcomes):
        longest = max(np.asarray(one.member).shape[-1] for one in outcomes)
        told, member, told_y = (
            np.concatenate([_wider(getattr(one, name), longest, fill) for one in outcomes])
            for name, fill in (("told", 0.0), ("member", -1), ("told_y", -1))
        )
    return Outcome(
        people, first.budgets, first.arms, accuracy, y, probabilities, mean("source_before"), mean("source_after"),
        first.measure, told, member, told_y,
    )  # fmt: skip


def _wider(values: Any, length: int, fill: float) -> np.ndarray:
    """The values (..., n) with ``fill`` up to ``length``."""
    pad = [(0, 0)] * (np.ndim(values) - 1) + [(0, length - np.shape(values)[-1])]
    return np.pad(values, pad, constant_values=fill)
