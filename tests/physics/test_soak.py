"""A day in closed loop."""

import resource

import jax
import jax.numpy as jnp
import pytest

from neurodrift.sim.builders import brain_plant

MINUTES = 24 * 60


@pytest.mark.slow
def test_a_day_in_closed_loop_stays_finite_within_bounds_in_flat_memory_and_is_compiled_once():
    """Jansen-Rit columns under stimulation that follows their alpha power, with drift of rhythm, gel and gain."""
    plant = brain_plant(
        "jansen_rit", n_nodes=4, window_s=1.0, montage=("C3", "Cz", "C4", "Pz"),
        drift=(("circadian", 0.3), ("gel_drying", 10.0), ("gain", 2.0)),
    )  # fmt: skip
    traces = []

    @jax.jit
    def ten_minutes(state, action, usual):
        traces.append(None)

        def second(carry, _):
            state, action, usual = carry
            state, window = plant.step(state, action)
            power = jnp.mean(window.v**2)
            # stimulation in proportion to power against the last minutes': drying gel would fool a fixed threshold
            usual = usual + 0.01 * (power - usual)
            action = jnp.clip(1e-3 * power / usual, 0.0, 2e-3)[None]
            seen = jnp.isfinite(window.v).all() & window.truth["in_bounds"]
            return (state, action, usual), (seen, window.stim.applied[0], power)

        return jax.lax.scan(second, (state, action, usual), None, length=600)

    state, action, usual = jax.jit(plant.init)(jax.random.key(0)), jnp.zeros(1), jnp.float32(1e-11)
    resident = []
    for _ in range(MINUTES // 10):
        (state, action, usual), (seen, applied, power) = ten_minutes(state, action, usual)
        assert bool(seen.all())
        # the loop is closed: it neither sleeps nor saturates all the time
        assert 0.0 < float(jnp.mean(applied)) < 2e-3
        assert float(power.max()) < 1e-8
        resident.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert int(state.tick) == 86400
    assert len(traces) == 1
    # the peak stands still after the first hours (kB)
    assert resident[-1] - resident[len(resident) // 4] < 20_000
