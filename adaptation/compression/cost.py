"""What a decoder costs an implant: bytes to store, multiply-accumulates a window, and time on the machine at hand."""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.errors import InputError
from ..contract import Decoder, Variables
from ..decoders.eegnet import EEGNet
from ..decoders.shallow import ShallowFBCSPNet
from .grid import grids
from .int8 import Int8EEGNet
from .pruning import Pruned


class Latency(NamedTuple):
    """Seconds from a window to its logits, predicted one at a time: the median of ``n_rounds`` rounds' medians of ``n``
    predictions, and the least and the greatest of them. What differs by less than these ranges is not told apart."""

    p50: float
    lo: float
    hi: float
    n_rounds: int
    n: int


def stored(decoder: Decoder, variables: Variables) -> dict[str, np.ndarray]:
    """The arrays that a file of this decoder holds, by name: params and statistics, without the user's alignment.

    In floats 4 bytes a number. In 8 bits a byte a weight, 4 a scale, a range and a number of a norm. Pruned: for each
    weight a bit that says whether it is there, and those that are.
    """
    masks: dict[str, Any] = {}
    if isinstance(decoder, Pruned):
        masks, variables, decoder = decoder.masks, decoder.masked(variables), decoder.net
    out: dict[str, np.ndarray] = {}
    of_int8 = grids(variables.params) if isinstance(decoder, Int8EEGNet) else {}
    for layer, leaves in variables.params.items():
        for name, leaf in leaves.items():
            path = f"{layer}.{name}"
            if path in of_int8:
                out[path] = np.asarray(of_int8[path].steps).astype(np.int8)
                out[f"{path}.scale"] = np.asarray(of_int8[path].scale[:, 0], np.float32)
            else:
                out[path] = np.asarray(leaf, np.float32)
            if name in masks.get(layer, {}):
                kept = np.asarray(masks[layer][name]) > 0
                out[f"{path}.kept"] = np.packbits(kept)
                out[path] = out[path][kept]
    for layer, leaves in variables.stats.items():
        out |= {f"stats.{layer}.{name}": np.asarray(leaf, np.float32) for name, leaf in leaves.items()}
    if isinstance(decoder, Int8EEGNet):
        out["ranges"] = np.asarray([float(r) for r in decoder.ranges], np.float32)
    return out


def n_bytes(decoder: Decoder, variables: Variables) -> int:
    """Bytes of :func:`stored`."""
    return sum(array.nbytes for array in stored(decoder, variables).values())


def multiply_accumulates(decoder: Decoder) -> dict[str, int]:
    """Multiply-accumulates of one window, by layer, from the shapes; of a pruned decoder those of the kept weights.

    As applied: EEGNet's alignment is folded into the spatial filters, ShallowFBCSPNet's temporal filters too. Norms,
    rescaling and pools are not counted: they are an operation a sample, not one a weight and sample. A filter's taps
    over the zeros outside the window are counted, as a loop without conditions runs over them. InputError for a decoder
    of another kind.
    """
    masks = None
    if isinstance(decoder, Pruned):
        masks, decoder = decoder.masks, decoder.net
    net: Any = decoder.net if isinstance(decoder, Int8EEGNet) else decoder
    # (layer, kernel): how many weights, and how often each is used
    if isinstance(net, EEGNet):
        rows, f2 = net.n_temporal * net.depth, net.n_separable
        n_out = net.n_times + 1 - net.kernel_length % 2
        n_out2 = n_out // net.pool1 + 1 - net.separable_length % 2
        uses = {
            ("spatial", "kernel"): (rows * net.n_channels, net.n_times),
            ("temporal", "kernel"): (net.n_temporal * net.kernel_length, net.depth * n_out),
            ("separable", "depthwise"): (rows * net.separable_length, n_out2),
            ("separable", "pointwise"): (f2 * rows, n_out2),
            ("readout", "kernel"): (net.n_classes * net.n_features, 1),
        }
    elif isinstance(net, ShallowFBCSPNet) and masks is None:
        n_out = net.n_times - net.kernel_length + 1
        merged = net.n_filters * net.n_channels * net.kernel_length
        uses = {("spatial", "merged"): (merged, n_out), ("readout", "kernel"): (net.n_classes * net.n_features, 1)}
    else:
        raise InputError(
            f"multiply-accumulates of {type(net).__name__} are not known; give an EEGNet, in 8 bits or not, pruned or "
            "not, or a ShallowFBCSPNet"
        )
    counted = {}
    for (layer, name), (n_weights, times) in uses.items():
        kept = n_weights if masks is None else int(jnp.sum(masks[layer][name]))
        counted[layer if name in ("kernel", "merged") else name] = kept * times
    return counted


def latencies(
    decoders: Mapping[str, tuple[Decoder, Variables]], x: Array, n_rounds: int = 15, n: int = 100
) -> dict[str, Latency]:
    """Time from a window x (n_channels, n_times) to its logits of each decoder, by name, compiled, on this machine.

    What an implant runs is lowered beforehand, so of an 8-bit decoder its program is timed, converter included; of a
    pruned one that of its network, whose weights are nought where they are pruned.
    """
    programs = {name: _program(decoder, variables, x) for name, (decoder, variables) in decoders.items()}
    for run in programs.values():
        run()  # compiled before any is timed
    return in_turns(programs, n_rounds, n)


def in_turns(programs: Mapping[str, Callable[[], object]], n_rounds: int, n: int) -> dict[str, Latency]:
    """Time of each program: in every round each has one turn of ``n`` runs, and each round begins with another, so that
    what else the machine does meets all of them."""
    names = list(programs)
    medians: dict[str, list[float]] = {name: [] for name in names}
    for first in range(n_rounds):
        for turn in range(len(names)):
            name = names[(first + turn) % len(names)]
            seconds = []
            for _ in range(n):
                start = time.perf_counter()
                programs[name]()
                seconds.append(time.perf_counter() - start)
            medians[name].append(float(np.median(seconds)))
    return {name: Latency(float(np.median(m)), min(m), max(m), n_rounds, n) for name, m in medians.items()}


def _program(decoder: Decoder, variables: Variables, x: Array) -> Callable[[], object]:
    """What is timed: one prediction, to the end."""
    if isinstance(decoder, Pruned):
        decoder, variables = decoder.net, decoder.masked(variables)
    if isinstance(decoder, Int8EEGNet):
        program = jax.jit(decoder.lower)(variables)
        run = jax.jit(lambda program, x: decoder.decide(program, decoder.run(program, decoder.counts(x))))
        return lambda: run(program, x).block_until_ready()
    run = jax.jit(lambda variables, x: decoder.apply(variables, x))
    return lambda: run(variables, x).block_until_ready()
