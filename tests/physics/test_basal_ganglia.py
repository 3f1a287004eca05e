"""Basal ganglia and thalamus: the published equations, deep brain stimulation, and how well the thalamus relays."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.conditions import Conditions
from neurodrift.sim.errors import InputError
from neurodrift.sim.sources import BasalGanglia, simulate_standalone
from neurodrift.sim.sources.brian import error_index
from neurodrift.sim.sources.brian.circuit import view
from neurodrift.sim.sources.brian.library import load_brian2
from neurodrift.sim.sources.brian.source import plain
from neurodrift.sim.sources.brian.thalamic_relay import CorticalPulses, ErrorIndex
from neurodrift.tests.twins.basal_ganglia import Twin

CONDITIONS = Conditions.nominal(4)
# Brian2 2.9 calls what pyparsing deprecates; sources hush it, tests that build a circuit themselves must too
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def medicated(*values):
    return dataclasses.replace(CONDITIONS, medication=jnp.asarray(values, jnp.float32))


def test_cells_follow_an_independent_integration_of_the_published_equations():
    b2 = load_brian2()
    b2.prefs.codegen.target = "numpy"
    # 60 ms of health under stimulation, with a cortical pulse, hold spikes in every nucleus
    source = BasalGanglia.create(sfreq=1e5, n_times=1, dt=10e-6, method="euler", burn_in_s=0.0, dbs_frequency=100.0)
    circuit = plain(source).build(b2, np.random.default_rng(4))
    circuit.begin(source.inputs(np.full((1, 1), 3e-3), medicated(1.0)))
    circuit.sample(0)
    circuit.memory["next_pulse"][:] = 4500  # 45 ms
    n = 10
    groups = {"th": (circuit._th, 0), "stn": (circuit._stn, 0), "gpe": (circuit._gp, 0), "gpi": (circuit._gp, n)}
    v = {name: view(group, "v")[first : first + n] for name, (group, first) in groups.items()}
    applied = {"stn": 33.0, "gpe": 21.0 + circuit._spread, "gpi": 22.0}
    twin = Twin(v, applied, 0.01)
    pulses = []

    def step():
        circuit.step()
        i_sm, i_dbs = (view(circuit._inputs, name)[0] for name in ("i_sm", "i_dbs"))
        pulses.append(i_dbs)
        twin.step(i_sm, i_dbs)

    operation = b2.NetworkOperation(step, clock=circuit.clock, when="start")
    network = b2.Network(*circuit.objects, operation)
    network.run(60 * b2.ms, namespace={})
    for name in v:
        np.testing.assert_allclose(v[name], twin.v[name], rtol=0, atol=1e-9, err_msg=name)  # mV
    np.testing.assert_allclose(view(circuit._stn, "s"), twin.s["stn"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(view(circuit._gp, "s")[n:], twin.s["gpi"], rtol=0, atol=1e-12)
    assert all(np.asarray(monitor.count).max() > 0 for monitor in circuit._counts)
    # 300 uA/cm2 for 0.3 ms, six times
    assert sum(pulses) * 0.01 == pytest.approx(6 * 300.0 * 0.3)


def currents(source, stim, conditions=CONDITIONS):
    """uA/cm2 (n_steps, n_networks) into the STN, without running the cells."""
    circuit = plain(source).build(load_brian2(), np.random.default_rng(0))
    circuit.memory["step"] = 0
    circuit.begin(source.inputs(stim, conditions))
    found = []
    for n in range(source.n_times):
        circuit.sample(n)
        for _ in range(source.substeps):
            circuit.step()
            found.append(view(circuit._inputs, "i_dbs").copy())
    return np.array(found)


def test_a_train_has_its_charge_and_frequency_whatever_the_step():
    for dt in (10e-6, 25e-6, 40e-6, 50e-6):
        source = BasalGanglia.create(n_times=25, dt=dt, dbs_frequency=[130.0, 20.0], n_networks=2)
        found = currents(source, np.full((2, 25), 3e-3))
        # of 0.1 s: 13 and 2 pulses, 90 nC/cm2 each
        np.testing.assert_allclose(found.sum(0) * source.dt, np.array([13, 2]) * 300 * 0.3e-3, rtol=1e-5)
        assert np.all(np.sum(np.diff(found > 0, axis=0, prepend=False) & (found > 0), axis=0) == [13, 2])


def test_charge_of_pulses_shorter_than_a_sample_arrives_whole():
    source = BasalGanglia.create(n_times=10, waveform="charge")
    stim = np.zeros((1, 10))
    stim[0, 3] = 3e-3 * 60e-6 * 250.0  # the mean, over a sample, of 3 mA for 60 us
    found = currents(source, stim)[:, 0]
    assert found.max() == pytest.approx(300.0, rel=1e-5)
    assert found.sum() * source.dt == pytest.approx(300.0 * 0.3e-3, rel=1e-5)
    assert np.flatnonzero(found)[0] == 3 * source.substeps


def test_errors_are_misses_bursts_and_spikes_at_other_times():
    memory = {"pulse": np.array([0, 0])}
    relay = ErrorIndex(memory, 2, 2, 1e-3)  # steps of 1 ms: 25 of them count as an answer
    none, both = np.array([False, False]), np.array([True, True])
    relay.spikes(np.array([0]), 3)  # before the first pulse: nothing to err on
    for now, due, cells in (
        (10, both, []), (14, none, [0, 1, 3]), (15, none, [3]), (35, none, [1]),  # 1: late; 2: miss; 3: burst
        (80, np.array([True, False]), []), (90, none, [0, 1, 2]), (150, both, []),
    ):  # fmt: skip
        if due.any():
            memory["pulse"] = np.where(due, now, memory["pulse"])
            relay.pulse(due)
        if cells:
            relay.spikes(np.array(cells), now)
    # first network: (0 + 1) / 2, then 0; second: 140 ms to its next pulse, (miss + late, burst) / 2
    taken = relay.take()
    np.testing.assert_allclose(taken["errors"], [0.5, 1.5])
    np.testing.assert_array_equal(taken["pulses"], [2, 1])
    np.testing.assert_allclose(error_index([taken["errors"]], [taken["pulses"]]), [0.25, 1.5])
    assert np.all(relay.take()["pulses"] == 0)


def test_cortical_pulses_come_at_fourteen_hertz_with_a_fifth_of_variation():
    memory = {}
    pulses = CorticalPulses(memory, 1, 0, 1e-4, np.random.default_rng(0))
    onsets = []
    while len(onsets) < 2000:
        now = int(memory["next_pulse"][0])
        assert pulses.step(now - 1) is None
        assert pulses.step(now) is not None
        onsets.append(now * 1e-4)
    rates = 1.0 / np.diff(onsets)
    assert rates.mean() == pytest.approx(14.0, abs=4 * 2.8 / np.sqrt(2000))
    assert rates.std() == pytest.approx(2.8, abs=4 * 2.8 / np.sqrt(4000))
    assert pulses.current(now + 49) == 3.5
    assert pulses.current(now + 50) == 0.0


@pytest.fixture(scope="module")
def relays():
    """error index and rates (4,) of health, disease, and disease under 20 and 130 Hz: six networks each, 0.6 s."""
    source = BasalGanglia.create(
        n_times=50, dt=50e-6, n_networks=24, burn_in_s=0.1, dbs_frequency=np.repeat([130, 130, 20, 130], 6)
    )
    conditions = medicated(*[1.0] * 6, *[0.0] * 18)
    stim = jnp.repeat(jnp.array([0.0, 0.0, 3e-3, 3e-3]), 6)[:, None] * jnp.ones((1, 50))
    state, truths = source.init(jax.random.key(0), conditions), []
    for _ in range(4):
        state, _, truth = source.step(state, stim, conditions, jax.random.key(0))
        truths.append(truth)
    state.close()
    kept = truths[1:]  # the train's first 0.2 s are a transient, as in the authors' protocol
    errors, pulses = (sum(np.asarray(t[name]).reshape(4, 6).sum(1) for t in kept) for name in ("errors", "pulses"))
    return errors / pulses, np.mean([t["rates"] for t in kept], axis=0).reshape(4, 6, 4).mean(1)


def test_disease_spoils_the_relay_and_fast_stimulation_restores_it(relays):
    healthy, disease, slow, fast = relays[0]
    # .007, .388 +- .119, .312 and .000 over 5 seeds of 2 s; an index of six networks has a seventh of their spread
    assert healthy < 0.05
    assert 0.2 < disease < 0.6
    assert slow > 0.15
    assert fast < 0.05


def test_stn_follows_the_pulses_and_the_pallidum_slows_down_in_the_disease(relays):
    healthy, disease, slow, fast = relays[1][:, 1]
    assert disease > healthy
    assert slow == pytest.approx(21.5, rel=0.1)
    assert fast == pytest.approx(130.0, rel=0.02)
    assert relays[1][1, 2] < 0.6 * relays[1][0, 2]


def test_medication_acts_from_the_window_on_in_which_it_changes():
    source = BasalGanglia.create(n_times=50, dt=50e-6, n_networks=2, burn_in_s=0.1)
    state, rates = source.init(jax.random.key(3), CONDITIONS), []
    for level in (0.0, 1.0):
        state, _, truth = source.step(state, jnp.zeros((2, 50)), medicated(level, 0.0), jax.random.key(0))
        rates.append(np.asarray(truth["rates"])[:, 2])
    state.close()
    assert rates[1][0] > 1.4 * rates[0][0]
    assert rates[1][1] < 1.4 * rates[0][1]


def test_bad_settings_are_refused():
    for options, message in (
        ({"waveform": "sine"}, "train, charge"), ({"method": "rk4"}, "exponential_euler, euler"),
        ({"n_networks": 0}, "1 or more"), ({"dbs_frequency": 4e3}, "3333"), ({"dt": 1e-4}, "5e-05"),
        ({"waveform": "charge", "sfreq": 5e3}, "3333"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            BasalGanglia.create(**options)


@pytest.mark.slow
def test_the_standalone_program_has_the_rates_and_errors_of_the_loop():
    source = BasalGanglia.create(n_networks=8)
    found = simulate_standalone(source, 2.0, medicated(*[1.0] * 4, *[0.0] * 4), current=[0.0] * 4 + [3e-3] * 4)
    assert found.moments.shape == (8, 500)
    rates = found.truth["rates"].reshape(2, 4, 4).mean(1)
    assert rates[0, 1] == pytest.approx(9.9, rel=0.15)
    assert rates[1, 1] == pytest.approx(130.0, rel=0.02)
    index = error_index([found.truth["errors"]], [found.truth["pulses"]])
    assert index[:4].mean() < 0.05
    assert index[4:].mean() < 0.1  # with the train's transient
