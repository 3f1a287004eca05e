"""The laws of what closes a loop: every policy and every sensing keeps them."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..sim.loop import Reading
from .laws import CLOSE, Case, DoesNotApply, LawBroken, _loop, _require_finite, _require_same, _traceable

N_READINGS = 24
UNUSABLE = slice(8, 12)
"""Readings in which samples are blanked, clipped or lost."""


def window_length(component: Any) -> int:
    """Samples a window that a component's filters are made for; 25 where it does not care."""
    if not dataclasses.is_dataclass(component):
        return 25
    found = getattr(component, "n_times", None)
    if isinstance(found, int):
        return found
    inner = [window_length(getattr(component, field.name)) for field in dataclasses.fields(component)]
    parts = [
        part for field in dataclasses.fields(component) if isinstance(part := getattr(component, field.name), tuple)
    ]
    inner += [window_length(one) for part in parts for one in part]
    return next((n for n in inner if n != 25), 25)


def _readings(case: Case) -> Reading:
    """N_READINGS windows of a rhythm of 20 uV in noise: finite, all usable. n_stim is the policy's where it says."""
    n_channels, n_times = case.x.shape[1], window_length(case.component)
    n = N_READINGS * n_times
    rng = np.random.default_rng(5)
    rhythm = 20e-6 * np.sin(2 * np.pi * 20.0 * np.arange(n) / 250.0)
    v = (rhythm + 5e-6 * rng.standard_normal((n_channels, n))).reshape(n_channels, N_READINGS, n_times)
    n_stim = getattr(case.component, "n_stim", 1)
    return Reading(
        v=jnp.asarray(np.moveaxis(v, 1, 0), jnp.float32), blanked=jnp.zeros((N_READINGS, n_times), bool),
        age=jnp.full(N_READINGS, 0.02), fresh=jnp.ones(N_READINGS, bool), applied=jnp.zeros((N_READINGS, n_stim)),
    )  # fmt: skip


def _step(case: Case) -> Callable:
    def step(memory: Any, inputs: Any) -> tuple[Any, jax.Array]:
        reading, key = inputs
        if hasattr(case.component, "act"):
            return case.component.act(memory, reading, key)
        return case.component.step(memory, reading)

    return step


def _inputs(case: Case, readings: Reading | None = None) -> Any:
    return _readings(case) if readings is None else readings, jax.random.split(case.key, N_READINGS)


def _first(inputs: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[0], inputs)


@functools.lru_cache(maxsize=8)
def _runner(case: Case) -> Callable[[Any], Any]:
    """inputs -> answers (N_READINGS, n), compiled once for a case where JAX can trace its component."""
    memory, inputs, step = case.component.init(), _inputs(case), _step(case)
    try:
        _traceable(step, memory, _first(inputs))
    except DoesNotApply:
        return lambda inputs: _loop(step, memory, inputs)[1]
    return jax.jit(lambda inputs: jax.lax.scan(step, memory, inputs)[1])


@functools.lru_cache(maxsize=8)
def _stepper(case: Case) -> Callable[[Any, Any], Any]:
    memory, inputs, step = case.component.init(), _first(_inputs(case)), _step(case)
    _traceable(step, memory, inputs)
    return jax.jit(step)


def _run(case: Case, readings: Reading | None = None) -> np.ndarray:
    return np.asarray(_runner(case)(_inputs(case, readings)))


def answers_keep_their_shape(case: Case) -> None:
    """One finite number per contact or feature in every window, and a memory that keeps its shape."""
    memory, inputs = case.component.init(), _inputs(case)
    after, answer = _step(case)(memory, _first(inputs))
    if np.ndim(answer) != 1:
        raise LawBroken(f"the answer has shape {np.shape(answer)}; wanted one number per contact or feature")
    for name in ("n_stim", "n_features"):
        wanted = getattr(case.component, name, None) if (name == "n_stim") == hasattr(case.component, "act") else None
        if wanted is not None and np.shape(answer) != (wanted,):
            raise LawBroken(f"the answer has shape {np.shape(answer)}, {name} says ({wanted},)")
    shapes = [jax.tree.map(lambda leaf: (jnp.shape(leaf), jnp.result_type(leaf)), m) for m in (memory, after)]
    if shapes[0] != shapes[1]:
        raise LawBroken(f"the memory changes from {shapes[0]} to {shapes[1]}")
    _require_finite(_run(case), "the answer to a clean signal")


