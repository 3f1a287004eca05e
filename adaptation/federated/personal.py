"""What a new person puts in the place of what stayed at the sites: feature statistics of their own windows."""

import jax
from jax import Array

from ..contract import Decoder, Variables
from ..methods.testtime import pooled


def own_statistics(decoder: Decoder, variables: Variables, x: Array) -> Variables:
    """``variables`` with the feature statistics of windows x (n_windows, n_channels, n_times), which need no labels.

    Statistics of a layer depend on those of the layers before it, so they are taken layer by layer: one pass a norm.
    """
    for _ in variables.stats:
        own = jax.vmap(lambda x, v=variables: decoder.moments(v, x))(x)
        variables = variables._replace(stats={name: pooled(part) for name, part in own.items()})
    return variables
