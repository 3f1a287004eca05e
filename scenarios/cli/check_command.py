"""``neurodrift check``: the laws, on a component of the user's own."""

import dataclasses
from typing import Annotated

import tyro

from .parsing import Argument, Flag


@dataclasses.dataclass
class Options:
    """Run the laws that every adapter, decoder, drift, source, policy and sensing keeps on one of your own."""

    component: Argument[Annotated[str, tyro.conf.arg(metavar="MODULE:ATTR")]]
    """an instance, or a class or function that makes one without arguments"""
    channels: int = 8
    """channels of the data it is tried on"""
    json: Flag = False
    """print JSON instead of a table"""


def execute(options: Options) -> int:
    """Print one row per law; 1 when one is broken."""
    from .environment import prepare

    prepare()
    from ..check import check_component
    from ..lookup import load_attribute
    from .main import FAILED, OK

    kind, results = check_component(load_attribute(options.component), options.channels)
    if options.json:
        import json

        rows = [dataclasses.asdict(result) for result in results]
        print(json.dumps({"component": options.component, "kind": kind, "laws": rows}, indent=1))
    else:
        words = {True: "pass", False: "FAIL", None: "  - "}
        print(f"{options.component}: {kind}")
        for result in results:
            print(f"  {words[result.passed]}  {result.law}" + (f": {result.detail}" if result.detail else ""))
    return FAILED if any(result.passed is False for result in results) else OK
