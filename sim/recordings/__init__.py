"""Recordings: real EEG as labelled trials in volts, from files, PhysioNet or the package itself."""

from .eegbci import load_eegbci
from .embedded import EMBEDDED, load_embedded
from .epochs import Recording, concatenate
from .load import load, sources_of
from .read import read_recording

__all__ = [
    "EMBEDDED",
    "Recording",
    "concatenate",
    "load",
    "load_eegbci",
    "load_embedded",
    "read_recording",
    "sources_of",
]
