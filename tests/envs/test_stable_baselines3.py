import gymnasium
import numpy as np
import pytest

import neurodrift.sim.envs  # noqa: F401 (registers the ids)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SyncSuppress", {"n_oscillators": 27}),
        pytest.param("PdAdbsOnoff", {}, marks=pytest.mark.slow),
    ],
)
def test_stable_baselines3_trains_on_an_id_unchanged(name, options):
    sb3 = pytest.importorskip("stable_baselines3")
    env = gymnasium.make(f"neurodrift/{name}-v0", n_windows=32, **options)
    model = sb3.PPO("MlpPolicy", env, n_steps=32, batch_size=16, n_epochs=1, seed=0, device="cpu")
    before = [p.detach().numpy().copy() for p in model.policy.parameters()]
    model.learn(64)
    after = [p.detach().numpy() for p in model.policy.parameters()]
    assert any(not np.array_equal(a, b) for a, b in zip(before, after))
    assert all(np.isfinite(p).all() for p in after)
    observation, _ = env.reset(seed=0)
    action, _ = model.predict(observation, deterministic=True)
    assert env.action_space.contains(action)
