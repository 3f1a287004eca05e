"""The recorded session: files that are not it, the instability as applied, and what is brought back."""

import json

import numpy as np
import pytest
import scipy.io

from neurodrift.scenarios.config import make_config
from neurodrift.scenarios.infos import INFOS
from neurodrift.scenarios.intracortical.monkey import TOLERANCE, blocks, miss
from neurodrift.scenarios.intracortical.monkey_scenario import ROWS, ibci_monkey
from neurodrift.scenarios.intracortical.recording import Recording, Trial, load
from neurodrift.sim.errors import InputError


@pytest.fixture(scope="module")
def recording(session_file):
    return load(session_file)


@pytest.mark.parametrize("content", [b"", b"not MATLAB", b"MATLAB 5.0 MAT-file" + 200 * b"\0"])
def test_a_file_that_is_no_matlab_file_is_refused_in_a_line(tmp_path, content):
    file = tmp_path / "session.mat"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"session\.mat' .*wanted the published session") as caught:
        load(file)
    assert "\n" not in str(caught.value)


def test_another_matlab_file_is_refused_in_a_line(tmp_path):
    scipy.io.savemat(tmp_path / "other.mat", {"x": np.eye(3), "pertParams": {"baseElectrodes": np.arange(3)}})
    with pytest.raises(InputError, match=r"is a MATLAB file, but not this session \(AttributeError") as caught:
        load(tmp_path / "other.mat")
    assert "\n" not in str(caught.value)


def test_a_file_cut_short_is_refused_in_a_line(tmp_path, session_file):
    (tmp_path / "cut.mat").write_bytes(session_file.read_bytes()[:100_000])
    with pytest.raises(InputError, match="wanted the published session"):
        load(tmp_path / "cut.mat")


def test_no_file_is_answered_with_where_to_get_it():
    config = make_config("ibci_monkey", INFOS["ibci_monkey"])
    with pytest.raises(InputError, match=r"give its file with --data 20160325\.mat"):
        ibci_monkey().plan(config)


def trial(perturbed, counts):
    n = len(counts)
    rest = np.zeros((n, 2))
    return Trial("x", counts, np.zeros((n + 1, 2)), np.array([10.0, 0.0]), 0, True, 1, rest, rest, perturbed)


def test_counts_are_swapped_then_offset_then_silenced():
    session = Recording(
        (), np.array([0, 1, 2]), np.array([0, 4, 2]), np.array([0.5, 0.25, 1.0]), np.array([False, False, True]), {}
    )
    counts = np.arange(10.0).reshape(2, 5)
    np.testing.assert_array_equal(session.seen(trial(False, counts)), counts[:, :3])
    np.testing.assert_array_equal(session.seen(trial(True, counts)), [[0.5, 4.25, 0.0], [5.5, 9.25, 0.0]])


def test_a_movement_is_missed_by_the_angle_to_the_target():
    toward = trial(False, np.zeros((4, 5)))
    assert miss(toward, np.tile([1.0, 0.0], (4, 1))) == pytest.approx(0.0)
    # velocities point down the screen
    assert miss(toward, np.tile([1.0, 1.0], (4, 1))) == pytest.approx(45.0)
    assert miss(toward, np.tile([-1.0, 0.0], (4, 1))) == pytest.approx(180.0)


def test_the_session_holds_the_published_blocks(recording):
    counts = {kind: len(recording.of(kind)) for kind in ("baselineEvaluation", "perturbationEvaluation")}
    assert counts == {"baselineEvaluation": 518, "perturbationEvaluation": 130}
    assert sum(t.perturbed for t in recording.trials) == 590
    assert len(recording.electrodes) == 75
    assert recording.silent.sum() == 5
    assert (recording.source != recording.electrodes).sum() == 10


def test_what_was_decoded_in_the_experiment_heads_for_the_target_where_the_trial_succeeded(recording):
    """The proxy, on the experiment's own decoding, against the recorded outcome."""
    found = blocks(recording)
    outcomes = [
        (miss(t, np.nan_to_num(t.decoded)) <= TOLERANCE, t.success)
        for block in ("baselineEvaluation", "washout", "perturbationEvaluation", "stabilizationEvaluation")
        for t in found[block]
    ]
    same = np.mean([a == b for a, b in outcomes])
    assert len(outcomes) == 783
    assert same > 0.99


@pytest.mark.slow
def test_realignment_without_labels_brings_back_the_baseline(session_file):
    scenario = ibci_monkey()
    config = make_config("ibci_monkey", scenario.info, data=str(session_file))
    cell = scenario.plan(config)[0]
    meta, arrays = scenario.run_cell(config, cell, lambda text: None)
    results = scenario.results(config, [({**cell.to_json(), **meta}, arrays)], 1, {"code": "x"}, "neurodrift run")
    share = {r["name"]: r["share"] for r in results["rows"]}
    assert share["baseline, before"] > 0.97
    assert share["perturbed, nothing done"] == pytest.approx(0.18, abs=0.02)
    assert share["re-aligned, evaluation"] >= 0.95 * share["baseline, before"]
    assert share["re-aligned as it went"] >= 0.95 * share["baseline, before"]
    assert share["refitted with labels, evaluation"] > 0.95
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    assert scenario.report(results).count("<svg") == 1


@pytest.mark.slow
def test_our_decoder_of_the_calibration_decodes_what_the_experiments_did(recording):
    """The instability is applied as it was: with it our decoding follows theirs, without it it does not."""
    from neurodrift.scenarios.intracortical import monkey

    first = blocks(recording)["baselineEvaluation"][0].decoder
    flat = monkey.baseline(monkey.session_of(recording, first)).stabilised.flat()
    trials = recording.of("perturbationEvaluation")
    theirs = np.concatenate([t.decoded[3:] for t in trials])
    ours = np.concatenate([v[3:] for v in monkey.decode(recording, flat, trials)])
    known = np.isfinite(theirs).all(axis=1)
    for axis in (0, 1):
        assert np.corrcoef(ours[known, axis], theirs[known, axis])[0, 1] > 0.99


def test_shares_are_set_beside_what_was_published():
    rng = np.random.default_rng(0)
    n = {"stabilization": 60, "stabilizationEvaluation": 40}
    arrays = {}
    for _, method, block, _ in ROWS:
        size = n.get(block, 30)
        arrays[f"{method}/{block}"] = np.where(method == "frozen", 90.0, 10.0) * np.ones(size)
        arrays[f"recorded/{block}"] = np.ones(size)
        arrays[f"online/{block}"] = rng.uniform(0, 40, size)
    arrays |= {"frozen/baselineEvaluation": np.full(30, 5.0), "frozen/stabilization": np.full(60, 90.0)}
    meta = {"severity": 1.0, "seed": 0, "subjects": ["monkey"]}
    config = make_config("ibci_monkey", INFOS["ibci_monkey"], data="x")
    results = ibci_monkey().results(config, [(meta, arrays)], 1, {"code": "x"}, "neurodrift run")
    assert (
        "1.00 of trials to the target, 1.00 of the baseline (at least the 0.95 wanted)"
        in results["verdict"]["headline"]
    )
    assert "agrees with the recorded success of 100.0 %" in results["notes"][-1]
    assert ibci_monkey().report(results).count("<svg") == 1
