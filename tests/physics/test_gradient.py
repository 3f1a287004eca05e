"""Gradients by the stimulation, through a plant and through every model."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.builders import jansen_rit_plant
from neurodrift.sim.conditions import Conditions
from neurodrift.sim.errors import InputError
from neurodrift.sim.gradient import rollout
from neurodrift.sim.sources.registry import SOURCES, make_source

MASSES = [
    name for name in SOURCES
    if name not in (
        "motor_imagery", "replay", "intracortical", "spiking_column", "brunel", "basal_ganglia", "cortical_column",
    )
]  # fmt: skip
"""Every neural mass of the registry; Brian2's networks are not traced."""


@pytest.fixture(scope="module")
def plant():
    return jansen_rit_plant(jax.random.key(0), n_nodes=2, burn_in_s=0.2, sfreq=250.0, window_s=0.02)


def _power(plant, state, horizon, n=6):
    """() -> function of the first action only: the source's mean drive-free output is in the last window's truth."""

    def last(first):
        actions = jnp.zeros((n, 1)).at[0, 0].set(first)
        _, windows = rollout(plant, state, actions, horizon)
        return jnp.sum(windows.v[-1] ** 2) * 1e12

    return last


def test_a_truncated_horizon_changes_the_gradient_and_not_the_run(plant):
    state = jax.jit(plant.init)(jax.random.key(1))
    long, short = (jax.jit(jax.value_and_grad(_power(plant, state, h))) for h in (None, 2))
    (value, slope), (same, nothing) = long(1e-3), short(1e-3)
    assert float(value) == float(same)
    assert float(slope) != 0.0
    # the first action is three horizons away from the last window
    assert float(nothing) == 0.0
    whole = jax.jit(jax.value_and_grad(_power(plant, state, 6)))(1e-3)
    np.testing.assert_allclose(whole[1], slope, rtol=1e-5)
    with pytest.raises(InputError, match="horizon is 0 windows"):
        rollout(plant, state, jnp.zeros((2, 1)), 0)


@pytest.mark.parametrize("name", MASSES)
def test_gradient_of_every_model_by_the_stimulation_is_that_of_finite_differences(name):
    with jax.enable_x64(True):
        # 100 ms: stimulation of the thalamus reaches the cortex after 42.5
        source = make_source(name, sfreq=500.0, n_times=50, dtype=jnp.float64, burn_in_s=0.0)
        state, conditions, unit = source.begin(), Conditions.nominal(1), 1e-3

        @jax.jit
        def loss(current):
            held = jnp.full((source.n_stim, 50), current, jnp.float64)
            _, moments, _ = source.step(state, held, conditions, jax.random.key(0))
            return jnp.sum(moments**2) / source.moment**2

        def difference(step):
            return (float(loss(unit + step)) - float(loss(unit - step))) / (2 * step)

        slope = float(jax.jit(jax.grad(loss))(unit))
        # Richardson's extrapolation: the error of the differences themselves is of fourth order
        expected = (4 * difference(1e-4 * unit) - difference(2e-4 * unit)) / 3
    assert np.isfinite(slope)
    assert slope != 0.0
    assert slope == pytest.approx(expected, rel=1e-5)
