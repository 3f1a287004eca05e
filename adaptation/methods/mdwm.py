"""MDWM: class means between those of the calibration and those of a few labels. Labels: the latest per class."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component, static
from ..contract import Decoder, Feedback, Trials, Variables
from ..decoders.mdm import class_mean
from ..linalg import inv
from ..spd import geodesic, inv_sqrtm
from .class_means import require_mdm, with_class_means
from .gate import when


class TargetMemory(NamedTuple):
    """source (n_classes, n_channels, n_channels), the class means of the calibration as seen from the reference;
    covs (n_classes, n_per_class, n_channels, n_channels), labelled windows of this session, a ring per class;
    counts (n_classes,) int32, how many came."""

    source: Array
    covs: Array
    counts: Array


@component
class WeightedMeans:
    """M_k = G(S_k, T_k, tradeoff): S_k the mean of class k in the calibration, T_k in this session (Kalunga 2018).

    T_k is the Riemannian mean, by ``n_steps`` Karcher steps, of the last ``n_per_class`` labelled windows of class k; a
    class of which none came keeps S_k. An announced session end forgets the windows of the one before. ``tradeoff``
    0 keeps the source, 1 forgets it; its default was chosen on the streams of tests/adaptation/streams.py, other seeds
    than the tests'.
    """

    tradeoff: float = 0.5
    n_per_class: int = static(default=10)
    n_steps: int = static(default=3)

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> TargetMemory:
        require_mdm(decoder, "mdwm")
        roots = jax.vmap(inv)(variables.params["readout"]["whitening"])
        covs = jnp.broadcast_to(roots[:, None], (roots.shape[0], self.n_per_class, *roots.shape[1:]))
        return TargetMemory(roots @ roots.mT, covs, jnp.zeros(roots.shape[0], jnp.int32))

    def observe(
        self, memory: TargetMemory, decoder: Decoder, variables: Variables, x: Array
    ) -> tuple[TargetMemory, Variables]:
        return memory, variables

    def learn(
        self, memory: TargetMemory, decoder: Any, variables: Variables, feedback: Feedback
    ) -> tuple[TargetMemory, Variables, Array]:
        used = feedback.available
        moved = (memory, variables.params["readout"]["whitening"])
        memory, whitening = when(used, _refit, moved, self, decoder, variables, feedback.window, feedback.label)
        counts = jnp.where(feedback.session_end, 0, memory.counts)
        return memory._replace(counts=counts), with_class_means(variables, whitening), used


def _refit(
    moved: tuple[TargetMemory, Array], method: WeightedMeans, decoder: Any, variables: Variables, x: Array, k: Array
) -> tuple[TargetMemory, Array]:
    memory, whitening = moved
    slot = memory.counts[k] % method.n_per_class
    covs = memory.covs.at[k, slot].set(decoder.recentred(variables, x))
    counts = memory.counts.at[k].add(1)
    target = class_mean(covs[k], jnp.where(jnp.arange(method.n_per_class) < counts[k], 1.0, 0.0), method.n_steps)
    mean = geodesic(memory.source[k], target, method.tradeoff)
    return memory._replace(covs=covs, counts=counts), whitening.at[k].set(inv_sqrtm(mean))
