"""A day in closed loop."""

import resource

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.builders import brain_plant
from neurodrift.sim.closed_loop import closed_loop

MINUTES = 24 * 60


@pytest.mark.slow
def test_a_day_in_closed_loop_stays_finite_within_bounds_in_flat_memory_and_is_compiled_once():
    """Jansen-Rit columns under stimulation that follows their alpha power, with drift of rhythm, gel and gain."""
    plant = brain_plant(
        "jansen_rit", n_nodes=4, window_s=1.0, montage=("C3", "Cz", "C4", "Pz"),
        drift=(("circadian", 0.3), ("gel_drying", 10.0), ("gain", 2.0)),
    )  # fmt: skip
    traces, resident = [], []

    def policy(usual, window):
        traces.append(None)
        power = jnp.mean(window.v**2)
        # stimulation in proportion to power against the last minutes': drying gel would fool a fixed threshold
        usual = usual + 0.01 * (power - usual)
        return usual, jnp.clip(1e-3 * power / usual, 0.0, 2e-3)[None]

    def watch(done, seconds):
        resident.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

    run = closed_loop(
        plant, policy, MINUTES * 60.0, jax.random.key(0), memory=jnp.float32(1e-11), chunk_s=600.0, progress=watch
    )
    assert run.status == "ok"
    assert int(run.state.tick) == 86400
    power, applied = run.records["power"], run.records["applied"].reshape(-1, 600)
    assert np.isfinite(power).all()
    assert power.max() < 1e-8
    # the loop is closed: in no ten minutes it sleeps or saturates all the time
    assert (applied.mean(axis=1) > 0).all()
    assert (applied.mean(axis=1) < 2e-3).all()
    assert len(traces) == 1
    # the peak stands still after the first hours (kB)
    assert resident[-1] - resident[len(resident) // 4] < 20_000
