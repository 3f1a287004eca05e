"""Control steps per second of the Gymnasium environment: 20 Jansen-Rit columns, 16 channels, windows of 100 ms."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

UNIT = "control steps/s"
BATCHES = (1, 64, 1024)
REPETITIONS, QUICK_REPETITIONS = 9, 3
SECONDS = 0.5


def bench(quick: bool) -> list[dict[str, Any]]:
    """Rows name, ours, peer, peer_name, ratio, unit.

    Single through Gymnasium's own step loop, and batched over 1, 64 and 1024 (quick: 64). The peer of a batch of
    64 is Gymnasium's SyncVectorEnv over 64 of the same single environments, interleaved with ours. XLA's option for
    small loops is the caller's to set (the command line does): it is read once per process, before JAX starts.
    """
    import gymnasium
    import jax

    from ...sim.builders import jansen_rit_plant
    from ...sim.envs import NeuromodEnv, NeuromodVectorEnv

    plant = jansen_rit_plant(jax.random.key(0))
    repetitions = QUICK_REPETITIONS if quick else REPETITIONS
    single = NeuromodEnv(plant)
    (ours,) = steps_per_second([(_stepper(single), 1)], repetitions)
    rows = [_row("environment, single through Gymnasium", ours)]
    for n in (64,) if quick else BATCHES:
        candidates = [(_stepper(NeuromodVectorEnv(plant, num_envs=n)), n)]
        if n == 64:
            sync = gymnasium.vector.SyncVectorEnv([lambda: NeuromodEnv(plant) for _ in range(n)])
            candidates.append((_stepper(sync), n))
        ours, *peers = steps_per_second(candidates, repetitions)
        name = f"environment, batch of {n} through Gymnasium"
        rows.append(_row(name, ours, *peers, peer_name="gymnasium SyncVectorEnv" if peers else None))
    return rows


def steps_per_second(candidates: list[tuple[Callable[[], Any], int]], repetitions: int) -> list[float]:
    """Median rate of each (function, environments it advances per call), the candidates taking turns."""
    calls = []
    for step, _ in candidates:
        step()
        start = time.perf_counter()
        step()
        calls.append(max(int(SECONDS / (time.perf_counter() - start + 1e-9) / 2), 1))
    rates: list[list[float]] = [[] for _ in candidates]
    for _ in range(repetitions):
        for (step, n), n_calls, rate in zip(candidates, calls, rates):
            start = time.perf_counter()
            for _ in range(n_calls):
                step()
            rate.append(n * n_calls / (time.perf_counter() - start))
    return [float(np.median(rate)) for rate in rates]


def _stepper(env: Any) -> Callable[[], Any]:
    env.reset(seed=0)
    action = np.zeros(env.action_space.shape, np.float32)
    return lambda: env.step(action)


def _row(name: str, ours: float, peer: float | None = None, peer_name: str | None = None) -> dict[str, Any]:
    ratio = None if peer is None else ours / peer
    return {"name": name, "ours": ours, "peer": peer, "peer_name": peer_name, "ratio": ratio, "unit": UNIT}
