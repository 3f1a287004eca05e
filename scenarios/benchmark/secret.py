"""Hidden populations: people and trials are drawn from a secret, the report holds its commitment only."""

import hashlib
import struct
from pathlib import Path
from typing import NamedTuple

from ...sim.errors import InputError

LEAST_BYTES = 16


class Secret(NamedTuple):
    """commitment: what may be published before and after; population: eight words of 32 bits that people are drawn
    from. Neither tells the other: both are SHA-256 of the secret, each behind a prefix of its own."""

    commitment: str
    population: tuple[int, ...]

    def __repr__(self) -> str:
        return f"Secret({self.commitment[:12]}…)"


def read_secret(path: Path) -> Secret:
    """The secret in a file, spaces at its ends left out. InputError for none, or one short enough to be guessed."""
    try:
        text = path.read_bytes().strip()
    except OSError as error:
        raise InputError(f"--secret-file {path} can't be read ({error.strerror or type(error).__name__})") from None
    if len(text) < LEAST_BYTES:
        raise InputError(
            f"--secret-file {path} holds {len(text)} characters: wanted {LEAST_BYTES} or more that nobody can guess, "
            'such as those of: python -c "import secrets; print(secrets.token_hex(32))"'
        )
    return make_secret(text)


def make_secret(text: bytes) -> Secret:
    """The secret of these bytes."""
    commitment = hashlib.sha256(b"neurodrift benchmark: commitment\0" + text).hexdigest()
    population = hashlib.sha256(b"neurodrift benchmark: population\0" + text).digest()
    return Secret(commitment, struct.unpack("<8I", population))
