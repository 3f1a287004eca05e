"""The laws of the whole plant and of the session loop."""

import dataclasses
import os
import pickle
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation import DECODERS, METHODS, Preprocessing, Trials, with_alignment
from neurodrift.agents import Constant
from neurodrift.scenarios.decoding import Stream, decode_host, decode_stream, reveal, rollout_scan
from neurodrift.sim.builders import motor_imagery_plant
from neurodrift.sim.drift import CapShift, GainDrift
from neurodrift.sim.keys import stream_key
from neurodrift.sim.plant import record, run_trial

MONTAGE = ("F3", "F4", "C3", "Cz", "C4", "P3", "Pz", "P4")
LONGEST = 12
"""Trials recorded where fewer would do: another number would be another program to compile."""


@jax.jit
def recorded(plant, key):
    return record(plant, key, LONGEST)


@pytest.fixture(scope="module")
def plant():
    drift = (CapShift.lateral(0.02, onset_s=24.0), GainDrift.create(len(MONTAGE), 0.5))
    plant = motor_imagery_plant(jax.random.key(3), MONTAGE, sfreq=100.0, drift=drift)
    # without the converter's steps, which turn a last bit of difference into a whole step
    return dataclasses.replace(plant, amplifier=dataclasses.replace(plant.amplifier, lsb=jnp.float32(2.0**-60)))


def _allclose(a, b, tolerance):
    for left, right in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        if jnp.issubdtype(left.dtype, jax.dtypes.prng_key):
            left, right = jax.random.key_data(left), jax.random.key_data(right)
        np.testing.assert_allclose(left, right, rtol=tolerance, atol=tolerance * max(1e-12, np.abs(right).max()))


def test_a_recording_is_the_same_whole_in_pieces_and_trial_by_trial(plant):
    key = jax.random.key(1)
    whole = jax.tree.map(lambda leaf: leaf[:6], recorded(plant, key))
    step = jax.jit(lambda state: run_trial(plant, state, jnp.zeros(2)))
    state, rows = plant.init(key), []
    for _ in range(6):
        state, epoch = step(state)
        state = pickle.loads(pickle.dumps(jax.tree.map(_to_host, state), protocol=5))
        state = jax.tree.map(_to_device, state, is_leaf=lambda leaf: isinstance(leaf, _HostKey))
        rows.append(epoch)
    _allclose(whole, jax.tree.map(lambda *leaves: jnp.stack(leaves), *rows), 1e-4)


@dataclasses.dataclass
class _HostKey:
    data: np.ndarray


def _to_host(leaf):
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return _HostKey(np.asarray(jax.random.key_data(leaf)))
    return np.asarray(leaf)


def _to_device(leaf):
    return jax.random.wrap_key_data(leaf.data) if isinstance(leaf, _HostKey) else jnp.asarray(leaf)


def test_a_row_of_vmap_is_the_single_run(plant):
    keys = jax.random.split(jax.random.key(2), 3)
    rows = jax.vmap(lambda key: record(plant, key, 3))(keys)
    _allclose(jax.tree.map(lambda leaf: leaf[1], rows), record(plant, keys[1], 3), 1e-4)


def test_leaving_the_drift_out_gives_the_paired_counterfactual(plant):
    key = jax.random.key(4)
    drifting = jax.tree.map(lambda leaf: leaf[:6], recorded(plant, key))
    still = jax.tree.map(lambda leaf: leaf[:6], record(dataclasses.replace(plant, drift=()), key, 20))
    assert np.array_equal(drifting.label, still.label)
    # 24 s are three trials: before them the cap has not moved, after them it has
    shift = np.linalg.norm(drifting.conditions.cap_rotation, axis=-1) * 0.09
    np.testing.assert_allclose(shift, [0, 0, 0, 0.02, 0.02, 0.02], atol=1e-6)
    quiet = dataclasses.replace(plant, drift=plant.drift[:1])
    np.testing.assert_allclose(record(quiet, key, 3).x, still.x[:3], atol=1e-12)


def test_a_changed_physical_parameter_does_not_retrace(plant):
    traces = []

    @jax.jit
    def run(plant, key):
        traces.append(None)
        return record(plant, key, 2).x

    for scale in (1.0, 2.0):
        source = dataclasses.replace(plant.source, a_rest=plant.source.a_rest * scale)
        drift = (CapShift.lateral(0.01 * scale, onset_s=8.0), plant.drift[1])
        run(dataclasses.replace(plant, source=source, drift=drift), jax.random.key(0))
    assert len(traces) == 1


def test_the_same_seed_gives_the_same_bits_in_another_process():
    code = (
        "import jax, hashlib, numpy as np\n"
        "from neurodrift.sim.builders import motor_imagery_plant\n"
        "from neurodrift.sim.plant import record\n"
        "plant = motor_imagery_plant(jax.random.key(3), ('C3', 'Cz', 'C4'), sfreq=100.0)\n"
        "x = np.asarray(record(plant, jax.random.key(1), 2).x)\n"
        "print(hashlib.sha256(x.tobytes()).hexdigest())\n"
    )
    # each compiles for itself, as for users
    alone = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "false"}
    alone.pop("XLA_FLAGS", None)
    words = [sys.executable, "-c", code]
    run = [subprocess.run(words, env=alone, capture_output=True, text=True, check=True) for _ in range(2)]
    assert run[0].stdout == run[1].stdout
    assert len(run[0].stdout.strip()) == 64


