"""Motor imagery: Stuart-Landau mu and beta rhythms of the two hand areas and the foot area, desynchronised on cue.

dz = [(a + i 2 pi f) z - |z|^2 z + u] dt + s sqrt(dt) (N1 + i N2),  a < 0:  E|z|^2 = s^2/|a| (weak noise).
Event-related desynchronisation by a fraction e multiplies the power by 1 - e, that is a_task = a_rest / (1 - e).
Time course (Pfurtscheller 1997): mu and the coupled beta desynchronise first, the second beta a second later, and
beta rebounds within a second of the end, by +232 +- 82 % on the contralateral side.
"""

from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..conditions import Conditions
from ..noise import normal
from ..phase import rotate
from ..pytree import component, static
from .base import Truth
from .trial_labels import next_label

AREAS = ("left hand area", "right hand area", "foot area")
CLASS_NAMES = ("left hand", "right hand")


class MotorImageryState(NamedTuple):
    envelope: Array  # (3, 2, 2) areas x (mu, beta) x (real, imaginary), in each rhythm's rotating frame
    phase: Array  # (3, 2) rad, phase of each rotating frame, wrapped
    position: Array  # () int32 window within the trial
    label: Array  # () int32 class of the running trial
    trial_gain: Array  # (3,) amplitude of the areas in this trial
    previous: Array  # () int32 class of the trial before, for balanced pairs


