"""Gymnasium environments over a plant. Importing this registers their ids and, for the rest, waits until used."""

import importlib
from typing import TYPE_CHECKING, Any

from .register import register_all

if TYPE_CHECKING:
    from .env import NeuromodEnv
    from .tasks import Dose, Lateralisation, Recorded
    from .vector import NeuromodVectorEnv
    from .wrappers import BandPower, DecodedProbabilities

__all__ = [
    "BandPower", "DecodedProbabilities", "Dose", "Lateralisation", "NeuromodEnv", "NeuromodVectorEnv", "Recorded",
    "register_all",
]  # fmt: skip

_MODULES = {
    "NeuromodEnv": "env",
    "NeuromodVectorEnv": "vector",
    "BandPower": "wrappers",
    "DecodedProbabilities": "wrappers",
    "Dose": "tasks",
    "Lateralisation": "tasks",
    "Recorded": "tasks",
}

register_all()


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
