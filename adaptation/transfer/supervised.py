"""Pretraining by labels: cross-entropy, with a penalty on how far people are apart or without."""

from typing import Any

import jax
from jax import Array

from ...sim.pytree import component
from ..contract import Decoder, Variables
from ..decoders.nets import linear
from ..decoders.training import features_batch, weighted_cross_entropy
from .contract import Batch, ByLoss, Loss, Penalty, check_network


@component
class Supervised(ByLoss):
    """Cross-entropy of the labelled people, plus ``weight`` times ``penalty`` on everybody in the minibatch.

    The penalty acts on the features below the readout (MCC on the logits); None for none. Networks only.
    """

    penalty: Penalty | None = None
    weight: Array | float = 1.0

    def init(self, decoder: Decoder, n_people: int, key: Array) -> Any:
        check_network(decoder)
        return {} if self.penalty is None else self.penalty.init(decoder.n_features, n_people, key)  # type: ignore[attr-defined]

    def loss(self, decoder: Decoder, variables: Variables, extra: Any, batch: Batch, key: Array) -> Loss:
        n_people, n_trials = batch.trials.y.shape
        flat = jax.tree.map(lambda leaf: leaf.reshape(n_people * n_trials, *leaf.shape[2:]), batch.trials)
        keys = jax.random.split(key, n_people * n_trials)
        features, stats = features_batch(decoder, variables, flat.x, flat.weight, keys)  # type: ignore[arg-type]
        logits = jax.vmap(lambda f: linear(variables.params[decoder.layers[-1]], f))(features)
        task = weighted_cross_entropy(logits, flat.y, batch.label_weight.reshape(-1))
        if self.penalty is None:
            return Loss(task, stats, {"task": task})
        features, logits = (leaf.reshape(n_people, n_trials, -1) for leaf in (features, logits))
        penalty = self.penalty(extra, features, logits, batch)
        return Loss(task + self.weight * penalty, stats, {"task": task, "penalty": penalty})
