"""Pretraining over many people: what a strategy is given, and what it answers with.

People are ``Trials`` with a leading axis: x (n_people, n_trials, n_channels, n_times), y and weight (n_people,
n_trials). A person is a domain. A strategy is a frozen pytree dataclass (``component``), so that its numbers can be
swept without compiling again; :func:`neurodrift.adaptation.transfer.pretrain.pretrain` is the scan around it.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ..contract import Decoder, Trials, Variables

Terms = dict[str, Array]
"""Scalars by name that a strategy reports of a batch: "task" and whatever else it minimises."""


class Batch(NamedTuple):
    """A minibatch of some people, grouped by person.

    trials:   x (n_people, n_trials, n_channels, n_times), aligned or as they come; y, weight (n_people, n_trials);
              weight 0: no trial
    person:   (n_people,) int32, which of all people pretrained on each is
    labelled: (n_people,) float32, 1 where the labels may be read, 0 for people whose labels nobody has (y is 0 there)
    progress: () float32, the share of the training that is over, from 0 to 1
    """

    trials: Trials
    person: Array
    labelled: Array
    progress: Array

    @property
    def label_weight(self) -> Array:
        """(n_people, n_trials) weights of the trials whose label may be read."""
        return self.trials.weight * self.labelled[:, None]


class Gradient(NamedTuple):
    """What a strategy makes of a batch: ``params`` and ``extra``, shaped as what is trained, are what an optimiser
    descends (a Reptile answers params - params_k); ``stats``: the norms' running statistics after the batch."""

    params: dict[str, Any]
    extra: Any
    stats: dict[str, Any]
    terms: Terms


class Draw(Protocol):
    """People who are made while they are needed, inside the compiled loop: a pytree that is called with a key."""

    def __call__(self, key: Array) -> Trials:
        """Other people (n_people, n_trials, ...) for every key, always of the same shapes. jittable."""
        ...


@runtime_checkable
class Strategy(Protocol):
    """What is minimised over many people. Both methods are jittable and vmappable."""

    def init(self, decoder: Decoder, n_people: int, key: Array) -> Any:
        """What is trained beside the decoder (a discriminator, say); an empty dict where there is nothing."""
        ...

    def gradient(self, decoder: Decoder, variables: Variables, extra: Any, batch: Batch, key: Array) -> Gradient:
        """The direction to descend at ``variables``; ``key`` switches dropout on."""
        ...


class Loss(NamedTuple):
    """value: () to minimise; stats: the norms' running statistics after the batch; terms: what value is made of."""

    value: Array
    stats: dict[str, Any]
    terms: Terms


class ByLoss:
    """A strategy that minimises one scalar: give it ``loss``, and ``init`` where something is trained beside."""

    def init(self, decoder: Decoder, n_people: int, key: Array) -> Any:
        return {}

    def loss(self, decoder: Decoder, variables: Variables, extra: Any, batch: Batch, key: Array) -> Loss:
        raise NotImplementedError

    def gradient(self, decoder: Decoder, variables: Variables, extra: Any, batch: Batch, key: Array) -> Gradient:
        def of(trained: tuple[dict[str, Any], Any]) -> tuple[Array, Loss]:
            found = self.loss(decoder, variables._replace(params=trained[0]), trained[1], batch, key)
            return found.value, found

        (params, extra), found = jax.grad(of, has_aux=True)((variables.params, extra))
        return Gradient(params, extra, found.stats, found.terms)


class Penalty(Protocol):
    """How far people's features are apart, to be added to the loss of the task."""

    def init(self, n_features: int, n_people: int, key: Array) -> Any:
        """What is trained beside the decoder; an empty dict where there is nothing."""
        ...

    def __call__(self, extra: Any, features: Array, logits: Array, batch: Batch) -> Array:
        """() penalty of features (n_people, n_trials, n_features) below the readout and logits (n_people, n_trials,
        n_classes). It reads no label."""
        ...


def check_people(people: Trials, what: str = "people") -> None:
    """InputError unless they are Trials with a leading axis of at least one person."""
    x, y, weight = (jnp.shape(leaf) for leaf in people)
    if len(x) != 4 or y != x[:2] or weight != x[:2] or 0 in x:
        raise InputError(
            f"{what} have x {x}, y {y} and weight {weight}: wanted x (n_people, n_trials, n_channels, n_times) of one "
            "person or more, y and weight (n_people, n_trials)"
        )


def check_network(decoder: Any) -> None:
    """InputError for a decoder that is not trained by gradients."""
    if not hasattr(decoder, "learning_rate"):
        raise InputError(
            f"this pretraining got {type(decoder).__name__}, which is not trained by gradients: use eegnet or shallow, "
            "or leave the strategy out"
        )
