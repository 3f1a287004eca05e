"""The experiments: catalogue, session loop, metrics, runner, report, command line.

Names are imported when first used, so that the command line's help stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .config import make_config
    from .contract import Cell, RunConfig, Scenario, ScenarioInfo
    from .decoding import Rollout, Stream, decode_stream, reveal, rollout_scan
    from .infos import INFOS
    from .lookup import get_scenario
    from .report.html import write_report
    from .runner import run
    from .tables import build_results

_HOME = {
    "config": ("make_config",),
    "contract": ("Cell", "RunConfig", "Scenario", "ScenarioInfo"),
    "decoding": ("Rollout", "Stream", "decode_stream", "reveal", "rollout_scan"),
    "infos": ("INFOS",),
    "lookup": ("get_scenario",),
    "report.html": ("write_report",),
    "runner": ("run",),
    "tables": ("build_results",),
}

__all__ = [
    "INFOS", "Cell", "Rollout", "RunConfig", "Scenario", "ScenarioInfo", "Stream", "build_results", "decode_stream",
    "get_scenario", "make_config", "reveal", "rollout_scan", "run", "write_report",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
