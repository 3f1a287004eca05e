"""Stimulation environments beside others' on the same ensembles: DBS-Gym (512 phases) and RL-DBS (1000 relaxation
oscillators), from checkouts of NevVerVer/DBS-Gym and cviaai/RL-DBS.

    python benchmarks/control_peers.py --dbs-gym CHECKOUT --peer-python VENV/bin/python
    python benchmarks/control_peers.py --rl-dbs CHECKOUT --json rows.json

Theirs and ours take turns in one run; each row is the median over the turns. DBS-Gym is stepped as shipped (env1's
parameters, constant action) in an interpreter that has diffrax, gymnasium, seaborn, imageio and tqdm, in the versions
of its requirements_pip.txt. RL-DBS's extension is compiled anew with g++ -O2 (shipped: without optimisation, for Python
3.7) and called by its own environment through ctypes. Phases: Heun at .05 units here, Dopri5 to 1e-5 there.
``--json`` writes rows for `python docs/make_results.py --only benchmarks --rows`.
"""

import argparse
import contextlib
import ctypes
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

# Nothing that only one of the two interpreters has is imported above.

STEPS, SIMULATED = "control steps/s", "s simulated / s"
BATCHES = (1, 64)
N_WINDOWS = 100
PEER_SECONDS, OUR_SECONDS = 4.0, 1.0
TURNS = 5


class Contest(NamedTuple):
    """peer: its name; ours: what is simulated; options of our sync_rl_suppress; simulated: whether both name seconds,
    so that time simulated can be compared."""

    peer: str
    ours: str
    options: dict[str, Any]
    simulated: bool


