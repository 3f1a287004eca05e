"""The training loop: compiled chunks of updates, told about, kept, and resumed to the bit."""

import dataclasses
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.errors import InputError
from ...sim.keys import stream_key
from .checkpoint import resume, save
from .environment import Environment
from .population import Maker, Population, advance, begin_lanes, fill_bank, population, strong
from .trained import Trained

SAVE_SECONDS = 30.0
"""Within a chunk, there is a checkpoint at most this often, and at most ..."""
SAVE_SHARE = 10.0
"""... every so many times what writing the last one took: the memory of SAC can be a gigabyte."""


class Algorithm(Protocol):
    """What can be trained: a component, so that its numbers may be swept without compiling again."""

    @property
    def steps_per_update(self) -> int: ...
    def init(self, worlds: Population, key: Array) -> Any: ...
    def refresh(self, worlds: Population, state: Any) -> Any: ...
    def update(self, worlds: Population, state: Any) -> tuple[Any, dict[str, Array]]: ...
    def policy(self, worlds: Population, state: Any) -> Trained: ...


@dataclasses.dataclass(frozen=True)
class Progress:
    """After a piece: updates done of n_updates, its mean metrics (over seeds), environment steps per second in it, and
    seconds of wall clock in all."""

    done: int
    n_updates: int
    metrics: dict[str, float]
    steps_per_s: float
    seconds: float

    def __str__(self) -> str:
        m = self.metrics
        shown = {"return": m.get("return", np.nan), "reward": m.get("reward", np.nan), "cost": m.get("cost", np.nan)}
        numbers = "  ".join(f"{name} {value:.4g}" for name, value in shown.items() if np.isfinite(value))
        return f"update {self.done}/{self.n_updates}  {numbers}  {self.steps_per_s:,.0f} steps/s  {self.seconds:.0f} s"


@dataclasses.dataclass(frozen=True)
class Training:
    """Where training stands. curves: each metric over all updates, (n_updates,), or (n_seeds, n_updates) where several
    keys were given; seconds: wall clock in all."""

    algorithm: Any
    worlds: Population
    state: Any
    curves: dict[str, np.ndarray]
    n_updates: int
    seconds: float

    @property
    def n_seeds(self) -> int | None:
        return _seeds(self.state)

    def policy(self, seed: int = 0) -> Trained:
        """The policy as it stands, of one of the seeds."""
        state = self.state if self.n_seeds is None else jax.tree.map(lambda leaf: leaf[seed], self.state)
        return self.algorithm.policy(self.worlds, state)


def train(
    algorithm: Algorithm,
    environment: Environment | Maker | Population,
    n_updates: int,
    key: Array | None = None,
    *,
    start: Training | None = None,
    chunk: int = 10,
    piece: int | None = None,
    progress: Callable[[Progress], Any] | None = None,
    folder: Path | str | None = None,
) -> Training:
    """``n_updates`` updates of ``algorithm``, in all: those of ``start``, or of the checkpoint in ``folder``, count.

    environment: one for all lanes, or a traceable function key -> environment that each lane draws from. key: a key, or
    several (n_seeds,) that are trained side by side. Every ``chunk`` updates there is a new bank of initial states, and
    a checkpoint in ``folder`` (with the one before kept). ``piece`` updates are one compiled call, then ``progress`` is
    called (None: the whole chunk); within a chunk there is a checkpoint after a piece where the last is half a minute
    old. What interrupts costs what came since the last checkpoint. The result does not depend on where it was
    interrupted. InputError where what is given does not fit together.
    """
    piece = chunk if piece is None else piece
    if min(n_updates, chunk, piece) < 1:
        raise InputError(f"n_updates {n_updates}, chunk {chunk}, piece {piece}; wanted 1 or more of each")
    worlds = population(environment)
    began = time.perf_counter()
    folder = None if folder is None else Path(folder)
    state, curves, done, before = _beginning(algorithm, worlds, key, start, folder, chunk)
    n_seeds = _seeds(state)
    saved, saving = time.perf_counter(), 0.0
    while done < n_updates:
        if done and done % chunk == 0:
            state = _refresh(algorithm, worlds, state, n_seeds is not None)
        # pieces begin where they would have begun without an interruption
        within = done % chunk
        n = min(piece - within % piece, chunk - within, n_updates - done)
        started = time.perf_counter()
        state, metrics = _chunk(algorithm, worlds, state, n, n_seeds is not None)
        found = {name: np.asarray(value).T for name, value in metrics.items()}
        took = time.perf_counter() - started
        curves = {k: np.concatenate([curves[k], v], -1) if k in curves else v for k, v in found.items()}
        done += n
        seconds = before + time.perf_counter() - began
        due = time.perf_counter() - saved > max(SAVE_SECONDS, SAVE_SHARE * saving)
        if folder is not None and (due or done % chunk == 0 or done == n_updates):
            began_saving = time.perf_counter()
            save(folder, {"state": state, "curves": curves}, _meta(done, seconds, chunk))
            saved = time.perf_counter()
            saving = saved - began_saving
        if progress is not None:
            rate = n * algorithm.steps_per_update * (n_seeds or 1) / took
            progress(Progress(done, n_updates, {k: _mean(v) for k, v in found.items()}, rate, seconds))
    return Training(algorithm, worlds, state, curves, done, before + time.perf_counter() - began)


