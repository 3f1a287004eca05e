"""Would the tests notice if the shield were wrong? Each mutant is the shield's Python with one small error.

    python benchmarks/mutate_shield.py [--jobs 2] [--limit 30] [--module core.py] [--list]

Comparisons, arithmetic, and/or, constants, minima, conditions and whole statements are changed one at a time, in
memory: no file is touched. The quick tests of tests/shield, which need no JAX, then run in a forked process; they kill
a mutant by failing, or by not coming to an end within ``limit`` seconds of processor time. Prints killed / total and
every survivor that is not in EQUIVALENT, where mutants stand that no test can kill, each with the reason. POSIX only;
some minutes on two cores.
"""

import argparse
import ast
import copy
import gc
import importlib.abc
import importlib.util
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
SHIELD = ROOT / "sim" / "shield"
PACKAGE = "neurodrift.sim.shield"
MODULES = ("command.py", "core.py", "guard.py", "limits.py", "profile.py", "vetoes.py", "window.py", "wire.py")
DECISIONS = ("test_decisions.py", "test_windows.py", "test_invariants.py", "test_stateful.py", "test_profile.py")
TESTS = {
    "limits.py": ("test_profile.py", *DECISIONS[:-1]), "profile.py": ("test_profile.py", *DECISIONS[:-1]),
    "vetoes.py": ("test_profile.py", *DECISIONS[:-1]), "window.py": ("test_windows.py", *DECISIONS),
    "wire.py": ("test_wire.py",),
}  # fmt: skip
"""Of the mutants of a module, those that are quickest to kill it first; DECISIONS where nothing else is said."""

TARGET = 0.95

_NOTHING_ASKED = "where nothing is asked for, nothing is delivered, whatever the sign and the base"
EQUIVALENT = {
    "command.py: return (value + (1 << 31)) % (1 << 32) - (1 << 31) @8: value + (1 << 31) -> value - (1 << 31)":
        "the two differ by 2^32, and the remainder is of 2^32",
    "core.py: return 1 if last is None else min(wrap(tick - last), BIG) @7: 1 -> 2":
        "at the first tick no time has passed and nothing flows yet, whatever the gap",
    "core.py: pulse = max(asked_width, 1) @25: 1 -> 2":
        "only widths of 0 and 1 us are changed, which are below every range",
    "core.py: currents = [0 if current < 0 and not limits.bipolar else current for current in wanted.amplitudes] @17:"
    " current < 0 -> current <= 0": _NOTHING_ASKED,
    "core.py: currents = [0 if current < 0 and not limits.bipolar else current for current in wanted.amplitudes] @27:"
    " 0 -> 1": _NOTHING_ASKED,
    "core.py: base = abs(before) if before * current >= 0 and gap <= 1 else 0 @22: before * current >= 0 -> before *"
    " current > 0": _NOTHING_ASKED,
    "core.py: base = abs(before) if before * current >= 0 and gap <= 1 else 0 @42: 0 -> 1": _NOTHING_ASKED,
    "core.py: amplitudes.append(-out if current < 0 else out) @26: current < 0 -> current <= 0": _NOTHING_ASKED,
    "core.py: amplitudes.append(-out if current < 0 else out) @36: 0 -> 1": _NOTHING_ASKED,
    "vetoes.py: POLARITY = 1 << 0  # a negative request where the profile has one polarity @11: 1 << 0 -> 1 >> 0":
        "by no place to either side is the same",
    "limits.py: most = _ceil(_exact(ceilings.total) * 10**6) @7: _ceil(_exact(ceilings.total) * 10 ** 6) ->"
    " _floor(_exact(ceilings.total) * 10 ** 6)": "the totals of all ceilings are whole uA",
    "core.py: if size * n > left: @3: size * n > left -> size * n >= left": "the level is then the size itself",
}  # fmt: skip
"""Mutants that behave as the shield does, by name (``--list``): why."""


class Mutant(NamedTuple):
    module: str
    line: int
    code: str  # the line's, stripped
    place: int  # in it
    before: str
    after: str
    tree: ast.Module

    @property
    def name(self) -> str:
        return f"{self.module}: {self.code} @{self.place}: {self.before} -> {self.after}"


COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}  # fmt: skip
ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
    ast.Mod: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.Pow: ast.Mult,
}  # fmt: skip
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "_floor": "_ceil", "_ceil": "_floor"}


