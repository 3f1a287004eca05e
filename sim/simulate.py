"""Run a source alone, chunk by chunk, and say so when it leaves what physiology allows."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from .chunks import Progress, count_windows, run_chunks
from .clock import Clock
from .conditions import Conditions
from .drift.base import begin, evolve
from .errors import InputError
from .keys import stream_key

OK = "ok"


@dataclasses.dataclass(frozen=True)
class Simulation:
    """t (n,) s since the start; output (n_sources, n) in the unit of the model's output; values
    (n_variables, n_nodes, n) or None; state: of the source, at the end; status: "ok", or when and how the run left its
    bounds (what came before is kept). Pass it as ``state`` to go on.
    """

    t: np.ndarray
    output: np.ndarray
    values: np.ndarray | None
    state: Any
    status: str
    carry: Any = dataclasses.field(repr=False, default=None)

    @property
    def ok(self) -> bool:
        return self.status == OK


def simulate(
    source: Any,
    seconds: float,
    key: Array,
    conditions: Conditions | None = None,
    stim: ArrayLike | None = None,
    drift: tuple[Any, ...] = (),
    everything: bool = False,
    chunk_s: float = 10.0,
    burn_in: bool = True,
    state: Any = None,
    progress: Progress | None = None,
) -> Simulation:
    """``seconds`` of a neural mass source (rounded up to whole windows), without head and electrodes.

    stim: A, None for none, (n_stim,) held throughout or (n_stim, n_samples) over time; drift: processes that move
    ``conditions`` (nominal by default); everything: keep every variable; burn_in: start from the source's ``init``,
    otherwise from its initial values; state: instead of both, a :class:`Simulation` to go on from (time, drift and
    noise go on too), or a source's state to begin with; progress(seconds done, seconds): called after each chunk.

    After each chunk of ``chunk_s`` s of model time the run is checked: when a variable is not finite or leaves its
    physiological bounds, the run stops, keeps what came before that window, and ``status`` says what happened.
    Memory grows with what is returned only.
    """
    conditions = Conditions.nominal(1) if conditions is None else conditions
    _check(source, key, drift)
    n_windows = count_windows(seconds, source)
    current = _current(source, stim, n_windows)
    if isinstance(state, Simulation):
        carry = state.carry
        if len(carry[1]) != len(drift):
            raise InputError(f"{len(drift)} drift processes; the run to go on from had {len(carry[1])}, give the same")
    else:
        if state is None:
            state = jax.jit(source.init)(stream_key(key, "init"), conditions) if burn_in else source.begin()
        carry = (state, begin(drift, key), jnp.int32(0))
    first = int(carry[2])
    outputs, values, ends = [], [], []

    def advance(done: int, n: int) -> Array:
        nonlocal carry
        given = current if current.ndim == 2 else current[done : done + n]
        carry, (moments, inside, end, trace) = _chunk(source, conditions, drift, carry, given, key, n, everything)
        outputs.append(np.asarray(moments))
        values.append(np.asarray(trace) if everything else None)
        ends[:] = [(done, end)]
        return inside

    done = run_chunks(advance, seconds, chunk_s, source, progress)
    status = OK
    if done < n_windows:
        ((start, end),) = ends
        then = [np.asarray(y)[done - start] for y in end]
        status = _what_happened(source, then, (first + done) * source.n_times / source.sfreq)
    moment = np.concatenate(outputs)[:done]
    output = np.moveaxis(moment, 1, 0).reshape(source.n_sources, -1) / float(source.moment) + float(source.mean)
    return Simulation(
        t=(first * source.n_times + np.arange(output.shape[1])) / source.sfreq,
        output=output,
        values=_joined(np.concatenate(values)[:done]) if everything else None,
        state=carry[0],
        status=status,
        carry=carry,
    )


def _check(source: Any, key: Any, drift: Any) -> None:
    if not hasattr(source, "trace"):
        raise InputError(
            f"{type(source).__name__} is no neural mass; put it in a plant (neurodrift.sim.builders.source_plant, or a "
            "builder of its own) and step that"
        )
    if not isinstance(key, jax.Array):
        raise InputError(f"key is {key!r}; wanted a JAX key, such as jax.random.key(0)")
    for process in drift:
        if not hasattr(process, "step"):
            raise InputError(
                f"drift {process!r} is no process; make one, such as neurodrift.sim.drift.Levodopa.create(0.9)"
            )


@functools.partial(jax.jit, static_argnames=("n", "everything"))
def _chunk(
    source: Any, conditions: Conditions, drift: tuple[Any, ...], carry: Any, current: Array, key: Array, n: int,
    everything: bool,
) -> Any:  # fmt: skip
    def window(carry: Any, given: Array | None) -> Any:
        state, memories, tick = carry
        clock = Clock(tick, jnp.float32(source.n_times / source.sfreq))
        kept, now = evolve(drift, memories, conditions, clock, key)
        stim, noise = current if given is None else given, stream_key(key, "source", tick)
        after, moments, truth = source.step(state, stim, now, noise)
        trace = source.trace(state, stim, now, noise)[1] if everything else None
        return (after, kept, tick + 1), (moments, truth["in_bounds"], after.y, trace)

    return jax.lax.scan(window, carry, None if current.ndim == 2 else current, length=n)


def _current(source: Any, stim: ArrayLike | None, n_windows: int) -> Array:
    """(n_stim, n_times) held, or (n_windows, n_stim, n_times)."""
    shape = (source.n_stim, source.n_times)
    if stim is None:
        return jnp.zeros(shape)
    given = np.asarray(stim, np.float32)
    if not np.isfinite(given).all():
        raise InputError("the stimulation current has values that are not finite; wanted A")
    if given.ndim == 1 and given.size == source.n_stim:
        return jnp.broadcast_to(jnp.asarray(given)[:, None], shape)
    n_samples = n_windows * source.n_times
    if given.shape != (source.n_stim, n_samples):
        raise InputError(
            f"stimulation has shape {given.shape}; wanted ({source.n_stim},) or ({source.n_stim}, {n_samples}) in A"
        )
    return jnp.asarray(np.moveaxis(given.reshape(source.n_stim, n_windows, source.n_times), 1, 0))


def _what_happened(source: Any, values: list[np.ndarray], seconds: float) -> str:
    """Which variable left its bounds in the window after ``seconds`` s."""
    fix = "shorten the step or weaken the input" if seconds > 0 else "check letters and start, or weaken the input"
    for variable, worst in zip(source.model.VARIABLES, values):
        if not np.isfinite(worst).all():
            return f"{variable.name} stopped being finite after {seconds:g} s; {fix}"
        if worst.min() < variable.lower or worst.max() > variable.upper:
            far = worst[np.argmax(np.abs(worst))]
            return (
                f"{variable.name} left {variable.lower:g} to {variable.upper:g} {variable.unit} after {seconds:g} s "
                f"(it was {far:g}); {fix}"
            )
    return f"delays after {seconds:g} s are beyond those laid out; give the source shortest_delay or longest_delay"


def _joined(whole: np.ndarray) -> np.ndarray:
    """(n_windows, n_variables, n_nodes, n_times) -> (n_variables, n_nodes, n)."""
    return np.moveaxis(whole, 0, 2).reshape(*whole.shape[1:3], -1)
