"""A population of motor cortical units: an intended movement drives a stable low-dimensional state, units read it out.

Each trial is a reach to one of ``n_classes`` targets on a circle. The latent state is (intended velocity x, y, speed,
``n_shared`` fluctuations shared by the population) and does not depend on which neurons happen to be seen (Gallego et
al. 2020, Nat. Neurosci. 23:260). The neuron on a channel fires as a Poisson process of rate b exp(w . latent); b and
w, its tuning, are a pure function of (key, channel, identity): when ``unit_identity`` counts on, another neuron is
seen, and it is the same one whoever asks. Turnover and walking rates are :mod:`neurodrift.sim.drift.units`.
"""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..conditions import Conditions
from ..errors import InputError
from ..keys import stream_key
from ..noise import normal
from ..pytree import component, static
from .base import Truth

LARGEST_RATE = 200.0
"""1/s: units fire no faster."""


class IntracorticalState(NamedTuple):
    shared: Array  # (n_shared,) fluctuations at the end of the window before
    wander: Array  # (2,) fluctuation of the intention
    position: Array  # () int32 window within the trial
    trial: Array  # () int32 trial within the block of n_classes
    order: Array  # (n_classes,) int32 targets of the running block


@component
class Intracortical:
    """``n_units`` units, each one "source" whose output is its spike count per sample.

    tuning_key (2,) uint32; rate () 1/s, median of the units' rates, rate_sd () of their logarithms; depth () of tuning,
    log-rate per unit of intended speed; speed_sd, shared_sd () of the other loadings; wander_sd () of the intention
    around the reach; tau () s, of all fluctuations; coupling (n_units, n_stim) 1/s per A of stimulation; positions
    (n_units, 3) m and orientations (n_units, 3) for drawing.
    """

    tuning_key: Array
    rate: Array
    rate_sd: Array
    depth: Array
    speed_sd: Array
    shared_sd: Array
    wander_sd: Array
    tau: Array
    coupling: Array
    positions: Array
    orientations: Array
    n_units: int = static()
    n_shared: int = static(default=3)
    n_classes: int = static(default=8)
    sfreq: float = static(default=50.0)
    window_s: float = static(default=0.5)
    rest_s: float = static(default=0.5)
    reach_s: float = static(default=1.0)

    jittable: ClassVar[bool] = True
    responds_to_stim: ClassVar[bool] = True

    @classmethod
    def sample(
        cls,
        key: Array,
        n_units: int = 96,
        n_stim: int = 1,
        rate: float = 8.0,
        depth: float = 0.6,
        **static_fields: Any,
    ) -> "Intracortical":
        """One person's array; the same key gives the same neurons.

        Rates of 8/s (median), log-sd 0.7, tuning depth 0.6 and 20 spikes/s per 0.1 mA are assumed, within what arrays
        in human motor cortex show. InputError for sizes that cannot be.
        """
        if n_units < 1 or n_stim < 1:
            raise InputError(f"n_units = {n_units}, n_stim = {n_stim}; wanted 1 or more of both")
        source = cls(
            tuning_key=jax.random.key_data(stream_key(key, "tuning")),
            rate=jnp.float32(rate),
            rate_sd=jnp.float32(0.7),
            depth=jnp.float32(depth),
            speed_sd=jnp.float32(0.2),
            shared_sd=jnp.float32(0.2),
            wander_sd=jnp.float32(0.2),
            tau=jnp.float32(0.2),
            coupling=jnp.full((n_units, n_stim), 2e5, jnp.float32),
            positions=jnp.asarray(_array(n_units), jnp.float32),
            orientations=jnp.asarray(np.tile(_HAND_AREA, (n_units, 1)), jnp.float32),
            n_units=n_units,
            **static_fields,
        )
        for name, seconds in (("window_s", source.window_s), ("rest_s", source.rest_s), ("reach_s", source.reach_s)):
            n = seconds * source.sfreq / (1 if name == "window_s" else source.n_times)
            if not source.window_s > 0 or n < 1 or abs(n - round(n)) > 1e-6:
                raise InputError(
                    f"{name} = {seconds:g} s at {source.sfreq:g} Hz; wanted window_s a whole number of samples, rest_s "
                    "and reach_s a whole number of windows"
                )
        return source

    @property
    def n_times(self) -> int:
        return max(round(self.window_s * self.sfreq), 1)

    @property
    def n_sources(self) -> int:
        return self.n_units

    @property
    def n_stim(self) -> int:
        return self.coupling.shape[1]

    @property
    def n_latents(self) -> int:
        return 3 + self.n_shared

    @property
    def trial_windows(self) -> int:
        return round((self.rest_s + self.reach_s) / self.window_s)

    @property
    def epoch(self) -> tuple[int, int]:
        """The reach."""
        return round(self.rest_s / self.window_s), self.trial_windows

    def tuning(self, identity: Array) -> tuple[Array, Array]:
        """(b (n_units,) 1/s, w (n_units, n_latents)) of the neurons ``identity`` (n_units,) int32 of all channels."""

        def neuron(channel: Array, identity: Array) -> Array:
            key = jax.random.fold_in(jax.random.fold_in(jax.random.wrap_key_data(self.tuning_key), channel), identity)
            return jax.random.normal(key, (5 + self.n_shared,))

        z = jax.vmap(neuron)(jnp.arange(self.n_units), identity.astype(jnp.int32))
        direction = z[:, 1:3] / jnp.linalg.norm(z[:, 1:3], axis=1, keepdims=True)
        depth = self.depth * jnp.exp(0.3 * z[:, 3:4])
        weights = jnp.concatenate([depth * direction, self.speed_sd * z[:, 4:5], self.shared_sd * z[:, 5:]], axis=1)
        return self.rate * jnp.exp(self.rate_sd * z[:, 0]), weights

    def init(self, key: Array, conditions: Conditions) -> IntracorticalState:
        k = jax.random.split(key, 3)
        return IntracorticalState(
            shared=jax.random.normal(k[0], (self.n_shared,)),
            wander=jax.random.normal(k[1], (2,)),
            position=jnp.int32(0),
            trial=jnp.int32(0),
            order=jax.random.permutation(k[2], self.n_classes).astype(jnp.int32),
        )

    def step(
        self, state: IntracorticalState, stim: Array, conditions: Conditions, key: Array
    ) -> tuple[IntracorticalState, Array, Truth]:
        """One window: stim (n_stim, n_times) A -> counts (n_units, n_times) of spikes per sample.

        Reads unit_identity, unit_rate, modulation_gain (of the tuning), noise_gain (of the shared fluctuations) and
        stim_efficacy. truth: ``intention`` (2, n_times) in units of the reach's peak speed, ``latents`` (n_latents,
        n_times), ``rate`` (n_units,) 1/s, mean over the window, and ``identity`` (n_units,).
        """
        k_order, k_noise, k_spikes = jax.random.split(key, 3)
        # every block of n_classes trials visits every target once
        fresh = (state.position == 0) & (state.trial == 0)
        shuffled = jax.random.permutation(k_order, self.n_classes).astype(jnp.int32)
        order = jnp.where(fresh, shuffled, state.order)
        label = order[state.trial]

        noise = normal(k_noise, (2 + self.n_shared, self.n_times))
        keep = jnp.exp(-1.0 / (self.sfreq * self.tau))

        def relax(x: Array, n: Array) -> tuple[Array, Array]:
            x = keep * x + jnp.sqrt(1 - keep**2) * n
            return x, x

        end, slow = jax.lax.scan(relax, jnp.concatenate([state.wander, state.shared]), noise.T)
        seconds = (state.position * self.n_times + jnp.arange(self.n_times)) / self.sfreq - self.rest_s
        speed = jnp.sin(jnp.pi * jnp.clip(seconds / self.reach_s, 0.0, 1.0)) ** 2
        angle = 2 * jnp.pi * label / self.n_classes
        intention = jnp.stack([jnp.cos(angle), jnp.sin(angle)])[:, None] * speed + self.wander_sd * slow[:, :2].T
        size = jnp.sqrt(jnp.sum(intention**2, axis=0, keepdims=True))
        latents = jnp.concatenate([intention, size, slow[:, 2:].T])

        identity = jnp.floor(conditions.unit_identity + 0.5).astype(jnp.int32)
        baseline, weights = self.tuning(identity)
        gains = jnp.concatenate([
            jnp.full(3, conditions.modulation_gain), jnp.full(self.n_shared, conditions.noise_gain)
        ])  # fmt: skip
        evoked = self.coupling @ (conditions.stim_efficacy * stim)
        rate = conditions.unit_rate[:, None] * (baseline[:, None] * jnp.exp((weights * gains) @ latents) + evoked)
        rate = jnp.clip(rate, 0.0, LARGEST_RATE)
        counts = poisson(k_spikes, rate / self.sfreq, LARGEST_RATE / self.sfreq)

        position = (state.position + 1) % self.trial_windows
        trial = jnp.where(position == 0, (state.trial + 1) % self.n_classes, state.trial)
        new = IntracorticalState(end[2:], end[:2], position, trial, order)
        truth: Truth = {
            "label": label,
            "intention": intention,
            "latents": latents,
            "rate": jnp.mean(rate, axis=1),
            "identity": identity,
        }
        return new, counts, truth


