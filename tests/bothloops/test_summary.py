"""The table of decoder times policy, from cells whose numbers are known."""

import json

import numpy as np
import pytest

from neurodrift.scenarios.bothloops.grid import CONTROLS, POLICIES
from neurodrift.scenarios.bothloops.pd_scenario import pd_decoded_adbs
from neurodrift.scenarios.bothloops.summary import concordance
from neurodrift.scenarios.config import make_config
from neurodrift.scenarios.infos import INFOS

METHODS = ("frozen", "ea", "ea_cft", "oracle")
N, BLOCKS = 6, 4
# mean reward after the onset of each decoder (rows of METHODS) with each policy
REWARD = {0.0: ((-0.4, -0.41, -0.39), (-0.42, -0.42, -0.41), (-0.41, -0.4, -0.4), (-0.38, -0.39, -0.37))}
REWARD[1.0] = ((-0.6, -0.45, -0.44), (-0.5, -0.5, -0.46), (-0.4, -0.38, -0.36), (-0.3, -0.31, -0.28))
ACCURACY = (0.55, 0.7, 0.85, 1.0)


def cell(severity, config, seed=0):
    """A cell whose people differ by a constant each, which no paired difference contains."""
    person = 0.01 * np.arange(N)[:, None]
    arrays = {}
    for i, method in enumerate(METHODS):
        for j, policy in enumerate((*POLICIES, *CONTROLS)):
            if policy in CONTROLS and i:
                continue
            reward = REWARD[severity][i][j] if j < 3 else -0.8
            rows = np.full((N, BLOCKS), reward) + person
            rows[:, 0] = 100.0  # before the onset: never counted
            values = {"reward": rows, "symptom": -5 * rows, "high": np.full((N, BLOCKS), 0.5)}
            values |= {"dose": np.full((N, BLOCKS), 0.25), "energy": np.full((N, BLOCKS), 1e-6)}
            values |= {
                "hit": np.full((N, BLOCKS), 0.5 * ACCURACY[i]),
                "rejection": np.full((N, BLOCKS), 0.5 * ACCURACY[i]),
            }
            arrays |= {f"{name}/{method}/{policy}": value for name, value in values.items()}
            arrays[f"labels/{method}/{policy}"] = np.full(N, 30 if method == "ea_cft" else 0)
    meta = {
        "severity": severity, "seed": seed, "subjects": [f"P{i + 1:02d}" for i in range(N)], "settings": {},
        "onset": 10, "block": 10, "n_windows": 40, "drift_window_s": 60.0, "label_every": 20, "label_delay": 4,
    }  # fmt: skip
    return meta, arrays


@pytest.fixture(scope="module")
def scenario():
    return pd_decoded_adbs()


@pytest.fixture(scope="module")
def results(scenario):
    config = make_config("pd_decoded_adbs", INFOS["pd_decoded_adbs"], subjects=N)
    cells = [cell(severity, config) for severity in (1.0, 0.0)]
    return scenario.results(config, cells, 2, {"code": "x"}, "neurodrift run pd_decoded_adbs")


def row(results, severity, decoder, policy):
    return next(r for r in results["grid"] if (r["severity"], r["decoder"], r["policy"]) == (severity, decoder, policy))


def test_regret_is_the_oracles_reward_less_the_arms_after_the_onset(results):
    found = row(results, 1.0, "frozen", "fixed")
    assert found["regret"] == pytest.approx(0.32, abs=1e-6)
    # people differ, the regret of each is the same: paired, the interval has no width
    assert found["regret_lo"] == pytest.approx(0.32, abs=1e-6)
    assert found["regret_hi"] == pytest.approx(0.32, abs=1e-6)
    assert row(results, 1.0, "oracle", "oracle")["regret"] == pytest.approx(0.0, abs=1e-6)


def test_interaction_is_the_difference_of_differences(results):
    name = "interaction, what ea_cft gains with the adaptive policy beyond what it gains with the fixed one"
    found = next(c for c in results["contrasts"] if c["severity"] == 1.0 and c["contrast"] == name)
    assert found["reward"] == pytest.approx((-0.38 + 0.45) - (-0.4 + 0.6), abs=1e-6)


def test_accuracy_is_balanced_over_the_states_that_came(results):
    assert row(results, 1.0, "ea", "fixed")["balanced_accuracy"] == pytest.approx(70.0, abs=1e-4)


def test_concordance_counts_pairs_of_decoders_behind_one_policy(results):
    # fixed: -.6 < -.5 < -.4 in the order of accuracy, 3 of 3; adaptive: ea is worse than frozen, 2 of 3
    assert concordance(results, 1.0) == (pytest.approx(5 / 6), 6)


def test_verdict_speaks_of_the_greatest_drift_and_of_users_alone(results):
    verdict = results["verdict"]
    assert verdict["headline"].startswith("Under drift of 1: the ea_cft decoder with the adaptive policy")
    assert verdict["sentences"][0].startswith("More regret without any decoder: continuous")


def test_results_are_strict_json_and_the_page_needs_no_network(scenario, results):
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    page = scenario.report(results)
    assert page == scenario.report(results)
    assert page.count("<svg") == 3
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_an_unfinished_run_says_so(scenario):
    config = make_config("pd_decoded_adbs", INFOS["pd_decoded_adbs"], subjects=N)
    part = scenario.results(config, [cell(0.0, config)], 2, {}, "")
    assert not part["complete"]
    assert "INCOMPLETE" in scenario.report(part)
    assert "Nothing has run" in scenario.report(scenario.results(config, [], 2, {}, ""))


def test_the_terminals_table_has_every_decoder_and_control(results):
    for name in (*METHODS, "off", "continuous", "random, matched dose"):
        assert name in results["text"]


def test_means_over_stretches_are_those_of_their_windows():
    from neurodrift.scenarios.bothloops.grid import blocks
    from neurodrift.scenarios.bothloops.session import Session

    rows = np.random.default_rng(0).normal(size=(2, 25))
    means = blocks(Session(n_windows=25, block=10), rows)
    np.testing.assert_allclose(means[:, 0], rows[:, :10].mean(axis=1))
    np.testing.assert_allclose(means[:, 2], rows[:, 20:].mean(axis=1))
