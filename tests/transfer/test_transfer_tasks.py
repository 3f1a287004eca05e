"""What the transfers of seizures, sleep and evoked responses are made of, each piece against what is known of it."""

import numpy as np
import pytest

from neurodrift.scenarios.config import make_config
from neurodrift.scenarios.infos import INFOS
from neurodrift.scenarios.lookup import get_scenario
from neurodrift.scenarios.statistics import Interval, resample
from neurodrift.scenarios.transfer.seizure_detections import alarms, detections, sensitivity
from neurodrift.scenarios.transfer.seizure_segments import Groups, groups, person_of
from neurodrift.scenarios.transfer.sleep import as_trials, spread
from neurodrift.scenarios.transfer.sleep_nights import Night
from neurodrift.scenarios.transfer.sleep_people import Recording, features, record_sleepers
from neurodrift.scenarios.transfer.sleep_words import mean_interval
from neurodrift.scenarios.transfer.verdict import OPEN, beside, unharmed
from neurodrift.sim.errors import InputError


@pytest.mark.parametrize(
    ("ends", "word"), [((0.16, 0.2), "above"), ((0.1, 0.14), "below"), ((0.1, 0.2), OPEN), ((0.15, 0.2), OPEN)]
)
def test_nothing_is_above_or_below_a_limit_that_its_interval_holds(ends, word):
    assert beside(Interval(np.mean(ends), *ends), 0.15, "above", "below") == word


@pytest.mark.parametrize(
    ("ends", "word"),
    [
        ((-0.005, 0.02), "not made worse"),
        ((-0.03, 0.01), OPEN),
        ((-0.03, -0.001), "made worse"),
        ((0.0, 0.0), "not made worse"),
    ],
)
def test_harm_is_excluded_by_the_whole_interval_and_not_by_its_middle(ends, word):
    assert unharmed(Interval(np.mean(ends), *ends), -0.01) == word


def test_the_interval_of_five_people_is_that_of_scipy():
    from scipy.stats import ttest_1samp

    values = np.array([0.7, 0.74, 0.81, 0.77, 0.72])
    found, wanted = mean_interval(values), ttest_1samp(values, 0.0).confidence_interval(0.95)
    np.testing.assert_allclose(found, (values.mean(), wanted.low, wanted.high))


def test_features_of_a_slow_wave_are_those_of_the_closed_form():
    sfreq, amplitude, rate = 100.0, 50e-6, 2.0
    t = np.arange(3000) / sfreq
    x = np.stack([amplitude * np.sin(2 * np.pi * rate * t), 0.0 * t])
    found = features(x, sfreq)
    assert found.shape == (18,)
    # all the power, amplitude squared over two, is in 3.5 Hz of delta: 14 bins of Welch's .25 Hz
    assert np.exp(found[0]) == pytest.approx(amplitude**2 / 2 / 3.5 + 1e-10, rel=0.01)
    np.testing.assert_allclose(found[3:5], np.log(1e-10), atol=1e-3)
    assert found[7] == pytest.approx(np.log(amplitude**2 / 2 + 1e-10), rel=1e-3)
    assert found[8] == pytest.approx(2 * np.sin(np.pi * rate / sfreq), rel=0.01)


