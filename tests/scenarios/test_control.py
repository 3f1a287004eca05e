"""Evaluation of policies on a control task: known answers, the same patients for all, nothing lost or done twice."""

import dataclasses
import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import quick_control

from neurodrift.agents import Constant
from neurodrift.agents.rl import PPO, Trained, probes, save_trained
from neurodrift.agents.rl.moments import no_moments
from neurodrift.agents.rl.population import population
from neurodrift.scenarios.control import cells as cells_module
from neurodrift.scenarios.control import metrics
from neurodrift.scenarios.control.algorithms import Recipe
from neurodrift.scenarios.control.arms import matched_random
from neurodrift.scenarios.control.cells import plan_cells
from neurodrift.scenarios.control.config import ControlConfig, evaluate_command, make_control_config
from neurodrift.scenarios.control.evaluate import evaluate
from neurodrift.scenarios.control.front import Point, dominated
from neurodrift.scenarios.control.results import build_control_results
from neurodrift.scenarios.control.rollouts import batches, draw_many, padded, run_many
from neurodrift.scenarios.control.seizures import seizure_scores, seizure_sentence
from neurodrift.scenarios.control.training import train_policies
from neurodrift.scenarios.control.uncertainty import mean_over, ratio_over, weights_of
from neurodrift.scenarios.control.verdict import control_verdict
from neurodrift.scenarios.report.control import control_report
from neurodrift.scenarios.storage import plain, strict
from neurodrift.sim.errors import InputError
from neurodrift.sim.keys import stream_key
from neurodrift.sim.loop import run_loop
from neurodrift.sim.pytree import component

TASK = "quick_control:SPEC"
N_SEEDS, N_WINDOWS = 10, 200
ARMS = ["continuous", "threshold", "random"]


def test_dose_of_half_the_time_at_half_the_current():
    applied = np.tile([0.0, 0.5], 50)[None, :, None]
    found = metrics.dose(applied)
    assert found["time_on"] == pytest.approx([0.5])
    assert found["dose_abs"] == pytest.approx([0.25])
    assert found["dose_square"] == pytest.approx([0.125])


def test_bursts_are_measured_against_the_patients_own_quantile_without_stimulation():
    off = np.linspace(0.0, 1.0, 101)  # the .85 quantile is .85
    marker = np.zeros(101)
    marker[10:14], marker[30:36], marker[50] = 0.9, 0.9, 0.84  # .4 s and .6 s, and one that is none
    assert metrics.burst_durations(marker, 0.85, 0.1) == pytest.approx([0.4, 0.6])
    assert metrics.long_bursts(marker, off, 0.1) == pytest.approx(0.5)
    assert metrics.long_bursts(np.zeros(101), off, 0.1) == 0.0
    assert np.isnan(metrics.long_bursts(marker, off, 0.5))


def test_half_a_second_of_five_windows_is_not_longer_than_half_a_second():
    marker = np.zeros(40)
    marker[10:15] = 1.0
    assert metrics.long_bursts(marker, np.linspace(0, 1, 40), 0.1) == 0.0


def test_vetoes_are_counted_by_kind_and_those_without_a_name_by_their_bit():
    found = metrics.veto_shares(np.array([0, 1, 3, 16], np.uint32), {1: "polarity", 2: "amplitude"})
    assert {kind: float(share) for kind, share in found.items()} == {"polarity": 0.5, "amplitude": 0.25, "bit 4": 0.25}


def step(n=1000, onset=400, back=600, high=2.0):
    marker = np.ones(n)
    marker[onset:back] = high
    return marker


def test_recovery_is_when_the_mean_over_a_twentieth_of_the_run_is_back_within_a_tenth():
    marker, wide = step(), metrics.smoothing(1000)
    assert wide == 50
    found = metrics.recovery(marker, 400, 1000, 0.1)
    # the causal mean of 50 windows is within .1 once at most 5 of them are of before the return
    assert not found.censored
    assert found.seconds == pytest.approx(0.1 * (600 + 45 - 1 - (400 + wide - 1)))


def test_what_never_left_recovers_at_once_and_what_never_comes_back_is_censored():
    assert metrics.recovery(np.ones(1000), 400, 1000, 0.1) == (0.0, False)
    found = metrics.recovery(step(back=1000), 400, 1000, 0.1)
    assert found.censored
    assert found.seconds > 0.1 * 500