def requests_are_shares_of_the_largest_current(case: Case) -> None:
    """Within [-1, 1] whatever is seen, a hundred times the usual signal included."""
    readings = _readings(case)
    for scale in (1.0, 100.0, 0.0):
        answer = _run(case, readings._replace(v=scale * readings.v))
        if np.abs(answer).max() > 1.0 + CLOSE:
            raise LawBroken(f"a request of {np.abs(answer).max():.3g}; wanted at most 1, the largest current")


def _spoilt(readings: Reading, value: float) -> Reading:
    """Readings in which some windows are clipped, some blanked in part and one lost, with ``value`` in their place."""
    bad = np.zeros(readings.blanked.shape, bool)
    bad[UNUSABLE.start] = True
    bad[UNUSABLE.start + 1, ::3] = True
    fresh = np.ones(len(bad), bool)
    fresh[UNUSABLE.stop - 1] = False
    lost = bad | ~fresh[:, None]
    v = jnp.where(lost[:, None], value, readings.v)
    return readings._replace(v=v, blanked=jnp.asarray(bad), fresh=jnp.asarray(fresh))


def unusable_samples_are_not_seen(case: Case) -> None:
    """What stands in samples that are blanked, or in a packet that was lost, changes nothing."""
    readings = _readings(case)
    one, other = (_run(case, _spoilt(readings, value)) for value in (0.0, 1e-3))
    _require_same(one, other, "with 0 V against 1 mV in samples that are marked as unusable")


def survives_readings_that_are_not_numbers(case: Case) -> None:
    """Samples that are not finite never make an answer that is not, then or later."""
    readings = _readings(case)
    for value in (np.nan, np.inf):
        v = readings.v.at[UNUSABLE.start, 0].set(value).at[UNUSABLE.start + 1].set(value)
        _require_finite(_run(case, readings._replace(v=v)), f"the answer to samples of {value}")


def loop_same_key_same_numbers(case: Case) -> None:
    """Equal inputs, equal bits."""
    _require_same(_run(case), _run(case), "a second run")


def loop_jit_is_no_jit(case: Case) -> None:
    """Compiled and uncompiled steps agree."""
    memory, inputs = case.component.init(), _first(_inputs(case))
    compiled = _stepper(case)(memory, inputs)
    _require_same(_step(case)(memory, inputs), compiled, "compiled against uncompiled", CLOSE)


def loop_scan_is_loop(case: Case) -> None:
    """One compiled scan over the windows is the Python loop."""
    step, inputs = _stepper(case), _inputs(case)
    _require_same(_run(case), _loop(step, case.component.init(), inputs)[1], "scan against loop", CLOSE)


def loop_vmap_row_is_single(case: Case) -> None:
    """A row of a batch is what that window gives alone."""
    memory, inputs = case.component.init(), _inputs(case)
    single = _stepper(case)(memory, _first(inputs))[1]
    rows = jax.jit(jax.vmap(_step(case), in_axes=(None, 0)))(memory, inputs)[1]
    _require_same(rows[0], single, "a row of vmap against a single window", CLOSE)


_BOTH = (
    unusable_samples_are_not_seen,
    survives_readings_that_are_not_numbers,
    loop_same_key_same_numbers,
    loop_jit_is_no_jit,
    loop_scan_is_loop,
    loop_vmap_row_is_single,
)
LOOP_LAWS: dict[str, tuple[Callable[[Case], None], ...]] = {
    "policy": (answers_keep_their_shape, requests_are_shares_of_the_largest_current, *_BOTH),
    "sensing": (answers_keep_their_shape, *_BOTH),
}