@pytest.fixture(scope="module")
def session(plant):
    """Calibration, decoder, variables and a stream of eight trials."""
    spec = DECODERS["csp_lda"]
    preprocessing = Preprocessing.create(100.0, 300, spec.l_freq, spec.h_freq)
    decoder = spec.make(len(MONTAGE), 300, 2, 100.0)
    epochs = record(dataclasses.replace(plant, drift=()), jax.random.key(5), 20)
    calibration = Trials(preprocessing.apply(epochs.x), epochs.label, jnp.ones(20))
    variables = with_alignment(decoder.init(jax.random.key(0)), calibration)
    variables = decoder.fit(variables, calibration, jax.random.key(0))
    return preprocessing, decoder, variables, calibration


@pytest.mark.parametrize(
    "method", ["ea_cft", *(pytest.param(name, marks=pytest.mark.slow) for name in ("ea", "cft", "recal10"))]
)
def test_the_closed_loop_decodes_what_the_open_loop_decodes_where_nothing_stimulates(plant, session, method):
    preprocessing, decoder, variables, calibration = session
    key, n_trials = jax.random.key(6), LONGEST
    adapter = METHODS[method].make()
    closed = rollout_scan(plant, preprocessing, adapter, decoder, variables, calibration, key, n_trials)
    epochs = recorded(plant, stream_key(key, "plant"))
    labels = reveal(jax.random.key(0), epochs.label, 2)
    stream = Stream(preprocessing.apply(epochs.x), labels, jnp.zeros(n_trials, bool))
    open_loop = decode_stream(adapter, decoder, variables, calibration, stream, stream_key(key, "adapter"))
    np.testing.assert_allclose(closed.proba, open_loop[0], atol=1e-4)
    assert np.array_equal(closed.labels_used, open_loop[1])


def test_the_scan_is_the_python_loop(plant, session):
    preprocessing, decoder, variables, calibration = session
    epochs = jax.tree.map(lambda leaf: leaf[:10], recorded(plant, jax.random.key(7)))
    labels = reveal(jax.random.key(1), epochs.label, 2, delay=2, missing=0.3, noise=0.2)
    stream = Stream(preprocessing.apply(epochs.x), labels, jnp.arange(10) == 4)
    run = (METHODS["ea_cft"].make(), decoder, variables, calibration, stream, jax.random.key(2))
    for scanned, stepped in zip(decode_stream(*run), decode_host(*run), strict=True):
        np.testing.assert_allclose(scanned, stepped, atol=1e-4)


FITTING = [name for name, spec in METHODS.items() if name != "oracle" and spec.fits(DECODERS["csp_lda"])]


@pytest.mark.parametrize("name", FITTING)
def test_predictions_never_depend_on_what_comes_later(plant, session, name):
    preprocessing, decoder, variables, calibration = session
    epochs = jax.tree.map(lambda leaf: leaf[:10], recorded(plant, jax.random.key(8)))
    x = preprocessing.apply(epochs.x)

    @jax.jit
    def run(x, y):
        stream = Stream(x, reveal(jax.random.key(0), y, 2), jnp.zeros(10, bool))
        return decode_stream(METHODS[name].make(), decoder, variables, calibration, stream, jax.random.key(3))[0]

    reference = run(x, epochs.label)
    # another future: trial 6 and later are different windows with flipped labels
    other = run(x.at[6:].multiply(-3.0), epochs.label.at[5:].set(1 - epochs.label[5:]))
    np.testing.assert_array_equal(reference[:6], other[:6])


def test_stimulation_in_the_loop_changes_what_is_decoded(plant, session):
    preprocessing, decoder, variables, calibration = session
    run = (plant, preprocessing, METHODS["frozen"].make(), decoder, variables, calibration, jax.random.key(9), 4)
    loop = jax.jit(lambda level: rollout_scan(*run, policy=Constant(level=level)))
    off, on = loop(jnp.zeros(2)), loop(jnp.ones(2))
    np.testing.assert_array_equal(off.proba[0], on.proba[0])
    # the same noise in both: only the 2 mA make a difference, and it is far above rounding
    assert np.abs(off.proba[1:] - on.proba[1:]).max() > 1e-3
    np.testing.assert_allclose(on.action[1:], 2e-3)


def test_a_policy_in_the_session_loop_remembers_and_reads_what_was_decoded(plant, session):
    class Counter:
        """Stimulates by the trials it has seen, with the sign of what was decoded."""

        def init(self):
            return jnp.zeros(())

        def act(self, memory, reading, key):
            memory = memory + 1.0
            return memory, jnp.sign(reading[1] - reading[0]) * memory * jnp.array([0.1, 0.2])

    preprocessing, decoder, variables, calibration = session
    run = (plant, preprocessing, METHODS["frozen"].make(), decoder, variables, calibration, jax.random.key(9), 4)
    loop = rollout_scan(*run, policy=Counter())
    sign = np.sign(np.asarray(loop.proba[:-1, 1] - loop.proba[:-1, 0]))
    expected = 2e-3 * (sign * np.arange(1, 4))[:, None] * np.array([0.1, 0.2])
    np.testing.assert_allclose(loop.action[1:], expected, rtol=1e-5)


def test_labels_are_revealed_late_missing_and_wrong_as_asked():
    y = jnp.asarray(np.random.default_rng(0).integers(0, 3, 4000))
    labels = reveal(jax.random.key(0), y, 3, delay=7, missing=0.25, noise=0.1)
    assert not labels.available[:7].any()
    np.testing.assert_array_equal(labels.origin[7:], np.arange(4000 - 7))
    available = np.asarray(labels.available[7:])
    assert abs(available.mean() - 0.75) < 3 * np.sqrt(0.75 * 0.25 / 4000)
    wrong = np.asarray(labels.label[7:] != y[:-7])
    assert abs(wrong.mean() - 0.1) < 3 * np.sqrt(0.1 * 0.9 / 4000)
