"""The tuner, on a loop whose best settings are known in closed form."""

import dataclasses
from types import SimpleNamespace
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.agents import (
    AtLeastBenefit,
    AtMostDose,
    Constant,
    Controller,
    Ramp,
    Ramped,
    Range,
    Threshold,
    Weighted,
    evaluate,
    front,
    tune,
)
from neurodrift.agents.tuning import Candidate, evaluation_keys, leaf, tuning_keys, with_leaves
from neurodrift.sim.errors import InputError
from neurodrift.sim.keys import stream_key
from neurodrift.sim.loop import Reading
from neurodrift.sim.pytree import component

from .readings import First


class Outcome(NamedTuple):
    reading: Reading
    window: object
    applied: jax.Array
    vetoes: jax.Array
    marker: jax.Array
    reward: jax.Array


class Window(NamedTuple):
    stim: object
    truth: dict


class Stim(NamedTuple):
    energy: jax.Array
    charge: jax.Array


@component
class Toy:
    """A symptom of (1 - u)^2, times a severity that differs from seed to seed, and a feature that is the severity."""

    severity: jax.Array
    bound: float = 2.0
    n_stim: ClassVar = 1
    plant: ClassVar = SimpleNamespace(source=SimpleNamespace(n_times=5, sfreq=10.0))

    def init(self, key):
        return ()

    def step(self, state, action):
        u = jnp.clip(action, 0.0, 1.0)
        reading = Reading(self.severity[None, None], jnp.zeros(1, bool), jnp.zeros(()), jnp.asarray(True), u)
        stim = Stim(2.0 * u[0], 0.5 * u[0])
        return (), Outcome(
            reading,
            Window(stim, {"in_bounds": u[0] < self.bound}),
            u,
            jnp.uint32(u[0] > 0.9),
            self.severity * (1 - u[0]) ** 2,
            -self.severity * ((1 - u[0]) ** 2 + 2 * u[0] ** 2),
        )


def toy(key):
    return Toy(severity=jax.random.uniform(key, minval=0.5, maxval=1.5))


KEY = jax.random.key(11)
SETTINGS = {"n_windows": 6, "skip": 1, "n_candidates": 64}
LEVEL = {"level": Range(0.0, 1.0)}


def _tuned(objective, **options):
    return tune(Constant(level=jnp.zeros(1)), toy, LEVEL, objective, KEY, **(SETTINGS | options))


@pytest.mark.parametrize(
    ("objective", "best"),
    [
        (Weighted(1.0), 1 / 2),  # 1 - (1-u)^2 - w u^2 is greatest at 1 / (1 + w)
        (Weighted(3.0), 1 / 4),
        (None, 1 / 3),  # the task's reward: (1-u)^2 + 2 u^2 is least there
        (AtMostDose(0.09), 0.3),
        (AtLeastBenefit(0.64), 0.4),  # 1 - (1-u)^2 = .64
    ],
)
@pytest.mark.parametrize("search", ["halving", "random", "grid"])
def test_the_best_setting_in_closed_form_is_found(objective, best, search):
    found = _tuned(objective, search=search)
    # 64 candidates: each search has one within a sixty-fourth, and on the right side of a bound within two
    assert (
        abs(float(found.policy.level[0]) - best)
        <= (1.01 if objective is None or isinstance(objective, Weighted) else 2.01) / 63
    )
    assert found.best.score == max(c.score for c in found.candidates if c.n_seeds == found.best.n_seeds)


def test_a_constraint_that_none_keeps_gives_what_comes_nearest():
    space = {"level": Range(0.5, 1.0)}
    found = tune(Constant(level=jnp.zeros(1)), toy, space, AtMostDose(0.1), KEY, **SETTINGS)
    assert found.best.dose == min(c.dose for c in found.candidates)


