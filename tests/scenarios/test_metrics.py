import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, cohen_kappa_score

from neurodrift.scenarios import metrics


def stream(*runs: tuple[int, float]) -> np.ndarray:
    """A stream of runs (length, 0 or 1)."""
    return np.concatenate([np.full(n, value, float) for n, value in runs])


@pytest.fixture
def trials():
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, 400)
    logits = rng.normal(size=(400, 3)) + 1.5 * np.eye(3)[y]
    proba = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return proba, y


def test_prequential_accuracy_equals_the_recursion_worked_by_hand():
    # S: 1, 0.5, 1.25; B: 1, 1.5, 1.75
    np.testing.assert_allclose(metrics.prequential([1, 0, 1], alpha=0.5), [1.0, 1 / 3, 5 / 7])


def test_prequential_accuracy_equals_the_explicit_fading_sum_for_every_row():
    correct = np.random.default_rng(0).random((3, 70)) < 0.7
    faded = 0.98 ** np.arange(70)
    rows = [row[: t + 1] for row in correct for t in range(70)]
    wanted = [np.average(row[::-1], weights=faded[: row.size]) for row in rows]
    np.testing.assert_allclose(metrics.prequential(correct).ravel(), wanted)


def test_causal_mean_looks_back_twenty_trials_and_never_forward():
    values = np.arange(30.0)
    mean = metrics.causal_mean(values)
    assert mean[4] == 2.0  # mean of 0..4, there are no more yet
    assert mean[29] == np.mean(values[10:30])
    changed = values.copy()
    changed[20:] = 99
    np.testing.assert_array_equal(metrics.causal_mean(changed)[:20], mean[:20])


def test_drop_is_fifty_before_minus_twenty_after():
    correct = stream((30, 0), (50, 1), (10, 0), (10, 1), (40, 0))
    assert metrics.accuracy_before(correct, 80) == 1.0
    assert metrics.drop(correct, 80) == 0.5
    assert metrics.accuracy_after(correct, 80) == pytest.approx(10 / 50)
    assert metrics.accuracy_after(correct, 80, None) == pytest.approx(10 / 60)


def test_before_is_undefined_without_a_trial_before_the_onset():
    assert np.isnan(metrics.accuracy_before(stream((10, 1)), 0))
    recovery = metrics.time_to_recovery(stream((60, 1)), 0, 0.5)
    assert np.isnan(recovery.trials)
    assert not recovery.censored


def test_recovery_starts_when_nineteen_of_twenty_are_right_again():
    # A_pre 1, c .5, target .95: 40 wrong trials, and the 19th right one (58 after the onset) fills the window
    correct = stream((50, 1), (40, 0), (60, 1))
    time_s = 6.0 * np.arange(150)
    labels = np.concatenate([np.zeros(50), np.arange(1, 101)])  # one label with every trial after the onset
    recovery = metrics.time_to_recovery(correct, 50, 0.5, time_s=time_s, labels=labels)
    assert recovery == (58.0, 5.8, 58.0, False)


def test_recovery_has_to_last_ten_trials():
    # 19 right trials bring the window to .95 for one trial only; then it falls again
    correct = stream((50, 1), (40, 0), (19, 1), (40, 0))
    recovery = metrics.time_to_recovery(correct, 50, 0.5)
    assert recovery.censored
    assert recovery.trials == 99 - 10  # the last trial from which ten can be watched


def test_a_stream_that_never_falls_recovers_at_once():
    assert metrics.time_to_recovery(stream((100, 1)), 50, 0.5) == pytest.approx(
        (0.0, np.nan, np.nan, False), nan_ok=True
    )


def test_recovery_fraction_lowers_the_target():
    correct = stream((50, 1), (40, 0), (60, 1))
    half = metrics.time_to_recovery(correct, 50, 0.5, fraction=0.5)
    assert half.trials == 54  # target .75: the 15th right trial


def test_area_under_drift_of_a_single_wrong_trial_decays_with_the_fading_factor():
    correct = stream((50, 1), (1, 0), (2, 1))
    faded = [1 - 0.98**k / sum(0.98**i for i in range(51 + k)) for k in range(3)]
    assert metrics.area_under_drift(correct, 50) == pytest.approx(sum(1 - p for p in faded))


