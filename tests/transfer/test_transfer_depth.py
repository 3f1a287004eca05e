"""Depth of anaesthesia by another sensor: classes, courses, recorders in closed form, what is said of a transfer."""

import dataclasses
import inspect

import jax
import numpy as np
import pytest
from scipy.signal import butter, sosfreqz

from neurodrift.scenarios.contract import RunConfig
from neurodrift.scenarios.transfer.depth import BUDGETS, KNOWN, QUICK, Depth, meet, spread
from neurodrift.scenarios.transfer.depth_patients import (
    BANDS,
    KE0,
    LIMITS,
    SENSORS,
    SFREQ,
    STAGE,
    TARGETS,
    band_powers,
    classes,
    record_patients,
    targets,
)
from neurodrift.scenarios.transfer.gain_words import tell_gains
from neurodrift.scenarios.transfer.infos import ARMS
from neurodrift.scenarios.transfer.outcome import Outcome
from neurodrift.scenarios.transfer.risk import risks
from neurodrift.sim.errors import InputError
from neurodrift.sim.tasks.anaes_depth import make


def sine(frequency, amplitude, seconds=40):
    t = np.arange(int(seconds * SFREQ)) / SFREQ
    v = amplitude * np.sin(2 * np.pi * frequency * t)
    return v.reshape(1, seconds, 1, -1)


def test_the_power_of_a_sine_is_in_its_band_and_less_beyond_the_recorder():
    at = [next(i for i, (lo, hi) in enumerate(BANDS) if lo <= f < hi) for f in (16.0, 36.0)]
    for frequency, i in zip((16.0, 36.0), at):
        for sensor in SENSORS.values():
            found = np.exp(band_powers(sine(frequency, 10e-6), sensor.band))[0, 1:, i].mean()
            sos = butter(2, sensor.band, "bandpass", fs=SFREQ, output="sos")
            gain = np.abs(np.asarray(sosfreqz(sos, worN=[frequency], fs=SFREQ)[1])[0]) ** 2
            assert found == pytest.approx(gain * (10e-6) ** 2 / 2, rel=0.03)


def test_channels_of_another_size_move_all_bands_alike():
    rng = np.random.default_rng(0)
    v = rng.normal(size=(1, 20, 2, 128))
    one, ten = (band_powers(scale * v, (0.5, 47.0)) for scale in (1.0, 10.0))
    np.testing.assert_allclose(ten - one, np.log(100.0), atol=1e-6)


def test_classes_are_of_the_depth_that_the_control_task_aims_at():
    aim, ceiling = (inspect.signature(make).parameters[name].default for name in ("target", "ceiling"))
    assert LIMITS[0] == pytest.approx(aim / 2)
    assert LIMITS[1] == pytest.approx((aim + ceiling) / 2)
    np.testing.assert_array_equal(classes(np.array([0.0, 0.34, 0.36, 0.84, 0.86, 1.1])), [0, 0, 1, 1, 2, 2])
    assert [list(classes(np.array(t))) for t in TARGETS] == [[0, 0], [1, 1], [2, 2]]


def test_a_course_holds_each_class_once_and_the_first_goes_from_awake_to_deep():
    draw = jax.jit(jax.vmap(lambda key: targets(key, 9 * STAGE)))
    levels = np.asarray(draw(jax.random.split(jax.random.key(0), 8))).reshape(8, 9, STAGE)
    assert all(np.ptp(stage) == 0 for one in levels for stage in one)
    held = np.array([classes(one[:, 0]).reshape(3, 3) for one in levels])
    assert (held[:, 0] == [0, 1, 2]).all()
    assert (np.sort(held, axis=-1) == [0, 1, 2]).all()
    assert len(np.unique(held[:, 1:].reshape(-1, 3), axis=0)) > 2


def test_labelled_epochs_are_spread_over_their_class_however_few():
    y = np.repeat([[0, 1, 2]], 40, axis=1).reshape(1, -1)
    y = np.sort(y, axis=1)
    x = np.arange(120.0)[None, :, None]
    found = spread(x, y, 20)[0, :, :, 0]
    for c in range(3):
        assert len(set(found[c])) == 20
        assert ((found[c] >= 40 * c) & (found[c] < 40 * c + 40)).all()
        assert np.ptp(found[c, :3]) > 20  # of 39


def test_what_is_said_of_a_transfer_has_gains_and_labels_needed():
    n = 100
    y = np.tile(np.arange(n) % 2, (12, 1))
    right = np.array([60, 60, 50, 70, 95, 97])
    sure = np.where(np.arange(n) < right[:, None], 1, 0)[None, None] == y[:, None, None]
    proba = np.broadcast_to(np.stack([1.0 - sure, sure], -1), (12, 2, 6, n, 2)).astype(np.float32).copy()
    proba[:, 0, :2] = np.nan
    proba[:, 0, 4] = proba[:, 0, 3]
    risk = risks(Outcome.create([f"P{i}" for i in range(12)], (0, 4), ARMS, proba, y))
    no_label, gain, needed = tell_gains("toy", risk, (4,), "seconds")
    assert "aligned 0.700" in no_label
    assert "fine-tuned with 4 labelled seconds: +35.0 [35.0, 35.0] points over from scratch" in gain
    assert "finetuned 4 (never 0 of 12)" in needed
    assert "aligned more than 4 (never 12 of 12)" in needed


@pytest.mark.slow
def test_depth_follows_the_effect_site_and_every_sensor_sees_the_same_patients():
    found = record_patients(np.arange(3), 0, 1)
    assert found.in_bounds.all()
    y = classes(found.depth)
    assert all((y == c).sum(1).min() >= max(BUDGETS) // 3 for c in range(3))
    # a stage awake, then first order towards the level of the next
    assert (found.depth[:, :STAGE] == 0.0).all()
    second = found.depth[:, STAGE : 2 * STAGE]
    rise = 1 - np.exp(-KE0 * 10.0 * np.arange(1, STAGE + 1))
    level = second[:, -1] / rise[-1]
    np.testing.assert_allclose(second, level[:, None] * rise, rtol=1e-4)
    assert ((level >= 0.5) & (level <= 0.7)).all()
    # more noise of dry contacts where their recorder hears it, less where it does not
    wet, dry = (found.x[name].mean((0, 1)) for name in ("wet, forehead", "dry, forehead"))
    assert dry[1] > wet[1]
    assert dry[-1] < wet[-1]


@pytest.mark.slow
def test_a_dry_sensor_in_the_same_place_gains_by_known_patients():
    known, new = np.arange(500, 504), np.arange(3)
    found = meet(QUICK, known, new, 0, "dry, forehead", "ABC")
    assert found.of("finetuned")[:, 1].mean() > found.of("scratch")[:, 1].mean() + 0.05


def test_nobody_new_has_the_number_of_a_known_patient():
    config = RunConfig(
        scenario="transfer_depth", methods=ARMS, severities=(1.0,), decoder="feature_net", seeds=1, subjects=KNOWN
    )
    assert len(Depth().plan(config)[0].subjects) == KNOWN
    with pytest.raises(InputError, match=f"--subjects is {KNOWN + 1}: wanted {KNOWN} or fewer"):
        Depth().plan(dataclasses.replace(config, subjects=KNOWN + 1))
