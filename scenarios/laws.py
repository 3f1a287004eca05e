"""The laws that every adapter, decoder, drift and source keeps, each a function that raises LawBroken.

A law takes a :class:`Case` (the component and known data to run it on) and returns nothing. The laws are the
same for built-in components and for a user's own.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..adaptation.contract import Feedback, Trials, Variables
from ..adaptation.methods import with_alignment
from ..sim.clock import Clock
from ..sim.conditions import Conditions
from ..sim.keys import stream_key

N_STEPS = 6
N_TICKS = 20
# float32 sums in another order differ by a few units in the last place; a wrong rule differs by far more
CLOSE = 1e-4


class LawBroken(AssertionError):
    """A component does not keep a law; the message says what was seen."""


class DoesNotApply(Exception):
    """A law says nothing about this component; the message says why."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A component and what to run it on.

    decoder, variables: a fitted decoder (adapters); x (n, n_channels, n_times) V and y (n,): separable trials of
    two classes, more power in channel 0 or in channel 1; conditions: nominal, of n_channels.
    """

    component: Any
    decoder: Any
    variables: Any
    x: np.ndarray
    y: np.ndarray
    conditions: Conditions
    key: jax.Array


def make_case(
    component: Any,
    kind: str,
    n_channels: int = 8,
    n_times: int = 256,
    sfreq: float = 128.0,
    decoder_name: str = "csp_lda",
) -> Case:
    """The case that ``check`` runs: 48 trials of 2 s, amplitudes of 20 uV, a fitted decoder under an adapter."""
    x, y = _separable_trials(n_channels, n_times)
    decoder = variables = None
    if kind == "adapter":
        decoder, variables = _fitted_decoder(decoder_name, n_channels, n_times, sfreq)
    return Case(
        component=component,
        decoder=decoder,
        variables=variables,
        x=x,
        y=y,
        conditions=Conditions.nominal(n_channels),
        key=jax.random.key(7),
    )


def _separable_trials(n_channels: int, n_times: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(20)
    y = np.tile([0, 1], 24).astype(np.int32)
    x = rng.standard_normal((y.size, n_channels, n_times)) * 10e-6
    for trial, label in enumerate(y):
        x[trial, label] *= 3.0
    return x.astype(np.float32), y


@functools.lru_cache(maxsize=4)
def _fitted_decoder(name: str, n_channels: int, n_times: int, sfreq: float) -> tuple[Any, Variables]:
    from ..adaptation.registry import decoder as registered

    x, y = _separable_trials(n_channels, n_times)
    decoder = registered(name).make(n_channels, n_times, 2, sfreq)
    return decoder, decoder.fit(decoder.init(jax.random.key(1)), _trials(x[:32], y[:32]), jax.random.key(2))


def _trials(x: np.ndarray, y: np.ndarray) -> Trials:
    return Trials(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.int32), jnp.ones(len(y), jnp.float32))


def differences(a: Any, b: Any, tolerance: float = 0.0) -> str | None:
    """Where two pytrees differ by more than ``tolerance`` of the larger array's scale; None when nowhere."""
    if jax.tree.structure(a) != jax.tree.structure(b):
        return f"structures differ: {jax.tree.structure(a)} and {jax.tree.structure(b)}"
    for (path, left), right in zip(jax.tree_util.tree_leaves_with_path(a), jax.tree.leaves(b)):
        name = jax.tree_util.keystr(path) or "value"
        left, right = _numbers(left), _numbers(right)
        if left.shape != right.shape:
            return f"{name} has shapes {left.shape} and {right.shape}"
        if left.dtype.kind not in "fc":
            if not np.array_equal(left, right):
                return f"{name} differs"
            continue
        if not np.array_equal(np.isfinite(left), np.isfinite(right)):
            return f"{name} is finite in different places"
        known = np.isfinite(left)
        scale = max(np.abs(left[known]).max(initial=0.0), np.abs(right[known]).max(initial=0.0))
        worst = np.abs(left[known] - right[known]).max(initial=0.0)
        if worst > tolerance * scale:
            return f"{name} differs by {worst:.3g} at a scale of {scale:.3g}"
    return None


def _numbers(leaf: Any) -> np.ndarray:
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    return np.asarray(leaf)


def _require_same(a: Any, b: Any, what: str, tolerance: float = 0.0) -> None:
    if (found := differences(a, b, tolerance)) is not None:
        raise LawBroken(f"{what}: {found}")


