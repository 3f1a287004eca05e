"""Adaptive MDM: the mean of a class steps towards every window of that class."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component, static
from ..contract import Decoder, Feedback, Trials, Variables
from ..decoders.mdm import MDM
from ..linalg import inv
from ..spd import geodesic_from, inv_sqrtm
from .gate import when


def require_mdm(decoder: Decoder, name: str) -> None:
    """InputError unless ``decoder`` is one whose class means ``name`` can move."""
    if not isinstance(decoder, MDM):
        raise InputError(
            f"{name} got {type(decoder).__name__}; it moves the class means of a minimum-distance decoder: use mdm."
        )


class SeenMemory(NamedTuple):
    """cov (n_channels, n_channels), the window just seen as the decoder sees it; predicted () int32, its class as
    predicted; fresh () bool, whether it is still to be learnt from."""

    cov: Array
    predicted: Array
    fresh: Array


@component
class ClassMeans:
    """M_k <- G(M_k, C, rate), k the class of the window (Barachant 2012 with the running mean of Kalunga 2016).

    ``pseudo`` takes the decoder's own prediction for k, at once and without any label. Otherwise k is the label.
    """

    rate: float = 0.1
    pseudo: bool = static(default=False)

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> SeenMemory:
        require_mdm(decoder, "mdm_adaptive")
        return SeenMemory(jnp.eye(variables.align.shape[-1]), jnp.zeros((), jnp.int32), jnp.zeros((), bool))

    def observe(self, memory: SeenMemory, decoder: Any, variables: Variables, x: Array) -> tuple[SeenMemory, Variables]:
        if not self.pseudo:
            return memory, variables
        predicted = decoder.apply(variables, x).argmax().astype(jnp.int32)
        return SeenMemory(decoder.recentred(variables, x), predicted, jnp.ones((), bool)), variables

    def learn(
        self, memory: SeenMemory, decoder: Any, variables: Variables, feedback: Feedback
    ) -> tuple[SeenMemory, Variables, Array]:
        whitening = variables.params["readout"]["whitening"]
        if self.pseudo:
            whitening = when(memory.fresh, _step, whitening, memory.cov, memory.predicted, self.rate)
            memory = memory._replace(fresh=jnp.zeros((), bool))
            used = jnp.zeros((), bool)
        else:
            used = feedback.available
            whitening = when(used, _labelled, whitening, decoder, variables, feedback.window, feedback.label, self.rate)
        return memory, with_class_means(variables, whitening), used


def with_class_means(variables: Variables, whitening: Array) -> Variables:
    """``variables`` with the inverse square roots (n_classes, n_channels, n_channels) of other class means."""
    return variables._replace(params={**variables.params, "readout": {"whitening": whitening}})


def _labelled(whitening: Array, decoder: Any, variables: Variables, x: Array, label: Array, rate: Array) -> Array:
    return _step(whitening, decoder.recentred(variables, x), label, rate)


def _step(whitening: Array, cov: Array, k: Array, rate: Array) -> Array:
    old = whitening[k]
    return whitening.at[k].set(inv_sqrtm(geodesic_from(inv(old), old, cov, rate)))
