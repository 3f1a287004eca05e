"""``neurodrift calibrate``: ten or twenty trials of a new user make a checkpoint their own, and say how good it is."""

import dataclasses
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import Array

from .. import __version__
from ..adaptation import registry
from ..adaptation.contract import Decoder, Trials, Variables
from ..adaptation.finetune import FewTrials, calibrate, estimate_accuracy, held_out, zero_shot
from ..adaptation.finetune.confidence import clopper_pearson, posterior_interval
from ..adaptation.methods.layers import AllLayers, LastLayer, LayerDecay
from ..adaptation.methods.lora import LowRank
from ..adaptation.transfer.card import Card
from ..adaptation.transfer.channels import interpolated
from ..adaptation.transfer.checkpoint import refuse_to_overwrite, save_checkpoint
from ..sim.builders import motor_imagery_plant
from ..sim.errors import InputError
from ..sim.head.montage import make_montage
from ..sim.keys import stream_key
from ..sim.plant import record
from ..sim.recordings import Recording, concatenate, load, sources_of
from ..sim.recordings.events import parse_events
from ..sim.recordings.names import counted, listing
from .known_people import known_to, licence_of, person_of
from .preparing import prepared
from .starting import checkpoint_called

REACHES = {
    "decay": LayerDecay(decay=0.9),
    "all": AllLayers(lower=1.0),
    "slow": AllLayers(lower=0.1),
    "last": LastLayer(),
    "lora": LowRank(rank=2),
}
LEAST = 10
SIMULATED = "simulated:"
MONTAGE, SFREQ, SECONDS, LATER = "10-10-31", 250.0, 3.0, 40
CLASSES = ("left hand", "right hand")


