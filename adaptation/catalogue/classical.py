"""Alignment with a source, and the classical adaptive classifiers."""

from ..spec import MethodSpec

SPECS: tuple[MethodSpec, ...] = ()
