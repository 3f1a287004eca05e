"""The Brian2 column: physiology, the hand-over of windows, and stepping from the host."""

import gc
import subprocess
import sys
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.amplifier import Amplifier
from neurodrift.sim.conditions import Conditions
from neurodrift.sim.errors import InputError
from neurodrift.sim.head import DipoleProjection, SphereHead, make_montage
from neurodrift.sim.host import rollout_host
from neurodrift.sim.plant import Plant
from neurodrift.sim.sources import JansenRit, NeuralMass, SpikingColumn
from neurodrift.sim.stimulation import Stimulator

CONDITIONS = Conditions.nominal(16)


def record(seconds=2.0, current=0.0, n_times=250, seed=1):
    """moments (n,) A·m and mean rates (2,) 1/s."""
    source = SpikingColumn.create(n_times=n_times)
    state = source.init(jax.random.key(seed), CONDITIONS)
    moments, rates = [], []
    for _ in range(round(seconds * 250 / n_times)):
        state, window, truth = source.step(state, jnp.full((1, n_times), current), CONDITIONS, jax.random.key(0))
        moments.append(np.asarray(window[0]))
        rates.append(np.asarray(truth["rates"]))
    state.close()
    return np.concatenate(moments), np.mean(rates, axis=0)


@pytest.fixture(scope="module")
def rest():
    return record()


def workers():
    return [t for t in threading.enumerate() if t.name == "brian2"]


def test_cells_fire_at_cortical_rates_and_the_field_is_that_of_a_patch(rest):
    moments, (excitatory, inhibitory) = rest
    assert 1.0 < excitatory < 12.0
    assert excitatory < inhibitory < 30.0
    assert 10e-9 < moments.std() < 30e-9
    assert abs(moments.mean()) < moments.std()


def test_current_changes_the_excitatory_rate_in_proportion_to_its_dose(rest):
    rates = [record(current=-2e-3)[1][0], rest[1][0], record(current=2e-3)[1][0]]
    assert np.all(np.diff(rates) > 0)
    assert rates[-1] > 1.3 * rates[1]


def test_handing_windows_over_does_not_disturb_the_run(rest):
    moments, rates = record(n_times=25)
    np.testing.assert_array_equal(moments, rest[0])
    np.testing.assert_allclose(rates, rest[1], rtol=1e-5)


def test_the_same_key_gives_the_same_bits_beside_another_network_and_after_it(rest):
    source = SpikingColumn.create()
    silence = jnp.zeros((1, 250))
    states = [source.init(jax.random.key(seed), CONDITIONS) for seed in (1, 2)]
    np.random.seed(0)  # noqa: NPY002 - a user's own global generator, which must not matter
    first = [source.step(state, silence, CONDITIONS, jax.random.key(0))[1] for state in states]
    np.testing.assert_array_equal(first[0][0], rest[0][:250])
    assert not np.array_equal(first[0], first[1])
    # nor may the networks' draws have moved it
    after = np.random.random()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    assert after == np.random.random()  # noqa: NPY002
    for state in states:
        state.close()


def test_the_same_key_gives_the_same_bits_in_another_process(rest):
    program = (
        "import jax, jax.numpy as jnp, numpy as np\n"
        "from neurodrift.sim.conditions import Conditions\n"
        "from neurodrift.sim.sources import SpikingColumn\n"
        "s, c = SpikingColumn.create(), Conditions.nominal(16)\n"
        "state = s.init(jax.random.key(1), c)\n"
        "print(np.asarray(s.step(state, jnp.zeros((1, 250)), c, jax.random.key(0))[1]).tobytes().hex())\n"
    )
    # the state is not closed: leaving the interpreter must end the run by itself
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == rest[0][:250].tobytes().hex()


