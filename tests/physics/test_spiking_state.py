"""What every Brian2 source keeps to: windows of one long run, a state that is saved and put back to the last bit."""

import dataclasses
import pickle
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.conditions import Conditions
from neurodrift.sim.errors import InputError
from neurodrift.sim.sources import BasalGanglia, BrunelNetwork, CorticalColumn, SpikingColumn, simulate_standalone

CONDITIONS = Conditions.nominal(4)
MAKE = {
    "column": lambda **options: SpikingColumn.create(sfreq=500.0, burn_in_s=0.02, **options),
    "brunel": lambda **options: BrunelNetwork.create(n_excitatory=200, probability=0.2, burn_in_s=0.02, **options),
    "gamma": lambda **options: CorticalColumn.create(n_excitatory=80, burn_in_s=0.02, **options),
    "basal_ganglia": lambda **options: BasalGanglia.create(sfreq=500.0, dt=50e-6, burn_in_s=0.02, **options),
}


@pytest.fixture(params=MAKE)
def make(request):
    return MAKE[request.param]


def advance(source, state, n_windows, current=1e-3):
    """Moments (n_sources, n) and the truth of each window."""
    stim = jnp.full((source.n_stim, source.n_times), current)
    outputs = [source.step(state, stim, CONDITIONS, jax.random.key(0))[1:] for _ in range(n_windows)]
    return np.concatenate([moments for moments, _ in outputs], axis=1), [truth for _, truth in outputs]


def test_a_restored_state_continues_with_the_same_bits(make):
    source = make(n_times=10)
    original = source.init(jax.random.key(0), CONDITIONS)
    advance(source, original, 2)
    saved = pickle.dumps(source.save(original))
    expected, truths = advance(source, original, 3)
    original.close()
    restored = source.restore(pickle.loads(saved))
    found, found_truths = advance(source, restored, 3)
    np.testing.assert_array_equal(found, expected)
    jax.tree.map(np.testing.assert_array_equal, found_truths, truths)
    # the saved state is not used up, and a state restored from it can be saved in turn
    assert pickle.dumps(source.save(restored)) != saved
    again = source.restore(pickle.loads(saved))
    np.testing.assert_array_equal(advance(source, again, 3)[0], expected)
    for state in (restored, again):
        state.close()


def test_handing_windows_over_does_not_disturb_the_run(make):
    # parts of one run, whatever the windows' length
    runs = []
    for n_times in (20, 5):
        source = make(n_times=n_times)
        state = source.init(jax.random.key(3), CONDITIONS)
        runs.append(advance(source, state, 40 // n_times)[0])
        state.close()
    np.testing.assert_array_equal(runs[0], runs[1])


def test_moments_and_truth_have_the_declared_shapes_and_no_window_grows_the_state(make):
    source = make(n_times=10)
    state = source.init(jax.random.key(0), CONDITIONS)
    moments, truths = advance(source, state, 2)
    assert moments.shape == (source.n_sources, 20)
    assert np.isfinite(moments).all()
    assert moments.std() > 0
    assert truths[0]["label"] == -1
    before = _numbers(source.save(state))
    advance(source, state, 10)
    assert _numbers(source.save(state)) == before
    state.close()


def _numbers(saved):
    """How many numbers a saved state holds, but for the spikes on their way."""
    network = {
        name: {key: value for key, value in of.items() if key != "_spikequeue"} if isinstance(of, dict) else of
        for name, of in saved["network"].items()
    }
    return sum(np.size(leaf) for leaf in jax.tree.leaves([network, saved["memory"]]))


def test_a_state_is_refused_by_a_source_of_other_settings():
    source = MAKE["column"](n_times=10)
    state = source.init(jax.random.key(0), CONDITIONS)
    saved = source.save(state)
    state.close()
    with pytest.raises(InputError, match="same settings"):
        MAKE["column"](n_times=20).restore(saved)
    with pytest.raises(InputError, match="BrunelNetwork"):
        MAKE["brunel"](n_times=10).restore(saved)
    with pytest.raises(InputError, match="not a saved state"):
        source.restore({})


def test_a_broken_saved_state_is_reported_and_leaves_no_thread():
    source = MAKE["column"](n_times=10)
    state = source.init(jax.random.key(0), CONDITIONS)
    saved = source.save(state)
    state.close()
    before = threading.active_count()
    del saved["network"]["cells"]
    with pytest.raises(KeyError, match="cells"):
        source.restore(saved)
    assert threading.active_count() == before


def test_noise_gain_scales_the_membranes_noise():
    source, moments = MAKE["column"](n_times=100), []
    for gain in (1.0, 0.0):
        conditions = dataclasses.replace(CONDITIONS, noise_gain=jnp.float32(gain))
        state = source.init(jax.random.key(0), conditions)
        _, window, _ = source.step(state, jnp.zeros((1, 100)), conditions, jax.random.key(0))
        state.close()
        moments.append(np.asarray(window))
    # resting cells are 1.5 mV below threshold: without noise nothing fires, and the field stands still
    assert moments[0].std() > 10 * moments[1][:, 50:].std()


def test_a_standalone_run_wants_at_least_a_sample():
    with pytest.raises(InputError, match="at least one sample"):
        simulate_standalone(MAKE["column"](n_times=10), 1e-5, CONDITIONS)


@pytest.mark.slow
def test_standalone_programs_have_the_rates_of_the_loop():
    for source in (SpikingColumn.create(), BrunelNetwork.create(), CorticalColumn.create()):
        found = simulate_standalone(source, 2.0, CONDITIONS)
        assert found.moments.shape == (1, round(2.0 * source.sfreq))
        state = source.init(jax.random.key(0), CONDITIONS)
        moments, truths = advance(source, state, round(2.0 * source.sfreq / source.n_times), current=0.0)
        state.close()
        # rates and sizes of 2 s vary by a tenth between seeds, the small column's by a quarter
        within = 0.25 if isinstance(source, SpikingColumn) else 0.1
        np.testing.assert_allclose(found.truth["rates"], np.mean([t["rates"] for t in truths], axis=0), rtol=within)
        assert found.moments.std() == pytest.approx(moments.std(), rel=within)
