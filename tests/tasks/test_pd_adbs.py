import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.agents import Constant
from neurodrift.sim.clock import Clock
from neurodrift.sim.conditions import Conditions
from neurodrift.sim.drift import EfficacyLoss, Encapsulation, GainDrift, Levodopa
from neurodrift.sim.drift.diurnal import Diurnal
from neurodrift.sim.errors import InputError
from neurodrift.sim.loop import run_loop
from neurodrift.sim.tasks import beta, make_task, pd_adbs_dual_drift, pd_adbs_onoff

from .windows import CONDITIONS, window

NAMES = "pd_adbs_onoff", "pd_adbs_dual_drift"


@pytest.fixture(scope="module")
def loop():
    return make_task("pd_adbs_onoff")


def bursts(marker: np.ndarray, threshold: float, window_s: float) -> np.ndarray:
    """Durations in s of the excursions of marker (n_windows,) above ``threshold``."""
    above = np.concatenate([[0], (marker > threshold).astype(int), [0]])
    edges = np.flatnonzero(np.diff(above))
    return (edges[1::2] - edges[::2]) * window_s


def test_the_patient_bursts_off_stimulation_and_keeps_a_quarter_of_the_power_under_it():
    # half a control window, so that bursts are resolved
    loop = make_task("pd_adbs_onoff", window_s=0.02, drift=False, device="fast")
    keys = jax.random.split(jax.random.key(0), 12)

    def run(level, key):
        return run_loop(loop, Constant(level=level[None]), 1000, key)

    records = jax.jit(jax.vmap(jax.vmap(run, (None, 0)), (0, None)))(jnp.array([0.0, 1.0]), keys)
    off, on = np.asarray(records["marker"])[..., 150:]
    # the mean without stimulation defines the marker's unit; three standard errors of twelve runs of 17 s
    assert off.mean() == pytest.approx(1.0, abs=0.06)
    # 23 % in the reference controller test; what is left is the marker's mean square
    assert 0.17 < np.mean(on**2) / np.mean(off**2) < 0.31
    lasting = np.concatenate([bursts(m, np.quantile(off, 0.75), 0.02) for m in off])
    lasting = lasting[lasting > 0.1]
    assert 0.2 < lasting.mean() < 0.5
    # a tenth in the reference, .05 to .25 in patients off and on medication
    assert 0.05 < np.mean(lasting > 0.5) < 0.3
    # on is everything that a stimulator held at its largest current gives
    np.testing.assert_allclose(np.asarray(records["energy"])[1, :, 150:].mean() / 0.02, 70.2e-6, rtol=1e-3)


@pytest.mark.slow
def test_the_unit_of_the_marker_holds_for_every_patient_that_is_drawn():
    loop = make_task("pd_adbs_onoff", drift=False)
    model = loop.plant.source.model

    def run(strength, key):
        source = dataclasses.replace(loop.plant.source, model=dataclasses.replace(model, K=strength))
        task = dataclasses.replace(loop.task, off=beta.off_amplitude(strength))
        patient = dataclasses.replace(loop, plant=dataclasses.replace(loop.plant, source=source), task=task)
        return run_loop(patient, Constant(level=jnp.zeros(1)), 1200, key)["marker"][50:].mean()

    strengths, keys = jnp.linspace(0.29, 0.35, 4), jax.random.split(jax.random.key(1), 6)
    mean = np.asarray(jax.jit(jax.vmap(jax.vmap(run, (None, 0)), (0, None)))(strengths, keys)).mean(axis=1)
    np.testing.assert_allclose(mean, 1.0, atol=0.04)


def test_a_sinusoid_as_large_as_beta_off_stimulation_has_a_marker_of_one(loop):
    seconds = np.arange(25 * 30) / 250.0
    x = float(loop.task.off) * np.sin(2 * np.pi * 22.0 * seconds)
    memory = loop.task.init()
    for block in x.reshape(30, 1, 25):
        memory, judged = loop.task.judge(
            memory, loop.plant, None, window(loop, moments=jnp.asarray(block, jnp.float32))
        )
    assert float(judged.marker) == pytest.approx(1.0, abs=0.02)
    assert float(judged.reward) == pytest.approx(-float(judged.marker))
    assert not judged.terminated


@pytest.mark.parametrize(("share", "ohm"), [(1.0, 1e3), (0.5, 1e3), (1.0, 700.0)])
def test_energy_counts_by_current_squared_and_impedance(loop, share, ohm):
    conditions = dataclasses.replace(CONDITIONS, contact_impedance=jnp.float32(ohm), medication=jnp.float32(0.5))
    stimulator = loop.plant.stimulator
    _, given = stimulator.step(jnp.full(1, share * 3e-3), jnp.int32(0), conditions)
    one = window(loop, conditions=conditions)._replace(stim=given)
    expected = share**2 * ohm / 1e3
    # 13 pulses of 60 us in a window of 100 ms
    assert float(beta.relative_energy(loop.plant, one)) == pytest.approx(expected, rel=1e-3)
    judged = loop.task.judge(loop.task.init(), loop.plant, None, one)[1]
    assert float(judged.reward) == pytest.approx(-0.15 * expected, rel=1e-3)
    assert float(judged.cost) == pytest.approx(0.5 * expected, rel=1e-3)


