"""Days of one person: nothing from the future, honest label counts, and the same numbers as an independent version."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from neurodrift.scenarios.config import make_config
from neurodrift.scenarios.infos import INFOS, OWN_METHODS
from neurodrift.scenarios.lookup import describe_method
from neurodrift.scenarios.multiday import EDGE, Days, Settings, Study, arrange, multiday
from neurodrift.sim.errors import InputError
from neurodrift.sim.recordings import load_embedded

N_DAYS, N_RUNS, N_TRIALS, N_CHANNELS, N_TIMES = 4, 2, 10, 3, 48
SETTINGS = Settings(bands=((8.0, 30.0),), c=1.0)
CAUSAL = [name for name in INFOS["mi_multiday"].methods if name != "oracle"]
UNLABELLED = ["frozen", "ea", "riemann", "daily", "daily_ea", "daily_riemann"]


def make_days(seed=0):
    """Two classes that differ in one source's power, mixed anew in every run."""
    rng = np.random.default_rng(seed)
    n = N_DAYS * N_RUNS * N_TRIALS
    y = np.tile([0, 1], n // 2)
    run = np.repeat(np.arange(N_DAYS * N_RUNS), N_TRIALS)
    s = rng.standard_normal((n, N_CHANNELS, N_TIMES))
    s[:, 0] *= np.where(y == 1, 2.0, 1.0)[:, None]
    mixing = np.eye(N_CHANNELS) + 0.3 * rng.standard_normal((N_DAYS * N_RUNS, N_CHANNELS, N_CHANNELS))
    x = 1e-5 * (mixing[run] @ s)
    return Days(x.astype(np.float32), y.astype(np.int32), run.astype(np.int32), (run // N_RUNS).astype(np.int32))


def study(days):
    return Study(days, "tangent_lr", 1, 2, SETTINGS)


@pytest.fixture(scope="module")
def answers():
    base = study(make_days())
    return {name: base.run(name) for name in INFOS["mi_multiday"].methods}


def test_no_arm_sees_a_trial_or_label_before_its_time(answers):
    days = make_days()
    at = 47  # in the first run of the third day, on which the frozen decoder is frozen
    x, y = days.x.copy(), days.y.copy()
    x[at:] = x[at:][::-1] * 3.0
    y[at:] = 1 - y[at:]
    changed = study(days._replace(x=x, y=y))
    for name in CAUSAL:
        proba, _ = changed.run(name)
        assert_allclose(proba[:at], answers[name][0][:at], atol=1e-5, err_msg=name)
        assert np.abs(proba[at:] - answers[name][0][at:]).max() > 1e-3, name
    # the test can fail: the oracle knows the future
    assert np.abs(changed.run("oracle")[0][:at] - answers["oracle"][0][:at]).max() > 1e-3


def test_labels_of_a_day_do_not_reach_unlabelled_arms_on_that_day(answers):
    days = make_days()
    today = days.day == 3
    y = np.where(today, 1 - days.y, days.y)
    changed = study(days._replace(y=y))
    for name in UNLABELLED:
        assert_array_equal(changed.run(name)[0][today], answers[name][0][today], err_msg=name)
    for name in ("cft", "riemann_online", "daily_riemann_cft", "daily_riemann_labels"):
        assert np.abs(changed.run(name)[0][today] - answers[name][0][today]).max() > 1e-3, name


def test_labels_are_counted_from_the_frozen_decoders_last_day_on(answers):
    per_day = N_RUNS * N_TRIALS
    day = make_days().day
    for name, (_, used) in answers.items():
        assert (used[day < 2] == 0).all(), name
        assert (np.diff(used) >= 0).all(), name
    for name in ("frozen", "ea", "riemann"):
        assert (answers[name][1] == 0).all()
    for name in ("daily", "daily_ea", "daily_riemann"):
        assert_array_equal(answers[name][1], np.where(day == 3, per_day, 0))
    after = np.arange(1, 2 * per_day + 1)
    for name in ("cft", "riemann_online", "daily_riemann_cft", "daily_riemann_labels"):
        assert_array_equal(answers[name][1][day >= 2], after, err_msg=name)


def test_labels_that_never_come_train_nothing():
    days = make_days()
    some = study(days).with_labels(seed=0, missing=0.5, noise=0.0, delay=0)
    _, used = some.run("daily_riemann_labels")
    assert used[-1] == some.available[days.day >= 2].sum()
    _, used = study(days).with_labels(seed=0, missing=0.0, noise=0.0, delay=3).run("riemann_online")
    assert used[-1] == 2 * N_RUNS * N_TRIALS - 3


def test_daily_training_that_gets_no_label_is_the_frozen_decoders(answers):
    days = make_days()
    base = study(days)
    without = base.knowing(days.day < 2)
    found, used = without.run("daily_riemann")
    assert_allclose(found, answers["riemann"][0], atol=1e-5)
    assert np.abs(answers["daily_riemann"][0] - found)[days.day > 2].max() > 1e-3
    assert not used.any()
    # the study that it was made of knows its labels still, and what both trained is not mixed up
    assert_allclose(base.run("daily_riemann")[0], answers["daily_riemann"][0], atol=1e-6)


def test_a_label_budget_is_spent_anew_every_day(answers):
    days, some = make_days(), study(make_days())
    for arm, per_day in {
        "riemann_online@none": 0,
        "riemann_online@10": 10,
        "riemann_online@full": N_RUNS * N_TRIALS,
    }.items():
        proba, used = some.run(arm)
        assert used[-1] == 2 * per_day, arm
        if per_day:
            assert used[days.day == 2][-1] == per_day, arm
    assert_array_equal(proba, answers["riemann_online"][0])
    _, used = some.run("riemann_online@delayed")
    assert used[-1] == 2 * N_RUNS * N_TRIALS - 10
    none, _ = some.run("riemann_online@none")
    # recentering goes on, as without a readout that learns; only how often steps are compiled may differ
    assert_allclose(none, answers["riemann"][0], atol=1e-4)


def test_signs_of_errors_reach_who_learns_from_them_alone(answers):
    some = study(make_days())
    told, used = some.run("errp@errors")
    assert not used.any()
    assert np.abs(told - answers["frozen"][0])[some.days.day >= 2].max() > 1e-3
    untold, _ = some.run("errp@none")
    assert_allclose(untold, answers["frozen"][0], atol=1e-6)


def test_an_arm_that_trains_on_past_days_takes_no_budget():
    with pytest.raises(InputError, match=r"daily_riemann trains on the labels of all past days.*leave '@10' out"):
        study(make_days()).run("daily_riemann@10")


def _power(a, f):
    w, v = np.linalg.eigh(a)
    return (v * f(w)) @ v.T


def _root(a):
    return _power(a, np.sqrt)


def _whitening(a):
    return _power(a, lambda w: w**-0.5)


def _karcher(covs):
    mean = covs.mean(0)
    for _ in range(50):
        r, i = _root(mean), _whitening(mean)
        mean = r @ _power(np.mean([_power(i @ c @ i, np.log) for c in covs], 0), np.exp) @ r
    return mean


def _recentred(x, whitening):
    cov = whitening @ x @ x.T @ whitening / x.shape[-1]
    return cov + 1e-6 * np.trace(cov) / len(cov) * np.eye(len(cov))


def _tangent(cov, whitening):
    log = _power(whitening @ cov @ whitening, np.log)
    rows, columns = np.triu_indices(len(cov))
    return log[rows, columns] * np.where(rows == columns, 1.0, np.sqrt(2.0))


def test_the_unlabelled_arm_agrees_with_plain_float64_numpy(answers):
    from sklearn.linear_model import LogisticRegression

    days = make_days()
    x = days.x.astype(float)
    covs = x @ x.transpose(0, 2, 1) / N_TIMES
    covs += 1e-6 * np.trace(covs, axis1=1, axis2=2)[:, None, None] / N_CHANNELS * np.eye(N_CHANNELS)
    means = {r: _karcher(covs[days.run == r]) for r in np.unique(days.run)}
    today = 3
    past = days.day < today
    prior = _karcher(np.stack([means[r] for r in days.run[past]]))
    recentred = np.stack([_whitening(means[r]) @ w for r, w in zip(days.run, x)])
    train = np.stack([_recentred(w, np.eye(N_CHANNELS)) for w in recentred[past]])
    reference = _whitening(_karcher(train))
    features = np.stack([_tangent(c, reference) for c in train])
    centre = features.mean(0)
    model = LogisticRegression(C=SETTINGS.c, tol=1e-10, max_iter=10000).fit(features - centre, days.y[past])
    expected = []
    for r in np.unique(days.run[days.day == today]):
        mean, n = prior, SETTINGS.session_weight
        for t in np.flatnonzero(days.run == r):
            root, inverse = _root(mean), _whitening(mean)
            a = max(1 / (n + 1), SETTINGS.floor)
            mean = root @ _power(inverse @ covs[t] @ inverse, lambda w, a=a: w**a) @ root
            n += 1
            feature = _tangent(_recentred(x[t], _whitening(mean)), reference) - centre
            expected.append(model.predict_proba(feature[None])[0])
    assert_allclose(answers["daily_riemann"][0][days.day == today], expected, atol=2e-3)


def test_every_trial_is_filtered_and_shrunk_over_its_own_length():
    from scipy import signal
    from sklearn.covariance import oas

    recording = load_embedded("p01").select_classes(("right", "idle")).select(np.array([0, 40, 130]))
    days, names = arrange(recording, ((8.0, 30.0),))
    assert len(set(recording.n_samples)) == 3
    assert names == list(dict.fromkeys(recording.session_days))
    band = signal.butter(4, (8.0, 30.0), "bandpass", fs=125.0, output="sos")
    notch = signal.tf2sos(*signal.iirnotch(50.0, 30.0, fs=125.0))
    for k, n in enumerate(recording.n_samples):
        own = recording.x[k, :, :n].astype(float)
        own = own - own.mean(-1, keepdims=True)
        own = signal.sosfiltfilt(band, signal.sosfiltfilt(notch, own))[:, EDGE:-EDGE]
        expected = oas(own.T, assume_centered=True)[0]
        found = days.x[k].astype(float)
        assert_allclose(found @ found.T / found.shape[-1], expected, rtol=1e-3, atol=1e-4 * np.trace(expected) / 11)


def test_every_arm_is_described():
    for name in INFOS["mi_multiday"].methods:
        assert {"title", "summary", "tag", "labels"} <= set(describe_method(name)), name
    listed = {name for info in INFOS.values() for name in info.methods}
    assert set(OWN_METHODS) <= listed


def test_other_data_are_refused_in_one_line():
    config = dataclasses.replace(make_config("mi_multiday", INFOS["mi_multiday"]), data="eegbci:7")
    with pytest.raises(InputError, match="its own recording"):
        multiday("mi_multiday").plan(config)


def test_the_scenario_scores_every_day_but_the_first():
    info = INFOS["mi_multiday"]
    config = make_config("mi_multiday", info, methods=("frozen",))
    scenario = multiday("mi_multiday")
    (cell,) = scenario.plan(config)
    meta, arrays = scenario.run_cell(config, cell, lambda words: None)
    assert arrays["y"].shape == (1, 527)
    assert arrays["proba/frozen"].shape == (1, 527, 2)
    assert arrays["onset"] == [127]
    days = [meta["session_names"][str(d)] for d in arrays["session"]]
    assert [days[t] for t in (0, 126, 127)] == ["2022-02-27", "2022-03-01", "2022-03-06"]
    assert (np.diff(arrays["time_s"]) > 0).all()
