"""Minimum distance to mean, weighted means and Procrustes analysis against pyRiemann, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pyriemann.classification import MDM as PeerMDM
from pyriemann.geometry.distance import distance_riemann
from pyriemann.geometry.geodesic import geodesic_riemann
from pyriemann.geometry.mean import mean_riemann
from pyriemann.transfer import MDWM, TLCenter, TLRotate, TLScale, encode_domains

from neurodrift.adaptation import spd
from neurodrift.adaptation.contract import Feedback, Trials, Variables
from neurodrift.adaptation.decoders.mdm import MDM, class_mean
from neurodrift.adaptation.methods import Composed
from neurodrift.adaptation.methods.class_means import ClassMeans
from neurodrift.adaptation.methods.mdwm import WeightedMeans
from neurodrift.adaptation.methods.rotation import procrustes
from neurodrift.adaptation.methods.stretch import stretched

N = 5
RTOL = 1e-5
KEY = jax.random.key(0)


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


def make_windows(seed, n_trials, mixing=None):
    """Balanced windows (n_trials, N, 120) whose class is in the power of source 0 or 1, and their classes."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_trials) % 2
    power = np.exp(0.2 * rng.standard_normal((n_trials, N, 1)))
    power[np.arange(n_trials), y] *= 2.0
    mixing = np.eye(N) if mixing is None else mixing
    return np.einsum("cd,ndt->nct", mixing, power * rng.standard_normal((n_trials, N, 120))), y


def ridged(x):
    covs = np.einsum("nct,ndt->ncd", x, x) / x.shape[-1]
    return covs + 1e-6 * np.trace(covs, axis1=1, axis2=2)[:, None, None] / N * np.eye(N)


def trials(x, y):
    return Trials(jnp.asarray(x), jnp.asarray(y, jnp.int32), jnp.ones(len(y)))


def fitted(x, y):
    decoder = MDM(n_channels=N, n_times=120, n_classes=2, shrinkage=False)
    start = jax.tree.map(jnp.asarray, decoder.init(KEY))
    return decoder, decoder.fit(Variables(jnp.eye(N), start.params, start.stats), trials(x, y), KEY)


@pytest.fixture
def source():
    return make_windows(0, 30, np.eye(N) + 0.3 * np.random.default_rng(9).standard_normal((N, N)))


@pytest.fixture
def target():
    return make_windows(1, 20, np.eye(N) + 0.3 * np.random.default_rng(8).standard_normal((N, N)))


def test_distances_and_probabilities_are_those_of_minimum_distance_to_mean(source, target):
    decoder, variables = fitted(*source)
    peer = PeerMDM().fit(ridged(source[0]), source[1])
    logits = jax.vmap(lambda x: decoder.apply(variables, x))(jnp.asarray(target[0]))
    np.testing.assert_allclose(-logits, peer.transform(ridged(target[0])) ** 2, rtol=RTOL)
    np.testing.assert_allclose(jax.nn.softmax(logits), peer.predict_proba(ridged(target[0])), atol=1e-5)
    np.testing.assert_array_equal(logits.argmax(1), peer.predict(ridged(target[0])))


def learn_all(part, decoder, variables, source, target):
    adapter = Composed(parts=(part,))
    state = adapter.init(decoder, variables, trials(*source), KEY)

    @jax.jit
    def update(state, x, y):
        return adapter.update(state, x, Feedback(y, jnp.bool_(True), x, jnp.bool_(False)))

    for x, y in zip(jnp.asarray(target[0]), jnp.asarray(target[1], jnp.int32)):
        state = update(state, x, y)
    return state.variables


@pytest.mark.parametrize("tradeoff", [0.3, 1.0])
def test_weighted_means_classify_as_its_minimum_distance_to_weighted_mean(source, target, tradeoff):
    decoder, variables = fitted(*source)
    part = WeightedMeans(tradeoff=tradeoff, n_per_class=10, n_steps=20)
    variables = learn_all(part, decoder, variables, source, target)
    covs, domains = np.concatenate([ridged(source[0]), ridged(target[0])]), ["source"] * 30 + ["target"] * 20
    peer = MDWM(tradeoff, "target").fit(*encode_domains(covs, np.concatenate([source[1], target[1]]), domains))
    x, _ = make_windows(3, 12)
    logits = jax.vmap(lambda w: decoder.apply(variables, w))(jnp.asarray(x))
    np.testing.assert_allclose(-logits, peer.transform(ridged(x)) ** 2, rtol=1e-4)


