"""The folder of a run: the plan, one pair of files per finished cell, and what is made of them.

``plan.json`` is written before anything runs. A cell is finished when ``cells/<id>.json``, written last and
holding the SHA-256 of ``cells/<id>.npz``, is there and both are intact; anything else is done again.
"""

import contextlib
import dataclasses
import hashlib
import io
import itertools
import os
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..sim.errors import InputError
from .atomic import TEMPORARY, read_sealed, write_atomic, write_sealed
from .config import differences
from .contract import Configuration, RunConfig, Work, digest

FORMAT = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What a folder is for: a configuration, the code and data it is run with, and the cells to do."""

    config: Any  # RunConfig or ControlConfig
    code: str
    data: str | None
    versions: dict[str, str]
    cells: tuple[Work, ...]

    def ids(self) -> dict[str, Any]:
        """Cells by id: a digest of configuration, cell, code and data."""
        base = [self.config.to_json(), self.code, self.data]
        return {digest([*base, cell.to_json()])[:16]: cell for cell in self.cells}

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types."""
        return {
            "format": FORMAT,
            "config": self.config.to_json(),
            "config_sha256": self.config.digest(),
            "code_version": self.code,
            "data_sha256": self.data,
            "versions": self.versions,
            "cells": [{"id": i, **cell.to_json()} for i, cell in self.ids().items()],
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinishedCell:
    """One cell as read back from the folder: what it is, its facts and its arrays."""

    id: str
    cell: Any
    meta: dict[str, Any]
    arrays: dict[str, np.ndarray]


class RunFolder:
    """Reads and writes one run's folder; every write is atomic, every read is checked."""

    def __init__(self, path: Path):
        self.path = path
        self.cells = path / "cells"
        self.status = path / ".status"

    def create(self) -> None:
        """Make the folder and prove that it can be written. InputError otherwise."""
        try:
            self.cells.mkdir(parents=True, exist_ok=True)
            probe = self.cells / f"{TEMPORARY}probe-{os.getpid()}"
            probe.write_bytes(b"0")
            probe.unlink()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise InputError(
                f"can't write in the output folder {self.path} ({reason}); choose another with --out"
            ) from error

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for this process; the lock goes with the process, even when it is killed.

        InputError when another process has it.
        """
        with (self.path / ".lock").open("ab") as stream:
            if sys.platform != "win32":
                import fcntl

                try:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise InputError(
                        f"another neurodrift is at work in {self.path}; wait for it, or choose another with --out"
                    ) from None
                except OSError:
                    pass  # a file system without locks: two runs at once cost time, never a wrong cell
            yield

    def sweep(self) -> None:
        """Remove what a killed run left half-written. Call it under the lock."""
        shutil.rmtree(self.status, ignore_errors=True)
        for folder in (self.path, self.cells):
            for leftover in folder.glob(f"{TEMPORARY}*"):
                leftover.unlink(missing_ok=True)

    def read_plan(self) -> dict[str, Any] | None:
        """The JSON of the plan in this folder, None when there is none. InputError when it is damaged."""
        path = self.path / "plan.json"
        try:
            plan = read_sealed(path)
            if plan.get("format") != FORMAT:
                raise ValueError(f"its format is {plan.get('format')}, this version reads {FORMAT}")
            read_config(plan["config"])
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f"the plan in {self.path} can't be used ({error}); choose another with --out") from None
        except OSError as error:
            raise InputError(f"can't read {path} ({error.strerror}); choose another with --out") from None
        return plan

    def refuse_another(self, config: Configuration, code: str, data: str | None) -> None:
        """InputError, saying what differs, when the folder holds a run of something else."""
        found = self.read_plan()
        if found is None:
            return
        other = differences(config.to_json(), found["config"])
        if other:
            raise InputError(
                f"{self.path} holds a run with {other}; choose another folder with --out, "
                f"or finish that run with: neurodrift resume {self.path}"
            )
        for what, mine, theirs in (
            ("version of the code", code, found.get("code_version")),
            ("content of the data", data, found.get("data_sha256")),
        ):
            if mine != theirs:
                raise InputError(
                    f"{self.path} was made with another {what} ({theirs}, now {mine}) and results of two "
                    "don't mix; choose another folder with --out"
                )

    def adopt(self, plan: Plan) -> None:
        """Write the plan, or find the very same one there. InputError when another is."""
        self.refuse_another(plan.config, plan.code, plan.data)
        found = self.read_plan()
        if found is None:
            write_sealed(self.path / "plan.json", plan.to_json())
        elif found.get("cells") != plan.to_json()["cells"]:
            raise InputError(
                f"{self.path} plans other cells than this configuration does now; choose another folder with --out"
            )

    def save_cell(self, cell_id: str, cell: Work, meta: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Save one finished cell: the arrays, then the facts that vouch for them."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **{k: np.asarray(v) for k, v in arrays.items()})
        data = buffer.getvalue()
        write_atomic(self.cells / f"{cell_id}.npz", data)
        body = {"id": cell_id, "cell": cell.to_json(), "meta": plain(meta)}
        body["npz_sha256"] = hashlib.sha256(data).hexdigest()
        write_sealed(self.cells / f"{cell_id}.json", body)

    def load_cell(self, cell_id: str, cell: Work) -> FinishedCell | None:
        """The cell if it is finished, None if not yet. ValueError, saying why, when its files are damaged."""
        try:
            facts = read_sealed(self.cells / f"{cell_id}.json")
        except FileNotFoundError:
            return None
        if facts.get("id") != cell_id or facts.get("cell") != cell.to_json():
            raise ValueError(f"{cell_id}.json is of another cell")
        try:
            data = (self.cells / f"{cell_id}.npz").read_bytes()
        except FileNotFoundError:
            raise ValueError(f"{cell_id}.npz is missing") from None
        if hashlib.sha256(data).hexdigest() != facts.get("npz_sha256"):
            raise ValueError(f"{cell_id}.npz does not match its checksum")
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
            raise ValueError(f"{cell_id}.npz can't be read ({error})") from None
        return FinishedCell(id=cell_id, cell=cell, meta=facts["meta"], arrays=arrays)

    def finished(self, plan: Plan) -> tuple[dict[str, FinishedCell], list[str]]:
        """(finished cells by id, in the plan's order; one line per damaged cell that was moved aside)."""
        done: dict[str, FinishedCell] = {}
        notes: list[str] = []
        for cell_id, cell in plan.ids().items():
            try:
                found = self.load_cell(cell_id, cell)
            except ValueError as error:
                place = self._move_aside(cell_id, str(error))
                notes.append(f"{error}: moved to {place}, the cell ({cell.label()}) is done again")
            else:
                if found is not None:
                    done[cell_id] = found
        return done, notes

    def _move_aside(self, cell_id: str, reason: str) -> Path:
        places = (self.path / "damaged" / f"{cell_id}-{number}" for number in itertools.count(1))
        place = next(place for place in places if not place.exists())
        place.mkdir(parents=True)
        # The facts first: without them the cell is unfinished, wherever a kill comes between.
        for suffix in (".json", ".npz"):
            with contextlib.suppress(FileNotFoundError):
                os.replace(self.cells / f"{cell_id}{suffix}", place / f"{cell_id}{suffix}")
        (place / "why.txt").write_text(reason + "\n")
        return place

    def save_timing(self, plan: Plan, timing: dict[str, Any]) -> None:
        """Save the update times, kept apart from the cells because no two runs agree on them."""
        write_sealed(self.path / "timing.json", {"run": plan.config.digest(), "timing": plain(timing)})

    def load_timing(self, plan: Plan) -> dict[str, Any] | None:
        """The times of this configuration if they are there and intact."""
        try:
            found = read_sealed(self.path / "timing.json")
        except (OSError, ValueError):
            return None
        return found["timing"] if found.get("run") == plan.config.digest() else None


def read_config(values: dict[str, Any]) -> Any:
    """The configuration whose JSON a plan holds: of a scenario, or of an evaluation of policies."""
    if "task" in values:
        from .control.config import ControlConfig

        return ControlConfig.from_json(values)
    return RunConfig.from_json(values)


def plain(value: Any) -> Any:
    """JSON types for NumPy scalars, arrays, tuples and paths; TypeError for anything else."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    raise TypeError(f"{type(value).__name__} can't be saved as JSON; return numbers, text, lists or dicts")


def strict(value: Any) -> Any:
    """``plain`` with NaN and infinities as null, as strict JSON has no numbers for them."""
    if isinstance(value, dict):
        return {k: strict(v) for k, v in value.items()}
    if isinstance(value, list):
        return [strict(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
