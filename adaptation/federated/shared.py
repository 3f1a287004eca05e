"""Which part of a decoder travels between sites, as one vector, and which part stays at each."""

from collections.abc import Callable
from typing import Any

import jax
from jax import Array
from jax.flatten_util import ravel_pytree

from ...sim.errors import InputError
from ..contract import Decoder, Variables

#: "all": params and feature statistics travel (FedAvg, McMahan 2017). "params": the statistics of the norms stay at
#: each site. "weights": the norms' scale and bias stay as well (FedBN, Li 2021).
SHARES = ("all", "params", "weights")


def split(variables: Variables, share: str) -> tuple[Any, Any]:
    """(what travels, what stays) of params and statistics; the alignment is each person's and is in neither."""
    params, stats = variables.params, variables.stats
    if share == "all":
        return {"params": params, "stats": stats}, {}
    if share == "params":
        return {"params": params}, {"stats": stats}
    if share != "weights":
        raise InputError(f"what a federation shares is {share!r}; wanted one of {', '.join(SHARES)}")
    norms = {name: {k: layer[k] for k in ("scale", "bias")} for name, layer in params.items() if "scale" in layer}
    weights = {
        name: {k: leaf for k, leaf in layer.items() if k not in norms.get(name, {})} for name, layer in params.items()
    }
    return {"params": weights}, {"stats": stats, "norms": norms}


def joined(variables: Variables, travels: Any, stays: Any) -> Variables:
    """``variables`` with the two parts of :func:`split` put in."""
    params = {
        name: {**layer, **travels["params"].get(name, {}), **stays.get("norms", {}).get(name, {})}
        for name, layer in variables.params.items()
    }
    return variables._replace(params=params, stats=stays.get("stats", travels.get("stats")))


def vector(variables: Variables, share: str) -> Array:
    """What travels, in one vector (n_shared,)."""
    return ravel_pytree(split(variables, share)[0])[0]


def unravel(decoder: Decoder, share: str) -> Callable[[Array], Any]:
    """The function that gives such a vector its layers back."""
    like = jax.eval_shape(decoder.init, jax.random.key(0))
    zeros = jax.tree.map(lambda leaf: jax.numpy.zeros(leaf.shape, leaf.dtype), split(like, share)[0])
    return ravel_pytree(zeros)[1]
