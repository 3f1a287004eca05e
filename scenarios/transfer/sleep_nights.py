"""Recorded nights: Sleep-EDF's features of two nights of each person, from a folder."""

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...sim.errors import InputError
from ..folders import data_folder

N_STAGES = 5  # wake, N1, N2, N3, REM
AROUND = 60  # epochs of wake kept before and after sleep, half an hour
WANTED = "wanted SC4ssNE0.npz of three people or more"


class Night(NamedTuple):
    """x (n_epochs, n_features) as they are in the file, y (n_epochs,) indices of the stages."""

    x: np.ndarray
    y: np.ndarray


def everybody(folder: str) -> dict[str, tuple[Night, Night]]:
    """Two nights of each person of the folder, as SC400 to SC409; InputError where they are not there."""
    return _read(str(data_folder(folder, WANTED)))


@functools.lru_cache(maxsize=2)
def _read(folder: str) -> dict[str, tuple[Night, Night]]:
    root = Path(folder) / "features" if (Path(folder) / "features").is_dir() else Path(folder)
    names = sorted({path.name[:5] for path in root.glob("SC4??[12]E0.npz")})
    pairs = {name: [root / f"{name}{n}E0.npz" for n in (1, 2)] for name in names}
    pairs = {name: files for name, files in pairs.items() if all(f.exists() for f in files)}
    if len(pairs) < 3:
        raise InputError(f"--data is '{folder}', with two nights of {len(pairs)} people; {WANTED}")
    found = {name: (_night(files[0]), _night(files[1])) for name, files in pairs.items()}
    widths = {name: {night.x.shape[1] for night in nights} for name, nights in found.items()}
    first = next(iter(widths))
    for name, width in widths.items():
        if width != widths[first] or len(width) > 1:
            raise InputError(
                f"--data: {name} has {sorted(width)} features, {first} {sorted(widths[first])}: wanted the same "
                "features of everybody"
            )
    return found


def _night(file: Path) -> Night:
    try:
        with np.load(file) as found:
            x, y = np.asarray(found["X"], float), np.asarray(found["y"], int)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{file} is no night ({error}); wanted an npz file with X (n_epochs, n_features) and y"
        ) from error
    alike = x.ndim == 2 and y.shape == x.shape[:1] and len(y) > 0
    if not (alike and np.isfinite(x).all() and ((y >= 0) & (y < N_STAGES)).all()):
        raise InputError(
            f"{file} has X {x.shape} and y {y.shape}: wanted X (n_epochs, n_features), all finite, and y (n_epochs,) "
            f"of stages 0 to {N_STAGES - 1}"
        )
    asleep = np.flatnonzero(y > 0)
    if not len(asleep):
        raise InputError(f"{file} has no epoch of sleep among {len(y)}: take the person out of the folder")
    kept = slice(max(asleep[0] - AROUND, 0), asleep[-1] + AROUND + 1)
    return Night(x[kept], y[kept])
