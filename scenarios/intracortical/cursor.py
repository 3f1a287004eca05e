"""A simulated user who steers a cursor to targets through a decoder: the closed loop, bin by bin, in one scan.

The user sees the cursor late, keeps an estimate of where it is by now, and pushes towards the target the harder the
farther it is (Willett et al. 2017, J. Neural Eng. 14:016001). The decoder is a linear map with exponential smoothing.
All numbers are those of the simulator of Wilson et al. 2023 (bioRxiv 2023.02.03.527022) unless it says otherwise.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jax import Array

BIN_S = 0.02
SMOOTHING = 0.94
DELAY = 10  # bins until the user sees what the cursor does: 200 ms
RADIUS = 0.075  # of a target, where the screen is 1 wide
HOLD = 25  # bins that the cursor must stay there: .5 s
LIMIT = 500  # bins until a trial is given up: 10 s
NOISE = 0.3  # sd of a unit's activity in a bin
PUSH_SCALE, PUSH_POWER = 0.05, 0.35  # fitted to the published table of push against distance


def push(distance: Array) -> Array:
    """How hard the user pushes at this distance () from the target, 0 to 1."""
    return 1.0 - jnp.exp(-((distance / PUSH_SCALE) ** PUSH_POWER))


@functools.cache
def user_gain() -> np.ndarray:
    """(DELAY + 1, 2, 2): by how much an error of the seen cursor's position and velocity corrects the user's estimate
    of each of the bins since; the settled Kalman gain with process and observation noise of 1."""
    plant = np.array([[1.0, BIN_S], [0.0, SMOOTHING]])
    n = 2 * (DELAY + 1)
    a = np.eye(n, k=-2)
    a[:2, :2] = plant
    c = np.zeros((2, n))
    c[:, -2:] = np.eye(2)
    q = np.zeros((n, n))
    q[:2, :2] = np.eye(2)
    p = scipy.linalg.solve_discrete_are(a.T, c.T, q, np.eye(2))
    return (p @ c.T @ np.linalg.inv(c @ p @ c.T + np.eye(2))).reshape(DELAY + 1, 2, 2)


class Loop(NamedTuple):
    """What a block is run with. drive (2, 2): decoded direction for a push of 1 in x and in y; drift (2,): decoded for
    none; noise (2, 2): takes two standard normal numbers to the noise of the decoded direction; gain ()."""

    drive: Array
    drift: Array
    noise: Array
    gain: Array


class State(NamedTuple):
    seen: Array  # (DELAY + 1, 2, 2) the cursor now and before: bin, position or velocity, axis
    believed: Array  # (DELAY + 1, 2, 2) the same as the user thinks it was
    push: Array  # (2,)
    target: Array  # (2,)
    held: Array  # () int32 bins on the target
    spent: Array  # () int32 bins of this trial


class Bin(NamedTuple):
    """One bin: push (2,), noise (2,) standard normal, position (2,) after it, target (2,), direction (2,) decoded, done
    () bool, the trial ended with it, taken () int32, bins it took."""

    push: Array
    noise: Array
    position: Array
    target: Array
    direction: Array
    done: Array
    taken: Array


def start(key: Array) -> State:
    """The cursor at rest in the middle, a first target."""
    rest = jnp.zeros((DELAY + 1, 2, 2))
    return State(rest, rest, jnp.zeros(2), _target(key), jnp.int32(0), jnp.int32(0))


def _target(key: Array) -> Array:
    return jax.random.uniform(key, (2,)) - 0.5


def step(loop: Loop, state: State, noise: Array, next_target: Array) -> tuple[State, Bin]:
    """A bin: belief, push, decoding, cursor, and whether the trial is over."""
    into = loop.gain * (1.0 - SMOOTHING)
    belief = _moved(state.believed[0], into * state.push)
    wrong = state.seen[-1] - state.believed[-1]
    believed = jnp.concatenate([belief[None], state.believed[:-1]])
    believed = believed + jnp.einsum("kij,ja->kia", jnp.asarray(user_gain(), noise.dtype), wrong)
    error = state.target - believed[0, 0]
    distance = jnp.sqrt((error**2).sum())
    pushed = push(distance) * error / jnp.maximum(distance, 1e-9)
    direction = loop.drive @ pushed + loop.drift + loop.noise @ noise
    cursor = _moved(state.seen[0], into * direction)
    seen = jnp.concatenate([cursor[None], state.seen[:-1]])
    inside = ((state.target - cursor[0]) ** 2).sum() < RADIUS**2
    held = jnp.where(inside, state.held + 1, 0)
    spent = state.spent + 1
    done = (held > HOLD) | (spent > LIMIT)
    out = Bin(pushed, noise, cursor[0], state.target, direction, done, spent)
    target = jnp.where(done, next_target, state.target)
    keep = jnp.where(done, 0, 1)
    return State(seen, believed, pushed, target, held * keep, spent * keep), out


def _moved(cursor: Array, push: Array) -> Array:
    """(2, 2) position and velocity a bin later."""
    position, velocity = cursor
    return jnp.stack([position + BIN_S * velocity, SMOOTHING * velocity + push])


def record(loop: Loop, key: Array, n_bins: int) -> Bin:
    """A block with everything that went on, fields (n_bins, ...)."""
    k_noise, k_target, k_start = jax.random.split(key, 3)
    inputs = (jax.random.normal(k_noise, (n_bins, 2)), jax.random.uniform(k_target, (n_bins, 2)) - 0.5)
    return jax.lax.scan(lambda s, i: step(loop, s, *i), start(k_start), inputs)[1]


def trial_time(loop: Loop, key: Array, n_bins: int) -> Array:
    """Mean time () s of the trials that end in a block; those given up take 10 s."""
    k_noise, k_target, k_start = jax.random.split(key, 3)
    inputs = (jax.random.normal(k_noise, (n_bins, 2)), jax.random.uniform(k_target, (n_bins, 2)) - 0.5)

    def bin_(carry: tuple[State, Array, Array], i: tuple[Array, Array]) -> tuple[tuple[State, Array, Array], None]:
        state, out = step(loop, carry[0], *i)
        ended = out.done.astype(jnp.float32)
        return (state, carry[1] + ended, carry[2] + ended * out.taken), None

    zero = jnp.float32(0.0)
    (_, trials, bins), _ = jax.lax.scan(bin_, (start(k_start), zero, zero), inputs)
    return jnp.where(trials > 0, BIN_S * bins / jnp.maximum(trials, 1.0), BIN_S * n_bins)
