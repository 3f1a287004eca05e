"""Training goes on to the bit from its checkpoint, in a new process too, and nothing corrupt is taken for one."""

import dataclasses
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.agents.rl import PPO, SAC, probes, train
from neurodrift.agents.rl import checkpoint as files
from neurodrift.agents.rl.training import _chunk
from neurodrift.sim.errors import InputError

TRAINING = """
import sys
import jax
import jax.numpy as jnp
if {quick}:
    jax.config.update("jax_disable_most_optimizations", True)
from neurodrift.agents.rl import PPO, SAC, probes, train
{settings}
def world(key):
    return probes.Linear(b=jax.random.uniform(key, (), minval=0.2, maxval=0.8), n_steps=5)
train(algorithm, world, int(sys.argv[2]), jax.random.key(3), chunk=2, folder=sys.argv[1])
"""
SETTINGS = {
    "ppo": "algorithm = PPO(n_envs=8, n_steps=6, n_epochs=2, n_minibatches=2, hidden=(8,), recurrent=4, n_bank=8)",
    "sac": "algorithm = SAC(n_envs=4, n_steps=4, n_gradients=2, batch=8, capacity=64, hidden=(8,), n_bank=4)",
}


def _train(folder, n_updates: int, name: str) -> None:
    code = TRAINING.format(settings=SETTINGS[name], quick=bool(jax.config.read("jax_disable_most_optimizations")))
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(n_updates)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_interrupted_and_resumed_in_a_new_process_equals_uninterrupted_to_the_bit(name, tmp_path):
    _train(tmp_path / "whole", 6, name)
    # the second stop is within a chunk
    for stop in (2, 5, 6):
        _train(tmp_path / "parts", stop, name)
    whole, parts = (files.resume(tmp_path / folder) for folder in ("whole", "parts"))
    assert whole is not None
    assert parts is not None
    assert whole.values.keys() == parts.values.keys()
    assert any("bank" in key for key in whole.values)
    for key, value in whole.values.items():
        np.testing.assert_array_equal(value, parts.values[key], err_msg=key)
    assert whole.arrays("curves")["reward"].shape == (6,)


