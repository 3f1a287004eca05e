"""Stimulation: waveforms, contacts, what is delivered, and closed-form limits of what is safe.

Names are imported when first used, so that the limits can be had without JAX.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .pulses import PulseTrain
    from .safety import (
        CHARGE_DENSITY_LIMIT,
        PROGRAMMER_DENSITY_LIMIT,
        SHANNON_LIMIT,
        charge_density,
        charge_per_phase,
        largest_current,
        pulse_is_allowed,
        shannon_k,
        teed,
        transcranial_is_allowed,
    )
    from .stimulator import CONTROLS, Delivered, Stimulator

_HOME = {
    "pulses": ("PulseTrain",),
    "safety": (
        "CHARGE_DENSITY_LIMIT", "PROGRAMMER_DENSITY_LIMIT", "SHANNON_LIMIT", "charge_density", "charge_per_phase",
        "largest_current", "pulse_is_allowed", "shannon_k", "teed", "transcranial_is_allowed",
    ),
    "stimulator": ("CONTROLS", "Delivered", "Stimulator"),
}  # fmt: skip

__all__ = [
    "CHARGE_DENSITY_LIMIT", "CONTROLS", "PROGRAMMER_DENSITY_LIMIT", "SHANNON_LIMIT", "Delivered", "PulseTrain",
    "Stimulator", "charge_density", "charge_per_phase", "largest_current", "pulse_is_allowed", "shannon_k", "teed",
    "transcranial_is_allowed",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
