import json
import random

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score

from neurodrift.scenarios import metrics
from neurodrift.scenarios.report.html import report
from neurodrift.scenarios.report.text import Column, number, severity_label
from neurodrift.scenarios.tables import build_results, console_table, markdown_table


def build(example, cells, planned=None, spec=None, **kwargs):
    return build_results(
        spec or example.spec,
        {"scenario": "mi_cap_shift", "seeds": 1},
        {"neurodrift": "0.1.0"},
        cells,
        len(cells) if planned is None else planned,
        example.timing,
        "neurodrift run mi_cap_shift",
        **kwargs,
    )


def find(results, method, severity):
    return next(row for row in results["table"] if row["method"] == method and row["severity"] == severity)


@pytest.fixture(scope="module")
def few(example):
    """Methods that differ: both bounds, one without labels, one with, one that harms."""
    keep = ("frozen", "recenter", "tent", "recal20", "oracle")
    return {method: example.methods[method] for method in keep}


@pytest.fixture(scope="module")
def cells(example, few):
    return example.cells(severities=(0, 3), n_subjects=12, batch=4, methods=few)


@pytest.fixture(scope="module")
def results(example, cells):
    return build(example, cells)


def test_results_are_strict_json_and_every_null_says_why(results):
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    measured = {key.removesuffix("_lo") for key in results["table"][0] if key.endswith("_lo")}
    assert {"accuracy_pre", "accuracy_post", "drop", "ttr90_trials", "naud", "harm", "update_ms_p50"} <= measured
    for row in results["table"]:
        for name in measured:
            if None in (row[name], row[f"{name}_lo"], row[f"{name}_hi"]):
                assert row[f"{name}_reason"], name


def test_the_order_in_which_cells_finished_leaves_no_trace(example, cells, results):
    shuffled = list(cells)
    random.Random(0).shuffle(shuffled)
    assert json.dumps(build(example, shuffled)) == json.dumps(results)


def test_accuracies_are_those_counted_on_the_arrays(cells, results):
    mine = [(meta, arrays) for meta, arrays in cells if meta["severity"] == 3]
    right = np.concatenate([a["proba/recenter"].argmax(-1) == a["y"] for _, a in mine])
    frozen = np.concatenate([a["proba/frozen"].argmax(-1) == a["y"] for _, a in mine])
    row = find(results, "recenter", 3)
    assert row["accuracy_pre"] == pytest.approx(right[:, 10:60].mean())
    assert row["accuracy_post"] == pytest.approx(right[:, -50:].mean())
    assert row["accuracy_post_all"] == pytest.approx(right[:, 60:].mean())
    assert row["drop"] == pytest.approx(right[:, 10:60].mean() - right[:, 60:80].mean())
    assert row["gain"] == pytest.approx(right[:, 60:].mean() - frozen[:, 60:].mean())
    assert row["harm"] == pytest.approx(np.mean(right[:, 60:].mean(1) - frozen[:, 60:].mean(1) < -0.01 - 1e-9))
    y = np.concatenate([a["y"] for _, a in mine])[:, 60:]
    predicted = np.concatenate([a["proba/recenter"].argmax(-1) for _, a in mine])[:, 60:]
    assert row["kappa"] == pytest.approx(np.mean([cohen_kappa_score(*pair) for pair in zip(y, predicted)]), rel=1e-6)
    assert row["accuracy_post_window"] == "last 50 trials after the onset"
    assert row["n_subjects"] == 12


def test_intervals_are_over_subjects(cells, results):
    right = np.concatenate([a["proba/recenter"].argmax(-1) == a["y"] for m, a in cells if m["severity"] == 3])
    row = find(results, "recenter", 3)
    by_subject = right[:, 60:].mean(1)
    peer = stats.bootstrap((by_subject,), np.mean, n_resamples=9999, method="percentile", rng=0).confidence_interval
    # Both are Monte Carlo: 2000 draws put about 3 % of a standard error on a 2.5 % quantile
    tolerance = 0.2 * by_subject.std(ddof=1) / np.sqrt(12)
    assert (row["accuracy_post_all_lo"], row["accuracy_post_all_hi"]) == pytest.approx(tuple(peer), abs=tolerance)


def test_bounds_score_zero_and_one_and_harm_more(results):
    assert find(results, "oracle", 3)["naud"] == 0.0
    assert find(results, "frozen", 3)["naud"] == 1.0
    assert 0 < find(results, "recenter", 3)["naud"] < 1
    assert find(results, "tent", 3)["naud"] > 1
    assert find(results, "recenter", 3)["recovery_fraction"] > 0.4