def poisson(key: Array, mean: Array, largest: float) -> Array:
    """Poisson counts, float32, of ``mean`` up to ``largest``: the inverse of the distribution function, summed up to
    where less than one in 10^7 is left (jax.random.poisson rejects, which is ten times slower under vmap)."""
    u = jax.random.uniform(key, mean.shape)
    term = jnp.exp(-mean)
    below, count = term, jnp.zeros_like(mean)
    for k in range(1, int(np.ceil(largest + 6.0 * np.sqrt(largest) + 8.0))):
        count = count + (u > below)
        term = term * mean / k
        below = below + term
    return count


_HAND_AREA = np.array([-np.sin(np.pi / 4), 0.0, np.cos(np.pi / 4)])


def _array(n_units: int, pitch: float = 0.4e-3, depth: float = 0.016, radius: float = 0.09) -> np.ndarray:
    """(n_units, 3) m: a square grid of 0.4 mm pitch in the left hand area."""
    side = int(np.ceil(np.sqrt(n_units)))
    row, column = np.divmod(np.arange(n_units), side)
    along, across = np.array([0.0, 1.0, 0.0]), np.cross([0.0, 1.0, 0.0], _HAND_AREA)
    offset = (row - (side - 1) / 2)[:, None] * along + (column - (side - 1) / 2)[:, None] * across
    return (radius - depth) * _HAND_AREA + pitch * offset