def test_a_candidate_that_drives_the_brain_out_of_its_bounds_is_never_best():
    def fragile(key):
        return dataclasses.replace(toy(key), bound=0.4)

    found = tune(Constant(level=jnp.zeros(1)), fragile, LEVEL, Weighted(0.0), KEY, **SETTINGS)
    assert 0.35 < float(found.policy.level[0]) < 0.4
    assert all((c.score == -np.inf) == (c.values["level"] >= 0.4) for c in found.candidates)
    loud = evaluate({"loud": Constant(level=jnp.ones(1))}, fragile, KEY, n_windows=4)["loud"]
    assert np.isnan(loud["benefit"]).all()


def test_seeds_without_a_symptom_are_no_obstacle_but_a_task_without_one_is():
    def sometimes(key):
        return dataclasses.replace(toy(key), severity=jax.random.bernoulli(key, 0.4).astype(jnp.float32))

    found = tune(Constant(level=jnp.zeros(1)), sometimes, LEVEL, Weighted(0.5), KEY, **(SETTINGS | {"n_seeds": 1}))
    assert np.isfinite([c.score for c in found.candidates]).all()
    with pytest.raises(InputError, match="must be above 0"):
        tune(
            Constant(level=jnp.zeros(1)),
            lambda key: Toy(severity=0.0 * toy(key).severity),
            LEVEL,
            Weighted(),
            KEY,
            **SETTINGS,
        )


def test_the_same_key_tunes_the_same_and_another_does_not():
    one, two = _tuned(Weighted(1.0)), _tuned(Weighted(1.0))
    assert one.candidates == two.candidates
    other = tune(Constant(level=jnp.zeros(1)), toy, LEVEL, Weighted(1.0), jax.random.key(12), **SETTINGS)
    assert one.candidates != other.candidates


def test_halving_gives_the_better_ones_more_seeds_for_the_same_number_of_runs():
    done = []
    found = _tuned(Weighted(1.0), n_seeds=2, progress=lambda n, of: done.append((n, of)))
    # 64, 16, 4 and 2 candidates on 2, 8, 32 and 64 new seeds
    assert done == [(128, 512), (256, 512), (384, 512), (512, 512)]
    assert sorted({c.n_seeds for c in found.candidates}) == [2, 10, 42, 106]
    assert found.best.n_seeds == 106
    assert len(found.seeds) == 106
    assert sum(c.n_seeds == 2 for c in found.candidates) == 48
    best_half = np.median([c.score for c in found.candidates])
    assert all(c.score > best_half for c in found.candidates if c.n_seeds > 2)


def test_tuning_and_evaluation_never_share_a_seed():
    tuning, evaluation = (np.asarray(jax.random.key_data(k(KEY, 500))) for k in (tuning_keys, evaluation_keys))
    assert len(np.unique(np.concatenate([tuning, evaluation]), axis=0)) == 1000
    found = _tuned(Weighted(1.0))
    np.testing.assert_array_equal(found.seeds, tuning[: len(found.seeds)])


def test_an_evaluation_on_a_seed_that_was_tuned_on_is_refused():
    found = _tuned(Weighted(1.0))
    evaluate({"tuned": found.policy}, toy, KEY, n_windows=3, tuned=[found])
    # as if somebody had tuned on the stream of the evaluation
    words = np.asarray(jax.random.key_data(evaluation_keys(KEY, 3)))
    spoilt = type(found)(found.policy, found.best, found.candidates, found.off, words)
    with pytest.raises(InputError, match="used for tuning"):
        evaluate({"tuned": found.policy}, toy, KEY, n_windows=3, tuned=[spoilt])


