"""Refitted readout: after every label the readout is fitted anew, on everything labelled so far. Labels: all."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component, static
from ..contract import Decoder, Feedback, Trials, Variables
from ..decoders.logistic import fit_logistic
from ..trials import balanced
from .gate import when


class RefitMemory(NamedTuple):
    """features (n_calibration + capacity, n_features) of every labelled window as it was aligned when it came, y and
    weight of each (0 for what is still empty), n_new () int32, labels that came."""

    features: Array
    y: Array
    weight: Array
    n_new: Array


@component
class RefittedReadout:
    """Logistic regression on the calibration and all labels since, exact after each: what a morning's training would
    give if it were repeated after every trial. Classes are balanced; a label of this stream counts ``new_weight`` times
    one of the calibration. Warm-started, so that ``n_steps`` Newton steps suffice. The latest ``capacity`` labels are
    kept. Of decoders whose readout is a logistic regression (``tangent_lr``); the layers below stay.
    """

    new_weight: float = 1.0
    capacity: int = static(default=512)
    n_steps: int = static(default=3)

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> RefitMemory:
        if not (hasattr(decoder, "features") and hasattr(decoder, "c")):
            raise InputError(
                f"a refitted readout got {type(decoder).__name__}, which has no logistic readout; use tangent_lr"
            )
        features = jax.vmap(lambda x: _features(decoder, variables, x))(calibration.x)
        empty = jnp.zeros(self.capacity, features.dtype)
        return RefitMemory(
            features=jnp.concatenate([features, empty[:, None] * features[:1]]),
            y=jnp.concatenate([calibration.y.astype(jnp.int32), empty.astype(jnp.int32)]),
            weight=jnp.concatenate([calibration.weight, empty]),
            n_new=jnp.zeros((), jnp.int32),
        )

    def observe(
        self, memory: RefitMemory, decoder: Decoder, variables: Variables, x: Array
    ) -> tuple[RefitMemory, Variables]:
        return memory, variables

    def learn(
        self, memory: RefitMemory, decoder: Decoder, variables: Variables, feedback: Feedback
    ) -> tuple[RefitMemory, Variables, Array]:
        used = feedback.available
        slot = memory.y.shape[0] - self.capacity + memory.n_new % self.capacity
        features = _features(decoder, variables, feedback.window)
        memory = RefitMemory(
            features=memory.features.at[slot].set(jnp.where(used, features, memory.features[slot])),
            y=memory.y.at[slot].set(jnp.where(used, feedback.label, memory.y[slot])),
            weight=memory.weight.at[slot].set(jnp.where(used, self.new_weight, memory.weight[slot])),
            n_new=memory.n_new + used.astype(jnp.int32),
        )
        readout = decoder.layers[-1]
        fitted = when(used, _refit, variables.params[readout], self, decoder, variables.stats, memory)
        return memory, variables._replace(params={**variables.params, readout: fitted}), used


def _features(decoder: Any, variables: Variables, x: Array) -> Array:
    return decoder.features(variables, x) - variables.stats["features"]["mean"]


def _refit(readout: Any, method: RefittedReadout, decoder: Any, stats: Any, memory: RefitMemory) -> Any:
    scale = jnp.sqrt(stats["features"]["var"])
    trials = balanced(Trials(memory.features, memory.y, memory.weight), decoder.n_classes)
    start = {"w": readout["w"] / scale, "b": readout["b"]}
    new = fit_logistic(
        memory.features, memory.y, trials.weight, decoder.n_classes, decoder.c, n_steps=method.n_steps, start=start
    )
    return {"w": new["w"] * scale, "b": new["b"]}
