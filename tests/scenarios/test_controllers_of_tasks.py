"""Controllers that a task is evaluated with: which way they answer, and where they are searched."""

import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.scenarios.control.controllers import make_controller
from neurodrift.sim.tasks import anaes_depth

USUAL = (-0.77, 0.0)
"""5th and 95th percentile of the first feature without a drug, of drawn patients."""


@pytest.mark.parametrize("name", ["proportional", "pi"])
def test_who_is_more_awake_is_given_more_and_the_depth_that_is_wanted_is_among_the_set_points(name):
    loop = anaes_depth.make(drift=False)
    assert float(loop.sensing.parts[0].sd) < 0  # the index turned round: it falls with depth
    tunable = make_controller("anaes_depth", name, loop, USUAL)
    law = tunable.policy.law
    awake, deep = (
        law.step(law.init(), jnp.full(1, feature), jnp.zeros(1), jnp.float32(2.0))[1] for feature in (0.0, -3.0)
    )
    assert float(awake[0]) > 0.1
    assert float(deep[0]) == 0.0
    low, high = tunable.space["law.setpoint"]
    wanted = [-10.0 * np.log(anaes_depth.expected_rise(row, 0.7)) for row in range(len(anaes_depth.LOOPS[0]) + 1)]
    assert low < min(wanted) < max(wanted) < high
