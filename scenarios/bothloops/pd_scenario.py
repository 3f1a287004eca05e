"""pd_decoded_adbs as a scenario of the runner: its cells, and what is made of them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..contract import Cell, Notify, RunConfig
from ..infos import INFOS
from ..own import Finished, OwnScenario, cells_of, people, refuse_data
from .grid import blocks, held_out_people, run_decoder
from .page import report
from .session import Ratings, Runs, Session
from .summary import summarise

MEASURES = ("reward", "symptom", "high", "dose", "energy", "hit", "rejection")


@dataclasses.dataclass(frozen=True)
class DecodedStimulation(OwnScenario):
    """Every decoder (a method of ``config.methods``) with every policy, on the same people, drifts and noise.

    A cell is a severity and a seed: all decoders, for they are compared in pairs.
    """

    def plan(self, config: RunConfig) -> list[Cell]:
        refuse_data(config)
        return cells_of(config, people(config))

    def run_cell(self, config: RunConfig, cell: Cell, notify: Notify) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        session = make_session(config)
        ratings = Ratings(config.label_missing, config.label_noise)
        numbers = [int(name[1:]) for name in cell.subjects]
        notify("drawing people and calibrating their decoders")
        folk = held_out_people(session, numbers, cell.seed)
        arrays: dict[str, np.ndarray] = {}
        settings = {}
        for name in config.methods:
            first = name == config.methods[0]
            runs, best = run_decoder(session, name, folk, numbers, cell.seed, cell.severity, ratings, first, notify)
            settings[name] = dataclasses.asdict(best)
            for policy, rows in runs.items():
                for measure, values in _stretches(session, rows).items():
                    arrays[f"{measure}/{name}/{policy}"] = values.astype(np.float32)
                arrays[f"labels/{name}/{policy}"] = np.asarray(rows.labels[:, -1], np.int32)
        meta = {
            "settings": settings,
            "onset": session.onset,
            "block": session.block,
            "n_windows": session.n_windows,
            "drift_window_s": session.drift_window_s,
            "label_every": session.every,
            "label_delay": session.delay,
        }
        return meta, arrays

    def summarise(self, done: Finished) -> dict[str, Any]:
        return summarise(done)

    def report(self, results: Mapping[str, Any]) -> str:
        return report(results)


def make_session(config: RunConfig) -> Session:
    """Seven minutes of the brain's time, over which eight hours of drift pass; a third of it, to see it work."""
    delay = 4 + config.label_delay
    if config.quick:
        return Session(
            decoder_name=config.decoder, n_calibration=40, n_windows=240, onset=80, block=40, drift_window_s=120.0,
            every=10, delay=delay, lanes=24,
        )  # fmt: skip
    return Session(decoder_name=config.decoder, delay=delay)


def _stretches(session: Session, rows: Runs) -> dict[str, np.ndarray]:
    """Means (n_people, n_blocks) over the stretches of a session. hit, rejection: share of the windows in which a high
    or a low state was there and decoded; high: share in which it was high."""
    called = rows.evidence > 0
    values = {
        "reward": rows.reward, "symptom": rows.symptom, "high": rows.high, "dose": rows.dose, "energy": rows.energy,
        "hit": rows.high & called, "rejection": ~rows.high & ~called,
    }  # fmt: skip
    return {name: blocks(session, value) for name, value in values.items()}


def pd_decoded_adbs() -> DecodedStimulation:
    """The built-in scenario."""
    return DecodedStimulation(INFOS["pd_decoded_adbs"])
