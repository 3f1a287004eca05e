"""Test-time adaptation of networks: gradients without labels."""

from ..spec import MethodSpec

SPECS: tuple[MethodSpec, ...] = ()
