"""The symptom of pd_decoded_adbs: beta of the subthalamic nucleus, what makes it come and go, and its judgement."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.clock import Clock
from ...sim.conditions import Conditions
from ...sim.loop import Judgement
from ...sim.plant import Plant, PlantState, Window
from ...sim.pytree import component, static

BAND = (12.0, 32.0)  # Hz; the model's beta lies between 20 and 28


@component
class Episodes:
    """Beta comes and goes within seconds: dopaminergic tone wanders between none and ``depth`` () of a full effect of
    medication, the logistic function (of slope ``steep`` ()) of an Ornstein-Uhlenbeck process whose correlation time is
    ``windows`` () control windows (assumed; in people, episodes of high beta last up to several seconds; the model has
    none at a constant tone).

    Counted in windows of the brain's own time: drift time may run faster.
    """

    depth: Array
    steep: Array
    windows: Array

    def init(self, key: Array) -> Array:
        return jax.random.normal(key, ())

    def step(self, state: Array, conditions: Conditions, clock: Clock, key: Array) -> tuple[Array, Conditions]:
        keep = jnp.exp(-1.0 / self.windows)
        state = keep * state + jnp.sqrt(1.0 - keep**2) * jax.random.normal(key, ())
        better = self.depth * jax.nn.sigmoid(self.steep * state)
        # what is left of the disease, one effect after the other
        left = (1.0 - conditions.medication) * (1.0 - better)
        return state, dataclasses.replace(conditions, medication=1.0 - left)


@component
class BetaTask:
    """How much beta there is beyond the harmless, and what is paid for bringing it down.

    marker: by how much the subthalamic rate's root mean square within :data:`BAND` exceeds ``harmless`` () over the
    last window, spikes/s: beta that is there in health does not impair. reward: minus the marker relative to ``scale``
    () spikes/s (its mean off stimulation and medication), minus ``weight`` () times the dose, the mean square of the
    amplitude relative to the largest. ``basis`` (n_times, n) projects a window onto the band. ``rhythm_gain`` of the
    conditions, by which the time of day moves what electrodes see, is taken out: it is no symptom.
    """

    harmless: Array
    scale: Array
    weight: Array
    basis: Array
    moment: Array
    max_current: Array
    sfreq: float = static()

    @classmethod
    def create(
        cls, sfreq: float, n_times: int, moment: float, max_current: float, harmless: float, scale: float, weight: float
    ) -> "BetaTask":
        """moment A·m per spike/s of the source; max_current A of the stimulator."""
        return cls(
            harmless=jnp.float32(harmless), scale=jnp.float32(scale), weight=jnp.float32(weight),
            basis=jnp.asarray(band_basis(sfreq, n_times)),
            moment=jnp.float32(moment), max_current=jnp.float32(max_current), sfreq=sfreq,
        )  # fmt: skip

    def init(self) -> tuple[()]:
        return ()

    def judge(self, memory: tuple[()], plant: Plant, state: PlantState, window: Window) -> tuple[tuple[()], Judgement]:
        excess = jnp.maximum(self.amplitude(window) - self.harmless, 0.0)
        dose = jnp.mean((window.stim.applied / self.max_current) ** 2)
        reward = -excess / self.scale - self.weight * dose
        never = jnp.asarray(False)
        return memory, Judgement(reward=reward, terminated=never, marker=excess, cost=jnp.zeros(()))

    def amplitude(self, window: Window) -> Array:
        """() spikes/s rms within the band."""
        rate = window.moments[0] / (self.moment * window.conditions.rhythm_gain)
        return jnp.sqrt(jnp.sum(((rate - jnp.mean(rate)) @ self.basis) ** 2))


def band_basis(sfreq: float, n_times: int, band: tuple[float, float] = BAND) -> np.ndarray:
    """(n_times, n) cosines and sines of the window's own frequencies within ``band`` Hz, scaled so that the sum of
    squares of the projection is the mean square of the signal within it (Parseval)."""
    f = np.arange(1, n_times // 2) * sfreq / n_times
    f = f[(f >= band[0]) & (f <= band[1])]
    turn = 2 * np.pi * np.outer(np.arange(n_times) / sfreq, f)
    return (np.concatenate([np.cos(turn), np.sin(turn)], axis=1) * np.sqrt(2.0) / n_times).astype(np.float32)
