"""One person's trials as a task: a few to learn from, others to be judged by."""

from typing import NamedTuple

import jax
from jax import Array

from ..contract import Trials
from ..trials import in_turn


class Episode(NamedTuple):
    """support: (n_support, ...) trials that the steps see; query: (n_query, ...) others of the same person."""

    support: Trials
    query: Trials


def draw_episode(key: Array, people: Trials, n_support: int, n_query: int, n_classes: int) -> Episode:
    """An episode of a person drawn from ``people`` (n_people, n_trials, ...), classes in turn, none of weight 0.

    Classes alternate as long as there are trials of each, so that support and query are balanced.
    """
    k_person, k_order = jax.random.split(key)
    person = jax.random.randint(k_person, (), 0, people.y.shape[0])
    trials = jax.tree.map(lambda a: a[person], people)
    order = in_turn(k_order, trials, n_classes)
    support, query = order[:n_support], order[n_support : n_support + n_query]
    return Episode(*(jax.tree.map(lambda a, rows=rows: a[rows], trials) for rows in (support, query)))
