"""``neurodrift pretrain``: a decoder on many people, kept as a checkpoint."""

import contextlib
import dataclasses
import math
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from .main import INTERRUPTED, OK
from .parsing import Count, Flag, Folder, Name, Number

QUICK = {"people": 4, "trials": 20, "epochs": 2}
NO_RESULT = "made with --quick, to see it work: no result"


@dataclasses.dataclass
class Options:
    """Pretrain a decoder on many virtual people, each with another head, rhythm, noise and drift, or on recordings, and
    write a checkpoint: NAME.safetensors with its weights, NAME.json that says what they are.

    --start NAME of neurodrift run begins there. The table is measured on 16 virtual people who were not trained on. An
    interrupted command goes on where it was when it is given again.
    """

    decoder: str = "eegnet"
    """the decoder (neurodrift list)"""
    strategy: str = "supervised"
    """supervised, or with a penalty that makes people alike: mmd, coral, dann, mcc; with --start, what
    recalibrates in a few steps: maml, anil, reptile"""
    weight: Number = None
    """of the penalty (default: the strategy's)"""
    people: Count = None
    """virtual people to train on, thousands if you like (default: 64)"""
    trials: Count = None
    """of each (default: 40)"""
    epochs: Count = None
    """passes over everybody (default: 10)"""
    rate: Number = None
    """of learning (default: the decoder's)"""
    seed: int = 0
    """of people and network"""
    data: Name = None
    """recordings instead, one of each person with commas between, such as eegbci:7,eegbci:49, or a folder of EEGMMIDB;
    a fifth are held out"""
    events: Name = None
    """which annotations of files begin trials, such as T1=left,T2=right"""
    start: Name = None
    """checkpoint to go on from, a name (neurodrift list) or a path (default: an untrained decoder)"""
    out: Folder = None
    """NAME of the checkpoint (default: checkpoints/DECODER-STRATEGY-SEED)"""
    overwrite: Flag = False
    """write over a checkpoint that is there"""
    zoo: Flag = False
    """make the checkpoints that the package ships again, into the folder --out; also --overwrite and --json"""
    quick: Flag = False
    """4 people of 20 trials and 2 epochs where no others are given: to see it work"""
    json: Flag = False
    """print the card instead of the table"""


def execute(options: Options) -> int:
    """Make the checkpoint and print what it is worth."""
    from ...adaptation import registry
    from ...adaptation.strategies import strategy

    registry.decoder(options.decoder)  # mistyped names are answered before anything is computed
    strategy(options.strategy, options.weight)
    from .environment import prepare

    prepare()
    from ...adaptation.transfer.zoo import ZOO
    from ...sim.errors import InputError
    from ...sim.recordings import sources_of
    from ..pretraining import Recipe, default_out

    if options.zoo:
        others = [f.name for f in dataclasses.fields(Options) if f.name not in ("zoo", "out", "overwrite", "json")]
        given = [f"--{name}" for name in others if getattr(options, name) != getattr(Options(), name)]
        if given:
            raise InputError(
                f"--zoo makes the package's checkpoints, each by its own recipe: leave out {', '.join(given)}, or --zoo"
            )
        folder = options.out or Path("checkpoints")
        made = (_make(Recipe(**entry.recipe), folder / name, options) for name, entry in ZOO.items())
        return next((status for status in made if status != OK), OK)
    asked = {"people": options.people, "trials": options.trials, "epochs": options.epochs}
    sizes: dict[str, Any] = {
        **(QUICK if options.quick else {}),
        **{name: n for name, n in asked.items() if n is not None},
    }
    recipe = Recipe(
        decoder=options.decoder, strategy=options.strategy, weight=options.weight, seed=options.seed, rate=options.rate,
        data=() if options.data is None else sources_of(options.data), events=options.events, start=options.start,
        note=NO_RESULT if options.quick else "", **sizes,
    )  # fmt: skip
    return _make(recipe, options.out or default_out(recipe), options)


