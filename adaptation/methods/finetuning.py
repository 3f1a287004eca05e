"""Continual fine-tuning: gradient steps on every labelled trial, replaying old ones. Labels: all that come."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from ...sim.keys import stream_key
from ...sim.pytree import component, static
from ..contract import Decoder, Feedback, Trials, Variables
from .gate import when


class ReplayMemory(NamedTuple):
    """What fine-tuning replays, windows as aligned when they came (each by the alignment of its own session).

    old_x, old_y: (capacity, n_channels, n_times), (capacity,) int32, uniform sample of calibration and stream
    new_x, new_y: (n_recent, n_channels, n_times), (n_recent,) int32, the latest of this session, a ring
    n_seen:  () int32, trials the old sample stands for; n_new: () int32, labels of this session
    anchor:  params before the stream; optimizer: Adam's moments; key: of the sampling
    """

    old_x: Array
    old_y: Array
    new_x: Array
    new_y: Array
    n_seen: Array
    n_new: Array
    anchor: Any
    optimizer: Any
    key: Array


@component
class ContinualFineTuning:
    """``n_steps`` Adam steps per label on batches of ``old_share`` old and the rest new trials, dropout off.

    Old trials are a reservoir over calibration and stream, new ones the last ``n_recent`` of the session (60/40
    as CORP, Fan 2023). ``lower`` scales the learning rate below the readout, 0 freezing it; ``anchor`` pulls
    towards the initial params, ½ anchor ‖θ - θ₀‖². The first ``warm_up`` labels of a session are only collected.
    ``learning_rate`` is relative to the root mean square of each layer's initial parameters (Shazeer & Stern 2018):
    readouts of order 1, as LDA's, and of order .1, as a network's, move alike. Its default was chosen on the
    synthetic streams of tests/adaptation/streams.py, other seeds than the tests'.
    """

    learning_rate: float = 5e-3
    lower: float = 0.1
    anchor: float = 0.0
    capacity: int = static(default=100)
    n_recent: int = static(default=64)
    batch_size: int = static(default=20)
    old_share: float = static(default=0.4)
    n_steps: int = static(default=4)
    warm_up: int = static(default=10)

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> ReplayMemory:
        n_trials, *shape = calibration.x.shape
        # A random subset in random order, real trials before those of weight 0.
        order = jax.random.permutation(stream_key(key, "subset"), n_trials)
        order = order[jnp.argsort(calibration.weight[order] <= 0, stable=True)][: self.capacity]
        kept = order.shape[0]
        dtype = calibration.x.dtype
        return ReplayMemory(
            old_x=jnp.zeros((self.capacity, *shape), dtype).at[:kept].set(variables.align @ calibration.x[order]),
            old_y=jnp.zeros(self.capacity, jnp.int32).at[:kept].set(calibration.y[order].astype(jnp.int32)),
            new_x=jnp.zeros((self.n_recent, *shape), dtype),
            new_y=jnp.zeros(self.n_recent, jnp.int32),
            n_seen=(calibration.weight > 0).sum().astype(jnp.int32),
            n_new=jnp.zeros((), jnp.int32),
            anchor=variables.params,
            optimizer=optax.scale_by_adam().init(variables.params),
            key=key,
        )

    def observe(
        self, memory: ReplayMemory, decoder: Decoder, variables: Variables, x: Array
    ) -> tuple[ReplayMemory, Variables]:
        return memory, variables

    def learn(
        self, memory: ReplayMemory, decoder: Decoder, variables: Variables, feedback: Feedback
    ) -> tuple[ReplayMemory, Variables, Array]:
        used = feedback.available
        memory = self._store(memory, variables.align @ feedback.window, feedback.label, used)
        ready = used & (memory.n_new >= self.warm_up)
        moved = (variables.params, memory.optimizer)
        rest = variables._replace(params={}), memory._replace(optimizer=())
        params, optimizer = when(ready, _train, moved, self, decoder, *rest)
        n_new = jnp.where(feedback.session_end, 0, memory.n_new)
        return memory._replace(optimizer=optimizer, n_new=n_new), variables._replace(params=params), used

    def _store(self, memory: ReplayMemory, x: Array, y: Array, used: Array) -> ReplayMemory:
        n_seen = memory.n_seen + used.astype(jnp.int32)
        # Algorithm R (Vitter 1985): every trial seen is in the sample with the same probability.
        draw = _indices(jax.random.uniform(stream_key(memory.key, "reservoir", n_seen)), n_seen)
        slot = jnp.where(n_seen <= self.capacity, n_seen - 1, draw)
        keep = used & (slot < self.capacity)
        slot = jnp.clip(slot, 0, self.capacity - 1)
        ring = memory.n_new % self.n_recent
        return memory._replace(
            old_x=memory.old_x.at[slot].set(jnp.where(keep, x, memory.old_x[slot])),
            old_y=memory.old_y.at[slot].set(jnp.where(keep, y, memory.old_y[slot])),
            new_x=memory.new_x.at[ring].set(jnp.where(used, x, memory.new_x[ring])),
            new_y=memory.new_y.at[ring].set(jnp.where(used, y, memory.new_y[ring])),
            n_seen=n_seen,
            n_new=memory.n_new + used.astype(jnp.int32),
        )


def _indices(uniform: Array, count: Array) -> Array:
    """Integers in 0 .. count - 1 from numbers uniform in [0, 1): cheaper to compile than exact integer draws."""
    return jnp.clip((uniform * count).astype(jnp.int32), 0, jnp.maximum(count - 1, 0))


def _rms(layer: Any) -> Array:
    """Root mean square of a layer's parameters, at least 1e-3 (Adafactor's bound, for layers that start at zero)."""
    leaves = jax.tree.leaves(layer)
    mean = sum((leaf**2).sum() for leaf in leaves) / sum(leaf.size for leaf in leaves)
    return jnp.maximum(jnp.sqrt(mean), 1e-3)


def _train(
    moved: tuple[Any, Any], method: ContinualFineTuning, decoder: Any, variables: Variables, memory: ReplayMemory
) -> tuple[Any, Any]:
    """``method.n_steps`` Adam steps on (params, optimizer state)."""
    # Here, so that the classical decoders do without the networks' library.
    from ..decoders.training import cross_entropy, layer_scales

    n_old = round(method.old_share * method.batch_size)
    filled = jnp.where(
        jnp.arange(method.batch_size) < n_old,
        jnp.minimum(memory.n_seen, method.capacity),
        jnp.minimum(memory.n_new, method.n_recent),
    )
    key = stream_key(memory.key, "batches", memory.n_seen)
    rows = _indices(jax.random.uniform(key, (method.n_steps, method.batch_size)), filled)
    scales = layer_scales(decoder, method.lower)
    sizes = {name: _rms(layer) for name, layer in memory.anchor.items()}
    # Stored windows are aligned already.
    identity = jnp.eye(variables.align.shape[-1], dtype=variables.align.dtype)

    def loss(params: Any, trials: Trials) -> Array:
        drift = sum(((p - a) ** 2).sum() for p, a in zip(jax.tree.leaves(params), jax.tree.leaves(memory.anchor)))
        current = variables._replace(align=identity, params=params)
        return cross_entropy(decoder, current, trials, None) + 0.5 * method.anchor * drift

    def step(carry: tuple[Any, Any], row: Array) -> tuple[tuple[Any, Any], None]:
        params, optimizer = carry
        old, new = row[:n_old], row[n_old:]
        trials = Trials(
            x=jnp.concatenate([memory.old_x[old], memory.new_x[new]]),
            y=jnp.concatenate([memory.old_y[old], memory.new_y[new]]),
            weight=jnp.ones(method.batch_size),
        )
        steps, optimizer = optax.scale_by_adam().update(jax.grad(loss)(params, trials), optimizer)
        params = {
            name: jax.tree.map(
                lambda p, u, s, size=sizes[name]: p - method.learning_rate * size * s * u,
                params[name],
                steps[name],  # type: ignore[index]
                scales[name],
            )
            for name in params
        }
        return (params, optimizer), None

    return jax.lax.scan(step, moved, rows)[0]
