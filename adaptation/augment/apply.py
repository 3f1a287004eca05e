"""What an augmentation is, and the trials with the drawn ones beside them."""

from typing import Protocol

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.keys import stream_key
from ..contract import Trials


class Augmentation(Protocol):
    """Draws trials out of trials: a component, whose strength is a leaf."""

    def __call__(self, trials: Trials, key: Array) -> Trials:
        """Trials (n_drawn, n_channels, n_times) in V, like those (n_trials, ...) given; what weighs 0 stays at 0."""
        ...


def augmented(trials: Trials, augmentation: Augmentation, key: Array, n_copies: int = 4) -> Trials:
    """The trials followed by ``n_copies`` draws of them, all together of the weight that the trials had.

    Kept weight keeps what a decoder makes of it: a logistic regression's penalty, a Ledoit-Wolf shrinkage by the number
    of trials. Otherwise fifty drawn trials would be trusted as fifty that were recorded.
    """
    drawn = [augmentation(trials, stream_key(key, "copy", i)) for i in range(n_copies)]
    whole = jax.tree.map(lambda *parts: jnp.concatenate(parts), trials, *drawn)
    total = whole.weight.sum()
    scale = jnp.where(total > 0, trials.weight.sum() / jnp.where(total > 0, total, 1.0), 0.0)
    return whole._replace(weight=whole.weight * scale)


def each(function: object, trials: Trials, key: Array) -> Trials:
    """Trials with ``function(x (n_channels, n_times), key) -> x`` of every window."""
    keys = jax.random.split(key, trials.y.shape[0])
    return trials._replace(x=jax.vmap(function)(trials.x, keys))  # type: ignore[arg-type]
