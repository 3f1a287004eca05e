"""Which frames of which channels the network must fill in."""

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.keys import stream_key
from ...sim.pytree import component, static


@component
class Masking:
    """Spans of frames, channel by channel, and whole channels (Wang et al 2023 mask spans of one channel's frames).

    starts: probability that a span of ``span`` frames begins at a frame; channels: that all of a channel is masked.
    """

    starts: float = 0.15
    channels: float = 0.1
    span: int = static(default=3)

    def __call__(self, key: Array, n_channels: int, n_frames: int) -> Array:
        """(n_channels, n_frames) bool, True where masked."""
        # a span may begin before the first frame, so that no frame is masked less often than others
        shape = (n_channels, n_frames + self.span - 1)
        begins = jax.random.bernoulli(stream_key(key, "spans"), self.starts, shape)
        covered = jnp.stack([begins[:, i : i + n_frames] for i in range(self.span)]).any(0)
        gone = jax.random.bernoulli(stream_key(key, "channels"), self.channels, (n_channels, 1))
        return covered | gone