def _make(recipe: "Recipe", out: Path, options: Options) -> int:  # type: ignore[name-defined]  # noqa: F821
    from ...adaptation import registry
    from ...adaptation.transfer.checkpoint import refuse_to_overwrite, save_checkpoint
    from ...sim.errors import InputError
    from ..pretraining import make_checkpoint, parts_of
    from ..progress import duration

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write to {out.parent} ({error.strerror}): choose another --out") from error
    if not options.overwrite:
        refuse_to_overwrite(out)
    recipe = dataclasses.replace(recipe, command=command_line(recipe))
    began, line = time.monotonic(), _Line()
    parts = parts_of(out, recipe)
    if parts.exists():
        print(f"going on from {parts}", file=sys.stderr)
    try:
        with contextlib.closing(line):
            found, worth = make_checkpoint(recipe, line, parts)
    except KeyboardInterrupt:
        kept = (
            f"what was trained is in {parts}; the same command goes on from it"
            if parts.exists()
            else "nothing was kept"
        )
        print(f"neurodrift: interrupted; {kept}", file=sys.stderr)
        return INTERRUPTED
    path = save_checkpoint(out, found.variables, found.card)
    if options.json:
        import json

        print(json.dumps(found.card.to_json(), indent=1))
        return OK
    from rich.console import Console
    from rich.table import Table

    held = "recordings held out" if recipe.data else "virtual people not trained on"
    table = Table(
        "measure",
        "untrained" if recipe.start is None else "before",
        "pretrained",
        "95 % over people",
        title=f"{out.name}: {held}",
    )
    for row in worth:
        interval = "-" if math.isnan(row.lo) else f"[{row.lo:.1f}, {row.hi:.1f}]"
        digits = 1 if row.unit == "%" else 4
        numbers = ("-" if math.isnan(v) else f"{v:.{digits}f}" for v in (row.before, row.after))
        table.add_row(f"{_TITLES.get(row.name, row.name)} {row.unit}".strip(), *numbers, interval)
    (Console() if sys.stdout.isatty() else Console(width=120)).print(table)
    print(f"{path}\n{path.with_suffix('.json')}\n{duration(time.monotonic() - began)}")
    if recipe.note == NO_RESULT:
        print(NO_RESULT)
        return OK
    chance = 100.0 / len(found.card.class_names)
    if any(row.name == "accuracy" and not row.lo > chance for row in worth):
        print(f"not shown to be better than chance ({chance:.0f} %) on people that it was not trained on")
    start = f"--start {shlex.quote(str(path))}"
    fixed = registry.decoder(recipe.decoder).covariance_only  # no run starts from one: its decoder starts from nothing
    print(
        f"neurodrift calibrate {start}" if fixed else f"neurodrift run mi_cap_shift --decoder {recipe.decoder} {start}"
    )
    return OK


_TITLES = {
    "accuracy": "accuracy of the frozen decoder",
    "accuracy_after_10": "accuracy after its steps on 10 labelled trials",
    "mmd": "discrepancy between people, squared MMD",
    "mmd_alike": "the same if people were alike",
    "a_distance": "proxy A-distance between people",
}


def command_line(recipe: "Recipe") -> str:  # type: ignore[name-defined]  # noqa: F821
    """The command that makes this checkpoint again."""
    words = ["neurodrift", "pretrain", "--decoder", recipe.decoder, "--strategy", recipe.strategy]
    words += ["--weight", f"{recipe.weight:g}"] if recipe.weight is not None else []
    words += (
        ["--data", ",".join(recipe.data)] if recipe.data else ["--people", recipe.people, "--trials", recipe.trials]
    )
    words += ["--events", recipe.events] if recipe.events is not None else []
    words += ["--start", recipe.start] if recipe.start is not None else []
    words += ["--rate", f"{recipe.rate:g}"] if recipe.rate is not None else []
    words += ["--epochs", recipe.epochs, "--seed", recipe.seed]
    return shlex.join(str(word) for word in words)


class _Line:
    """Progress on standard error: written over on a terminal, elsewhere one line every ten seconds at most."""

    def __init__(self) -> None:
        self.live, self.shown, self.pending = sys.stderr.isatty(), float("-inf"), ""

    def __call__(self, done: int, planned: int, terms: dict[str, float]) -> None:
        told = ", ".join(f"{name} {value:.3f}" for name, value in terms.items())
        self.pending = f"epoch {done}/{planned}: {told}"
        if self.live or time.monotonic() - self.shown > 10.0:
            self._show()

    def close(self) -> None:
        if self.pending:
            self._show()
        if self.live:
            print(file=sys.stderr)

    def _show(self) -> None:
        print(f"\r\x1b[K{self.pending}" if self.live else f"{self.pending}\n", end="", file=sys.stderr, flush=True)
        self.shown, self.pending = time.monotonic(), ""
