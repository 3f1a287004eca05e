"""Training inside one compiled scan, readout refit, and the loss and learning-rate scales of continual fine-tuning."""

from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from ...sim.keys import stream_key
from ..contract import Decoder, Trials, Variables
from ..linalg import solve
from ..trials import usable
from .nets import linear
from .norm import Batch, Statistics, Stored

# A bias just before a batch norm has no gradient but rounding, which eps = 1e-8 would blow up to whole steps.
ADAM_EPS = 1e-7

NEWTON_STEPS = 15
# Tried at every Newton step, so that the loss never rises: where the softmax saturates, whole steps are far too long.
STEP_SIZES = np.append(4.0 ** -np.arange(9), 0.0).astype(np.float32)


class Network(Decoder, Protocol):
    """What the functions here need of a network beside the decoder's methods."""

    @property
    def epochs(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def learning_rate(self) -> Array | float: ...
    @property
    def weight_decay(self) -> Array | float: ...
    @property
    def momentum(self) -> Array | float: ...
    @property
    def prior(self) -> Array | float: ...

    def features(self, variables: Variables, x: Array, statistics: Statistics, key: Array | None) -> Array: ...


def weighted_cross_entropy(logits: Array, y: Array, weight: Array) -> Array:
    """Mean over trials of -log p(y), weighted; 0 where no trial has weight. logits (n_trials, n_classes)."""
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, y)
    return jnp.sum(weight * losses) / jnp.maximum(jnp.sum(weight), 1e-12)


def cross_entropy(decoder: Decoder, variables: Variables, trials: Trials, key: Array | None) -> Array:
    """Weighted mean cross-entropy of ``trials`` with every norm at its stored statistics; a key switches dropout on.

    The loss of continual fine-tuning: it is defined down to a single trial, where batch statistics are not.
    """
    if key is None:
        logits = jax.vmap(lambda x: decoder.apply(variables, x))(trials.x)
    else:
        keys = jax.random.split(key, trials.y.shape[0])
        logits = jax.vmap(lambda x, k: decoder.apply(variables, x, key=k))(trials.x, keys)
    return weighted_cross_entropy(logits, trials.y, trials.weight)


def layer_scales(decoder: Decoder, lower: Array | float, readout: Array | float = 1.0) -> dict[str, Any]:
    """Learning-rate multipliers shaped as ``params``: ``readout`` for the last layer, ``lower`` below (0 freezes).

    Multiply an optax update by them (:func:`scale_updates`); adaptive optimisers ignore scaled gradients.
    """
    params = jax.eval_shape(decoder.init, jax.random.key(0)).params
    return {
        name: jax.tree.map(lambda _, s=readout if name == decoder.layers[-1] else lower: s, params[name])
        for name in decoder.layers
    }


def scale_updates(updates: dict[str, Any], scales: dict[str, Any]) -> dict[str, Any]:
    """The product of an optax update and :func:`layer_scales`, leaf by leaf."""
    return jax.tree.map(jnp.multiply, updates, scales)


def features_batch(
    net: Network, variables: Variables, x: Array, weight: Array, keys: Array | None
) -> tuple[Array, dict[str, Any]]:
    """Features (n_trials, n_features) below the readout, normalised by the batch's own weighted statistics, and the
    running ones after it."""
    axis = "trials"

    def one(x: Array, weight: Array, key: Array | None) -> tuple[Array, dict[str, Any]]:
        batch = Batch(variables.stats, weight, net.momentum, axis)
        return net.features(variables, x, batch, key), batch.seen

    in_axes = (0, 0, None if keys is None else 0)
    return jax.vmap(one, in_axes, (0, None), axis_name=axis)(x, weight, keys)


def apply_batch(
    net: Network, variables: Variables, x: Array, weight: Array, keys: Array | None
) -> tuple[Array, dict[str, Any]]:
    """Logits (n_trials, n_classes) normalised by the batch's own weighted statistics, and the running ones after it."""
    features, stats = features_batch(net, variables, x, weight, keys)
    return jax.vmap(lambda f: linear(variables.params[net.layers[-1]], f))(features), stats


