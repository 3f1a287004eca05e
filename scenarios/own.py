"""What scenarios share that make results of their own instead of accuracies (see ``contract.OwnResults``)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..sim.errors import InputError
from .contract import RunConfig, ScenarioInfo
from .lookup import describe_method

if TYPE_CHECKING:
    import numpy as np


def refuse_data(config: RunConfig) -> None:
    """InputError where recordings are given to a scenario that simulates its people."""
    if config.data is not None:
        raise InputError(f"--data is '{config.data}': {config.scenario} simulates its people; leave --data out")


def facts(
    info: ScenarioInfo,
    config: RunConfig,
    cells: "Sequence[tuple[Mapping[str, Any], Mapping[str, np.ndarray]]]",
    planned: int,
    versions: Mapping[str, str],
    command: str,
) -> dict[str, Any]:
    """What any results hold, whatever was measured: the scenario, how far the run is, of whom, how it was made."""
    return {
        "schema": 1,
        "scenario": info.name,
        "title": info.title,
        "summary": info.summary,
        "kind": info.kind,
        "reference": info.reference,
        "severity_name": info.severity_name,
        "severity_unit": info.severity_unit,
        "complete": len(cells) == planned,
        "cells_done": len(cells),
        "cells_planned": planned,
        "methods": {name: describe_method(name) for name in config.methods},
        "table": [],
        "subjects": sorted({name for meta, _ in cells for name in meta["subjects"]}),
        "seeds": sorted({meta["seed"] for meta, _ in cells}),
        "config": config.to_json(),
        "versions": dict(versions),
        "command": command,
    }
