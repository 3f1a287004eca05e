"""Stochastic Heun for neural mass models: one window at a time, with or without delays.

Heun (explicit trapezoid; Kloeden & Platen 1992) is of order 2 without noise and of strong order 1 with additive
noise. Noise is a density: a step of h gets density * sqrt(h) * N(0, 1), so its law does not depend on the step.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from .entry import Drive
from .model import Inputs, Model, Values

_0 = np.int32(0)  # also with 64-bit numbers, indices stay of one type


class Memory(NamedTuple):
    """What has to be remembered for delays, latest last: (n_signals, n_nodes, n_past) each, or None."""

    own: Array | None
    network: Array | None


def inputs_of(model: Model, wiring: Any, y: Values, stim: ArrayLike, field: ArrayLike, past: Values = ()) -> Inputs:
    """Inputs at state ``y`` where the wiring, if any, has no delays."""
    if wiring is None:
        return Inputs(stim, field, past=past)
    return Inputs(stim, field, tuple(wiring.collect(s) for s in model.sent(y)), wiring.row(), past)


def heun(model: Model, h: float, y: Values, inputs: Callable[[Values, int], Inputs], kick: Values = ()) -> Values:
    """One step of ``h`` units of time. inputs(y, end) are the inputs at state y at the step's start (end = 0) or end
    (1); kick holds the step's noise, one (n_nodes,) per variable that has any."""
    noisy = [i for i, density in enumerate(model.noise()) if density is not None] if kick else []
    slope = model.slope(y, inputs(y, 0))
    guess = [u + h * d for u, d in zip(y, slope)]
    for i, k in zip(noisy, kick):
        guess[i] = guess[i] + k
    again = model.slope(tuple(guess), inputs(tuple(guess), 1))
    new = [u + 0.5 * h * (d1 + d2) for u, d1, d2 in zip(y, slope, again)]
    for i, k in zip(noisy, kick):
        new[i] = new[i] + k
    return model.wrapped(tuple(new))


def scaled_kicks(model: Model, h: float, normals: Array) -> Array:
    """Noise of every step from standard normals (..., n_noisy, n_nodes)."""
    densities = [density for density in model.noise() if density is not None]
    if not densities:
        return normals
    # one by one: a density may be () or (n_nodes,)
    rows = [density * h**0.5 * normals[..., i, :] for i, density in enumerate(densities)]
    return jnp.stack(rows, axis=-2)


@functools.cache
def undelayed(h: float, everything: bool = False) -> Callable[..., tuple[Values, Array]]:
    """run(model, wiring, y, drive, kicks) -> (y, outputs): the loop over a window without delays.

    drive: Drive of (n_times, n_nodes); kicks (n_times, substeps, n_noisy, n_nodes), scaled; outputs
    (n_times, n_nodes), or (n_times, n_variables, n_nodes) with ``everything``. Batched by vmap, nodes of all
    environments that are not wired become one long row: a row of 20 does not fill the processor's vectors, and a
    batch of 1024 is 2.6 times faster so.
    """

    def run(model: Model, wiring: Any, y: Values, drive: Drive, kicks: Array) -> tuple[Values, Array]:
        def sample(y: Values, xs: tuple[Drive, Array]) -> tuple[Values, Array]:
            held, kick = xs  # the input is held over a sample
            stim = 0.0 if held.stim is None else held.stim
            field = 0.0 if held.field is None else held.field

            def substep(y: Values, k: Array) -> tuple[Values, None]:
                return heun(model, h, y, lambda y, _: inputs_of(model, wiring, y, stim, field), tuple(k)), None

            y, _ = jax.lax.scan(substep, y, kick)
            return y, jnp.stack(y) if everything else model.output(y)

        return jax.lax.scan(sample, y, (drive, kicks))

    flat = jax.custom_batching.custom_vmap(run)

    @flat.def_vmap
    def _(n: int, batched: list, model: Model, wiring: Any, y: Values, drive: Drive, kicks: Array) -> Any:
        done = (tuple(True for _ in y), True)
        if wiring is not None:
            axes = jax.tree.map(lambda b: 0 if b else None, tuple(batched))
            return jax.vmap(run, in_axes=axes)(model, wiring, y, drive, kicks), done
        n_nodes = y[0].shape[-1]

        def row(lead: int) -> Callable[[Array, bool], Array]:
            """Leading axes first, then (n, n_nodes) as one axis; an unbatched scalar stays one."""

            def reshape(x: Array, is_batched: bool) -> Array:
                if not is_batched and x.ndim == lead == 0:
                    return x
                x = x if is_batched else x[None]
                x = x.reshape(*x.shape[: 1 + lead], -1)
                x = jnp.broadcast_to(x, (n, *x.shape[1:-1], n_nodes))
                return jnp.moveaxis(x, 0, -2).reshape(*x.shape[1:-1], n * n_nodes)

            return reshape

        is_model, _, is_y, is_drive, is_kick = batched
        y, out = flat(
            jax.tree.map(row(0), model, is_model), None, jax.tree.map(row(0), y, is_y),
            jax.tree.map(row(1), drive, is_drive), jax.tree.map(row(3), kicks, is_kick),
        )  # fmt: skip
        out = jnp.moveaxis(out.reshape(*out.shape[:-1], n, n_nodes), -2, 0)
        return (tuple(u.reshape(n, n_nodes) for u in y), out), done

    # custom_vmap has no reverse mode of its own; the gradient is that of the plain loop
    loop = jax.custom_vjp(lambda *arguments: flat(*arguments))
    loop.defvjp(
        lambda *arguments: (flat(*arguments), arguments),
        lambda arguments, cotangent: jax.vjp(run, *arguments)[1](cotangent),
    )
    return loop


