"""The laws of every registered component: what `neurodrift check` runs on a user's own, run on ours."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation.contract import Feedback, Trials
from neurodrift.adaptation.registry import DECODERS, METHODS
from neurodrift.scenarios.laws import LAWS, DoesNotApply, make_case, no_feedback_leaves_parameters_unchanged
from neurodrift.sim.clock import Clock
from neurodrift.sim.drift import DRIFTS, make_drift
from neurodrift.sim.head import make_montage
from neurodrift.sim.sources import MotorImagery, Replay, SpikingColumn
from neurodrift.sim.sources.registry import SOURCES, make_source

N_CHANNELS = 8
MONTAGE = ("F3", "F4", "C3", "Cz", "C4", "P3", "Pz", "P4")


def _channels_only():
    """The montage without hidden reference sites, as the laws' conditions have none."""
    montage = make_montage(MONTAGE)
    return dataclasses.replace(montage, positions=montage.positions[:N_CHANNELS], reference_names=())


def _replay():
    x = 20e-6 * np.random.default_rng(0).standard_normal((5, N_CHANNELS, 100))
    return Replay.create(x, np.array([0, 1, 1, 0, 1]), 100.0)


def _mass(name):
    source = make_source(name, sfreq=1000.0, n_times=10, burn_in_s=0.0)
    # away from rest, where rates of change have a scale that float32 can be held to
    return dataclasses.replace(source, initial=tuple(1.02 * values for values in source.initial))


APART = (
    "motor_imagery",
    "replay",
    "intracortical",
    "spiking_column",
    "brunel",
    "basal_ganglia",
    "cortical_column",
)  # made in other ways, or Brian2's, which have tests of their own
SPIKING = ("source", "spiking_column")  # Brian2, on the host
COMPONENTS = {
    **{("adapter", name): spec.make for name, spec in METHODS.items() if name != "oracle"},
    **{("decoder", name): functools.partial(spec.make, N_CHANNELS, 256, 2, 128.0) for name, spec in DECODERS.items()},
    **{
        ("drift", name): functools.partial(make_drift, name, _channels_only(), min(2.0, spec.largest), 5.0)
        for name, spec in DRIFTS.items()
    },
    ("source", "motor_imagery"): lambda: MotorImagery.sample(jax.random.key(0), window_s=0.5, sfreq=100.0),
    ("source", "replay"): _replay,
    **{("source", name): functools.partial(_mass, name) for name in SOURCES if name not in APART},
    ("source", "intracortical"): lambda: make_source("intracortical", n_units=N_CHANNELS),
    SPIKING: lambda: SpikingColumn.create(sfreq=100.0, n_times=10, burn_in_s=0.05),
}
CASES = [
    pytest.param(kind, name, law, id=f"{kind}-{name}-{law.__name__}") for kind, name in COMPONENTS for law in LAWS[kind]
]


@functools.cache
def _case(kind, name):
    # the first that the method can run on
    fitting = (d for d, spec in DECODERS.items() if kind != "adapter" or METHODS[name].fits(spec))
    return make_case(COMPONENTS[kind, name](), kind, n_channels=N_CHANNELS, decoder_name=next(fitting))


@pytest.mark.parametrize(("kind", "name", "law"), CASES)
def test_every_registered_component_keeps_every_law(kind, name, law):
    if kind == "adapter" and law is no_feedback_leaves_parameters_unchanged:
        spec = METHODS[name]
        if spec.learns_from == "windows" and "params" in spec.parts:
            pytest.skip("it moves parameters without feedback, as it declares")
    try:
        law(_case(kind, name))
    except DoesNotApply as reason:
        pytest.skip(str(reason))


def _step(kind, case):
    """(component, state) -> what one step of it gives."""
    x, key = jnp.asarray(case.x[0]), case.key
    if kind == "adapter":
        feedback = Feedback(jnp.int32(1), jnp.bool_(True), x, jnp.bool_(False))
        return lambda component, state: (component.predict(state, x), component.update(state, x, feedback))
    if kind == "decoder":
        return lambda component, state: component.apply(state, x)
    if kind == "drift":
        clock = Clock(jnp.int32(7), jnp.float32(1.0))
        return lambda component, state: component.step(state, case.conditions, clock, key)
    stim = jnp.zeros((case.component.n_stim, case.component.n_times))
    return lambda component, state: component.step(state, stim, case.conditions, key)


def _first_state(kind, case):
    if kind == "adapter":
        calibration = Trials(jnp.asarray(case.x[:32]), jnp.asarray(case.y[:32]), jnp.ones(32))
        return case.component.init(case.decoder, case.variables, calibration, case.key)
    if kind == "source":
        return case.component.init(case.key, case.conditions)
    return case.component.init(case.key)


@pytest.mark.parametrize(("kind", "name"), [key for key in COMPONENTS if key != SPIKING], ids=str)
def test_a_component_with_other_numbers_is_not_traced_again(kind, name):
    case = _case(kind, name)
    step, state, traces = _step(kind, case), _first_state(kind, case), []

    @jax.jit
    def run(component, state):
        traces.append(None)
        return step(component, state)

    for factor in (1.0, 0.9, 0.8):
        run(jax.tree.map(lambda leaf, f=factor: _scaled(leaf, f), case.component), state)
    assert len(traces) == 1


def _scaled(leaf, factor):
    leaf = jnp.asarray(leaf)
    return (leaf * factor).astype(leaf.dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf
