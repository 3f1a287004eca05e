"""ShallowFBCSPNet (Schirrmeister et al 2017, Hum Brain Mapp 38 5391): band power of learned spatio-temporal filters."""

from typing import Any, Self

import jax.numpy as jnp
from flax import nnx
from jax import Array

from ...sim.pytree import component, static
from ..contract import Trials, Variables
from .filters import check_window, mean_pool, unfold
from .nets import Filters, NormedFilters, Readout, as_variables, dropout, glorot, linear
from .norm import Own, Statistics, Stored, gain_offset, over_time
from .training import fit_network, refit_linear


class _Parameters(nnx.Module):
    def __init__(self, net: "ShallowFBCSPNet", rngs: nnx.Rngs) -> None:
        n, taps, chans = net.n_filters, net.kernel_length, net.n_channels
        zeros = nnx.initializers.zeros
        self.temporal = Filters(rngs, kernel=((n, taps), glorot(taps, n * taps)), bias=((n,), zeros))
        self.spatial = NormedFilters(rngs, n, kernel=((n, n, chans), glorot(n * chans, n * chans)))
        self.readout = Readout(rngs, net.n_features, net.n_classes)


@component
class ShallowFBCSPNet:
    """Temporal filters, spatial filters over all of them, norm, square, mean pooling, logarithm, dropout, readout.

    The lengths are the paper's at 250 Hz (100 ms filters, 300 ms pools every 60 ms); ``create`` scales them with
    ``sfreq``. Temporal and spatial filters are one linear map and are applied as one product with their merged kernel.
    """

    n_channels: int = static()
    n_times: int = static()
    n_classes: int = static()
    sfreq: float = static()
    kernel_length: int = static(default=25)
    pool: int = static(default=75)
    stride: int = static(default=15)
    n_filters: int = static(default=40)
    dropout: float = static(default=0.5)
    epochs: int = static(default=100)
    batch_size: int = static(default=32)
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.1  # of the running statistics
    prior: float = 1.0  # strength of the pull to the previous readout when it is refitted
    eps: float = static(default=1e-5)

    @classmethod
    def create(cls, n_channels: int, n_times: int, n_classes: int, sfreq: float, **options: Any) -> Self:
        """The network for such windows; ``options`` are fields. InputError if they are too short or too slow."""
        ratio = sfreq / 250 if sfreq > 0 else 1.0
        scaled = {
            "kernel_length": max(2, round(25 * ratio)),
            "pool": max(2, round(75 * ratio)),
            "stride": max(1, round(15 * ratio)),
        }
        net = cls(n_channels=n_channels, n_times=n_times, n_classes=n_classes, sfreq=float(sfreq), **(scaled | options))
        check_window("ShallowFBCSPNet", n_channels, n_times, n_classes, sfreq, net.kernel_length + net.pool - 1)
        return net

    @property
    def layers(self) -> tuple[str, ...]:
        return ("temporal", "spatial", "readout")

    @property
    def n_features(self) -> int:
        return self.n_filters * ((self.n_times - self.kernel_length + 1 - self.pool) // self.stride + 1)

    def init(self, key: Array) -> Variables:
        """Untrained variables, Glorot uniform."""
        return as_variables(_Parameters(self, nnx.Rngs(key)), self.n_channels)

    def apply(self, variables: Variables, x: Array, *, key: Array | None = None) -> Array:
        """Logits (n_classes,) of one window, normalised by the stored statistics."""
        return linear(variables.params["readout"], self.features(variables, x, Stored(variables.stats), key))

    def moments(self, variables: Variables, x: Array) -> dict[str, Any]:
        """Mean and variance over time of this window at the norm."""
        own = Own(variables.stats)
        self.features(variables, x, own, None)
        return own.seen

    def features(self, variables: Variables, x: Array, statistics: Statistics, key: Array | None) -> Array:
        """What the readout sees (n_features,), with the norm's statistics as asked for."""
        align, params, _ = variables
        temporal, spatial = params["temporal"], params["spatial"]
        taps, n = self.kernel_length, self.n_filters
        merged = jnp.einsum("ofc,fk->ock", spatial["kernel"], temporal["kernel"]).reshape(n, -1)
        z = merged @ unfold(align @ x, taps).reshape(self.n_channels * taps, -1)
        z = z + (jnp.sum(spatial["kernel"], axis=-1) @ temporal["bias"])[:, None]
        moments = statistics("spatial", lambda: over_time(z), z.shape[-1])
        gain, offset = gain_offset(moments, spatial, self.eps)
        power = mean_pool((gain[:, None] * z + offset[:, None]) ** 2, self.pool, self.stride)
        return dropout(jnp.log(jnp.maximum(power, 1e-6)), self.dropout, key).reshape(-1)

    def fit(self, variables: Variables, trials: Trials, key: Array) -> Variables:
        """Train all layers and statistics from ``variables`` on; see :func:`training.fit_network`."""
        return fit_network(self, variables, trials, key)

    def refit_readout(self, variables: Variables, trials: Trials) -> Variables:
        """Recalibrate the readout alone; see :func:`training.refit_linear`."""
        return refit_linear(self, variables, trials)
