"""The one error type for input that cannot be used: the command line turns it into one line and exit status 2."""

import difflib
import math
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input from a user: the message says what was got, what was wanted and the fix, on one line."""


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """An error for a name that is not in a registry, with the nearest one that is."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
    return InputError(f"unknown {kind} {name!r}; {hint}")


def check_window(what: str, sfreq: float, n_times: int) -> None:
    """InputError unless a window of ``n_times`` samples at ``sfreq`` Hz can be; ``what`` names what is made for it."""
    if not 0.0 < sfreq < math.inf:
        raise InputError(f"sfreq of the {what} is {sfreq:g} Hz; wanted a finite sampling rate above 0")
    if isinstance(n_times, bool) or n_times != int(n_times) or n_times < 1:
        raise InputError(f"n_times of the {what} is {n_times}; wanted a whole number of samples a window, 1 or more")