def _require_finite(tree: Any, what: str) -> None:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        values = _numbers(leaf)
        if values.dtype.kind in "fc" and not np.isfinite(values).all():
            raise LawBroken(f"{what}: {jax.tree_util.keystr(path) or 'value'} is not finite")


def _traceable(function: Callable, *arguments: Any) -> None:
    try:
        jax.eval_shape(function, *arguments)
    except (jax.errors.JAXTypeError, jax.errors.JAXIndexError, TypeError) as error:
        raise DoesNotApply(f"not traceable by JAX ({type(error).__name__})") from None


def _compiled(function: Callable, *arguments: Any) -> Callable:
    """``function`` under jit where JAX can trace it, as it is where it can't."""
    try:
        _traceable(function, *arguments)
    except DoesNotApply:
        return function
    return jax.jit(function)


# --- adapters ---------------------------------------------------------------------------------------------


def _start(case: Case) -> Any:
    calibration = _trials(case.x[:32], case.y[:32])
    return case.component.init(case.decoder, case.variables, calibration, case.key)


def _feedback(x: Any, y: Any, available: bool = True) -> Feedback:
    return Feedback(jnp.int32(y), jnp.asarray(available), jnp.asarray(x), jnp.asarray(False))


def _stream(case: Case) -> tuple[jax.Array, jax.Array]:
    return jnp.asarray(case.x[32 : 32 + N_STEPS]), jnp.asarray(case.y[32 : 32 + N_STEPS])


def _adapter_step(case: Case) -> Callable:
    def step(state: Any, trial: tuple[jax.Array, jax.Array]) -> tuple[Any, jax.Array]:
        x, y = trial
        logits = case.component.predict(state, x)
        feedback = Feedback(y, jnp.asarray(True), x, jnp.asarray(False))
        return case.component.update(state, x, feedback), logits

    return step


def _loop(step: Callable, state: Any, inputs: Any) -> tuple[Any, Any]:
    outputs = []
    for i in range(len(jax.tree.leaves(inputs)[0])):
        state, output = step(state, jax.tree.map(lambda leaf, i=i: leaf[i], inputs))
        outputs.append(output)
    return state, jax.tree.map(lambda *leaves: jnp.stack(leaves), *outputs)


def _run_adapter(case: Case) -> tuple[Any, Any]:
    state, stream = _start(case), _stream(case)
    step = _compiled(_adapter_step(case), state, jax.tree.map(lambda leaf: leaf[0], stream))
    return _loop(step, state, stream)


def predictions_are_finite_logits(case: Case) -> None:
    """One finite number per class, before and after learning."""
    _, logits = _run_adapter(case)
    if logits.shape != (N_STEPS, case.decoder.n_classes):
        raise LawBroken(f"predict gave shape {logits.shape[1:]}, wanted ({case.decoder.n_classes},)")
    _require_finite(logits, "predict")


def trials_of_no_weight_are_not_there(case: Case) -> None:
    """Calibration trials of weight 0, which may be still to come, change no prediction, whatever they hold."""
    x, y = case.x[:32], case.y[:32]
    later = np.arange(32) >= 24
    weight = jnp.asarray(~later, jnp.float32)
    stream, step, runs = _stream(case), None, []
    for others in (1.0, -3.0):
        seen = np.where(later[:, None, None], others * x[::-1], x).astype(np.float32)
        calibration = Trials(jnp.asarray(seen), jnp.asarray(np.where(later, others < 0, y), jnp.int32), weight)
        state = case.component.init(case.decoder, case.variables, calibration, case.key)
        step = step or _compiled(_adapter_step(case), state, jax.tree.map(lambda leaf: leaf[0], stream))
        runs.append(_loop(step, state, stream)[1])
    _require_same(runs[0], runs[1], "predictions with other calibration trials of weight 0", CLOSE)


def predict_leaves_the_state_unchanged(case: Case) -> None:
    """Predicting is free: neither the state nor the next prediction notices."""
    state, (xs, _) = _start(case), _stream(case)
    before = jax.tree.map(_copy, state)
    first = case.component.predict(state, xs[0])
    case.component.predict(state, xs[1])
    _require_same(before, state, "the state after predict")
    _require_same(first, case.component.predict(state, xs[0]), "the same window predicted again")


def _copy(leaf: Any) -> Any:
    return leaf.copy() if isinstance(leaf, np.ndarray) else leaf


