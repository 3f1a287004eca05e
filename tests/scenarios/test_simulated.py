"""Simulated scenarios: what a cell holds, and the ordering that the drift must bring about."""

import json

import numpy as np
import pytest

from neurodrift.scenarios.config import make_config
from neurodrift.scenarios.infos import INFOS
from neurodrift.scenarios.lookup import get_scenario
from neurodrift.sim.drift import DRIFTS, make_drift


def _run(name, **choices):
    scenario = get_scenario(name)
    config = make_config(name, INFOS[name], **choices)
    return [scenario.run_cell(config, cell, lambda text: None) for cell in scenario.plan(config)]


@pytest.fixture(scope="module")
def cell():
    methods = ("frozen", "ea", "recal10", "oracle", "cft@10", "errp@errors")
    return _run("mi_cap_shift", methods=methods, severities=(3.0,), subjects=3)[0]


def test_a_cell_holds_what_the_tables_read(cell):
    meta, arrays = cell
    json.dumps(meta, allow_nan=False)
    assert meta["subjects"] == ["P01", "P02", "P03"]
    assert arrays["y"].shape == (3, 170)
    # classes come in balanced pairs
    np.testing.assert_array_equal(arrays["y"].reshape(3, -1, 2).sum(-1), 1)
    assert set(arrays["onset"]) == {50}
    shift = arrays["drift/cap displacement"]
    np.testing.assert_allclose(shift, np.where(np.arange(170) < 50, 0.0, 3.0), atol=1e-4)
    for name in ("frozen", "ea", "recal10", "oracle"):
        np.testing.assert_allclose(arrays[f"proba/{name}"].sum(-1), 1.0, rtol=1e-5)


def test_labels_are_counted_as_they_are_spent(cell):
    _, arrays = cell
    assert not arrays["labels/frozen"].any()
    assert not arrays["labels/ea"].any()
    # nobody announces the slip: the next period begins a hundred trials after the calibration, and ten labels follow
    np.testing.assert_array_equal(arrays["labels/recal10"][:, 99:110], np.tile(np.arange(11), (3, 1)))
    assert set(arrays["labels/recal10"][:, 169]) == {10}


def test_a_label_budget_is_spent_from_the_onset_on_and_errors_are_no_labels(cell):
    _, arrays = cell
    np.testing.assert_array_equal(arrays["labels/cft@10"][:, 49:61], np.tile([*range(11), 10], (3, 1)))
    assert set(arrays["labels/cft@10"][:, 169]) == {10}
    assert not arrays["labels/errp@errors"].any()
    assert np.abs(arrays["proba/errp@errors"] - arrays["proba/frozen"]).max() > 0.05


def test_methods_agree_with_frozen_until_they_have_learnt_something(cell):
    _, arrays = cell
    np.testing.assert_allclose(arrays["proba/recal10"][:, :110], arrays["proba/frozen"][:, :110], atol=1e-6)
    np.testing.assert_allclose(arrays["proba/oracle"][:, :50], arrays["proba/frozen"][:, :50], atol=1e-6)
    assert np.abs(arrays["proba/recal10"][:, 110:] - arrays["proba/frozen"][:, 110:]).max() > 0.05


def test_a_decoder_behind_the_common_average_does_not_notice_a_new_reference():
    choices = {"methods": ("invariant", "frozen"), "subjects": 2}
    (_, still), (_, average) = _run("mi_reference_switch", severities=(0.0, 1.0), **choices)
    np.testing.assert_allclose(still["proba/invariant"], average["proba/invariant"], atol=2e-2)
    assert np.abs(still["proba/frozen"] - average["proba/frozen"])[:, 50:].max() > 0.1


@pytest.mark.parametrize("name", DRIFTS)
def test_no_drift_acts_before_its_onset(name):
    import jax
    import jax.numpy as jnp

    from neurodrift.sim.clock import Clock
    from neurodrift.sim.conditions import Conditions
    from neurodrift.sim.head import make_montage

    montage = make_montage("10-20-19")
    nominal = Conditions.nominal(19, montage.reference_weights("FCz"))
    process = make_drift(name, montage, min(2.0, DRIFTS[name].largest), 30.0)
    state = process.init(jax.random.key(0))
    for tick in range(30):
        key = jax.random.fold_in(jax.random.key(1), tick)
        state, conditions = process.step(state, nominal, Clock(jnp.int32(tick), jnp.float32(1.0)), key)
        for before, now in zip(jax.tree.leaves(nominal), jax.tree.leaves(conditions), strict=True):
            np.testing.assert_allclose(now, before, atol=1e-7)


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("eegnet", "shallow")]


@pytest.mark.parametrize("decoder", ["tangent_lr", *SLOW])
def test_every_decoder_runs_and_fine_tuning_learns_what_frozen_cannot(decoder):
    methods = ("frozen", "cft", "oracle")
    (_, arrays), *_ = _run("mi_cap_shift", methods=methods, severities=(3.0,), subjects=2, decoder=decoder, quick=True)
    for name in methods:
        np.testing.assert_allclose(arrays[f"proba/{name}"].sum(-1), 1.0, rtol=1e-5)
    right = {m: (arrays[f"proba/{m}"].argmax(-1) == arrays["y"])[:, 120:].mean() for m in methods}
    # a hundred trials, at chance without labels, standard error .05
    assert right["cft"] > 0.5 + 3 * 0.05
    assert right["cft"] > right["frozen"]


@pytest.mark.slow
def test_the_shift_experiment_orders_the_methods_as_published():
    methods = ("frozen", "ea", "recal20", "scratch20")
    accuracy, frozen = {}, {}
    for meta, arrays in _run("mi_cap_shift", methods=methods):
        hit = {m: arrays[f"proba/{m}"].argmax(-1) == arrays["y"] for m in methods}
        accuracy[meta["severity"]] = {m: h[:, -50:].mean() for m, h in hit.items()}
        frozen[meta["severity"]] = hit["frozen"][:, 50:].mean()
    # over all trials from the onset on: at 3 and 4 cm both are at chance, and 50 trials do not tell them apart
    fall = [frozen[s] for s in sorted(frozen)]
    assert fall == sorted(fall, reverse=True)
    assert 0.75 < fall[0] < 0.85
    assert 0.48 < fall[-1] < 0.55
    for severity in (1.0, 2.0, 3.0, 4.0):
        found = accuracy[severity]
        assert found["ea"] > found["frozen"]
        assert found["recal20"] > found["frozen"]
        assert found["scratch20"] <= found["recal20"]