def test_normalised_area_is_undefined_without_drift_and_says_so(results):
    row = find(results, "recenter", 0)
    assert row["naud"] is None
    assert row["recovery_fraction"] is None
    assert "below noise" in row["naud_reason"]


def test_a_median_that_is_not_reached_is_null_with_the_count(results):
    row = find(results, "tent", 3)
    assert row["ttr90_trials"] is None
    assert row["censored"] > 6
    assert f"{12 - row['censored']} of 12 recovered" in row["ttr90_trials_reason"]


def test_recovery_in_minutes_and_labels_is_that_of_the_same_trials(results):
    row = find(results, "oracle", 3)
    assert row["ttr90_minutes"] == pytest.approx(row["ttr90_trials"] * 8 / 60)  # a trial every 8 s
    assert row["ttr90_labels"] == row["ttr90_trials"]  # the oracle's stream counts one label a trial
    assert find(results, "recenter", 3)["labels"] == 0
    assert find(results, "recal20", 3)["labels"] == 20


def test_losers_stand_below_frozen_and_are_marked(results):
    at_three = [row for row in results["table"] if row["severity"] == 3]
    order = [row["method"] for row in at_three]
    assert order.index("oracle") < order.index("frozen") < order.index("tent")
    assert {row["method"] for row in at_three if row["below_frozen"]} == {"tent"}


def test_tests_are_paired_over_subjects_and_holm_adjusted_over_the_run(cells, results):
    test = next(t for t in results["tests"] if t["method"] == "recenter" and t["severity"] == 3)
    d = np.concatenate(
        [
            (a["proba/recenter"].argmax(-1) == a["y"])[:, 60:].mean(1)
            - (a["proba/frozen"].argmax(-1) == a["y"])[:, 60:].mean(1)
            for m, a in cells
            if m["severity"] == 3
        ]
    )
    exact = stats.wilcoxon(d.round(9), method=stats.PermutationMethod(n_resamples=np.inf)).pvalue
    assert test["p"] == pytest.approx(exact)
    assert len(results["tests"]) == 6  # three methods at two severities; the bounds are not tested
    assert test["p_holm"] == pytest.approx(6 * exact)


def test_without_frozen_the_verdict_claims_nothing(results):
    from neurodrift.scenarios.verdict import verdict

    gone = {"gain": None, "gain_lo": None, "gain_hi": None, "p_holm": None}
    without = {**results, "table": [{**row, **gone} for row in results["table"] if row["role"] != "frozen"]}
    said = verdict(without)
    assert said["headline"] == "Nothing to compare: frozen was not run"
    assert (said["sentences"], said["ranked"]) == ([], False)
    bounds = {**results, "table": [row for row in results["table"] if row["role"] != "method"]}
    assert verdict(bounds)["headline"] == "Nothing to compare: no method but the bounds was run"


def test_labels_of_past_days_are_told_from_labels_of_the_day(results):
    from neurodrift.scenarios.infos import PAST_DAYS
    from neurodrift.scenarios.verdict import verdict

    refit = "Refit readout, 20 labels"
    table = [{**row, "labels_kind": PAST_DAYS} if row["title"] == refit else row for row in results["table"]]
    assert f"{refit} (with labels of past days)" in verdict({**results, "table": table})["headline"]


def test_the_verdict_names_bounds_best_methods_and_losers(results):
    verdict = results["verdict"]
    assert verdict["ranked"]
    assert verdict["headline"].startswith("At 3 cm frozen falls from")
    assert "Riemannian recentering (without labels)" in verdict["headline"]
    assert "Refit readout, 20 labels (with labels)" in verdict["headline"]
    assert "Without drift no method loses more than 1 point against frozen." in verdict["sentences"]
    assert verdict["sentences"][-1] == "More than 1 point below frozen under drift: Entropy minimisation (3 cm)."


def test_an_incomplete_run_is_not_ranked(example, cells):
    results = build(example, cells[:4], planned=6)
    assert not results["complete"]
    assert (results["cells_done"], results["cells_planned"]) == (4, 6)
    assert results["verdict"]["headline"] == "4/6 cells, INCOMPLETE — not ranked"
    listed = [row["method"] for row in results["table"] if row["severity"] == 3]
    assert listed == [m for m in example.spec["methods"] if m in listed]


def test_a_run_without_a_finished_cell_still_has_results(example):
    results = build(example, [], planned=6)
    assert results["table"] == []
    assert results["verdict"]["headline"].startswith("0/6 cells")


