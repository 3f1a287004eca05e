"""Adaptive filters that act on windows."""

from ..filters.whitening import AdaptiveWhitening
from ..spec import MethodSpec, composed

SPECS: tuple[MethodSpec, ...] = (
    MethodSpec(
        "whiten",
        "Adaptive whitening",
        "whitening learnt online by the relative gradient, without a factorisation a window",
        "causal",
        "none",
        ("align",),
        composed(AdaptiveWhitening),
        failure="at high rates the whitener follows the noise of single windows; slower than alignment after a jump",
    ),
)