def no_feedback_leaves_parameters_unchanged(case: Case) -> None:
    """Without a label, ``params`` stay: only alignment and statistics may follow unlabelled windows, unless the
    adapter says, by ``learns_unlabelled``, that learning from them is what it is for."""
    if getattr(case.component, "learns_unlabelled", False):
        raise DoesNotApply("it learns from windows without labels")
    state, (xs, ys) = _start(case), _stream(case)
    before = _parameters(state)
    if not before:
        raise DoesNotApply("the state holds no Variables")
    update = _compiled(case.component.update, state, xs[0], _feedback(xs[0], ys[0], available=False))
    for x, y in zip(xs, ys):
        state = update(state, x, _feedback(x, y, available=False))
    _require_same(before, _parameters(state), "params after windows without labels")


def _parameters(state: Any) -> list[Any]:
    nodes = jax.tree.leaves(state, is_leaf=lambda node: isinstance(node, Variables))
    return [node.params for node in nodes if isinstance(node, Variables)]


def adapter_same_key_same_numbers(case: Case) -> None:
    """The same key and the same trials give the same bits."""
    runs = [_run_adapter(case) for _ in range(2)]
    _require_same(runs[0], runs[1], "two runs with one key")


def adapter_jit_is_no_jit(case: Case) -> None:
    """Compiled and uncompiled steps agree."""
    step, state, stream = _adapter_step(case), _start(case), _stream(case)
    first = jax.tree.map(lambda leaf: leaf[0], stream)
    _traceable(step, state, first)
    _require_same(step(state, first), jax.jit(step)(state, first), "compiled against uncompiled", CLOSE)


def adapter_scan_is_loop(case: Case) -> None:
    """One compiled scan over the trials is the Python loop."""
    step, state, stream = _adapter_step(case), _start(case), _stream(case)
    _traceable(step, state, jax.tree.map(lambda leaf: leaf[0], stream))
    _require_same(jax.lax.scan(step, state, stream), _loop(jax.jit(step), state, stream), "scan against loop", CLOSE)


def adapter_vmap_row_is_single(case: Case) -> None:
    """A row of a batch is what that window gives alone."""
    step, state, stream = _adapter_step(case), _start(case), _stream(case)
    first = jax.tree.map(lambda leaf: leaf[0], stream)
    _traceable(step, state, first)
    batch = jax.vmap(step, in_axes=(None, 0))(state, stream)
    row = jax.tree.map(lambda leaf: leaf[0], batch)
    _require_same(row, step(state, first), "a row of vmap against a single window", CLOSE)


def survives_windows_that_are_not_numbers(case: Case) -> None:
    """After NaN in one channel, NaN everywhere and infinity, clean windows are predicted as finite numbers."""
    state, (xs, ys) = _start(case), _stream(case)
    update = _compiled(case.component.update, state, xs[0], _feedback(xs[0], ys[0]))
    broken = [xs[0].at[0].set(jnp.nan), jnp.full_like(xs[0], jnp.nan), xs[0].at[:, 3].set(jnp.inf)]
    for bad in broken:
        case.component.predict(state, bad)
        state = update(state, bad, _feedback(bad, ys[0]))
        _require_finite(case.component.predict(state, xs[1]), "predict after a window with NaN or infinity")
    state = update(state, xs[1], _feedback(xs[1], ys[1]))
    _require_finite(case.component.predict(state, xs[2]), "predict after learning on from a broken window")


# --- decoders ---------------------------------------------------------------------------------------------


def _fitted(case: Case) -> Variables:
    """Trained behind the alignment of its trials, as every scenario does: windows reach it whitened."""
    decoder, trials = case.component, _trials(case.x[:32], case.y[:32])
    return decoder.fit(with_alignment(decoder.init(case.key), trials), trials, case.key)


def variables_have_the_declared_layers(case: Case) -> None:
    """``init`` gives an identity alignment and parameters named, in order, as ``layers``."""
    variables = case.component.init(case.key)
    if set(variables.params) != set(case.component.layers):
        raise LawBroken(f"params are {sorted(variables.params)} but layers are {sorted(case.component.layers)}")
    _require_same(variables.align, jnp.eye(case.x.shape[1]), "align of untrained variables")


def logits_are_finite(case: Case) -> None:
    """One finite number per class, trained or not."""
    decoder = case.component
    for variables in (decoder.init(case.key), _fitted(case)):
        logits = decoder.apply(variables, jnp.asarray(case.x[40]))
        if logits.shape != (decoder.n_classes,):
            raise LawBroken(f"apply gave shape {logits.shape}, wanted ({decoder.n_classes},)")
        _require_finite(logits, "apply")