def test_seeds_of_one_subject_are_one_unit(example, few):
    once = build(example, example.cells(severities=(2,), n_subjects=4, batch=4, methods=few))
    twice = build(example, example.cells(severities=(2,), n_subjects=4, batch=4, seeds=(0, 1), methods=few))
    row = find(twice, "recenter", 2)
    assert (row["n_subjects"], row["n_units"], row["n_streams"]) == (4, 4, 8)
    assert twice["seeds"] == [0, 1]
    assert find(once, "recenter", 2)["n_streams"] == 4


def test_sessions_of_one_person_are_the_units_of_a_recorded_stream(example):
    results = build(example, example.days(), spec=example.days_spec, unit="session")
    row = find(results, "recenter", 1)
    assert row["n_units"] == 9
    _, arrays = example.days()[0]
    right = (arrays["proba/recenter"].argmax(-1) == arrays["y"])[0]
    assert row["accuracy_post"] == row["accuracy_post_all"] == pytest.approx(right.mean(), rel=1e-6)
    assert row["accuracy_post_window"] == "all 522 scored trials"
    assert row["accuracy_post_lo"] < row["accuracy_post"] < row["accuracy_post_hi"]
    assert row["drop"] is None
    assert row["drop_reason"] == "no trials before the onset"
    days = [s for s in results["sessions"] if s["method"] == "recenter"]
    assert [day["name"] for day in days][:2] == ["2022-03-06", "2022-03-09"]
    assert days[3]["accuracy"] == pytest.approx(right[3 * 58 : 4 * 58].mean(), rel=1e-6)


def test_unequal_sessions_weigh_by_their_trials(example):
    (meta, arrays), *_ = example.days()
    arrays = {**arrays, "session": np.repeat([0, 1, 2], [300, 200, 22])}
    row = find(build(example, [(meta, arrays)], spec=example.days_spec, unit="session"), "ea", 1)
    right = (arrays["proba/ea"].argmax(-1) == arrays["y"])[0]
    assert row["accuracy_post"] == pytest.approx(right.mean(), rel=1e-6)


def test_predictions_that_are_not_finite_are_wrong_and_noted(example, few):
    meta, arrays = example.cell(2, ["S00", "S01"], 0, methods=few)
    arrays["proba/tent"][0, 100:110] = np.nan
    results = build(example, [(meta, arrays)])
    assert "tent: 10 predictions were not finite and are scored as wrong" in results["notes"]
    assert json.dumps(results, allow_nan=False)


def test_measures_that_a_cell_calls_undefined_are_null_with_its_reason(example, few):
    meta, arrays = example.cell(2, ["S00", "S01"], 0, methods=few)
    results = build(example, [({**meta, "undefined": {"itr": "no clock"}}, arrays)])
    row = find(results, "ea" if "ea" in few else "recenter", 2)
    assert (row["itr"], row["itr_lo"], row["itr_reason"]) == (None, None, "no clock")


def test_curves_are_aligned_on_the_onset_and_smoothed_over_twenty_trials(cells, results):
    curve = next(c for c in results["curves"] if c["method"] == "frozen" and c["severity"] == 3)
    right = np.concatenate([a["proba/frozen"].argmax(-1) == a["y"] for m, a in cells if m["severity"] == 3])
    at = curve["trial"].index(40)
    assert curve["mean"][at] == pytest.approx(right[:, 81:101].mean(), rel=1e-6)  # trial 100 and the 19 before it
    assert curve["lo"][at] < curve["mean"][at] < curve["hi"][at]
    assert curve["mean"][0] is None  # trial -60 is the stream's first: no twenty trials yet


def test_drift_and_topographies_keep_their_units(results):
    shift = next(d for d in results["drift"] if d["quantity"] == "cap_shift" and d["severity"] == 3)
    assert shift["unit"] == "m"
    assert shift["mean"][shift["trial"].index(1)] == pytest.approx(0.03)
    impedance = {d["component"] for d in results["drift"] if d["quantity"] == "impedance"}
    assert impedance == {"lowest", "median", "highest"}  # sixteen channels
    assert len(results["topographies"]) == 2
    assert len(results["topographies"][0]["before"]) == 16


def test_console_table_has_a_line_per_row_and_a_column_for_the_severity(results):
    from rich.console import Console

    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        console.print(console_table(results))
    text = console.export_text()
    assert text.count(" cm ") == len(results["table"])
    assert "Entropy minimisation ▼" in text
    assert "[lo, hi]: 95 %" in text


