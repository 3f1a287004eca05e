"""What a monitor of drift is: one value at a time in, an alarm or none out."""

from typing import Any, Protocol, TypeVar

import jax
import jax.numpy as jnp
from jax import Array

S = TypeVar("S")


class Monitor(Protocol[S]):
    """A detector of change in a stream. State is a pytree of fixed shape; jittable, vmappable.

    ``tuned_by`` names the field that sets how often it gives an alarm without a change, in a positive number;
    ``rises`` says whether more of it gives more alarms. A monitor starts afresh with the value after an alarm, and
    a value that is not finite changes nothing.
    """

    @property
    def tuned_by(self) -> str: ...
    @property
    def rises(self) -> bool: ...

    def init(self) -> S: ...

    def update(self, state: S, value: Array) -> tuple[S, Array]:
        """The state with one more value, and () bool whether that value gave an alarm."""
        ...


def restart(alarm: Array, fresh: S, state: S) -> S:
    """``fresh`` where the last value gave an alarm () bool, else ``state``."""
    return jax.tree.map(lambda new, old: jnp.where(alarm, new, old), fresh, state)


def skip(value: Array, updated: tuple[S, Array], state: S) -> tuple[S, Array]:
    """(state, alarm) as ``updated`` where ``value`` is finite, else ``state`` as it was and no alarm."""
    finite = jnp.isfinite(value).all()
    new, alarm = updated
    return restart(finite, new, state), alarm & finite


def alarms(monitor: Monitor, values: Array) -> Array:
    """(n_values,) bool, the alarms of a new monitor over ``values`` (n_values, ...), in one scan."""

    def step(state: Any, value: Array) -> tuple[Any, Array]:
        return monitor.update(state, value)

    return jax.lax.scan(step, monitor.init(), values)[1]
