"""Methods behind a guard, or woken by a detector of drift."""

from ..spec import MethodSpec

SPECS: tuple[MethodSpec, ...] = ()
