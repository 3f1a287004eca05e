"""``neurodrift train``: a policy for a control task, by reinforcement learning."""

import contextlib
import dataclasses
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated

import tyro

from .parsing import Argument, Count, Flag, Folder, Number

PATIENCE_S = 10.0


@dataclasses.dataclass
class Options:
    """Train a stimulation policy on a control task, every episode another patient under another drift, and write one
    file per training seed for neurodrift evaluate.

    ALGORITHM: ppo, recurrent-ppo (remembers, and so adapts to the patient), sac, gradient (through the plant itself);
    constrained-ppo and so on keep the task's cost below --cost-limit. neurodrift list shows the tasks.
    """

    algorithm: Argument[Annotated[str, tyro.conf.arg(metavar="ALGORITHM")]]
    """how to train"""
    task: Annotated[str, tyro.conf.arg(metavar="TASK", help_behavior_hint="(required)")] = ""
    """a task, or module:attribute of your own"""
    seeds: int = 1
    """trainings side by side, each from its own start; results want 5 or more"""
    steps: Count = None
    """environment steps of each seed, in all (default: 1 million)"""
    envs: int = 64
    """environments side by side for each seed"""
    windows: Count = None
    """control windows of an episode (default: the task's)"""
    cost_limit: Number = None
    """what a constrained algorithm keeps the mean cost of a window below (default: 0.05)"""
    std: Number = None
    """deviation that PPO's actions begin with, the largest amplitude being 1 (default: 0.6)"""
    anneal: Flag = False
    """let PPO's learning rate fall to a twentieth over --steps"""
    out: Folder = None
    """folder for checkpoints and policies (default: runs/train-ALGORITHM-TASK)"""
    resume: Flag = False
    """go on from the checkpoint in the folder, to more steps where --steps says so"""
    json: Flag = False
    """print the learning curves as JSON"""


def execute(options: Options) -> int:
    """Train and say where the policies are; the exit status."""
    from ...sim.errors import InputError
    from ..control.algorithms import CONSTRAINED, COST_LIMIT, STEPS, Recipe, check_algorithm
    from ..control.config import find_task

    algorithm = check_algorithm(options.algorithm)
    if not options.task:
        raise InputError("--task is missing: say on what, such as --task pd_adbs_onoff (neurodrift list)")
    spec = find_task(options.task)
    for name, value, least in (("seeds", options.seeds, 1), ("envs", options.envs, 1), ("windows", options.windows, 2)):
        if value is not None and value < least:
            raise InputError(f"--{name} is {value}: wanted {least} or more")
    steps = STEPS if options.steps is None else options.steps
    if steps < 1:
        raise InputError(f"--steps is {steps}: wanted 1 or more")
    constrained = algorithm.startswith(CONSTRAINED)
    if options.cost_limit is not None and not constrained:
        raise InputError(f"--cost-limit is of constrained algorithms; train {CONSTRAINED}{algorithm}, or leave it out")
    limit = (COST_LIMIT if options.cost_limit is None else options.cost_limit) if constrained else None
    if limit is not None and not 0 <= limit < float("inf"):
        raise InputError(f"--cost-limit is {limit:g}: wanted a finite number, 0 or more")
    if (options.std is not None or options.anneal) and not algorithm.endswith("ppo"):
        raise InputError(f"--std and --anneal are of PPO; train ppo or recurrent-ppo, or leave them out of {algorithm}")
    if options.std is not None and not 0.05 <= options.std <= 2:
        raise InputError(f"--std is {options.std:g}: wanted 0.05 to 2")
    from .environment import prefer_small_loops, prepare

    prepare()
    prefer_small_loops()
    from ..control.training import train_policies
    from ..progress import duration
    from .main import INTERRUPTED, OK

    recipe = Recipe(
        task=options.task, algorithm=algorithm, seeds=options.seeds, n_envs=options.envs,
        n_windows=int(options.windows or spec.n_windows), cost_limit=limit, std=options.std,
        anneal=steps if options.anneal else None,
    )  # fmt: skip
    out = options.out or Path("runs") / f"train-{algorithm}-{options.task.partition(':')[0]}"
    line = _Line()
    try:
        with contextlib.closing(line):
            found = train_policies(recipe, out, steps, resume=options.resume, told=line)
    except KeyboardInterrupt:
        again = f"--resume --out {shlex.quote(str(out))}"
        print(f"neurodrift: interrupted; go on with the same command and {again}", file=sys.stderr)
        return INTERRUPTED
    if options.json:
        import json

        print(json.dumps(found, indent=1))
        return OK
    finish = "\n".join(str(out / name) for name in (*found["policies"], "learning.svg"))
    rate = f"{found['steps_per_s']:,.0f} steps/s with compilation"
    print(f"{algorithm} on {spec.title}: {found['steps'][-1]:,} steps of each of {recipe.seeds} seeds, {rate}")
    print(f"{finish}\n{duration(found['seconds'])}")
    print(f"neurodrift evaluate {shlex.quote(str(out))}/policy-*.safetensors --task {options.task}")
    return OK


class _Line:
    """Progress on standard error: one line that is written over on a terminal; elsewhere the first, the last, and one
    every ten seconds at most."""

    def __init__(self) -> None:
        self.live, self.shown, self.pending = sys.stderr.isatty(), float("-inf"), ""

    def __call__(self, line: str) -> None:
        self.pending = line
        if self.live or time.monotonic() - self.shown > PATIENCE_S:
            self._show()

    def close(self) -> None:
        """Show what was held back, and end the line."""
        if self.pending:
            self._show()
        if self.live:
            print(file=sys.stderr)

    def _show(self) -> None:
        said = f"\r\x1b[K{self.pending}" if self.live else f"{self.pending}\n"
        print(said, end="", file=sys.stderr, flush=True)
        self.shown, self.pending = time.monotonic(), ""
