"""Methods behind a guard, or woken by a detector of drift."""

from collections.abc import Callable
from typing import Any

from ..methods.alignment import EuclideanAlignment, RiemannianRecentering
from ..methods.composed import Composed
from ..methods.finetuning import ContinualFineTuning
from ..methods.gated import Gated
from ..methods.guard import Guard
from ..monitors import PageHinkley
from ..spec import MethodSpec
from .testtime import ttime

_HARM = (
    "nothing goes live before the end of a guard window, so drift is undone some windows later than by the bare method"
)


def _guarded(canary: str, *parts: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: Guard(adapter=Composed(parts=tuple(part() for part in parts)), canary=canary)


def _gated() -> Gated:
    # Tuned to some 2000 standard normal values between false alarms; over sessions that start anew, 1500 to 1800.
    monitor = PageHinkley(threshold=9.4, delta=0.25, alpha=1.0, min_instances=5, direction="up")
    return Gated(adapter=Composed(parts=(EuclideanAlignment(),)), monitor=monitor)


SPECS: tuple[MethodSpec, ...] = (
    MethodSpec(
        "ea_guarded",
        "Euclidean alignment, guarded",
        "Euclidean alignment on a shadow copy, live when recent windows look strange without it and usual with it",
        "causal",
        "none",
        ("align",),
        _guarded("likeness", EuclideanAlignment),
        failure=_HARM,
    ),
    MethodSpec(
        "riemann_guarded",
        "Riemannian recentering, guarded",
        "Riemannian recentering on a shadow copy, live when recent windows look strange without it and usual with it",
        "causal",
        "none",
        ("align",),
        _guarded("likeness", RiemannianRecentering),
        failure=_HARM,
    ),
    MethodSpec(
        "ttime_guarded",
        "T-TIME, guarded",
        "T-TIME on a shadow copy, live when recent windows look strange without it and usual with it",
        "causal",
        "none",
        ("align", "params", "stats"),
        _guarded("likeness", EuclideanAlignment, ttime),
        needs=("csp_lda", "tangent_lr", "eegnet", "shallow"),
        failure=f"{_HARM}; what it learns beyond the alignment is lost where no drift is seen",
    ),
    MethodSpec(
        "cft_guarded",
        "Continual fine-tuning, guarded",
        "continual fine-tuning on a shadow copy, live when it meets the labels better before learning them",
        "causal",
        "every trial",
        ("params",),
        _guarded("labels", ContinualFineTuning),
        learns_from="labels",
        failure="a real exchange of the classes is taken for wrong labels and never learnt",
    ),
    MethodSpec(
        "ea_cft_guarded",
        "Euclidean alignment + fine-tuning, guarded",
        "both on a shadow copy, live when it meets the labels better before learning them",
        "causal",
        "every trial",
        ("align", "params"),
        _guarded("labels", EuclideanAlignment, ContinualFineTuning),
        learns_from="labels",
        failure="a real exchange of the classes is taken for wrong labels and never learnt",
    ),
    MethodSpec(
        "ea_gated",
        "Euclidean alignment, woken by a monitor",
        "Euclidean alignment for 60 trials after a Page-Hinkley alarm on the covariance's distance from calibration",
        "causal",
        "none",
        ("align",),
        _gated,
        failure="a drift too slow for the monitor, or one that leaves distances as they were, is slept through",
    ),
)
