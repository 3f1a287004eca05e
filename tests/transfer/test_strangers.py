"""Simulated people who are tested are others than those who train: a number names two people, one known and one new.

What is recorded is replaced by noise of the key that a person is made of, so that two are alike only where their keys
are. What pretraining holds out reaches no weight.
"""

import dataclasses
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.transfer.zoo import find_checkpoint
from neurodrift.scenarios import pretraining, recorded_people
from neurodrift.scenarios.transfer import (
    depth_patients,
    erp_people,
    new_user,
    seizure_patients,
    sleep_people,
    species_lead,
)

NUMBERS = np.arange(3)


@dataclasses.dataclass
class Model:
    d: float = 1.0
    pd_SG: float = 1.0
    pd_GS: float = 1.0
    pd_GG: float = 1.0
    pd_CS: float = 1.0
    pd_XG: float = 1.0


@dataclasses.dataclass
class Brain:
    """A source whose moments are the mean of what was drawn for its model."""

    model: Model
    n_stim: int = 1

    def init(self, key, conditions):
        return jnp.zeros(())

    def step(self, state, stim, conditions, key):
        drawn = jnp.stack([jnp.asarray(v) for v in dataclasses.astuple(self.model)])
        return state, jnp.full((1, species_lead.N_TIMES), drawn.mean()), {"in_bounds": True}


@dataclasses.dataclass
class Now:
    noise_gain: float = 1.0
    medication: float = 0.0


@dataclasses.dataclass
class Noise:
    """A plant that records noise of its key, whatever run it is."""

    key: jax.Array
    shape: tuple[int, ...]
    truth: dict
    source: SimpleNamespace = dataclasses.field(default_factory=lambda: SimpleNamespace(n_stim=1))

    def init(self, run):
        return jnp.zeros(())

    def step(self, state, stim):
        v = jax.random.normal(self.key, self.shape)
        truth = {name: jnp.asarray(value) for name, value in self.truth.items()}
        return state, SimpleNamespace(v=v, truth=truth, conditions=SimpleNamespace(sleep_depth=jnp.ones(())))


class OfRun(Noise):
    """A plant that records noise of its run alone."""

    def init(self, run):
        return run

    def step(self, state, stim):
        return state, Noise(state, self.shape, self.truth).step(None, stim)[1]


def compiled_anew(monkeypatch, module, name, n_static):
    """What was compiled before knows nothing of this, and what is compiled here stays here."""
    anew = jax.jit(getattr(module, name).__wrapped__, static_argnums=tuple(range(n_static)))
    monkeypatch.setattr(module, name, anew)


def imagery(monkeypatch):
    def record(key, run, n_trials):
        x = jax.random.normal(key, (n_trials, 31, round(new_user.SECONDS * new_user.SFREQ)))
        return SimpleNamespace(x=x, label=jnp.zeros(n_trials, jnp.int32))

    monkeypatch.setattr(new_user, "motor_imagery_plant", lambda key, *_: key)
    monkeypatch.setattr(new_user, "record", record)
    compiled_anew(monkeypatch, new_user, "record_people", 3)
    return [new_user.record_people("csp_lda", 2, who, jnp.asarray(NUMBERS), 0).x for who in ("source", "user")]


def sleepers(monkeypatch):
    monkeypatch.setattr(sleep_people, "make_source", lambda *_, **__: None)
    monkeypatch.setattr(sleep_people, "source_plant", lambda *_: None)
    monkeypatch.setattr(sleep_people, "night_plant", lambda plant, key, run, n: Noise(key, (4, 100), {}))
    compiled_anew(monkeypatch, sleep_people, "_record", 1)
    found = sleep_people.record_sleepers(sleep_people.Recording(2, 1.0), NUMBERS, NUMBERS, 0)
    return [np.stack([night.x for pair in pairs for night in pair[:1]]) for pairs in found]


def patients(model):
    def recorded(monkeypatch):
        truth = {"seizing": False, "impending": False}
        monkeypatch.setattr(seizure_patients, "make_plant", lambda *_: None)
        monkeypatch.setattr(seizure_patients, "draw_plant", lambda plant, key, new: Noise(key, (1, 64), truth))
        compiled_anew(monkeypatch, seizure_patients, "_record", 3)
        return [seizure_patients.record_patients(model, NUMBERS, 0, 2 / 60, new).x for new in (False, True)]

    return recorded


def animals(monkeypatch):
    amplifier = SimpleNamespace(init=lambda key: 0.0, step=lambda state, v, now, key: (state, v, None))
    plant = SimpleNamespace(
        source=Brain(Model()), conditions=Now(), projection=SimpleNamespace(gain=1.0), amplifier=amplifier
    )
    monkeypatch.setattr(species_lead, "make_source", lambda *_, **__: None)
    monkeypatch.setattr(species_lead, "local_plant", lambda _: plant)
    monkeypatch.setattr(species_lead, "FIELD", {"rat": 0.0, "human": 0.0})
    compiled_anew(monkeypatch, species_lead, "_record", 2)
    return [species_lead.record_animals(name, NUMBERS, 0, 1).v[:, 0] for name in ("rat", "human")]


def days(pictures):
    """The same person: on the second day happens something else."""

    def recorded(monkeypatch):
        shape = (len(erp_people.CHANNELS), 256)
        monkeypatch.setattr(erp_people, "day_plant", lambda pictures, key, day: OfRun(key, shape, {"label": 0}))
        compiled_anew(monkeypatch, erp_people, "_record", 2)
        v, _ = erp_people._record(pictures, 2, jnp.asarray(NUMBERS), 0)
        return v[:, 0], v[:, 1]

    return recorded


