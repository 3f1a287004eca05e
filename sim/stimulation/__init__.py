"""Stimulation: waveforms, contacts, what is delivered, and closed-form limits of what is safe."""

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

__all__ = [
    "CHARGE_DENSITY_LIMIT", "CONTROLS", "PROGRAMMER_DENSITY_LIMIT", "SHANNON_LIMIT", "Delivered", "PulseTrain",
    "Stimulator", "charge_density", "charge_per_phase", "largest_current", "pulse_is_allowed", "shannon_k", "teed",
    "transcranial_is_allowed",
]  # fmt: skip