def fit_network(
    net: Network,
    variables: Variables,
    trials: Trials,
    key: Array,
    *,
    loss: Callable[[Array, Array, Array], Array] = weighted_cross_entropy,
) -> Variables:
    """Train all params and stats by Adam on minibatches drawn without replacement, ``net.epochs`` times over.

    Trials of weight 0 count for nothing, not even in the batch statistics. One scan, so that subjects can be vmapped.
    ``loss`` takes logits (n_trials, n_classes), y and weight (n_trials,) of a batch.
    """
    trials = usable(trials)
    n_trials = trials.y.shape[0]
    batch_size = min(net.batch_size, n_trials)
    n_batches = n_trials // batch_size
    # Flattened into one vector: a dozen small leaves cost more in dispatch than in arithmetic.
    optimizer = optax.flatten(optax.adamw(net.learning_rate, eps=ADAM_EPS, weight_decay=net.weight_decay))

    def of_batch(params: dict[str, Any], stats: dict[str, Any], batch: Trials, key: Array) -> tuple[Array, Any]:
        keys = jax.random.split(key, batch_size)
        current = Variables(variables.align, params, stats)
        logits, stats = apply_batch(net, current, batch.x, batch.weight, keys)
        return loss(logits, batch.y, batch.weight), stats

    def step(carry: tuple[Any, ...], index: Array) -> tuple[tuple[Any, ...], None]:
        params, stats, state, i = carry
        batch = jax.tree.map(lambda a: a[index], trials)
        gradient, stats = jax.grad(of_batch, has_aux=True)(params, stats, batch, stream_key(key, "dropout", i))
        updates, new_state = optimizer.update(gradient, state, params)
        # A batch of padding alone must not move anything by the optimiser's memory.
        some = jnp.sum(batch.weight) > 0
        params, state = jax.tree.map(
            lambda new, old: jnp.where(some, new, old),
            (optax.apply_updates(params, updates), new_state),
            (params, state),
        )
        return (params, stats, state, i + 1), None

    orders = jax.vmap(lambda k: jax.random.permutation(k, n_trials)[: n_batches * batch_size])(
        jax.random.split(stream_key(key, "order"), net.epochs)
    ).reshape(net.epochs * n_batches, batch_size)
    start = (variables.params, variables.stats, optimizer.init(variables.params), 0)
    (params, stats, _, _), _ = jax.lax.scan(step, start, orders)
    return variables._replace(params=params, stats=stats)


def refit_linear(net: Network, variables: Variables, trials: Trials) -> Variables:
    """Readout minimising prior/2 ||W - W_before||^2 + sum of weighted cross-entropies, the features kept.

    The maximum a posteriori estimate under a Gaussian around the previous readout: with few trials it stays close,
    with many it forgets. The intercept belongs to W: left free, it has no curvature where a drifted network is
    wrong and sure. By the representer theorem W - W_before = A' features, so damped Newton steps solve for
    A (n_trials, n_classes): meant for tens of trials, whatever the number of features.
    """
    name = net.layers[-1]
    before = variables.params[name]
    features = jax.vmap(lambda x: net.features(variables, x, Stored(variables.stats), None))(trials.x)
    logits = jax.vmap(lambda f: linear(before, f))(features)
    gram = features @ features.T + 1.0
    target = jax.nn.one_hot(trials.y, net.n_classes)
    n_trials, n_classes = target.shape
    eye = jnp.eye(n_classes)

    def loss(a: Array) -> Array:
        moved = gram @ a
        cross = trials.weight * jnp.sum(target * jax.nn.log_softmax(logits + moved), axis=-1)
        return net.prior / 2 * jnp.sum(a * moved) - jnp.sum(cross)

    def newton(_: Array, a: Array) -> Array:
        p = jax.nn.softmax(logits + gram @ a)
        residual = net.prior * a + trials.weight[:, None] * (p - target)
        curvature = trials.weight[:, None, None] * p[:, :, None] * (eye - p[:, None, :])
        jacobian = jnp.einsum("nkl,nm->nkml", curvature, gram).reshape(n_trials * n_classes, -1)
        jacobian = jacobian + net.prior * jnp.eye(n_trials * n_classes)
        direction = solve(jacobian, residual.reshape(-1)).reshape(a.shape)
        candidates = a - STEP_SIZES[:, None, None] * direction
        return candidates[jnp.argmin(jax.vmap(loss)(candidates))]

    a = jax.lax.fori_loop(0, NEWTON_STEPS, newton, jnp.zeros_like(target))
    new = {"kernel": before["kernel"] + a.T @ features, "bias": before["bias"] + jnp.sum(a, axis=0)}
    return variables._replace(params={**variables.params, name: new})