SMALL = PPO(n_envs=4, n_steps=4, n_epochs=1, n_minibatches=2, hidden=(4,), n_bank=4)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder with two checkpoints, after 2 and 4 updates, and the training itself."""
    folder = tmp_path_factory.mktemp("kept")
    return folder, train(SMALL, probes.Linear(), 4, jax.random.key(0), chunk=2, folder=folder)


def _copy(kept, tmp_path):
    for name in (files.NEWEST, files.BEFORE):
        (tmp_path / name).write_bytes((kept[0] / name).read_bytes())
    return tmp_path


def test_going_on_from_a_file_equals_going_on_from_memory(kept, tmp_path):
    folder, training = _copy(kept, tmp_path), kept[1]
    # no key is needed: everything random is in the checkpoint
    resumed = train(SMALL, probes.Linear(), 6, chunk=2, folder=folder)
    onward = train(SMALL, probes.Linear(), 6, start=training, chunk=2)
    again = train(SMALL, probes.Linear(), 6, jax.random.key(0), chunk=2)
    for name in training.curves:
        np.testing.assert_array_equal(resumed.curves[name], onward.curves[name])
        np.testing.assert_array_equal(resumed.curves[name], again.curves[name])
    words = files.named(onward.state)
    assert all(np.array_equal(a, words[name]) for name, a in files.named(resumed.state).items())


def test_pieces_of_a_chunk_change_nothing_and_are_told_about_one_by_one(kept, tmp_path):
    told = []
    parts = train(SMALL, probes.Linear(), 3, jax.random.key(0), chunk=2, piece=1, folder=tmp_path, progress=told.append)
    assert [one.done for one in told] == [1, 2, 3]
    resumed = train(SMALL, probes.Linear(), 4, chunk=2, piece=1, folder=tmp_path)
    assert parts.n_updates == 3
    for name, values in kept[1].curves.items():
        np.testing.assert_array_equal(resumed.curves[name], values, err_msg=name)


def test_a_piece_that_took_long_is_kept_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("neurodrift.agents.rl.training.SAVE_SECONDS", 0.0)
    monkeypatch.setattr("neurodrift.agents.rl.training.SAVE_SHARE", 0.0)

    def stop(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(SMALL, probes.Linear(), 4, jax.random.key(0), chunk=2, piece=1, folder=tmp_path, progress=stop)
    found = files.resume(tmp_path)
    assert found is not None
    assert found.meta["n_updates"] == 1


def test_files_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        files.write_atomic(tmp_path / "policy", b"1")
    finally:
        os.umask(before)
    assert (tmp_path / "policy").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]


def test_a_training_that_goes_on_is_not_compiled_again(kept):
    training = kept[1]
    before = _chunk._cache_size()
    train(SMALL, probes.Linear(), 8, start=training, chunk=2)
    train(dataclasses.replace(SMALL, learning_rate=1e-4), probes.Linear(b=0.3), 8, start=training, chunk=2)
    assert _chunk._cache_size() == before


def test_seeds_trained_side_by_side_are_those_trained_alone(kept):
    told = []
    keys = jnp.stack([jax.random.key(0), jax.random.key(7)])
    both = train(SMALL, probes.Linear(), 2, keys, chunk=2, progress=told.append)
    assert both.n_seeds == 2
    assert both.curves["reward"].shape == (2, 2)
    np.testing.assert_allclose(both.curves["reward"][0], kept[1].curves["reward"][:2], rtol=1e-4)
    assert not np.allclose(both.curves["reward"][0], both.curves["reward"][1])
    one, other = (jax.tree.leaves(both.policy(seed)) for seed in (0, 1))
    assert [a.shape for a in one] == [a.shape for a in jax.tree.leaves(kept[1].policy())]
    assert any(not np.array_equal(a, b) for a, b in zip(one, other))
    (progress,) = told
    assert (progress.done, progress.n_updates) == (2, 2)
    assert progress.steps_per_s > 0
    assert str(progress).startswith("update 2/2  ")
    assert "reward" in str(progress)


def test_a_corrupt_checkpoint_gives_way_to_the_one_before(kept, tmp_path):
    folder = _copy(kept, tmp_path)
    whole = (folder / files.NEWEST).read_bytes()
    before = files.read(folder / files.BEFORE)
    assert before.meta["n_updates"] == 2
    for damaged in (whole[: len(whole) // 2], b"", whole[:2000] + b"\0" * 64 + whole[2064:], b"x" * 500):
        (folder / files.NEWEST).write_bytes(damaged)
        with pytest.raises(InputError, match="not a whole checkpoint"):
            files.read(folder / files.NEWEST)
        found = files.resume(folder)
        assert found is not None
        assert found.meta["n_updates"] == 2
        assert "not a whole checkpoint" in found.passed_over
    (folder / files.BEFORE).write_bytes(b"")
    with pytest.raises(InputError, match="remove it"):
        files.resume(folder)


def test_a_checkpoint_holds_no_code(tmp_path):
    path = tmp_path / files.NEWEST
    np.savez(path, header=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match="not a whole checkpoint"):
        files.read(path)


def test_a_checkpoint_of_other_settings_is_refused_by_name(kept, tmp_path):
    folder = _copy(kept, tmp_path)
    wider = PPO(n_envs=4, n_steps=4, n_epochs=1, n_minibatches=2, hidden=(5,), n_bank=4)
    with pytest.raises(InputError, match=r"float32\[27\], wanted is float32\[33\]"):
        train(wider, probes.Linear(), 6, chunk=2, folder=folder)
    with pytest.raises(InputError, match="chunks of 2"):
        train(SMALL, probes.Linear(), 6, chunk=3, folder=folder)


def test_a_new_training_without_a_key_is_refused():
    with pytest.raises(InputError, match="key is missing"):
        train(SMALL, probes.Linear(), 2)


def test_every_kind_of_leaf_comes_back(tmp_path):
    tree = {"a": (jnp.float32(1.5), jax.random.split(jax.random.key(1), 3)), "b": [jnp.arange(3), jnp.asarray(True)]}
    files.save(tmp_path, {"t": tree}, {"n": 1})
    found = files.resume(tmp_path)
    assert found is not None
    back = found.tree("t", jax.eval_shape(lambda: tree))
    assert jax.tree.structure(back) == jax.tree.structure(tree)
    for one, other in zip(jax.tree.leaves(back), jax.tree.leaves(tree)):
        assert one.dtype == other.dtype
    np.testing.assert_array_equal(jax.random.key_data(back["a"][1]), jax.random.key_data(tree["a"][1]))
    assert found.meta == {"n": 1}
    assert SAC(n_envs=2).steps_per_update == 16
