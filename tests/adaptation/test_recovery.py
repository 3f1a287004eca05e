"""What each method is for: known-answer streams on which it must recover, and ones on which it must not."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation.decoders.csp_lda import CSPLDA
from neurodrift.adaptation.decoders.tangent import TangentLR
from neurodrift.adaptation.registry import METHODS

from . import streams

N_SUBJECTS = 32
KEYS = jax.random.split(jax.random.key(1), N_SUBJECTS)
DECODER = CSPLDA.create(8, 64)
DRIFTS = {"none": (0.0, 0.0, 1.0), "stretch": (0.0, 1.0, 1.0), "rotation": (1.5, 0.0, 1.0), "gain": (0.0, 0.0, 3.0)}

make = jax.jit(jax.vmap(streams.drifting, in_axes=(0, None, None, None)))
train = jax.jit(jax.vmap(lambda stream, key: streams.trained(DECODER, stream.calibration, key)))


@functools.cache
def prepared(drift):
    stream = make(KEYS, *DRIFTS[drift])
    return stream, train(stream, KEYS)


@functools.cache
def compiled(name):
    adapter = METHODS[name].make()
    return jax.jit(jax.vmap(lambda v, s, key, labels: streams.run(adapter, DECODER, v, s, key, labels)[1]))


@functools.cache
def accuracy(name, drift, noise=0.0):
    """Per subject, the share right over the last 60 of the 100 windows after the drift."""
    stream, variables = prepared(drift)
    flipped = jax.random.bernoulli(jax.random.key(2), noise, stream.y.shape)
    classes = compiled(name)(variables, stream, KEYS, jnp.where(flipped, 1 - stream.y, stream.y))
    return np.asarray((classes == stream.y)[:, -60:].mean(1))


def gain(name, drift, other="frozen"):
    """Mean paired difference over subjects and its standard error."""
    difference = accuracy(name, drift) - accuracy(other, drift)
    return difference.mean(), difference.std(ddof=1) / np.sqrt(N_SUBJECTS)


@pytest.mark.parametrize("name", ["ea", "ea_ema", "ea_sliding", "riemann", "adabn", "recal20", "cft", "ea_cft"])
def test_each_method_beats_frozen_after_a_stretch_of_the_sensors(name):
    mean, error = gain(name, "stretch")
    assert mean > 3 * error


@pytest.mark.parametrize("name", ["ea", "ea_ema", "ea_sliding", "riemann"])
def test_alignment_recovers_all_a_stretch_took_away(name):
    # Whitening undoes an SPD mixing up to sampling error: what is left is within noise of no drift at all.
    difference = accuracy(name, "stretch") - accuracy("frozen", "none")
    assert difference.mean() > -0.03
    assert accuracy("frozen", "stretch").mean() < accuracy("frozen", "none").mean() - 0.1


def test_alignment_cannot_undo_a_rotation_but_labels_can():
    mean, error = gain("ea", "rotation")
    assert abs(mean) < 4 * error + 0.02
    mean, error = gain("scratch20", "rotation", other="ea")
    assert mean > 3 * error


@pytest.mark.parametrize("name", ["adabn", "ea", "ea_sliding", "riemann"])
def test_a_change_of_gain_is_forgotten(name):
    difference = accuracy(name, "gain") - accuracy("frozen", "none")
    assert difference.mean() > -0.03
    mean, error = gain(name, "gain")
    assert mean > 3 * error


def test_more_labels_recalibrate_better():
    mean, error = gain("recal20", "rotation", other="recal10")
    assert mean > -error


def test_with_the_spatial_filters_still_right_refitting_the_readout_is_no_worse_than_starting_over():
    # After a change of gain; after a rotation the old filters are worthless and starting over wins.
    mean, error = gain("recal20", "gain", other="scratch20")
    assert mean > -error
    mean, error = gain("recal20", "rotation", other="scratch20")
    assert mean < -3 * error


@pytest.mark.parametrize("name", ["ea", "ea_ema", "ea_sliding", "riemann", "adabn", "cft", "ea_cft"])
def test_continuous_methods_cost_next_to_nothing_without_drift(name):
    # The project's bound is one point; two standard errors of this small sample are added.
    mean, error = gain(name, "none")
    assert mean > -0.01 - 2 * error


@pytest.mark.parametrize("name", ["recal20", "cft"])
def test_wrong_labels_hurt_the_methods_that_learn_from_them(name):
    assert accuracy(name, "stretch", noise=0.5).mean() < accuracy(name, "stretch").mean() - 0.02


def test_wrong_labels_leave_alignment_alone():
    np.testing.assert_array_equal(accuracy("ea", "stretch", noise=0.5), accuracy("ea", "stretch"))


def test_recentering_the_tangent_decoder_recovers_all_a_stretch_took_away():
    decoder, adapter, frozen = TangentLR.create(8, 64), METHODS["riemann"].make(), METHODS["frozen"].make()
    train = jax.jit(jax.vmap(lambda s, key: streams.trained(decoder, s.calibration, key, "riemannian")))

    def scorer(adapter):
        run = jax.jit(jax.vmap(lambda v, s, key: streams.run(adapter, decoder, v, s, key)[1]))
        return lambda v, s: np.asarray((run(v, s, KEYS) == s.y)[:, -60:].mean(1))

    score, score_frozen = scorer(adapter), scorer(frozen)
    still, stretched = make(KEYS, *DRIFTS["none"]), make(KEYS, *DRIFTS["stretch"])
    variables = train(still, KEYS)
    without_drift = score_frozen(variables, still)
    assert without_drift.mean() > 0.75
    assert score_frozen(variables, stretched).mean() < without_drift.mean() - 0.1
    assert (score(variables, stretched) - without_drift).mean() > -0.03
