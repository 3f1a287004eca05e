"""What answers the decoded evidence: one law, of which a fixed, an adaptive and an oracle policy are settings."""

from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ...agents.averaging import Average
from ...agents.controller import Controller
from ...sim.pytree import component, static

if TYPE_CHECKING:
    from ...sim.loop.reading import Reading

N_AVERAGE = 4


@component
class Decoded:
    """The decoded evidence as a feature (1,): the one sample of the reading of a decoded loop."""

    n_features: int = static(default=1)

    def init(self) -> tuple[()]:
        return ()

    def step(self, state: tuple[()], reading: "Reading") -> tuple[tuple[()], Array]:
        return state, reading.v[:, -1]


class FollowingMemory(NamedTuple):
    tick: Array  # () int32
    offset: Array  # () how far the threshold has moved


@component
class Following:
    """Two levels and a threshold that may follow its feature: ``high`` where the feature is above ``threshold`` +
    offset, else ``low``.

    threshold, high and low (n_blocks,), in force for ``block`` () windows each. The offset moves by ``rate`` () times
    what the time at the high level exceeds ``share`` () by, so that in the long run the law is high in that share of
    the windows (Robbins and Monro's quantile); rate 0 leaves it at 0. Fixed: one threshold, rate 0. Adaptive: rate
    above 0. Oracle: a threshold and levels for each stretch of the session, rate 0.
    """

    threshold: Array
    high: Array
    low: Array
    rate: Array | float = 0.0
    share: Array | float = 0.5
    block: Array | float = jnp.inf
    n_stim: int = static(default=1)

    def init(self) -> FollowingMemory:
        return FollowingMemory(jnp.int32(0), jnp.zeros(()))

    def step(
        self, memory: FollowingMemory, features: Array, level: Array, seconds: Array
    ) -> tuple[FollowingMemory, Array]:
        """features (1,) -> target (n_stim,)."""
        n = self.threshold.shape[0]
        b = jnp.minimum((memory.tick / self.block).astype(jnp.int32), n - 1)
        on = features[0] > self.threshold[b] + memory.offset
        offset = memory.offset + self.rate * (on.astype(jnp.float32) - self.share)
        target = jnp.where(on, self.high[b], self.low[b]) + jnp.zeros(self.n_stim)
        return FollowingMemory(memory.tick + 1, offset), target


def policy(
    threshold: ArrayLike,
    high: ArrayLike,
    low: ArrayLike,
    window_s: float,
    *,
    rate: ArrayLike = 0.0,
    share: ArrayLike = 0.5,
    n_blocks: int = 1,
    block: float = jnp.inf,
    average: int = 2,
) -> Controller:
    """A controller of decoded evidence; ``threshold``, ``high`` and ``low`` () or (n_blocks,);
    ``average`` windows of evidence are averaged.

    Policies of equal ``n_blocks`` have one structure, so that they can be stacked and vmapped.
    """
    sensing = Average(sensing=Decoded(), count=jnp.float32(average), n_max=N_AVERAGE)
    law = Following(
        threshold=jnp.broadcast_to(jnp.asarray(threshold, jnp.float32), (n_blocks,)),
        high=jnp.broadcast_to(jnp.asarray(high, jnp.float32), (n_blocks,)),
        low=jnp.broadcast_to(jnp.asarray(low, jnp.float32), (n_blocks,)),
        rate=jnp.float32(rate), share=jnp.float32(share), block=jnp.float32(block),
    )  # fmt: skip
    return Controller.create(sensing, law, window_s)


def stacked(policies: list[Controller]) -> Controller:
    """Policies of one structure with a leading axis."""
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *policies)
