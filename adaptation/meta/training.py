"""The outer loop over people, in one compiled scan, and the few steps on a new user."""

import functools
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import optax
from jax import Array

from ...sim.errors import InputError
from ...sim.keys import stream_key
from ..contract import Decoder, Trials, Variables
from ..decoders.training import cross_entropy
from ..methods.layers import Params
from ..transfer.domains import align_people
from .episodes import draw_episode
from .steps import descend


class MetaLearner(Protocol):
    """MAML, ANIL, Reptile: ``rate``, ``n_steps`` and ``reach`` of the steps on a person, and what they teach."""

    @property
    def rate(self) -> Array | float: ...
    @property
    def n_steps(self) -> int: ...
    @property
    def reach(self) -> Any: ...

    def direction(
        self, loss: Any, params: Any, theta_of: Any, rates: Any, support: Any, query: Any, key: Array
    ) -> tuple[Array, Any]: ...
    def optimizer(self, n_iterations: int) -> optax.GradientTransformation: ...


def meta_train(
    decoder: Decoder,
    people: Trials,
    key: Array,
    learner: MetaLearner,
    start: Variables,
    *,
    n_iterations: int = 200,
    n_tasks: int = 4,
    n_support: int = 10,
    n_query: int = 20,
) -> tuple[Variables, Array]:
    """(variables to start a new user from, losses (n_iterations,) of the episodes, as the learner has them).

    people: Trials (n_people, n_trials, ...), each aligned here by their own mean covariance; ``align`` stays the
    identity. An iteration is one outer step on ``n_tasks`` episodes of ``n_support`` and ``n_query`` trials. Feature
    statistics stay those of ``start``, which should therefore be fitted (``pretrain``): batch statistics of ten trials
    would tell of the class balance. Raises InputError where a person has too few trials.
    """
    if people.y.ndim != 2:
        raise InputError(f"people have y of shape {people.y.shape}: wanted (n_people, n_trials), one row a person")
    if people.y.shape[1] < n_support + n_query:
        raise InputError(
            f"people have {people.y.shape[1]} trials, an episode takes {n_support} + {n_query}: "
            "lower n_support or n_query, or record more"
        )
    # apart from the scan, so that what trains on other learners does not compile it again
    return _train(decoder, align_people(people), key, learner, start, n_iterations, n_tasks, n_support, n_query)


@functools.partial(jax.jit, static_argnums=(5, 6, 7, 8))
def _train(
    decoder: Decoder,
    people: Trials,
    key: Array,
    learner: MetaLearner,
    start: Variables,
    n_iterations: int,
    n_tasks: int,
    n_support: int,
    n_query: int,
) -> tuple[Variables, Array]:
    optimizer = learner.optimizer(n_iterations)

    def of_task(params: Params, key: Array) -> tuple[Array, Params]:
        episode = draw_episode(key, people, n_support, n_query, decoder.n_classes)
        loss, theta_of, rates = problem_of(decoder, start._replace(params=params), learner)
        return learner.direction(loss, params, theta_of, rates, *episode, stream_key(key, "steps"))

    def iteration(carry: tuple[Params, Any], i: Array) -> tuple[tuple[Params, Any], Array]:
        params, state = carry
        keys = jax.random.split(stream_key(key, "iteration", i), n_tasks)
        losses, directions = jax.vmap(lambda k: of_task(params, k))(keys)
        mean = jax.tree.map(lambda a: a.mean(0), directions)
        updates, state = optimizer.update(mean, state, params)
        moved: Any = optax.apply_updates(params, updates)
        return (moved, state), losses.mean()

    carry = (start.params, optimizer.init(start.params))
    (params, _), losses = jax.lax.scan(iteration, carry, jnp.arange(n_iterations))
    return start._replace(params=params), losses


@functools.partial(jax.jit, static_argnames="n_steps")
def recalibrate(
    decoder: Decoder, variables: Variables, trials: Trials, learner: MetaLearner, n_steps: int | None = None
) -> Variables:
    """``variables`` after the learner's steps (or ``n_steps``) on a user's trials (n_trials, ...), behind ``align``."""
    loss, theta_of, rates = problem_of(decoder, variables, learner)
    params = variables.params
    n_steps = learner.n_steps if n_steps is None else n_steps
    theta = descend(lambda theta: loss(params, theta, trials), theta_of(params), rates, n_steps)
    return variables._replace(params=learner.reach.params(params, params, theta))


def problem_of(decoder: Decoder, variables: Variables, learner: MetaLearner) -> tuple[Any, Any, Any]:
    """What a learner's ``direction`` is given: loss(params, theta, trials), theta_of(params), and the steps' rates,
    which are constants to a derivative."""
    reach = learner.reach

    def loss(params: Params, theta: Any, trials: Trials) -> Array:
        return cross_entropy(decoder, variables._replace(params=reach.params(params, params, theta)), trials, None)

    rates = jax.lax.stop_gradient(reach.rates(decoder, variables.params, learner.rate))
    return loss, lambda params: reach.theta(decoder, (), params), rates
