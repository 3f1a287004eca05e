"""Controllers as devices ship them: parts with published settings."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from ..sim.sensing import BandPower, LineLength, Mixed
from .averaging import RelativeToTrend
from .burst import Burst
from .controller import Controller
from .shaping import Persistence, Ramp
from .threshold import DualThreshold


def adaptive_dbs(
    upper: float, lower: float, sfreq: float, n_times: int, max_current: float, *,
    band: Sequence[float] = (13.0, 30.0), n_channels: int = 1, channel: int = 0, n_stim: int = 1, n_fft: int = 1024,
    update_s: float = 0.5, n_average: int = 60, high: float = 1.0, low: float = 0.0, up: float = 0.03e-3,
    down: float = 0.12e-3, blanking_s: float = 15.0, onset: float = 1.0, termination: float = 4.0,
) -> Controller:  # fmt: skip
    """An adaptive deep brain stimulator: band power of ``channel`` between two thresholds V^2, hold in between.

    Defaults: power of 13-30 Hz from ``n_fft`` points every ``update_s`` s, mean of ``n_average``; ramps ``up`` and
    ``down`` A/s of a stimulator of ``max_current`` A; ``blanking_s`` s without a decision after a change;
    ``termination`` updates below before it goes down. ``high``, ``low``: relative amplitudes; n_times samples a
    control window.
    """
    power = BandPower.create(band, sfreq, n_times, n_fft=n_fft, update_s=update_s, n_average=n_average)
    law = DualThreshold(
        upper=jnp.float32(upper), gap=jnp.float32(upper - lower), high=jnp.float32(high), low=jnp.float32(low),
        persistence=Persistence(onset=jnp.float32(onset), termination=jnp.float32(termination)), n_stim=n_stim,
    )  # fmt: skip
    return Controller.create(
        _of(channel, n_channels, power), law, n_times / sfreq, period_s=update_s, blanking_s=blanking_s,
        ramp=Ramp.amperes(up, down, max_current),
    )  # fmt: skip


def responsive(
    threshold: float, sfreq: float, n_times: int, *, n_channels: int = 1, channel: int = 0, n_stim: int = 1,
    detector: Any = None, short_s: float = 1.0, trend_s: float = 120.0, level: float = 1.0, duration_s: float = 0.1,
    refractory_s: float = 1.0, max_therapies: float = 5.0, episode_s: float = 30.0, max_per_hour: float = jnp.inf,
) -> Controller:  # fmt: skip
    """A responsive neurostimulator: a burst when the detector's feature exceeds ``threshold`` times its own trend.

    detector: a sensing of one channel, by default the line length of the last ``short_s`` s; the trend is its mean over
    ``trend_s`` s. Implants of this kind detect by line length, area or band-pass, and give up to five bursts of some
    .1 s in an episode; refractory time and the end of an episode are assumed.
    """
    if detector is None:
        detector = LineLength.create(sfreq, n_times, seconds=short_s)
    window_s = n_times / sfreq
    sensing = RelativeToTrend(
        sensing=_of(channel, n_channels, detector), trend_s=jnp.float32(trend_s), window_s=jnp.float32(window_s)
    )
    f32 = jnp.float32
    law = Burst(
        threshold=f32(threshold), level=f32(level), duration_s=f32(duration_s), refractory_s=f32(refractory_s),
        max_therapies=f32(max_therapies), episode_s=f32(episode_s), max_per_hour=f32(max_per_hour), n_stim=n_stim,
    )  # fmt: skip
    return Controller.create(sensing, law, window_s)


def _of(channel: int, n_channels: int, sensing: Any) -> Any:
    return sensing if n_channels == 1 else Mixed.channel(channel, n_channels, sensing)
