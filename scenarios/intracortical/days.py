"""Days of cursor control: the tuning turns overnight, every method recalibrates in its own way and is then timed."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...adaptation.intracortical.kalman import LinearDecoder
from ...adaptation.intracortical.retrospective import LeastSquares, regress, rescaled
from ...adaptation.intracortical.stabiliser import Stabilised, realign
from ...adaptation.intracortical.targets import HiddenTargets, SelectedTargets
from ...sim.keys import stream_key
from ..contract import Notify
from .activity import block_sums, linear, loop_of, open_loop
from .cursor import record, trial_time
from .drifting import CORRELATION, First, first_decoders, first_tuning, moments_of, next_day

METHODS = ("frozen", "stabiliser", "rti", "prit", "supervised")
GAINS = tuple(np.linspace(0.1, 2.5, 10).round(4).tolist())
REFIT = LeastSquares()


@dataclasses.dataclass(frozen=True)
class Course:
    """days: how many; n_training, n_block, n_sweep, n_test: bins (of 20 ms) of the first day's training, of the block
    that a method recalibrates on, of the one in which each gain is tried, and of the one that is timed; stabiliser:
    latents, stable units, threshold, iterations; correlation: of the tuning of one day and the next. The published
    blocks have 20000 bins, for each gain as well."""

    n_days: int = 60
    n_training: int = 10000
    n_block: int = 20000
    n_sweep: int = 2500
    n_test: int = 6000
    n_latents: int = 4
    n_stable: int = 190
    threshold: float = 0.01
    n_iterations: int = 50
    correlation: float = CORRELATION


class Hands(NamedTuple):
    """One method of one person: its decoder, the gain in use, and the stabiliser, whoever uses it."""

    weights: Array
    offset: Array
    gain: Array
    stabilised: Stabilised


@functools.partial(jax.jit, static_argnums=0)
def first_day(course: Course, keys: Array) -> tuple[Array, First]:
    """Tuning and decoders of people (n_people,) of keys."""

    def one(key: Array) -> tuple[Array, First]:
        tuning = first_tuning(stream_key(key, "tuning"))
        first = first_decoders(
            stream_key(key, "training"), tuning, course.n_training, course.n_latents, course.n_iterations
        )
        return tuning, first

    return jax.vmap(one)(keys)


@functools.partial(jax.jit, static_argnums=(0, 1))
def a_day(course: Course, methods: tuple[str, ...], keys: Array, tuning: Array, hands: Hands) -> Any:
    """(tuning, hands, times (n_methods, n_people) s, angle (n_methods, n_people)) of the next day.

    hands: fields (n_methods, n_people, ...). Everybody's noise and targets are the same for all methods.
    """
    tuning = jax.vmap(lambda k, t: next_day(stream_key(k, "night"), t, course.correlation))(keys, tuning)
    blocks = jax.vmap(
        jax.vmap(
            lambda k, t, h: record(loop_of(t, h.weights, h.offset, h.gain), stream_key(k, "block"), course.n_block)
        ),
        in_axes=(None, None, 0),
    )(keys, tuning, hands)
    new = []
    for i, name in enumerate(methods):
        recalibrate = functools.partial(RECALIBRATE[name], course)
        mine = jax.tree.map(lambda leaf, i=i: leaf[i], (blocks, hands))
        new.append(jax.vmap(recalibrate)(keys, tuning, *mine))
    hands = jax.tree.map(lambda *leaves: jnp.stack(leaves), *new)

    def time(key: Array, tuning: Array, h: Hands, gain: Array, n_bins: int) -> Array:
        return trial_time(loop_of(tuning, h.weights, h.offset, gain), key, n_bins)

    def swept(key: Array, tuning: Array, h: Hands) -> Array:
        gains = jnp.asarray(GAINS)
        times = jax.vmap(lambda g: time(stream_key(key, "sweep"), tuning, h, g, course.n_sweep))(gains)
        return gains[jnp.argmin(times)]

    def tested(key: Array, tuning: Array, h: Hands) -> Array:
        return time(stream_key(key, "test"), tuning, h, h.gain, course.n_test)

    everyone = functools.partial(jax.vmap, in_axes=(None, None, 0))
    hands = hands._replace(gain=everyone(jax.vmap(swept))(keys, tuning, hands))
    return tuning, hands, everyone(jax.vmap(tested))(keys, tuning, hands)


def _frozen(course: Course, key: Array, tuning: Array, block: Any, h: Hands) -> Hands:
    return h


def _stabiliser(course: Course, key: Array, tuning: Array, block: Any, h: Hands) -> Hands:
    everything = jnp.ones(course.n_block)
    sums = block_sums(stream_key(key, "units"), tuning, h.weights, block, jnp.zeros_like(block.push), everything)
    stabilised = realign(
        h.stabilised, *moments_of(sums), course.n_stable, course.threshold, course.n_iterations, chained=True,
        recentred=False,
    )  # fmt: skip
    flat = stabilised.flat()
    weights, offset = rescaled(flat.weights, flat.offset, h.weights)
    return h._replace(weights=weights, offset=offset, stabilised=stabilised)


def _inferred(labels: Any, course: Course, key: Array, tuning: Array, block: Any, h: Hands) -> Hands:
    error, weight = labels(block.position, block.direction, block.done)
    sums = block_sums(stream_key(key, "units"), tuning, h.weights, block, error, weight)
    decoder = REFIT.refitted(linear(h.weights, h.offset), sums)
    return h._replace(weights=decoder.weights, offset=decoder.offset)


def _supervised(course: Course, key: Array, tuning: Array, block: Any, h: Hands) -> Hands:
    """As in the clinic: a training block with imagined movements, then a block of control with the decoder of it, whose
    targets are known."""
    trained = rescaled(*regress(open_loop(stream_key(key, "training"), tuning, course.n_training)), h.weights)
    block = record(loop_of(tuning, *trained, h.gain), stream_key(key, "control"), course.n_block)
    error = block.target - block.position
    sums = block_sums(stream_key(key, "units"), tuning, trained[0], block, error, jnp.ones(course.n_block))
    decoder: LinearDecoder = REFIT.refitted(linear(*trained), sums)
    return h._replace(weights=decoder.weights, offset=decoder.offset)


RECALIBRATE = {
    "frozen": _frozen,
    "stabiliser": _stabiliser,
    "rti": functools.partial(_inferred, SelectedTargets()),
    "prit": functools.partial(_inferred, HiddenTargets.on()),
    "supervised": _supervised,
}


def run_days(course: Course, methods: tuple[str, ...], keys: Array, notify: Notify) -> np.ndarray:
    """Mean trial time (n_methods, n_people, n_days) s on each day."""
    notify("the first day")
    tuning, first = first_day(course, keys)
    n = len(methods)
    gain = jnp.ones(keys.shape[0])

    def hands(name: str) -> Hands:
        if name == "stabiliser":
            flat = jax.vmap(lambda s: s.flat())(first.stabilised)
            return Hands(flat.weights, flat.offset, gain, first.stabilised)
        return Hands(first.weights, first.offset, gain, first.stabilised)

    now = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[hands(name) for name in methods])
    times = np.zeros((n, keys.shape[0], course.n_days))
    for day in range(course.n_days):
        notify(f"day {day + 1} of {course.n_days}")
        today = jax.vmap(lambda k, day=day: stream_key(k, "day", day))(keys)
        tuning, now, found = a_day(course, methods, today, tuning, now)
        times[:, :, day] = np.asarray(found)
    return times