@pytest.mark.parametrize(("share", "effect"), [(0.0, 0.0), (0.35, 0.0730), (0.5, 0.2561), (0.7, 0.6200), (1.0, 1.0)])
def test_pulses_recruit_by_a_hill_function_that_is_one_at_the_usual_setting(loop, share, effect):
    # x^4 (1 + h) / (x^4 + h), h = .7^4 = .2401, by hand
    entry = dataclasses.replace(loop.plant.source.entry, coupling=jnp.ones((1, 1)))
    dose = jnp.full((1, 60 * 250), share * 3e-3 * 60e-6 * 130.0)
    _, drive = entry.step(entry.init(), dose, CONDITIONS, 250.0)
    # after a minute, five of the slow time constants, all but .2 % of the dose is there
    assert float(drive.stim[-1, 0]) == pytest.approx(effect, abs=0.01)
    less = dataclasses.replace(CONDITIONS, stim_efficacy=jnp.float32(0.5))
    _, half = entry.step(entry.init(), dose, less, 250.0)
    np.testing.assert_allclose(half.stim, 0.5 * drive.stim, rtol=1e-6)


def test_the_night_is_worth_its_depth_and_explains_its_share_of_the_variance():
    night = Diurnal.beta(0.2, 6 * 3600.0, explained=0.41)
    quiet = dataclasses.replace(night, wander=jnp.float32(0.0))
    for hour, expected in ((6, 0.2), (12, 0.1), (18, 0.0), (30, 0.2)):
        clock = Clock(jnp.int32(hour), jnp.float32(3600.0))
        _, conditions = quiet.step(jnp.zeros(()), Conditions.nominal(1), clock, jax.random.key(0))
        assert float(conditions.medication) == pytest.approx(expected, abs=1e-6)
    # a cosine of half the depth has a variance of depth^2 / 8
    wave = 0.2**2 / 8
    assert wave / (wave + float(night.wander) ** 2) == pytest.approx(0.41, abs=1e-6)
    deep = dataclasses.replace(quiet, depth=jnp.float32(3.0))
    _, conditions = deep.step(jnp.zeros(()), CONDITIONS, Clock(jnp.int32(6), jnp.float32(3600.0)), jax.random.key(0))
    assert float(conditions.medication) == 1.0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("held_out", [False, True])
def test_drawing_changes_numbers_only_and_held_out_ranges_do_not_meet_those_of_training(name, held_out):
    loop, draw = make_task(name), {"pd_adbs_onoff": pd_adbs_onoff, "pd_adbs_dual_drift": pd_adbs_dual_drift}[name].draw
    drawn = jax.jit(jax.vmap(lambda key: draw(loop, key, held_out)))(jax.random.split(jax.random.key(0), 64))
    assert jax.tree.structure(drawn) == jax.tree.structure(loop)
    strength = np.abs(np.asarray(drawn.plant.source.model.K) - 0.32)
    gain = np.abs(np.log(np.asarray(drawn.plant.source.moment) / np.asarray(loop.plant.source.moment)))
    edges = (0.02, 0.03) if held_out else (0.0, 0.02)
    assert edges[0] - 1e-6 <= strength.min() < strength.max() <= edges[1] + 1e-6
    assert (gain.min() >= 0.5 - 1e-5) if held_out else (gain.max() <= 0.5 + 1e-5)
    # the field grows with the moment, and so does what it is compared with
    expected = np.asarray(drawn.plant.source.moment) * np.asarray(beta.off_amplitude(drawn.plant.source.model.K)) / 1e-9
    np.testing.assert_allclose(drawn.task.off, expected, rtol=1e-5)
    limits = {
        Levodopa: ("effect", 0.5), Diurnal: ("depth", 0.2), GainDrift: ("rate", 0.2), EfficacyLoss: ("loss", 0.4),
        Encapsulation: ("fluctuation", 300.0),
    }  # fmt: skip
    assert len(drawn.plant.drift) == (2 if name == "pd_adbs_onoff" else 5)
    for process in drawn.plant.drift:
        field, limit = limits[type(process)]
        value = np.asarray(getattr(process, field))
        assert value.std() > 0
        assert (value.min() >= limit - 1e-6) if held_out else (value.max() <= limit + 1e-6)


def test_drifts_are_chosen_by_name_or_brought_along():
    own = EfficacyLoss.create(0.5)
    chosen = make_task("pd_adbs_dual_drift", drift=("gain", own)).plant.drift
    assert [type(process) for process in chosen] == [GainDrift, EfficacyLoss]
    assert chosen[1] is own
    assert make_task("pd_adbs_onoff", drift=False).plant.drift == ()
    # the current follows the impedance only where the stimulator holds a voltage
    assert make_task("pd_adbs_dual_drift").plant.stimulator.control == "voltage"
    assert make_task("pd_adbs_onoff").plant.stimulator.control == "current"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window_s": 0.0333}, "window_s"),
        ({"compression": 0.0}, "compression"),
        ({"device": "pocket"}, "unknown device 'pocket'"),
        ({"drift": ("levodpa",)}, "'levodopa'"),
    ],
)
def test_what_the_task_cannot_be_made_of_is_named(options, message):
    with pytest.raises(InputError, match=message):
        make_task("pd_adbs_onoff", **options)
