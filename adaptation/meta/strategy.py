"""A meta-learner as a strategy of pretraining, so that it may learn from people who are drawn as it goes."""

from typing import Any

import jax
from jax import Array

from ...sim.errors import InputError
from ...sim.keys import stream_key
from ...sim.pytree import component, static
from ..contract import Decoder, Trials, Variables
from ..transfer.contract import Batch, Gradient
from ..trials import in_turn
from .training import problem_of


@component
class OverPeople:
    """Every person of a minibatch is a task: ``n_support`` trials, classes in turn, to learn from, the others to judge.

    InputError for people of ``n_support`` trials or fewer, of whom none would be left to judge by. The optimiser, its
    rate and its decay are the loop's (AdamW), not the learner's. Feature statistics stay as they were: start from a
    decoder that is trained.
    """

    learner: Any
    n_support: int = static(default=8)

    def init(self, decoder: Decoder, n_people: int, key: Array) -> Any:
        """Nothing is trained beside the decoder."""
        return {}

    def gradient(self, decoder: Decoder, variables: Variables, extra: Any, batch: Batch, key: Array) -> Gradient:
        """The mean over people of what the learner says."""
        n_trials = batch.trials.y.shape[1]
        if n_trials <= self.n_support:
            raise InputError(
                f"people bring {n_trials} trials to a minibatch: wanted more than the {self.n_support} that are learnt "
                "from, the others judge; give more trials"
            )
        loss, theta_of, rates = problem_of(decoder, variables, self.learner)

        def of_person(trials: Trials, key: Array) -> tuple[Array, Any]:
            order = in_turn(stream_key(key, "order"), trials, decoder.n_classes)
            support, query = (
                jax.tree.map(lambda a, rows=rows: a[rows], trials)
                for rows in (order[: self.n_support], order[self.n_support :])
            )
            return self.learner.direction(
                loss, variables.params, theta_of, rates, support, query, stream_key(key, "steps")
            )

        told = batch.trials._replace(weight=batch.label_weight)
        losses, directions = jax.vmap(of_person)(told, jax.random.split(key, told.y.shape[0]))
        mean = jax.tree.map(lambda a: a.mean(0), directions)
        return Gradient(mean, extra, variables.stats, {"task": losses.mean()})
