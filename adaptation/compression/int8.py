"""EEGNet in 8-bit integers, as an implant would compute it, behind the same contract as the network in floats."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component, static
from ..contract import Trials, Variables
from ..decoders.eegnet import EEGNet
from ..decoders.filters import banded, filter_bank, frames, mean_pool
from ..decoders.nets import linear, max_norm
from ..decoders.norm import Statistics, Stored, gain_offset
from ..decoders.training import fit_network, refit_linear
from ..trials import usable
from .grid import as_one, by_row, grids, replaced
from .integer import INT8, Rescale, elu, elu_table, pool_sum, product, rescale, rescaling
from .wrapped import OfNetwork

#: A norm that no spatial filter has.
UNCONSTRAINED = 1e3


class Ranges(NamedTuple):
    """The largest magnitude () that 8 bits can hold of each activation, as calibrated.

    window: of the input, V, which the converter delivers in ``converter_bits``; mixed: after the spatial filters;
    normed: before the first ELU; pooled: after the first pool; filtered: after the depthwise filters; normed2: before
    the second ELU; features: what the readout sees.
    """

    window: Array | float
    mixed: Array | float = 8.0
    normed: Array | float = 8.0
    pooled: Array | float = 4.0
    filtered: Array | float = 4.0
    normed2: Array | float = 8.0
    features: Array | float = 4.0


class Program(NamedTuple):
    """What runs on the implant: integers only. Kernels hold 8-bit numbers, Rescale 32-bit ones.

    ``readout_bias`` (n_classes,) is in steps of the accumulator; logits are ``logit_step`` times its value, which no
    decision needs. ``window_step`` V is what a count of the converter is worth.
    """

    spatial: Array
    to_mixed: Rescale
    temporal: Array
    to_normed: Rescale
    elu: Array
    to_pooled: Rescale
    depthwise: Array
    to_filtered: Rescale
    pointwise: Array
    to_normed2: Rescale
    elu2: Array
    to_features: Rescale
    readout: Array
    readout_bias: Array
    window_step: Array
    logit_step: Array


class Bounds(NamedTuple):
    """Largest magnitude of every accumulator, which the shapes alone decide."""

    spatial: int
    temporal: int
    pool: int
    depthwise: int
    pointwise: int
    pool2: int
    readout: int


@component
class Int8EEGNet(OfNetwork):
    """EEGNet with 8-bit weights (symmetric, a scale a row) and 8-bit activations (symmetric, a scale a layer).

    The window comes as the converter's integers (``converter_bits``), products are summed in 32 bits, norms are folded
    into the rescaling that follows, ELU is a table: no step of a prediction needs a float. Whatever moves the variables
    (an alignment, renormalisation, a readout's training) keeps them in floats, and :meth:`lower` turns them into
    integers anew: adaptation is the host's work, prediction the implant's. Derivatives are those of the network in
    floats at the same variables (straight-through, Bengio 2013); batch statistics and dropout, which only learning
    uses, run in floats as well. Made by :func:`quantise`.
    """

    net: EEGNet
    ranges: Ranges
    converter_bits: int = static(default=12)

    @property
    def bounds(self) -> Bounds:
        net, square = self.net, INT8 * INT8
        counts = 2 ** (self.converter_bits - 1) - 1
        return Bounds(
            spatial=net.n_channels * INT8 * counts,
            temporal=net.kernel_length * square,
            pool=net.pool1 * INT8,
            depthwise=net.separable_length * square,
            pointwise=net.n_temporal * net.depth * square,
            pool2=net.pool2 * INT8,
            readout=net.n_features * square,
        )

    @property
    def in_floats(self) -> EEGNet:
        """What learns from windows that are aligned already: they are no voltages, and saturate the converter."""
        return self.net

    def init(self, key: Array) -> Variables:
        """Untrained variables of the network in floats."""
        return self.net.init(key)

    def counts(self, x: Array) -> Array:
        """The converter's integers for a window x (n_channels, n_times) V; what is out of its range saturates."""
        most = 2 ** (self.converter_bits - 1) - 1
        return jnp.clip(jnp.round(x * (most / self.ranges.window)), -most, most).astype(jnp.int32)

    def lower(self, variables: Variables) -> Program:
        """The integers that these variables stand for; the alignment is folded into the spatial filters."""
        net, (align, params, stats), ranges, bounds = self.net, variables, self.ranges, self.bounds
        kernels = grids(params)
        _, mixed, normed, pooled, filtered, normed2, features = (jnp.asarray(r) / INT8 for r in ranges)
        counts = 2 ** (self.converter_bits - 1) - 1
        window_step = jnp.asarray(ranges.window) / counts
        filters = kernels["spatial.kernel"].values
        spatial = by_row(filters @ align)
        temporal, readout = kernels["temporal.kernel"], kernels["readout.kernel"]
        depthwise, pointwise = kernels["separable.depthwise"], kernels["separable.pointwise"]
        gain, offset = gain_offset(_of(stats, "temporal"), params["temporal"], net.eps)
        gain2, offset2 = gain_offset(_of(stats, "spatial"), params["spatial"], net.eps)
        gain3, offset3 = gain_offset(_of(stats, "separable"), params["separable"], net.eps)
        row_gain, row_offset = jnp.repeat(gain, net.depth), jnp.repeat(offset, net.depth)
        row_step = jnp.repeat(temporal.scale[:, 0], net.depth) * mixed
        offset2 = gain2 * row_offset * filters.sum(-1) + offset2
        nothing, ones = jnp.zeros_like(gain2), jnp.ones_like(gain2)
        to_features = jnp.ones_like(gain3) * normed2 / (net.pool2 * features)
        return Program(
            spatial=_integers(spatial.steps),
            to_mixed=rescaling(spatial.scale[:, 0] * window_step / mixed, nothing, bounds.spatial),
            temporal=_integers(temporal.steps),
            to_normed=rescaling(gain2 * row_gain * row_step / normed, offset2 / normed, bounds.temporal),
            elu=elu_table(normed),
            to_pooled=rescaling(ones * normed / (net.pool1 * pooled), nothing, bounds.pool),
            depthwise=_integers(depthwise.steps),
            to_filtered=rescaling(depthwise.scale[:, 0] * pooled / filtered, nothing, bounds.depthwise),
            pointwise=_integers(pointwise.steps),
            to_normed2=rescaling(
                gain3 * pointwise.scale[:, 0] * filtered / normed2,
                offset3 / normed2,
                bounds.pointwise,
            ),
            elu2=elu_table(normed2),
            to_features=rescaling(to_features, jnp.zeros_like(gain3), bounds.pool2),
            readout=_integers(readout.steps),
            readout_bias=self._readout_bias(params["readout"]["bias"], readout.scale),
            window_step=window_step,
            logit_step=readout.scale[0, 0] * features,
        )

    def run(self, program: Program, counts: Array) -> Array:
        """Features (n_features,) in 8 bits of the converter's integers (n_channels, n_times)."""
        net, bounds = self.net, self.bounds
        acc = product("rc,ct->rt", program.spatial, counts, bounds.spatial)
        mixed = rescale(acc, program.to_mixed, bounds.spatial).reshape(net.n_temporal, net.depth, -1)
        acc = _filtered(mixed, program.temporal, bounds.temporal).reshape(net.n_temporal * net.depth, -1)
        y = elu(rescale(acc, program.to_normed, bounds.temporal), program.elu)
        y = rescale(pool_sum(y, net.pool1), program.to_pooled, bounds.pool)
        y = rescale(
            _filtered(y[:, None], program.depthwise, bounds.depthwise)[:, 0], program.to_filtered, bounds.depthwise
        )
        acc = product("or,rt->ot", program.pointwise, y, bounds.pointwise)
        y = elu(rescale(acc, program.to_normed2, bounds.pointwise), program.elu2)
        return rescale(pool_sum(y, net.pool2), program.to_features, bounds.pool2).reshape(-1)

    def decide(self, program: Program, features: Array) -> Array:
        """Accumulators (n_classes,) int32 of 8-bit features; the class is where they are largest."""
        return product("kf,f->k", program.readout, features, self.bounds.readout) + program.readout_bias

    def apply(self, variables: Variables, x: Array, *, key: Array | None = None) -> Array:
        """Logits (n_classes,) of one window x (n_channels, n_times), in integers; with a key in floats, dropped out."""
        if key is not None:
            return self.net.apply(variables, x, key=key)
        return _decide(self, variables.params["readout"], _features(self, variables, x))

    def features(self, variables: Variables, x: Array, statistics: Statistics, key: Array | None) -> Array:
        """What the readout sees (n_features,); in floats where a batch's statistics or dropout are asked for."""
        if key is not None or not isinstance(statistics, Stored):
            return self.net.features(variables, x, statistics, key)
        return _features(self, variables._replace(stats=statistics.stats), x)

    def moments(self, variables: Variables, x: Array) -> dict[str, Any]:
        """This window's own statistics, in floats."""
        return self.net.moments(variables, x)

    def fit(self, variables: Variables, trials: Trials, key: Array) -> Variables:
        """Train everything, in floats; the ranges stay, as norms keep what they are of."""
        return fit_network(self, variables, trials, key)

    def refit_readout(self, variables: Variables, trials: Trials) -> Variables:
        """Recalibrate the readout on the features that the integers give."""
        return refit_linear(self, variables, trials)

    def _readout_bias(self, bias: Array, scale: Array) -> Array:
        step = scale[0, 0] * jnp.asarray(self.ranges.features) / INT8
        return jnp.clip(jnp.round(bias / step), -(2.0**30), 2.0**30).astype(jnp.int32)


@jax.custom_jvp
def _features(decoder: Int8EEGNet, variables: Variables, x: Array) -> Array:
    return decoder.run(decoder.lower(variables), decoder.counts(x)) * (jnp.asarray(decoder.ranges.features) / INT8)


@_features.defjvp
def _(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    decoder = primals[0]

    def in_floats(variables: Variables, x: Array) -> Array:
        return decoder.net.features(variables, x, Stored(variables.stats), None)

    return _features(*primals), jax.jvp(in_floats, primals[1:], tangents[1:])[1]


@jax.custom_jvp
def _decide(decoder: Int8EEGNet, readout: dict[str, Array], features: Array) -> Array:
    step = jnp.asarray(decoder.ranges.features) / INT8
    kernel = as_one(readout["kernel"])
    whole = jnp.round(features / step).astype(jnp.int32)
    acc = product("kf,f->k", _integers(kernel.steps), whole, decoder.bounds.readout)
    return (acc + decoder._readout_bias(readout["bias"], kernel.scale)) * (kernel.scale[0, 0] * step)


@_decide.defjvp
def _(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    return _decide(*primals), jax.jvp(linear, primals[1:], tangents[1:])[1]


def quantise(
    net: EEGNet,
    variables: Variables,
    x: Array,
    *,
    coverage: float = 0.9995,
    largest: float | None = None,
    headroom: float = 4.0,
    converter_bits: int = 12,
) -> tuple[Int8EEGNet, Variables]:
    """(decoder, variables) in 8 bits of a trained network; windows x (n_windows, n_channels, n_times) V set the ranges.

    Each layer's range holds the share ``coverage`` of its activations on these windows, the rest saturates; the
    converter's is ``headroom`` times the ``largest`` value that it has met, V, by default that of these windows. They
    need no labels, and want to be those of the people that the network was trained on, behind ``variables.align``;
    where they are aligned already, tell ``largest`` of the windows before alignment. The variables
    returned are on the grids; their ``align`` is kept. Raises InputError where there is no finite window.
    """
    if x.ndim != 3 or x.shape[0] == 0:
        raise InputError(
            f"quantise got windows of shape {x.shape}: wanted one or more (n_windows, n_channels, n_times)"
        )
    if x.shape[1] != net.n_channels:
        raise InputError(
            f"quantise got windows of {x.shape[1]} channels: wanted the {net.n_channels} that the network takes"
        )
    if not 0.5 < coverage <= 1.0 or headroom < 1.0 or not 8 <= converter_bits <= 16:
        raise InputError(
            f"quantise got coverage {coverage:g}, headroom {headroom:g} and {converter_bits} bits: wanted a coverage "
            "in (0.5, 1], a headroom of at least 1 and 8 to 16 bits"
        )
    # The constraint is met once and for all: after rounding a filter may be longer by the rounding's size.
    free = dataclasses.replace(net, spatial_max_norm=UNCONSTRAINED)
    on_grid, ranges = _calibrated(net, free, variables, x, coverage)
    ranges = ranges._replace(window=headroom * (ranges.window if largest is None else jnp.float32(largest)))
    if not 0.0 < float(ranges.window) < float("inf"):
        raise InputError("quantise got windows without a finite value other than zero: give recorded windows")
    return Int8EEGNet(net=free, ranges=ranges, converter_bits=converter_bits), on_grid


@jax.jit
def _calibrated(net: EEGNet, free: EEGNet, variables: Variables, x: Array, coverage: float) -> tuple[Variables, Ranges]:
    params = {**variables.params, "spatial": {**variables.params["spatial"]}}
    params["spatial"]["kernel"] = max_norm(params["spatial"]["kernel"], net.spatial_max_norm)
    variables = variables._replace(params=replaced(params, grids(params)))
    x = usable(Trials(x, jnp.zeros(x.shape[0], jnp.int32), jnp.ones(x.shape[0]))).x
    seen = jax.vmap(lambda x: activations(free, variables, x))(x)
    largest = (jnp.maximum(jnp.quantile(jnp.abs(a), coverage), 1e-6) for a in seen)
    return variables, Ranges(jnp.max(jnp.abs(x)), *largest)


def activations(net: EEGNet, variables: Variables, x: Array) -> tuple[Array, ...]:
    """In floats, what ``Ranges`` names after the window, of one window x, by a network whose spatial filters are within
    their constraint; the last is the readout's input."""
    align, params, stats = variables
    rows = net.n_temporal * net.depth
    weights = params["spatial"]["kernel"]
    gain, offset = (jnp.repeat(a, net.depth) for a in gain_offset(_of(stats, "temporal"), params["temporal"], net.eps))
    gain2, offset2 = gain_offset(_of(stats, "spatial"), params["spatial"], net.eps)
    gain3, offset3 = gain_offset(_of(stats, "separable"), params["separable"], net.eps)
    mixed = (weights @ align) @ x
    z = filter_bank(mixed.reshape(net.n_temporal, net.depth, -1), params["temporal"]["kernel"], net.kernel_length // 2)
    z = gain[:, None] * z.reshape(rows, -1) + (offset * weights.sum(-1))[:, None]
    normed = gain2[:, None] * z + offset2[:, None]
    pooled = mean_pool(jax.nn.elu(normed), net.pool1, net.pool1)
    filtered = filter_bank(pooled[:, None], params["separable"]["depthwise"], net.separable_length // 2)[:, 0]
    normed2 = gain3[:, None] * (params["separable"]["pointwise"] @ filtered) + offset3[:, None]
    return mixed, normed, pooled, filtered, normed2, mean_pool(jax.nn.elu(normed2), net.pool2, net.pool2)


def _filtered(x: Array, kernel: Array, bound: int) -> Array:
    """``filters.filter_bank`` of integers, half the kernel's length of zeros at either end."""
    n_taps, padding = kernel.shape[-1], kernel.shape[-1] // 2
    n_out = x.shape[-1] + 2 * padding - n_taps + 1
    x = jnp.pad(x, [(0, 0), (0, 0), (padding, padding)])
    y = product("frnl,fbl->frnb", frames(x, n_out, n_taps), banded(kernel, n_taps, 2 * n_taps), bound)
    return y.reshape(*x.shape[:-1], -1)[..., :n_out]


def _of(stats: dict[str, Any], name: str) -> tuple[Array, Array]:
    return stats[name]["mean"], stats[name]["var"]


def _integers(steps: Array) -> Array:
    return steps.astype(jnp.int32)
