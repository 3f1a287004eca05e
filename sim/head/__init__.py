"""Head and electrodes: where dipoles become scalp potentials."""

from .montage import LAYOUTS, Montage, lateral_rotation, make_montage, move_cap
from .projection import DipoleProjection, Projection, Reprojection
from .sphere import SphereHead, homogeneous_gain

__all__ = [
    "LAYOUTS", "DipoleProjection", "Montage", "Projection", "Reprojection", "SphereHead", "homogeneous_gain",
    "lateral_rotation", "make_montage", "move_cap",
]  # fmt: skip
