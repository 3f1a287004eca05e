"""The peer networks of braindecode, for parity tests and benchmarks, where torch and braindecode are installed."""

import importlib
import importlib.machinery
import sys
import types
import warnings
from typing import Any


def braindecode_models() -> Any:
    """The module ``braindecode.models``; ImportError where it or torch is missing.

    braindecode imports torchaudio for networks not used here, and torchaudio's wheels do not load beside a CPU build
    of torch: in that case an empty stand-in takes its place while braindecode is imported.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside braindecode's own imports
        try:
            importlib.import_module("torchaudio")
        except (ImportError, OSError):
            return _import_without_torchaudio()
        return importlib.import_module("braindecode.models")


class _StandIn(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (object,), {})


def _import_without_torchaudio() -> Any:
    names = ("torchaudio", "torchaudio.functional", "torchaudio.transforms")
    for name in names:
        module = _StandIn(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
    try:
        return importlib.import_module("braindecode.models")
    finally:
        for name in names:
            sys.modules.pop(name, None)