def test_normalised_area_is_zero_for_the_oracle_one_for_frozen_and_more_for_harm():
    frozen, oracle = stream((50, 1), (50, 0)), stream((100, 1))
    halfway = stream((50, 1), (50, 0.5))
    assert metrics.normalised_area(oracle, frozen, oracle, 50) == 0.0
    assert metrics.normalised_area(frozen, frozen, oracle, 50) == 1.0
    assert metrics.normalised_area(halfway, frozen, oracle, 50) == pytest.approx(0.5)
    worse = stream((50, 1), (50, 0.5))
    assert metrics.normalised_area(frozen, worse, oracle, 50) == pytest.approx(2.0)


def test_normalised_area_is_undefined_when_the_oracle_gains_nothing():
    frozen = stream((50, 1), (50, 0.9))
    assert np.isnan(metrics.normalised_area(frozen, frozen, frozen + 0.005, 50))
    assert np.isnan(metrics.recovery_fraction(0.7, 0.7, 0.705))
    assert metrics.recovery_fraction(0.7, 0.6, 0.8) == pytest.approx(0.5)


def test_balanced_accuracy_and_kappa_agree_with_scikit_learn(trials):
    proba, y = trials
    predicted = metrics.predictions(proba)
    counts = metrics.confusion(y, predicted, 3)
    assert metrics.balanced_accuracy(counts) == pytest.approx(balanced_accuracy_score(y, predicted))
    assert metrics.kappa(counts) == pytest.approx(cohen_kappa_score(y, predicted))


def test_kappa_is_undefined_where_only_one_class_occurs_and_is_predicted():
    assert np.isnan(metrics.kappa(metrics.confusion([1, 1], [1, 1], 2)))


def test_a_prediction_that_is_not_finite_counts_as_a_wrong_answer():
    proba = np.array([[0.9, 0.1], [np.nan, 0.5]])
    predicted = metrics.predictions(proba)
    np.testing.assert_array_equal(predicted, [0, -1])
    counts = metrics.confusion([0, 0], predicted, 2)
    np.testing.assert_array_equal(counts, [[1, 0, 1], [0, 0, 0]])
    assert metrics.balanced_accuracy(counts) == 0.5


def test_accuracy_at_labels_takes_the_twenty_trials_after_the_last_label():
    correct = stream((50, 1), (10, 0), (40, 1))
    labels = np.concatenate([np.zeros(50), np.minimum(np.arange(1, 51), 10)])  # ten labels, then none
    assert metrics.accuracy_at_labels(correct, labels, 50, 0) == 0.5
    assert metrics.accuracy_at_labels(correct, labels, 50, 5) == 0.75  # trials 5..24 after the onset
    assert metrics.accuracy_at_labels(correct, labels, 50, 10) == 1.0
    assert np.isnan(metrics.accuracy_at_labels(correct, labels, 50, 11))


def test_labels_to_recovery_names_the_fewest_labels_per_class_that_reach_the_target():
    correct = stream((50, 1), (10, 0), (60, 1))
    labels = np.concatenate([np.zeros(50), np.arange(1, 71)])
    curve = metrics.labels_to_recovery(correct, labels, 50, n_classes=2)
    np.testing.assert_allclose(curve.accuracy, [0.5, 0.7, 1.0, 1.0, 1.0, np.nan])
    assert curve.labels_to_target == 5


def test_transfer_on_a_b_a_is_the_loss_on_the_return_and_the_gain_on_entry():
    correct = stream((50, 1), (20, 0.6), (30, 0.9), (20, 0.7), (30, 1))
    frozen = stream((50, 1), (50, 0.5), (50, 1))
    np.testing.assert_allclose(metrics.transfer(correct, frozen, 50, 100), (-0.3, 0.3, 0.1))


def test_harm_counts_strict_losses_and_averages_the_worst_tenth():
    difference = np.array([-0.20, -0.10, -0.05, -0.01, 0.0] + [0.02] * 15)
    harm = metrics.harm(difference)
    assert harm == pytest.approx((3 / 20, 2 / 20, -0.15, -0.20))


