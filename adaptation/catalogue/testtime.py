"""Test-time adaptation: statistics, and gradients without labels, each behind Euclidean alignment."""

from collections.abc import Callable
from typing import Any

from ..contract import Adapter
from ..methods.alignment import EuclideanAlignment
from ..methods.alpha_bn import AlphaBN
from ..methods.composed import Composed
from ..methods.cotta import CoTTA
from ..methods.eata import EATA
from ..methods.ensemble import Ensemble
from ..methods.entropy import InformationMaximisation
from ..methods.renormalisation import Renormalisation
from ..methods.sar import SAR
from ..methods.testtime import UnlabelledTraining
from ..methods.ttime import ImbalancePrior
from ..spec import MethodSpec, composed


def _aligned(*parts: Callable[[], Any]) -> Callable[[], Adapter]:
    return composed(EuclideanAlignment, *parts)


def ttime() -> UnlabelledTraining:
    """The part that learns as T-TIME does, for those who put something around it."""
    return UnlabelledTraining(rule=InformationMaximisation(temperature=2.0, diversity=1.0), dropout=True)


def _spec(
    name: str,
    title: str,
    summary: str,
    make: Callable[..., Any],
    failure: str,
    parts: tuple[str, ...] = ("align", "params", "stats"),
    needs: tuple[str, ...] = ("csp_lda", "tangent_lr", "eegnet", "shallow"),
) -> MethodSpec:
    fits = needs if "params" in parts else "any"
    return MethodSpec(name, title, summary, "causal", "none", parts, make, needs=fits, failure=failure)


SPECS: tuple[MethodSpec, ...] = (
    _spec(
        "alpha_bn",
        "Alpha-BN",
        "Euclidean alignment, then source statistics mixed with a tenth of those of the last 32 windows",
        _aligned(AlphaBN),
        "a buffer of one window, which takes away what its power says of the class",
        parts=("align", "stats"),
    ),
    _spec(
        "alpha_bn_continual",
        "Alpha-BN, continual",
        "Euclidean alignment, then statistics that follow every window by a thousandth",
        _aligned(lambda: Renormalisation(rate=0.001)),
        "too slow for a sudden drift: half of it is left after 700 windows",
        parts=("align", "stats"),
    ),
    _spec(
        "tent",
        "TENT",
        "Euclidean alignment, then the entropy of the last 8 windows descended in the norms' scale and bias "
        "(the readout of a decoder without norms)",
        _aligned(lambda: UnlabelledTraining(rule=InformationMaximisation(), moves="affine")),
        "collapses to one class where a stretch of windows holds one class only",
    ),
    _spec(
        "otta_em",
        "OTTA-EM",
        "Euclidean alignment, statistics of the last 32 windows, and one step down their entropy per 32 windows",
        _aligned(
            lambda: AlphaBN(alpha=1.0),
            lambda: UnlabelledTraining(
                rule=InformationMaximisation(), n_windows=32, stride=32, learning_rate=5e-4, statistics="batch"
            ),
        ),
        "collapses to one class as TENT does, and follows the shares of the classes in the buffer",
    ),
    _spec(
        "shot_im",
        "SHOT-IM",
        "Euclidean alignment, then information maximisation on the last 8 windows, the readout frozen",
        _aligned(lambda: UnlabelledTraining(rule=InformationMaximisation(diversity=1.0), moves="features")),
        "takes classes to be equally frequent: with one in ten it calls frequent ones rare",
        needs=("csp_lda", "eegnet", "shallow"),
    ),
    _spec(
        "ttime",
        "T-TIME",
        "Euclidean alignment, then information maximisation on the last 8 windows, all parameters, one step a trial",
        _aligned(ttime),
        "takes classes to be equally frequent: on a one-class stream it calls windows the other class",
    ),
    _spec(
        "ttime_imbalanced",
        "T-TIME, imbalance prior",
        "T-TIME whose marginal term is weighted by how often each class was predicted with confidence",
        _aligned(lambda: UnlabelledTraining(rule=ImbalancePrior(), dropout=True)),
        "confident errors count as frequency, and the rare class goes on fading",
    ),
    _spec(
        "ttime_ens",
        "T-TIME, ensemble of 5",
        "T-TIME on five decoders of other seeds, combined by the spectral meta-learner",
        lambda: Ensemble(adapter=Composed(parts=(EuclideanAlignment(), ttime()))),
        "members that err together agree, and agreement is taken for accuracy; five times the cost",
    ),
    _spec(
        "eata",
        "EATA",
        "Euclidean alignment, then the entropy of sure and novel windows, anchored by calibration's Fisher information",
        _aligned(lambda: UnlabelledTraining(rule=EATA(), moves="affine")),
        "the filter starves: after a strong drift no window is sure enough to learn from",
    ),
    _spec(
        "sar",
        "SAR",
        "Euclidean alignment, then the entropy of sure windows towards flat minima, reset when it collapses",
        _aligned(lambda: UnlabelledTraining(rule=SAR(), moves="affine")),
        "its threshold of collapse is for a thousand classes: unscaled, it is reset all the time with two",
    ),
    _spec(
        "cotta",
        "CoTTA",
        "Euclidean alignment, then a student taught by its own slow average, which predicts, and now and then set back",
        _aligned(lambda: UnlabelledTraining(rule=CoTTA())),
        "a teacher of thousands of trials' memory hardly moves in a session, and the statistics drag it below source",
    ),
)
