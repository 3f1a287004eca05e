"""Closed-loop anaesthesia: compartments in closed form, the bank of patients, and what is judged."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.drift import Anaesthesia
from neurodrift.sim.errors import InputError
from neurodrift.sim.sources.infused import KE0, Infused, compartments
from neurodrift.sim.sources.models.eirs import Eirs, spectrum
from neurodrift.sim.tasks import anaes_depth as ad

from .windows import judged, window


@pytest.fixture(scope="module")
def loop():
    return ad.make(drift=False)


def alpha_db(model, depth):
    """dB of alpha power of the linearised loop at a depth, relative to awake; closed form."""
    f = np.arange(7.0, 12.0, 0.1)
    rate = 1.0 - Anaesthesia.SLOWING * depth
    slowed = dataclasses.replace(model, alpha_g=model.alpha_g * rate)
    return 10 * np.log10(spectrum(slowed, f).sum() / spectrum(model, f).sum())


def test_plasma_and_effect_site_follow_an_infusion_as_two_coupled_equations_do():
    """Against integration by small steps in float64; steps of 10 s are exact, whatever the rates."""
    for half_life, ke0 in ((300.0, KE0), (60.0, 0.02), (np.log(2) / KE0, KE0)):
        k10 = np.log(2) / half_life
        plasma = effect = 0.0
        got = (jnp.float32(0), jnp.float32(0))
        for steady, seconds in ((2.0, 10.0), (2.0, 10.0), (0.0, 40.0), (1.3, 25.0)):
            got = compartments(*got, jnp.float32(steady), jnp.float32(k10), jnp.float32(ke0), jnp.float32(seconds))
            h = 1e-3
            for _ in range(round(seconds / h)):
                plasma, effect = plasma + h * k10 * (steady - plasma), effect + h * ke0 * (plasma - effect)
            np.testing.assert_allclose([float(x) for x in got], [plasma, effect], rtol=2e-3, atol=1e-5)


def test_a_full_infusion_reaches_its_steady_state_and_slows_the_synapses_by_the_depth(loop):
    source: Any = loop.plant.source
    stim = jnp.full((1, source.n_times), ad.PUMP)

    class Seen:
        sfreq, n_times, n_stim = source.sfreq, source.n_times, 1

        def init(self, key, conditions):
            return ()

        def step(self, state, stim, conditions, key):
            return (), jnp.zeros((1, self.n_times)), {"rate": conditions.gaba_rate, "given": jnp.max(jnp.abs(stim))}

    infused = Infused.create(Seen(), per_ampere=ad.FULL / ad.PUMP, deepest=1.1, drug_window_s=60.0)
    state = infused.init(jax.random.key(0), loop.plant.conditions)
    step = jax.jit(lambda s, u: infused.step(s, u, loop.plant.conditions, jax.random.key(1)))
    state, _, truth = step(state, stim)
    assert float(truth["rate"]) == pytest.approx(1 - Anaesthesia.SLOWING * float(truth["concentration"]), rel=1e-5)
    for _ in range(60):
        state, _, truth = step(state, stim)
    assert float(truth["plasma"]) == pytest.approx(ad.FULL, rel=1e-3)
    assert float(truth["concentration"]) == pytest.approx(ad.FULL, rel=1e-3)
    assert float(truth["depth"]) == pytest.approx(ad.FULL, rel=1e-3)
    assert float(truth["rate"]) == pytest.approx(1 - 1.1 * Anaesthesia.SLOWING, rel=1e-5)
    # the brain is given the drug and no current
    assert float(truth["given"]) == 0.0
    # nothing flows before the line is open
    later = Infused.create(Seen(), per_ampere=1.0, drug_window_s=60.0, opens_s=120.0)
    waiting, plasma = later.init(jax.random.key(0), loop.plant.conditions), []
    open_line = jax.jit(lambda s: later.step(s, stim, loop.plant.conditions, jax.random.key(1)))
    for _ in range(3):
        waiting, _, seen = open_line(waiting)
        plasma.append(float(seen["plasma"]))
    assert plasma[:2] == [0.0, 0.0]
    assert plasma[2] > 0.0
    # less than nothing is nothing
    again, _, _ = step(state, -stim)
    assert float(again.plasma) < float(state.plasma)


def test_the_marker_is_the_distance_to_the_target_and_too_much_is_the_cost(loop):
    levels = [0.0, 0.35, 0.7, 1.4]
    found = judged(loop, [window(loop, depth=d, level=0.5) for d in levels])
    np.testing.assert_allclose([float(j.marker) for j in found], [1.0, 0.5, 0.0, 1.0], atol=1e-6)
    np.testing.assert_allclose([float(j.cost) for j in found], [0, 0, 0, 0.4], atol=1e-6)
    np.testing.assert_allclose([float(j.reward) for j in found], [-1.025, -0.525, -0.025, -1.025], atol=1e-6)


def test_every_patient_of_the_bank_starts_from_its_own_steady_state():
    letters, starts = ad.bank()
    n = len(ad.LOOPS[0]) + 1
    assert {v.shape for v in letters.values()} == {(n,)}
    for row in (0, 7, n - 1):
        model = Eirs(**{name: jnp.float32(values[row]) for name, values in letters.items()})
        own = np.asarray([float(np.asarray(x)) for x in model.start()])
        np.testing.assert_allclose([column[row] for column in starts], own, rtol=1e-5)
        again = Eirs.create("wake", nu_se=float(letters["nu_se"][row]))
        assert float(model.Q_e) == pytest.approx(float(np.asarray(again.Q_e)), rel=1e-4)


def test_alpha_rises_with_depth_less_in_the_old_and_hardly_in_those_without_it():
    """Closed form: the linearised loop. Awake preset at full depth: +4 dB or more in the reference."""
    letters, _ = ad.bank()

    def person(row):
        return Eirs(**{name: jnp.float32(values[row]) for name, values in letters.items()})

    young, old, absent = (alpha_db(person(row), 1.0) for row in (0, len(ad.LOOPS[0]) - 1, -1))
    assert young > 4.0
    assert 1.0 < old < young
    assert absent < 2.0


def test_drawn_patients_differ_in_age_and_about_one_in_twenty_five_has_no_alpha():
    loop = ad.make()
    absent_nu = float(ad.bank()[0]["nu_se"][-1])

    def seen(key, held_out):
        drawn = ad.draw(loop, key, held_out)
        source: Any = drawn.plant.source
        return source.source.model.nu_se, source.ke0, source.k10, drawn.plant.drift[0].loss

    keys = jax.random.split(jax.random.key(0), 2000)
    nu, ke0, k10, loss = map(np.asarray, jax.jit(jax.vmap(lambda k: seen(k, False)))(keys))
    held = map(np.asarray, jax.jit(jax.vmap(lambda k: seen(k, True)))(keys[:100]))
    _, held_ke0, _, held_loss = held
    share = np.isclose(nu, absent_nu, rtol=1e-3).mean()
    assert abs(share - ad.ABSENT) < 4 * np.sqrt(ad.ABSENT / 2000)
    assert len(np.unique(nu)) > 8
    assert held_ke0.max() <= ke0.min() + 1e-6
    assert held_loss.min() > loss.max()
    assert np.log(2) / k10.max() > 199.0


def test_bad_options_are_refused():
    with pytest.raises(InputError, match="20 to 90"):
        ad.make(age=12.0)
    with pytest.raises(InputError, match="target < ceiling"):
        ad.make(target=1.2)
    with pytest.raises(InputError, match="all above 0"):
        Infused.create(ad.make(drift=False).plant.source, ke0=0.0)