def mutations(node: ast.AST) -> Iterator[ast.AST | None]:
    """What ``node`` may become; None: nothing."""
    if isinstance(node, ast.Compare):
        for i, operator in enumerate(node.ops):
            for other in COMPARISONS[type(operator)]:
                changed = copy.deepcopy(node)
                changed.ops[i] = other()
                yield changed
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in ARITHMETIC:
        changed = copy.deepcopy(node)
        changed.op = ARITHMETIC[type(node.op)]()
        yield changed
    elif isinstance(node, ast.BoolOp):
        changed = copy.deepcopy(node)
        changed.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
        yield changed
        for i in range(len(node.values)):
            rest = [copy.deepcopy(value) for j, value in enumerate(node.values) if j != i]
            yield rest[0] if len(rest) == 1 else ast.BoolOp(op=copy.deepcopy(node.op), values=rest)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield copy.deepcopy(node.operand)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        value = node.value
        for other in (not value,) if isinstance(value, bool) else (value + 1, value * 1.01):
            if other != value and (isinstance(value, float) or isinstance(other, int)):
                yield ast.Constant(value=other)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
        changed = copy.deepcopy(node)
        changed.func = ast.Name(id=CALLS[node.func.id], ctx=ast.Load())
        yield changed
    elif isinstance(node, ast.IfExp):
        yield copy.deepcopy(node.body)
        yield copy.deepcopy(node.orelse)
    if isinstance(node, ast.If | ast.While):
        for truth in (True, False):
            changed = copy.deepcopy(node)
            changed.test = ast.Constant(value=truth)
            yield changed
    if isinstance(node, ast.Return) and node.value is not None and ast.unparse(node.value) != "None":
        yield ast.Return(value=None)
    if isinstance(node, ast.AugAssign | ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        yield None
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
        yield None


def mutants(module: str) -> Iterator[Mutant]:
    """Every mutant of one file of the shield."""
    source = (SHIELD / module).read_text(encoding="utf-8")
    tree, lines = ast.parse(source), source.splitlines()
    for path, node in _places(tree, ()):
        for changed in mutations(node):
            whole = copy.deepcopy(tree)
            parent: object = whole
            for step in path[:-1]:
                parent = parent[step] if isinstance(step, int) else getattr(parent, step)
            if changed is None:
                changed = ast.Pass()
            last = path[-1]
            if isinstance(last, int):
                parent[last] = changed  # type: ignore[index]
            else:
                setattr(parent, last, changed)
            ast.copy_location(changed, node)
            line = lines[node.lineno - 1]
            yield Mutant(
                module, node.lineno, line.strip(), node.col_offset - len(line) + len(line.lstrip()), _shown(node),
                _shown(changed), ast.fix_missing_locations(whole),
            )  # fmt: skip


def _shown(node: ast.AST) -> str:
    if isinstance(node, ast.If | ast.While):
        return f"if {ast.unparse(node.test)}:"
    return ast.unparse(node)


def _places(node: ast.AST, path: tuple) -> Iterator[tuple[tuple, ast.AST]]:
    """(path from the module, node) of everything that is calculated; not annotations, messages and docstrings."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list") or isinstance(node, ast.JoinedStr):
            continue
        children = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        for i, child in children:
            if not isinstance(child, ast.AST) or isinstance(child, ast.Import | ast.ImportFrom):
                continue
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            here = (*path, field) if i is None else (*path, field, i)
            if hasattr(child, "lineno"):
                yield here, child
            # what an error says is not what the shield does
            if not (isinstance(child, ast.Raise) or (isinstance(child, ast.Call) and _is_error(child))):
                yield from _places(child, here)


def _is_error(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id in ("InputError", "unknown")


class _Loader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the mutant in the place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._name = f"{PACKAGE}.{mutant.module.removesuffix('.py')}"

    def find_spec(self, name, path, target=None):
        return importlib.util.spec_from_loader(name, self) if name == self._name else None

    def exec_module(self, module) -> None:
        module.__file__ = str(SHIELD / self._mutant.module)
        exec(compile(self._mutant.tree, module.__file__, "exec"), module.__dict__)


def _tests_fail(mutant: Mutant | None) -> int:
    """In a forked process: pytest's exit status on the quick tests."""
    import pytest

    if mutant is not None:
        sys.meta_path.insert(0, _Loader(mutant))
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    os.dup2(sys.stdout.fileno(), 1)
    os.dup2(sys.stdout.fileno(), 2)
    folder = ROOT / "tests" / "shield"
    names = (*DECISIONS, "test_wire.py") if mutant is None else TESTS.get(mutant.module, DECISIONS)
    for name in names:
        status = pytest.main([
            "-x", "-q", "--tb=no", "--noconftest", "-p", "no:cacheprovider", "--rootdir", str(ROOT),
            "-W", "ignore::pytest.PytestAssertRewriteWarning",  # of plugins that are imported once for all
            str(folder / name),
        ])  # fmt: skip
        if status:
            return int(status)
    return 0


def _start(mutant: Mutant | None, limit: int) -> int:
    child = os.fork()
    if child == 0:
        status = 70
        # of the processor's time, so that a busy machine kills nobody
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        try:
            status = int(_tests_fail(mutant))
        finally:
            os._exit(status)
    return child


def run(todo: list[Mutant], jobs: int, limit: int) -> dict[int, bool]:
    """{index: whether it was killed}; at most ``jobs`` processes at once."""
    killed: dict[int, bool] = {}
    running: dict[int, tuple[int, float]] = {}
    waiting = list(enumerate(todo))
    while waiting or running:
        while waiting and len(running) < jobs:
            index, mutant = waiting.pop(0)
            running[_start(mutant, limit)] = (index, time.monotonic())
        time.sleep(0.02)
        for child, (index, since) in list(running.items()):
            late = time.monotonic() - since > 20 * limit
            if late:
                os.kill(child, signal.SIGKILL)
            done, status = os.waitpid(child, 0 if late else os.WNOHANG)
            if done:
                killed[index] = late or status != 0
                del running[child]
                if not killed[index] and todo[index].name not in EQUIVALENT:
                    print(f"survived: line {todo[index].line} of {todo[index].name}", flush=True)
                if len(killed) % 50 == 0:
                    print(f"{len(killed)} of {len(todo)}, {sum(killed.values())} killed", file=sys.stderr, flush=True)
    return killed


def main() -> int:
    """Exit status 0 where at least TARGET of the mutants that are not equivalent were killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=min(2, multiprocessing.cpu_count()))
    parser.add_argument("--limit", type=int, default=30, help="seconds of processor time for the tests on a mutant")
    parser.add_argument("--module", action="append", choices=MODULES, help="this file only; may be given again")
    parser.add_argument("--only", default="", help="mutants with this in their name only")
    parser.add_argument("--every", type=int, default=1, help="every n-th mutant only, for a quick look")
    parser.add_argument("--list", action="store_true", help="list the mutants and run nothing")
    options = parser.parse_args()
    todo = [mutant for module in options.module or MODULES for mutant in mutants(module)]
    todo = [mutant for mutant in todo if options.only in mutant.name][:: options.every]
    if options.list:
        for mutant in todo:
            print(f"{mutant.line:4d} {mutant.name}")
        print(len(todo))
        return 0
    os.environ |= {"SHIELD_EXAMPLES": "15", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    import hypothesis.stateful  # noqa: F401 (once, not in every child)
    import numpy  # noqa: F401
    import pytest  # noqa: F401

    gc.freeze()
    began = time.monotonic()
    if not _alive(options.limit):
        print("the tests fail on the shield itself; mutants would tell nothing")
        return 2
    whole = time.monotonic() - began
    print(f"{len(todo)} mutants; the tests take {whole:.1f} s on the shield itself", file=sys.stderr, flush=True)
    killed = run(todo, options.jobs, options.limit)
    equivalent = [i for i, dead in killed.items() if not dead and todo[i].name in EQUIVALENT]
    n, dead = len(todo) - len(equivalent), sum(killed.values())
    print(
        f"{dead} of {n} mutants killed, {dead / n:.1%}, and {len(equivalent)} equivalent to the shield,"
        f" in {time.monotonic() - began:.0f} s"
    )
    return 0 if dead >= TARGET * n else 1


def _alive(limit: int) -> bool:
    """Whether the tests pass on the shield as it is."""
    child = _start(None, limit)
    return os.waitpid(child, 0)[1] == 0


if __name__ == "__main__":
    sys.exit(main())
