"""Files that are there whole or not at all, whatever is killed when."""

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from .contract import canonical_json

# Every unfinished file looks like this, so that a later run can sweep up after one that was killed.
TEMPORARY = ".unfinished-"


def write_atomic(path: Path, data: bytes) -> None:
    """Write a temporary file, flush it to the disk and give it its name in one step."""
    handle, name = tempfile.mkstemp(prefix=TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_json(path: Path, body: dict[str, Any]) -> None:
    """Write readable, strict JSON atomically (NaN and infinity are refused with a ValueError)."""
    text = json.dumps(body, indent=1, allow_nan=False) + "\n"
    write_atomic(path, text.encode())


def write_sealed(path: Path, body: dict[str, Any]) -> None:
    """Write JSON atomically with the SHA-256 of its content inside, for ``read_sealed`` to check."""
    seal = hashlib.sha256(canonical_json(body).encode()).hexdigest()
    text = json.dumps({**body, "sha256": seal}, indent=1) + "\n"
    write_atomic(path, text.encode())


def read_sealed(path: Path) -> dict[str, Any]:
    """What ``write_sealed`` wrote. ValueError, saying why, when the file isn't exactly that; OSError as ever."""
    try:
        body = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} is not JSON ({error})") from None
    if not isinstance(body, dict) or "sha256" not in body:
        raise ValueError(f"{path.name} has no checksum")
    seal = body.pop("sha256")
    if hashlib.sha256(canonical_json(body).encode()).hexdigest() != seal:
        raise ValueError(f"{path.name} does not match its checksum")
    return body


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    """A rename survives a power cut only when the folder is flushed too; not every system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
