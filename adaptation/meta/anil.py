"""Almost no inner loop: MAML whose steps move the readout alone (Raghu et al 2020)."""

from typing import Any

from ..methods.layers import LastLayer
from .maml import MAML


def ANIL(**options: Any) -> MAML:
    """MAML with ``reach`` the readout: the layers below are learnt across people and kept for a new one.

    ``options`` are MAML's other fields. A step costs a readout's gradient, second order included.
    """
    return MAML(reach=LastLayer(), **options)
