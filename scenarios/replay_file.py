"""``neurodrift replay FILE``: the methods on one recording of the user's own, as it is or under an imposed drift."""

import dataclasses
import functools
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ..adaptation import registry
from ..sim.drift.registry import DRIFTS, check_severity, make_drift
from ..sim.errors import InputError
from ..sim.keys import stream_key
from ..sim.recordings import Recording, read_recording
from .atomic import TEMPORARY, write_json
from .config import make_config
from .contract import Cell, Notify, RunConfig, ScenarioInfo
from .infos import DECODERS, METHODS
from .progress import Progress
from .recorded import Setup, Split, compare, make_setup, time_replay
from .report.html import write_report
from .runner import run

LEAST_CALIBRATION = 10
LEAST_AFTER = 10


@dataclasses.dataclass(frozen=True)
class FileScenario:
    """One recording, its trials in the order in which they happened."""

    info: ScenarioInfo
    recording: Recording
    split: Split
    drift: str
    asked: str

    def plan(self, config: RunConfig) -> list[Cell]:
        # What was asked for is no field of the configuration: it goes into the cell, which names the saved files.
        return [Cell(scenario=self.asked, severity=config.severities[0], subjects=(self.recording.subject,), seed=0)]

    def run_cell(self, config: RunConfig, cell: Cell, notify: Notify) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        notes = [
            "One recording: nothing here speaks of other people, and there is no interval over them.",
            f"{self.split.n_calibration} trials calibrate, {self.split.n_before} come before the onset, "
            f"{self.split.n_after} from it on, {self.split.n_after * self.seconds_per_trial / 60:.0f} minutes.",
            *self.recording.notes,
        ]
        if self.drift != "null":
            notes.insert(0, f"{self.drift} is imposed on the recording: {DRIFTS[self.drift].summary}.")
            notes.insert(1, "A moved cap is a re-projection: minimum-norm sources seen by electrodes at other places.")
        imposed = functools.partial(_imposed, self.drift, cell.severity)
        key = stream_key(jax.random.key(0), "replay file")
        meta, arrays = compare(
            self.setup(config), [self.recording], imposed, self.seconds_per_trial, config, key, notify
        )
        facts = {
            "severity": cell.severity,
            "severity_unit": self.info.severity_unit,
            "seed": 0,
            "subjects": [self.recording.subject],
        }
        return facts | meta | {"notes": notes + meta["notes"]}, arrays

    def timing(self, config: RunConfig) -> dict[str, Any]:
        return time_replay(self.setup(config), self.recording, config)

    def setup(self, config: RunConfig) -> Setup:
        return make_setup(self.recording, self.split, config)

    @property
    def seconds_per_trial(self) -> float:
        """Median time from one trial to the next, s."""
        gaps = np.diff(self.recording.onset_s)
        gaps = gaps[np.isfinite(gaps) & (gaps > 0)]
        return float(np.median(gaps)) if gaps.size else self.recording.n_times / self.recording.sfreq


def run_replay(
    file: str | Path,
    *,
    events: Mapping[str, str] | str,
    tmin: float = 0.5,
    tmax: float = 3.5,
    drift: str | None = None,
    severity: float = 1.0,
    decoder: str = "tangent_lr",
    methods: Sequence[str] | None = None,
    calibration: int | None = None,
    out: str | Path,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run the methods on a recording and write ``results.json`` and ``report.html`` to ``out``; their content.

    The first ``calibration`` trials (by default a third, at least 10) train the decoder and are not scored; the first
    third of the others comes before the onset, the rest from it on. drift: a name of ``DRIFTS`` and ``severity`` in
    its unit; None or "null" leaves the recording to its own drift.

    Raises InputError for a file, event, window, drift or method that cannot be used, and for too few trials.
    """
    name = "null" if drift is None else drift
    check_severity(name, severity)
    spec = registry.decoder(decoder)
    recording = read_recording(file, events, tmin, tmax, min_sfreq=max(64.0, spec.min_sfreq))
    recording = recording.pick([c for c in recording.ch_names if c not in recording.bad_channels])
    split = _split(recording, calibration)
    severity = 1.0 if name == "null" else float(severity)
    info = _info(Path(file).name, name, severity)
    config = make_config("replay", info, methods=methods, decoder=decoder, data=str(file))
    words = ["neurodrift", "replay", str(file), "--events", _words(events), f"--tmin={tmin:g}", f"--tmax={tmax:g}"]
    words += ["--drift", name, f"--severity={severity:g}"] if name != "null" else []
    words += ["--decoder", decoder, "--methods", ",".join(config.methods), "--calibration", str(split.n_calibration)]
    command = shlex.join(words)
    scenario = FileScenario(info, recording, split, name, command)
    scenario.setup(config)
    out = Path(out)
    results = run(scenario, config, out, progress=progress) | {"command": command}
    # The runner knows of scenarios by name only, and this one is made of the command's own words.
    write_json(out / "results.json", results)
    report = out / f"{TEMPORARY}report.html"
    write_report(results, report)
    os.replace(report, out / "report.html")
    return results


def _split(recording: Recording, calibration: int | None) -> Split:
    n = recording.n_trials
    n_calibration = max(n // 3, LEAST_CALIBRATION) if calibration is None else calibration
    if n_calibration < LEAST_CALIBRATION:
        raise InputError(f"--calibration is {n_calibration}: a decoder needs at least {LEAST_CALIBRATION} trials")
    rest = n - n_calibration
    n_before = rest // 3
    if rest - n_before < LEAST_AFTER:
        raise InputError(
            f"{recording.source} has {n} trials{recording.lost}; {n_calibration} calibrate, which leaves "
            f"{max(rest, 0)}, and at least 15 are needed after them: choose more events, a smaller --calibration, or "
            "join runs (mne.concatenate_raws)"
        )
    counts = np.bincount(recording.y[:n_calibration], minlength=len(recording.class_names))
    if counts.min() < 2:
        short = recording.class_names[int(counts.argmin())]
        raise InputError(
            f"the first {n_calibration} trials of {recording.source} hold {counts.min()} of {short!r}; every class "
            "needs at least 2 there: choose a larger --calibration"
        )
    return Split(n_calibration, n_before, rest - n_before)


def _info(file: str, drift: str, severity: float) -> ScenarioInfo:
    unit = "" if drift == "null" else DRIFTS[drift].severity
    return ScenarioInfo(
        name="replay",
        title=f"Replay of {file}",
        summary="A recording trial by trial, "
        + ("with its own drift." if drift == "null" else f"under an imposed drift: {DRIFTS[drift].summary}."),
        kind="recorded",
        severity_name="natural drift" if drift == "null" else drift,
        severity_unit=unit,
        severities=(severity,),
        methods=METHODS,
        decoder="tangent_lr",
        decoders=DECODERS,
        n_subjects=1,
        n_seeds=1,
        reference="the user's own recording",
        budgets=True,
    )


def _imposed(name: str, severity: float, montage: Any, onset_s: float) -> tuple[Any, ...]:
    return (make_drift(name, montage, severity, onset_s),)


def _words(events: Mapping[str, str] | str) -> str:
    return events if isinstance(events, str) else ",".join(f"{k}={v}" for k, v in events.items())
