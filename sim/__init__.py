"""The world: sources of brain activity, head, drift, amplifier, stimulation, Gymnasium environments.

Names are imported when first used, so that registering environments stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .builders import jansen_rit_plant, motor_imagery_plant, replay_plant
    from .conditions import Conditions
    from .drift import DRIFTS, make_drift
    from .errors import InputError
    from .head import SphereHead, make_montage
    from .host import HostPlant, rollout_host
    from .plant import Epoch, Plant, PlantState, Window, record, run_trial
    from .recordings import Recording, load, load_embedded, read_recording
    from .sources import JansenRit, MotorImagery, NeuralMass, Replay, SpikingColumn

_HOME = {
    "builders": ("jansen_rit_plant", "motor_imagery_plant", "replay_plant"),
    "conditions": ("Conditions",),
    "drift": ("DRIFTS", "make_drift"),
    "errors": ("InputError",),
    "head": ("SphereHead", "make_montage"),
    "host": ("HostPlant", "rollout_host"),
    "plant": ("Epoch", "Plant", "PlantState", "Window", "record", "run_trial"),
    "recordings": ("Recording", "load", "load_embedded", "read_recording"),
    "sources": ("JansenRit", "MotorImagery", "NeuralMass", "Replay", "SpikingColumn"),
}

__all__ = [
    "DRIFTS", "Conditions", "Epoch", "HostPlant", "InputError", "JansenRit", "MotorImagery", "NeuralMass", "Plant",
    "PlantState", "Recording", "Replay", "SphereHead", "SpikingColumn", "Window", "jansen_rit_plant", "load",
    "load_embedded", "make_drift", "make_montage", "motor_imagery_plant", "read_recording", "record",
    "replay_plant", "rollout_host", "run_trial",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
