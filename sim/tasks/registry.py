"""The tasks by name. Only names and text are here, so that registering environments stays light: a task's module is
imported when its ``make`` or ``draw`` is first asked for."""

import importlib
import inspect
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import unknown

if TYPE_CHECKING:
    from ..loop import Loop


class TaskSpec(NamedTuple):
    """title and summary; module: the file of this folder that holds ``make`` and ``draw``; n_windows: control windows
    of an episode; marker: what ``outcome.marker`` is, with its unit; gym_id: X in ``neurodrift/X-v0``."""

    title: str
    summary: str
    module: str
    n_windows: int
    marker: str
    marker_unit: str
    gym_id: str

    @property
    def make(self) -> Callable[..., "Loop"]:
        """make(**options) -> Loop."""
        return importlib.import_module(f".{self.module}", __package__).make

    @property
    def draw(self) -> Callable[..., "Loop"]:
        """draw(loop, key, held_out=False) -> the loop of another patient under another drift; traceable."""
        return importlib.import_module(f".{self.module}", __package__).draw


TASKS: dict[str, TaskSpec] = {
    "pd_adbs_onoff": TaskSpec(
        "Adaptive deep brain stimulation",
        "beta bursts of subthalamic nucleus and pallidum under pulses, with levodopa and the time of day",
        "pd_adbs_onoff", 1200, "beta amplitude", "of OFF stimulation and medication", "PdAdbsOnoff",
    ),
    "pd_adbs_dual_drift": TaskSpec(
        "Adaptive deep brain stimulation under drift",
        "as pd_adbs_onoff, with a contact that is encapsulated and an effect that wanes: thresholds grow stale",
        "pd_adbs_dual_drift", 2400, "beta amplitude", "of OFF stimulation and medication", "PdAdbsDualDrift",
    ),
    "sync_rl_suppress": TaskSpec(
        "Suppression of synchrony",
        "kicks that desynchronise an ensemble of Bonhoeffer-van der Pol or Kuramoto oscillators",
        "sync_rl_suppress", 2000, "collective rhythm", "of the ensemble without kicks", "SyncSuppress",
    ),
    "et_phaselock": TaskSpec(
        "Phase-locked stimulation of essential tremor",
        "pulses at a phase of a tremor that wanders in frequency and in the phase at which it answers",
        "et_phaselock", 3000, "tremor amplitude", "of OFF stimulation", "EtPhaselock",
    ),
    "sz_onset_detect": TaskSpec(
        "Detection of seizure onset",
        "a flag to be raised when inhibition fails (Wendling) or an Epileptor seizes; nothing is stimulated",
        "sz_onset_detect", 2400, "seizing without being noticed", "of the time", "SzOnsetDetect",
    ),
    "sz_responsive_abort": TaskSpec(
        "Responsive stimulation against seizures",
        "bursts that cut seizures short before fast activity, a share of which nothing reaches",
        "sz_responsive_abort", 2400, "seizing", "of the time", "SzResponsiveAbort",
    ),
    "sleep_so_clicks": TaskSpec(
        "Auditory clicks in slow oscillations",
        "clicks in the up state of N2 and N3 sleep enhance slow oscillations, out of phase they do not",
        "sleep_so_clicks", 3750, "2 - power of slow oscillations", "of sleep without clicks", "SleepSoClicks",
    ),
    "anaes_depth": TaskSpec(
        "Closed-loop anaesthesia",
        "an infusion that is to hold a depth through a drug that slows GABA-A synapses, seen in alpha",
        "anaes_depth", 360, "distance of the concentration from its target", "of the target", "AnaesDepth",
    ),
}  # fmt: skip


def task_spec(name: str) -> TaskSpec:
    """The registry's entry; InputError with a suggestion for an unknown name."""
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    return TASKS[name]


def make_task(name: str, **options: Any) -> "Loop":
    """The named task's loop; InputError with a suggestion for unknown names and options."""
    make = task_spec(name).make
    try:
        return make(**options)
    except TypeError as error:
        # a mistyped option is the user's, any other TypeError ours
        option = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if option is None or option[1] not in options or option[1] in inspect.signature(make).parameters:
            raise
        raise unknown(f"option of task {name}", option[1], inspect.signature(make).parameters) from None


def draw_task(name: str, loop: "Loop", key: Any, held_out: bool = False) -> "Loop":
    """Another patient under another drift, from ``key``; traceable. held_out: of ranges that training never sees."""
    return task_spec(name).draw(loop, key, held_out)
