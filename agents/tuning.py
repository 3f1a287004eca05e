"""Tuning of any policy on any loop, on seeds that the evaluation never sees.

A search is a space of named leaves, such as {"law.threshold": Range(1e-6, 9e-6)}; all candidates run on the same seeds,
candidates x seeds in one compiled call. Seeds of tuning and of evaluation are two streams of one key.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..sim.errors import InputError
from ..sim.keys import stream_key
from ..sim.loop import Loop, Outcome, run_loop
from .open_loop import Off

Progress = Callable[[int, int], None]
"""(runs done, runs in all)."""


class Range(NamedTuple):
    """Where a leaf is searched: ``low`` to ``high``, evenly or, with ``log``, evenly in the logarithm."""

    low: float
    high: float
    log: bool = False

    def at(self, share: np.ndarray) -> np.ndarray:
        """The value at ``share`` of the way, 0 to 1."""
        if self.log:
            return np.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        return self.low + share * (self.high - self.low)


class Objective(Protocol):
    """What is best: larger is better. benefit: 1 minus the symptom relative to no stimulation on the same seeds; dose:
    mean square of the amplitude relative to the largest."""

    def score(self, benefit: float, dose: float) -> float: ...


class Weighted(NamedTuple):
    """benefit - ``weight`` x dose."""

    weight: float = 0.0

    def score(self, benefit: float, dose: float) -> float:
        return benefit - self.weight * dose


class AtMostDose(NamedTuple):
    """The greatest benefit at a dose of at most ``limit``; where none keeps it, the smallest dose."""

    limit: float

    def score(self, benefit: float, dose: float) -> float:
        return benefit if dose <= self.limit else _BROKEN + self.limit - dose


class AtLeastBenefit(NamedTuple):
    """The smallest dose at a benefit of at least ``limit``; where none reaches it, the greatest benefit."""

    limit: float

    def score(self, benefit: float, dose: float) -> float:
        return -dose if benefit >= self.limit else _BROKEN + benefit - self.limit


_BROKEN = -1e6  # below every score of a candidate that keeps the constraint


class Candidate(NamedTuple):
    """One setting and what it gave on ``n_seeds`` tuning seeds, in means."""

    values: dict[str, float]
    benefit: float
    dose: float
    score: float
    n_seeds: int


@dataclasses.dataclass(frozen=True)
class Tuned:
    """policy: with the best values set; best: its candidate; candidates: all, in the order in which they were drawn;
    off: the mean symptom without stimulation; seeds: the keys that were used, (n_seeds, 2) words. What it scored
    here is not a result: it was chosen for it. Use :func:`evaluate`."""

    policy: Any
    best: Candidate
    candidates: list[Candidate]
    off: float
    seeds: np.ndarray

    def front(self) -> list[Candidate]:
        """The candidates that no other beats in both benefit and dose, by rising dose."""
        return front(self.candidates)


def front(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Those of which no other has at least the benefit at no more dose; by rising dose."""
    best, kept = -math.inf, []
    for candidate in sorted(candidates, key=lambda c: (c.dose, -c.benefit)):
        if candidate.benefit > best:
            kept.append(candidate)
            best = candidate.benefit
    return kept


def tuning_keys(key: Array, n: int) -> Array:
    """The first ``n`` keys of the stream that tuning draws from."""
    return _keys(key, "tune", n)


def evaluation_keys(key: Array, n: int) -> Array:
    """The first ``n`` keys of the stream that evaluation draws from: no tuning key is among them."""
    return _keys(key, "evaluate", n)


