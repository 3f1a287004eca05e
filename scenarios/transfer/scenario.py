"""A transfer as a scenario of the runner: what differs is a task; results, risk report and page are made here."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..contract import Cell, Notify, RunConfig
from ..own import NOTHING_YET, Finished, OwnScenario, refuse_labels, refuse_methods
from .outcome import Outcome, joined
from .page import page_of, text_of
from .privacy import audited
from .risk import risks

KEPT = "outcome/"
QUICK = "Quick run, too short and too few to be a result. "


class Table(NamedTuple):
    """A table of a task's own: what it is, its headings, its rows as text, and a caption."""

    title: str
    heads: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    caption: str = ""


class Measured(NamedTuple):
    """One cell: the transfer that it is part of, its outcome, and further facts and arrays of the task's own."""

    group: str
    outcome: Outcome
    facts: Mapping[str, Any] = {}
    arrays: Mapping[str, np.ndarray] = {}


class Told(NamedTuple):
    """What a task says of its results: the verdict, tables of its own, notes, and what intervals are taken over."""

    headline: str
    sentences: Sequence[str] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    unit: str = "people"


class Task(Protocol):
    """What is transferred to whom. ``budget_unit``: what a budget counts, as a figure's axis says it."""

    @property
    def arms(self) -> Sequence[str]: ...
    @property
    def budget_unit(self) -> str: ...

    def plan(self, config: RunConfig) -> list[Cell]:
        """The cells; InputError where data can't be used."""
        ...

    def run(self, config: RunConfig, cell: Cell, notify: Notify) -> Measured:
        """One cell: a function of (config, cell) alone."""
        ...

    def tell(self, transfers: Mapping[str, Mapping[str, Any]], done: Finished) -> Told:
        """transfers: the risks (see :func:`risk.risks`) of each group; done: the cells, not empty."""
        ...


@dataclasses.dataclass(frozen=True)
class TransferScenario(OwnScenario):
    """Runs a task; ``--methods`` chooses arms."""

    task: Task

    def plan(self, config: RunConfig) -> list[Cell]:
        refuse_methods(config, self.task.arms)
        refuse_labels(config)
        return self.task.plan(config)

    def run_cell(self, config: RunConfig, cell: Cell, notify: Notify) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        found = self.task.run(config, cell, notify)
        outcome = chosen(found.outcome, config.methods)
        meta = {"group": found.group, "outcome": outcome.facts(), **found.facts}
        return meta, {**{KEPT + name: a for name, a in outcome.arrays().items()}, **found.arrays}

    def summarise(self, done: Finished) -> dict[str, Any]:
        groups: dict[str, list[Outcome]] = {}
        for meta, arrays in done.cells:
            mine = {name.removeprefix(KEPT): a for name, a in arrays.items() if name.startswith(KEPT)}
            groups.setdefault(meta["group"], []).append(Outcome.restored(meta["outcome"], mine))
        transfers = {name: risks(joined(groups[name]), audited(groups[name])) for name in sorted(groups)}
        told = self.task.tell(transfers, done) if done.cells else Told(NOTHING_YET["headline"])
        caution = QUICK if done.config.quick else ""
        results = {
            **done.facts(),
            "budget_unit": self.task.budget_unit,
            "unit": told.unit,
            "transfers": [{"name": name, **risk} for name, risk in transfers.items()],
            "tables": [
                {"title": t.title, "heads": list(t.heads), "rows": [list(row) for row in t.rows], "caption": t.caption}
                for t in told.tables
            ],
            "notes": list(told.notes),
            "verdict": {
                "headline": caution + told.headline,
                "sentences": list(told.sentences),
            },
        }
        results["subjects"] = sorted({name for risk in transfers.values() for name in risk["people"]})
        return {**results, "text": text_of(results)}

    def report(self, results: Mapping[str, Any]) -> str:
        return page_of(results)


def chosen(outcome: Outcome, arms: Sequence[str]) -> Outcome:
    """The outcome of these arms alone, in this order."""
    kept = [outcome.arms.index(name) for name in arms]

    def of(values: np.ndarray | None, axis: int) -> Any:
        return None if values is None else np.take(values, kept, axis=axis)

    return dataclasses.replace(
        outcome, arms=tuple(arms), accuracy=of(outcome.accuracy, 2), probabilities=of(outcome.probabilities, 2),
        source_before=of(outcome.source_before, 1), source_after=of(outcome.source_after, 2),
    )  # fmt: skip