def test_the_mean_of_a_class_walks_the_geodesic_to_its_windows(source, target):
    decoder, variables = fitted(*source)
    means = PeerMDM().fit(ridged(source[0]), source[1]).covmeans_
    for cov, k in zip(ridged(target[0]), target[1]):
        means[k] = geodesic_riemann(means[k], cov, 0.1)
    variables = learn_all(ClassMeans(), decoder, variables, source, target)
    x, _ = make_windows(4, 12)
    logits = jax.vmap(lambda w: decoder.apply(variables, w))(jnp.asarray(x))
    expected = np.stack([distance_riemann(ridged(x), mean) for mean in means], 1) ** 2
    np.testing.assert_allclose(-logits, expected, rtol=1e-4)


def recentred_pair(source, target, names=("source", "target")):
    covs, y = np.concatenate([ridged(source[0]), ridged(target[0])]), np.concatenate([source[1], target[1]])
    covs, names = encode_domains(covs, y, [names[0]] * len(source[1]) + [names[1]] * len(target[1]))
    return TLCenter("source").fit_transform(covs, names), names


def test_recentring_and_stretching_are_its_center_and_scale(source, target):
    centred, names = recentred_pair(source, target)
    # to a dispersion of 1 each: so the target's is to the source's what our power makes it
    scaled = TLScale("source", centered_data=True).fit_transform(centred, names)
    whitening = spd.inv_sqrtm(spd.riemannian_mean(jnp.asarray(ridged(target[0])), n_steps=30))
    ours = whitening @ ridged(target[0]) @ whitening
    np.testing.assert_allclose(ours, centred[30:], atol=1e-5 * np.abs(ours).max())
    squared = jax.vmap(lambda c: spd.squared_distance(c, jnp.eye(N)))
    power = jnp.sqrt(1.0 / squared(ours).mean())
    drawn = jax.vmap(lambda c: spd.powm(c, power))(ours)
    np.testing.assert_allclose(drawn, scaled[30:], atol=1e-5 * np.abs(drawn).max())


def test_stretched_statistics_are_a_power_of_the_covariance_for_both_decoders(source):
    from neurodrift.adaptation.decoders.tangent import TangentLR

    x, y = source
    for decoder in (
        TangentLR(n_channels=N, n_times=120, n_classes=2, shrinkage=False),
        MDM(n_channels=N, n_times=120, n_classes=2, shrinkage=False),
    ):
        start = decoder.init(KEY)
        variables = decoder.fit(Variables(jnp.eye(N), start.params, start.stats), trials(x, y), KEY)
        whitening = variables.params["reference"]["whitening"]
        seen = whitening @ ridged(x)[3] @ whitening
        power = 0.7
        # a window whose covariance, seen from the reference, is that of window 3 to the power
        window = spd.sqrtm(jnp.linalg.inv(whitening) @ spd.powm(seen, power) @ jnp.linalg.inv(whitening)) * np.sqrt(N)
        moved = variables._replace(stats=stretched(variables.stats, jnp.asarray(power)))
        np.testing.assert_allclose(
            decoder.apply(moved, jnp.asarray(x[3])), decoder.apply(variables, window), rtol=1e-3, atol=1e-4
        )


def class_means(covs, y):
    return np.stack([mean_riemann(covs[y == k], tol=1e-12) for k in (0, 1)])


def test_rotation_meets_class_means_as_its_rotate_does(source):
    # the target is the source turned: one rotation brings all class means together
    half = 0.15 * np.random.default_rng(5).standard_normal((N, N))
    turn = np.linalg.solve(np.eye(N) - (half - half.T), np.eye(N) + (half - half.T))
    x, y = source
    # it turns the source to the target: what is to be turned bears that name
    centred, names = recentred_pair(source, (np.einsum("cd,ndt->nct", turn, x), y), ("target", "source"))
    peer = TLRotate("target").fit(centred, names)
    theirs = peer.rotations_["source"]
    means, moved = class_means(centred[:30], y), class_means(centred[30:], y)
    ours = np.asarray(procrustes(jnp.asarray(means), jnp.asarray(moved), jnp.eye(N), 4000))
    np.testing.assert_allclose(ours @ ours.T, np.eye(N), atol=1e-10)
    np.testing.assert_allclose(ours @ moved @ ours.T, theirs @ moved @ theirs.T, atol=1e-3)
    np.testing.assert_allclose(ours @ moved @ ours.T, means, atol=1e-3)


def test_class_means_leave_out_what_weighs_nothing(source):
    covs = ridged(source[0])
    member = jnp.asarray(source[1] == 1, float)
    np.testing.assert_allclose(class_mean(jnp.asarray(covs), member, 20), mean_riemann(covs[source[1] == 1]), rtol=1e-4)
    np.testing.assert_array_equal(class_mean(jnp.asarray(covs), jnp.zeros(30), 3), np.eye(N))
