"""Rats and humans with a lead beside the subthalamic nucleus: seconds off and on medication, and their band powers."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.block_filter import BlockFilter
from ...sim.builders import local_plant
from ...sim.keys import stream_key
from ...sim.noise import normal
from ...sim.sources.registry import make_source
from ...sim.species import options_for
from ...sim.species import species as find_species

SFREQ, N_TIMES = 256.0, 256  # one second
FIELD = {"rat": 14e-6, "human": 25e-6}
"""V rms of 1/f from the tissue around the lead; the human's nominal beta is 10 uV. Assumed, both, so that one second is
not enough to be sure."""
EFFECT = 0.25, 0.5  # of a dose, as the task pd_adbs_onoff draws it
WEIGHTS, DELAY, SIZE = 0.05, 0.08, 0.4  # standard deviations of logarithms, between animals (assumed)
EDGES = np.arange(6.0, 49.0, 3.0)  # Hz
RELATIVE_EDGES = np.arange(0.45, 1.72, 0.09)  # of the species' beta frequency
PARKINSONIAN = ("pd_SG", "pd_GS", "pd_GG", "pd_CS", "pd_XG")


class Seconds(NamedTuple):
    """v (n_animals, 2, n_seconds, n_times) V: medicated, then off; in_bounds (n_animals, 2, n_seconds) bool."""

    v: np.ndarray
    in_bounds: np.ndarray


def record_animals(name: str, numbers: np.ndarray, seed: int, n_seconds: int) -> Seconds:
    """Animals of a species: who they are depends on the number alone, what is recorded on the seed too."""
    return Seconds(*(np.asarray(a) for a in _record(name, n_seconds, jnp.asarray(numbers), seed)))


def band_powers(v: np.ndarray, beta: float | None = None) -> np.ndarray:
    """Logarithms of the power (..., n_bands), V², of seconds v (..., n_times) V in the bands between ``EDGES`` Hz, or
    between ``RELATIVE_EDGES`` times ``beta`` Hz.

    The power up to an edge is interpolated between the bins of the spectrum, so that bands need not be whole bins.
    """
    edges = EDGES if beta is None else RELATIVE_EDGES * beta
    taper = np.hanning(v.shape[-1])
    power = np.abs(np.fft.rfft((v - v.mean(-1, keepdims=True)) * taper)) ** 2 / (taper**2).sum() / v.shape[-1] * 2
    # a bin reaches half a bin to either side of its frequency
    upto = np.cumsum(np.concatenate([np.zeros_like(power[..., :1]), power], axis=-1), axis=-1)
    at = np.clip(edges * v.shape[-1] / SFREQ + 0.5, 0, power.shape[-1])
    low = np.minimum(np.floor(at).astype(int), power.shape[-1] - 1)
    below = upto[..., low] + (at - low) * (upto[..., low + 1] - upto[..., low])
    return np.log(np.diff(below, axis=-1) + 1e-20)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _record(name: str, n_seconds: int, numbers: Array, seed: Any) -> tuple[Array, Array]:
    with jax.ensure_compile_time_eval():
        animal = find_species(name)
        delay = animal.stn_gpe_delay
        # room for every animal's delay: three standard deviations
        room = {"shortest_delay": delay * np.exp(-3 * DELAY), "longest_delay": max(delay * np.exp(3 * DELAY), 5e-3)}
        options: Any = options_for("stn_gpe", "parkinsonian", animal, {"sfreq": SFREQ, "n_times": N_TIMES, **room})
        plant = local_plant(make_source("stn_gpe", "parkinsonian", **options))
        pink = BlockFilter.one_over_f(SFREQ, N_TIMES)
    nominal = dataclasses.replace(plant.conditions, noise_gain=jnp.float32(animal.noise_scale))
    root = stream_key(jax.random.key(0), f"transfer.species.{name}")

    def one(number: Array) -> tuple[Array, Array]:
        key = stream_key(root, "animal", number)
        template: Any = plant.source
        drawn = {
            letter: getattr(template.model, letter) * jnp.exp(WEIGHTS * jax.random.normal(stream_key(key, letter)))
            for letter in PARKINSONIAN
        }
        spread = jnp.clip(jax.random.normal(stream_key(key, "delay")), -2.5, 2.5)
        drawn["d"] = template.model.d * jnp.exp(DELAY * spread)
        source = dataclasses.replace(template, model=dataclasses.replace(template.model, **drawn))
        projection: Any = plant.projection
        size = projection.gain * jnp.exp(SIZE * jax.random.normal(stream_key(key, "size")))
        dose = jax.random.uniform(stream_key(key, "dose"), (), minval=EFFECT[0], maxval=EFFECT[1])

        def session(off: Array) -> tuple[Array, Array]:
            run = stream_key(stream_key(key, "run", seed), "session", off)
            conditions = dataclasses.replace(nominal, medication=dose * (1 - off))
            k_source, k_field, k_amplifier, k_steps = jax.random.split(run, 4)

            def second(state: Any, key: Array) -> Any:
                brain, field, amplifier = state
                k_brain, k_pink, k_chain = jax.random.split(key, 3)
                brain, moments, truth = source.step(brain, jnp.zeros((source.n_stim, N_TIMES)), conditions, k_brain)
                field, around = pink.step(field, normal(k_pink, (1, N_TIMES)))
                potentials = size * moments + FIELD[name] * around
                amplifier, v, _ = plant.amplifier.step(amplifier, potentials, conditions, k_chain)
                return (brain, field, amplifier), (v[0], truth["in_bounds"])

            start = (
                source.init(k_source, conditions), pink.init(jax.random.normal(k_field, (1, pink.decay.shape[0]))),
                plant.amplifier.init(k_amplifier),
            )  # fmt: skip
            return jax.lax.scan(second, start, jax.random.split(k_steps, n_seconds))[1]

        return jax.vmap(session)(jnp.arange(2))

    return jax.vmap(one)(numbers)
