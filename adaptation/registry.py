"""The catalogue of decoders and recalibration methods, by the names a user types."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from ..sim.errors import InputError
from .contract import Adapter, Decoder
from .decoders.csp_lda import CSPLDA
from .decoders.tangent import TangentLR
from .methods.alignment import EuclideanAlignment, RiemannianRecentering, SlidingAlignment
from .methods.composed import Composed
from .methods.finetuning import ContinualFineTuning
from .methods.online import OnlineReadout
from .methods.recalibration import Recalibration
from .methods.renormalisation import Renormalisation
from .methods.scheduled import Scheduled

S = TypeVar("S")


class MethodSpec(NamedTuple):
    """A recalibration method as scenarios list it.

    causal: "causal", or "transductive" for one that knows the future (the oracle, whose ``make`` takes the
    fields of Scheduled; every other takes nothing). labels: what it asks of the user. parts: which of align,
    params, stats it moves.
    """

    name: str
    title: str
    summary: str
    causal: str
    labels: str
    parts: tuple[str, ...]
    make: Callable[..., Adapter]


class DecoderSpec(NamedTuple):
    """A decoder with what it wants of its input: band and lowest sampling rate in Hz, alignment mean.

    covariance_only: it sees a window only through its covariance, so compressed windows serve it as well.
    """

    name: str
    title: str
    make: Callable[[int, int, int, float], Decoder]
    l_freq: float
    h_freq: float
    min_sfreq: float
    alignment: str
    covariance_only: bool = False


def _composed(*parts: Callable[[], Any]) -> Callable[[], Adapter]:
    return lambda: Composed(parts=tuple(part() for part in parts))


def _recalibration(n_labels: int, mode: str) -> Callable[[], Any]:
    return lambda: Recalibration(n_labels=n_labels, mode=mode)


def _eegnet(n_channels: int, n_times: int, n_classes: int, sfreq: float) -> Decoder:
    from .decoders.eegnet import EEGNet

    return EEGNet.create(n_channels, n_times, n_classes, sfreq)


def _shallow(n_channels: int, n_times: int, n_classes: int, sfreq: float) -> Decoder:
    from .decoders.shallow import ShallowFBCSPNet

    return ShallowFBCSPNet.create(n_channels, n_times, n_classes, sfreq)


def _by_name(*specs: S) -> Mapping[str, S]:
    return {spec.name: spec for spec in specs}  # type: ignore[attr-defined]


METHODS: Mapping[str, MethodSpec] = _by_name(
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
        _composed(_recalibration(10, "readout")),
    ),
    MethodSpec(
        "recal20",
        "Recalibration, 20 labels",
        "readout refitted on the first 20 labelled trials of each period",
        "causal",
        "20 per period",
        ("params",),
        _composed(_recalibration(20, "readout")),
    ),
    MethodSpec(
        "scratch20",
        "From scratch, 20 labels",
        "everything fitted anew on the first 20 labelled trials of each period",
        "causal",
        "20 per period",
        ("params", "stats"),
        _composed(_recalibration(20, "scratch")),
    ),
    MethodSpec(
        "ea",
        "Euclidean alignment",
        "whitening by the running mean covariance",
        "causal",
        "none",
        ("align",),
        _composed(EuclideanAlignment),
    ),
    MethodSpec(
        "ea_ema",
        "Euclidean alignment, EMA",
        "whitening by an exponential moving average of the covariance (b = .95)",
        "causal",
        "none",
        ("align",),
        _composed(lambda: EuclideanAlignment(floor=0.05)),
    ),
    MethodSpec(
        "ea_sliding",
        "Euclidean alignment, sliding",
        "whitening by the mean covariance of the last 32 windows",
        "causal",
        "none",
        ("align",),
        _composed(SlidingAlignment),
    ),
    MethodSpec(
        "riemann",
        "Riemannian recentering",
        "whitening by the geodesic running mean of the covariance",
        "causal",
        "none",
        ("align",),
        _composed(RiemannianRecentering),
    ),
    MethodSpec(
        "adabn",
        "Renormalisation",
        "feature mean and variance follow the windows (AdaBN-like)",
        "causal",
        "none",
        ("stats",),
        _composed(Renormalisation),
    ),
    MethodSpec(
        "cft",
        "Continual fine-tuning",
        "gradient steps on every labelled trial with a replay buffer, slow lower layers",
        "causal",
        "every trial",
        ("params",),
        _composed(ContinualFineTuning),
    ),
    MethodSpec(
        "ea_cft",
        "Euclidean alignment + fine-tuning",
        "Euclidean alignment, then continual fine-tuning on aligned windows",
        "causal",
        "every trial",
        ("align", "params"),
        _composed(EuclideanAlignment, ContinualFineTuning),
    ),
    MethodSpec(
        "riemann_cft",
        "Riemannian recentering + fine-tuning",
        "Riemannian recentering, then continual fine-tuning on recentred windows",
        "causal",
        "every trial",
        ("align", "params"),
        _composed(RiemannianRecentering, ContinualFineTuning),
    ),
    MethodSpec(
        "riemann_online",
        "Riemannian recentering + online readout",
        "Riemannian recentering, the readout refitted after every label on recentred windows",
        "causal",
        "every trial",
        ("align", "params"),
        _composed(RiemannianRecentering, OnlineReadout),
    ),
)

DECODERS: Mapping[str, DecoderSpec] = _by_name(
    DecoderSpec("csp_lda", "CSP + LDA", CSPLDA.create, 8.0, 30.0, 64.0, "euclidean", True),
    DecoderSpec(
        "tangent_lr", "Tangent space + logistic regression", TangentLR.create, 8.0, 30.0, 64.0, "riemannian", True
    ),
    DecoderSpec("eegnet", "EEGNet", _eegnet, 4.0, 38.0, 80.0, "euclidean"),
    DecoderSpec("shallow", "ShallowFBCSPNet", _shallow, 4.0, 38.0, 80.0, "euclidean"),
)


def method(name: str) -> MethodSpec:
    """The method called ``name``; InputError with a suggestion where there is none."""
    return _look_up(name, METHODS, "method")


def decoder(name: str) -> DecoderSpec:
    """The decoder called ``name``; InputError with a suggestion where there is none."""
    return _look_up(name, DECODERS, "decoder")


def _look_up(name: str, catalogue: Mapping[str, S], kind: str) -> S:
    if name in catalogue:
        return catalogue[name]
    close = difflib.get_close_matches(name, catalogue, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise InputError(f"unknown {kind} {name!r}; {hint}choose from {', '.join(catalogue)}.")
