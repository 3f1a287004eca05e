"""Labels and signs of errors as a budget reveals them."""

import functools

import jax
import jax.numpy as jnp
from jax import Array

from ..sim.keys import stream_key
from .budgets import ERRORS, Budget
from .decoding import ErrorSignals, Labels, error_signals


def periods(session_end: Array, onset: int) -> Array:
    """The period (n_trials,) int32 of every trial: 0 before the onset of drift, then counted from 1, a new one after
    each announced session end. session_end (n_trials,) bool."""
    trial = jnp.arange(session_end.shape[0])
    starts = jnp.append(False, session_end[:-1]) & (trial > onset)
    return jnp.where(trial >= onset, 1 + jnp.cumsum(starts), 0).astype(jnp.int32)


def ration(labels: Labels, session_end: Array, onset: int, budget: Budget) -> Labels:
    """The labels of one session as far as the budget goes.

    A budget of k reveals the first k labels that are recorded of trials from the onset on, and the first k again after
    each announced session end; a label that never comes (missing) is not counted. A delay is added to the labels' own.
    """
    label, available, origin = labels
    n_trials = label.shape[0]
    trial = jnp.arange(n_trials)
    if budget.delay:
        earlier = jnp.maximum(trial - budget.delay, 0)
        available = available[earlier] & (trial >= budget.delay)
        label, origin = label[earlier], origin[earlier]
    if budget.n_labels is not None:
        period = periods(session_end, onset)[origin]
        upto = (trial[None] <= trial[:, None]) & (period[None] == period[:, None]) & available[None]
        available = available & (period > 0) & (upto.sum(1) <= budget.n_labels)
    return Labels(label, available, origin)


@functools.partial(jax.jit, static_argnames=("onset", "budget"))
def reveal_within(
    keys: Array, y: Array, labels: Labels, session_end: Array, onset: int, budget: Budget
) -> tuple[Labels, ErrorSignals | None]:
    """Labels and, where the budget is of errors, their signs, of people at once: keys (n_people,), y (n_people,
    n_trials) the classes meant, labels (n_people, n_trials) as revealed without a budget, session_end (n_trials,)."""
    rationed = jax.vmap(lambda one: ration(one, session_end, onset, budget))(labels)
    if not budget.errors:
        return rationed, None
    return rationed, jax.vmap(lambda key, y: error_signals(stream_key(key, "errors"), y, ERRORS, ERRORS))(keys, y)
