"""Evoked responses: when and where they peak, at what rates, how often they are asked for."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.builders import source_plant
from neurodrift.sim.conditions import Conditions
from neurodrift.sim.sources.evoked import RATES, Flicker, Oddball

ODDBALL = Oddball.sample(jax.random.key(0))
FLICKER = Flicker.sample(jax.random.key(0))
SILENCE = jnp.zeros((1, ODDBALL.n_times))


def run(source, n, prior):
    conditions = dataclasses.replace(Conditions.nominal(4), class_prior=jnp.float32(prior))

    def step(state, key):
        state, moments, truth = source.step(state, SILENCE, conditions, key)
        return state, (moments, truth["label"])

    start = source.init(jax.random.key(1), conditions)
    return jax.jit(lambda keys: jax.lax.scan(step, start, keys)[1])(jax.random.split(jax.random.key(2), n))


@pytest.fixture(scope="module")
def pictures():
    moments, y = (np.asarray(a) for a in run(ODDBALL, 400, 0.2))
    return moments, y


def test_targets_are_as_rare_as_asked_for_and_in_balanced_pairs_at_a_half(pictures):
    # binomial, four standard deviations
    assert abs(pictures[1].mean() - 0.2) < 4 * np.sqrt(0.16 / 400)
    y = np.asarray(run(ODDBALL, 20, 0.5)[1])
    np.testing.assert_array_equal(y.reshape(-1, 2).sum(1), 1)


def test_the_p3b_peaks_between_250_and_500_ms_and_grows_towards_the_parietal_midline(pictures):
    """Polich (2007): 250-500 ms, amplitude from Fz over Cz to Pz; 10 to 20 uV at Pz are usual."""
    moments, y = pictures
    plant = source_plant(ODDBALL, ("Fz", "Cz", "Pz"), "mastoids")
    v = np.asarray(plant.leadfield(plant.conditions)) @ (moments[y == 1].mean(0) - moments[y == 0].mean(0))
    peak = v[2].argmax() / ODDBALL.sfreq
    assert 0.25 < peak < 0.5
    assert v[0].max() < v[1].max() < v[2].max()
    assert 5e-6 < v[2].max() < 25e-6


def test_a_standard_has_a_visual_response_and_no_p3b(pictures):
    moments, y = pictures
    standard = moments[y == 0].mean(0)
    assert np.abs(standard[:2]).max() == 0.0
    assert np.abs(standard[2:]).max() > 1e-9


def test_flicker_is_followed_at_its_own_rate():
    source = dataclasses.replace(FLICKER, window_s=2.1)  # .1 s until it begins, and two seconds
    conditions = Conditions.nominal(4)
    for i in range(4):
        _, moments, truth = source.step(
            source.init(jax.random.key(i), conditions), SILENCE, conditions, jax.random.key(i)
        )
        power = np.abs(np.fft.rfft(np.asarray(moments)[0, -512:])) ** 2
        assert np.fft.rfftfreq(512, 1 / 256)[power.argmax()] == RATES[int(truth["label"])]


def test_one_person_is_one_key_and_people_may_be_vmapped():
    many = jax.vmap(Oddball.sample)(jax.random.split(jax.random.key(3), 5))
    one = Oddball.sample(jax.random.split(jax.random.key(3), 5)[2])
    np.testing.assert_allclose(many.latency[2], one.latency)
    assert np.std(many.latency) > 0.005
