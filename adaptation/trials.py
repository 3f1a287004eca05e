"""What training is given, checked."""

import jax
import jax.numpy as jnp
from jax import Array

from ..sim.errors import InputError
from .contract import Trials


def usable(trials: Trials) -> Trials:
    """The trials, those that hold a value which is not finite left out: weight 0, and another window in their place,
    zeros where there is none.

    One NaN would otherwise be in every mean. Raises InputError where x, y and weight do not belong together.
    """
    x, y, weight = trials
    if x.ndim != 3 or y.shape != x.shape[:1] or weight.shape != x.shape[:1]:
        raise InputError(
            f"trials have x {x.shape}, y {y.shape} and weight {weight.shape}: wanted x (n_trials, n_channels, "
            "n_times), y and weight (n_trials,)"
        )
    finite = jnp.isfinite(x).all(axis=(1, 2))
    other = jnp.where(finite.any(), x[jnp.argmax(finite)], 0.0)
    return Trials(jnp.where(finite[:, None, None], x, other), y, weight * finite)


def balanced(trials: Trials, n_classes: int) -> Trials:
    """The same trials with weights that sum to as much, the same in each class (scikit-learn's "balanced")."""
    onehot = jax.nn.one_hot(trials.y, n_classes, dtype=trials.weight.dtype)
    total = trials.weight @ onehot
    present = (total > 0).sum()
    factor = jnp.where(total > 0, trials.weight.sum() / (present * jnp.maximum(total, 1e-12)), 0.0)
    return trials._replace(weight=trials.weight * (onehot @ factor))


def in_turn(key: Array, trials: Trials, n_classes: int) -> Array:
    """Order (n_trials,) int32 in which classes alternate and trials within a class are shuffled; weight 0 last."""
    luck = jax.random.uniform(key, trials.y.shape)
    members = jax.nn.one_hot(trials.y, n_classes, dtype=jnp.int32)
    before = luck[None, :] < luck[:, None]  # [i, j]: trial j comes before trial i
    same = (members @ members.T).astype(bool)
    counts = (trials.weight > 0)[None, :]
    rank = (before & same & counts).sum(-1)
    return jnp.argsort(rank + luck + jnp.where(trials.weight > 0, 0, trials.y.shape[0])).astype(jnp.int32)
