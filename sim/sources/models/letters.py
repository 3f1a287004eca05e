"""A model's letters: defaults, overridden by keyword."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from ...errors import InputError, unknown


def leaves(model: type, defaults: Mapping[str, ArrayLike], letters: Mapping[str, ArrayLike]) -> dict[str, Array]:
    """``defaults`` with ``letters`` instead, as arrays; InputError for one that the model does not have or that is
    not finite (traced values are not looked at)."""
    for name, value in letters.items():
        if name not in defaults:
            raise unknown(f"{model.__name__} parameter", name, defaults)
        if not isinstance(value, Array) and not _numbers(value):
            raise InputError(f"{model.__name__} parameter {name} is {value!r}; wanted finite numbers")
    return {
        name: jnp.asarray(np.asarray(value, float) if isinstance(value, list | tuple) else value, float)
        for name, value in {**defaults, **letters}.items()
    }


def _numbers(value: ArrayLike) -> bool:
    try:
        return bool(np.isfinite(np.asarray(value, float)).all())
    except (TypeError, ValueError):
        return False


def preset(model: type, name: str, presets: Mapping[str, Any]) -> Any:
    """The preset called ``name``; InputError with a suggestion where there is none."""
    if name not in presets:
        raise unknown(f"{model.__name__} preset", name, presets)
    return presets[name]
