"""The bounds, alignment, renormalisation, recalibration and fine-tuning."""

from collections.abc import Callable
from typing import Any

from ..methods.alignment import EuclideanAlignment, RiemannianRecentering, SlidingAlignment
from ..methods.composed import Composed
from ..methods.finetuning import ContinualFineTuning
from ..methods.online import OnlineReadout
from ..methods.recalibration import Recalibration
from ..methods.refit import RefittedReadout
from ..methods.renormalisation import Renormalisation
from ..methods.scheduled import Scheduled
from ..spec import MethodSpec, composed


def _recalibration(n_labels: int, mode: str) -> Callable[[], Any]:
    return lambda: Recalibration(n_labels=n_labels, mode=mode)


SPECS = (
    MethodSpec("frozen", "Frozen", "nothing adapts: the lower bound", "causal", "none", (), Composed),
    MethodSpec(
        "oracle",
        "Oracle",
        "retrained on labelled trials from after the drift: the upper bound",
        "transductive",
        "those of the retraining, which a user would not have",
        ("align", "params", "stats"),
        Scheduled,
    ),
    MethodSpec(
        "recal10",
        "Recalibration, 10 labels",
        "readout refitted on the first 10 labelled trials of each period",
        "causal",
        "10 per period",
        ("params",),
        composed(_recalibration(10, "readout")),
        learns_from="labels",
    ),
    MethodSpec(
        "recal20",
        "Recalibration, 20 labels",
        "readout refitted on the first 20 labelled trials of each period",
        "causal",
        "20 per period",
        ("params",),
        composed(_recalibration(20, "readout")),
        learns_from="labels",
    ),
    MethodSpec(
        "scratch20",
        "From scratch, 20 labels",
        "everything fitted anew on the first 20 labelled trials of each period",
        "causal",
        "20 per period",
        ("params", "stats"),
        composed(_recalibration(20, "scratch")),
        learns_from="labels",
    ),
    MethodSpec(
        "ea",
        "Euclidean alignment",
        "whitening by the running mean covariance",
        "causal",
        "none",
        ("align",),
        composed(EuclideanAlignment),
    ),
    MethodSpec(
        "ea_ema",
        "Euclidean alignment, EMA",
        "whitening by an exponential moving average of the covariance (b = .95)",
        "causal",
        "none",
        ("align",),
        composed(lambda: EuclideanAlignment(floor=0.05)),
    ),
    MethodSpec(
        "ea_sliding",
        "Euclidean alignment, sliding",
        "whitening by the mean covariance of the last 32 windows",
        "causal",
        "none",
        ("align",),
        composed(SlidingAlignment),
    ),
    MethodSpec(
        "riemann",
        "Riemannian recentering",
        "whitening by the geodesic running mean of the covariance",
        "causal",
        "none",
        ("align",),
        composed(RiemannianRecentering),
    ),
    MethodSpec(
        "adabn",
        "Renormalisation",
        "feature mean and variance follow the windows (AdaBN-like)",
        "causal",
        "none",
        ("stats",),
        composed(Renormalisation),
    ),
    MethodSpec(
        "cft",
        "Continual fine-tuning",
        "gradient steps on every labelled trial with a replay buffer, slow lower layers",
        "causal",
        "every trial",
        ("params",),
        composed(ContinualFineTuning),
        learns_from="labels",
    ),
    MethodSpec(
        "ea_cft",
        "Euclidean alignment + fine-tuning",
        "Euclidean alignment, then continual fine-tuning on aligned windows",
        "causal",
        "every trial",
        ("align", "params"),
        composed(EuclideanAlignment, ContinualFineTuning),
        learns_from="labels",
    ),
    MethodSpec(
        "riemann_cft",
        "Riemannian recentering + fine-tuning",
        "Riemannian recentering, then continual fine-tuning on recentred windows",
        "causal",
        "every trial",
        ("align", "params"),
        composed(RiemannianRecentering, ContinualFineTuning),
        learns_from="labels",
    ),
    MethodSpec(
        "riemann_online",
        "Riemannian recentering + online readout",
        "Riemannian recentering, the readout refitted after every label on recentred windows",
        "causal",
        "every trial",
        ("align", "params"),
        composed(RiemannianRecentering, OnlineReadout),
        learns_from="labels",
    ),
    MethodSpec(
        "riemann_refit",
        "Riemannian recentering + refitted readout",
        "Riemannian recentering, the readout fitted again after every label on all labels so far",
        "causal",
        "every trial",
        ("align", "params"),
        composed(RiemannianRecentering, RefittedReadout),
        needs=("tangent_lr",),
        learns_from="labels",
        failure="labels of before the drift outvote those of after it; wrong labels stay in the training set",
    ),
)
