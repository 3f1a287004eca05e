"""How late a loop is: acquisition blocks, filter, computing, stimulator, jitter, lost packets, a clock of its own."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ..errors import InputError, check_window
from ..keys import stream_key
from ..noise import normal
from ..pytree import component, static


class LatencyState(NamedTuple):
    past: Array  # (n_channels, n_past + n_times) V, the newest sample last
    unusable: Array  # (n_past + n_times,) bool
    phase: Array  # () s since the acquisition block that is being filled began
    v: Array  # (n_channels, n_times) V, what arrived last
    blanked: Array  # (n_times,) bool
    age: Array  # () s, of what arrived last


@component
class Latency:
    """From a sample to the moment at which the answer to it takes effect.

    The delay of the newest sample is the sum of: a sawtooth between 0 and ``block`` () s, because samples leave the
    amplifier in blocks; ``filter`` () s, group delay of its filters; ``transport`` () s, median, times a lognormal
    factor of log-sd ``jitter`` (); ``compute`` () s; ``stimulator`` () s until the current changes. With probability
    ``drop`` () a packet is lost: the controller has the last one, older by a window. ``clock_ppm`` () is by how much
    the amplifier's clock runs ahead of the stimulator's, so that the blocks slide along the control windows.

    All of it is put on the sensing side, in whole samples: with a command that takes effect at the beginning of a
    window, a delay before and one after the controller are the same thing to the loop. At most ``n_past`` samples.
    """

    block: Array
    filter: Array
    transport: Array
    jitter: Array
    compute: Array
    stimulator: Array
    drop: Array
    clock_ppm: Array
    n_channels: int = static()
    n_times: int = static()
    sfreq: float = static()
    n_past: int = static()

    @classmethod
    def create(
        cls,
        n_channels: int,
        sfreq: float,
        n_times: int,
        *,
        block: float = 0.0,
        filter: float = 0.0,
        transport: float = 0.0,
        jitter: float = 0.0,
        compute: float = 0.0,
        stimulator: float = 0.0,
        drop: float = 0.0,
        clock_ppm: float = 0.0,
        longest: float | None = None,
    ) -> "Latency":
        """Times in s, by default none. ``longest`` s is the longest delay there is room for, by default the sum with
        three standard deviations of jitter. InputError for negative times and probabilities that cannot be."""
        check_window("latency", sfreq, n_times)
        times = {
            "block": block, "filter": filter, "transport": transport, "jitter": jitter, "compute": compute,
            "stimulator": stimulator,
        }  # fmt: skip
        for name, value in times.items():
            if not 0.0 <= value < math.inf:
                raise InputError(f"{name} of the latency is {value:g}; wanted a finite number, 0 or more")
        if not 0.0 <= drop < 1.0:
            raise InputError(f"drop is {drop:g}; wanted a probability below 1")
        if not abs(clock_ppm) < 1e5:
            raise InputError(f"clock_ppm is {clock_ppm:g}; wanted parts per million of a clock, below 100 000")
        most = block + filter + transport * math.exp(3 * jitter) + compute + stimulator if longest is None else longest
        return cls(
            **{name: jnp.float32(value) for name, value in times.items()},
            drop=jnp.float32(drop), clock_ppm=jnp.float32(clock_ppm),
            n_channels=n_channels, n_times=n_times, sfreq=sfreq, n_past=math.ceil(most * sfreq - 1e-6),
        )  # fmt: skip

    def init(self) -> LatencyState:
        """Before the first window; the past is silent."""
        n = self.n_past + self.n_times
        return LatencyState(
            past=jnp.zeros((self.n_channels, n)), unusable=jnp.zeros(n, bool), phase=jnp.zeros(()),
            v=jnp.zeros((self.n_channels, self.n_times)), blanked=jnp.zeros(self.n_times, bool), age=jnp.zeros(()),
        )  # fmt: skip

    def step(
        self, state: LatencyState, v: Array, blanked: Array, key: Array
    ) -> tuple[LatencyState, tuple[Array, Array, Array, Array]]:
        """v (n_channels, n_times) V and blanked (n_times,) as recorded in a window -> what has arrived at its end: v,
        blanked, age () s and fresh () bool."""
        k_jitter, k_drop = stream_key(key, "jitter"), stream_key(key, "drop")
        past = jnp.concatenate([state.past[:, self.n_times :], v], axis=1)
        unusable = jnp.concatenate([state.unusable[self.n_times :], blanked])
        window_s = self.n_times / self.sfreq
        phase = state.phase + window_s * (1.0 + 1e-6 * self.clock_ppm)
        # a block of no length is every sample at once; a window that is whole blocks long leaves a rounding error
        block = jnp.maximum(self.block, 1e-9)
        phase = phase - jnp.floor(phase / block + 1e-4) * block
        phase = jnp.where(self.block > 0, jnp.maximum(phase, 0.0), 0.0)
        late = self.transport * jnp.exp(self.jitter * normal(k_jitter, ()))
        delay = phase + self.filter + late + self.compute + self.stimulator
        n = jnp.clip(jnp.round(delay * self.sfreq).astype(jnp.int32), 0, self.n_past)
        start = self.n_past - n
        newest = jax.lax.dynamic_slice(past, (0, start), (self.n_channels, self.n_times))
        marks = jax.lax.dynamic_slice(unusable, (start,), (self.n_times,))
        fresh = jax.random.uniform(k_drop) >= self.drop
        age = jnp.where(fresh, jnp.minimum(delay, self.n_past / self.sfreq), state.age + window_s)
        arrived = jnp.where(fresh, newest, state.v)
        marks = jnp.where(fresh, marks, state.blanked)
        return LatencyState(past, unusable, phase, arrived, marks, age), (arrived, marks, age, fresh)
