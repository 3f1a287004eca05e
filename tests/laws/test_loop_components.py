"""The laws of every controller and sensing, as `neurodrift check` runs them, and that they find what breaks them."""

import jax
import jax.numpy as jnp
import pytest

from neurodrift.agents import (
    PI,
    Average,
    Coin,
    Constant,
    Controller,
    Off,
    Proportional,
    PulseSkipping,
    Ramp,
    Ramped,
    RandomMatched,
    adaptive_dbs,
    responsive,
)
from neurodrift.scenarios.check import check_component
from neurodrift.scenarios.loop_laws import window_length
from neurodrift.sim.pytree import component, static
from neurodrift.sim.sensing import Area, Envelope, Mixed

SFREQ, N_TIMES, N_CHANNELS = 250.0, 25, 3
W = N_TIMES / SFREQ


def _envelope():
    return Mixed.channel(1, N_CHANNELS, Envelope.create((13.0, 30.0), SFREQ, N_TIMES))


COMPONENTS = {
    "constant": lambda: Constant(level=jnp.array([0.3, -0.5])),
    "coin": lambda: Ramped(policy=Coin(period_s=0.4, window_s=W), ramp=Ramp.seconds(0.5), window_s=W),
    "matched": lambda: RandomMatched(on=jnp.array([1.0, 3.0]), off=jnp.array([2.0]), levels=jnp.array([0.5, 1.0])),
    "pi": lambda: Controller.create(_envelope(), PI.amplitude(15e-6, 3e-3), W, ramp=Ramp.seconds(1.0)),
    "skipping": lambda: PulseSkipping(policy=Controller.create(_envelope(), Proportional(gain=3e4), W)),
    "adaptive_dbs": lambda: adaptive_dbs(
        2e-10, 1e-10, SFREQ, N_TIMES, 3e-3, n_fft=128, n_average=3, n_channels=N_CHANNELS
    ),
    "responsive": lambda: responsive(1.2, SFREQ, N_TIMES, n_channels=N_CHANNELS, short_s=0.3),
    "average": lambda: Average.seconds(_envelope(), 0.5, W),
    "area": lambda: Area.create(SFREQ, N_TIMES, n_channels=N_CHANNELS),
}


def broken(made):
    kind, results = check_component(made, N_CHANNELS)
    return kind, {result.law: result.detail for result in results if result.passed is not True}


@pytest.mark.parametrize("name", COMPONENTS)
def test_every_controller_and_sensing_keeps_every_law(name):
    made = COMPONENTS[name]()
    assert broken(made) == ("policy" if hasattr(made, "act") else "sensing", {})


@component
class Peeks:
    """Looks at samples that are marked as unusable."""

    n_features: int = static(default=1)

    def init(self):
        return ()

    def step(self, state, reading):
        return state, jnp.nanmean(jnp.where(jnp.isfinite(reading.v), reading.v, 0.0))[None]


@component
class Greedy:
    """Asks for more than there is."""

    def init(self):
        return jnp.zeros(())

    def act(self, memory, reading, key):
        good = ~reading.blanked & reading.fresh & jnp.isfinite(reading.v)
        return memory + 1, 1e5 * jnp.max(jnp.where(good, jnp.abs(reading.v), 0.0))[None]


@component
class Poisoned:
    """Remembers what is not a number for ever."""

    def init(self):
        return jnp.zeros(())

    def act(self, memory, reading, key):
        good = ~reading.blanked & reading.fresh
        memory = 0.9 * memory + jnp.mean(jnp.where(good, reading.v, 0.0))
        return memory, jnp.clip(memory, 0.0, 1.0)[None]


class Forgetful:
    """A memory that grows, and a request of the wrong shape."""

    n_stim = 2

    def init(self):
        return jnp.zeros(1)

    def act(self, memory, reading, key):
        return jnp.append(memory, 0.0), jax.random.uniform(key, (1,))


@pytest.mark.parametrize(
    ("made", "laws"),
    [
        (Peeks(), {"unusable samples are not seen"}),
        (Greedy(), {"requests are shares of the largest current"}),
        (Poisoned(), {"survives readings that are not numbers"}),
    ],
)
def test_the_law_that_is_broken_is_named_and_no_other(made, laws):
    assert set(broken(made)[1]) == laws


def test_a_memory_that_grows_and_a_request_of_another_shape_are_found():
    assert "answers keep their shape" in broken(Forgetful())[1]


def test_readings_have_the_length_that_the_filters_inside_were_made_for():
    inner = Envelope.create((13.0, 30.0), SFREQ, 10)
    assert window_length(Controller.create(Average.seconds(inner, 0.5, 0.04), Proportional(gain=1.0), 0.04)) == 10
    assert window_length(Off(n_stim=1)) == 25