RECORDERS = {
    "new_user": imagery, "sleep": sleepers, "wendling": patients("wendling"), "epileptor": patients("epileptor"),
    "species": animals, "pictures": days(True), "flicker": days(False),
}  # fmt: skip


@pytest.mark.parametrize("which", RECORDERS)
def test_known_and_new_people_of_the_same_number_are_others(which, monkeypatch):
    known, new = (np.asarray(x, float).reshape(len(NUMBERS), -1) for x in RECORDERS[which](monkeypatch))
    everybody = np.concatenate([known, new])
    assert len(np.unique(everybody, axis=0)) == 2 * len(NUMBERS)


@dataclasses.dataclass
class Loop:
    positions: jax.Array
    orientations: jax.Array
    moment: float
    model: Any = None
    initial: tuple = ()
    n_stim: int = 1

    def begin(self):
        return jnp.zeros(())

    def step(self, state, stim, now, key):
        return state, jnp.zeros((1, depth_patients.N_TIMES)), {"in_bounds": True}


def test_patients_of_other_numbers_are_others(monkeypatch):
    """Known ones have numbers of their own, so the number must tell."""
    at = jnp.asarray([[0.0, 0.0, 0.07]])
    monkeypatch.setattr(depth_patients, "make_source", lambda *_, **__: Loop(at, at, 1.0))
    monkeypatch.setattr(depth_patients, "bank", lambda: ({}, ()))
    monkeypatch.setattr(depth_patients, "Eirs", SimpleNamespace)
    monkeypatch.setattr(depth_patients, "STAGE", 1)
    compiled_anew(monkeypatch, depth_patients, "_record", 1)
    found = depth_patients.record_patients(np.array([0, 1, 500]), 0, 1)
    for x in (*found.x.values(), found.depth):
        assert len(np.unique(x.reshape(3, -1), axis=0)) == 3


# Pretraining ---------------------------------------------------------------------------------------------------------


def virtual(monkeypatch, held_out, known):
    """A checkpoint of four virtual people, drawn beside those held out; seeds of either, and whether labels of those
    held out are the other way round."""

    def drawn(draw, key):
        rows = []
        for n, (seed, flipped) in ((pretraining.HELD_OUT, held_out), (4, (known, False))):
            rng = np.random.default_rng([n, seed])
            x, y = rng.normal(size=(n, 8, 31, 375)), np.tile(np.arange(8) % 2, (n, 1))
            x[:, np.arange(8), y[0]] *= 2.0
            rows.append(Trials(x.astype(np.float32), (1 - y if flipped else y).astype(np.int32), np.ones((n, 8), "f4")))
        return jax.tree.map(lambda *a: jnp.concatenate(a), *rows)

    monkeypatch.setattr(pretraining, "_drawn", drawn)
    recipe = pretraining.Recipe(decoder="csp_lda", people=4, trials=8)
    found, _ = pretraining.make_checkpoint(recipe)
    return jax.tree.leaves(found.variables), found.card.metrics["accuracy"]


def alike(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_who_is_held_out_of_pretraining_reaches_no_weight_and_is_alone_judged(monkeypatch):
    weights, accuracy = virtual(monkeypatch, (0, False), 0)
    other, flipped = virtual(monkeypatch, (1, True), 0)
    assert alike(weights, other)
    assert flipped < 0.5 < accuracy  # classes are told apart, and nobody but those held out is asked
    same, wrong = virtual(monkeypatch, (0, True), 0)
    assert alike(weights, same)
    assert wrong == pytest.approx(1 - accuracy, abs=1e-6)
    assert not alike(weights, virtual(monkeypatch, (0, False), 1)[0])


def test_the_last_fifth_of_recorded_people_is_held_out_and_nobody_of_them_trained_on(monkeypatch):
    names = [f"S{n:03d}" for n in range(1, 11)]
    found = [
        SimpleNamespace(subject=n, source=n, lost="", licence="CC0-1.0", crop=lambda *_, n=n: who(n)) for n in names
    ]
    rng = np.random.default_rng(0)
    windows = {n: Trials(rng.normal(size=(4, 2, 8)), np.zeros(4, int), np.ones(4)) for n in names}

    def who(name):
        return found[names.index(name)]

    monkeypatch.setattr(recorded_people, "_all_of", lambda data, events: found)
    monkeypatch.setattr(recorded_people, "_two_hands", lambda r: r)
    monkeypatch.setattr(recorded_people, "_usable", lambda r, wanted: r)
    monkeypatch.setattr(recorded_people, "prepared", lambda r, wanted: windows[r.subject])
    begun = find_checkpoint("eegnet-mi-virtual")
    known, outside, _, facts = recorded_people.recorded_people(["x"], None, "eegnet", "net", begun)
    for people, wanted in ((known, names[:8]), (outside, names[8:])):
        np.testing.assert_allclose(people.x, np.stack([windows[n].x for n in wanted]), rtol=1e-6)
    assert facts["subjects"] == tuple(names[:8])
    assert (facts["people"], facts["trials"]) == (8, 32)
    assert facts["data"] == f"recorded: {', '.join(names[:8])}; held out: {', '.join(names[8:])}"