def fit_learns_two_separable_classes(case: Case) -> None:
    """Trials that differ ninefold in power are told apart: 3 in 4 of unseen ones at the least."""
    variables = _fitted(case)
    logits = jax.vmap(lambda x: case.component.apply(variables, x))(jnp.asarray(case.x[32:]))
    right = float((logits.argmax(-1) == case.y[32:]).mean())
    if right < 0.75:
        raise LawBroken(f"{right:.0%} of {len(case.y) - 32} unseen trials are right")


def decoder_same_key_same_numbers(case: Case) -> None:
    """Training twice with one key gives the same bits."""
    _require_same(_fitted(case), _fitted(case), "two fits with one key")


def decoder_jit_is_no_jit(case: Case) -> None:
    """Compiled and uncompiled logits agree."""
    variables, x = case.component.init(case.key), jnp.asarray(case.x[40])
    _traceable(case.component.apply, variables, x)
    compiled = jax.jit(lambda v, x: case.component.apply(v, x))(variables, x)
    _require_same(case.component.apply(variables, x), compiled, "compiled against uncompiled", CLOSE)


def decoder_vmap_row_is_single(case: Case) -> None:
    """A row of a batch is what that window gives alone."""
    variables, xs = case.component.init(case.key), jnp.asarray(case.x[40:44])
    _traceable(case.component.apply, variables, xs[0])
    batch = jax.vmap(lambda x: case.component.apply(variables, x))(xs)
    _require_same(batch[1], case.component.apply(variables, xs[1]), "a row of vmap against a single window", CLOSE)


def moments_have_the_shape_of_stats(case: Case) -> None:
    """``moments`` of a window can stand in for ``stats``."""
    variables = case.component.init(case.key)
    moments = case.component.moments(variables, jnp.asarray(case.x[40]))
    shapes = [jax.tree.map(jnp.shape, tree) for tree in (variables.stats, moments)]
    if shapes[0] != shapes[1]:
        raise LawBroken(f"stats have shapes {shapes[0]}, moments {shapes[1]}")


def refit_readout_keeps_everything_below(case: Case) -> None:
    """Recalibrating the readout moves the last layer and nothing else."""
    before = _fitted(case)
    after = case.component.refit_readout(before, _trials(case.x[32:], 1 - case.y[32:]))
    last = case.component.layers[-1]
    for name in case.component.layers[:-1]:
        _require_same(before.params[name], after.params[name], f"layer {name} after refit_readout")
    _require_same(before.align, after.align, "align after refit_readout")
    if differences(before.params[last], after.params[last]) is None:
        raise LawBroken(f"refit_readout on reversed labels left {last} as it was")


# --- drifts and sources -----------------------------------------------------------------------------------


def _drift_step(case: Case) -> Callable:
    def step(state: Any, tick: jax.Array) -> tuple[Any, Any]:
        clock = Clock(tick, jnp.float32(1.0))
        return case.component.step(state, case.conditions, clock, stream_key(case.key, "drift", tick))

    return step


def _source_step(case: Case) -> Callable:
    stim = jnp.zeros((case.component.n_stim, case.component.n_times), jnp.float32)

    def step(state: Any, tick: jax.Array) -> tuple[Any, Any]:
        key = stream_key(case.key, "source", tick)
        state, moments, truth = case.component.step(state, stim, case.conditions, key)
        return state, (moments, truth)

    return step


def _physics(case: Case) -> tuple[Callable, Any]:
    """(step, a new state): the step compiled where the component can be."""
    key = stream_key(case.key, "init")
    state = case.component.init(key, case.conditions) if _is_source(case) else case.component.init(key)
    if not getattr(case.component, "jittable", True):
        return _plain_step(case), state
    return _compiled_step(case), state


def _is_source(case: Case) -> bool:
    return hasattr(case.component, "n_sources")


def _plain_step(case: Case) -> Callable:
    return _source_step(case) if _is_source(case) else _drift_step(case)


# a case goes through its laws one after the other, with one compilation for all
@functools.lru_cache(maxsize=2)
def _compiled_step(case: Case) -> Callable:
    key = stream_key(case.key, "init")
    state = case.component.init(key, case.conditions) if _is_source(case) else case.component.init(key)
    return _compiled(_plain_step(case), state, jnp.int32(0))


TICKS = np.arange(N_TICKS, dtype=np.int32)


