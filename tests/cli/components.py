"""Components of a user's own, some of which break a law."""

import dataclasses

import jax
import jax.numpy as jnp

from neurodrift.sim.pytree import component


@component
class Constant:
    """Says the same whatever it sees, and keeps every law."""

    def init(self, decoder, variables, calibration, key):
        return variables

    def predict(self, state, x):
        return jnp.arange(2.0)

    def update(self, state, x, feedback):
        return state


class LearnsWithoutLabels(Constant):
    def update(self, state, x, feedback):
        return state._replace(params=jax.tree.map(lambda p: p + jnp.nan_to_num(x).std() + 1.0, state.params))


class Fragile(Constant):
    def predict(self, state, x):
        return jnp.stack([state.align.sum(), x.sum()])

    def update(self, state, x, feedback):
        return state._replace(align=state.align + x.mean())


class Remembers:
    """Changes itself when it predicts."""

    def init(self, decoder, variables, calibration, key):
        self.calls = 0
        return variables

    def predict(self, state, x):
        self.calls += 1
        return jnp.array([0.0, float(self.calls)])

    def update(self, state, x, feedback):
        return state


@component
class Wobble:
    """A random walk of the gain that keeps every law."""

    def init(self, key):
        return jnp.float32(0.0)

    def step(self, state, conditions, clock, key):
        state = state + 0.1 * jax.random.normal(key)
        return state, dataclasses.replace(conditions, gain=conditions.gain * jnp.exp(state))


class Explodes(Wobble):
    def step(self, state, conditions, clock, key):
        return state, dataclasses.replace(conditions, gain=conditions.gain / (clock.seconds - 3.0))


class ChangesShape(Wobble):
    def step(self, state, conditions, clock, key):
        return state, dataclasses.replace(conditions, gain=conditions.gain[:2])


class Raises(Wobble):
    def step(self, state, conditions, clock, key):
        raise KeyError("no such electrode")


class Half:
    def predict(self, state, x):
        return x


NEITHER = 3
