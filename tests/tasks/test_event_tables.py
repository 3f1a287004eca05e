"""The documented tables of the tasks of seizures, sleep and anaesthesia, on fewer seeds."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.agents import PI, Clicks, Constant, Controller, Off, Persistence, RelativeToTrend, Threshold
from neurodrift.agents.devices import responsive
from neurodrift.agents.tuning import evaluation_keys
from neurodrift.sim.keys import stream_key
from neurodrift.sim.loop import run_loop
from neurodrift.sim.sensing import LineLength
from neurodrift.sim.sensing.window_mean import WindowMean
from neurodrift.sim.tasks import anaes_depth, sleep_so_clicks, sz_onset_detect, sz_responsive_abort
from neurodrift.sim.tasks.seizures import count, keep, score

pytestmark = pytest.mark.slow
WINDOW_S = 0.25


def test_line_length_detects_nine_seizures_of_ten_within_five_seconds_at_an_alarm_a_day_or_so():
    """Literature: 97 %, 5 s, .6 in 24 h; documented here: 90 %, 4.3 s, .7 (37 h of ten patients)."""
    loop = sz_onset_detect.make("wendling")
    sensing = RelativeToTrend(
        sensing=LineLength.create(256.0, 64, seconds=1.0), trend_s=jnp.float32(120.0), window_s=jnp.float32(WINDOW_S)
    )
    law = Threshold(threshold=jnp.float32(3.0), persistence=Persistence(onset=jnp.float32(24.0)))
    detector = Controller.create(sensing, law, WINDOW_S)
    keys = evaluation_keys(jax.random.key(5), 10)

    def one(key):
        return run_loop(sz_onset_detect.draw(loop, stream_key(key, "person")), detector, 14400, key, keep)

    found = {name: np.asarray(x) for name, x in jax.jit(jax.vmap(one))(keys).items()}
    scored = score(found["applied"] > 0.5, found["seizing"], found["impending"], WINDOW_S)
    assert found["in_bounds"].all()
    assert scored.n_seizures > 30
    assert scored.sensitivity > 0.8
    assert 3.0 < np.median(scored.delays) < 6.0
    assert scored.false_per_day < 6.0
    # the task's own count of false alarms is the same
    counted = 24 * found["cost"].sum() / scored.hours
    assert counted == pytest.approx(scored.false_per_day, abs=24.0 / scored.hours + 1e-6)


@pytest.mark.parametrize("model", ["wendling", "epileptor"])
def test_responsive_bursts_reduce_seizures_against_sham(model):
    loop = sz_responsive_abort.make(model)
    policy = responsive(2.0, 256.0, 64, duration_s=2.0, refractory_s=0.25)
    keys = evaluation_keys(jax.random.key(9), 10)

    def one(key, efficacy):
        drawn = sz_responsive_abort.draw(loop, stream_key(key, "person"))
        conditions = dataclasses.replace(drawn.plant.conditions, stim_efficacy=efficacy)
        drawn = dataclasses.replace(drawn, plant=dataclasses.replace(drawn.plant, conditions=conditions))
        return run_loop(drawn, policy, 7200, key, keep)

    run = jax.jit(jax.vmap(jax.vmap(one, (0, None)), (None, 0)))
    found = {name: np.asarray(x) for name, x in run(keys, jnp.asarray([1.0, 0.0])).items()}
    (given, _), (sham, _) = (count(found["seizing"][arm], WINDOW_S) for arm in (0, 1))
    assert sham > 15
    # at most a half of the seizures is resistant
    assert 0.25 < 1 - given / sham < 0.85
    assert (found["applied"][0] > 0).mean() < 0.1


def test_clicks_in_the_up_state_enhance_slow_oscillations_of_n3():
    """Documented: up state + 30 % of their power."""
    loop = sleep_so_clicks.make(drift=False, stage="N3", tau_s=1e-3)
    keys = jax.random.split(jax.random.key(21), 4)

    def gain(policy):
        markers = jax.jit(jax.vmap(lambda k: run_loop(loop, policy, 1500, k)["marker"]))(keys)
        return float(np.mean(2.0 - np.asarray(markers)[:, 100:]))

    off = gain(Off())
    up = gain(Clicks.create(WindowMean(n_channels=1), -90e-6, 0.08))
    assert off == pytest.approx(1.0, abs=0.15)
    assert up / off > 1.12


def test_an_index_of_beta_holds_depth_better_than_a_fixed_infusion_does():
    """PI about a set point that follows from age in closed form, against the population's dose."""
    loop = anaes_depth.make()
    letters, _ = anaes_depth.bank()
    n_rows = len(anaes_depth.LOOPS[0]) + 1
    rises = jnp.asarray([anaes_depth.expected_rise(row, 0.7) for row in range(n_rows)])
    sensing = anaes_depth.wakefulness(200.0, 400)
    keys = evaluation_keys(jax.random.key(3), 12)

    def mean(key, closed):
        drawn = anaes_depth.draw(loop, stream_key(key, "person"))
        nearest = jnp.argmin(jnp.abs(jnp.asarray(letters["nu_se"]) - drawn.plant.source.source.model.nu_se))
        setpoint = -10.0 * jnp.log(rises[nearest])
        law = PI(gain=0.35, setpoint=setpoint, integral_s=200.0, scale=-setpoint)
        policy = Controller.create(sensing, law, 2.0) if closed else Constant(level=jnp.full(1, 0.35))
        found = run_loop(drawn, policy, 360, key)
        return jnp.mean(found["marker"][180:]), jnp.all(found["in_bounds"])

    held, fixed = (jax.jit(jax.vmap(lambda k, c=closed: mean(k, c)))(keys) for closed in (True, False))
    assert bool(jnp.all(held[1]))
    assert bool(jnp.all(fixed[1]))
    assert float(jnp.mean(held[0])) < 0.7 * float(jnp.mean(fixed[0]))