def drift_keeps_the_shape_of_conditions(case: Case) -> None:
    """What goes in as conditions comes out as conditions, every array of the same shape and type."""
    step, state = _physics(case)
    _, out = step(state, jnp.int32(3))
    before, after = (
        jax.tree.map(lambda leaf: (jnp.shape(leaf), jnp.result_type(leaf)), t) for t in (case.conditions, out)
    )
    if type(out) is not Conditions or jax.tree.leaves(before) != jax.tree.leaves(after):
        raise LawBroken("step does not return Conditions with arrays of the shapes and types it was given")


def source_gives_moments_and_a_label(case: Case) -> None:
    """Moments are (n_sources, n_times), finite; the truth has a label; positions fit the sources."""
    step, state = _physics(case)
    source = case.component
    _, (moments, truth) = step(state, jnp.int32(0))
    if moments.shape != (source.n_sources, source.n_times):
        raise LawBroken(f"moments have shape {moments.shape}, wanted {(source.n_sources, source.n_times)}")
    if "label" not in truth:
        raise LawBroken(f"truth holds {sorted(truth)} but no label")
    for name in ("positions", "orientations"):
        if jnp.shape(getattr(source, name)) != (source.n_sources, 3):
            raise LawBroken(f"{name} has shape {jnp.shape(getattr(source, name))}, wanted {(source.n_sources, 3)}")


def physics_is_finite(case: Case) -> None:
    """Every number of every window is finite."""
    step, state = _physics(case)
    state, windows = _loop(step, state, TICKS)
    # what a host source carries may be a running network, with no numbers to look at
    seen = (state, windows) if getattr(case.component, "jittable", True) else windows
    _require_finite(seen, f"{N_TICKS} windows")


def physics_same_key_same_numbers(case: Case) -> None:
    """The same key gives the same bits."""
    runs = []
    for _ in range(2):
        step, state = _physics(case)
        runs.append(_loop(step, state, TICKS)[1])
    _require_same(runs[0], runs[1], "two runs with one key")


def physics_scan_is_loop(case: Case) -> None:
    """One compiled scan is the Python loop."""
    if not getattr(case.component, "jittable", True):
        raise DoesNotApply("not jittable: it runs in a Python loop")
    step, state = _physics(case)
    _traceable(step, state, jnp.int32(0))
    found = jax.lax.scan(step, state, jnp.asarray(TICKS))
    _require_same(found[1], _loop(step, state, TICKS)[1], "scan against loop", CLOSE)


def physics_jit_is_no_jit(case: Case) -> None:
    """Compiled and uncompiled steps agree."""
    if not getattr(case.component, "jittable", True):
        raise DoesNotApply("not jittable: it runs in a Python loop")
    step, state = _physics(case)
    _traceable(step, state, jnp.int32(0))
    plain = _plain_step(case)
    _require_same(plain(state, jnp.int32(1)), step(state, jnp.int32(1)), "compiled against uncompiled", CLOSE)


def physics_vmap_row_is_single(case: Case) -> None:
    """A row of a batch of ticks is what that tick gives alone."""
    if not getattr(case.component, "jittable", True):
        raise DoesNotApply("not jittable: it runs in a Python loop")
    step, state = _physics(case)
    _traceable(step, state, jnp.int32(0))
    batch = jax.vmap(step, in_axes=(None, 0))(state, jnp.arange(3, dtype=jnp.int32))
    row = jax.tree.map(lambda leaf: leaf[1], batch[1])
    _require_same(row, step(state, jnp.int32(1))[1], "a row of vmap against a single step", CLOSE)


_PHYSICS = (
    physics_is_finite,
    physics_same_key_same_numbers,
    physics_jit_is_no_jit,
    physics_scan_is_loop,
    physics_vmap_row_is_single,
)

LAWS: dict[str, tuple[Callable[[Case], None], ...]] = {
    "adapter": (
        predictions_are_finite_logits,
        trials_of_no_weight_are_not_there,
        predict_leaves_the_state_unchanged,
        no_feedback_leaves_parameters_unchanged,
        adapter_same_key_same_numbers,
        adapter_jit_is_no_jit,
        adapter_scan_is_loop,
        adapter_vmap_row_is_single,
        survives_windows_that_are_not_numbers,
    ),
    "decoder": (
        variables_have_the_declared_layers,
        logits_are_finite,
        fit_learns_two_separable_classes,
        decoder_same_key_same_numbers,
        decoder_jit_is_no_jit,
        decoder_vmap_row_is_single,
        moments_have_the_shape_of_stats,
        refit_readout_keeps_everything_below,
    ),
    "drift": (drift_keeps_the_shape_of_conditions, *_PHYSICS),
    "source": (source_gives_moments_and_a_label, *_PHYSICS),
}
