"""The shield: the last thing before the stimulator, which knows nothing of policies.

Names are imported when first used, so that the shield of a live loop needs no JAX.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .guard import Decision, Shield
    from .live import LiveShield
    from .profile import CEILINGS, Ceilings, Profile
    from .twin import ShieldState, ShieldTwin, Verdict
    from .vetoes import FAULTS, Mode, Veto

_HOME = {
    "guard": ("Decision", "Shield"),
    "live": ("LiveShield",),
    "profile": ("CEILINGS", "Ceilings", "Profile"),
    "twin": ("ShieldState", "ShieldTwin", "Verdict"),
    "vetoes": ("FAULTS", "Mode", "Veto"),
}

__all__ = [
    "CEILINGS", "FAULTS", "Ceilings", "Decision", "LiveShield", "Mode", "Profile", "Shield", "ShieldState",
    "ShieldTwin", "Verdict", "Veto",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