def _beginning(
    algorithm: Any, worlds: Population, key: Array | None, start: Training | None, folder: Path | None, chunk: int
) -> tuple[Any, dict[str, np.ndarray], int, float]:
    """(state, curves, updates done, seconds) of what is gone on from, or of a new training."""
    if start is not None:
        # its buffers are given away to the next chunk otherwise
        return jax.tree.map(jnp.copy, start.state), start.curves, start.n_updates, start.seconds
    found = None if folder is None else resume(folder)
    if found is None:
        if key is None:
            raise InputError("key is missing; give one, such as jax.random.key(0), or a training to go on from")
        return _init(algorithm, worlds, key, key.ndim > 0), {}, 0, 0.0
    key = jax.random.key(0) if key is None else key
    shapes = jax.eval_shape(lambda k: _init(algorithm, worlds, k, k.ndim > 0), key)
    meta = found.meta
    if meta.get("chunk") != chunk:
        raise InputError(f"{folder} was trained in chunks of {meta.get('chunk')}, not {chunk}; give the same")
    state = found.tree("state", shapes)
    return state, found.arrays("curves"), int(meta["n_updates"]), float(meta["seconds"])


def _meta(done: int, seconds: float, chunk: int) -> dict[str, Any]:
    return {"n_updates": done, "seconds": seconds, "chunk": chunk}


@functools.partial(jax.jit, static_argnums=3)
def _init(algorithm: Any, worlds: Population, key: Array, several: bool) -> Any:
    init = functools.partial(algorithm.init, worlds)
    # weakly typed, what comes after would differ in type and be compiled again
    return strong(jax.vmap(init)(key) if several else init(key))


@functools.partial(jax.jit, static_argnums=3, donate_argnums=2)
def _refresh(algorithm: Any, worlds: Population, state: Any, several: bool) -> Any:
    refresh = functools.partial(algorithm.refresh, worlds)
    return jax.vmap(refresh)(state) if several else refresh(state)


@functools.partial(jax.jit, static_argnums=(3, 4), donate_argnums=2)
def _chunk(algorithm: Any, worlds: Population, state: Any, n: int, several: bool) -> Any:
    update = functools.partial(algorithm.update, worlds)
    update = jax.vmap(update) if several else update
    return jax.lax.scan(lambda state, _: update(state), state, None, length=n)


def _seeds(state: Any) -> int | None:
    """The number of seeds trained side by side, or None for one alone."""
    return state.n_updates.shape[0] if state.n_updates.ndim else None


def _mean(values: np.ndarray) -> float:
    """Of what is finite, or NaN."""
    fine = values[np.isfinite(values)]
    return float(fine.mean()) if fine.size else float("nan")


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """reward, cost: means per step; returns, costs, lengths (n_episodes,) of the episodes that ended."""

    reward: float
    cost: float
    returns: np.ndarray
    costs: np.ndarray
    lengths: np.ndarray


def evaluate(
    trained: Trained,
    environment: Environment | Maker | Population,
    key: Array,
    *,
    n_envs: int = 256,
    n_steps: int = 100,
    stochastic: bool = False,
) -> Evaluation:
    """``n_steps`` steps of the policy in ``n_envs`` new environments, with its middle actions unless ``stochastic``.

    Take another key than training did.
    """
    reward, cost, ended = _evaluate(trained, population(environment), key, n_envs, n_steps, stochastic)
    done = np.asarray(ended.done)
    returns, costs, lengths = (np.asarray(part)[done] for part in (ended.total, ended.cost, ended.length))
    return Evaluation(float(reward), float(cost), returns, costs, lengths)


@functools.partial(jax.jit, static_argnums=(3, 4, 5))
def _evaluate(trained: Trained, worlds: Population, key: Array, n_envs: int, n_steps: int, stochastic: bool) -> Any:
    bank = fill_bank(worlds, stream_key(key, "bank"), n_envs)
    lanes = begin_lanes(bank, n_envs, stream_key(key, "lanes"), 0)

    def step(carry: Any, tick: Array) -> Any:
        lanes, memory = carry
        memory = jnp.where(lanes.first[:, None], 0.0, memory)
        keys = jax.random.split(stream_key(key, "act", tick), n_envs)
        memory, action = jax.vmap(lambda m, o, k: trained.act(m, o, k if stochastic else None))(
            memory, lanes.observation, keys
        )
        lanes, transition, ended = advance(worlds, bank, lanes, action)
        return (lanes, memory), (jnp.mean(transition.reward), jnp.mean(transition.cost), ended)

    memory = jnp.zeros((n_envs, trained.net.recurrent))
    _, (reward, cost, ended) = jax.lax.scan(step, (lanes, memory), jnp.arange(n_steps))
    return jnp.mean(reward), jnp.mean(cost), ended
