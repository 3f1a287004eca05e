"""Phase by a state space of noisy oscillators and the Kalman filter.

Matsuda & Komaki (2017), Neural Computation 29:332; Wodeyar et al. (2021), eLife 10:e68803: each rhythm is a point that
turns, decays and is pushed by noise; the signal is the sum of their first coordinates and white noise. The filter's
state has a phase at every sample, without a window or a band-pass filter and their delay, and knows how sure it is.
Other rhythms and slow drifts are oscillators beside the one that is wanted. Unusable samples are not taken note of.
"""

import dataclasses
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
from .phase import N_FEATURES, Lateness, arrive, check_estimator, on_time, predicted


class KalmanState(NamedTuple):
    x: Array  # (2 n_oscillators,) V
    P: Array  # (2 n_oscillators, 2 n_oscillators) V^2
    frequency: Array  # () Hz, of the first
    late: Lateness


@component
class KalmanPhase:
    """Features (4,): cosine and sine of the phase at the effect, amplitude V, frequency Hz, of the first oscillator.

    frequency, width (n_oscillators,) Hz: of the peak and its full width at half power; power (n_oscillators,) V^2: the
    stationary variance of what each adds to the signal; noise () V^2: of white noise in a sample; track () 1/s: how
    fast the first one's frequency follows the corrections of its phase, 0 for the published filter, which keeps it;
    weights (n_channels,): the signal, a sum of channels.
    """

    frequency: Array
    width: Array
    power: Array
    noise: Array
    track: Array
    weights: Array
    sfreq: float = static()

    @classmethod
    def create(
        cls, sfreq: float, n_times: int, *, frequency: float | Sequence[float], width: float | Sequence[float],
        power: float | Sequence[float], noise: float, track: float = 0.0, weights: ArrayLike = 1.0,
    ) -> "KalmanPhase":  # fmt: skip
        """Numbers for one oscillator, or sequences, the wanted one first; one of 0 Hz takes up offsets and slow drifts.
        :meth:`fitted` finds them in a recording."""
        _, mixing = check_estimator((sfreq / 8, sfreq / 4), sfreq, n_times, weights)
        f, w, p = (np.atleast_1d(np.asarray(x, float)) for x in (frequency, width, power))
        if not (f.shape == w.shape == p.shape and f.ndim == 1 and (f >= 0).all() and (f < sfreq / 2).all()):
            raise InputError(
                f"frequency {f}, width {w}, power {p}; wanted as many of each, frequencies from 0 to half of sfreq"
            )
        check_positive(noise=noise, **{f"width[{k}]": x for k, x in enumerate(w)})
        check_positive(**{f"power[{k}]": x for k, x in enumerate(p)}, **{"frequency[0]": f[0]})
        f32 = jnp.float32
        return cls(
            frequency=jnp.asarray(f, f32), width=jnp.asarray(w, f32), power=jnp.asarray(p, f32), noise=f32(noise),
            track=f32(track), weights=jnp.asarray(mixing), sfreq=float(sfreq),
        )  # fmt: skip

    def fitted(self, v: ArrayLike) -> "KalmanPhase":
        """The same with the letters that make the spectrum of v (n_channels, n) or (n,) V, some minutes at rest, most
        likely (Whittle's likelihood), beginning from its own."""
        from scipy.optimize import minimize

        x = np.asarray(self.weights, float) @ np.atleast_2d(np.asarray(v, float))
        x = x - x.mean()
        unit = x.std()
        if not (np.isfinite(unit) and unit > 0):
            raise InputError("the recording is constant or not finite; wanted some minutes of a rhythm")
        spectrum = np.abs(np.fft.rfft(x / unit)) ** 2 / len(x)
        omega = 2 * np.pi * np.fft.rfftfreq(len(x))
        # neighbouring bins in one: their mean is as good, and there are far fewer
        n_bins = min(len(omega) - 1, 1000)
        edges = np.unique(np.linspace(1, len(omega), n_bins + 1).astype(int))[:-1]
        count = np.diff(np.append(edges, len(omega)))
        mean, at = (np.add.reduceat(values, edges) / count for values in (spectrum, omega))
        free = np.asarray(self.frequency) > 0
        given = [np.asarray(letter, float) for letter in (self.frequency, self.width, self.power)]
        n = len(free)

        def letters(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
            moved = np.exp(theta)
            return np.where(free, given[0] * moved[:n], 0.0), moved[n : 2 * n], moved[2 * n : 3 * n], float(moved[-1])

        def loss(theta: np.ndarray) -> float:
            f, width, power, noise = letters(theta)
            rho = np.exp(-np.pi * width / self.sfreq)[:, None]
            turn = (2 * np.pi * f / self.sfreq)[:, None]
            density = noise + sum(
                0.5 * power[:, None] * (1 - rho**2) / (1 - 2 * rho * np.cos(at + sign * turn) + rho**2)
                for sign in (1, -1)
            ).sum(axis=0)  # pyright: ignore
            return float(np.sum(count * (np.log(density) + mean / density)))

        start = np.concatenate(
            [np.zeros(n), np.log(given[1]), np.log(given[2] / unit**2), np.log([float(self.noise) / unit**2])]
        )
        bounds = [(-0.5, 0.5)] * n + [(np.log(1e-3), np.log(self.sfreq / 4))] * n + [(-25.0, 5.0)] * (n + 1)
        best = minimize(loss, np.clip(start, *np.array(bounds).T), method="L-BFGS-B", bounds=bounds)
        f, width, power, noise = letters(best.x)
        f32 = jnp.float32
        return dataclasses.replace(
            self, frequency=jnp.asarray(f, f32), width=jnp.asarray(width, f32),
            power=jnp.asarray(power * unit**2, f32), noise=f32(noise * unit**2),
        )  # fmt: skip

    @property
    def n_features(self) -> int:
        return N_FEATURES

    def init(self) -> KalmanState:
        P = jnp.diag(jnp.repeat(self.power, 2))
        return KalmanState(jnp.zeros(P.shape[0]), P, self.frequency[0], on_time())

    def step(self, state: KalmanState, reading: Reading) -> tuple[KalmanState, Array]:
        late, arrival = arrive(state.late, reading, self.weights, self.sfreq)
        n_times = arrival.v.shape[0]
        observe = jnp.tile(jnp.array([1.0, 0.0]), self.power.shape[0])

        def sample(carry: tuple[Array, Array, Array], given: tuple[Array, Array, Array]) -> tuple[tuple, None]:
            x, P, frequency = carry
            v, good, is_new = given
            ahead, spread = self._ahead(x, P, frequency, jnp.float32(1.0))
            known = spread @ observe
            gain = jnp.where(good, known / (observe @ known + self.noise), 0.0)
            corrected = ahead + gain * (v - observe @ ahead)
            # the form that stays symmetric and positive in single precision
            left = jnp.eye(x.shape[0]) - jnp.outer(gain, observe)
            narrowed = left @ spread @ left.T + self.noise * jnp.outer(gain, gain)
            by = jnp.arctan2(
                corrected[1] * ahead[0] - corrected[0] * ahead[1], corrected[0] * ahead[0] + corrected[1] * ahead[1]
            )
            by = jnp.where(jnp.any(ahead[:2] != 0), by, 0.0)
            moved = jnp.clip(
                frequency + self.track * by / (2 * jnp.pi), 0.5 * self.frequency[0], 1.5 * self.frequency[0]
            )
            new = (corrected, narrowed, moved)
            return jax.tree.map(lambda a, b: jnp.where(is_new, a, b), new, carry), None

        lost = jnp.maximum(arrival.n_new - n_times, 0).astype(jnp.float32)
        x, P = self._ahead(state.x, state.P, state.frequency, lost)
        is_new = jnp.arange(n_times) >= n_times - arrival.n_new
        (x, P, frequency), _ = jax.lax.scan(sample, (x, P, state.frequency), (arrival.v, arrival.good, is_new))
        features = predicted(jnp.arctan2(x[1], x[0]), jnp.hypot(x[0], x[1]), frequency, arrival.age)
        return KalmanState(x, P, frequency, late), features

    def _ahead(self, x: Array, P: Array, frequency: Array, n: Array) -> tuple[Array, Array]:
        """State and covariance ``n`` () samples later."""
        f = self.frequency.at[0].set(frequency)
        rho = jnp.exp(-jnp.pi * self.width * n / self.sfreq)
        c, s = rho * jnp.cos(2 * jnp.pi * f * n / self.sfreq), rho * jnp.sin(2 * jnp.pi * f * n / self.sfreq)
        k = 2 * jnp.arange(f.shape[0])
        A = jnp.zeros(P.shape).at[k, k].set(c).at[k, k + 1].set(-s).at[k + 1, k].set(s).at[k + 1, k + 1].set(c)
        return A @ x, A @ P @ A.T + jnp.diag(jnp.repeat(self.power * (1 - rho**2), 2))
