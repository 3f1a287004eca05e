"""Control windows per second of the tasks of stimulation: in one compiled scan, as training runs them, and through
Gymnasium. No peer's row: DBS-Gym and RL-DBS are no packages (published: DBS-Gym 1.9 steps/s on two such cores)."""

import time
from typing import Any

import numpy as np

from .environment import steps_per_second

UNIT = "control steps/s"
BATCHES = (1, 64, 1024)
N_WINDOWS = 50
REPETITIONS, QUICK_REPETITIONS = 5, 2
TASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "pd_adbs_onoff, windows of 100 ms": ("pd_adbs_onoff", {}),
    "sync_rl_suppress, 1000 oscillators, 1 step a window": ("sync_rl_suppress", {}),
    "sync_rl_suppress, 512 phases, 16 steps a window": ("sync_rl_suppress", {"preset": "dbs_gym"}),
}


def bench(quick: bool) -> list[dict[str, Any]]:
    """Rows name, ours, peer, peer_name, ratio, unit. Batches of 1, 64 and 1024 (quick: 1 and 64)."""
    rows = []
    for name, (task, options) in TASKS.items():
        rows.append(_row(f"{name}: single through Gymnasium", _gymnasium(task, options, quick)))
        for n in BATCHES[:2] if quick else BATCHES:
            rows.append(_row(f"{name}: batch of {n} in a scan", _scanned(task, options, n, quick)))
    return rows


def _gymnasium(task: str, options: dict[str, Any], quick: bool) -> float:
    import gymnasium

    from ...sim import envs  # noqa: F401 (registers the ids)
    from ...sim.tasks import TASKS as SPECS

    env = gymnasium.make(f"neurodrift/{SPECS[task].gym_id}-v0", n_windows=None, **options)
    env.reset(seed=0)
    action = np.zeros(env.action_space.shape or (), np.float32)
    return steps_per_second([(lambda: env.step(action), 1)], QUICK_REPETITIONS if quick else REPETITIONS)[0]


def _scanned(task: str, options: dict[str, Any], n: int, quick: bool) -> float:
    """Median over repetitions, random actions; every environment is another patient."""
    import jax

    from ...agents import Random
    from ...sim.loop import run_loop
    from ...sim.tasks import draw_task, make_task

    loop, policy = make_task(task, **options), Random()
    keys = jax.random.split(jax.random.key(0), n)

    @jax.jit
    def run(keys: Any) -> Any:
        return jax.vmap(lambda key: run_loop(draw_task(task, loop, key), policy, N_WINDOWS, key)["reward"])(keys)

    @jax.jit
    def begin(keys: Any) -> Any:
        # what a run costs before its first window: another patient, and its burn-in
        return jax.vmap(lambda key: jax.tree.leaves(draw_task(task, loop, key).init(key))[0])(keys)

    rates = []
    jax.block_until_ready((run(keys), begin(keys)))
    for _ in range(QUICK_REPETITIONS if quick else REPETITIONS):
        start = time.perf_counter()
        jax.block_until_ready(begin(keys))
        middle = time.perf_counter()
        jax.block_until_ready(run(keys))
        took = time.perf_counter() - middle
        # where the beginning is noise beside the run it is left in
        rates.append(n * N_WINDOWS / max(took - (middle - start), 0.5 * took))
    return float(np.median(rates))


def _row(name: str, ours: float) -> dict[str, Any]:
    return {"name": name, "ours": ours, "peer": None, "peer_name": None, "ratio": None, "unit": UNIT}
