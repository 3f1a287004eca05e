"""Band power as an implanted sensing device computes it: overlapping Fourier transforms, averaged."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from ..errors import InputError, check_window
from ..loop.reading import Reading
from ..pytree import component, static
from .gaps import usable
from .iir import check_band, check_positive


class BandPowerState(NamedTuple):
    v: Array  # (n_channels, n_fft) V
    good: Array  # (n_channels, n_fft) bool
    recent: Array  # (n_channels, n_average) V^2, the newest last
    n_updates: Array  # () int32
    tick: Array  # () int32, windows since the last update


@component
class BandPower:
    """Mean square of a band in each channel, V^2, from the last ``n_fft`` samples, anew every ``every`` control
    windows, mean over the last ``n_average`` times.

    transform (n_fft, 2 n_bins): cosines and sines of the band's bins, with a Hann window. Unusable samples count as the
    mean of the others, and the power is scaled by the share of the window's weight that is left; with less than half of
    it the power is not renewed.
    """

    transform: Array
    weight: Array  # (n_fft,), the Hann window squared, of sum 1
    n_channels: int = static()
    n_average: int = static()
    every: int = static()

    @classmethod
    def create(
        cls, band: Sequence[float], sfreq: float, n_times: int, *, n_fft: int = 1024, update_s: float = 0.5,
        n_average: int = 1, n_channels: int = 1,
    ) -> "BandPower":  # fmt: skip
        """Defaults: of an investigational device for adaptive stimulation, which at 500 Hz takes 1024 points every 0.5
        s (and averages up to 60 of them). band (low, high) Hz. InputError for an update that is not whole windows."""
        check_window("band power", sfreq, n_times)
        low, high = check_band(band, sfreq)
        check_positive(n_fft=n_fft, n_average=n_average, n_channels=n_channels, update_s=update_s)
        every = round(update_s * sfreq / n_times)
        if every < 1 or abs(every * n_times / sfreq - update_s) > 0.02 * update_s:
            raise InputError(
                f"update_s is {update_s:g}; wanted a whole number of control windows of {n_times / sfreq:g} s"
            )
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
        bins = np.arange(n_fft // 2 + 1)
        bins = bins[(bins * sfreq / n_fft >= low) & (bins * sfreq / n_fft <= high)]
        if not len(bins):
            raise InputError(
                f"no bin of a {n_fft}-point transform lies in {low:g} to {high:g} Hz; wanted a band of at least"
                f" {sfreq / n_fft:g} Hz"
            )
        turn = 2 * np.pi * np.outer(np.arange(n_fft), bins) / n_fft
        # one-sided, so that over all bins the mean square comes out (Parseval)
        scale = hann[:, None] * np.sqrt(2.0 / (n_fft * np.sum(hann**2)))
        return cls(
            transform=jnp.asarray(np.concatenate([scale * np.cos(turn), scale * np.sin(turn)], axis=1), jnp.float32),
            weight=jnp.asarray(hann**2 / np.sum(hann**2), jnp.float32),
            n_channels=n_channels, n_average=n_average, every=every,
        )  # fmt: skip

    @property
    def n_features(self) -> int:
        return self.n_channels

    def init(self) -> BandPowerState:
        n_fft = self.weight.shape[0]
        return BandPowerState(
            v=jnp.zeros((self.n_channels, n_fft)), good=jnp.zeros((self.n_channels, n_fft), bool),
            recent=jnp.zeros((self.n_channels, self.n_average)), n_updates=jnp.int32(0), tick=jnp.int32(0),
        )  # fmt: skip

    def step(self, state: BandPowerState, reading: Reading) -> tuple[BandPowerState, Array]:
        """Features (n_channels,) V^2; 0 until half of the first transform is filled."""
        n_fft = self.weight.shape[0]
        fresh = usable(reading)
        good = jnp.concatenate([state.good, fresh], axis=1)[:, -n_fft:]
        v = jnp.concatenate([state.v, jnp.where(fresh, reading.v, 0.0)], axis=1)[:, -n_fft:]
        tick = state.tick + 1
        left = good @ self.weight
        mean = jnp.sum(jnp.where(good, v, 0.0), axis=1) / jnp.maximum(jnp.sum(good, axis=1), 1)
        spectrum = jnp.where(good, v - mean[:, None], 0.0) @ self.transform
        power = jnp.sum(spectrum**2, axis=1) / jnp.maximum(left, 0.5)
        due = (tick >= self.every) & jnp.any(left >= 0.5) & reading.fresh
        newest = jnp.where(left >= 0.5, power, state.recent[:, -1])
        recent = jnp.where(due, jnp.concatenate([state.recent[:, 1:], newest[:, None]], axis=1), state.recent)
        n_updates = jnp.minimum(state.n_updates + due, self.n_average)
        tick = jnp.where(tick >= self.every, 0, tick)
        value = jnp.sum(recent, axis=1) / jnp.maximum(n_updates, 1)
        return BandPowerState(v, good, recent, n_updates, tick), value
