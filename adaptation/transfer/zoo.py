"""Checkpoints that come with the package."""

import difflib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from ...sim.errors import InputError, unknown
from .checkpoint import Checkpoint, files_of, load_checkpoint, read_card


class ZooEntry(NamedTuple):
    """summary: a line for lists; recipe: what ``neurodrift pretrain --zoo`` makes it of."""

    summary: str
    recipe: Mapping[str, Any]


ZOO: Mapping[str, ZooEntry] = {
    "eegnet-mi-virtual": ZooEntry(
        "EEGNet, left and right hand, 31 channels, 125 Hz, 3 s: trained on 48 virtual people",
        {"decoder": "eegnet", "people": 48, "trials": 40, "epochs": 10, "rate": 3e-3},
    ),
    "eegnet-mi-mcc": ZooEntry(
        "the same network, trained with minimum class confusion (MCC) on 48 virtual people",
        {
            "decoder": "eegnet",
            "strategy": "mcc",
            "people": 48,
            "trials": 40,
            "epochs": 10,
            "rate": 3e-3,
            "note": "its accuracy is of the same 16 people as eegnet-mi-virtual's: compare them",
        },
    ),
    "eegnet-mi-anil": ZooEntry(
        "eegnet-mi-virtual, gone on with ANIL on 128 virtual people: to be recalibrated in five steps of its readout",
        {
            "decoder": "eegnet",
            "strategy": "anil",
            "start": "eegnet-mi-virtual",
            "people": 128,
            "epochs": 2,
            "note": "accuracy: frozen, of the same 16 people as eegnet-mi-virtual's; accuracy_after_10: ANIL's steps",
        },
    ),
    "tangent-mi-virtual": ZooEntry(
        "tangent space and logistic regression, 31 channels, 3 s: trained on 64 virtual people; for calibrate --start",
        {
            "decoder": "tangent_lr",
            "people": 64,
            "trials": 40,
            "note": "no network; its accuracy is of the same 16 people as eegnet-mi-virtual's: compare them",
        },
    ),
}


def zoo_path(name: str) -> Path:
    """Where the checkpoint called ``name`` lies; InputError, with the nearest name, where there is none."""
    if name not in ZOO:
        raise unknown("checkpoint", name, ZOO)
    return Path(str(resources.files(str(__package__)) / "data" / name))


def shipped() -> dict[str, str]:
    """Name -> summary of the checkpoints whose files are there, with the accuracy on their cards."""
    found = {name: read_card(zoo_path(name)).metrics for name in ZOO if weights_of(name).exists()}
    return {
        name: f"{ZOO[name].summary}; {100 * told['accuracy']:.1f} % right on people not trained on"
        for name, told in found.items()
    }


def find_checkpoint(name: str) -> Checkpoint:
    """A checkpoint by its name in the zoo, or by its path; InputError where there is none."""
    if name not in ZOO and len(Path(name).parts) == 1 and not weights_of(name).exists():
        near = difflib.get_close_matches(name, ZOO, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"the package has {', '.join(ZOO)}"
        raise InputError(f"there is no checkpoint '{name}' here: wanted a path, or a name ({hint})")
    return load_checkpoint(zoo_path(name) if name in ZOO else name)


def weights_of(name: str) -> Path:
    """The file of the weights of a checkpoint, by its name in the zoo or by its path."""
    return files_of(zoo_path(name) if name in ZOO else name)[0]
