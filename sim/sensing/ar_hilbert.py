"""Phase by autoregressive forward prediction and the Hilbert transform.

Chen et al. (2013), IEEE Trans. Biomed. Eng. 60:753; Zrenner et al. (2018), Brain Stimulation 11:374: the past is
filtered forth and back, its end, where the filter knows no future, is thrown away, an autoregressive model of what is
left foretells it anew and on into the future, and the Hilbert transform is read off in the middle. The model is Burg's,
which is stable and needs no matrix to be inverted; samples are thinned first, as a model of a slow rhythm at a high
sampling rate is all but singular.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from ..errors import InputError
from ..loop.reading import Reading
from ..pytree import component, static
from .iir import check_positive
from .phase import (
    N_FEATURES,
    Lateness,
    Rhythm,
    arrive,
    averaged_turn,
    check_estimator,
    first_value,
    on_time,
    predicted,
    push,
    turning,
    zero_phase,
)


class ArHilbertState(NamedTuple):
    past: Array  # (n_past,) V
    late: Lateness
    rhythm: Rhythm
    turn: Array  # (2,) V^2


@component
class ArHilbert:
    """Features (4,): cosine and sine of the phase at the effect, amplitude V, frequency Hz.

    smooth (n_kept, n_past): filters, throws the end away and thins; hilbert (2, 2 half + 1): the analytic signal in the
    middle of as many thinned samples; weights (n_channels,): the signal, a sum of channels. ``n_ahead`` thinned samples
    are foretold, ``half`` of them after the newest sample.
    """

    smooth: Array
    hilbert: Array
    weights: Array
    band: Array
    keep: Array
    sfreq: float = static()
    thin: int = static()
    half: int = static()
    n_ahead: int = static()
    n_lag: int = static()
    order: int = static()

    @classmethod
    def create(
        cls, band: Sequence[float], sfreq: float, n_times: int, *, seconds: float | None = None,
        edge_s: float | None = None, filter_s: float | None = None, order: int = 10, tau: float = 0.5,
        weights: ArrayLike = 1.0,
    ) -> "ArHilbert":  # fmt: skip
        """band (low, high) Hz around the rhythm; ``seconds`` of past, by default ten cycles of its centre; ``edge_s``
        at its end that are foretold instead, by default seven eighths of a cycle; ``filter_s``: length of the filter,
        by default one and a quarter; ``order`` of the autoregressive model at about 16 samples a cycle; ``tau`` s over
        which the frequency is averaged."""
        (low, high), mixing = check_estimator((band[0], band[1]), sfreq, n_times, weights)
        centre = 0.5 * (low + high)
        cycle = sfreq / centre
        thin = max(int(cycle / 16), 1)
        n = round((10.0 * cycle) if seconds is None else seconds * sfreq)
        n_taps = round(1.25 * cycle if filter_s is None else filter_s * sfreq)
        edge = round((0.875 * cycle if edge_s is None else edge_s * sfreq) / thin)
        half = round(cycle / thin)
        rows = np.arange(n - 1, -1, -thin)[edge:][::-1]
        check_positive(tau=tau, edge_s=edge)
        if not 1 <= order < len(rows) // 2 or len(rows) < 2 * half:
            raise InputError(
                f"{n / sfreq:g} s leave {len(rows)} thinned samples for a model of order {order}; wanted more than"
                f" {max(2 * order, 2 * half)}, a longer past"
            )
        return cls(
            smooth=jnp.asarray(zero_phase((low, high), sfreq, n, n_taps)[rows], jnp.float32),
            hilbert=jnp.asarray(_hilbert_in_the_middle(half), jnp.float32),
            weights=jnp.asarray(mixing), band=jnp.asarray([low, high], jnp.float32),
            keep=jnp.float32(np.exp(-1.0 / (tau * sfreq))), sfreq=float(sfreq), thin=thin, half=half,
            n_ahead=edge + half, n_lag=max(round(cycle / thin / 4), 1), order=order,
        )  # fmt: skip

    @property
    def n_features(self) -> int:
        return N_FEATURES

    def init(self) -> ArHilbertState:
        zero = jnp.zeros(())
        rhythm = Rhythm(zero, zero, jnp.mean(self.band))
        return ArHilbertState(jnp.zeros(self.smooth.shape[1]), on_time(), rhythm, jnp.zeros(2))

    def step(self, state: ArHilbertState, reading: Reading) -> tuple[ArHilbertState, Array]:
        late, arrival = arrive(state.late, reading, self.weights, self.sfreq)
        past = jnp.where(state.late.seen, state.past, first_value(arrival))
        past = push(past, arrival, state.rhythm, self.sfreq)
        kept = self.smooth @ past
        model = burg(kept, self.order)

        def ahead(recent: Array, _: None) -> tuple[Array, Array]:
            new = model @ recent
            return jnp.concatenate([new[None], recent[:-1]]), new

        _, future = jax.lax.scan(ahead, kept[::-1][: self.order], None, length=self.n_ahead)
        whole = jnp.concatenate([kept, future])
        length, lag = 2 * self.half + 1, self.n_lag
        z, then = self.hilbert @ whole[-length:], self.hilbert @ whole[-length - lag : -lag]
        turn = averaged_turn(state.turn, z, then, arrival.n_new, self.keep)
        frequency = turning(turn, lag * self.thin / self.sfreq, self.band, jnp.mean(self.band))
        rhythm = Rhythm(jnp.arctan2(z[1], z[0]), jnp.hypot(z[0], z[1]), frequency)
        return ArHilbertState(past, late, rhythm, turn), predicted(*rhythm, arrival.age)


def burg(x: Array, order: int) -> Array:
    """Coefficients (order,) with which x[t] is foretold from x[t - 1], x[t - 2], ... (Burg's method).

    What is left of the signal below a millionth of its power isn't modelled: it is rounding.
    """
    n, places = x.shape[0], jnp.arange(order)
    least = 2e-6 * jnp.sum(x**2)

    def stage(carry: tuple[Array, Array, Array], m: Array) -> tuple[tuple[Array, Array, Array], None]:
        forward, backward, model = carry
        # an error of the prediction forwards at t meets that of the prediction backwards at t - 1
        before = jnp.roll(backward, 1)
        inside = jnp.arange(n) > m
        power = jnp.sum(jnp.where(inside, forward**2 + before**2, 0.0))
        k = 2 * jnp.sum(jnp.where(inside, forward * before, 0.0)) / jnp.where(power > 0, power + least, 1.0)
        mirrored = jnp.take(model, jnp.clip(m - 1 - places, 0, order - 1))
        model = jnp.where(places < m, model - k * mirrored, jnp.where(places == m, k, 0.0))
        return (forward - k * before, before - k * forward, model), None

    return jax.lax.scan(stage, (x, x, jnp.zeros(order, x.dtype)), jnp.arange(order))[0][2]


def _hilbert_in_the_middle(half: int) -> np.ndarray:
    """(2, 2 half + 1) float64: weights of real and imaginary part of the analytic signal in the middle."""
    n = 2 * half + 1
    f = np.fft.fftfreq(n)
    step = np.where(f > 0, 2.0, np.where(f == 0, 1.0, 0.0))
    impulse = np.fft.ifft(step)
    z = impulse[(half - np.arange(n)) % n]
    return np.stack([z.real, z.imag])
