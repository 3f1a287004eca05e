"""The folder that ``--data`` names."""

from pathlib import Path

from ..sim.errors import InputError


def data_folder(data: str, wanted: str) -> Path:
    """The folder called ``data``, ~ being the user's own; InputError where there is none, with what is ``wanted``."""
    folder = Path(data).expanduser()
    if not folder.is_dir():
        raise InputError(f"--data is '{data}': there is no such folder; {wanted}")
    return folder
