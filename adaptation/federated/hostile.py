"""What hostile and broken sites send, to try defences on: tampers for :class:`neurodrift.adaptation.federated.Site`."""

import jax.numpy as jnp

from ..contract import Trials
from .site import Tamper


def sign_flip(scale: float = 1.0) -> Tamper:
    """The update turned round, ``scale`` times as long."""
    return lambda delta, previous: -scale * delta


def not_a_number() -> Tamper:
    """Not a number anywhere."""
    return lambda delta, previous: jnp.full_like(delta, jnp.nan)


def scaled(factor: float = 1e6) -> Tamper:
    """The update ``factor`` times as long."""
    return lambda delta, previous: factor * delta


def replayed() -> Tamper:
    """The update of the round before."""
    return lambda delta, previous: previous


def flipped_labels(people: Trials, n_classes: int = 2) -> Trials:
    """The same trials, each labelled as the next class: what a site trains on that mixed up its codes."""
    return people._replace(y=(people.y + 1) % n_classes)
