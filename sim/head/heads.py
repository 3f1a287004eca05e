"""Heads by name."""

import dataclasses

import jax.numpy as jnp

from ..errors import InputError, unknown
from .sphere import PRESETS, SphereHead
from .template import TemplateHead

Head = SphereHead | TemplateHead
HEADS = (*PRESETS, "template")


def make_head(name: str = "mne", radius: float | None = None) -> Head:
    """The head ``name``: a layered sphere ("mne", "skull-1/80", "skull-1/25", "skull-1/15") or "template", a head of
    anatomical shape. ``radius`` m of the scalp where it is not the head's own (spheres only: they scale)."""
    if name not in HEADS:
        raise unknown("head", name, HEADS)
    if radius is not None and not radius > 0:
        raise InputError(f"radius is {radius:g} m; wanted more than 0")
    if name == "template":
        if radius is not None:
            raise InputError("the template head has a size of its own; leave radius out, or use a sphere")
        return TemplateHead.load()
    head = SphereHead.preset(name)
    return head if radius is None else dataclasses.replace(head, radius=jnp.asarray(radius, float))