@component
class MotorImagery:
    """One simulated person imagining left- or right-hand movement.

    frequency (3, 2) Hz and moment (3, 2) A·m (rms) of mu and beta per area; a_rest (2,) 1/s; erd_contra and
    erd_ipsi () power fractions; rebound () relative beta power above rest after the end; trial_sd () log-amplitude
    spread over trials; positions (3, 3) m; orientations (3, 3); coupling () 1/(A s) of stimulation into
    dz/dt (1200, assumed: 2 mA in resonance triples the resting power).
    Stimulation has two contacts, over the left and the right hand area.
    """

    frequency: Array
    moment: Array
    a_rest: Array
    erd_contra: Array
    erd_ipsi: Array
    rebound: Array
    trial_sd: Array
    positions: Array
    orientations: Array
    coupling: Array
    sfreq: float = static(default=250.0)
    window_s: float = static(default=1.0)
    rest_s: float = static(default=2.0)
    imagery_s: float = static(default=4.0)
    recovery_s: float = static(default=2.0)

    jittable: ClassVar[bool] = True
    responds_to_stim: ClassVar[bool] = True

    @classmethod
    def sample(
        cls,
        key: Array,
        radius: float = 0.09,
        depth: float = 0.016,
        erd_contra: tuple[float, float] = (0.45, 0.15),
        erd_ipsi: tuple[float, float] = (0.10, 0.15),
        **static_fields: float,
    ) -> "MotorImagery":
        """Draw one person: mu 10-12 Hz, beta 18-25 Hz, contralateral desynchronisation of ``erd_contra`` (mean,
        standard deviation) and ipsilateral within ``erd_ipsi`` (least, greatest), fractions of power; areas ``depth`` m
        below the scalp near C3, C4 and Cz, mixed radial and tangential (.75 radial)."""
        k = jax.random.split(key, 8)
        mu = jax.random.uniform(k[0], (1,), minval=10.0, maxval=12.0)
        beta = jax.random.uniform(k[1], (1,), minval=18.0, maxval=25.0)
        frequency = jnp.stack([jnp.broadcast_to(mu, (3,)), jnp.broadcast_to(beta, (3,))], axis=1)
        frequency = frequency + 0.2 * jax.random.normal(k[2], (3, 2))
        loudness = jnp.exp(0.15 * jax.random.normal(k[3], (3, 2)))
        erd = jnp.clip(erd_contra[0] + erd_contra[1] * jax.random.normal(k[4], ()), 0.1, 0.8)
        ipsi = jax.random.uniform(k[5], (), minval=erd_ipsi[0], maxval=erd_ipsi[1])
        # 45 degrees from the vertex to either side for the hands, the vertex for the feet; 5 mm of anatomical spread
        side = np.sin(np.pi / 4)
        radial = jnp.asarray([[-side, 0.0, side], [side, 0.0, side], [0.0, 0.0, 1.0]])
        place = radial + 0.005 / radius * jax.random.normal(k[6], (3, 3))
        place = place / jnp.linalg.norm(place, axis=1, keepdims=True)
        tangent = jnp.cross(place, jax.random.normal(k[7], (3, 3)))
        tangent = tangent / jnp.linalg.norm(tangent, axis=1, keepdims=True)
        return cls(
            frequency=frequency,
            moment=jnp.asarray([[30e-9, 15e-9], [30e-9, 15e-9], [10e-9, 5e-9]]) * loudness,
            a_rest=jnp.asarray([-6.0, -6.0]),
            erd_contra=erd,
            erd_ipsi=ipsi,
            rebound=jnp.float32(2.32),
            trial_sd=jnp.float32(0.15),
            positions=place * (radius - depth),
            orientations=0.75 * place + np.sqrt(1 - 0.75**2) * tangent,
            coupling=jnp.float32(1200.0),
            **static_fields,
        )

    @property
    def n_times(self) -> int:
        return round(self.window_s * self.sfreq)

    @property
    def n_sources(self) -> int:
        return 3

    @property
    def n_stim(self) -> int:
        return 2

    @property
    def n_classes(self) -> int:
        return 2

    @property
    def trial_windows(self) -> int:
        return round((self.rest_s + self.imagery_s + self.recovery_s) / self.window_s)

    @property
    def epoch(self) -> tuple[int, int]:
        """From one second after the cue, when the desynchronisation is there, to the end of imagery."""
        return round((self.rest_s + 1.0) / self.window_s), round((self.rest_s + self.imagery_s) / self.window_s)

    def init(self, key: Array, conditions: Conditions) -> MotorImageryState:
        noise = jax.random.normal(key, (3, 2, 2))
        return MotorImageryState(
            envelope=noise * jnp.sqrt(0.5 * _POWER),
            phase=jnp.zeros((3, 2)),
            position=jnp.int32(0),
            label=jnp.int32(-1),
            trial_gain=jnp.ones(3),
            previous=jnp.int32(-1),
        )

    def step(
        self, state: MotorImageryState, stim: Array, conditions: Conditions, key: Array
    ) -> tuple[MotorImageryState, Array, Truth]:
        """One window: stim (2, n_times) A -> moments (3, n_times) A·m and the truth of the trial.

        Of the truth, ``power`` (3, 2) is what the task asks of areas x (mu, beta), ``rhythm_power`` (3, 2) the mean
        |z|^2 that came of it, both relative to rest.
        """
        k_label, k_gain, k_noise = jax.random.split(key, 3)
        first = state.position == 0
        drawn, opened = next_label(k_label, state.previous, conditions.class_prior)
        label = jnp.where(first, drawn, state.label)
        previous = jnp.where(first, opened, state.previous)
        fresh = jnp.exp(self.trial_sd * jax.random.normal(k_gain, (3,)) - 0.5 * self.trial_sd**2)
        gain = jnp.where(first, fresh, state.trial_gain)

        seconds = (state.position * self.n_times + jnp.arange(self.n_times)) / self.sfreq - self.rest_s
        power = self.power(seconds, label, conditions)  # (3, 2, n_times)
        a = self.a_rest[None, :, None] / power

        dt = 1.0 / self.sfreq
        phase, end_phase = rotate(state.phase, self.frequency, self.n_times, self.sfreq)  # (3, 2, n_times)
        drive = self._drive(stim, conditions)  # (3, n_times) 1/s
        force = drive[:, None, :] * jnp.stack([jnp.cos(phase), -jnp.sin(phase)])  # (2, 3, 2, n_times)
        # a real force has one rotating half in resonance; the other averages out, as in the full equation
        s = jnp.sqrt(0.5 * _POWER * 2.0 * jnp.abs(self.a_rest))[None, :, None, None]
        kicks = s * jnp.sqrt(dt) * normal(k_noise, (3, 2, 2, self.n_times))

        def heun(w: Array, inputs: tuple[Array, Array, Array]) -> tuple[Array, Array]:
            a_n, f_n, kick = inputs
            slope = _slope(w, a_n, f_n)
            guess = w + dt * slope + kick
            w = w + 0.5 * dt * (slope + _slope(guess, a_n, f_n)) + kick
            return w, w

        inputs = (
            jnp.moveaxis(a, -1, 0)[..., None],
            jnp.moveaxis(force, (0, -1), (-1, 0)),
            jnp.moveaxis(kicks, -1, 0),
        )
        envelope, trace = jax.lax.scan(heun, state.envelope, inputs)
        rhythm = trace[..., 0] * jnp.cos(jnp.moveaxis(phase, -1, 0)) - trace[..., 1] * jnp.sin(
            jnp.moveaxis(phase, -1, 0)
        )
        # E|z|^2 = _POWER at rest, so the real part has variance _POWER / 2
        scale = self.moment * gain[:, None] * conditions.rhythm_gain / np.sqrt(0.5 * _POWER)
        moments = jnp.sum(rhythm * scale, axis=-1).T

        position = (state.position + 1) % self.trial_windows
        new = MotorImageryState(envelope, end_phase, position, label, gain, previous)
        truth: Truth = {
            "label": label,
            "imagery": (seconds[0] >= 0) & (seconds[-1] <= self.imagery_s),
            "power": jnp.mean(power, axis=-1),
            "rhythm_power": jnp.mean(jnp.sum(trace**2, axis=-1), axis=0) / _POWER,
        }
        return new, moments, truth

    def power(self, seconds: Array, label: Array, conditions: Conditions) -> Array:
        """Power of mu and beta relative to rest, (3, 2, n_times), at ``seconds`` after the cue of class ``label``."""
        contra = 1 - label  # class 0 (left hand) is contralateral to area 1 (right)
        is_contra = jnp.asarray([contra == 0, contra == 1]).astype(jnp.float32)
        depth = jnp.where(is_contra > 0, self.erd_contra, self.erd_ipsi)
        depth = jnp.concatenate([depth, jnp.zeros(1)]) * conditions.modulation_gain  # (3,) the feet stay at rest
        depth = jnp.clip(depth, 0.0, 0.95)
        onset = jnp.asarray([0.25, 1.25])[:, None]  # the second beta follows the mu by a second
        erd = _ramp(seconds - onset, 0.5) * (1.0 - _ramp(seconds - self.imagery_s, 0.5))  # (2, n_times)
        after = seconds - self.imagery_s - 0.5
        # held for half a second: the rhythm's power follows at 2|a|, too slowly for a peak without duration
        rebound = _ramp(after, 0.5) * (1.0 - _ramp(after - 1.0, 0.5)) * jnp.asarray([0.0, 1.0])[:, None]
        gain = jnp.concatenate([is_contra, jnp.zeros(1)]) * self.rebound * conditions.modulation_gain
        return 1.0 - depth[:, None, None] * erd + gain[:, None, None] * rebound

    def _drive(self, stim: Array, conditions: Conditions) -> Array:
        force = self.coupling * conditions.stim_efficacy * stim
        return jnp.concatenate([force, jnp.zeros((1, self.n_times))])


_POWER = 0.02
"""E|z|^2 at rest: small enough that the cubic term changes the power by about 2 _POWER/|a| = under 1 %."""


def _slope(w: Array, a: Array, force: Array) -> Array:
    return (a - jnp.sum(w * w, axis=-1, keepdims=True)) * w + force


def _ramp(t: Array, duration: float) -> Array:
    """0 before t = 0, 1 after ``duration``, a raised cosine in between."""
    return 0.5 - 0.5 * jnp.cos(jnp.pi * jnp.clip(t / duration, 0.0, 1.0))
