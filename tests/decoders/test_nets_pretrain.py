"""Pretraining on several synthetic subjects and fine-tuning on a new one."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.decoders.eegnet import EEGNet
from neurodrift.adaptation.decoders.training import cross_entropy, layer_scales, scale_updates
from neurodrift.adaptation.transfer.domains import euclidean_align
from neurodrift.adaptation.transfer.pretrain import pretrain
from neurodrift.sim.errors import InputError

N_CHANNELS, N_TIMES, SFREQ = 6, 192, 96.0


def subject(seed, n_trials, spread=0.35):
    """A two-class subject: one of two 11 Hz sources loses power by class, mixed by nearly shared topographies."""
    rng = np.random.default_rng(seed)
    shared = np.random.default_rng(99).standard_normal((N_CHANNELS, 2))
    mixing = shared + spread * rng.standard_normal(shared.shape)
    y = rng.permutation(np.arange(n_trials) % 2)
    t = np.arange(N_TIMES) / SFREQ
    phase, frequency = rng.uniform(0, 2 * np.pi, (n_trials, 2, 1)), rng.normal(11, 0.5, (n_trials, 2, 1))
    amplitude = np.where(np.arange(2) == y[:, None], 0.9, 1.6)[..., None]
    source = amplitude * np.sin(2 * np.pi * frequency * t + phase)
    x = mixing @ source + 1.5 * rng.standard_normal((n_trials, N_CHANNELS, N_TIMES))
    return Trials(jnp.asarray(10e-6 * x, jnp.float32), jnp.asarray(y, jnp.int32), jnp.ones(n_trials, jnp.float32))


@jax.jit
def logits_of(decoder, variables, x):
    return jax.vmap(lambda x: decoder.apply(variables, x))(x)


def accuracy(decoder, variables, trials):
    logits = logits_of(decoder, variables, trials.x)
    return float(jnp.mean(jnp.argmax(logits, -1) == trials.y))


@pytest.fixture(scope="module")
def decoder():
    return EEGNet.create(N_CHANNELS, N_TIMES, 2, SFREQ, epochs=15)


@pytest.fixture(scope="module")
def pretrained(decoder):
    return pretrain(decoder, [subject(seed, 40) for seed in range(6)], jax.random.key(0))


def test_alignment_makes_the_weighted_mean_covariance_the_identity():
    trials = subject(7, 20)._replace(weight=jnp.arange(20) / 10.0)
    x, w = np.asarray(euclidean_align(trials).x, np.float64), np.asarray(trials.weight)
    mean = np.einsum("n,nit,njt->ij", w, x, x) / w.sum() / N_TIMES
    np.testing.assert_allclose(mean, np.eye(N_CHANNELS), atol=2e-4)


def test_pretraining_transfers_and_fine_tuning_beats_training_from_scratch_at_few_trials(decoder, pretrained):
    scales = layer_scales(decoder, lower=0.1)
    optimizer = optax.adam(1e-3)

    @jax.jit
    def fine_tune(variables, trials):
        def step(carry, _):
            params, state = carry
            gradient = jax.grad(lambda p: cross_entropy(decoder, variables._replace(params=p), trials, None))(params)
            updates, state = optimizer.update(gradient, state)
            return (optax.apply_updates(params, scale_updates(updates, scales)), state), None

        (params, _), _ = jax.lax.scan(step, (variables.params, optimizer.init(variables.params)), length=40)
        return variables._replace(params=params)

    fit, refit = jax.jit(decoder.fit), jax.jit(decoder.refit_readout)
    tuned, refitted, scratch = [], [], []
    for seed in range(50, 54):
        everything = euclidean_align(subject(seed, 110))
        few, rest = jax.tree.map(lambda a: a[:10], everything), jax.tree.map(lambda a: a[10:], everything)
        tuned.append(accuracy(decoder, fine_tune(pretrained, few), rest))
        refitted.append(accuracy(decoder, refit(pretrained, few), rest))
        scratch.append(accuracy(decoder, fit(decoder.init(jax.random.key(seed)), few, jax.random.key(1)), rest))
    # 400 test trials: chance has a standard error of 2.5 points.
    assert np.mean(tuned) > 0.85
    assert np.mean(refitted) > 0.85
    assert np.mean(tuned) > np.mean(scratch) + 0.1


def test_stacked_and_listed_subjects_give_the_same_variables(decoder, pretrained):
    stacked = jax.tree.map(lambda *a: jnp.stack(a), *(subject(seed, 40) for seed in range(6)))
    again = pretrain(decoder, stacked, jax.random.key(0))
    assert jax.tree.all(jax.tree.map(lambda a, b: bool(jnp.all(a == b)), pretrained, again))


def test_pretraining_refuses_no_subject_and_unequal_windows(decoder):
    with pytest.raises(InputError, match="at least one"):
        pretrain(decoder, [], jax.random.key(0))
    short = subject(1, 8)
    short = short._replace(x=short.x[..., :-1])
    with pytest.raises(InputError, match="needs one"):
        pretrain(decoder, [subject(0, 8), short], jax.random.key(0))
