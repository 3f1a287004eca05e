"""Components: frozen dataclasses that are pytrees, numbers as leaves and shapes static."""

import dataclasses
from typing import Any, TypeVar, dataclass_transform

import jax

T = TypeVar("T")


def static(**kwargs: Any) -> Any:
    """A field that is part of the pytree's structure (a shape, a name): changing it retraces."""
    metadata = {**kwargs.pop("metadata", {}), "static": True}
    return dataclasses.field(metadata=metadata, **kwargs)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(static, dataclasses.field))
def component(cls: type[T]) -> type[T]:
    """Make ``cls`` a frozen, keyword-only dataclass and a JAX pytree.

    Fields are leaves (a changed number never retraces; vmap over them is domain randomisation)
    unless declared with :func:`static`.
    """
    return jax.tree_util.register_dataclass(dataclasses.dataclass(frozen=True, kw_only=True)(cls))
