"""What scenarios share that make results of their own instead of accuracies (see ``contract.OwnResults``)."""

import abc
import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..sim.errors import InputError
from .contract import Cell, Notify, RunConfig, ScenarioInfo
from .lookup import describe_method

CellData = tuple[Mapping[str, Any], Mapping[str, np.ndarray]]

NOTHING_YET = {"headline": "Nothing has run yet.", "sentences": []}


class Finished(NamedTuple):
    """The finished cells of a run, in any order, of ``planned`` ones, and how they were made."""

    info: ScenarioInfo
    config: RunConfig
    cells: Sequence[CellData]
    planned: int
    versions: Mapping[str, str]
    command: str

    @property
    def severities(self) -> list[float]:
        """Those of the cells, in ascending order."""
        return sorted({float(meta["severity"]) for meta, _ in self.cells})

    def at(self, severity: float) -> list[CellData]:
        """The cells of one severity, by seed."""
        here = [cell for cell in self.cells if float(cell[0]["severity"]) == severity]
        return sorted(here, key=lambda cell: cell[0]["seed"])

    def facts(self) -> dict[str, Any]:
        """What any results hold, whatever was measured: the scenario, how far the run is, of whom, how it was made."""
        info, metas = self.info, [meta for meta, _ in self.cells]
        return {
            "schema": 1,
            "scenario": info.name,
            "title": info.title,
            "summary": info.summary,
            "kind": info.kind,
            "reference": info.reference,
            "severity_name": info.severity_name,
            "severity_unit": info.severity_unit,
            "complete": len(metas) == self.planned,
            "cells_done": len(metas),
            "cells_planned": self.planned,
            "methods": {name: describe_method(name) for name in self.config.methods},
            "table": [],
            "subjects": sorted({name for meta in metas for name in meta["subjects"]}),
            "seeds": sorted({meta["seed"] for meta in metas}),
            "config": self.config.to_json(),
            "versions": dict(self.versions),
            "command": self.command,
        }


@dataclasses.dataclass(frozen=True)
class OwnScenario(abc.ABC):
    """A scenario of the runner that makes results and a page of its own; what differs are the four abstract methods."""

    info: ScenarioInfo

    @abc.abstractmethod
    def plan(self, config: RunConfig) -> list[Cell]:
        """As :class:`~.contract.Scenario`'s."""

    @abc.abstractmethod
    def run_cell(self, config: RunConfig, cell: Cell, notify: Notify) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """As :class:`~.contract.Scenario`'s."""

    @abc.abstractmethod
    def summarise(self, done: Finished) -> dict[str, Any]:
        """The results as strict JSON (see :class:`~.contract.OwnResults`)."""

    @abc.abstractmethod
    def report(self, results: Mapping[str, Any]) -> str:
        """The page of these results: the same results give the same text."""

    def timing(self, config: RunConfig) -> dict[str, Any]:
        """Nothing: methods are timed by the scenarios that compare them as decoders."""
        return {}

    def results(
        self,
        config: RunConfig,
        cells: Sequence[CellData],
        planned: int,
        versions: Mapping[str, str],
        command: str,
    ) -> dict[str, Any]:
        return self.summarise(Finished(self.info, config, cells, planned, versions, command))


def refuse_data(config: RunConfig) -> None:
    """InputError where recordings are given to a scenario that simulates its people."""
    if config.data is not None:
        raise InputError(f"--data is '{config.data}': {config.scenario} simulates its people; leave --data out")


def refuse_methods(config: RunConfig, known: Collection[str]) -> None:
    """InputError where a method is asked for that is none of the scenario's."""
    unknown = [name for name in config.methods if name not in known]
    if unknown:
        raise InputError(f"{config.scenario} has no method '{unknown[0]}'; choose from {', '.join(known)}")


def refuse_labels(config: RunConfig) -> None:
    """InputError where labels are to come late, wrong or not at all and the scenario would not notice."""
    for option in ("label_delay", "label_missing", "label_noise"):
        if getattr(config, option):
            name = f"--{option.replace('_', '-')}"
            raise InputError(
                f"{config.scenario} got {name} {getattr(config, option)}, which changes nothing there: drop it"
            )


def people(config: RunConfig) -> tuple[str, ...]:
    """P01, P02 and so on, as many as there are subjects."""
    return tuple(f"P{i + 1:02d}" for i in range(config.subjects))


def cells_of(config: RunConfig, *groups: tuple[str, ...]) -> list[Cell]:
    """A cell for every seed, severity and group of people."""
    return [
        Cell(scenario=config.scenario, severity=severity, subjects=group, seed=seed)
        for seed in range(config.seeds)
        for severity in config.severities
        for group in groups
    ]
