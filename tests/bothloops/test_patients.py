"""Runs of pd_decoded_adbs on the true plant, small."""

import jax
import numpy as np
import pytest

from neurodrift.scenarios.bothloops.policies import policy, stacked
from neurodrift.scenarios.bothloops.session import Ratings, Session, people, run_lanes

SESSION = Session(n_calibration=40, n_windows=60, onset=20, block=20, drift_window_s=480.0, every=5, lanes=6)
ARMS = {
    "off": policy(1e9, 0.0, 0.0, 0.5),
    "continuous": policy(-1e9, 1.0, 1.0, 0.5),
    "on/off": policy(0.0, 1.0, 0.0, 0.5),
}


@pytest.fixture(scope="module")
def folk():
    return people(SESSION, jax.random.split(jax.random.key(11), 2))


@pytest.fixture(scope="module")
def ran(folk):
    """Rows (2 people, n_windows) by arm and drift, behind the frozen decoder."""
    who = np.repeat([0, 1], len(ARMS))
    keys = jax.random.split(jax.random.key(3), 2)[who]
    policies = stacked([*ARMS.values()] * 2)
    found = {}
    for severity in (0.0, 1.0):
        runs = run_lanes(SESSION, "frozen", folk, who, policies, keys, severity, Ratings())
        found |= {(name, severity): jax.tree.map(lambda x, i=i: x[i :: len(ARMS)], runs) for i, name in enumerate(ARMS)}
    return found


@pytest.mark.slow
def test_stimulation_brings_beta_down_and_on_off_lies_between(ran):
    beta = {name: ran[name, 0.0].beta[:, 10:].mean(axis=1) for name in ARMS}
    assert (beta["continuous"] < 0.6 * beta["off"]).all()
    assert (beta["continuous"] < beta["on/off"]).all()
    assert (beta["on/off"] < beta["off"]).all()


@pytest.mark.slow
def test_runs_of_one_key_are_alike_until_the_policies_differ(ran):
    off, on_off = ran["off", 0.0], ran["on/off", 0.0]
    for person in range(2):
        first = np.flatnonzero(on_off.level[person])[0]
        np.testing.assert_array_equal(off.beta[person, :first], on_off.beta[person, :first])
        assert (off.beta[person, first:] != on_off.beta[person, first:]).any()


@pytest.mark.slow
def test_drift_begins_at_its_onset_and_leaves_the_windows_before_alone(ran):
    still, drifting = ran["off", 0.0], ran["off", 1.0]
    np.testing.assert_allclose(drifting.evidence[:, :20], still.evidence[:, :20], atol=1e-4)
    assert np.abs(drifting.evidence[:, 25:] - still.evidence[:, 25:]).mean() > 0.5


@pytest.mark.slow
def test_a_decoder_trained_open_loop_tells_high_from_low_beta_open_loop(ran):
    # in closed loop beta is held near the border between the two, where no decoder of a second can tell
    called, high = (
        np.concatenate([getattr(ran[arm, 0.0], name)[:, 5:] for arm in ("off", "continuous")])
        for name in ("evidence", "high")
    )
    right = (called > 0) == high
    assert 0.5 * (right[high].mean() + right[~high].mean()) > 0.75


@pytest.mark.slow
def test_the_true_state_as_decoder_is_never_wrong(folk):
    who = np.array([0, 1])
    keys = jax.random.split(jax.random.key(3), 2)
    rows = run_lanes(SESSION, "oracle", folk, who, stacked([ARMS["on/off"]] * 2), keys, 1.0, Ratings())
    np.testing.assert_array_equal(rows.evidence > 0, rows.high)