def test_recovery_to_the_oracles_level_needs_no_time_before_the_onset():
    oracle = np.full(1000, 2.0)
    assert metrics.recovery(step(back=1000), 400, 1000, 0.1, reference=oracle) == (0.0, False)
    assert np.isnan(metrics.recovery(step(), 0, 1000, 0.1).seconds)


def test_onsets_inside_the_run_divide_it_and_those_in_one_window_are_one():
    seconds = 0.1 * np.arange(100)
    assert metrics.stretches(seconds, [2.0, 2.0, 5.05, -1.0, 0.0, 50.0]) == [(0, 20, 51), (20, 51, 100)]
    assert metrics.stretches(seconds, [np.inf]) == []


def test_bins_keep_the_mean_and_the_order():
    values = np.arange(103.0)
    assert metrics.binned(values, 1) == pytest.approx([51.0])
    found = metrics.binned(values, 10)
    assert len(found) == 10
    assert (np.diff(found) > 0).all()
    assert metrics.binned(values, 500).tolist() == values.tolist()


def test_an_interval_over_trainings_and_patients_is_wider_than_over_patients_alone():
    rng = np.random.default_rng(0)
    weights = weights_of(20)
    patients = rng.normal(size=20)
    alone = mean_over(patients[None], weights)
    assert alone.value == pytest.approx(patients.mean())
    # the standard error of a mean over 20, in the 95 % of a normal law; a bootstrap of 20 is a little narrower
    assert (alone.hi - alone.lo) / (2 * 1.96) == pytest.approx(patients.std(ddof=1) / np.sqrt(20), rel=0.1)
    trainings = rng.normal(size=(6, 1)) + patients
    crossed = mean_over(trainings, weights)
    assert crossed.value == pytest.approx(trainings.mean())
    assert crossed.hi - crossed.lo > 1.3 * (alone.hi - alone.lo)


def test_a_ratio_of_sums_is_paired_and_a_single_patient_has_no_interval():
    off = np.array([1.0, 2.0, 6.0, 3.0])
    found = ratio_over(0.4 * off[None], off, weights_of(4))
    assert (found.value, found.lo, found.hi) == pytest.approx((0.4, 0.4, 0.4))
    one = ratio_over([[2.0]], [4.0], weights_of(1))
    assert one.value == 0.5
    assert np.isnan([one.lo, one.hi]).all()


def test_an_arm_is_dominated_only_where_another_is_better_in_both_beyond_doubt():
    rng = np.random.default_rng(1)
    weights, patients = weights_of(16), rng.normal(50, 10, (1, 16))
    better = Point("b", patients + 5 + rng.normal(0, 1, (1, 16)), patients - 5)
    mine = Point("m", patients, patients)
    dearer = Point("d", patients + 5, patients + 5)
    noisy = Point("n", patients + rng.normal(0.5, 10, (1, 16)), patients - 5)
    assert dominated(mine, better, weights)
    assert not any(dominated(mine, other, weights) for other in (mine, dearer, noisy))
    assert not dominated(better, mine, weights)


@component
class Counting:
    """Remembers what it has seen, to show when it is asked and with which key."""

    gain: jax.Array

    def init(self):
        return jnp.zeros(())

    def act(self, memory, reading, key):
        memory = memory + jnp.mean(reading.v)
        return memory, jnp.clip(self.gain * memory + 0.1 * jax.random.uniform(key), 0.0, 1.0)[None]


def test_many_patients_in_one_call_are_what_run_loop_gives_for_each():
    loop, keys = quick_control.make(), jax.random.split(jax.random.key(5), 3)
    policy = Counting(gain=jnp.float32(0.004))
    found = run_many(draw_many(loop, quick_control.draw, keys, held_out=True), policy, keys, 60)
    for n, key in enumerate(keys):
        drawn = quick_control.draw(loop, stream_key(key, "person"), True)
        alone = run_loop(drawn, policy, 60, key)
        np.testing.assert_allclose(found["marker"][n], alone["marker"], rtol=1e-5)
        np.testing.assert_allclose(found["applied"][n], alone["applied"], rtol=1e-5)