CONTESTS = {
    "dbs_gym": Contest("DBS-Gym", "512 phases, DBS-Gym's env", {"preset": "dbs_gym"}, True),
    "rl_dbs": Contest("RL-DBS (C)", "1000 relaxation oscillators, RL-DBS's env", {}, False),
}


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], Path(sys.argv[3]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dbs-gym", type=Path, help="checkout of NevVerVer/DBS-Gym")
    parser.add_argument("--rl-dbs", type=Path, help="checkout of cviaai/RL-DBS")
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter with what the peers import")
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--json", type=Path, help="file for the rows")
    chosen = parser.parse_args()
    checkouts = {name: getattr(chosen, name) for name in CONTESTS if getattr(chosen, name) is not None}
    if not checkouts:
        parser.error("give a checkout: --dbs-gym, --rl-dbs or both")
    from neurodrift.scenarios.cli.environment import prefer_small_loops

    prefer_small_loops()  # as the command line does
    rows = [row for name, path in checkouts.items() for row in contest(name, path, chosen.peer_python, chosen.turns)]
    for row in rows:
        print(
            f"{row['name']}: {row['ours']:,.3g} beside {row['peer']:,.3g} of {row['peer_name']} {row['unit']},", end=""
        )
        print(f" {row['ratio']:,.3g} times")
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def contest(name: str, checkout: Path, python: str, turns: int) -> list[dict[str, Any]]:
    """The rows of one peer: control steps per second of each way in which we step, and time simulated."""
    import numpy as np

    rules = CONTESTS[name]
    ours: dict[str, tuple[Callable[[], Any], int]] = {"single through Gymnasium": (single(rules.options), 1)}
    for n in BATCHES:
        ours[f"batch of {n} in a scan"] = (scanned(rules.options, n), n * N_WINDOWS)
    with Peer(python, name, checkout) as peer:
        rate, _ = peer.step(2)
        per_turn = max(int(PEER_SECONDS * rate), 2)
        calls = {way: max(int(OUR_SECONDS / _seconds(step)), 1) for way, (step, _) in ours.items()}
        theirs, simulated = [], []
        rates: dict[str, list[float]] = {way: [] for way in ours}
        for _ in range(turns):
            rate, units = peer.step(per_turn)
            theirs.append(rate)
            simulated.append(units)
            for way, (step, n) in ours.items():
                start = time.perf_counter()
                for _ in range(calls[way]):
                    step()
                rates[way].append(n * calls[way] / (time.perf_counter() - start))
    other = float(np.median(theirs))
    rows = []
    for way, found in rates.items():
        rows.append(_row(f"{rules.ours}: {way}", float(np.median(found)), other, rules.peer, STEPS))
    if rules.simulated:
        step_s = _window_s(rules.options)
        other *= float(np.median(simulated))
        for way, found in rates.items():
            rows.append(
                _row(f"{rules.ours}, time: {way}", float(np.median(found)) * step_s, other, rules.peer, SIMULATED)
            )
    return rows


def _row(name: str, ours: float, peer: float, peer_name: str, unit: str) -> dict[str, Any]:
    return {"name": name, "ours": ours, "peer": peer, "peer_name": peer_name, "ratio": ours / peer, "unit": unit}


def _seconds(step: Callable[[], Any]) -> float:
    step()
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def single(options: dict[str, Any]) -> Callable[[], Any]:
    """One step of our Gymnasium environment, with a constant action."""
    import gymnasium
    import numpy as np

    from neurodrift.sim import envs  # noqa: F401 (registers the ids)

    env = gymnasium.make("neurodrift/SyncSuppress-v0", n_windows=None, disable_env_checker=True, **options)
    env.reset(seed=0)
    action = np.ones(env.action_space.shape or (), np.float32)
    return lambda: env.step(action)


def scanned(options: dict[str, Any], n: int) -> Callable[[], Any]:
    """A run of :data:`N_WINDOWS` of ``n`` ensembles, each another one, with a constant action."""
    import jax
    import jax.numpy as jnp

    from neurodrift.agents import Constant
    from neurodrift.sim.loop import run_loop
    from neurodrift.sim.tasks import draw_task, make_task

    task = "sync_rl_suppress"
    loop, policy = make_task(task, **options), Constant(level=jnp.ones(1))
    keys = jax.random.split(jax.random.key(0), n)

    @jax.jit
    def run(keys: Any) -> Any:
        return jax.vmap(lambda key: run_loop(draw_task(task, loop, key), policy, N_WINDOWS, key)["reward"])(keys)

    return lambda: jax.block_until_ready(run(keys))


def _window_s(options: dict[str, Any]) -> float:
    from neurodrift.sim.tasks import make_task

    source: Any = make_task("sync_rl_suppress", **options).plant.source
    return source.n_times / source.sfreq


class Peer:
    """Another's environment in a process of its own."""

    def __init__(self, python: str, name: str, checkout: Path) -> None:
        self._words = [python, str(Path(__file__).resolve()), "--serve", name, str(checkout.resolve())]

    def __enter__(self) -> "Peer":
        self._process = subprocess.Popen(self._words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._hear()
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe("stdin").close()
        self._process.wait()

    def step(self, n: int) -> tuple[float, float]:
        """(steps per second over ``n`` steps, s simulated per step by its own account)."""
        self._pipe("stdin").write(f"{n}\n")
        self._pipe("stdin").flush()
        seconds, simulated = self._hear()
        return n / seconds, simulated / n

    def _hear(self) -> tuple[float, float]:
        line = self._pipe("stdout").readline()
        if not line:
            raise SystemExit("the peer's environment did not run; what it said is above")
        seconds, simulated = json.loads(line)
        return seconds, simulated

    def _pipe(self, name: str) -> Any:
        return getattr(self._process, name)


def serve(name: str, checkout: Path) -> None:
    """Step the peer as often as each line of standard input says; answer [s, s simulated]."""
    answer = os.fdopen(os.dup(1), "w")
    with contextlib.redirect_stdout(io.StringIO()):  # they print
        step, simulated = {"dbs_gym": _dbs_gym, "rl_dbs": _rl_dbs}[name](checkout)
        step()
        print("[1, 0]", file=answer, flush=True)
        for line in sys.stdin:
            before, start = simulated(), time.perf_counter()
            for _ in range(int(line)):
                step()
            print(json.dumps([time.perf_counter() - start, simulated() - before]), file=answer, flush=True)


def _dbs_gym(checkout: Path) -> tuple[Callable[[], Any], Callable[[], float]]:
    sys.path.insert(0, str(checkout))
    os.environ.setdefault("MPLBACKEND", "Agg")
    config: Any = importlib.import_module("environment.env_configs.env1")
    utils: Any = importlib.import_module("environment.utils")
    module: Any = importlib.import_module("environment.env")
    parameters = config.params_dict_train
    w0, coords, grid, outside, locus, mask = utils.generate_w0_with_locus(
        config.n_neurons, config.grid_size, config.coord_modif, locus_center=parameters["locus_center"],
        locus_size=parameters["locus_size"], wmuL=parameters["wmuL"], wsdL=parameters["wsdL"], show=False,
    )  # fmt: skip
    parameters |= {
        "w0": w0, "w0_without_locus": outside, "locus_without_w0": locus, "locus_mask": mask,
        "neur_coords": coords, "neur_grid": grid, "reward_func": "bbpow_action",
    }  # fmt: skip
    env = module.SpatialKuramoto(params_dict=parameters)
    return lambda: env.step([1.0]), lambda: float(utils.units2sec(env.current_time))


def _rl_dbs(checkout: Path) -> tuple[Callable[[], Any], Callable[[], float]]:
    import gymnasium

    sources = [checkout / "source_for_build_files" / name for name in ("gfg.c", "nrlib.cxx")]
    folder = tempfile.mkdtemp()
    library = Path(folder) / "oscillators.so"
    words = ["g++", "-O2", "-w", "-fPIC", "-shared", "-o", str(library), "-x", "c++", *map(str, sources)]
    subprocess.run(words, check=True)
    compiled = ctypes.CDLL(str(library))
    double, pointer = ctypes.c_double, ctypes.c_void_p
    found: dict[str, Any] = {}
    # the names that g++ gives them
    for name, symbol, result, arguments in (
        ("init", "_Z4initidd", pointer, [ctypes.c_int, double, double]),
        ("Pertrubation", "_Z12PertrubationPdd", pointer, [pointer, double]),
        ("Make_step", "_Z9Make_stepPd", pointer, [pointer]),
        ("Calc_mfx", "_Z8Calc_mfxPd", double, [pointer]),
        ("Calc_mfy", "_Z8Calc_mfyPd", double, [pointer]),
    ):
        function = getattr(compiled, symbol)
        function.restype, function.argtypes = result, arguments
        found[name] = function
    stand_in = types.ModuleType("oscillator_cpp")
    vars(stand_in).update(found)
    # its environment imports the predecessor of gymnasium, and the extension under this name
    sys.modules |= {"oscillator_cpp": stand_in, "gym": gymnasium, "gym.spaces": gymnasium.spaces}
    sys.modules["gym.utils"] = gymnasium.utils
    sys.path.insert(0, str(checkout / "gym_oscillator" / "envs"))
    module: Any = importlib.import_module("osc_env")
    env = module.oscillatorEnv()
    return lambda: env.step([1.0]), lambda: 0.0


if __name__ == "__main__":
    main()
