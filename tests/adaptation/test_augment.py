"""Augmentations: what each keeps, what it changes, and that the generative model is the one it was fitted to."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import expm
from scipy.special import log_softmax

from neurodrift.adaptation.augment import (
    ChannelDropout,
    ClassGaussian,
    ElectrodeShift,
    Mixup,
    SurrogatePhases,
    augmented,
)
from neurodrift.adaptation.augment.generative import RIDGE, symmetric
from neurodrift.adaptation.augment.mixup import mixed
from neurodrift.adaptation.augment.surrogate import rephased
from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.decoders.training import weighted_cross_entropy
from neurodrift.sim.errors import InputError

MONTAGE = ("FC3", "FCz", "FC4", "C3", "Cz", "C4", "CP3", "CPz", "CP4")


UNDER = jax.jit(lambda shift, rotation: shift.under(rotation))


def trials_of(n=8, n_channels=9, n_times=50, seed=0):
    rng = np.random.default_rng(seed)
    x = 1e-5 * rng.normal(size=(n, n_channels, n_times)).astype(np.float32)
    return Trials(jnp.asarray(x), jnp.asarray(np.arange(n) % 2), jnp.ones(n))


@pytest.fixture(scope="module")
def shift():
    return ElectrodeShift.create(MONTAGE, n_dipoles=64)


@pytest.mark.parametrize("n_times", [50, 51])
@pytest.mark.parametrize("independent", [False, True])
def test_surrogates_have_exactly_the_spectrum_of_the_window(n_times, independent):
    x = trials_of(n_times=n_times).x[0]
    drawn = jax.jit(lambda x: SurrogatePhases(independent=independent).window(x, jax.random.key(0)))(x)
    before, after = (np.fft.rfft(np.asarray(w, np.float64)) for w in (x, drawn))
    # float32 rounding of sums of fifty terms, against the largest amplitude
    assert_allclose(np.abs(after), np.abs(before), atol=2e-6 * np.abs(before).max())
    assert np.abs(drawn - x).max() > 0.5 * np.abs(x).max()
    kept = np.abs(after @ after.conj().T - before @ before.conj().T).max() / np.abs(before @ before.conj().T).max()
    assert (kept > 0.05) == independent  # cross-spectra


def test_phases_that_do_not_move_leave_the_window_to_the_bit():
    x = trials_of().x[0]
    assert_array_equal(rephased(x, jnp.zeros((1, 24))), x)


def test_surrogates_are_numpys_inverse_transform_of_moved_phases():
    x = np.asarray(trials_of(n_times=51).x[0], np.float64)
    phase = np.random.default_rng(1).uniform(-np.pi, np.pi, (9, 25))
    spectrum = np.fft.rfft(x)
    spectrum[:, 1:] *= np.exp(1j * phase)
    expected = np.fft.irfft(spectrum, 51)
    assert_allclose(rephased(jnp.asarray(x, jnp.float32), jnp.asarray(phase)), expected, atol=2e-6 * x.max())


def test_dropped_channels_are_zero_at_the_rate_and_the_others_untouched():
    trials = trials_of(n=400)
    drop = jax.jit(lambda rate, key: ChannelDropout(rate=rate)(trials, key))
    drawn = drop(0.3, jax.random.key(0))
    gone = np.asarray((drawn.x == 0).all(-1))
    assert_array_equal(np.asarray(drawn.x)[~gone], np.asarray(trials.x)[~gone])
    # 3600 draws of .3: standard error .008
    assert gone.mean() == pytest.approx(0.3, abs=0.03)
    everything = drop(1.0, jax.random.key(1))
    assert_array_equal((everything.x == 0).all(-1).sum(-1), 8)


def test_a_cap_that_is_not_moved_records_the_window_as_it_is(shift):
    assert_array_equal(UNDER(shift, jnp.zeros(3)), np.eye(9))


def test_a_turned_cap_sees_a_source_as_the_leadfield_at_the_new_places_does(shift):
    from neurodrift.sim.head.montage import move_cap

    # two dipoles of the model's own shell; minimum norm leaves out what it calls noise, 1/snr^2 of the gain
    exact = ElectrodeShift.create(MONTAGE, n_dipoles=64, snr=1e3)
    turn = jnp.array([0.0, 0.05, 0.0])
    projection = exact.projection
    moved = move_cap(projection.montage.positions[:9], turn, jnp.zeros(3), projection.head.radius)
    new = np.array(projection.head.gain(moved, projection.sources)).reshape(9, -1)
    new -= new.mean(0)
    moment = np.asarray(projection.inverse) @ np.asarray(trials_of().x[0])
    recorded, elsewhere = np.asarray(projection.old) @ moment, new @ moment
    drawn = np.asarray(UNDER(exact, turn)) @ recorded
    assert_allclose(drawn, elsewhere, atol=1e-3 * np.abs(elsewhere).max())
    assert np.abs(elsewhere - recorded).max() > 0.03 * np.abs(recorded).max()  # thirty times the tolerance


@pytest.mark.slow
def test_a_larger_shift_changes_windows_more(shift):
    trials = trials_of(n=16)
    draw = jax.jit(lambda shift: shift(trials, jax.random.key(0)).x)
    by = [float(jnp.abs(draw(dataclasses.replace(shift, shift=s)) - trials.x).mean()) for s in (0.002, 0.01)]
    assert 3 < by[1] / by[0] < 7


def test_mixup_is_the_cross_entropy_of_mixed_labels():
    trials = trials_of(n=6)
    share = jnp.asarray([0.1, 0.9, 0.5, 0.3, 1.0, 0.7])
    other = jnp.asarray([3, 2, 1, 0, 5, 4])
    mix = jax.jit(mixed)
    drawn = mix(trials, other, share)
    weights = np.random.default_rng(0).normal(size=(2, 9))
    logits = np.asarray(drawn.x, np.float64).mean(-1) * 1e5 @ weights.T
    assert_allclose(drawn.x[:6], drawn.x[6:])
    y, part = np.asarray(trials.y), np.asarray(share)[:, None]
    soft = part * np.eye(2)[y] + (1 - part) * np.eye(2)[y[np.asarray(other)]]
    expected = -(soft * log_softmax(logits[:6], axis=1)).sum(-1).mean()
    assert_allclose(weighted_cross_entropy(logits, drawn.y, drawn.weight), expected, rtol=1e-5)
    left_out = mix(trials._replace(weight=trials.weight.at[0].set(0.0)), other, share)
    assert left_out.weight[0] == left_out.weight[3] == left_out.weight[6] == left_out.weight[9] == 0


def test_mixup_draws_shares_of_its_beta():
    drawn = jax.jit(lambda trials: Mixup(a=0.5)(trials, jax.random.key(0)))(trials_of(n=2000, n_channels=1, n_times=2))
    share = np.asarray(drawn.weight[:2000])
    # Beta(a, a): mean 1/2, variance 1 / (4 (2a + 1))
    assert share.mean() == pytest.approx(0.5, abs=0.03)
    assert share.var() == pytest.approx(1 / 8, rel=0.1)


def test_drawn_trials_come_after_the_recorded_ones_and_weigh_no_more_in_all():
    trials = trials_of()
    whole = jax.jit(lambda trials: augmented(trials, ChannelDropout(), jax.random.key(0), n_copies=3))(trials)
    assert whole.x.shape == (32, 9, 50)
    assert_array_equal(whole.x[:8], trials.x)
    assert_allclose(whole.weight.sum(), 8.0, rtol=1e-6)
    assert not jnp.array_equal(whole.x[8:16], whole.x[16:24])


N_CHANNELS = 3


@pytest.fixture(scope="module")
def sources():
    """Two classes whose covariances differ in the first two channels; (people, model)."""
    rng = np.random.default_rng(0)
    n_people, n_trials, n_times = 12, 60, 200
    y = np.tile(np.arange(n_trials) % 2, (n_people, 1))
    power = np.ones((n_people, n_trials, N_CHANNELS)) * np.exp(0.3 * rng.normal(size=(n_people, n_trials, 1)))
    power[..., 0] *= np.where(y, 2.0, 1.0)
    power[..., 1] *= np.where(y, 1.0, 2.0)
    x = np.sqrt(power)[..., None] * rng.normal(size=(n_people, n_trials, N_CHANNELS, n_times))
    people = Trials(jnp.asarray(1e-5 * x, jnp.float32), jnp.asarray(y), jnp.ones(y.shape))
    return people, ClassGaussian.fit(people, 2, n_factors=2)


def log_vector(c):
    """Upper triangle of the logarithm, off-diagonals times the root of two."""
    values, axes = np.linalg.eigh(np.asarray(c, np.float64))
    log = axes @ np.diag(np.log(values)) @ axes.T
    rows, columns = np.triu_indices(len(log))
    return log[rows, columns] * np.where(rows == columns, 1.0, np.sqrt(2.0))


def numpy_tangents(people):
    vectors = []
    for x in np.asarray(people.x, np.float64):
        covs = x @ x.transpose(0, 2, 1) / x.shape[-1]
        covs = np.stack([c + RIDGE * np.trace(c) / N_CHANNELS * np.eye(N_CHANNELS) for c in covs])
        values, axes = np.linalg.eigh(covs.mean(0))
        white = axes @ np.diag(values**-0.5) @ axes.T
        vectors.append([log_vector(white @ c @ white) for c in covs])
    return np.asarray(vectors).reshape(-1, 6), np.asarray(people.y).ravel()


def test_the_generative_model_is_the_probabilistic_pca_of_the_tangent_vectors(sources):
    people, model = sources
    vectors, y = numpy_tangents(people)
    means = np.stack([vectors[y == k].mean(0) for k in (0, 1)])
    assert_allclose(model.mean, means, atol=1e-4)
    rest = vectors - means[y]
    values, axes = np.linalg.eigh(rest.T @ rest / (len(y) - 2))
    left = values[:-2].mean()
    assert_allclose(model.noise, np.sqrt(left), rtol=1e-3)
    expected = (axes[:, -2:] * (values[-2:] - left)) @ axes[:, -2:].T
    assert_allclose(model.loading @ model.loading.T, expected, atol=2e-4)


def test_its_draws_have_the_mean_and_spread_of_the_trials_it_was_fitted_to(sources):
    people, model = sources
    vectors, y = numpy_tangents(people)
    drawn = jax.jit(jax.vmap(lambda key: model.sample(jnp.int32(1), key)))(jax.random.split(jax.random.key(0), 1000))
    assert float(np.linalg.eigvalsh(np.asarray(drawn)).min()) > 0
    logs = np.asarray([log_vector(c) for c in drawn])
    spread = vectors[y == 1].std(0)
    assert_allclose(logs.mean(0), vectors[y == 1].mean(0), atol=4 * spread.max() / np.sqrt(1000))
    assert_allclose(np.trace(np.cov(logs.T)), (vectors - np.asarray(model.mean)[y]).var(0).sum(), rtol=0.15)


def test_drawn_windows_have_the_drawn_covariance_in_the_users_channels(sources):
    people, model = sources
    still = dataclasses.replace(model, loading=0 * model.loading, noise=0 * model.noise)
    mixing = jnp.asarray([[2.0, 0.3, 0.0], [0.0, 1.0, 0.5], [0.4, 0.0, 3.0]])
    user = jax.tree.map(lambda a: a[0, :10], people)
    user = user._replace(x=mixing @ user.x)
    drawn = jax.jit(lambda model, trials: model(trials, jax.random.key(0)))(still, user)
    raw = np.asarray(user.x, np.float64) @ np.asarray(user.x, np.float64).transpose(0, 2, 1) / 200
    covs = np.stack([c + RIDGE * np.trace(c) / 3 * np.eye(3) for c in raw])
    white = np.real(power_of(covs.mean(0), -0.5))
    for i in (3, 4):
        whole = power_of(expm(np.asarray(symmetric(model.mean[int(user.y[i])], 3), np.float64)), 0.5)
        # all of the draw but for what the ridge stands for, which a window does not hold
        turned = whole @ power_of(white @ covs[i] @ white, -0.5) @ white
        found = white @ np.asarray(drawn.x[i], np.float64) @ np.asarray(drawn.x[i], np.float64).T / 200 @ white
        assert_allclose(found, turned @ raw[i] @ turned.T, atol=1e-3)
        assert_allclose(turned @ covs[i] @ turned.T, whole @ whole, atol=1e-9)


def power_of(a, p):
    values, axes = np.linalg.eigh(a)
    return axes @ np.diag(values**p) @ axes.T


def test_a_model_of_too_many_factors_or_of_one_person_without_axis_is_refused(sources):
    people, _ = sources
    with pytest.raises(InputError, match="n_factors is 6; wanted more than 0"):
        ClassGaussian.fit(people, 2, n_factors=6)
    with pytest.raises(InputError, match="wanted \\(n_people, n_trials, n_channels, n_times\\)"):
        ClassGaussian.fit(jax.tree.map(lambda a: a[0], people), 2)
