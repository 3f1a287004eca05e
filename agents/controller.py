"""A controller: what is sensed, the law that answers, and what the device does to the answer."""

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import jax
import jax.numpy as jnp
from jax import Array

from ..sim.errors import InputError
from ..sim.pytree import component, static
from .shaping import Ramp

if TYPE_CHECKING:
    from ..sim.loop.reading import Reading

M = TypeVar("M")


class Law(Protocol[M]):
    """A decision: features in, target amplitude out. One feature serves all contacts, or each contact has its own."""

    n_stim: int

    def init(self) -> M: ...

    def step(self, memory: M, features: Array, level: Array, seconds: Array) -> tuple[M, Array]:
        """features (n_features,); level (n_stim,) that was given out last, which a law that holds returns; seconds
        () since the last look -> target (n_stim,) relative to the largest current."""
        ...


class ControllerMemory(NamedTuple):
    sensing: Any
    law: Any
    features: Array  # (n_features,) that the law sees, the last finite ones
    target: Array  # (n_stim,)
    level: Array  # (n_stim,) given out
    waited: Array  # () int32 windows since the law last looked
    blanked: Array  # () int32 windows until it may look again after a change


@component
class Controller:
    """A policy put together from parts, each of which can be left at its neutral value.

    sensing: features of readings (:mod:`neurodrift.sim.sensing`); law: :class:`Threshold`, :class:`DualThreshold`,
    :class:`Proportional`, :class:`PI`, :class:`Burst`, or your own; ``window_s`` () s of a control window; ``period_s``
    () s between two looks of the law, by default every window; ``blanking_s`` () s after a change of the target in
    which the law does not look, for laws that switch; ramp: how fast the amplitude follows the target. A feature that
    is not finite keeps its last value; that the signal is stale or broken is the shield's to act on.
    """

    sensing: Any
    law: Any
    window_s: Array | float
    period_s: Array | float = 0.0
    blanking_s: Array | float = 0.0
    ramp: Ramp = Ramp()
    n_stim: int = static(default=1)
    n_features: int = static(default=1)

    @classmethod
    def create(
        cls,
        sensing: Any,
        law: Any,
        window_s: float,
        *,
        period_s: float = 0.0,
        blanking_s: float = 0.0,
        ramp: Ramp | None = None,
    ) -> "Controller":
        """InputError for times that cannot be, and a law that does not fit the features."""
        if not (window_s > 0 and period_s >= 0 and blanking_s >= 0):
            raise InputError(
                f"window_s {window_s:g}, period_s {period_s:g}, blanking_s {blanking_s:g}; wanted a window above 0,"
                " the others 0 or more"
            )
        n_stim, n_features = int(law.n_stim), int(sensing.n_features)
        law_name = type(law).__name__
        try:
            shape = jax.eval_shape(law.step, law.init(), jnp.zeros(n_features), jnp.zeros(n_stim), jnp.float32(1))[1]
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{law_name} for {n_stim} contacts cannot use {n_features} features; wanted 1, or one per contact"
            ) from error
        if shape.shape != (n_stim,):
            raise InputError(f"{law_name} answers with shape {shape.shape}; wanted ({n_stim},), one level per contact")
        return cls(
            sensing=sensing, law=law, window_s=jnp.float32(window_s), period_s=jnp.float32(period_s),
            blanking_s=jnp.float32(blanking_s), ramp=Ramp() if ramp is None else ramp, n_stim=n_stim,
            n_features=n_features,
        )  # fmt: skip

    def init(self) -> ControllerMemory:
        return ControllerMemory(
            sensing=self.sensing.init(), law=self.law.init(), features=jnp.zeros(self.n_features),
            target=jnp.zeros(self.n_stim), level=jnp.zeros(self.n_stim),
            waited=jnp.maximum(self._windows(self.period_s) - 1, 0),
            blanked=jnp.int32(0),
        )  # fmt: skip

    def act(self, memory: ControllerMemory, reading: "Reading", key: Array) -> tuple[ControllerMemory, Array]:
        """(memory, request (n_stim,)); nothing is drawn from ``key``."""
        sensed, features = self.sensing.step(memory.sensing, reading)
        features = jnp.where(jnp.isfinite(features), features, memory.features)
        waited = memory.waited + 1
        looks = (waited >= self._windows(self.period_s)) & (memory.blanked == 0)
        answer = self.law.step(memory.law, features, memory.level, self.window_s * waited.astype(jnp.float32))
        law, target = _choose(looks, answer, (memory.law, memory.target))
        changed = looks & jnp.any(target != memory.target)
        blanked = jnp.where(changed, self._windows(self.blanking_s), jnp.maximum(memory.blanked - 1, 0))
        level = self.ramp.step(memory.level, target, self.window_s)
        waited = jnp.where(looks, 0, waited)
        return ControllerMemory(sensed, law, features, target, level, waited, blanked), level

    def _windows(self, seconds: Array | float) -> Array:
        return jnp.round(seconds / self.window_s).astype(jnp.int32)


def _choose(condition: Array, new: Any, old: Any) -> Any:
    return jax.tree.map(lambda n, o: jnp.where(condition, n, o), new, old)
