"""Steps per second of proximal policy optimisation, acting and learning, beside Stable-Baselines3.

Both train the same network (two tanh layers of 64, apart for policy and value) on the same environment, interleaved in
one process, with the same passes over each step. What differs is what each is made for: ours runs a thousand lanes
inside one compiled program, theirs steps a vector of environments from Python.
"""

import importlib.util
import time
import warnings
from typing import Any

import numpy as np

UNIT = "steps/s, learning included"
REPETITIONS, QUICK_REPETITIONS = 5, 2
LANES, STEPS = 1024, 32
EPOCHS = 10  # both; Stable-Baselines3's default
PEER_LANES, PEER_STEPS = 8, 256


def bench(quick: bool) -> list[dict[str, Any]]:
    """Rows name, ours, peer, peer_name, ratio, unit, on a linear plant watched for 200 steps.

    Against Stable-Baselines3 with its default minibatches of 64, and with those that suit it best (512).
    """
    from ...agents.rl import probes

    return measure(probes.Linear(noise=0.05, n_steps=200), "linear plant", quick)


def measure(environment: Any, name: str, quick: bool = True) -> list[dict[str, Any]]:
    """The rows for any environment of :mod:`neurodrift.agents.rl.environment`."""
    ours = _ours(environment)
    installed = all(importlib.util.find_spec(module) is not None for module in ("stable_baselines3", "torch"))
    peers = {f"minibatches of {n}": _peer(environment, n) for n in (64, 512)} if installed else {}
    runners = [ours, *peers.values()]
    for run in runners:
        run()
        # compiles what only a training that goes on needs
        run()
    rates: list[list[float]] = [[] for _ in runners]
    for _ in range(QUICK_REPETITIONS if quick else REPETITIONS):
        for run, rate in zip(runners, rates):
            start = time.perf_counter()
            n_steps = run()
            rate.append(n_steps / (time.perf_counter() - start))
    mine, *theirs = (float(np.median(rate)) for rate in rates)
    what = f"PPO on the {name}, {LANES} lanes"
    if not installed:
        return [_row(f"{what} (Stable-Baselines3 is not installed)", mine, None, None)]
    return [
        _row(f"{what}, peer with {setting}", mine, rate, "stable-baselines3 PPO")
        for setting, rate in zip(peers, theirs)
    ]


def _ours(environment: Any) -> Any:
    import jax

    from ...agents.rl import PPO, train

    algorithm = PPO(n_envs=LANES, n_steps=STEPS, n_epochs=EPOCHS, n_minibatches=4, n_bank=LANES)
    kept: dict[str, Any] = {"training": None}

    def run() -> int:
        start = kept["training"]
        done = 0 if start is None else start.n_updates
        key = jax.random.key(0) if start is None else None
        kept["training"] = train(algorithm, environment, done + 4, key, start=start, chunk=4)
        return 4 * algorithm.steps_per_update

    return run


def _peer(environment: Any, batch_size: int) -> Any:
    """Stable-Baselines3's PPO on the same environment, stepped through Gymnasium by one compiled call a step."""
    import torch  # pyright: ignore[reportMissingImports]
    from stable_baselines3 import PPO  # pyright: ignore[reportMissingImports]
    from stable_baselines3.common.vec_env import DummyVecEnv  # pyright: ignore[reportMissingImports]

    model = PPO(
        "MlpPolicy", DummyVecEnv([lambda seed=seed: as_gymnasium(environment, seed) for seed in range(PEER_LANES)]),
        n_steps=PEER_STEPS, batch_size=batch_size, n_epochs=EPOCHS, seed=0, device="cpu",
    )  # fmt: skip

    def run() -> int:
        threads = torch.get_num_threads()
        # networks as small as these are slower in several threads
        torch.set_num_threads(1)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.learn(PEER_LANES * PEER_STEPS, reset_num_timesteps=False)
        finally:
            torch.set_num_threads(threads)
        return PEER_LANES * PEER_STEPS

    return run


def as_gymnasium(environment: Any, seed: int) -> Any:
    """A Gymnasium environment of a functional one; each step is one compiled call."""
    import gymnasium
    import jax

    reset, step = jax.jit(type(environment).reset), jax.jit(type(environment).step)

    class Wrapped(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(-1e9, 1e9, (environment.n_observations,), np.float32)
        action_space = gymnasium.spaces.Box(-1.0, 1.0, (environment.n_actions,), np.float32)

        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
            super().reset(seed=seed)
            word = int(self.np_random.integers(2**31))
            self.state, observation = reset(environment, jax.random.key(word))
            return np.asarray(observation), {}

        def step(self, action: Any) -> Any:
            self.state, made = step(environment, self.state, np.asarray(action, np.float32))
            made = jax.device_get(made)
            return made.observation, float(made.reward), bool(made.terminated), bool(made.truncated), {}

    wrapped = Wrapped()
    wrapped.reset(seed=seed)
    return wrapped


def _row(name: str, ours: float, peer: float | None, peer_name: str | None) -> dict[str, Any]:
    ratio = None if peer is None else ours / peer
    return {"name": name, "ours": ours, "peer": peer, "peer_name": peer_name, "ratio": ratio, "unit": UNIT}
