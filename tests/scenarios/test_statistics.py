import numpy as np
import pytest
from scipy import stats

from neurodrift.scenarios import statistics


@pytest.fixture
def values():
    return np.random.default_rng(5).gamma(2.0, 0.1, 18)


def test_weights_of_a_replicate_are_the_counts_of_a_resample():
    weights = statistics.resample(7, seed=1, n_resamples=50)
    assert weights.shape == (50, 7)
    np.testing.assert_array_equal(weights.sum(-1), 7)
    np.testing.assert_array_equal(weights, statistics.resample(7, seed=1, n_resamples=50))
    assert not np.array_equal(weights, statistics.resample(7, seed=2, n_resamples=50))


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_bootstrap_interval_of_a_mean_agrees_with_scipy(values, method):
    ours = statistics.bootstrap(statistics.weighted_mean(values), statistics.resample(18, 0, 40_000), method=method)
    peer = stats.bootstrap(
        (values,), np.mean, n_resamples=40_000, method=method if method == "bca" else "percentile", rng=1
    ).confidence_interval
    assert ours.value == pytest.approx(values.mean())
    # Monte Carlo error of a 2.5 % quantile from 40 000 draws, both sides, is below 2 % of the standard error
    tolerance = 0.04 * values.std(ddof=1) / np.sqrt(18)
    assert (ours.lo, ours.hi) == pytest.approx(tuple(peer), abs=tolerance)


def test_student_s_interval_agrees_with_scipy_and_leaves_out_what_is_unknown():
    values = np.array([0.3, np.nan, -0.1, 0.25, 0.9])
    known = stats.ttest_1samp(values[[0, 2, 3, 4]], 0.0).confidence_interval(0.95)
    assert statistics.mean_interval(values) == pytest.approx((np.nanmean(values), known.low, known.high))
    bounded = statistics.mean_interval(values, bounds=(0.0, 0.9))
    assert bounded == pytest.approx((np.nanmean(values), 0.0, 0.9))
    assert known.low < 0 < 0.9 < known.high
    alone = statistics.mean_interval([0.4, np.nan])
    assert alone.value == 0.4
    assert np.isnan([alone.lo, alone.hi, *statistics.mean_interval([])]).all()


def test_student_s_interval_covers_what_the_percentile_bootstrap_of_five_does_not():
    """Of 2000 samples of five normals: binomial sd of a coverage of .95 is .005."""
    samples, weights = np.random.default_rng(0).normal(size=(2000, 5)), statistics.resample(5, 0, 500)
    covered = np.mean([i.lo < 0 < i.hi for i in map(statistics.mean_interval, samples)])
    drawn = [statistics.bootstrap(statistics.weighted_mean(one), weights) for one in samples]
    assert covered == pytest.approx(0.95, abs=0.015)
    assert np.mean([i.lo < 0 < i.hi for i in drawn]) < 0.87


def test_bca_moves_the_interval_of_a_skewed_sample_to_the_right(values):
    weights = statistics.resample(18, 0)
    statistic = statistics.weighted_mean(values)
    percentile, bca = (
        statistics.bootstrap(statistic, weights),
        statistics.bootstrap(statistic, weights, method="bca"),
    )
    assert bca.lo > percentile.lo
    assert bca.hi > percentile.hi


def test_one_unit_has_an_estimate_but_no_interval():
    interval = statistics.bootstrap(statistics.weighted_mean([0.7]), statistics.resample(1, 0))
    assert interval.value == 0.7
    assert np.isnan([interval.lo, interval.hi]).all()


def test_an_interval_is_undefined_where_too_many_replicates_are():
    statistic = statistics.weighted_mean([0.5, np.nan, np.nan])  # (2/3)^3 = 30 % of replicates miss unit 0
    interval = statistics.bootstrap(statistic, statistics.resample(3, 0))
    assert interval.value == 0.5
    assert np.isnan(interval.lo)


def test_larger_units_weigh_more_in_a_weighted_mean():
    statistic = statistics.weighted_mean([1.0, 0.0], size=[30, 10])
    assert statistic(np.ones(2)) == pytest.approx(0.75)


