"""Names to objects: built-in scenarios, ``module:attribute`` plug-ins, and what the user probably meant."""

import difflib
import functools
import importlib
import os
import sys
from collections.abc import Iterable
from typing import Any

from .budgets import SEPARATOR, split_arm
from .contract import Scenario, ScenarioInfo
from .infos import INFOS, OWN_METHODS

# Nothing heavy is imported above: `list`, `--help` and a mistyped name must answer at once.


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``", did you mean 'x'?"`` for the nearest of ``known``, or the choice of all of them when none is near."""
    known = list(known)
    lower = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.55)
    if near:
        return f", did you mean '{lower[near[0]]}'?"
    return f"; choose from {', '.join(known)}" if known else ""


def is_plugin(name: str) -> bool:
    """Whether ``name`` has the form ``module:attribute``."""
    module, colon, attribute = name.partition(":")
    return bool(colon) and all(part.isidentifier() for part in [*module.split("."), *attribute.split(".")])


def load_attribute(spec: str) -> Any:
    """The object named ``module:attribute``; modules in the working directory are found too.

    InputError when the module can't be imported or holds no such attribute.
    """
    from ..sim.errors import InputError

    if not is_plugin(spec):
        raise InputError(f"'{spec}' is not of the form module:attribute, such as my_module:MyAdapter")
    module_name, _, attribute = spec.partition(":")
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:
        # A user's module may fail in any way; the one line names the file's own error.
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError(
            f"can't import '{module_name}' from {os.getcwd()} or the installed packages ({reason})"
        ) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            names = [n for n in vars(found) if not n.startswith("_")]
            raise InputError(f"'{module_name}' has no '{part}'{did_you_mean(part, names)}")
        found = getattr(found, part)
    return found


def get_info(name: str) -> ScenarioInfo:
    """The facts of a scenario, by name or ``module:attribute``. InputError when there is none."""
    if name in INFOS:
        return INFOS[name]
    return get_scenario(name).info


@functools.lru_cache(maxsize=32)
def get_scenario(name: str) -> Scenario:
    """The scenario of this name or ``module:attribute``; built-in ones are imported on first use."""
    from ..sim.errors import InputError

    if is_plugin(name):
        found = load_attribute(name)
        found = found() if isinstance(found, type) else found
        missing = [m for m in ("info", "plan", "run_cell", "timing") if not hasattr(found, m)]
        if missing or not isinstance(found.info, ScenarioInfo):
            what = f"has no {', '.join(missing)}" if missing else "has an info that is no ScenarioInfo"
            raise InputError(f"{name} is not a scenario: it {what} (see neurodrift.scenarios.contract.Scenario)")
        return found
    if name not in INFOS:
        raise InputError(f"unknown scenario '{name}'{did_you_mean(name, INFOS)} (neurodrift list)")
    from .catalogue import SCENARIOS

    if name not in SCENARIOS:
        raise InputError(f"scenario '{name}' is listed but not installed{did_you_mean(name, SCENARIOS)}")
    return SCENARIOS[name]


def make_adapter(name: str) -> Any:
    """The adapter of a registered method, or of a user's own: ``module:attribute`` names an instance, or a class or
    function that makes one without arguments."""
    from ..adaptation.registry import method

    if not is_plugin(name):
        return method(name).make()
    found = load_attribute(name)
    return found if not isinstance(found, type) and hasattr(found, "update") else found()


def describe_method(name: str) -> dict[str, Any]:
    """What tables say of a method of the registry or of a scenario's own: title, summary, tag, labels. Where a label
    budget is given, it is in the title, and ``labels`` says what it asks for."""
    if SEPARATOR in name:
        method, budget = split_arm(name)
        plain = describe_method(method) or {"title": method, "summary": "", "tag": "causal"}
        return {**plain, "title": f"{plain['title']} ({budget.title})", "labels": budget.asks}
    from ..adaptation.registry import METHODS

    known = METHODS.get(name)
    if known is None:
        return dict(OWN_METHODS.get(name, {}))
    return {"title": known.title, "summary": known.summary, "tag": known.causal, "labels": known.labels}
