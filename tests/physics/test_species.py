"""Species: delays reach the models and their wiring, noise and geometry scale, human is the presets as they are."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.scenarios.validate.eirs import unstable
from neurodrift.sim.simulate import simulate
from neurodrift.sim.sources import Connectome, Eirs, MeanField
from neurodrift.sim.sources.registry import make_source
from neurodrift.sim.species import options_for, scaled_wiring, species

KEY = jax.random.key(0)


@pytest.mark.parametrize(("name", "hertz", "mean"), [("rat", 31.7, 14.6), ("macaque", 13.6, 26.8), ("human", 20.6, 22)])
def test_the_subthalamic_loop_beats_at_the_frequency_of_the_species(name, hertz, mean):
    given = {"n_times": 250, "sfreq": 1000.0, "letters": {"sigma": 0.0}}
    source = make_source("stn_gpe", **options_for("stn_gpe", None, species(name), given))
    S = simulate(source, 3.0, KEY).output[0, 1000:]
    up = np.flatnonzero((S[:-1] < S.mean()) & (S[1:] >= S.mean()))
    found = 1000.0 * (len(up) - 1) / (up[-1] - up[0])
    assert found == pytest.approx(hertz, rel=0.01)
    assert species(name).beta_frequency == pytest.approx(found, rel=0.02)
    assert S[up[0] : up[-1]].mean() == pytest.approx(mean, abs=0.3)  # of samples every ms
    assert float(source.mean) == pytest.approx(mean, abs=0.05)


def test_the_corticothalamic_loop_has_the_delay_of_the_species_and_is_stable_with_it():
    for name in ("mouse", "rat", "macaque"):
        options = options_for("eirs", None, species(name), {})
        assert options == {"letters": {"t0": species(name).corticothalamic_delay}}
        assert not unstable(Eirs.create("wake", **options["letters"]))
    source = make_source("eirs", **options_for("eirs", "wake", species("macaque"), {}))
    assert float(source.model.t0) == pytest.approx(25e-3)
    # laid out for it: the memory holds one delay and the room beyond
    assert 25e-3 <= source.n_past * source.dt < 42.5e-3


def test_delays_along_the_wiring_scale_and_weights_stay():
    weights, delays = np.array([[0.0, 2.0], [1.0, 0.0]]), np.full((2, 2), 20e-3)
    rat = species("rat")
    ours = options_for("jansen_rit", None, rat, {"wiring": Connectome.create(weights, delays)})["wiring"]
    np.testing.assert_allclose(ours.delays, 20e-3 * 10 / 42.5, rtol=1e-6)
    np.testing.assert_array_equal(ours.weights, weights)
    for without in (Connectome.create(weights), MeanField.create(1.0)):
        assert scaled_wiring(without, rat) is without


def test_humans_are_the_presets_and_what_is_given_stays():
    wiring = Connectome.create(jnp.eye(1), np.full((1, 1), 5e-3))
    given = {"letters": {"d": 4.0}, "mean": 3.0, "wiring": wiring}
    assert options_for("stn_gpe", None, species("human"), given) == given
    rat = options_for("stn_gpe", None, species("rat"), given)
    assert rat["letters"] == {"d": 4.0}
    assert rat["mean"] == 3.0
    assert "mean" not in options_for("stn_gpe", "healthy", species("rat"), {})
    assert options_for("wendling", None, species("rat"), {}) == {}


def test_noise_grows_as_the_head_shrinks():
    scales = [species(name).noise_scale for name in ("human", "macaque", "rat", "mouse")]
    assert scales[0] == 1.0
    assert all(a < b for a, b in itertools.pairwise(scales))
    assert scales[2] == pytest.approx((0.092 / 0.015) ** 0.25)
