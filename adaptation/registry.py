"""The catalogue of decoders and recalibration methods, by the names a user types."""

import difflib
from collections.abc import Mapping
from typing import TypeVar

from ..sim.errors import InputError
from .catalogue import basic, classical, filters, guarded, labelled, testtime
from .contract import Decoder
from .decoders.csp_lda import CSPLDA
from .decoders.mdm import MDM
from .decoders.tangent import TangentLR
from .spec import DecoderSpec, MethodSpec

S = TypeVar("S")


def _eegnet(n_channels: int, n_times: int, n_classes: int, sfreq: float) -> Decoder:
    from .decoders.eegnet import EEGNet

    return EEGNet.create(n_channels, n_times, n_classes, sfreq)


def _shallow(n_channels: int, n_times: int, n_classes: int, sfreq: float) -> Decoder:
    from .decoders.shallow import ShallowFBCSPNet

    return ShallowFBCSPNet.create(n_channels, n_times, n_classes, sfreq)


def _by_name(*specs: S) -> Mapping[str, S]:
    return {spec.name: spec for spec in specs}  # type: ignore[attr-defined]


METHODS: Mapping[str, MethodSpec] = _by_name(
    *basic.SPECS, *classical.SPECS, *testtime.SPECS, *labelled.SPECS, *filters.SPECS, *guarded.SPECS
)

DECODERS: Mapping[str, DecoderSpec] = _by_name(
    DecoderSpec("csp_lda", "CSP + LDA", CSPLDA.create, 8.0, 30.0, 64.0, "euclidean", True),
    DecoderSpec(
        "tangent_lr", "Tangent space + logistic regression", TangentLR.create, 8.0, 30.0, 64.0, "riemannian", True
    ),
    DecoderSpec("mdm", "Minimum distance to Riemannian mean", MDM.create, 8.0, 30.0, 64.0, "riemannian", True),
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
