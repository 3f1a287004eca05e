"""What reinforcement learning trains on: a functional environment, jittable and vmappable."""

from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jax import Array


class Transition(NamedTuple):
    """What one step gives.

    observation (n_observations,) float32, of the state after the step, also where the episode ended (nothing resets
    itself: training does); reward () and cost () float; terminated () bool: the task ended and nothing follows;
    truncated () bool: we stopped watching, and the value of what would have followed still counts. info:
    ``applied_action`` (n_actions,), what was really delivered in the unit of the action (I18; absent, the action
    itself); ``usable`` () bool, False where observation or reward rest on blanked or missing samples and nothing may be
    learnt from them (I16; absent, True); anything else is for logs.
    """

    observation: Array
    reward: Array
    cost: Array
    terminated: Array
    truncated: Array
    info: dict[str, Array]


class Environment(Protocol):
    """A pytree component: its numbers are leaves, so domain randomisation is another environment per lane.

    The state carries its own random keys, typed ones (``jax.random.key``): training takes initial states from a bank
    and folds a number into every key, so that copies of one state have different futures. ``reset`` may be expensive (a
    burn-in); it is never called within a rollout. Nothing is learnt from observations that are not finite.
    """

    @property
    def n_observations(self) -> int: ...
    @property
    def n_actions(self) -> int: ...

    def reset(self, key: Array) -> tuple[Any, Array]:
        """(state, observation (n_observations,)) of a new episode."""
        ...

    def step(self, state: Any, action: Array) -> tuple[Any, Transition]:
        """One step with action (n_actions,) in [-1, 1]."""
        ...


def applied(transition: Transition, action: Array) -> Array:
    """The action that was delivered, (n_actions,)."""
    return jnp.asarray(transition.info.get("applied_action", action), jnp.float32)


def usable(transition: Transition) -> Array:
    """() bool: whether anything may be learnt from this step."""
    fine = jnp.all(jnp.isfinite(transition.observation)) & jnp.isfinite(transition.reward)
    fine &= jnp.isfinite(transition.cost)
    return fine & jnp.asarray(transition.info.get("usable", True), bool)


def rekey(state: Any, number: Array) -> Any:
    """The state with ``number`` () folded into each of its random keys: the same past, another future."""

    def fold(leaf: Any) -> Any:
        if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return leaf
        flat = leaf.reshape(-1)
        return jax.vmap(jax.random.fold_in, (0, None))(flat, number).reshape(leaf.shape)

    return jax.tree.map(fold, state)
