"""Scenarios whose answers are drawn from known accuracies, for tests of the benchmark: nothing is decoded."""

import dataclasses
import os
import zlib

import numpy as np

from neurodrift.scenarios.contract import Cell, ScenarioInfo

N_BEFORE, N_AFTER, N_SESSION = 40, 80, 40
# share of what the drift costs that each method wins back, by its budget
WON = {
    "frozen": 0.0,
    "oracle": 1.0,
    "ea": 0.5,
    "riemann": 0.55,
    "tent": -0.5,
    "errp": 0.3,
    "cft@10": 0.2,
    "cft@20": 0.4,
    "cft@delayed": 0.6,
    "cft": 0.8,
}
USED = {"10": 10, "20": 20, "delayed": 70, "full": 80}


def won(arm):
    return WON[arm if arm in WON else arm.partition("@")[0]]


@dataclasses.dataclass(frozen=True)
class Coin:
    """A coin that wears by ``severity`` at the onset, and at ``back`` is new again: then half of what a method had won
    is missing, for it learnt the worn one."""

    info: ScenarioInfo
    population: tuple = ()
    back: int = 0

    def plan(self, config):
        if config.data is not None:
            raise ValueError("a coin has no data")
        people = [f"P{i + 1:02d}" for i in range(config.subjects)]
        return [
            Cell(scenario=config.scenario, severity=s, subjects=tuple(people[i : i + 3]), seed=seed)
            for s in config.severities
            for seed in range(config.seeds)
            for i in range(0, len(people), 3)
        ]

    def run_cell(self, config, cell, notify):
        if log := os.environ.get("COIN_LOG"):
            with open(log, "a") as stream:
                stream.write(f"{self.info.name} {cell.label()}\n")
        n, n_trials = len(cell.subjects), N_BEFORE + N_AFTER
        seeds = [zlib.crc32(f"{self.population}{name}{cell.seed}".encode()) for name in cell.subjects]
        rngs = [np.random.default_rng(seed) for seed in seeds]
        y = np.stack([rng.integers(0, 2, n_trials) for rng in rngs])
        luck = np.stack([rng.random(n_trials) for rng in rngs])
        skill = np.array([0.82 + 0.08 * rng.random() for rng in rngs])[:, None]
        drifted = np.arange(n_trials) >= N_BEFORE
        arrays = {
            "y": y,
            "onset": np.full(n, N_BEFORE),
            "session": np.arange(n_trials) // N_SESSION,
            "time_s": 8.0 * np.arange(n_trials),
            **({"back": np.full(n, self.back)} if self.back else {}),
        }
        for arm in config.methods:
            loss = 0.25 * cell.severity * (1 - won(arm)) * drifted
            if self.back:
                loss = np.where(np.arange(n_trials) < self.back, loss, 0.125 * cell.severity * won(arm))
            own = np.stack([np.random.default_rng(zlib.crc32(f"{arm}{s}".encode())).random(n_trials) for s in seeds])
            right = np.where(own < 0.02, ~(luck < skill - loss), luck < skill - loss)
            arrays[f"proba/{arm}"] = np.eye(2)[np.where(right, y, 1 - y)] * 0.8 + 0.1
            method, _, budget = arm.partition("@")
            used = np.clip(np.arange(n_trials) + 1 - N_BEFORE, 0, USED.get(budget or "full", 0))
            arrays[f"labels/{arm}"] = np.tile(used * (method == "cft"), (n, 1))
        return {"subjects": list(cell.subjects), "seed": cell.seed, "severity": cell.severity}, arrays

    def timing(self, config):
        return {arm: {"update_ms_p50": 0.5, "update_ms_p99": 2.0} for arm in config.methods if arm != "oracle"}


def _info(name, severity, kind="simulated"):
    return ScenarioInfo(
        name=name,
        title=f"A coin, {name}",
        summary="Known accuracies, no signals.",
        kind=kind,
        severity_name="wear",
        severity_unit="cm",
        severities=(severity,),
        methods=("frozen", "ea", "oracle"),
        decoder="csp_lda",
        decoders=("csp_lda",),
        n_subjects=9,
        n_seeds=1,
        budgets=True,
    )


WORN = Coin(_info("worn", 1.0))
SCRATCHED = Coin(_info("scratched", 0.8))
FRESH = Coin(_info("fresh", 0.0))
RETURNED = Coin(_info("returned", 1.0), back=80)
PUBLISHED = Coin(_info("published", 1.0, kind="recorded"))
