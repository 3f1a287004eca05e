"""The gallery: a figure per brain model, by name, and one of the how-to on phase-locked stimulation."""

import importlib
import io
from pathlib import Path
from typing import Any

FIGURES = (
    "jansen_rit", "wendling", "wilson_cowan", "stn_gpe", "epileptor", "thalamocortical", "eirs", "stuart_landau",
    "kuramoto", "bonhoeffer_van_der_pol", "hindmarsh_rose", "intracortical", "brunel", "basal_ganglia",
    "cortical_column", "spiking_column", "phase_locked",
)  # fmt: skip
"""Files of this package with ``figure() -> matplotlib.figure.Figure``."""


def draw(name: str) -> Any:
    """The figure of one of FIGURES; runs the model (seconds to a minute)."""
    return importlib.import_module(f".{name}", __package__).figure()


def save(name: str, folder: Path) -> Path:
    """Draw and write ``folder/name.png``, with a palette of 128 colours: a third of the size, and looks the same."""
    from PIL import Image

    path, drawn = folder / f"{name}.png", io.BytesIO()
    draw(name).savefig(drawn, dpi=130)
    Image.open(drawn).convert("RGB").quantize(128).save(path, optimize=True)
    return path
