"""mi_neurofeedback as a scenario of the runner: contingent, sham and no stimulation behind each decoder."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...sim.errors import InputError
from ...sim.keys import stream_key
from ..contract import Cell, Notify, RunConfig
from ..infos import INFOS
from ..own import Finished, OwnScenario, cells_of, people, refuse_data
from .mi_page import report
from .mi_summary import FEEDBACK, summarise
from .neurofeedback import Training, train, trainees


@dataclasses.dataclass(frozen=True)
class Neurofeedback(OwnScenario):
    """Every decoder with every feedback, on the same people and noise. A cell is a severity and a seed."""

    def plan(self, config: RunConfig) -> list[Cell]:
        refuse_data(config)
        if config.subjects < 2:
            raise InputError(
                f"--subjects is {config.subjects}: sham takes the schedule of another person; wanted 2 or more"
            )
        return cells_of(config, people(config))

    def run_cell(self, config: RunConfig, cell: Cell, notify: Notify) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        training = make_training(config)
        n = len(cell.subjects)
        numbers = [int(name[1:]) for name in cell.subjects]
        base = stream_key(jax.random.key(0), "mi_neurofeedback", cell.seed)

        def keys(stream: str, of: Sequence[int]) -> Any:
            return jax.vmap(lambda i: stream_key(base, stream, i))(jnp.asarray(of))

        notify("drawing people and calibrating their decoders")
        folk = trainees(training, keys("person", numbers))
        arrays: dict[str, np.ndarray] = {}
        shift = cell.severity / 100.0
        who, run = np.tile(np.arange(n), 2), keys("run", numbers * 2)
        for name in config.methods:
            notify(f"{name} decoder: contingent, none, sham")
            none = np.zeros((2 * n, training.n_trials))
            live = train(training, name, folk, who, np.repeat([True, False], n), none, run, shift)
            # sham: the schedule that another person earned, whatever one's own brain does
            yoked = np.tile(np.roll(live.dose[:n], 1, axis=0), (2, 1))
            sham = train(training, name, folk, who, np.zeros(2 * n, bool), yoked, run, shift)
            for feedback, rows in zip(FEEDBACK, (_part(live, 0, n), _part(sham, 0, n), _part(live, n, 2 * n))):
                arrays |= {f"{k}/{name}/{feedback}": v.astype(np.float32) for k, v in rows.items()}
        return {"onset": training.onset, "n_trials": training.n_trials}, arrays

    def summarise(self, done: Finished) -> dict[str, Any]:
        return summarise(done)

    def report(self, results: Mapping[str, Any]) -> str:
        return report(results)


def make_training(config: RunConfig) -> Training:
    """240 trials, the cap slipping after 80; with --quick half of that."""
    if config.quick:
        return Training(config.decoder, n_calibration=40, n_trials=120, onset=40, label_delay=config.label_delay)
    return Training(config.decoder, label_delay=config.label_delay)


def _part(rows: Any, first: int, stop: int) -> dict[str, np.ndarray]:
    return {name: values[first:stop] for name, values in rows._asdict().items()}


def mi_neurofeedback() -> Neurofeedback:
    """The built-in scenario."""
    return Neurofeedback(INFOS["mi_neurofeedback"])
