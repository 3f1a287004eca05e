"""What every test shares."""

import ctypes
import gc
import sys
from pathlib import Path

import pytest

LARGEST = 3e9
"""Bytes of memory above which a process lets go of what it has compiled."""


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