def test_an_evaluation_pairs_policies_on_the_same_seeds_with_what_they_cost():
    policies = {"half": Constant(level=jnp.array([0.5])), "full": Constant(level=jnp.array([1.0]))}
    found = evaluate(policies, toy, KEY, n_windows=5, skip=1, n_seeds=4)
    severity = [float(toy(stream_key(k, "person")).severity) for k in evaluation_keys(KEY, 4)]
    np.testing.assert_allclose(found["half"]["marker"], 0.25 * np.array(severity), rtol=1e-5)
    np.testing.assert_allclose(found["half"]["benefit"], 0.75, rtol=1e-5)
    for name, level in (("half", 0.5), ("full", 1.0)):
        np.testing.assert_allclose(found[name]["dose"], level**2)
        np.testing.assert_allclose(found[name]["time_on"], 1.0)
        # 2 J and .5 C a window of .5 s
        np.testing.assert_allclose(found[name]["energy"], 4.0 * level)
        np.testing.assert_allclose(found[name]["charge"], level)
        np.testing.assert_allclose(found[name]["vetoes"], level > 0.9)


def test_several_nested_leaves_are_searched_at_once_and_a_logarithmic_range_evenly_in_decades():
    policy = Controller.create(First(), Threshold(threshold=jnp.float32(0.0)), 0.5)
    space = {"law.threshold": Range(1e-3, 10.0, log=True), "law.high": Range(0.0, 1.0), "ramp.up": (0.5, 4.0)}
    found = tune(policy, toy, space, Weighted(1.0), KEY, n_windows=6, n_candidates=40, n_seeds=4)
    thresholds = np.log10([c.values["law.threshold"] for c in found.candidates])
    # a Latin hypercube: one value in each fortieth
    assert sorted(np.floor((thresholds + 3) / 4 * 40).astype(int)) == list(range(40))
    assert float(found.policy.law.threshold) == pytest.approx(found.best.values["law.threshold"])
    assert float(found.policy.ramp.up) == pytest.approx(found.best.values["ramp.up"])
    # above every severity nothing happens at all
    silent = [c for c in found.candidates if c.values["law.threshold"] > 1.5]
    assert silent
    assert all(c.dose == 0.0 and abs(c.benefit) < 1e-6 for c in silent)


def test_the_front_is_what_no_other_candidate_beats():
    rng = np.random.default_rng(0)
    table = [Candidate({}, float(b), float(d), 0.0, 1) for b, d in rng.random((200, 2))]
    brute = [a for a in table if not any(b is not a and b.benefit >= a.benefit and b.dose <= a.dose for b in table)]
    assert front(table) == sorted(brute, key=lambda c: c.dose)


def test_leaves_are_set_by_name_over_their_whole_shape():
    policy = Ramped(policy=Constant(level=jnp.zeros(3)), ramp=Ramp(), window_s=0.1)
    changed = with_leaves(policy, {"policy.level": 0.5, "ramp.down": 2.0})
    np.testing.assert_array_equal(changed.policy.level, [0.5, 0.5, 0.5])
    assert float(leaf(changed, "ramp.down")) == 2.0
    assert float(policy.policy.level[0]) == 0.0


@pytest.mark.parametrize(
    ("space", "options", "message"),
    [
        ({}, {}, "space is empty"),
        ({"levle": (0, 1)}, {}, "no leaf 'levle'"),
        ({"level": (1, 0)}, {}, "first smaller"),
        ({"level": Range(0.0, 1.0, log=True)}, {}, "logarithmic"),
        (LEVEL, {"search": "magic"}, "unknown search"),
        (LEVEL, {"n_candidates": 0}, "n_candidates"),
        (LEVEL, {"skip": 6}, "fewer windows skipped"),
    ],
)
def test_a_search_that_cannot_be_is_refused(space, options, message):
    with pytest.raises(InputError, match=message):
        tune(Constant(level=jnp.zeros(1)), toy, space, Weighted(), KEY, **(SETTINGS | options))


@pytest.mark.parametrize(("name", "message"), [("ramp", "name one of its leaves"), ("n_stim", "no leaf")])
def test_a_part_is_no_leaf(name, message):
    with pytest.raises(InputError, match=message):
        leaf(Ramped(policy=Constant(level=jnp.zeros(3)), ramp=Ramp(), window_s=0.1), name)
    with pytest.raises(InputError, match="shape"):
        leaf(Threshold(threshold=0.0), "n_stim")
