"""EEGNet (Lawhern et al 2018, J Neural Eng 15 056013), the spatial filter applied before the temporal one."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from ...sim.pytree import component, static
from ..contract import Trials, Variables
from .filters import check_window, filter_bank, lag_moments, mean_pool
from .nets import NormedFilters, Readout, as_variables, dropout, glorot, linear, max_norm
from .norm import Own, Statistics, Stored, gain_offset, over_time
from .training import fit_network, refit_linear


class _Parameters(nnx.Module):
    def __init__(self, net: "EEGNet", rngs: nnx.Rngs) -> None:
        f1, rows, f2 = net.n_temporal, net.n_temporal * net.depth, net.n_separable
        taps, taps2, chans = net.kernel_length, net.separable_length, net.n_channels
        self.temporal = NormedFilters(rngs, f1, kernel=((f1, taps), glorot(taps, f1 * taps)))
        self.spatial = NormedFilters(rngs, rows, kernel=((rows, chans), glorot(chans, rows * chans)))
        self.separable = NormedFilters(
            rngs,
            f2,
            depthwise=((rows, taps2), glorot(taps2, rows * taps2)),
            pointwise=((f2, rows), glorot(rows, f2)),
        )
        self.readout = Readout(rngs, net.n_features, net.n_classes)


@component
class EEGNet:
    """EEGNet-8,2 on one window (n_channels, n_times) that alignment has brought to about unit variance.

    Temporal filters of half a second, D spatial filters on each (max-norm 1), norm, ELU, mean pooling to 32 Hz,
    dropout; a separable filter of half a second, norm, ELU, mean pooling to 4 Hz, dropout; a linear readout without
    constraint (as braindecode's default). The lengths are the paper's at 128 Hz; ``create`` scales the temporal
    filter and the first pool with ``sfreq``, which leaves the later layers at the paper's rate.

    Temporal filter, its norm and spatial filter are all linear for given statistics, so the spatial one is applied
    first: n_channels / depth fewer operations, the same result.
    """

    n_channels: int = static()
    n_times: int = static()
    n_classes: int = static()
    sfreq: float = static()
    kernel_length: int = static(default=64)
    pool1: int = static(default=4)
    pool2: int = static(default=8)
    separable_length: int = static(default=16)
    n_temporal: int = static(default=8)
    depth: int = static(default=2)
    n_separable: int = static(default=16)
    dropout: float = static(default=0.25)
    epochs: int = static(default=100)
    batch_size: int = static(default=32)
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.1  # of the running statistics; the paper's .01 takes hundreds of steps to settle
    prior: float = 1.0  # strength of the pull to the previous readout when it is refitted
    eps: float = static(default=1e-3)
    spatial_max_norm: float = static(default=1.0)

    @classmethod
    def create(cls, n_channels: int, n_times: int, n_classes: int, sfreq: float, **options: Any) -> Self:
        """The network for such windows; ``options`` are fields. InputError if they are too short or too slow."""
        scaled = {"kernel_length": 2 * round(sfreq / 4), "pool1": max(1, round(sfreq / 32))} if sfreq > 0 else {}
        net = cls(n_channels=n_channels, n_times=n_times, n_classes=n_classes, sfreq=float(sfreq), **(scaled | options))
        shortest = max(net.kernel_length, net.pool1 * net.pool2)
        check_window("EEGNet", n_channels, n_times, n_classes, sfreq, shortest)
        return net

    @property
    def layers(self) -> tuple[str, ...]:
        return ("temporal", "spatial", "separable", "readout")

    @property
    def n_features(self) -> int:
        n_times = self.n_times + 1 - self.kernel_length % 2
        n_times = n_times // self.pool1 + 1 - self.separable_length % 2
        return self.n_separable * (n_times // self.pool2)

    def init(self, key: Array) -> Variables:
        """Untrained variables, Glorot uniform."""
        return as_variables(_Parameters(self, nnx.Rngs(key)), self.n_channels)

    def apply(self, variables: Variables, x: Array, *, key: Array | None = None) -> Array:
        """Logits (n_classes,) of one window, normalised by the stored statistics."""
        return linear(variables.params["readout"], self.features(variables, x, Stored(variables.stats), key))

    def moments(self, variables: Variables, x: Array) -> dict[str, Any]:
        """Mean and variance over time (and channels in the first layer) of this window at every norm."""
        own = Own(variables.stats)
        self.features(variables, x, own, None)
        return own.seen

    def features(self, variables: Variables, x: Array, statistics: Statistics, key: Array | None) -> Array:
        """What the readout sees (n_features,), with the norms' statistics as asked for."""
        align, params, _ = variables
        temporal, spatial, separable = (params[name] for name in self.layers[:-1])
        rows, n_out = self.n_temporal * self.depth, self.n_times + 1 - self.kernel_length % 2

        def of_temporal() -> tuple[Array, Array]:
            mean, cov = lag_moments(align @ x, self.kernel_length, self.kernel_length // 2)
            kernel = temporal["kernel"]
            return kernel @ mean, jnp.einsum("fi,ij,fj->f", kernel, cov, kernel)

        moments = statistics("temporal", of_temporal, self.n_channels * n_out)
        gain, offset = gain_offset(moments, temporal, self.eps)
        weights = max_norm(spatial["kernel"], self.spatial_max_norm)
        mixed = ((weights @ align) @ x).reshape(self.n_temporal, self.depth, -1)
        z = filter_bank(mixed, temporal["kernel"] * gain[:, None], self.kernel_length // 2).reshape(rows, -1)
        z = z + (jnp.repeat(offset, self.depth) * jnp.sum(weights, axis=-1))[:, None]

        gain, offset = gain_offset(statistics("spatial", lambda: over_time(z), n_out), spatial, self.eps)
        y = mean_pool(jax.nn.elu(gain[:, None] * z + offset[:, None]), self.pool1, self.pool1)
        y = dropout(y, self.dropout, key, layer=0)

        z2 = separable["pointwise"] @ filter_bank(y[:, None], separable["depthwise"], self.separable_length // 2)[:, 0]
        gain, offset = gain_offset(statistics("separable", lambda: over_time(z2), z2.shape[-1]), separable, self.eps)
        y = mean_pool(jax.nn.elu(gain[:, None] * z2 + offset[:, None]), self.pool2, self.pool2)
        return dropout(y, self.dropout, key, layer=1).reshape(-1)

    def fit(self, variables: Variables, trials: Trials, key: Array) -> Variables:
        """Train all layers and statistics from ``variables`` on; see :func:`training.fit_network`."""
        return fit_network(self, variables, trials, key)

    def refit_readout(self, variables: Variables, trials: Trials) -> Variables:
        """Recalibrate the readout alone; see :func:`training.refit_linear`."""
        return refit_linear(self, variables, trials)
