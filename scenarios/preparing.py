"""A recording as a decoder wants it: channels by position, rate, band, window, classes by name."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..adaptation import registry
from ..adaptation.contract import Trials
from ..adaptation.preprocessing import Preprocessing, compressed
from ..adaptation.transfer.card import Card
from ..adaptation.transfer.channels import ChannelMap, map_channels
from ..sim.errors import InputError
from ..sim.recordings import Recording

KEPT = 0.8  # of a slower recording's Nyquist frequency


class Windows(NamedTuple):
    """What of a card says how windows are prepared, where there is no checkpoint yet."""

    decoder: str
    ch_names: tuple[str, ...]
    sfreq: float
    n_times: int
    class_names: tuple[str, ...]
    preprocessing: Mapping[str, Any]


def preprocessing_of(spec: registry.DecoderSpec, seconds: float) -> dict[str, Any]:
    """How windows of ``seconds`` are prepared for a decoder, as a card says it."""
    aligned = "euclidean"  # by pretrain, whatever the decoder
    return {"l_freq": spec.l_freq, "h_freq": spec.h_freq, "window_s": seconds, "alignment": aligned}


def prepared(recording: Recording, card: Card | Windows) -> Trials:
    """The recording's trials as the decoder of ``card`` is given them: its channels (mapped by electrode position where
    the recording has others), rate, band and window, from the recording's beginning on. InputError where it has no such
    channels, classes, rate or length."""
    given, wanted = recording.ch_names, card.ch_names
    channels = None if given == wanted else map_channels(given, wanted)
    facts, spec = card.preprocessing, registry.decoder(card.decoder)
    low, high = float(facts.get("l_freq", spec.l_freq)), float(facts.get("h_freq", spec.h_freq))
    x, sfreq = _resampled(recording.x, recording.sfreq, card.sfreq, high)
    covariance_only = spec.covariance_only
    n_wanted = round(float(facts["window_s"]) * sfreq) if "window_s" in facts else None
    if n_wanted is None and not covariance_only:
        n_wanted = card.n_times * round(sfreq / card.sfreq)
    if n_wanted is not None and x.shape[-1] < n_wanted:
        raise InputError(
            f"trials are {x.shape[-1] / sfreq:g} s long but the checkpoint wants {n_wanted / sfreq:g} s: give "
            "longer trials (calibrate: --tmin and --tmax)"
        )
    x = jnp.asarray(x if n_wanted is None else x[..., :n_wanted])
    filters = Preprocessing.create(sfreq, x.shape[-1], low, high, sfreq_out=card.sfreq)
    x = _filtered(filters, channels, x)
    if x.shape[-1] != card.n_times:
        if not covariance_only:
            raise InputError(
                f"windows have {x.shape[-1]} samples but the checkpoint wants {card.n_times}: its card does not say "
                "how it was prepared (preprocessing: window_s)"
            )
        x = jax.jit(jax.vmap(compressed))(x)
    y = _classes(recording, card)
    return Trials(x, jnp.asarray(y, jnp.int32), jnp.ones(y.shape))


@jax.jit
def _filtered(filters: Preprocessing, channels: ChannelMap | None, x: Array) -> Array:
    return jax.vmap(lambda w: filters.apply(w if channels is None else channels.apply(w)))(x)


def _classes(recording: Recording, card: Card | Windows) -> np.ndarray:
    """Labels (n_trials,) in the order of the checkpoint's classes, matched by name."""

    def plain(name: str) -> str:
        return name.lower().replace("hand", "").replace("fist", "").strip()

    names, wanted = ([plain(n) for n in names] for names in (recording.class_names, card.class_names))
    if sorted(names) != sorted(wanted):
        raise InputError(
            f"the trials are of {', '.join(recording.class_names)} but the checkpoint tells "
            f"{', '.join(card.class_names)} apart: name the classes so in --events"
        )
    return np.asarray([wanted.index(name) for name in names])[recording.y]


def _resampled(x: np.ndarray, sfreq: float, wanted: float, high: float) -> tuple[np.ndarray, float]:
    """x at its own rate where the wanted one divides it, else at the least multiple of that which loses nothing.

    A slower recording is brought to the wanted rate where the band up to ``high`` Hz lies below ``KEPT`` of its Nyquist
    frequency, which interpolation leaves as it is; InputError elsewhere.
    """
    if abs(sfreq / wanted - round(sfreq / wanted)) < 1e-6:
        return x, sfreq
    if sfreq < wanted and high > KEPT * sfreq / 2:
        raise InputError(
            f"the recording has {sfreq:g} Hz but the checkpoint's band ends at {high:g} Hz: record at "
            f"{min(wanted, 2 * high / KEPT):g} Hz or more"
        )
    from scipy.signal import resample_poly

    rate = wanted * int(np.ceil(sfreq / wanted))
    ratio = Fraction(rate / sfreq).limit_denominator(1000)
    return resample_poly(x, ratio.numerator, ratio.denominator, axis=-1, padtype="line").astype(np.float32), rate
