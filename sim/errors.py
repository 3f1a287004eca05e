"""The one error type for input that cannot be used: the command line turns it into one line and exit status 2."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input from a user: the message says what was got, what was wanted and the fix, on one line."""


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """An error for a name that is not in a registry, with the nearest one that is."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
    return InputError(f"unknown {kind} {name!r}; {hint}")
