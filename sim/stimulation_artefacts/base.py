"""What an artefact of stimulation is."""

from typing import Any, NamedTuple, Protocol

from jax import Array

from ..conditions import Conditions
from ..head.montage import move_cap
from ..head.projection import Projection
from ..stimulation import Delivered, Stimulator


class Scene(NamedTuple):
    """What an artefact depends on: the stimulator and what it delivered in window ``tick``, the head under the cap, and
    the conditions."""

    stimulator: Stimulator
    delivered: Delivered
    tick: Array
    projection: Projection
    conditions: Conditions

    @property
    def electrodes(self) -> Array:
        """(n_sensors, 3) m, wherever the cap is now."""
        c, projection = self.conditions, self.projection
        return move_cap(projection.montage.positions, c.cap_rotation, c.cap_translation, projection.head.radius)


class StimulationArtefact(Protocol):
    """Potentials at the sensors that do not come from the brain; added to the brain's before the amplifier."""

    def init(self) -> Any: ...

    def step(self, state: Any, scene: Scene) -> tuple[Any, Array]:
        """One window: (n_sensors, n_times) V at the sampling instants."""
        ...
