"""A sign of an error is about what was decoded: a copy that would have answered otherwise does not hear it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation.contract import Feedback, Trials
from neurodrift.adaptation.methods.ensemble import Ensemble
from neurodrift.adaptation.methods.guard import Guard
from neurodrift.sim.pytree import component

from . import toy


class Heard(NamedTuple):
    variables: Any
    labels_used: Any
    error: Any


@component
class Listener:
    """Keeps the last sign it heard; it decodes as the decoder does, ``turned`` the other way round."""

    turned: float = 0.0

    def init(self, decoder, variables, calibration, key):
        return Heard(variables, jnp.int32(0), jnp.int32(-7))

    def predict(self, state, x):
        logits = toy.Toy().apply(state.variables, x)
        return jnp.where(self.turned > 0, -logits, logits)

    def update(self, state, x, feedback):
        return state._replace(error=jnp.asarray(feedback.error, jnp.int32))


@pytest.mark.parametrize(("turned", "heard"), [(0.0, 1), (1.0, -1)])
def test_a_guards_shadow_hears_only_of_its_own_answer(turned, heard):
    variables = toy.sure()
    x = toy.windows(np.random.default_rng(0), np.arange(8) % 2)
    guard = Guard(adapter=Listener(turned=turned))
    state = guard.init(toy.Toy(), variables, Trials(x, jnp.arange(8) % 2, jnp.ones(8)), jax.random.key(0))
    feedback = Feedback(jnp.int32(0), jnp.asarray(False), x[0], jnp.asarray(False), jnp.int32(1))
    assert int(guard.update(state, x[0], feedback).shadow.error) == heard


def test_a_member_that_was_outvoted_hears_nothing():
    variables = toy.sure()
    x = toy.windows(np.random.default_rng(0), np.arange(8) % 2)
    ensemble = Ensemble(adapter=Listener(), n_members=3)
    state = ensemble.init(toy.Toy(), variables, Trials(x, jnp.arange(8) % 2, jnp.ones(8)), jax.random.key(0))
    members = jax.tree.map(lambda leaf: jnp.stack([leaf] * 3), toy.sure())
    kernel = members.params["readout"]["kernel"] * jnp.asarray([1.0, 1.0, -0.5])[:, None, None]
    members = members._replace(params={**members.params, "readout": {**members.params["readout"], "kernel": kernel}})
    state = state._replace(members=state.members._replace(variables=members))
    feedback = Feedback(jnp.int32(0), jnp.asarray(False), x[0], jnp.asarray(False), jnp.int32(1))
    assert ensemble.update(state, x[0], feedback).members.error.tolist() == [1, 1, -1]
