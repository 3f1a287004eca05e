"""What there is to choose from: names and one-line summaries of every kind of component."""

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from ..sim.tasks.registry import TASKS
from .infos import INFOS


def everything() -> dict[str, dict[str, str]]:
    """kind -> name -> one line: scenarios, tasks, methods, decoders, checkpoints, drifts, sources. Imports jax."""
    registry = importlib.import_module("..adaptation.registry", __package__)
    zoo = importlib.import_module("..adaptation.transfer.zoo", __package__)
    return {
        "scenarios": {name: info.summary for name, info in INFOS.items()},
        "tasks": {name: task.summary for name, task in TASKS.items()},
        "methods": {name: found.summary for name, found in registry.METHODS.items()},
        "decoders": {name: found.title for name, found in registry.DECODERS.items()},
        "checkpoints": zoo.shipped(),
        "drifts": _physics("..sim.drift", "DRIFTS"),
        "sources": _physics("..sim.sources", "SOURCES"),
    }


def _physics(package: str, registry: str) -> dict[str, str]:
    """A package's registry where it has one, otherwise the components among its public names."""
    module = importlib.import_module(package, __package__)
    known = getattr(module, registry, None)
    if isinstance(known, Mapping):
        return {name: _summary(found) for name, found in known.items()}
    public = {name: getattr(module, name) for name in getattr(module, "__all__", ())}
    return {
        name: _summary(found)
        for name, found in public.items()
        if inspect.isclass(found) and hasattr(found, "step") and not getattr(found, "_is_protocol", False)
    }


def _summary(found: Any) -> str:
    """The component's ``summary`` with the regimes it comes in, or the first sentence of its docstring."""
    if summary := getattr(found, "summary", None):
        presets = getattr(found, "presets", ())
        listed = ", ".join(presets)
        return f"{summary} [{listed}]" if len(presets) > 1 else str(summary)
    first = (inspect.getdoc(found) or "").strip().split("\n\n")[0].replace("\n", " ")
    return first.partition(". ")[0].rstrip(".")
