"""Sensings made of sensings: side by side, in a ratio, standardised, over channels that are mixed first."""

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ..errors import InputError
from ..loop.reading import Reading
from ..pytree import component, static


@component
class Stack:
    """The features of all ``parts``, one after the other."""

    parts: tuple[Any, ...]

    @property
    def n_features(self) -> int:
        return sum(part.n_features for part in self.parts)

    def init(self) -> tuple[Any, ...]:
        return tuple(part.init() for part in self.parts)

    def step(self, state: tuple[Any, ...], reading: Reading) -> tuple[tuple[Any, ...], Array]:
        pairs = [part.step(s, reading) for part, s in zip(self.parts, state)]
        return tuple(s for s, _ in pairs), jnp.concatenate([features for _, features in pairs])


@component
class Ratio:
    """Features of ``numerator`` over those of ``denominator``, one by one, such as the power of two bands; at most
    ``largest`` (), also where the denominator is 0, and 0 where both are."""

    numerator: Any
    denominator: Any
    largest: Array | float = 1e6

    def __post_init__(self) -> None:
        above, below = (getattr(part, "n_features", None) for part in (self.numerator, self.denominator))
        if isinstance(above, int) and isinstance(below, int) and above != below:
            raise InputError(f"the numerator has {above} features, the denominator {below}; wanted as many")

    @property
    def n_features(self) -> int:
        return self.numerator.n_features

    def init(self) -> tuple[Any, Any]:
        return self.numerator.init(), self.denominator.init()

    def step(self, state: tuple[Any, Any], reading: Reading) -> tuple[tuple[Any, Any], Array]:
        above_state, above = self.numerator.step(state[0], reading)
        below_state, below = self.denominator.step(state[1], reading)
        ratio = jnp.where(below != 0, above / jnp.where(below != 0, below, 1.0), self.largest * jnp.sign(above))
        return (above_state, below_state), jnp.clip(ratio, -self.largest, self.largest)


@component
class Standard:
    """(x - mean) / sd of every feature, of their natural logarithm with ``log``, within +- ``limit`` ().

    mean, sd: () or (n_features,), of a calibration; ``floor``: what a feature counts as at least under the logarithm.
    """

    sensing: Any
    mean: Array | float
    sd: Array | float
    limit: Array | float = 10.0
    floor: Array | float = 1e-30
    log: bool = static(default=False)

    @property
    def n_features(self) -> int:
        return self.sensing.n_features

    def init(self) -> Any:
        return self.sensing.init()

    def step(self, state: Any, reading: Reading) -> tuple[Any, Array]:
        state, x = self.sensing.step(state, reading)
        x = jnp.log(jnp.maximum(x, self.floor)) if self.log else x
        return state, jnp.clip((x - self.mean) / self.sd, -self.limit, self.limit)


@component
class Mixed:
    """``sensing`` of signals that are weighted sums of channels: weights (n_signals, n_channels), such as one bipolar
    lead, or a channel alone. A channel of weight 0 may be broken."""

    sensing: Any
    weights: Array

    @classmethod
    def channel(cls, index: int, n_channels: int, sensing: Any) -> "Mixed":
        """``sensing`` of channel ``index`` alone."""
        return cls(sensing=sensing, weights=jnp.zeros((1, n_channels)).at[0, index].set(1.0))

    @property
    def n_features(self) -> int:
        return self.sensing.n_features

    def init(self) -> Any:
        return self.sensing.init()

    def step(self, state: Any, reading: Reading) -> tuple[Any, Array]:
        return self.sensing.step(state, reading._replace(v=mix(self.weights, reading.v)))


def mix(weights: ArrayLike, v: Array) -> Array:
    """weights (..., n_channels) times v (n_channels, n_times), where 0 times what is not finite is 0."""
    weights = jnp.asarray(weights)
    return jnp.sum(jnp.where(weights[..., None] != 0, weights[..., None] * v, 0.0), axis=-2)