def test_labelled_epochs_lie_evenly_over_the_night_however_many_they_are():
    night = Night(np.arange(100.0)[:, None] * np.ones(2), np.arange(100) // 20)
    found = spread(as_trials(night, lambda x: x, 128))
    times = np.asarray(found.x)[:, 0, 0]
    np.testing.assert_array_equal(np.sort(times[:100]), np.arange(100))
    for k in (10, 20, 40):
        counts = np.bincount(np.asarray(found.y)[:k], minlength=5)
        assert counts.min() >= k // 5 - 2  # every fifth of the night has its share
    np.testing.assert_array_equal(np.asarray(found.weight), np.arange(128) < 100)


def test_no_tested_segment_is_labelled_and_labels_take_turns():
    rng = np.random.default_rng(0)
    ictal = np.tile(np.arange(25) < 5, 2)
    segment = np.arange(50)[None, :, None] + 100 * np.arange(2)[:, None, None]
    x = np.stack(
        [segment * np.ones((2, 50, 23)), np.arange(23) * np.ones((2, 50, 23)), rng.normal(size=(2, 50, 23))], -1
    )
    person, seizing = person_of(Groups(x, ictal), 60, 0)
    pool, test = (np.asarray(t.x)[:, :, :, 0] for t in (person.pool, person.test))
    assert not set(pool[..., 0].ravel()) & set(test[..., 0].ravel())
    np.testing.assert_array_equal(np.asarray(person.pool.y), np.tile(np.arange(60) % 2 == 0, (2, 1)))
    np.testing.assert_array_equal(pool[0, ::2, 0] < 5, True)
    assert len({tuple(row[:2]) for row in pool[0]}) == 60  # no second twice
    assert len(set(pool[0, :10:2, 0])) == 5  # each of another segment
    assert seizing.shape == (2, 25, 23)
    np.testing.assert_array_equal(seizing.reshape(2, -1), np.asarray(person.test.y))
    np.testing.assert_array_equal(np.asarray(person.test.y)[0], np.isin(test[0, :, 0], np.arange(25, 30)))


def test_segments_are_detected_each_by_itself():
    seizing = np.zeros((1, 3, 23), bool)
    seizing[0, 0] = True
    p = np.zeros((1, 1, 1, 69))
    p[..., 10:20] = 1.0  # in the ictal segment
    p[..., 44:48] = 1.0  # two seconds in the second, two in the third: in one row they would be four of five
    p[..., 60:66] = 1.0  # a false one in the third
    found = detections(np.stack([1 - p, p], -1), seizing, np.zeros_like(seizing))
    assert found["detected"].item() == found["seizures"].item() == 1
    assert found["false"].item() == pytest.approx(1.0)
    assert found["hours"].item() == pytest.approx(46 / 3600)


def test_all_detected_and_none_false_are_no_certainty():
    weights = resample(10, 0)
    found = sensitivity(np.full(10, 9.0), np.full(10, 9.0), weights)
    # Clopper and Pearson's lower end for 90 of 90: .025^(1/90)
    assert found.lo == pytest.approx(100 * 0.025 ** (1 / 90))
    assert found.hi == 100.0
    assert sensitivity(np.r_[8.0, np.full(9, 9.0)], np.full(10, 9.0), weights).hi == 100.0
    none = alarms(np.zeros(10), np.full(10, 0.5), weights)
    assert np.exp(-none.hi * 5.0 / 24) == pytest.approx(0.025, rel=1e-3)


def test_a_folder_without_segments_is_refused_in_a_line(tmp_path):
    (tmp_path / "S.zip").write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"can't be read.*wanted a folder with Z\.zip") as caught:
        groups(str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_deep_sleep_is_simulated_with_more_delta_than_light_sleep():
    (pair,), _ = record_sleepers(Recording(16, 4.0), np.array([1]), np.array([], int), 0)
    for night in pair:
        assert night.x.shape == (16, 18)
        assert np.isfinite(night.x).all()
    x, y = (np.concatenate(parts) for parts in zip(*pair))
    if len(set(y)) == 2:
        assert x[y == 1, 0].mean() > x[y == 0, 0].mean()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["transfer_erp", "transfer_sleep"])
def test_simulated_people_are_answered_by_every_arm(name):
    scenario = get_scenario(name)
    config = make_config(name, INFOS[name], quick=True, subjects=2)
    for cell in scenario.plan(config):
        meta, arrays = scenario.run_cell(config, cell, lambda _: None)
        accuracy = arrays["outcome/accuracy"]
        assert accuracy.shape[0] == 2
        assert np.isfinite(accuracy[:, -1]).all()
        assert meta["outcome"]["people"] == list(cell.subjects)