def tune(
    policy: Any,
    loop: Loop | Callable[[Array], Loop],
    space: Mapping[str, Range | tuple[float, float]],
    objective: Objective | None,
    key: Array,
    *,
    n_windows: int,
    skip: int = 0,
    n_candidates: int = 32,
    n_seeds: int = 2,
    search: str = "halving",
    keep: float = 0.25,
    progress: Progress | None = None,
) -> Tuned:
    """The policy whose leaves of ``space`` do best on the tuning seeds of ``key``; the same key, the same answer.

    loop: a loop, or a function of a key that makes one (another person, another drift, for every seed). space: leaf ->
    range, nested fields joined by dots. objective: None for the mean reward of the loop's task, for which learned
    policies are trained. n_windows, of which the first ``skip`` do not count. search: "random" (Latin
    hypercube, ``n_candidates`` on ``n_seeds`` each), "halving" (the same, then the better ``keep`` share goes on
    to as many more runs on new seeds, shared among fewer, until two are left), or "grid" (as many points a
    side as ``n_candidates`` allow). InputError for a leaf that there is not, a range that cannot be, and a symptom
    that is not above 0 without stimulation. A candidate that drives a brain out of its physiological bounds is worst of
    all, whatever its symptom.
    """
    ranges = {name: _range(name, given) for name, given in space.items()}
    if not ranges:
        raise InputError('space is empty; name at least one leaf, such as {"law.threshold": Range(1e-6, 9e-6)}')
    for name in ranges:
        leaf(policy, name)
    if search not in SEARCHES:
        raise InputError(f"unknown search {search!r}; use one of {', '.join(SEARCHES)}")
    if n_candidates < 1 or n_seeds < 1 or not 0 <= skip < n_windows or not 0 < keep < 1:
        raise InputError(
            f"n_candidates {n_candidates}, n_seeds {n_seeds}, skip {skip} of n_windows {n_windows}, keep {keep:g};"
            " wanted 1 or more of each, fewer windows skipped than there are, and a share between 0 and 1"
        )
    shares = _shares(stream_key(key, "candidates"), n_candidates, len(ranges), search == "grid")
    values = np.stack([r.at(shares[:, n]) for n, r in enumerate(ranges.values())], axis=1)
    n_pairs = len(values) * n_seeds
    alive = [len(values)]
    while search == "halving" and alive[-1] > 2:
        alive.append(max(math.floor(alive[-1] * keep), 2))
    measured: list[list[tuple[float, ...]]] = [[] for _ in values]
    order = np.arange(len(values))
    each = [n_pairs // n for n in alive]
    keys = tuning_keys(key, sum(each))
    off = np.asarray(_silent(loop, n_windows, skip, keys), float)
    usual = float(np.mean(off))
    if not usual > 0:
        raise InputError(
            f"the symptom without stimulation is {usual:g}; benefit is relative to it, so it must be above 0 (more"
            " seeds or windows may hold some)"
        )

    def summary(n: int) -> tuple[float, float, float]:
        # beside no stimulation on the very seeds that the candidate ran on
        marker, dose, reward, silent = map(float, np.mean(measured[n], axis=0))
        benefit = (silent - marker) / (silent if silent > 0 else usual)
        if objective is not None:
            return benefit, dose, _finite(objective.score(benefit, dose))
        return benefit, dose, _finite(reward) if math.isfinite(marker) else -math.inf

    for number, (n_alive, n_each) in enumerate(zip(alive, each)):
        order = order[:n_alive]
        # every round has the shape of the first, so that it is compiled once; what is too many repeats and is dropped
        which = np.resize(np.repeat(order, n_each), n_pairs)
        seeds = np.resize(np.tile(np.arange(n_each), n_alive), n_pairs) + sum(each[:number])
        found = _measure(tuple(ranges), n_windows, skip, *_split(loop), policy, values[which], keys[seeds])
        columns = [np.asarray(found[name]) for name in ("marker", "dose", "reward")]
        for n, *row in list(zip(which, *columns, off[seeds]))[: n_alive * n_each]:
            measured[n].append(tuple(map(float, row)))
        order = np.array(sorted(order, key=lambda n: -summary(n)[2]))
        if progress is not None:
            progress((number + 1) * n_pairs, len(alive) * n_pairs)
    table = [
        Candidate(dict(zip(ranges, map(float, row))), *summary(n), len(measured[n])) for n, row in enumerate(values)
    ]
    best = table[order[0]]
    return Tuned(with_leaves(policy, best.values), best, table, usual, _words(keys))


SEARCHES = ("halving", "random", "grid")


def evaluate(
    policies: Mapping[str, Any],
    loop: Loop | Callable[[Array], Loop],
    key: Array,
    *,
    n_windows: int,
    skip: int = 0,
    n_seeds: int = 8,
    tuned: Iterable[Tuned] = (),
) -> dict[str, dict[str, np.ndarray]]:
    """Policies on the same held-out seeds: name -> measure -> (n_seeds,).

    ``marker`` (mean symptom, not a number where the brain left its physiological bounds), ``benefit`` (1 - marker
    relative to no stimulation on the same seed, not a number where there was no symptom), ``dose`` (mean square of the
    amplitude), ``reward`` (mean), ``time_on``, ``energy`` (W, mean), ``charge`` (C a second), ``vetoes`` (share of
    windows in which the shield changed the request). InputError where a seed is among those that one of ``tuned`` used.
    """
    keys = evaluation_keys(key, n_seeds)
    words = {tuple(row) for row in _words(keys)}
    for one in tuned:
        if words & {tuple(row) for row in one.seeds}:
            raise InputError("seeds of the evaluation were used for tuning; evaluate with the key that tuning had")
    off = np.asarray(_silent(loop, n_windows, skip, keys))
    found = {}
    for name, policy in policies.items():
        nothing = np.zeros((n_seeds, 0), np.float32)
        rows = _measure((), n_windows, skip, *_split(loop), policy, nothing, keys)
        found[name] = {what: np.asarray(value) for what, value in rows.items()}
        with np.errstate(divide="ignore", invalid="ignore"):
            found[name]["benefit"] = np.where(off > 0, 1.0 - found[name]["marker"] / off, np.nan)
    return found


def leaf(policy: Any, name: str) -> Any:
    """The leaf ``name`` of a policy, nested fields joined by dots. InputError where there is none."""
    value = policy
    for part in name.split("."):
        fields = [f.name for f in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []
        if part not in fields:
            where = type(value).__name__
            raise InputError(f"{where} has no leaf {part!r} (of {name!r}); it has {', '.join(fields) or 'none'}")
        if {f.name: f.metadata.get("static") for f in dataclasses.fields(value)}[part]:
            raise InputError(f"{part!r} of {type(value).__name__} is part of its shape; only leaves can be tuned")
        value = getattr(value, part)
    if dataclasses.is_dataclass(value):
        raise InputError(f"{name!r} is a {type(value).__name__}, not a number; name one of its leaves")
    return value


def with_leaves(policy: Any, values: Mapping[str, Any]) -> Any:
    """The policy with leaves set by name, each over the leaf's whole shape."""
    for name, value in values.items():
        shaped = jnp.broadcast_to(jnp.asarray(value, jnp.float32), jnp.shape(leaf(policy, name)))
        policy = _set(policy, name.split("."), shaped)
    return policy


def _set(node: Any, path: list[str], value: Any) -> Any:
    head, *rest = path
    return dataclasses.replace(node, **{head: _set(getattr(node, head), rest, value) if rest else value})


def _kept(outcome: Outcome) -> dict[str, Array]:
    stim = outcome.window.stim
    u = outcome.applied
    return {
        "marker": outcome.marker, "reward": outcome.reward, "dose": jnp.mean(u**2),
        "time_on": jnp.any(u != 0).astype(jnp.float32), "energy": stim.energy, "charge": stim.charge,
        "vetoes": (outcome.vetoes != 0).astype(jnp.float32),
        "in_bounds": outcome.window.truth.get("in_bounds", jnp.asarray(True)),
    }  # fmt: skip


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _measure(
    names: tuple[str, ...], n_windows: int, skip: int, make: Callable[[Array], Loop] | None, loop: Loop | None,
    policy: Any, values: Array, keys: Array,
) -> dict[str, Array]:  # fmt: skip
    """One run per row of values (n, n_names) and keys (n,): means over its windows, (n,) each."""

    def one(value: Array, key: Array) -> dict[str, Array]:
        closed: Any = loop if make is None else make(stream_key(key, "person"))
        candidate = with_leaves(policy, dict(zip(names, value)))
        kept = run_loop(closed, candidate, n_windows, key, _kept)
        fine = jnp.all(kept.pop("in_bounds"))
        means = {name: jnp.mean(rows[skip:]) for name, rows in kept.items()}
        means["marker"] = jnp.where(fine, means["marker"], jnp.nan)
        source = closed.plant.source
        window_s = source.n_times / source.sfreq
        return means | {name: means[name] / window_s for name in ("energy", "charge")}

    return jax.vmap(one)(values, keys)


def _silent(loop: Loop | Callable[[Array], Loop], n_windows: int, skip: int, keys: Array) -> Array:
    """(n,) the mean symptom without stimulation."""
    make, fixed = _split(loop)
    n_stim = fixed.n_stim if fixed is not None else jax.eval_shape(make, keys[0]).n_stim  # pyright: ignore
    none = jnp.zeros((len(keys), 0))
    return _measure((), n_windows, skip, make, fixed, Off(n_stim=n_stim), none, keys)["marker"]


def _split(loop: Loop | Callable[[Array], Loop]) -> tuple[Callable[[Array], Loop] | None, Loop | None]:
    """(function or None, loop or None): the first is a static argument, the second a traced one."""
    return (None, loop) if isinstance(loop, Loop) else (loop, None)


def _range(name: str, given: Range | tuple[float, float]) -> Range:
    found = Range(*given)  # pyright: ignore[reportArgumentType]
    low, high, log = found
    if not (math.isfinite(low) and math.isfinite(high) and low < high and (low > 0 or not log)):
        raise InputError(
            f"the range of {name} is {low:g} to {high:g}{' in logarithms' if log else ''}; wanted finite numbers, the"
            " first smaller, and above 0 where it is logarithmic"
        )
    return found


def _shares(key: Array, n: int, n_axes: int, grid: bool) -> np.ndarray:
    """(n, n_axes) in [0, 1]: a Latin hypercube, or a grid of at most n points that includes the ends."""
    if grid:
        side = max(math.floor(n ** (1 / n_axes) + 1e-9), 1)
        points = np.linspace(0.0, 1.0, side) if side > 1 else np.array([0.5])
        return np.stack(np.meshgrid(*[points] * n_axes, indexing="ij"), axis=-1).reshape(-1, n_axes)
    k_order, k_within = jax.random.split(key)
    order = jax.vmap(lambda k: jax.random.permutation(k, n))(jax.random.split(k_order, n_axes))
    within = jax.random.uniform(k_within, (n_axes, n))
    return np.asarray((order + within) / n, float).T


def _keys(key: Array, stream: str, n: int) -> Array:
    return jax.vmap(lambda i: stream_key(key, stream, i))(jnp.arange(n))


def _words(keys: Array) -> np.ndarray:
    return np.asarray(jax.random.key_data(keys)).reshape(len(keys), -1)


def _finite(score: float) -> float:
    return score if math.isfinite(score) else -math.inf
