"""What pretraining minimises, by name: supervised, with a penalty on how far people are apart, or a start to learn
from."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
from jax import Array

from ...sim.errors import InputError, unknown
from ...sim.pytree import component
from ..contract import Decoder, Variables
from ..decoders.nets import linear
from ..decoders.training import features_batch, weighted_cross_entropy
from ..meta import ANIL, MAML, OverPeople, Reptile
from .contract import Batch, ByLoss, Loss, Penalty, check_network
from .coral import DeepCoral
from .dann import DANN
from .mcc import MCC
from .mmd import MMD


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


class StrategySpec(NamedTuple):
    """A strategy as lists show it; ``weight``: of its penalty, chosen on people that no result is measured on, None
    where it has none; ``continues``: it goes on from a decoder that is trained."""

    name: str
    title: str
    make: Callable[[float], Any]
    weight: float | None = None
    continues: bool = False


def _penalised(name: str, title: str, penalty: Callable[[], Any], weight: float) -> StrategySpec:
    return StrategySpec(name, title, lambda weight: Supervised(penalty=penalty(), weight=weight), weight)


def _meta(name: str, title: str, learner: Callable[[], Any]) -> StrategySpec:
    return StrategySpec(name, title, lambda _: OverPeople(learner=learner()), continues=True)


STRATEGIES: Mapping[str, StrategySpec] = {
    spec.name: spec
    for spec in (
        StrategySpec("supervised", "pooled people, cross-entropy alone", lambda _: Supervised()),
        _penalised("mmd", "features of one distribution (DAN)", MMD, 0.3),
        _penalised("coral", "features of one covariance (Deep CORAL)", DeepCoral, 1.0),
        _penalised("dann", "features that do not tell who it is (DANN)", DANN, 0.1),
        _penalised("mcc", "predictions that do not hesitate (MCC)", MCC, 1.0),
        _meta("maml", "a start from which a few steps go far (MAML)", MAML),
        _meta("anil", "the same, the steps in the readout alone (ANIL)", ANIL),
        _meta("reptile", "towards where the steps of each person end (Reptile)", Reptile),
    )
}


def strategy(name: str, weight: float | None = None) -> Any:
    """The strategy called ``name``, with its own weight of the penalty unless another is given. InputError for a name
    that is none, a weight below 0, or one for a strategy without a penalty."""
    if name not in STRATEGIES:
        raise unknown("strategy", name, STRATEGIES)
    if weight is not None and not 0 <= weight < float("inf"):
        raise InputError(f"the weight of the penalty is {weight:g}: wanted a finite number, 0 or more")
    spec = STRATEGIES[name]
    if weight is not None and spec.weight is None:
        raise InputError(f"{name} has no penalty to give the weight {weight:g}: leave the weight out")
    return spec.make((spec.weight or 0.0) if weight is None else weight)
