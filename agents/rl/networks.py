"""The networks: tanh layers with orthogonal weights, a gated recurrent unit where memory is wanted."""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

LOG_STD = (-5.0, 2.0)  # beyond these a Gaussian policy is a constant, or noise
ROOT2 = float(np.sqrt(2.0))


class Head(NamedTuple):
    """mean, log_std (..., n_actions) of the Gaussian; values (..., n_values): of the return, then of the cost."""

    mean: Array
    log_std: Array
    values: Array


def orthogonal(gain: float = 1.0) -> Any:
    """Initialiser of matrices whose shorter side is orthonormal, times ``gain``, uniformly distributed.

    A product of random Householder reflections (Stewart 1980) and no QR, which is LAPACK's and may not run in parallel.
    """

    def make(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        long, short = max(shape), min(shape)
        normals, place = jax.random.normal(key, (short, long)), jnp.arange(long)

        def reflect(i: Array, q: Array) -> Array:
            k = short - 1 - i
            v = jnp.where(place >= k, normals[k], 0.0)
            v = v.at[k].add(jnp.where(v[k] >= 0, 1.0, -1.0) * jnp.sqrt(jnp.sum(v**2)))
            return q - 2.0 * jnp.outer(v, v @ q) / jnp.maximum(jnp.sum(v**2), 1e-12)

        q = jax.lax.fori_loop(0, short, reflect, jnp.eye(long, short))
        # reflections map each axis to the far side of its vector
        q = q * jnp.where(normals[jnp.arange(short), jnp.arange(short)] >= 0, -1.0, 1.0)
        return gain * (q if shape[0] == long else q.T).astype(dtype)

    return make


def _dense(n: int, gain: float, name: str) -> nn.Dense:
    return nn.Dense(n, kernel_init=orthogonal(gain), name=name)


class MLP(nn.Module):
    """tanh layers of the sizes ``hidden`` and a linear one of ``n_out``; orthogonal weights, ``gain`` of the last."""

    hidden: tuple[int, ...]
    n_out: int
    gain: float = 1.0

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """(..., n_in) -> (..., n_out)."""
        for i, n in enumerate(self.hidden):
            x = nn.tanh(_dense(n, ROOT2, f"layer{i}")(x))
        return _dense(self.n_out, self.gain, "last")(x)


class ActorCritic(nn.Module):
    """Policy and values, in networks of their own behind one recurrent layer (``recurrent`` units, 0 for none).

    n_history: so many last numbers of the observation are a history, which an encoder turns into ``context`` numbers
    first (see :mod:`.context`); 0 for none. state_std: the deviation depends on the observation. The Gaussian's mean
    begins near 0 with deviation ``std``, and ``min_std`` always remains of it.
    """

    n_actions: int
    hidden: tuple[int, ...] = (64, 64)
    recurrent: int = 0
    n_values: int = 1
    state_std: bool = False
    std: float = 1.0
    min_std: float = 0.0
    n_history: int = 0
    context: int = 8

    def setup(self) -> None:
        if self.n_history:
            self.encoder = MLP((32,), self.context, 1.0)
        if self.recurrent:
            self.embed = _dense(self.recurrent, ROOT2, "embed")
            self.cell = nn.GRUCell(self.recurrent, kernel_init=orthogonal(), recurrent_kernel_init=orthogonal())
        self.actor = MLP(self.hidden, self.n_actions * (2 if self.state_std else 1), 0.01)
        if self.n_values:
            self.critic = MLP(self.hidden, self.n_values, 1.0)
        if not self.state_std:
            self.log_std = self.param("log_std", nn.initializers.constant(self.raw), (self.n_actions,))

    @property
    def raw(self) -> float:
        """What begins as the logarithm of the deviation."""
        return float(np.log(max(self.std - self.min_std, 1e-3)))

    def encode(self, x: Array) -> Array:
        """The observation, its history turned into a context."""
        if not self.n_history:
            return x
        now, past = jnp.split(x, [x.shape[-1] - self.n_history], axis=-1)
        return jnp.concatenate([now, nn.tanh(self.encoder(past))], axis=-1)

    def embedded(self, x: Array) -> Array:
        """(..., recurrent), what the recurrent layer reads."""
        return nn.tanh(self.embed(x))

    def remember(self, memory: Array, embedded: Array) -> Array:
        """The memory (..., recurrent) after one observation."""
        return self.cell(memory, embedded)[0]

    def heads(self, memory: Array, x: Array) -> Head:
        """What follows from the memory and the encoded observation."""
        if self.recurrent:
            x = jnp.concatenate([memory, x], axis=-1)
        out = self.actor(x)
        if self.state_std:
            mean, raw = jnp.split(out, 2, axis=-1)
            log_std = raw + self.raw
        else:
            mean, log_std = out, jnp.broadcast_to(self.log_std, out.shape)
        if self.min_std > 0:
            # smooth, so that the deviation can grow again
            log_std = jnp.logaddexp(log_std, float(np.log(self.min_std)))
        values = self.critic(x) if self.n_values else jnp.zeros((*mean.shape[:-1], 0))
        return Head(mean, jnp.clip(log_std, *LOG_STD), values)

    def __call__(self, memory: Array, x: Array) -> tuple[Array, Head]:
        """One step: memory (..., recurrent), x (..., n_observations), normalised."""
        x = self.encode(x)
        if self.recurrent:
            memory = self.remember(memory, self.embedded(x))
        return memory, self.heads(memory, x)


def look(net: ActorCritic, params: Any, memory: Array, x: Array) -> tuple[Array, Head]:
    """(memory, head) after one normalised observation, shapes as in :class:`ActorCritic`."""
    return net.apply(params, memory, x)  # type: ignore[return-value]


def unroll(net: ActorCritic, params: Any, memory: Array, x: Array, first: Array) -> Head:
    """Heads (n_times, n, ...) along x (n_times, n, n_observations); the memory (n, recurrent) is emptied where first
    (n_times, n). Only the recurrent layer runs step by step."""

    def call(method: Any, *args: Any) -> Any:
        return net.apply(params, *args, method=method)

    x = call(ActorCritic.encode, x)
    if not net.recurrent:
        return call(ActorCritic.heads, memory, x)

    def step(memory: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        embedded, first = now
        memory = call(ActorCritic.remember, jnp.where(first[:, None], 0.0, memory), embedded)
        return memory, memory

    _, memories = jax.lax.scan(step, memory, (call(ActorCritic.embedded, x), first))
    return call(ActorCritic.heads, memories, x)


class Critics(nn.Module):
    """``n`` independent action values: (..., n_observations), (..., n_actions) -> (n, ...)."""

    n: int
    hidden: tuple[int, ...] = (64, 64)

    @nn.compact
    def __call__(self, x: Array, action: Array) -> Array:
        whole: Any = None  # every critic sees all of the input
        many = nn.vmap(
            MLP, variable_axes={"params": 0}, split_rngs={"params": True}, in_axes=whole, out_axes=0, axis_size=self.n
        )
        return many(self.hidden, 1, 1.0)(jnp.concatenate([x, action], axis=-1))[..., 0]


def judge(critics: Critics, params: Any, x: Array, action: Array) -> Array:
    """(n, ...) values of action (..., n_actions) at the normalised observation x."""
    return critics.apply(params, x, action)  # type: ignore[return-value]


def log_prob(head: Head, action: Array) -> Array:
    """(...,) log density of action (..., n_actions) under the head's Gaussian."""
    z = (action - head.mean) * jnp.exp(-head.log_std)
    return -jnp.sum(0.5 * z**2 + head.log_std + 0.5 * jnp.log(2 * jnp.pi), axis=-1)


def entropy(head: Head) -> Array:
    """(...,) nats."""
    return jnp.sum(head.log_std + 0.5 * jnp.log(2 * jnp.pi * jnp.e), axis=-1)


def squash(head: Head, noise: Array) -> tuple[Array, Array]:
    """(action, log density) of tanh(mean + std * noise), (..., n_actions) and (...,)."""
    raw = head.mean + jnp.exp(head.log_std) * noise
    # log(1 - tanh(x)^2) without cancellation
    change = 2.0 * (jnp.log(2.0) - raw - jax.nn.softplus(-2.0 * raw))
    gaussian = -0.5 * noise**2 - head.log_std - 0.5 * jnp.log(2 * jnp.pi)
    return jnp.tanh(raw), jnp.sum(gaussian - change, axis=-1)
