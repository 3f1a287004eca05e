"""Imagery that earns stimulation: the rule of conditioning, and the results made of known cells."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.scenarios.bothloops.mi_scenario import mi_neurofeedback
from neurodrift.scenarios.bothloops.mi_summary import END, FEEDBACK
from neurodrift.scenarios.bothloops.plasticity import Plasticity
from neurodrift.scenarios.config import make_config
from neurodrift.scenarios.infos import INFOS
from neurodrift.sim.errors import InputError

N, TRIALS, ONSET = 5, 120, 40
ACCURACY = {"contingent": 0.9, "sham": 0.7, "none": 0.6}
POWER_END = {"contingent": 0.3, "sham": 0.5, "none": 0.55}


@jax.jit
def condition(doses, lateralisation):
    rule = Plasticity()

    def step(state, trial):
        state = rule.step(state, *trial)
        return state, state.gain

    trials = (jnp.asarray(doses, jnp.float32), jnp.asarray(lateralisation, jnp.float32))
    return jax.lax.scan(step, rule.init(), trials)[1]


def test_stimulation_of_the_better_trials_deepens_and_of_the_worse_ones_flattens():
    x = 0.5 + 0.3 * np.random.default_rng(0).normal(size=200)
    assert condition(x > 0.5, x)[-1] > 1.2
    assert condition(x <= 0.5, x)[-1] < 0.8


def test_stimulation_that_does_not_depend_on_the_trial_changes_nothing_on_average():
    rng = np.random.default_rng(1)
    x = 0.5 + 0.3 * rng.normal(size=(40, 200))
    ends = np.asarray(jax.vmap(condition)(rng.random((40, 200)) < 0.7, x))[:, -1]
    # three standard errors of the mean of 40 runs
    assert abs(ends.mean() - 1.0) < 3 * ends.std() / np.sqrt(40)


def test_nothing_changes_without_stimulation_nor_before_the_usual_is_known():
    x = np.random.default_rng(2).normal(size=60)
    np.testing.assert_array_equal(condition(np.zeros(60), x), np.ones(60))
    gain = condition(np.ones(60), x)
    np.testing.assert_array_equal(gain[:10], np.ones(10))
    assert (gain[10:] != 1.0).all()


def test_the_gain_stays_within_its_bounds():
    gain = condition(np.ones(400), np.arange(400.0))
    assert gain.max() == 2.0
    assert condition(np.ones(400), -np.arange(400.0)).min() == pytest.approx(0.3)


def cell(severity):
    """Everybody alike but for a constant each, which no difference contains."""
    person = 0.02 * np.arange(N)[:, None]
    arrays = {}
    for method in ("frozen", "ea", "ea_cft"):
        for feedback in FEEDBACK:
            contra = np.full((N, TRIALS), 0.55) + person
            contra[:, -END:] = POWER_END[feedback] + person
            correct = np.full((N, TRIALS), 0.8 if method == "frozen" else 0.85) + person
            correct[:, ONSET:] = ACCURACY[feedback] + person
            arrays[f"correct/{method}/{feedback}"] = correct
            arrays[f"contra/{method}/{feedback}"] = contra
            arrays[f"dose/{method}/{feedback}"] = np.full((N, TRIALS), float(feedback != "none"))
    meta = {"severity": severity, "seed": 0, "subjects": [f"P{i + 1:02d}" for i in range(N)], "onset": ONSET}
    return meta | {"n_trials": TRIALS}, arrays


@pytest.fixture(scope="module")
def results():
    config = make_config("mi_neurofeedback", INFOS["mi_neurofeedback"], subjects=N)
    return mi_neurofeedback().results(config, [cell(3.0), cell(0.0)], 2, {"code": "x"}, "neurodrift run")


def test_desynchronisation_is_what_is_missing_of_the_power_at_rest(results):
    row = next(r for r in results["arms"] if (r["severity"], r["decoder"], r["feedback"]) == (3.0, "ea", "contingent"))
    assert row["erd_start"] == pytest.approx(45.0 - 4.0)
    assert row["erd_end"] == pytest.approx(70.0 - 4.0)
    assert row["accuracy_after"] == pytest.approx(90.0 + 4.0)
    assert row["dose"] == pytest.approx(100.0)


def test_contingent_and_sham_are_compared_in_pairs(results):
    found = [c for c in results["contrasts"] if "sham" in c["contrast"]]
    assert len(found) == 6
    for contrast in found:
        assert contrast["erd_change"] == pytest.approx(20.0)
        assert contrast["erd_change_hi"] - contrast["erd_change_lo"] == pytest.approx(0.0, abs=1e-6)
    assert "3 of 3 decoders" in results["verdict"]["headline"]


def test_results_are_strict_json_and_the_page_holds_the_courses(results):
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    page = mi_neurofeedback().report(results)
    assert page.count("<svg") == 1
    assert "ea_cft, contingent" in page


def test_sham_wants_somebody_elses_schedule():
    config = make_config("mi_neurofeedback", INFOS["mi_neurofeedback"], subjects=1)
    with pytest.raises(InputError, match="the schedule of another person"):
        mi_neurofeedback().plan(config)
