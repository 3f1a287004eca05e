"""Head and electrodes: where dipoles become scalp potentials."""

from .heads import HEADS, Head, make_head
from .montage import LAYOUTS, Montage, lateral_rotation, make_montage, move_cap
from .projection import DipoleProjection, Projection, Reprojection
from .reference import average_reference, bipolar, electrode_reference, rest_reference, small_laplacian
from .sphere import SphereHead, homogeneous_gain
from .template import TemplateHead

__all__ = [
    "HEADS", "LAYOUTS", "DipoleProjection", "Head", "Montage", "Projection", "Reprojection", "SphereHead",
    "TemplateHead", "average_reference", "bipolar", "electrode_reference", "homogeneous_gain", "lateral_rotation",
    "make_head", "make_montage", "move_cap", "rest_reference", "small_laplacian",
]  # fmt: skip
