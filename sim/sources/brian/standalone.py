"""Runs without a loop, compiled whole: for long recordings on which nothing acts.

Brian2's standalone mode writes a C++ program for the network, some thirty seconds of compilation, that then runs
without Python. It is global to the process, so it gets a process of its own. Random numbers are Brian2's: a run is
reproducible by its seed, but is another realisation than the closed loop's.
"""

import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...conditions import Conditions
from ...errors import InputError
from .library import load_brian2
from .source import SpikingSource, plain


class OpenLoop(NamedTuple):
    """moments (n_sources, n_samples) A·m; truth of the whole run, as of one window."""

    moments: np.ndarray
    truth: dict[str, np.ndarray]


def simulate_standalone(
    source: SpikingSource, seconds: float, conditions: Conditions, seed: int = 0, current: Any = 0.0
) -> OpenLoop:
    """``seconds`` of ``source`` under constant conditions and constant ``current`` A, () or (n_stim,), as C++.

    Memory grows with the run: spikes and the field's parts are kept. Raises RuntimeError where the program cannot be
    built, as without a C++ compiler.
    """
    n_samples = round(seconds * source.sfreq)
    if n_samples < 1:
        raise InputError(f"seconds is {seconds:g}; wanted at least one sample at {source.sfreq:g} Hz")
    stim = np.broadcast_to(np.asarray(current, float).reshape(-1, 1), (source.n_stim, source.n_times))
    inputs = source.inputs(stim, conditions)
    with tempfile.TemporaryDirectory() as folder:
        job, result = Path(folder, "job.pickle"), Path(folder, "result.pickle")
        job.write_bytes(pickle.dumps((plain(source), n_samples, inputs, seed, str(Path(folder, "code")), str(result))))
        done = subprocess.run([sys.executable, "-m", __name__, str(job)], capture_output=True, text=True)
        if done.returncode:
            reason = (done.stderr.strip() or "no message").splitlines()[-1]
            raise RuntimeError(
                f"the standalone program was not built or did not run ({reason}); is there a C++ compiler?"
            )
        field, truth = pickle.loads(result.read_bytes())
    scale = float(source.moment) * float(conditions.rhythm_gain)
    return OpenLoop((field - float(source.field_mean)) * scale, truth)


def _main(job: str) -> None:
    source, n_samples, inputs, seed, folder, result = pickle.loads(Path(job).read_bytes())
    b2: Any = load_brian2()
    b2.set_device("cpp_standalone", directory=folder, build_on_run=True)
    b2.seed(seed)
    circuit = source.build(b2, np.random.default_rng(seed))
    # one step more, so that the end of the last sample is read
    n_steps = source.n_settle + n_samples * source.substeps + 1
    recorders = circuit.open_loop(inputs, n_steps)
    network = b2.Network(*circuit.objects, *recorders)
    network.run(n_steps * source.dt * b2.second, namespace={})
    found = circuit.open_loop_result(source.n_settle * source.dt, n_samples / source.sfreq)
    Path(result).write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    _main(sys.argv[1])