def test_harm_of_a_bootstrap_weight_is_the_harm_of_the_repeated_sample():
    rng = np.random.default_rng(1)
    difference = rng.normal(0, 0.05, 23)
    weight = rng.multinomial(23, np.full(23, 1 / 23), 40)
    weighted = metrics.harm(difference, weight)
    for row in range(40):
        repeated = metrics.harm(np.repeat(difference, weight[row]))
        assert [column[row] for column in weighted] == pytest.approx(list(repeated))


def test_expected_calibration_error_of_two_bins_by_hand():
    proba = np.array([[0.95, 0.05]] * 4 + [[0.65, 0.35]] * 4)
    y = np.array([0, 0, 0, 1, 0, 0, 1, 1])  # .75 right at .95, .5 right at .65
    bins = metrics.calibration_bins(proba, y)
    assert metrics.expected_calibration_error(bins) == pytest.approx((0.2 * 4 + 0.15 * 4) / 8)


def test_calibration_bins_close_on_the_right_like_the_original_definition():
    bins = metrics.calibration_bins([[0.5, 0.5], [0.4, 0.6], [0.0, 1.0]], [0, 1, 1])
    np.testing.assert_array_equal(np.flatnonzero(bins[:, 0]), [4, 5, 9])


def test_brier_score_agrees_with_scikit_learn(trials):
    proba, y = trials
    assert metrics.brier(proba, y) == pytest.approx(brier_score_loss(y, proba, scale_by_half=False))


def test_risk_coverage_area_by_hand_and_without_regard_to_the_order_of_ties():
    proba = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
    assert metrics.risk_coverage_area(proba, [0, 1, 0]) == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)
    tied = np.full((4, 2), [0.8, 0.2])
    assert metrics.risk_coverage_area(tied, [1, 0, 0, 0]) == metrics.risk_coverage_area(tied, [0, 0, 0, 1]) == 0.25


def test_information_transfer_rate_is_a_bit_per_perfect_binary_choice_and_nothing_at_chance():
    assert metrics.itr(1.0, 2, 4.0) == pytest.approx(15.0)
    assert metrics.itr(1.0, 4, 6.0) == pytest.approx(20.0)
    # Wolpaw et al. 2002: 1 - H(.9) = 0.531 bits a binary selection
    assert metrics.itr(0.9, 2, 60.0) == pytest.approx(0.5310, abs=1e-4)
    np.testing.assert_array_equal(metrics.itr([0.5, 0.2], 2, 4.0), [0.0, 0.0])


def test_normalised_latency_is_compute_over_signal_time():
    assert metrics.normalised_latency([0.1, 0.3], [1.0, 1.0]) == pytest.approx(0.2)


def test_detection_counts_delay_misses_and_run_length():
    alarm = np.zeros(100, bool)
    alarm[[10, 57, 60]] = True
    assert metrics.detection(alarm, 50) == (7.0, False, 1)
    missed = metrics.detection(alarm, 70)
    assert np.isnan(missed.delay)
    assert missed.missed
    assert missed.false_alarms == 3
    assert metrics.average_run_length(alarm) == pytest.approx(100 / 3)
    assert metrics.average_run_length(np.zeros(50)) == np.inf


def test_weighted_fading_accuracy_is_that_of_repeated_trials():
    correct = np.array([1.0, 0.0, 1.0, 1.0])
    weight = np.array([1.0, 3.0, 1.0, 2.0])
    found = metrics.prequential(correct, alpha=1.0, weight=weight)
    repeated = np.repeat(correct, weight.astype(int))
    for t, n in enumerate(np.cumsum(weight).astype(int)):
        assert found[t] == pytest.approx(repeated[:n].mean())
    np.testing.assert_array_equal(metrics.prequential(correct), metrics.prequential(correct, weight=np.ones(4)))


def test_class_weights_make_accuracy_balanced():
    rng = np.random.default_rng(0)
    y = (rng.random(200) < 0.9).astype(int)
    predicted = (rng.random(200) < 0.7).astype(int)
    weight = metrics.class_weights(y)
    assert weight.mean() == pytest.approx(1.0)
    assert np.average(predicted == y, weights=weight) == pytest.approx(balanced_accuracy_score(y, predicted))
    np.testing.assert_array_equal(metrics.class_weights([0, 1, 1, 0]), np.ones(4))
