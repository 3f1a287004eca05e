"""A folder of EEGMMIDB: who is in it, and their imagined left and right fists."""

from pathlib import Path

from ..sim.errors import InputError
from ..sim.recordings import Recording
from ..sim.recordings.eegbci import load_eegbci
from .folders import data_folder

WANTED = (
    "wanted a folder of EEGMMIDB with runs 4, 8 and 12 of three subjects or more, such as FOLDER/S001/S001R04.edf "
    "(physionet.org/content/eegmmidb)"
)


def recorded_subjects(folder: str) -> tuple[str, ...]:
    """Subjects of EEGMMIDB in a folder whose imagined left and right fists are all there; InputError with fewer than
    three."""
    root = data_folder(folder, WANTED)
    found = [
        path.name for path in sorted(root.glob("S[0-9][0-9][0-9]"))
        if all((path / f"{path.name}R{run:02d}.edf").exists() for run in (4, 8, 12))
    ]  # fmt: skip
    if len(found) < 3:
        raise InputError(f"--data is '{folder}', with {len(found)} subjects; {WANTED}")
    return tuple(found)


def of_subject(folder: str, name: str, tmin: float, tmax: float) -> Recording:
    """The 45 trials of a subject of :func:`recorded_subjects`, ``tmin`` to ``tmax`` s after the cue."""
    return load_eegbci(int(name[1:]), path=Path(folder).expanduser(), tmin=tmin, tmax=tmax)