def test_a_request_that_is_no_number_counts_as_refused():
    keys = jax.random.split(jax.random.key(0), 2)
    patients = draw_many(quick_control.make(), quick_control.draw, keys)
    found = run_many(patients, Constant(level=jnp.asarray([jnp.nan])), keys, 5)
    assert found["refused"][:, 1:].all()
    assert not found["refused"][:, 0].any()


def test_onsets_are_those_of_each_patient_and_batches_share_one_shape():
    keys = jax.random.split(jax.random.key(0), 3)
    found = draw_many(quick_control.make(), quick_control.draw, keys).onsets(3)
    told = [(one.name, one.seconds.tolist()) for one in found]
    assert told == [("Wane, onset", [8.0] * 3), ("Wane, return", [14.0] * 3)]
    assert draw_many(quick_control.make(drift=False), quick_control.draw, keys).onsets(3) == []
    assert batches(10, 8) == [(0, 8), (8, 2)]
    assert (jax.random.key_data(padded(keys, 2, 1, 3)) == jax.random.key_data(keys)[2]).all()


def test_random_stimulation_has_the_dose_of_its_match_and_is_somebody_elses_where_that_is_never_off():
    rng = np.random.default_rng(0)
    bursts = (rng.random((4, 400)) < 0.02).cumsum(-1) % 2 * 0.5
    policy, own = matched_random(bursts[..., None], False)
    assert not own
    assert float(policy.time_on) == pytest.approx((bursts > 0).mean(), abs=0.1)
    ever_on = rng.uniform(0.1, 1.0, (4, 50, 1))
    policy, own = matched_random(ever_on, False)
    assert own
    np.testing.assert_allclose(policy.applied, np.roll(ever_on, 1, axis=0), rtol=1e-6)
    # two pauses in a run that is on otherwise: of its durations only the middle one is whole, and far too short
    rare = np.ones((4, 400), np.float32)
    rare[:, [200, 205]] = 0.0
    policy, own = matched_random(rare[..., None], False)
    assert own
    np.testing.assert_allclose(np.asarray(policy.applied).mean(), rare.mean())
    _, own = matched_random(bursts[..., None], True)
    assert own
    # on for a fortieth: of its pauses the long ones are cut off by the recording, so drawn ones are on too often
    seldom = np.zeros((4, 400), np.float32)
    seldom[:, 150:155] = seldom[:, 250:255] = 1.0
    policy, own = matched_random(seldom[..., None], False)
    assert own
    np.testing.assert_allclose(np.asarray(policy.applied).mean(), seldom.mean())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(config, folder, results) of a small evaluation."""
    config = make_control_config(
        TASK,
        arms=ARMS,
        seeds=N_SEEDS,
        n_windows=N_WINDOWS,
        candidates=4,
    )
    folder = tmp_path_factory.mktemp("control")
    return config, folder, evaluate(config, folder)


def row(results, drift, arm):
    return next(r for r in results["table"] if (r["drift"], r["arm"]) == (drift, arm))


def test_everything_is_there_and_off_is_added(run):
    _, _, results = run
    assert results["complete"]
    assert list(results["arms"]) == ["off", "continuous", "threshold", "random-threshold"]
    assert [r["drift"] for r in results["table"]] == ["none"] * 4 + ["standard"] * 4 + ["held-out"] * 4
    assert {r["n_seeds"] for r in results["table"]} == {N_SEEDS}


def test_continuous_stimulation_leaves_what_the_model_says(run):
    _, _, results = run
    rhythm = 1 + 0.5 * np.sin(0.7 * np.arange(N_WINDOWS))
    on = np.r_[0.0, np.ones(N_WINDOWS - 1)]  # the first window is without stimulation
    expected = 100 * (rhythm * (1 - quick_control.EFFECT * on)).sum() / rhythm.sum()
    found = row(results, "none", "continuous")
    # every patient has the same share, so that the interval has no width
    for key in ("percent_off", "percent_off_lo", "percent_off_hi"):
        assert found[key] == pytest.approx(expected, rel=1e-4)
    assert found["benefit"] == pytest.approx(100 - expected, rel=1e-4)
    assert found["energy_percent"] == pytest.approx(100.0)
    assert found["time_on"] == pytest.approx(1 - 1 / N_WINDOWS)
    assert row(results, "none", "off")["percent_off"] == pytest.approx(100.0)


def test_drift_costs_benefit_and_held_out_drift_more(run):
    _, _, results = run
    left = [row(results, drift, "continuous")["percent_off"] for drift in ("none", "standard", "held-out")]
    assert left == sorted(left)
    assert left[2] > left[0] + 10


def test_recovery_is_the_length_of_the_waning_and_none_without_drift(run):
    _, _, results = run
    assert row(results, "none", "continuous")["recovery_s_reason"] == "there is no drift"
    found = row(results, "held-out", "continuous")
    # two onsets a patient: the effect wanes (and does not come back before it returns), and it returns
    assert (found["n_onsets"], found["censored"]) == (2 * N_SEEDS, N_SEEDS)


def test_regret_is_against_the_best_arm_which_is_named(run):
    _, _, results = run
    for drift, reference in results["references"].items():
        rewards = {r["arm"]: r["reward"] for r in results["table"] if r["drift"] == drift}
        assert reference["arm"] == max(rewards, key=rewards.get)
        assert reference["name"].startswith("the best arm here")
        for name, reward in rewards.items():
            assert row(results, drift, name)["regret"] == pytest.approx(rewards[reference["arm"]] - reward, abs=1e-5)


def test_every_arm_meets_the_same_patients(run):
    _, folder, _ = run
    first = {}
    for path in (folder / "cells").glob("*.json"):
        cell = json.loads(path.read_text())["cell"]
        if cell["kind"] == "run":
            with np.load(path.with_suffix(".npz")) as arrays:
                # before anything was stimulated
                first.setdefault((cell["drift"] == "held-out", cell["first"]), []).append(arrays["marker"][:, 0])
    assert len(first) == 4
    for same in first.values():
        assert all(np.array_equal(one, same[0]) for one in same)
    assert cells_module.BATCH == 8


def test_the_table_is_the_same_to_the_bit_when_cells_are_lost_and_only_those_are_done_again(run, tmp_path):
    config, folder, results = run
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "cells").iterdir()}
    lost = sorted((folder / "cells").glob("*.npz"))[3]
    lost.unlink()
    written = (folder / "results.json").read_bytes()
    again = evaluate(config, folder)
    assert again == results
    assert (folder / "results.json").read_bytes() == written
    after = {path.name: path.stat().st_mtime_ns for path in (folder / "cells").iterdir()}
    assert {name for name in before if after[name] != before[name]} == {lost.name, lost.with_suffix(".json").name}


def test_another_configuration_in_the_folder_is_refused(run):
    config, folder, _ = run
    with pytest.raises(InputError, match="seeds 10"):
        evaluate(dataclasses.replace(config, seeds=3), folder)


def test_a_drift_that_fails_costs_its_own_cells_alone(tmp_path, monkeypatch):
    def failing(loop, key, held_out=False):
        if held_out:
            raise RuntimeError("no such\npatient")
        return quick_control.draw(loop, key, held_out)

    monkeypatch.setattr(quick_control.Spec, "draw", property(lambda self: failing))
    config = make_control_config(TASK, arms=["off"], drifts=["none", "held-out"], seeds=2, n_windows=20, candidates=1)
    results = evaluate(config, tmp_path / "run")
    # what is drawn for anybody is known for held-out patients, too, so that nothing is left; the reason is told
    assert not results["complete"]
    assert all("no such" in failure["error"] for failure in results["failures"])


def test_a_configuration_goes_through_json_and_back_into_its_command(run):
    config, _, results = run
    assert ControlConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    assert results["command"] == evaluate_command(config)
    assert "--task quick_control:SPEC --drift none,standard,held-out" in results["command"]


BAD = {
    "task": ({"task": "pd_adbs_onof"}, "did you mean 'pd_adbs_onoff'"),
    "plug-in": ({"task": "math:pi"}, "is not a task"),
    "arm": ({"task": TASK, "arms": ["treshold"]}, "did you mean 'threshold'"),
    "drift": ({"task": TASK, "drifts": ["heldout"]}, "did you mean 'held-out'"),
    "no drift": ({"task": TASK, "drifts": []}, "no drift given"),
    "seeds": ({"task": TASK, "seeds": 0}, "--seeds is 0"),
    "windows": ({"task": TASK, "n_windows": 1}, "--windows is 1"),
    "policy": ({"task": TASK, "policies": ["nowhere.safetensors"]}, "can't be read"),
}


@pytest.mark.parametrize(("given", "said"), BAD.values(), ids=BAD)
def test_what_cannot_be_evaluated_is_refused_in_one_line(given, said):
    given = dict(given)
    with pytest.raises(InputError, match=said.replace("(", r"\(")) as refused:
        make_control_config(given.pop("task"), **given)
    assert "\n" not in str(refused.value)


def test_the_report_leads_with_the_verdict_escapes_and_needs_no_network(run):
    _, _, results = run
    page = control_report(results)
    assert page == control_report(json.loads(json.dumps(results)))
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "A &lt;sine&gt;" in page
    assert "<sine>" not in page
    order = [page.index(f'id="{key}"') for key in ("marker", "dose", "front", "table", "tests", "regret", "run")]
    assert order == sorted(order)
    assert page.index('class="verdict"') < order[0]
    assert page.count("<svg") >= 5


def test_the_verdict_is_of_the_hardest_drift_and_names_who_is_dominated(run):
    _, _, results = run
    verdict = results["verdict"]
    assert verdict["ranked"]
    assert verdict["headline"].startswith("On patients and drifts that training never sees")
    best = max(
        (r for r in results["table"] if (r["drift"], r["role"]) == ("held-out", "controller")),
        key=lambda r: r["reward"],
    )
    assert best["title"] in verdict["headline"]
    assert any("Random stimulation at the same dose" in s for s in verdict["sentences"]) == (best["arm"] == "threshold")


def test_a_timing_that_does_harm_is_not_called_a_doubt(run):
    results = json.loads(json.dumps(run[2]))
    for test in results["tests"]:
        if test["measure"] == "marker":
            test |= {"difference": 20.0, "difference_lo": 10.0, "difference_hi": 30.0}
            if test["against"].startswith("threshold"):
                test |= {"difference": -20.0, "difference_lo": -30.0, "difference_hi": -10.0}
    said = " ".join(control_verdict(results)["sentences"])
    assert "the timing of Threshold, on and off does harm" in said
    assert "not beyond doubt" not in said


def test_an_unfinished_evaluation_is_not_ranked(run):
    config, _, _ = run
    results = build_control_results(config, quick_control.SPEC, {}, 9, {}, "neurodrift evaluate")
    assert not results["verdict"]["ranked"]
    assert "INCOMPLETE" in results["verdict"]["headline"]
    assert "not finished" in control_report(results)


def test_off_alone_has_nothing_to_compare(tmp_path):
    config = make_control_config(TASK, arms=["off"], drifts=["none"], seeds=1, n_windows=40, candidates=1)
    results = evaluate(config, tmp_path / "run")
    assert results["complete"]
    assert results["verdict"]["headline"].startswith("Nothing to compare")
    assert row(results, "none", "off")["percent_off_lo"] is None


def _seizures():
    """Two patients, windows of 1 s: seizures of 20 s at 100 s, and in the first one at 300 s, too."""
    seizing = np.zeros((1, 2, 600), bool)
    seizing[0, :, 100:120] = True
    seizing[0, 0, 300:320] = True
    return seizing


def test_seizures_are_detected_with_a_delay_and_false_alarms_are_counted_per_day():
    seizing = _seizures()
    applied = np.zeros((*seizing.shape, 1), np.float32)
    applied[0, :, 104] = 1.0
    applied[0, 1, 500] = 1.0
    traces = {"seizing": seizing, "impending": np.zeros_like(seizing), "applied": applied}
    row = seizure_scores("sz_onset_detect", traces, traces, 1.0, weights_of(2))
    assert row["detected"] == pytest.approx(2 / 3)
    assert row["delay_s"] == 5.0
    # outside three seizures and the 10 s after each
    assert row["false_per_day"] == pytest.approx(86400 / (1200 - 3 * 30))
    (sentence,) = seizure_sentence({**row, "title": "Threshold"})
    assert sentence.startswith("Threshold detects 67 ")
    assert "of 3 seizures after 5.0 s (median), with 77.8" in sentence


def test_seizures_that_are_left_are_compared_with_the_same_patients_without_stimulation():
    off = _seizures()
    mine = off.copy()
    mine[0, 0, 300:320] = False
    row = seizure_scores("sz_responsive_abort", {"seizing": mine}, {"seizing": off}, 1.0, weights_of(2))
    assert row["fewer"] == pytest.approx(100 / 3)
    assert row["seizures_per_day"] == pytest.approx(2 * 86400 / 1200)
    assert seizure_sentence(row)[0].startswith("2 seizures of 10 s or more instead of 3")


def test_without_a_seizure_the_scores_are_undefined_and_say_why():
    none = np.zeros((1, 2, 50), bool)
    traces = {"seizing": none, "impending": none, "applied": np.zeros((1, 2, 50, 1))}
    for task, key in (("sz_onset_detect", "detected"), ("sz_responsive_abort", "fewer")):
        row = seizure_scores(task, traces, traces, 1.0, weights_of(2))
        assert row[key] is None
        assert "no seizure" in row[f"{key}_reason"]
        assert "undefined" in seizure_sentence({**row, "title": "Threshold"})[0]
    assert seizure_scores("pd_adbs_onoff", traces, traces, 1.0, weights_of(2)) == {}


def test_a_symptom_that_never_shows_is_said_and_breaks_no_report(run):
    """Zero without stimulation: nothing can be given in % of it."""
    config, _, _ = run
    cells = {}
    for cell in plan_cells(config):
        if cell.kind == "tune":
            cells[cell] = ({"values": {}, "score": 0.0}, {})
            continue
        shape = (cell.n, config.n_windows)
        zero = np.zeros(shape, np.float32)
        seconds = np.tile(np.arange(config.n_windows, dtype=np.float32), (cell.n, 1))
        arrays = dict.fromkeys(
            ("marker", "reward", "cost", "charge", "energy", "vetoes", "refused", "terminated"), zero
        )
        arrays |= {"applied": zero[..., None], "in_bounds": np.ones(shape, bool), "seconds": seconds}
        arrays["vetoes"] = zero.astype(np.uint32)
        cells[cell] = ({"window_s": 0.1, "onsets": [], "bipolar": False, "shield": False}, arrays)
    results = build_control_results(config, quick_control.SPEC, cells, len(cells), {}, "neurodrift evaluate")
    assert "there was no symptom without stimulation" in results["verdict"]["headline"]
    assert results["verdict"]["sentences"] == [], "nothing is dominated or matched in % of nothing"
    assert row(results, "none", "threshold")["percent_off"] is None
    page = control_report(strict(plain({**results, "trainings": []})))
    assert "there was no symptom without stimulation" in page
    assert "nan" not in page.lower().replace("resonan", "").replace("finan", "")


def _policy(folder, n_observations, seed=0):
    """The file of a policy that was trained for no time at all."""
    algorithm = PPO(n_envs=2, n_steps=2, n_epochs=1, n_minibatches=1, hidden=(2,), n_bank=2)
    net = algorithm.net(population(probes.Linear()))
    params = net.init(jax.random.key(seed), jnp.zeros(0), jnp.zeros(n_observations))
    trained = Trained(params=params, moments=no_moments(n_observations), unit=jnp.ones(()), net=net)
    path = folder / f"policy-{seed}.safetensors"
    save_trained(path, trained, {"algorithm": "ppo", "task": "another_task"})
    return path


def test_a_policy_of_another_task_is_refused_before_anything_is_run(tmp_path):
    config = make_control_config(TASK, arms=["off"], policies=[_policy(tmp_path, 3)], seeds=1, n_windows=10)
    with pytest.raises(InputError, match=r"3 observations to 1 actions, wanted .* --task another_task"):
        evaluate(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_one_policy_given_twice_is_refused(tmp_path):
    first = _policy(tmp_path, 1)
    again = tmp_path / "again.safetensors"
    again.write_bytes(first.read_bytes())
    with pytest.raises(InputError, match=r"again\.safetensors is the same policy as .*would count twice"):
        make_control_config(TASK, policies=[first, _policy(tmp_path, 1, seed=1), again])


def test_settings_that_do_not_work_leave_the_folder_free(tmp_path):
    wrong = Recipe(task=TASK, algorithm="sac", seeds=1, n_envs=20_000, n_windows=10)
    with pytest.raises(InputError, match="capacity"):
        train_policies(wrong, tmp_path, 1)
    assert not (tmp_path / "training.json").exists()
