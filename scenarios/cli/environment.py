"""What the command line sets in its own process, and the library never does."""

import _thread
import os
import signal
import sys
import threading
from pathlib import Path

_GRACE_SECONDS, _AGAIN_SECONDS = 4.5, 0.05
SMALL_LOOPS = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=4194304"


def cache_folder() -> Path | None:
    """Where compiled code is kept between commands, per user; None with NEURODRIFT_NO_CACHE=1."""
    if os.environ.get("NEURODRIFT_NO_CACHE", "") not in ("", "0"):
        return None
    base = os.environ.get("XDG_CACHE_HOME") or ""
    root = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    return root / "neurodrift" / "jax"


def use_compilation_cache() -> None:
    """Have JAX keep compiled code, here and in worker processes. Call it before jax is imported.

    Environment variables, because workers inherit them; what the user has set is left alone.
    """
    folder = cache_folder()
    if folder is None or "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return  # a home that can't be written: slower, not wrong
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
    # Even short compilations are worth keeping: there are hundreds, and reading one takes milliseconds.
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")


def prefer_small_loops() -> None:
    """Have XLA unroll nothing but run loops over small states in one thread: twice as fast for a single neural mass.

    Read once per process, so call it before jax is imported; what the user has set in XLA_FLAGS is left alone.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_backend_extra_options" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {SMALL_LOOPS}".strip()


def hear_interrupts() -> None:
    """Make the first Ctrl-C stop in good order within five seconds, and the second one at once.

    One that comes while Python is in a callback of the garbage collector (JAX has one) cannot leave it: Python reports
    it and goes on, so it is raised again outside.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    report = sys.unraisablehook

    def stop(_signal: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
        raise KeyboardInterrupt

    def first(number: int, frame: object) -> None:
        watchdog = threading.Timer(_GRACE_SECONDS, os._exit, args=(130,))
        watchdog.daemon = True
        watchdog.start()
        stop(number, frame)

    def lost(what: "sys.UnraisableHookArgs") -> None:
        if what.exc_type is not KeyboardInterrupt:
            report(what)
            return
        signal.signal(signal.SIGINT, stop)
        again = threading.Timer(_AGAIN_SECONDS, _thread.interrupt_main)
        again.daemon = True
        again.start()

    sys.unraisablehook = lost
    signal.signal(signal.SIGINT, first)


def prepare() -> None:
    """Everything above, for a command that computes."""
    use_compilation_cache()
    hear_interrupts()
