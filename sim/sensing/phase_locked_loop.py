"""Phase by a phase-locked loop: an oscillator that is pulled along by the signal.

What oscillator and offset leave of the signal, brought down to 0 Hz by the oscillator's own phase and smoothed,
corrects its amplitude and gives its phase error; the error moves the phase and, more slowly, the frequency (a loop of
second order, Gardner, Phaselock Techniques). Few operations a sample and no past: what fits into a stimulator. Unusable
samples let the oscillator run free.
"""

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
from .phase import N_FEATURES, Lateness, arrive, check_estimator, on_time, predicted


class LoopState(NamedTuple):
    phase: Array  # () rad at the newest sample, wrapped
    frequency: Array  # () Hz
    base: Array  # (2,) V, the signal as the oscillator sees it: amplitude times e^(i error)
    offset: Array  # () V
    late: Lateness


@component
class PhaseLockedLoop:
    """Features (4,): cosine and sine of the phase at the effect, amplitude V, frequency Hz.

    frequency () Hz: where it begins; bandwidth () Hz: how fast it follows; smooth () Hz: corner of the low-pass behind
    the detector; span () Hz: how far it may go from where it began; weights (n_channels,): the signal, a sum of
    channels.
    """

    frequency: Array
    bandwidth: Array
    smooth: Array
    span: Array
    weights: Array
    sfreq: float = static()

    @classmethod
    def create(
        cls, frequency: float, sfreq: float, n_times: int, *, bandwidth: float | None = None,
        smooth: float | None = None, span: float | None = None, weights: ArrayLike = 1.0,
    ) -> "PhaseLockedLoop":  # fmt: skip
        """frequency Hz of the rhythm; by default bandwidth is a tenth of it, smooth and span a quarter."""
        _, mixing = check_estimator((sfreq / 8, sfreq / 4), sfreq, n_times, weights)
        check_positive(frequency=frequency)
        if frequency >= sfreq / 2:
            raise InputError(f"frequency is {frequency:g} Hz; wanted less than {sfreq / 2:g} Hz, half of sfreq")
        chosen = {
            name: share * frequency if value is None else value
            for name, value, share in (
                ("bandwidth", bandwidth, 0.1), ("smooth", smooth, 0.25), ("span", span, 0.25),
            )
        }  # fmt: skip
        check_positive(**chosen)
        return cls(
            frequency=jnp.float32(frequency), **{name: jnp.float32(x) for name, x in chosen.items()},
            weights=jnp.asarray(mixing), sfreq=float(sfreq),
        )  # fmt: skip

    @property
    def n_features(self) -> int:
        return N_FEATURES

    def init(self) -> LoopState:
        return LoopState(jnp.zeros(()), self.frequency, jnp.zeros(2), jnp.zeros(()), on_time())

    def step(self, state: LoopState, reading: Reading) -> tuple[LoopState, Array]:
        late, arrival = arrive(state.late, reading, self.weights, self.sfreq)
        n_times, dt = arrival.v.shape[0], 1.0 / self.sfreq
        natural = 2 * jnp.pi * self.bandwidth
        pull, bend = 2 * np.sqrt(0.5) * natural, natural**2 / (2 * jnp.pi)  # damping of 0.71
        rate = 1 - jnp.exp(-2 * jnp.pi * self.smooth * dt)

        def sample(carry: tuple[Array, ...], given: tuple[Array, Array, Array]) -> tuple[tuple, None]:
            phase, frequency, base, offset = carry
            v, good, is_new = given
            ahead = phase + 2 * jnp.pi * frequency * dt
            c, s = jnp.cos(ahead), jnp.sin(ahead)
            left = v - offset - (base[0] * c - base[1] * s)
            offset = offset + jnp.where(good, 0.1 * rate, 0.0) * left
            smoothed = base + jnp.where(good, 2 * rate, 0.0) * left * jnp.stack([c, -s])
            error = jnp.arctan2(smoothed[1], jnp.where(jnp.any(smoothed != 0), smoothed[0], 1.0))
            error = jnp.where(good, error, 0.0)
            by = pull * error * dt
            c, s = jnp.cos(by), jnp.sin(by)
            # what was smoothed is turned along, so that the low-pass adds no lag to the loop
            turned = jnp.stack([c * smoothed[0] + s * smoothed[1], c * smoothed[1] - s * smoothed[0]])
            away = jnp.clip(frequency + bend * error * dt - self.frequency, -self.span, self.span)
            new = (jnp.mod(ahead + by, 2 * jnp.pi), self.frequency + away, turned, offset)
            return jax.tree.map(lambda a, b: jnp.where(is_new, a, b), new, carry), None

        lost = jnp.maximum(arrival.n_new - n_times, 0)
        offset = jnp.where(state.late.seen, state.offset, jnp.mean(arrival.v))
        start = (state.phase + 2 * jnp.pi * state.frequency * lost * dt, state.frequency, state.base, offset)
        is_new = jnp.arange(n_times) >= n_times - arrival.n_new
        (phase, frequency, base, offset), _ = jax.lax.scan(sample, start, (arrival.v, arrival.good, is_new))
        features = predicted(phase, jnp.hypot(base[0], base[1]), frequency, arrival.age)
        return LoopState(phase, frequency, base, offset, late), features