def test_closing_or_dropping_a_state_ends_its_thread():
    source = SpikingColumn.create(n_times=25)
    before = len(workers())
    closed = source.init(jax.random.key(0), CONDITIONS)
    dropped = source.init(jax.random.key(1), CONDITIONS)
    assert len(workers()) == before + 2
    closed.close()
    closed.close()
    assert len(workers()) == before + 1
    del dropped
    gc.collect()
    assert len(workers()) == before
    with pytest.raises(RuntimeError, match="closed"):
        source.step(closed, jnp.zeros((1, 25)), CONDITIONS, jax.random.key(0))


def test_an_error_inside_the_network_reaches_the_caller_and_ends_the_thread():
    source = SpikingColumn.create(n_times=25)
    before = len(workers())
    state = source.init(jax.random.key(0), CONDITIONS)
    with pytest.raises(IndexError):
        state.advance(source.inputs(np.zeros((1, 3)), CONDITIONS))  # too few samples: the network asks for the fourth
    assert len(workers()) == before


def test_inside_jit_the_column_names_the_host_path():
    source = SpikingColumn.create(n_times=25)
    with pytest.raises(TypeError, match="rollout_host"):
        jax.jit(lambda key: source.init(key, CONDITIONS))(jax.random.key(0))
    state = object()
    with pytest.raises(TypeError, match="rollout_host"):
        jax.jit(lambda stim: source.step(state, stim, CONDITIONS, jax.random.key(0))[1])(jnp.zeros((1, 25)))


def test_bad_settings_are_refused():
    with pytest.raises(InputError, match="numpy, cython"):
        SpikingColumn.create(codegen="cpp")
    with pytest.raises(InputError, match=r"0\.0005"):
        SpikingColumn.create(dt=2e-3)


def plant_of(source):
    montage = make_montage("10-10-16")
    return Plant(
        source=source,
        projection=DipoleProjection(head=SphereHead.preset(), montage=montage),
        amplifier=Amplifier.create(16, 250.0, source.n_times),
        stimulator=Stimulator.create(source.n_stim, 250.0, source.n_times),
        conditions=Conditions.nominal(16, montage.reference_weights("average")),
        background=None, artefacts=None, drift=(), window_s=jnp.float32(source.n_times / 250.0),
    )  # fmt: skip


def test_a_plant_with_a_host_source_runs_and_leaves_no_thread():
    before = len(workers())
    seen = []

    def policy(window, n):
        seen.append(window)
        return jnp.full(1, 1e-3 * n)

    _, windows = rollout_host(plant_of(SpikingColumn.create(n_times=25)), jax.random.key(0), 4, policy)
    assert windows.v.shape == (4, 16, 25)
    assert bool(jnp.all(jnp.isfinite(windows.v)))
    assert seen[0] is None
    np.testing.assert_array_equal(seen[2].v, windows.v[1])
    np.testing.assert_allclose(windows.stim.applied[:, 0], [0.0, 1e-3, 2e-3, 2e-3])  # the bound is 2 mA
    assert len(workers()) == before

    def broken(window, n):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        rollout_host(plant_of(SpikingColumn.create(n_times=25)), jax.random.key(0), 4, broken)
    assert len(workers()) == before


def test_a_traceable_source_gives_the_same_run_on_the_host_as_in_the_scan():
    plant = plant_of(NeuralMass.create(JansenRit.create(), n_nodes=4, n_times=25, burn_in_s=0.5))
    key = jax.random.key(0)

    def scan(key):
        return jax.lax.scan(lambda s, n: plant.step(s, 1e-3 * jnp.ones(1)), plant.init(key), jnp.arange(8))

    _, expected = jax.jit(scan)(key)
    _, windows = rollout_host(plant, key, 8, lambda window, n: 1e-3 * jnp.ones(1))
    # a microvolt-sized signal quantised to .0488 uV: rounding may move a sample by one such step
    np.testing.assert_allclose(windows.v, expected.v, rtol=0, atol=0.05e-6)
    np.testing.assert_array_equal(windows.clock.tick, expected.clock.tick)