def delayed(
    model: Model, wiring: Any, h: float, block: int, y: Values, memory: Memory, drive: Drive, kicks: Array,
    everything: bool = False,
) -> tuple[Values, Memory, Array]:  # fmt: skip
    """The loop over a window with delays, in blocks of ``block`` steps, no longer than the shortest delay, so that a
    block's delayed inputs are all known when it begins; exact, every delay a whole number of steps.

    drive: Drive of (n_times, n_nodes); kicks (n_times, substeps, n_noisy, n_nodes), scaled.
    Gives y, the memory and outputs (n_times, n_nodes) or (n_times, n_variables, n_nodes).
    """
    n_times, substeps = kicks.shape[:2]
    n_blocks = n_times * substeps // block
    wires: Any = wiring
    delays: Any = getattr(wiring, "delays", None)
    has_delays = delays is not None
    n_past = (memory.own if memory.own is not None else memory.network).shape[-1]  # type: ignore[union-attr]
    own_lags = [_steps(lag / h, block, n_past) for lag in model.lags()] if memory.own is not None else []
    network_lags = _steps(delays / (h * model.time_unit), block, n_past) if has_delays else None

    def blocks(x: Array | None) -> Array | None:
        return None if x is None else jnp.repeat(x, substeps, axis=0).reshape(n_blocks, block, x.shape[-1])

    def buffer(x: Array | None) -> Array | None:
        """Room for the window behind what is remembered."""
        return None if x is None else jnp.pad(x, ((0, 0), (0, 0), (0, n_blocks * block)))

    def step(y: Values, xs: Any) -> tuple[Values, Any]:
        held, kick, now, then = xs
        stim = 0.0 if held.stim is None else held.stim
        field = 0.0 if held.field is None else held.field

        def inputs(y: Values, end: int) -> Inputs:
            past, coupled = then if end else now
            if not has_delays:
                return inputs_of(model, wiring, y, stim, field, past)
            return Inputs(stim, field, coupled, wires.row(), past)

        y = heun(model, h, y, inputs, tuple(kick))
        return y, (
            jnp.stack(y) if everything else model.output(y),
            jnp.stack(model.remembered(y)) if own_lags else None,
            jnp.stack(model.sent(y)) if has_delays else None,
        )

    def one_block(carry: Any, xs: Any) -> tuple[Any, Array]:
        y, own, network, present = carry
        held, kick = xs
        past = tuple(
            jax.lax.dynamic_slice(own, (np.int32(k), _0, present - lag), (1, own.shape[1], block + 1))[0].T
            for k, lag in enumerate(own_lags)
        )
        coupled = (
            tuple(_collect(wires.weights, signal, present - network_lags, block + 1) for signal in network)
            if has_delays
            else ()
        )
        known = (past, coupled)
        now, then = jax.tree.map(lambda x: x[:-1], known), jax.tree.map(lambda x: x[1:], known)
        y, (out, new_own, new_network) = jax.lax.scan(step, y, (held, kick, now, then))

        def write(x: Any, new: Any) -> Any:
            # (block, n_signals, n_nodes) -> behind the present
            return x if x is None else jax.lax.dynamic_update_slice(x, jnp.moveaxis(new, 0, -1), (_0, _0, present + 1))

        return (y, write(own, new_own), write(network, new_network), present + block), out

    carry: Any = (y, buffer(memory.own), buffer(memory.network), jnp.int32(n_past - 1))
    xs = (Drive(blocks(drive.stim), blocks(drive.field)), kicks.reshape(n_blocks, block, *kicks.shape[2:]))
    (y, own, network, _), out = jax.lax.scan(one_block, carry, xs)
    keep = Memory(*(None if x is None else x[..., -n_past:] for x in (own, network)))
    return y, keep, out.reshape(-1, *out.shape[2:])[substeps - 1 :: substeps]


def _steps(lag: Array, block: int, n_past: int) -> Array:
    """Whole steps, kept within what block and memory allow (a lag that drifts out of them stays at the edge)."""
    return jnp.clip(jnp.round(lag), block, n_past - 1).astype(jnp.int32)


def delays_fit(model: Model, wiring: Any, h: float, block: int, n_past: int) -> Array:
    """() bool: every delay, as it is now, is within what was laid out."""
    lags = [lag / h for lag in model.lags()]
    if wiring is not None and wiring.delays is not None:
        lags.append(wiring.delays / (h * model.time_unit))
    steps = jnp.concatenate([jnp.ravel(jnp.round(lag)) for lag in lags])
    return jnp.all((steps >= block) & (steps <= n_past - 1))


def _collect(weights: Array, signal: Array, first: Array, n: int) -> Array:
    """(n, n_nodes): sum over j of weights[i, j] * signal[j, first[i, j] + t] for t < n; signal (n_nodes, n_buffer)."""
    n_nodes = signal.shape[0]

    def into(weight: Array, start: Array) -> Array:
        pieces = jax.vmap(lambda row, s: jax.lax.dynamic_slice(row, (s,), (n,)))(signal, start)
        return weight @ pieces

    return jax.lax.map(lambda x: into(*x), (weights, first)).T if n_nodes > 1 else into(weights[0], first[0])[:, None]
