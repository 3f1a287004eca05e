"""Masked reconstruction: the pieces against NumPy, SciPy and flax; nothing of a masked token leaks; it learns."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import signal

from neurodrift.adaptation.selfsupervised import (
    Encoder,
    MaskedPretraining,
    Masking,
    Scale,
    Spectrogram,
    band_power,
    encoded,
    fit_probe,
    pretrain_masked,
)
from neurodrift.adaptation.selfsupervised.encoder import attention
from neurodrift.sim.errors import InputError

N_CHANNELS, N_FRAMES, N_FREQS = 3, 6, 5
NET = Encoder(n_freqs=N_FREQS, width=8, n_heads=2, n_blocks=1)
RNG = np.random.default_rng(0)
POSITIONS = jnp.asarray(RNG.normal(size=(N_CHANNELS, 3)), jnp.float32)


@pytest.fixture(scope="module")
def params():
    return jax.jit(NET.init)(jax.random.key(0))


@pytest.fixture(scope="module")
def reconstruct(params):
    return jax.jit(functools.partial(NET.reconstruct, params))


def test_the_spectrogram_is_scipys_up_to_its_constant():
    x = RNG.normal(size=(2, 200))
    spectrogram = Spectrogram.create(200, 100.0, 6.0, 32.0)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(50) + 0.5) / 50)
    freqs, _, power = signal.spectrogram(x, 100.0, hann, 50, 25, detrend=False, scaling="density", mode="psd")
    inside = (freqs >= 6) & (freqs <= 32)
    assert_allclose(spectrogram.freqs, freqs[inside])
    # density of one side: 2 / (rate sum w^2)
    expected = np.log(power[:, inside] * 100.0 / 2).transpose(0, 2, 1)
    found = spectrogram(jnp.asarray(x, jnp.float32))
    assert found.shape == (2, spectrogram.n_frames, inside.sum())
    assert_allclose(found, expected, atol=2e-3)


def test_a_window_too_short_for_two_frames_is_refused():
    with pytest.raises(InputError, match="60 samples at 100 Hz cannot carry two frames"):
        Spectrogram.create(60, 100.0)


def test_a_persons_scale_gives_mean_nought_and_deviation_one():
    spectra = jnp.asarray(RNG.normal(3.0, 2.0, (20, N_CHANNELS, N_FRAMES, N_FREQS)), jnp.float32)
    scaled = np.asarray(Scale.of(spectra)(spectra))
    assert_allclose(scaled.mean((0, 2)), 0.0, atol=1e-5)
    assert_allclose(scaled.std((0, 2)), 1.0, atol=1e-4)


def test_masks_are_spans_channel_by_channel_at_their_rate():
    masking = Masking(starts=0.1, channels=0.0, span=3)
    masks = jax.jit(jax.vmap(lambda k: masking(k, 4, 10)))(jax.random.split(jax.random.key(0), 1000))
    # a frame is hidden unless none of three spans begins; its rate does not depend on where it is
    expected = 1 - 0.9**3
    assert_allclose(masks.mean((0, 1)), expected, atol=4 * np.sqrt(expected * (1 - expected) / 4000))
    inner = np.asarray(masks, int)[:, :, 2:-2]
    alone = (inner[..., 1:-1] == 1) & (inner[..., :-2] == 0) & (inner[..., 2:] == 0)
    assert not alone.any()
    whole_channels = Masking(starts=0.0, channels=0.25)
    whole = jax.jit(jax.vmap(lambda k: whole_channels(k, 4, 10)))(jax.random.split(jax.random.key(1), 500))
    assert_array_equal(whole.all(-1), whole.any(-1))
    assert whole.mean() == pytest.approx(0.25, abs=0.04)


def test_attention_is_that_of_flax(params):
    from flax import nnx

    layer = params["block0"]["frames"]
    tokens = jnp.asarray(RNG.normal(size=(2, 5, 8)), jnp.float32)
    norm = nnx.LayerNorm(8, epsilon=1e-5, rngs=nnx.Rngs(0))

    @jax.jit
    def theirs(tokens):
        q, k, v = (jnp.einsum("hed,rnd->rnhe", w, norm(tokens)) for w in layer["qkv"])
        return nnx.dot_product_attention(q, k, v).reshape(2, 5, 8) @ layer["out"].T

    assert_allclose(jax.jit(attention)(layer, tokens), theirs(tokens), atol=2e-5)


def test_nothing_of_a_masked_token_is_seen(reconstruct):
    spectrum = jnp.asarray(RNG.normal(size=(N_CHANNELS, N_FRAMES, N_FREQS)), jnp.float32)
    mask = jnp.zeros((N_CHANNELS, N_FRAMES), bool).at[1, 2:4].set(True)
    before = reconstruct(spectrum, POSITIONS, mask)
    assert_array_equal(before, reconstruct(spectrum.at[1, 2:4].add(5.0), POSITIONS, mask))
    # but a token that shows does, in other frames of its channel and in other channels of its frame
    after = reconstruct(spectrum.at[0, 2].add(5.0), POSITIONS, mask)
    assert jnp.abs(after - before)[0, 5].max() > 1e-4
    assert jnp.abs(after - before)[1, 2].max() > 1e-4


def test_channels_have_no_order_but_their_places(reconstruct):
    spectrum = jnp.asarray(RNG.normal(size=(N_CHANNELS, N_FRAMES, N_FREQS)), jnp.float32)
    mask = jnp.zeros((N_CHANNELS, N_FRAMES), bool).at[1, 2:4].set(True)
    turned = jnp.array([2, 0, 1])
    found = reconstruct(spectrum[turned], POSITIONS[turned], mask[turned])
    assert_allclose(found, reconstruct(spectrum, POSITIONS, mask)[turned], atol=1e-5)


def test_the_loss_is_the_mean_error_over_what_is_masked_and_tells(params, reconstruct):
    spectrum = np.asarray(RNG.normal(size=(N_CHANNELS, N_FRAMES, N_FREQS)), np.float32)
    mask = RNG.random((N_CHANNELS, N_FRAMES)) < 0.4
    error = np.abs(np.asarray(reconstruct(jnp.asarray(spectrum), POSITIONS, jnp.asarray(mask))) - spectrum)
    telling = error[mask][np.abs(spectrum[mask]) > 1.0]
    loss = jax.jit(functools.partial(MaskedPretraining().loss, NET, params))
    found = loss(jnp.asarray(spectrum), POSITIONS, jnp.asarray(mask))
    assert_allclose(found, error[mask].mean() + 2.0 * telling.mean(), rtol=1e-5)


@pytest.mark.slow
def test_what_neighbours_tell_is_learnt_and_noise_is_not():
    # channels 0 and 1 see one source, channel 2 has its own: the mean absolute error of a standard normal is .80
    shared = RNG.normal(size=(256, 1, N_FRAMES, N_FREQS))
    own = RNG.normal(size=(256, 1, N_FRAMES, N_FREQS))
    spectra = jnp.asarray(np.concatenate([shared, shared, own], axis=1), jnp.float32)
    net = Encoder(n_freqs=N_FREQS, width=16, n_heads=2, n_blocks=1)
    method = MaskedPretraining(learning_rate=1e-2, n_steps=400)
    fitted, losses = pretrain_masked(net, spectra[:192], POSITIONS, jax.random.key(0), method)
    assert losses[-20:].mean() < 0.75 * losses[:20].mean()
    one = jnp.zeros((N_CHANNELS, N_FRAMES), bool)

    @jax.jit
    def error(channel):
        told = jax.vmap(lambda s: net.reconstruct(fitted, s, POSITIONS, one.at[channel, 2].set(True)))(spectra[192:])
        return jnp.abs(told - spectra[192:])[:, channel, 2].mean()

    assert error(0) < 0.45
    assert error(2) > 0.7


def test_the_probe_and_band_power_find_the_class_in_a_band():
    freqs = (8.0, 10.0, 12.0, 20.0, 24.0)
    y = np.arange(80) % 2
    spectra = RNG.normal(size=(80, N_CHANNELS, N_FRAMES, N_FREQS))
    spectra[y == 1, 0, :, :3] += 2.0
    features = jax.jit(jax.vmap(lambda s: band_power(s, freqs)))(jnp.asarray(spectra, jnp.float32))
    assert_allclose(features[5, 0], spectra[5, 0, :, :3].mean(), rtol=1e-4, atol=1e-6)
    assert_allclose(features[5, 5], spectra[5, 2, :, 3:].mean(), rtol=1e-4, atol=1e-6)
    probe = jax.jit(fit_probe, static_argnums=2)(features[:20], jnp.asarray(y[:20]), 2, 1.0)
    assert (np.asarray(probe.logits(features[20:])).argmax(-1) == y[20:]).mean() > 0.9


def test_features_are_one_representation_a_channel(params):
    spectrum = jnp.zeros((N_CHANNELS, N_FRAMES, N_FREQS))
    assert encoded(NET, params, spectrum, POSITIONS).shape == (N_CHANNELS * 8,)


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(InputError, match="width is 9 with 2 heads"):
        Encoder(n_freqs=5, width=9, n_heads=2).init(jax.random.key(0))
