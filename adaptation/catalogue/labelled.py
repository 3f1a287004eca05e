"""Learning from labels, or from reward, without forgetting."""

from ..spec import MethodSpec

SPECS: tuple[MethodSpec, ...] = ()
