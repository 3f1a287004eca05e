"""Brian2, imported when a network is first made, and the guard around what it keeps global."""

import importlib
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import jax.core

CODEGEN = ("numpy", "cython")

GUARD = threading.Lock()
"""Brian2's preferences are global and read while a network is prepared: one network at a time."""


def load_brian2() -> Any:
    """Brian2, imported without letting it take over the process's interrupt and exception hooks."""
    if "brian2" not in sys.modules:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("Brian2 can only be imported in the main thread; import brian2 there before this")
        interrupt, report = signal.getsignal(signal.SIGINT), sys.excepthook
        # Brian2 2.9 calls what pyparsing deprecates
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            importlib.import_module("brian2")
        signal.signal(signal.SIGINT, interrupt)
        sys.excepthook = report
    return sys.modules["brian2"]


class Once:
    """Calls ``action`` the first time it is called."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action: Callable[[], None] | None = action

    def __call__(self) -> None:
        action, self._action = self._action, None
        if action is not None:
            action()


def refuse_tracing(x: object, name: str) -> None:
    """TypeError where ``x`` is an abstract value: a host source cannot be part of a compiled program."""
    if isinstance(x, jax.core.Tracer):
        raise TypeError(f"{name} is not jittable; step it from Python with neurodrift.sim.host.rollout_host")
