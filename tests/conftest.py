"""What every test shares."""

import ctypes
import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

QUICK_METHODS = (
    "frozen", "recal10", "scratch20", "ea", "riemann", "adabn", "cft", "ea_cft", "riemann_online", "pmean", "pcovmean",
    "mdwm", "coral", "spdbn", "ttime", "errp", "whiten", "ea_guarded", "oracle",
)  # fmt: skip
"""One of each rule that has code of its own: what every method must keep, the others keep under `pytest -m slow`."""
QUICK_DECODERS = ("csp_lda", "tangent_lr", "mdm", "eegnet")
"""As much of decoders: ShallowFBCSPNet is EEGNet's training around other layers."""
OF_EVERY_METHOD = ("tests/laws/test_components.py", "tests/laws/test_plant.py", "tests/adaptation/test_methods.py")

CACHE = {
    "JAX_COMPILATION_CACHE_DIR": "",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}

QUICKLY = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
"""Options under which XLA compiles a quarter faster, optimised all the same. With another `-m`, or XLA_FLAGS in the
environment, empty or not, it compiles as for users."""

LARGEST = 3e9
"""Bytes of memory above which a process lets go of what it has compiled."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """What one process of this run compiles, the others (workers, commands under test) need not: a third of the time.

    The folder is new with each run and gone after it, so that no test depends on an earlier run.
    """
    if hasattr(config, "workerinput"):
        return
    if not CACHE.keys() & os.environ.keys():
        folder = tempfile.mkdtemp(prefix="neurodrift-tests-")
        os.environ.update(CACHE, JAX_COMPILATION_CACHE_DIR=folder)
        config.add_cleanup(lambda: _forget(folder))
    if config.option.markexpr == "not slow" and "XLA_FLAGS" not in os.environ:
        os.environ["XLA_FLAGS"] = QUICKLY
        config.add_cleanup(lambda: os.environ.pop("XLA_FLAGS", None))


def _forget(folder):
    for name in CACHE:
        os.environ.pop(name, None)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module", autouse=True)
def _bounded_memory():
    """Programs compiled for one file are of no use to the next, and thousands of them take gigabytes."""
    yield
    status = Path("/proc/self/statm")
    if "jax" in sys.modules and status.exists() and int(status.read_text().split()[1]) * 4096 > LARGEST:
        sys.modules["jax"].clear_caches()
        gc.collect()
        # the allocator keeps what is freed unless it is asked
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    for item in items:
        params = getattr(getattr(item, "callspec", None), "params", {})
        quick = {"adapter": QUICK_METHODS, "decoder": QUICK_DECODERS}.get(params.get("kind", "adapter"))
        named = "name" in params and item.nodeid.startswith(OF_EVERY_METHOD)
        if quick is not None and named and params["name"] not in quick:
            item.add_marker(pytest.mark.slow)
