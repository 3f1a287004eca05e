"""What was aimed at, inferred after the event: against algorithms written out in full, and where it goes wrong."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from neurodrift.adaptation.intracortical.contract import Feedback, Session, decode_session
from neurodrift.adaptation.intracortical.kalman import LinearDecoder
from neurodrift.adaptation.intracortical.retrospective import (
    GradientReplay,
    LeastSquares,
    Retrospective,
    regress,
    sums_of,
)
from neurodrift.adaptation.intracortical.targets import (
    HiddenTargets,
    SelectedTargets,
    SnappedTargets,
    corners,
    next_selection,
)

SMALL = HiddenTargets.on(n_side=4, stay=0.9)


def reaches(seed, n_trials=12, n=60, noise=0.6, span=0.5, centre=0.0):
    """Reaches to targets anywhere: positions, noisy decoded directions and targets (n_bins, 2), ends (n_bins,)."""
    rng = np.random.default_rng(seed)
    position, out = np.full(2, centre), []
    for _ in range(n_trials):
        target = centre + rng.uniform(-span, span, 2)
        for i in range(n):
            error = target - position
            direction = error / max(np.linalg.norm(error), 1e-9) + noise * rng.normal(size=2)
            position = position + 0.06 * error
            out.append((position.copy(), direction, target, i == n - 1))
    position, direction, target, end = (np.array(part) for part in zip(*out))
    return position, direction, target, end.astype(bool)


def dense(model):
    n = model.n_side**2
    transition = np.full((n, n), (1 - model.stay) / (n - 1))
    np.fill_diagonal(transition, model.stay)
    return transition


def test_evidence_is_the_von_mises_density_of_the_angle():
    position, direction, _, _ = reaches(0, 2, 8)
    found = np.asarray(SMALL.evidence(jnp.asarray(position), jnp.asarray(direction)))
    targets = np.asarray(SMALL.targets())
    error = targets[None] - position[:, None]
    distance = np.linalg.norm(error, axis=2)
    kappa = SMALL.kappa / (1 + np.exp(-SMALL.slope * (distance - SMALL.inflection)))
    seen = np.arctan2(direction[:, 1], direction[:, 0])[:, None]
    expected = scipy.stats.vonmises.logpdf(seen, kappa, loc=np.arctan2(error[..., 1], error[..., 0]))
    np.testing.assert_allclose(found, expected + np.log(2 * np.pi), atol=2e-5)


def test_the_course_is_that_of_viterbis_algorithm_over_all_moves():
    position, direction, _, _ = reaches(1, 3, 20)
    evidence = np.asarray(SMALL.evidence(jnp.asarray(position), jnp.asarray(direction)), float)
    log_move = np.log(dense(SMALL))
    score, came = np.zeros(16), []
    for seen in evidence:
        all_ = score[:, None] + log_move
        came.append(all_.argmax(axis=0))
        score = all_.max(axis=0) + seen
    course = [int(score.argmax())]
    for back in came[:0:-1]:
        course.append(int(back[course[-1]]))
    found = jax.jit(SMALL.course)(jnp.asarray(position), jnp.asarray(direction))
    np.testing.assert_array_equal(found, course[::-1])


def test_the_probabilities_are_those_of_forward_and_backward_over_all_moves():
    position, direction, _, _ = reaches(2, 2, 15)
    seen = np.exp(np.asarray(SMALL.evidence(jnp.asarray(position), jnp.asarray(direction)), float))
    move = dense(SMALL)
    ahead, behind = [np.full(16, 1 / 16) @ move * seen[0]], [np.ones(16)]
    for s in seen[1:]:
        ahead.append(ahead[-1] @ move * s)
    for s in seen[:0:-1]:
        behind.append(move @ (s * behind[-1]))
    expected = np.array(ahead) * np.array(behind[::-1])
    expected = expected / expected.sum(axis=1, keepdims=True)
    found = jax.jit(SMALL.probabilities)(jnp.asarray(position), jnp.asarray(direction))
    np.testing.assert_allclose(found, expected, atol=1e-4)


@functools.cache
def angle_off(centre):
    """Median angle (degrees) between inferred and true error while the cursor is far from the target."""
    position, direction, target, end = reaches(3, centre=centre)
    infer = jax.jit(lambda *block: HiddenTargets.on()(*block))
    inferred, _ = infer(jnp.asarray(position), jnp.asarray(direction), jnp.asarray(end))
    true = target - position
    far = np.linalg.norm(true, axis=1) > 0.15
    angles = np.arctan2(*np.asarray(inferred).T[::-1]) - np.arctan2(*true.T[::-1])
    return float(np.median(np.abs(np.degrees(np.angle(np.exp(1j * angles))))[far]))


def test_targets_on_the_grid_are_found_through_noise():
    assert angle_off(0.0) < 12.0


def test_targets_off_the_grid_are_taken_for_others():
    """The goal model of the chain is wrong: the targets are on another part of the screen."""
    assert angle_off(1.5) > 45.0


def test_each_bin_is_given_its_own_next_selection():
    selected = jnp.asarray([False, True, False, False, True, False])
    np.testing.assert_array_equal(next_selection(selected), [1, 1, 4, 4, 4, 6])


def test_only_the_approach_to_a_selection_is_labelled_with_its_place():
    position, _, _, end = reaches(4, 2, 60, noise=0.0)
    error, weight = SelectedTargets(look_back=50, least_ahead=10, least_distance=0.05)(
        jnp.asarray(position), jnp.asarray(position), jnp.asarray(end)
    )
    weight = np.asarray(weight) > 0
    ends = np.flatnonzero(end)
    following = ends[np.searchsorted(ends, np.arange(len(end)))]
    ahead = following - np.arange(len(end))
    assert weight.any()
    assert ahead[weight].min() >= 10
    assert ahead[weight].max() <= 50
    np.testing.assert_allclose(np.asarray(error)[weight], (position[following] - position)[weight], atol=1e-6)
    assert (np.linalg.norm(np.asarray(error)[weight], axis=1) > 0.05).all()


def test_selections_near_a_target_that_exists_are_corrected_and_others_left_out():
    position = jnp.asarray([[0.0, 0.0], [0.3, 0.0], [0.45, 0.05], [0.2, 0.4], [0.0, 0.9]])
    selected = jnp.asarray([False, False, True, False, True])
    labels = SnappedTargets(targets=jnp.asarray([[0.5, 0.0], [-0.5, 0.0]]))
    error, weight = labels(position, position, selected)
    np.testing.assert_allclose(error[0], [0.5, 0.0], atol=1e-6)
    np.testing.assert_array_equal(weight > 0, [True, True, True, False, False])


def test_the_grid_spans_the_targets_seen():
    lo, hi = corners(np.array([[0.0, 1.0], [2.0, -1.0]]), margin=0.5)
    np.testing.assert_array_equal([lo, hi], [[-0.5, -1.5], [2.5, 1.5]])


# --- refits -------------------------------------------------------------------------------------------------


def test_regression_from_sums_is_least_squares():
    rng = np.random.default_rng(5)
    y, w = rng.normal(size=(300, 6)) + 2.0, rng.normal(size=(300, 2))
    expected = np.linalg.lstsq(np.c_[y, np.ones(300)], w, rcond=None)[0]
    weights, offset = regress(sums_of(jnp.asarray(y), jnp.asarray(w), jnp.ones(300)))
    np.testing.assert_allclose(weights, expected[:-1].T, atol=2e-4)
    np.testing.assert_allclose(offset, expected[-1], atol=1e-3)


def test_too_few_labels_leave_the_decoder_as_it_is():
    decoder = LinearDecoder(jnp.eye(2), jnp.ones((2, 6)), jnp.zeros(2))
    y, w = jnp.ones((20, 6)), jnp.ones((20, 2))
    _, same = LeastSquares()((), decoder, y, w, jnp.concatenate([jnp.ones(10), jnp.zeros(10)]))
    np.testing.assert_array_equal(same.weights, decoder.weights)


def session(seed, tuning):
    rng = np.random.default_rng(seed)
    position, _, target, end = reaches(seed, 20, 60)
    error = target - position
    velocity = error / np.maximum(np.linalg.norm(error, axis=1, keepdims=True), 0.1)
    return position, velocity, velocity @ tuning.T + 2.0 + rng.normal(size=(len(error), len(tuning))), target, end


def agreement(found, velocity):
    return float(np.corrcoef(np.asarray(found).ravel(), velocity.ravel())[0, 1])


@pytest.mark.parametrize(
    ("labels", "refit"),
    [(None, LeastSquares()), (HiddenTargets.on(), LeastSquares()), (SelectedTargets(least_ahead=5), GradientReplay())],
    ids=["supervised", "prit", "replayed pseudo-labels"],
)
def test_a_refit_at_the_end_of_a_session_serves_the_next(labels, refit):
    rng = np.random.default_rng(6)
    tuning = rng.normal(size=(20, 2))
    angle = 0.6
    turned = tuning @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    _, velocity, y, _, _ = session(7, tuning)
    adapter = Retrospective(labels=labels, refit=refit, n_bins=1200)
    state = jax.jit(adapter.init)(Session.of(y, velocity), jax.random.key(0))
    days = [session(seed, turned) for seed in (8, 9)]
    position, velocity, y, target, end = (np.concatenate(part) for part in zip(*days))
    n = len(end)
    feedback = Feedback.nothing(n)._replace(
        cursor=jnp.asarray(position, jnp.float32), target=jnp.asarray(target, jnp.float32),
        has_target=jnp.ones(n, bool), selected=jnp.asarray(end), session_end=jnp.arange(n) == n // 2 - 1,
    )  # fmt: skip
    _, found = jax.jit(lambda s: decode_session(adapter, s, jnp.asarray(y, jnp.float32), feedback))(state)
    before, after = (agreement(found[half], velocity[half]) for half in (slice(0, n // 2), slice(n // 2, n)))
    assert before < 0.85
    assert after > before + 0.04
