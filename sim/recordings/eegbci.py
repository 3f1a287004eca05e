"""PhysioNet's EEG Motor Movement/Imagery recordings, from a local folder or downloaded through MNE."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from .epochs import Recording, concatenate
from .read import read_recording

N_SUBJECTS = 109
LICENCE = "ODC-By 1.0"
# What T1 and T2 stand for in each run (https://physionet.org/content/eegmmidb/1.0.0/).
_FISTS, _BOTH = "T1=left,T2=right", "T1=fists,T2=feet"
RUN_EVENTS = {run: _FISTS if run in (3, 4, 7, 8, 11, 12) else _BOTH for run in range(3, 15)}


def load_eegbci(
    subject: int,
    runs: Sequence[int] = (4, 8, 12),
    path: str | Path | None = None,
    *,
    tmin: float = -1.0,
    tmax: float = 4.1,
) -> Recording:
    """Runs of one subject as sessions of one day; by default the imagined left and right fist.

    path: a folder that holds S007R04.edf or S007/S007R04.edf; without it the files are downloaded through
        MNE into its data folder (2.6 MB a run) and found there the next time.

    Runs of a kind go together: 3 7 11 (fists moved), 4 8 12 (imagined), 5 9 13 (both fists or feet moved),
    6 10 14 (imagined). A task event lasts 4.1 s, which the default window covers from 1 s before the cue.
    Source: Schalk et al. 2004, doi:10.1109/TBME.2004.827072; Goldberger et al. 2000.
    Raises InputError for a subject or run that does not exist and a file that is absent or cannot be had.
    """
    if not 1 <= subject <= N_SUBJECTS:
        raise InputError(f"eegbci has subjects 1 to {N_SUBJECTS}, not {subject}")
    unknown = [run for run in runs if run not in RUN_EVENTS]
    if unknown or not runs or len({RUN_EVENTS[run] for run in runs}) > 1:
        raise InputError(f"eegbci runs {list(runs)} do not go together; choose of 3 4 7 8 11 12 or of 5 6 9 10 13 14")
    files = _download(subject, runs) if path is None else [_local(Path(path), subject, run) for run in runs]
    sessions = [
        read_recording(
            file,
            RUN_EVENTS[run],
            tmin,
            tmax,
            subject=f"S{subject:03d}",
            session_name=f"R{run:02d}",
            licence=LICENCE,
        )
        for file, run in zip(files, runs)
    ]
    return concatenate(sessions)


def _local(folder: Path, subject: int, run: int) -> Path:
    name = f"S{subject:03d}R{run:02d}.edf"
    for candidate in (folder / name, folder / name[:4] / name):
        if candidate.is_file():
            return candidate
    raise InputError(f"no {name} in {folder} or {folder / name[:4]}; download it or name its folder")


def _download(subject: int, runs: Sequence[int]) -> list[Path]:
    import mne

    try:
        return [Path(file) for file in mne.datasets.eegbci.load_data(subject, list(runs), update_path=False)]
    # Without a network the downloader raises whatever layer fails first.
    except Exception as error:
        raise InputError(
            f"cannot download eegbci subject {subject} ({type(error).__name__}); check the network, or download the "
            "files from https://physionet.org/content/eegmmidb/1.0.0/ and give their folder"
        ) from error
