"""A scenario of two methods that takes no time, for tests of the runner and the command line.

The environment makes it slow (TOY_SLEEP, seconds a cell), fail (TOY_FAIL, a subject), die (TOY_DIE, a
subject) or refuse its data (TOY_REFUSE); every cell that is run adds a line to the file TOY_LOG.
"""

import os
import signal
import time
import zlib

import numpy as np

from neurodrift.scenarios.contract import Cell, ScenarioInfo
from neurodrift.sim.errors import InputError

METHODS = {"frozen": -0.3, "aligned": -0.1, "oracle": 0.0}


class Toy:
    info = ScenarioInfo(
        name="toy",
        title="A coin that wears",
        summary="Known accuracies, no signals.",
        kind="simulated",
        severity_name="wear",
        severity_unit="cm",
        severities=(0.0, 1.0),
        severity_limits=(0.0, 2.0),
        methods=tuple(METHODS),
        decoder="coin",
        decoders=("coin", "dice"),
        n_subjects=3,
        n_seeds=1,
        quick_severities=(1.0,),
        quick_subjects=2,
    )

    def plan(self, config):
        if config.data == "bad":
            raise InputError("data 'bad' is not a recording; give a file")
        return [
            Cell(scenario="toy", severity=severity, subjects=(f"s{subject}",), seed=seed)
            for severity in config.severities
            for subject in range(config.subjects)
            for seed in range(config.seeds)
        ]

    def run_cell(self, config, cell, notify):
        notify("tossing")
        (subject,) = cell.subjects
        if log := os.environ.get("TOY_LOG"):
            with open(log, "a") as stream:
                stream.write(f"{cell.severity:g} {subject} {cell.seed}\n")
        deadline = time.monotonic() + float(os.environ.get("TOY_SLEEP", "0"))
        while time.monotonic() < deadline:
            time.sleep(0.02)
        if os.environ.get("TOY_FAIL") == subject:
            raise RuntimeError("the coin\nrolled away")
        if os.environ.get("TOY_REFUSE"):
            raise InputError("this coin has no sides")
        if os.environ.get("TOY_DIE") == subject:
            os.kill(os.getpid(), signal.SIGKILL)
        rng = np.random.default_rng(zlib.crc32(f"{cell}".encode()))
        n, onset = 120, 60
        y = rng.integers(0, 2, n)
        arrays = {
            "y": y[None],
            "onset": np.array([onset]),
            "session": np.zeros(n, np.int64),
            "time_s": np.arange(n) * 8.0,
        }
        for method in config.methods:
            p = 0.85 + METHODS.get(method, 0.0) * cell.severity * (np.arange(n) >= onset)
            right = rng.random(n) < p
            answer = np.where(right, y, 1 - y)
            arrays[f"proba/{method}"] = np.eye(2)[answer][None] * 0.8 + 0.1
            arrays[f"labels/{method}"] = np.zeros((1, n))
        return {"subjects": [subject], "seed": cell.seed, "severity": cell.severity}, arrays

    def timing(self, config):
        return {method: {"update_ms_p50": 1.0, "update_ms_p99": 2.0} for method in config.methods}


SCENARIO = Toy()