def test_wilcoxon_agrees_with_scipy_and_is_one_where_nothing_differs():
    difference = np.random.default_rng(2).normal(0.03, 0.05, 16)
    assert statistics.paired_wilcoxon(difference) == pytest.approx(stats.wilcoxon(difference).pvalue)
    assert statistics.paired_wilcoxon(np.zeros(8)) == 1.0
    assert np.isnan(statistics.paired_wilcoxon([]))


@pytest.mark.parametrize("n", [7, 13])
def test_wilcoxon_is_exact_where_differences_tie(n):
    difference = np.random.default_rng(n).integers(-3, 6, n) / 50  # n counts out of 50 trials
    moved = difference[difference != 0]
    exact = stats.wilcoxon(moved, method=stats.PermutationMethod(n_resamples=np.inf))
    assert np.unique(np.abs(moved)).size < moved.size
    assert statistics.paired_wilcoxon(difference) == pytest.approx(exact.pvalue)


def test_wilcoxon_of_many_units_is_the_normal_approximation():
    difference = np.random.default_rng(0).normal(0.01, 0.05, 80)
    assert statistics.paired_wilcoxon(difference) == pytest.approx(stats.wilcoxon(difference).pvalue)


def test_wilcoxon_of_five_gains_out_of_five_is_two_over_thirty_two():
    assert statistics.paired_wilcoxon([0.1, 0.2, 0.3, 0.4, 0.5]) == pytest.approx(2 / 32)


def test_holm_steps_down_as_in_the_textbook_example():
    # p(1) x 4, then max with p(2) x 3, ...
    np.testing.assert_allclose(statistics.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(statistics.holm([0.01, np.nan, 0.6, 0.7]), [0.03, np.nan, 1.0, 1.0])


def test_kaplan_meier_of_the_leukaemia_trial_matches_the_published_table():
    # 6-MP arm of Freireich et al. 1963, S(t) as in Cox & Oakes 1984, table 1.1 / R's survfit
    time = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    event = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    curve = statistics.kaplan_meier(time, np.logical_not(event))
    np.testing.assert_array_equal(curve.times, [0, 6, 7, 10, 13, 16, 22, 23])
    np.testing.assert_allclose(curve.survival, [1, 0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], atol=5e-4)
    median = statistics.median_time(time, np.logical_not(event))
    assert median(np.ones(21)) == 23  # the published median remission, weeks


def test_kaplan_meier_without_censoring_is_one_minus_the_empirical_distribution():
    time = np.random.default_rng(0).integers(0, 30, 40)
    curve = statistics.kaplan_meier(time, np.zeros(40, bool))
    wanted = [np.mean(time > t) for t in curve.times]
    np.testing.assert_allclose(curve.survival[1:], wanted[1:], atol=1e-12)


def test_median_time_is_infinite_where_fewer_than_half_recover():
    statistic = statistics.median_time([5, 50, 50, 50], [False, True, True, True])
    assert statistic(np.ones(4)) == np.inf
    interval = statistics.bootstrap(statistic, statistics.resample(4, 0))
    assert interval.lo == 5  # some replicates draw the early one often enough
    assert interval.hi == np.inf


def test_weighted_median_time_is_that_of_the_repeated_sample():
    rng = np.random.default_rng(4)
    time, censored, unit = rng.integers(0, 20, 24), rng.random(24) < 0.4, np.repeat(np.arange(8), 3)
    statistic = statistics.median_time(time, censored, unit)
    weight = statistics.resample(8, 0, 60)
    medians = statistic(weight)
    assert np.isfinite(medians).any()
    for row, median in zip(weight.astype(int), medians):
        index = np.repeat(np.arange(24), row[unit])
        curve = statistics.kaplan_meier(time[index], censored[index])
        reached = curve.times[curve.survival <= 0.5 + 1e-9]
        assert median == (reached[0] if reached.size else np.inf)


def test_observations_without_a_time_are_no_part_of_the_median():
    statistic = statistics.median_time([np.nan, 4.0], [False, False])
    assert statistic(np.ones(2)) == 4.0
    assert np.isnan(statistics.median_time([np.nan], [False])(np.ones(1)))


def test_wilson_interval_agrees_with_scipy():
    ours = statistics.wilson(27, 40)
    peer = stats.binomtest(27, 40).proportion_ci(method="wilson")
    assert ours == pytest.approx((27 / 40, peer.low, peer.high))