def run_calibrate(
    source: str,
    *,
    start: str | Path,
    n_trials: int = 20,
    events: Mapping[str, str] | str | None = None,
    tmin: float = 0.5,
    tmax: float = 3.5,
    layers: str = "decay",
    seed: int = 0,
    out: str | Path,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Calibrate the checkpoint ``start`` (a name of the zoo, or a path) on the first ``n_trials`` trials of ``source``;
    what came of it, as JSON.

    source: "simulated:NUMBER", "embedded:NAME" or a file, whose ``events`` begin trials of ``tmin`` to ``tmax`` s, or
    several with commas between, whose trials follow each other.
    layers: which move, a name of ``REACHES``. Three decoders are compared: trained on these trials alone, the
    checkpoint aligned to them, and fine-tuned. Of each: how many held-out trials it got right, what accuracy to expect
    with its 95 % interval, and its accuracy on the trials that follow where there are any. The fine-tuned one is
    written to ``out``. Raises InputError for a source, checkpoint, number or name that cannot be used, and where there
    is an ``out`` and not ``overwrite``.
    """
    if n_trials < LEAST:
        raise InputError(f"--trials is {n_trials}: wanted {LEAST} or more; fewer say nothing of how good a decoder is")
    if layers not in REACHES:
        raise InputError(f"--layers is '{layers}': wanted one of {', '.join(REACHES)}")
    out = Path(out)
    if not out.parent.is_dir():
        raise InputError(f"--out is {out}: there is no folder {out.parent}; make it first")
    if not overwrite:
        refuse_to_overwrite(out)
    checkpoint = checkpoint_called(str(start))
    decoder, card = checkpoint.decoder, checkpoint.card
    recording = (
        _simulated(source, n_trials, seed) if source.startswith(SIMULATED) else _read(source, events, tmin, tmax)
    )
    everything = prepared(recording, card)
    few, later = (jax.tree.map(lambda a, s=s: a[s], everything) for s in (slice(n_trials), slice(n_trials, None)))
    _check(recording, few, n_trials, card.class_names)
    arms = _arms(decoder, checkpoint.variables, few, later, card, FewTrials(reach=REACHES[layers]), seed)
    variables, found, tuned = arms
    metrics = {f"own_{k}": found["fine-tuned"][k] for k in ("accuracy", "lo", "hi")}
    written = save_checkpoint(
        out,
        variables,
        dataclasses.replace(
            card,
            **card.gone_on(
                f"{n_trials} trials of {recording.subject} ({recording.source})",
                (person_of(recording),),
                licence_of([recording]),
            ),
            people=1,
            trials=n_trials,
            strategy={
                "name": "calibrated",
                "layers": layers,
                "n_steps": tuned["n_steps"],
                "temperature": tuned["temperature"],
                "after": {"checkpoint": str(start), **card.strategy, "seed": card.seed, "command": card.command},
            },
            metrics=metrics,
            note="",
            seed=seed,
            code=__version__,
            command=command_line(source, start, n_trials, events, (tmin, tmax), layers, seed),
        ),
    )
    return {
        "kind": "calibration",
        "subject": recording.subject,
        "source": recording.source,
        "checkpoint": str(start),
        "decoder": card.decoder,
        "n_trials": n_trials,
        "n_later": len(later.y),
        "layers": layers,
        "seed": seed,
        **tuned,
        "arms": found,
        "verdict": verdict(found, tuned["n_steps"]),
        "advice": advice(found, _swapped(events)),
        "notes": _notes(recording, card),
        "warnings": _warnings(str(start), card, recording),
        "written": str(written),
    }


def command_line(
    source: str,
    start: str | Path,
    n_trials: int,
    events: Mapping[str, str] | str | None,
    window: tuple[float, float],
    layers: str,
    seed: int,
) -> str:
    """The command that calibrates so again; ``window`` is tmin, tmax."""
    words = ["neurodrift", "calibrate", source, "--start", start]
    if events is not None:
        told = events if isinstance(events, str) else ",".join(f"{event}={name}" for event, name in events.items())
        words += ["--events", told]
    words += [] if source.startswith(SIMULATED) else ["--tmin", f"{window[0]:g}", "--tmax", f"{window[1]:g}"]
    words += ["--trials", n_trials, "--layers", layers, "--seed", seed]
    return shlex.join(str(word) for word in words)


def _notes(recording: Recording, card: Card) -> list[str]:
    """What was done to the recording, and which channels of the checkpoint it does not have."""
    made, n = interpolated(recording.ch_names, card.ch_names), len(card.ch_names)
    if not made:
        return list(recording.notes)
    return [*recording.notes, f"{len(made)} of the checkpoint's {n} channels interpolated from others: {listing(made)}"]


def _warnings(start: str, card: Card, recording: Recording) -> list[str]:
    """That the user was trained on, so that what is expected flatters; that nobody knows, of an older card."""
    if card.subjects is None:
        return [
            f"the card of {start} does not say whom it was trained on: had it this user, the accuracy is optimistic"
        ]
    return [
        f"{start} was trained on {name}: the accuracy to expect is optimistic"
        for name in known_to(card, [person_of(recording)])
    ]


def _read(source: str, events: Any, tmin: float, tmax: float) -> Recording:
    """The good channels of the named recordings of one user between ``tmin`` and ``tmax``, one after the other."""
    names = sources_of(source)
    parts = [_read_one(part, events, tmin, tmax) for part in names]
    who = sorted({person_of(part) for part in parts})
    if len(who) > 1 and all(re.fullmatch(r"S\d{3}", name) for name in who):
        raise InputError(f"the recordings are of {listing(who)}: wanted those of one user")
    found = concatenate(parts)
    found = found.pick([c for c in found.ch_names if c not in found.bad_channels])
    _refuse_repeated(names, np.split(found.x, np.cumsum([part.n_trials for part in parts])[:-1]))
    return found


def _refuse_repeated(names: Sequence[str], parts: Sequence[np.ndarray]) -> None:
    """InputError where two recordings' trials (n_trials, n_channels, n_times) have one in common: it would be learnt
    and then counted as a later one."""
    first: dict[bytes, str] = {}
    for name, x in zip(names, parts):
        trials = {trial.tobytes() for trial in x if trial.size}
        known = next((first[trial] for trial in trials if trial in first), None)
        if known is not None:
            raise InputError(
                f"{known} and {name} hold the same trials: wanted different recordings of one user, or trials that "
                "were learnt from would count as later ones"
            )
        first |= dict.fromkeys(trials, name)


def _read_one(source: str, events: Any, tmin: float, tmax: float) -> Recording:
    if ":" in source and not Path(source).exists():
        return load(source, events).crop(tmin, tmax)
    # whether the rate is enough, the checkpoint's band says
    return load(source, events, tmin=tmin, tmax=tmax, min_sfreq=0.0, subject=Path(source).stem)


def _simulated(source: str, n_trials: int, seed: int) -> Recording:
    """Trials of the simulated person of that number."""
    word = source.removeprefix(SIMULATED)
    if not word.isdecimal():
        raise InputError(f"'{source}' names no simulated person: wanted a whole number from 0 on, as in {SIMULATED}3")
    n = n_trials + LATER
    x, y = _record(int(word), n, seed)
    return Recording(
        x=np.asarray(x), y=np.asarray(y), class_names=CLASSES, ch_names=make_montage(MONTAGE).ch_names[: x.shape[1]],
        sfreq=SFREQ, tmin=0.0, session=np.zeros(n, np.int32), session_names=("1",), session_days=("1",),
        session_quality=("ok",), onset_s=8.0 * np.arange(n), n_samples=np.full(n, x.shape[-1], np.int32),
        subject=f"simulated person {word}", licence="CC0-1.0", source=source,
    )  # fmt: skip


def _record(number: int, n_trials: int, seed: int) -> tuple[Array, Array]:
    key = stream_key(jax.random.key(0), "calibrate.person", number)

    def recorded(key: Array) -> tuple[Array, Array]:
        epochs = record(motor_imagery_plant(key, MONTAGE, SFREQ), stream_key(key, "run", seed), n_trials)
        return epochs.x, epochs.label

    return jax.jit(recorded)(key)


def _check(recording: Recording, few: Trials, n_trials: int, class_names: Sequence[str]) -> None:
    if len(few.y) < n_trials:
        fewer = f"give --trials {LEAST}, or " if len(few.y) >= LEAST else "give "
        raise InputError(
            f"{recording.source} has {counted(len(few.y), 'trial')}{recording.lost} but --trials is {n_trials}: {fewer}"
            "several files of this user with commas between, or record more"
        )
    counts = np.bincount(np.asarray(few.y), minlength=len(class_names))
    if counts.min() < 3:
        short = class_names[int(counts.argmin())]
        raise InputError(
            f"the first {n_trials} trials hold {counts.min()} of one class, such as {short!r}; at least 3 of each are "
            "needed: calibrate with classes in turn"
        )


def _arms(
    decoder: Decoder, start: Variables, few: Trials, later: Trials, card: Card, method: FewTrials, seed: int
) -> tuple[Variables, dict[str, Any], dict[str, Any]]:
    """(fine-tuned variables, arm -> numbers, what fine-tuning chose)."""
    key = jax.random.key(seed)
    alignment = str(card.preprocessing.get("alignment", registry.decoder(card.decoder).alignment))
    scratch, of_scratch = held_out(decoder, few, key, alignment=alignment)
    aligned, of_aligned = zero_shot(decoder, start, few, alignment=alignment)
    tuned = calibrate(decoder, start, few, key, method, alignment=alignment)
    answers = jax.jit(lambda v, x: jax.vmap(lambda w: decoder.apply(v, w))(x))
    found = {}
    for name, variables, logits in (
        ("from scratch", scratch, of_scratch),
        ("zero-shot", aligned, of_aligned),
        ("fine-tuned", tuned.variables, tuned.logits),
    ):
        estimate = estimate_accuracy(np.asarray(logits.argmax(-1) == few.y))
        believed = posterior_interval(estimate.n_right, estimate.n_trials)
        row = {**estimate._asdict(), "believed_lo": believed[0], "believed_hi": believed[1], "later": None}
        if len(later.y):
            right = int((answers(variables, later.x).argmax(-1) == later.y).sum())
            lo, hi = clopper_pearson(right, len(later.y))
            row["later"] = {"accuracy": right / len(later.y), "lo": lo, "hi": hi}
        found[name] = row
    chosen = {
        "n_steps": int(tuned.n_steps),
        "held_out_loss": [float(v) for v in tuned.loss],
        "temperature": float(tuned.temperature),
    }
    return tuned.variables, found, chosen


def verdict(arms: Mapping[str, Any], n_steps: int) -> str:
    """The sentence that leads."""
    tuned = arms["fine-tuned"]
    said = (
        f"expect {100 * tuned['accuracy']:.0f} % right ({100 * tuned['lo']:.0f} to {100 * tuned['hi']:.0f} %, "
        f"95 % interval, from {tuned['n_right']} of {tuned['n_trials']} held-out trials)"
    )
    said += (
        f"; {counted(n_steps, 'step')} of fine-tuning" if n_steps else "; no step of fine-tuning helped: none was taken"
    )
    return said + ("" if tuned["lo"] > 0.5 else "; these trials do not show that it is better than chance")


def advice(arms: Mapping[str, Any], swapped: str = "") -> list[str]:
    """What to do where the numbers speak against the calibrated checkpoint, or its labels, a line each.

    swapped: the events with their classes exchanged, as words for a question.
    """
    before, after = arms["zero-shot"], arms["fine-tuned"]
    rows = {"zero-shot": before, "zero-shot on the trials that follow": before["later"], "fine-tuned": after}
    below = [(name, row) for name, row in rows.items() if row is not None and row["hi"] < 0.5]
    said = [
        f"{name} is worse than chance ({100 * row['lo']:.0f} to {100 * row['hi']:.0f} %): are the classes the other "
        f"way round{swapped}?"
        for name, row in below[:1]
    ]
    if after["n_right"] <= before["n_right"]:
        said.append("fine-tuned is not better than zero-shot on held-out trials: keep the checkpoint you started from")
    return said


def _swapped(events: Mapping[str, str] | str | None) -> str:
    """Two events with their classes exchanged, ", --events T1=right,T2=left"; nothing for others."""
    pairs = [] if events is None else list(parse_events(events).items())
    if len(pairs) != 2:
        return ""
    (first, one), (second, other) = pairs
    return f", --events {first}={other},{second}={one}"
