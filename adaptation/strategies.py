"""What pretraining minimises, by name: supervised, with a penalty on how far people are apart, or a start to learn
from."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..sim.errors import InputError, unknown
from .meta import ANIL, MAML, OverPeople, Reptile
from .transfer.coral import DeepCoral
from .transfer.dann import DANN
from .transfer.mcc import MCC
from .transfer.mmd import MMD
from .transfer.supervised import Supervised


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