def test_markdown_table_has_the_chosen_columns_and_escapes_bars(example, few):
    spec = {**example.spec, "methods": {"frozen": {"title": "a|b"}}}
    cells = [example.cell(2, ["S00", "S01"], 0, methods=few)]
    lines = markdown_table(build(example, cells, spec=spec), ["accuracy_post", "kappa"]).splitlines()
    assert lines[0] == "| method | after % | kappa |"
    assert len(lines) == 2 + len(few)
    assert any(line.startswith("| a\\|b ") for line in lines)


def test_numbers_read_as_people_write_them():
    assert number(-0.051, 100, 1) == "\u22125.1"
    assert number(-0.0001, 100, 1) == "0.0"
    assert number(None) == "\u2013"
    assert severity_label(0.03, "m") == "3 cm"
    assert severity_label(None, "cm") == ""
    assert Column("x", "x").factor == 1.0


def test_an_oracle_that_helps_only_one_subject_leaves_nothing_to_normalise_by(example, few):
    meta, arrays = example.cell(0, ["S00", "S01", "S02", "S03"], 0, methods=few)
    wrong = np.flatnonzero(arrays["proba/frozen"][0].argmax(-1) != arrays["y"][0])
    arrays["proba/oracle"][0, wrong] = np.eye(2)[arrays["y"][0, wrong]]
    row = find(build(example, [(meta, arrays)]), "recenter", 0)
    # the mean gap is several points, but a bootstrap sample without that subject has none
    assert row["naud"] is None
    assert row["recovery_fraction"] is None
    assert "[0.0, " in row["naud_reason"]


def test_classes_count_alike_where_a_cell_weighs_its_trials(example, few):
    meta, arrays = example.cells(severities=(3,), n_subjects=4, batch=4, methods=few)[0]
    rare = np.arange(arrays["y"].shape[1]) % 5 == 0
    # every fifth trial of class 1 only: whoever answers 0 is right four times in five
    arrays = {**arrays, "y": np.tile(rare, (4, 1)).astype(np.int8)}
    arrays["proba/tent"] = np.tile(np.array([0.9, 0.1], np.float32), (4, rare.size, 1))
    onset = arrays["onset"][0]
    weight = np.ones(arrays["y"].shape)
    weight[:, onset:] = metrics.class_weights(rare[onset:])
    plain, weighed = (
        find(build(example, [(meta, {**arrays, **more})]), "tent", 3) for more in ({}, {"weight": weight})
    )
    assert plain["accuracy_post_all"] == pytest.approx(0.8, abs=0.01)
    assert weighed["accuracy_post_all"] == pytest.approx(0.5)
    assert weighed["balanced_accuracy"] == pytest.approx(0.5)
    frozen = find(build(example, [(meta, {**arrays, "weight": weight})]), "frozen", 3)
    proba = arrays["proba/frozen"][:, onset:].argmax(-1)
    expected = np.mean([balanced_accuracy_score(rare[onset:], one) for one in proba])
    assert frozen["accuracy_post_all"] == pytest.approx(expected)
    assert frozen["naud"] is None or frozen["naud"] == pytest.approx(1.0)
    assert weighed["gain"] == pytest.approx(0.5 - expected)


def test_what_comes_back_is_compared_with_what_was_before(example, few):
    meta, arrays = example.cells(severities=(3,), n_subjects=4, batch=4, methods=few)[0]
    onset, back = int(arrays["onset"][0]), 120
    arrays = {**arrays, "back": np.full(4, back, np.int32)}
    results = build(example, [(meta, arrays)])
    for method in few:
        right = arrays[f"proba/{method}"].argmax(-1) == arrays["y"]
        base = arrays["proba/frozen"].argmax(-1) == arrays["y"]
        before = right[:, onset - 50 : onset].mean(1)
        backward = right[:, back : back + 20].mean(1) - before
        row = find(results, method, 3)
        assert row["backward_transfer"] == pytest.approx(backward.mean())
        assert row["forgetting"] == pytest.approx(np.maximum(-backward, 0).mean())
        forward = right[:, onset : onset + 20].mean(1) - base[:, onset : onset + 20].mean(1)
        assert row["forward_transfer"] == pytest.approx(forward.mean())
        assert row["forgetting_lo"] <= row["forgetting"] <= row["forgetting_hi"]
    assert "forgetting pp" in report(results)
    without = build(example, [(meta, {k: v for k, v in arrays.items() if k != "back"})])
    assert "forgetting" not in without["table"][0]
    assert "forgetting pp" not in report(without)
