"""The laws of every registered component: what `neurodrift check` runs on a user's own, run on ours."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation.registry import DECODERS, METHODS
from neurodrift.scenarios.laws import LAWS, DoesNotApply, make_case
from neurodrift.sim.builders import jansen_rit_plant
from neurodrift.sim.drift import DRIFTS, make_drift
from neurodrift.sim.head import make_montage
from neurodrift.sim.sources import MotorImagery, Replay

N_CHANNELS = 8
MONTAGE = ("F3", "F4", "C3", "Cz", "C4", "P3", "Pz", "P4")


def _channels_only():
    """The montage without hidden reference sites, as the laws' conditions have none."""
    montage = make_montage(MONTAGE)
    return dataclasses.replace(montage, positions=montage.positions[:N_CHANNELS], reference_names=())


def _replay():
    x = 20e-6 * np.random.default_rng(0).standard_normal((5, N_CHANNELS, 100))
    return Replay.create(x, np.array([0, 1, 1, 0, 1]), 100.0)


COMPONENTS = {
    **{("adapter", name): spec.make for name, spec in METHODS.items() if name != "oracle"},
    **{("decoder", name): functools.partial(spec.make, N_CHANNELS, 256, 2, 128.0) for name, spec in DECODERS.items()},
    **{("drift", name): functools.partial(make_drift, name, _channels_only(), 2.0, 5.0) for name in DRIFTS},
    ("source", "motor_imagery"): lambda: MotorImagery.sample(jax.random.key(0), window_s=0.5, sfreq=100.0),
    ("source", "replay"): _replay,
    ("source", "jansen_rit"): lambda: jansen_rit_plant(jax.random.key(0), MONTAGE, n_nodes=3).source,
}
CASES = [
    pytest.param(kind, name, law, id=f"{kind}-{name}-{law.__name__}") for kind, name in COMPONENTS for law in LAWS[kind]
]


@functools.cache
def _case(kind, name):
    return make_case(COMPONENTS[kind, name](), kind, n_channels=N_CHANNELS)


@pytest.mark.parametrize(("kind", "name", "law"), CASES)
def test_every_registered_component_keeps_every_law(kind, name, law):
    try:
        law(_case(kind, name))
    except DoesNotApply as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize(("kind", "name"), [key for key in COMPONENTS if key[0] != "decoder"], ids=str)
def test_a_component_survives_flattening_and_a_change_of_its_numbers_without_retracing(kind, name):
    component = COMPONENTS[kind, name]()
    leaves, structure = jax.tree.flatten(component)
    traces = []

    @jax.jit
    def total(component):
        traces.append(None)
        return sum(jnp.sum(jnp.asarray(leaf, jnp.float32)) for leaf in jax.tree.leaves(component))

    for factor in (1, 2, 3):
        total(jax.tree.unflatten(structure, [leaf * factor for leaf in leaves]))
    assert len(traces) == 1
