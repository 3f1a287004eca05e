"""Federated training: what leaves a site, what the coordinator makes of it, and what bad sites can do."""

import copy
import dataclasses
import functools
import gc
import itertools
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.decoders.nets import dropout
from neurodrift.adaptation.decoders.norm import gain_offset, over_time
from neurodrift.adaptation.decoders.training import cross_entropy
from neurodrift.adaptation.federated import Cohort, Federation, LocalTraining, PrivateTraining, Site, federate
from neurodrift.adaptation.federated import coordinator as coordinator_module
from neurodrift.adaptation.federated.aggregation import aggregate
from neurodrift.adaptation.federated.collusion import Colluding, a_little_is_enough, min_max
from neurodrift.adaptation.federated.hostile import flipped_labels, not_a_number, replayed, scaled, sign_flip
from neurodrift.adaptation.federated.personal import own_statistics
from neurodrift.adaptation.federated.screening import screen
from neurodrift.adaptation.federated.secure import decode, opened, quorum
from neurodrift.adaptation.federated.shared import joined, split, vector
from neurodrift.adaptation.federated.site import _HELD, Masked, moved
from neurodrift.sim.errors import InputError
from neurodrift.sim.keys import stream_key
from neurodrift.sim.pytree import component

from .toy import Toy, calibration, sure

STEP = LocalTraining(
    n_epochs=1, batch_size=1000, batch_norm=False, dropout=False, learning_rate=0.1, momentum=0.9, radius=0.0
)
BRIEF = LocalTraining(
    n_epochs=2, batch_size=8, batch_norm=False, dropout=False, learning_rate=0.05, momentum=0.9, radius=0.0
)


def people(seed, n=40):
    return calibration(np.random.default_rng(seed), n)


def cohort(n_sites=4, n_trials=40, **tampers):
    """Sites S0, S1, ... of Toy trials; ``S1=tamper`` makes a site hostile."""
    return Cohort(
        [Site(f"S{i}", people(i, n_trials), align=False, tamper=tampers.get(f"S{i}")) for i in range(n_sites)]
    )


def right(variables, seed=99):
    trials = people(seed, 400)
    logits = jax.vmap(lambda x: Toy().apply(variables, x))(trials.x)
    return float((logits.argmax(-1) == trials.y).mean())


@functools.cache
def start():
    """A decoder that is wrong about nearly everything."""
    variables = Toy().init(jax.random.key(3))
    readout = {**variables.params["readout"], "kernel": -variables.params["readout"]["kernel"]}
    return variables._replace(params={**variables.params, "readout": readout})


def finish(sites, federation, training=BRIEF, seed=0):
    return federate(sites, Toy(), start(), training, federation, jax.random.key(seed))


# -- a site's data


def _reachable(root):
    """Every object that can be had from ``root`` by attributes, items and slots, modules and classes left out."""
    seen, todo = {}, [root]
    while todo:
        value = todo.pop()
        if id(value) in seen or isinstance(value, type) or type(value).__name__ in ("module", "function", "method"):
            continue
        seen[id(value)] = value
        if isinstance(value, str | bytes | int | float | np.ndarray | jax.Array):
            continue
        for name in dir(value):
            if not (name.startswith("__") and name != "__dict__"):
                try:
                    todo.append(getattr(value, name))
                except Exception:
                    continue
        if isinstance(value, dict):
            todo += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set):
            todo += list(value)
    return list(seen.values())


def test_no_trial_can_be_had_from_a_site_before_or_after_it_trained():
    trials = people(0)
    site = Site("A", trials, align=False)
    bits = {np.asarray(trials.x).tobytes(), np.asarray(trials.y).tobytes()}
    for _ in range(2):
        arrays = [v for v in _reachable(site) if isinstance(v, np.ndarray | jax.Array)]
        assert all(array.size < trials.y.size for array in arrays)
        assert not any(np.asarray(array).tobytes() in bits for array in arrays)
        assert "0." not in repr(site)
        site.update(Toy(), start(), STEP, "all", jax.random.key(0))
    # The walk does find trials where there are some.
    assert any(isinstance(v, jax.Array) and v.shape == trials.x.shape for v in _reachable({"held": [trials]}))


@pytest.mark.parametrize("leave", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_site_is_not_pickled_nor_copied(leave):
    with pytest.raises(TypeError, match="does not leave its process"):
        leave(Site("A", people(0), align=False))


def test_trials_are_gone_when_their_site_is():
    gc.collect()
    before = len(_HELD)
    site = Site("A", people(0), align=False)
    assert len(_HELD) == before + 1
    del site
    gc.collect()
    assert len(_HELD) == before


def test_the_coordinator_is_given_updates_alone(monkeypatch):
    given = []

    class Watched:
        """Stands between coordinator and sites, and notes what passes."""

        def __init__(self, sites):
            self._updates = sites.updates
            self.names = sites.names

        def updates(self, *arguments):
            given.append(self._updates(*arguments))
            return given[-1]

    federate(Watched(cohort()), Toy(), start(), STEP, Federation(n_rounds=2, n_clients=3), jax.random.key(0))
    n_shared = vector(start(), "all").size
    assert len(given) == 2
    for update in (u for of_round in given for u in of_round):
        assert update._fields == ("delta", "n_trials")
        assert update.delta.shape == (n_shared,)
        assert update.n_trials == 40
    # and its code knows no trials
    assert not {"Trials", "_HELD"} & set(vars(coordinator_module))


def test_of_a_secure_sum_the_coordinator_is_given_masked_updates_alone():
    given = []

    class Watched:
        """Stands between coordinator and sites, has no plain update to give, and notes what passes."""

        def __init__(self, sites):
            self._sites = sites
            self.names = sites.names

        def masked(self, *arguments):
            given.append(self._sites.masked(*arguments))
            return given[-1]

        def reveal(self, *arguments):
            given.append(self._sites.reveal(*arguments))
            return given[-1]

    federation = Federation(n_rounds=1, n_clients=4, secure=True, clip=0.1)
    sites = cohort()
    watched = Watched(sites)
    federate(watched, Toy(), start(), STEP, federation, jax.random.key(0))
    assert [type(passed).__name__ for passed in given] == ["Masked", "dict"]
    key = stream_key(jax.random.key(0), "round", 0)
    bare = [u.delta for u in cohort().updates(Toy(), start(), STEP, "all", range(4), key)]
    vectors = given[0].vectors
    assert sorted(vectors) == [0, 1, 2, 3]
    for i, delta in enumerate(bare):
        short = delta * min(1.0, 0.1 / np.linalg.norm(delta))
        assert vectors[i].shape == (delta.size + 1,)
        # Behind masks numbers are anything up to 2^31: none is near what it was, nor is it of any part of the sites.
        for some in (s for n in (1, 2, 3) for s in itertools.combinations(range(4), n)):
            partial = decode(sum(vectors[j] for j in some))
            assert np.abs(partial[:-1] - 40 * short).min() > 1.0
            assert abs(partial[-1] - 40 * len(some)) > 1.0
    # No walk over what passed, nor over the sites, meets an update, as it was, shortened or weighted.
    shown = [v for root in (given, sites) for v in _reachable(root) if isinstance(v, np.ndarray | jax.Array)]
    for array in (decode(v) if v.dtype == np.uint64 else np.asarray(v, float) for v in shown):
        for delta in (d for d in bare if d.size in (array.size, array.size - 1)):
            turned = abs(array[: delta.size] @ delta) / (np.linalg.norm(array[: delta.size]) * np.linalg.norm(delta))
            assert turned < 0.999


def in_secret(sites, clip=None, n=4):
    """The sum that a coordinator opens of one secure round, in double precision, as a mean of updates."""
    publics, vectors = sites.masked(Toy(), start(), BRIEF, "all", range(n), jax.random.key(5), clip)
    total = opened(vectors, publics, quorum(n), functools.partial(sites.reveal, range(n)))
    return total[:-1] / total[-1]


@pytest.mark.parametrize("clip", [None, 2.35])
def test_a_secure_sum_is_the_mean_of_updates_that_the_sites_shortened(clip):
    sizes = (40, 24, 32, 16)

    def made():
        return Cohort([Site(f"S{i}", people(i, n), align=False) for i, n in enumerate(sizes)])

    bare = [u.delta for u in made().updates(Toy(), start(), BRIEF, "all", range(4), jax.random.key(5))]
    norms = np.array([np.linalg.norm(d.astype(float)) for d in bare])
    assert clip is None or norms.min() < clip < norms.max()
    factor = np.ones(4) if clip is None else np.minimum(1.0, clip / norms)
    weight = np.array(sizes) / sum(sizes)
    expected = (weight * factor) @ np.array(bare, float)
    # Each of the four is rounded to 2^-33 at most, before division by the trials of all.
    np.testing.assert_allclose(in_secret(made(), clip), expected, rtol=0, atol=4 * 2**-33 / sum(sizes) + 1e-15)


def test_a_hostile_site_shortens_nothing_of_what_no_one_can_see():
    honest = [u.delta for u in cohort().updates(Toy(), start(), BRIEF, "all", range(4), jax.random.key(5))]
    short = np.array([d * min(1.0, 0.1 / np.linalg.norm(d)) for d in honest])
    weight = np.array([1.0, 1.0, 100.0, 1.0])[:, None]
    np.testing.assert_allclose(in_secret(cohort(S2=scaled(100.0)), 0.1), (weight * short).mean(0), rtol=1e-5)
    weight[2] = 1 / 3
    mean = short[[0, 1, 3]].mean(0) - 1.5 * short[[0, 1, 3]].std(0)
    sites = Colluding(cohort(), ("S2",), a_little_is_enough())
    np.testing.assert_allclose(in_secret(sites, 0.1), (short[[0, 1, 3]].sum(0) + mean) / 4, rtol=1e-4, atol=1e-6)


class Lossy:
    """Sites the masked updates of some of whom never arrive."""

    def __init__(self, sites, *lost):
        self._sites, self._lost = sites, lost
        self.names, self.reveal = sites.names, sites.reveal

    def masked(self, *arguments):
        publics, vectors = self._sites.masked(*arguments)
        return Masked(publics, {place: v for place, v in vectors.items() if place not in self._lost})


def test_a_secure_sum_goes_on_without_a_site_that_drops_out_and_refuses_to_without_two():
    federation = Federation(n_rounds=1, n_clients=4, secure=True)
    variables, rounds = federate(Lossy(cohort(), 1), Toy(), start(), STEP, federation, jax.random.key(0))
    assert rounds[0].refused == {"S1": "dropped out"}
    left = Cohort([cohort().sites[i] for i in (0, 2, 3)])
    expected, _ = federate(left, Toy(), start(), STEP, Federation(n_rounds=1, n_clients=3), jax.random.key(0))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), variables, expected)
    with pytest.raises(InputError, match="only 2 of 4 sites"):
        federate(Lossy(cohort(), 1, 2), Toy(), start(), STEP, federation, jax.random.key(0))


@pytest.mark.parametrize("tamper", [not_a_number(), scaled(1e12)])
def test_a_site_that_cannot_encode_its_update_for_a_secure_sum_drops_out_and_is_named(tamper):
    federation = Federation(n_rounds=2, n_clients=4, secure=True, clip=1.0)
    variables, rounds = finish(cohort(S1=tamper), federation, STEP)
    assert [told.refused for told in rounds] == [{"S1": "dropped out"}] * 2
    left = Cohort([cohort().sites[i] for i in (0, 2, 3)])
    expected, _ = finish(left, dataclasses.replace(federation, n_clients=3), STEP)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), variables, expected)
    with pytest.raises(InputError, match="only 2 of 4 sites are left"):
        finish(cohort(S1=tamper, S2=tamper), federation, STEP)


def test_a_site_aligns_each_person_and_leaves_out_trials_that_are_not_finite():
    x = (
        np.random.default_rng(0).normal(size=(2, 30, 2, 8)).astype(np.float32)
        * np.array([1.0, 50.0])[:, None, None, None]
    )
    x[1, 3, 0, 0] = np.nan
    site = Site("A", Trials(jnp.asarray(x, jnp.float32), jnp.zeros((2, 30), jnp.int32), jnp.ones((2, 30))))
    held = _HELD[site].trials
    assert site.n_trials == 59
    for rows in (slice(0, 30), slice(30, 60)):
        w = held.weight[rows] / held.weight[rows].sum()
        cov = jnp.einsum("n,nit,njt->ij", w, held.x[rows], held.x[rows]) / 8
        np.testing.assert_allclose(cov, np.eye(2), atol=1e-3)


# -- FedAvg


@pytest.mark.parametrize("secure", [False, True])
def test_one_full_step_at_every_site_is_one_step_on_the_trials_of_all(secure):
    sizes = (40, 24, 32)
    sites = Cohort([Site(f"S{i}", people(i, n), align=False) for i, n in enumerate(sizes)])
    federation = Federation(n_rounds=1, n_clients=3, secure=secure)
    variables, _ = federate(sites, Toy(), start(), STEP, federation, jax.random.key(0))
    pooled = Trials(*(jnp.concatenate(parts) for parts in zip(*(people(i, n) for i, n in enumerate(sizes)))))
    gradient = jax.grad(lambda p: cross_entropy(Toy(), start()._replace(params=p), pooled, None))(start().params)
    expected = jax.tree.map(lambda p, g: p - 0.1 * g, start().params, gradient)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), variables.params, expected)


def test_sites_trained_side_by_side_answer_as_each_does_alone():
    together = cohort(3).updates(Toy(), start(), BRIEF, "all", (0, 2), jax.random.key(5))
    alone = cohort(3).updates(Toy(), start(), BRIEF, "all", (2,), jax.random.key(5))[0]
    np.testing.assert_allclose(together[1].delta, alone.delta, atol=1e-6)


@component
class Batched(Toy):
    """The toy as networks are trained: its norm takes a batch's statistics and keeps running ones, with dropout."""

    momentum: float = 0.1

    def features(self, variables, x, statistics, key):
        z = variables.align @ x
        gain, offset = gain_offset(
            statistics("norm", lambda: over_time(z), x.shape[-1]), variables.params["norm"], 1e-6
        )
        return dropout(gain * z.mean(-1) + offset, 0.2, key)


@pytest.mark.parametrize(
    "training",
    [
        LocalTraining(n_epochs=3, batch_size=16, learning_rate=0.1),
        LocalTraining(n_epochs=3, batch_size=16, learning_rate=0.1, n_steps=4),
        PrivateTraining(n_steps=3, rate=0.3),
    ],
    ids=["epochs", "few steps", "private"],
)
def test_sites_of_unequal_size_answer_side_by_side_as_each_does_alone(training):
    """Sites of five, two and one batches, and of less than one; and a site whose trials are not all usable."""
    holes = people(4)
    trials = [*(people(i, n) for i, n in enumerate((80, 40, 17, 9))), holes._replace(x=holes.x.at[3:20:2].set(jnp.nan))]
    sites = [Site(f"S{i}", t, align=False, secret=7 + i) for i, t in enumerate(trials)]
    together = Cohort(sites).updates(Batched(), start(), training, "all", range(5), jax.random.key(5))
    assert [u.n_trials for u in together] == [80, 40, 17, 9, 31]
    for i, site in enumerate(sites):
        # a site takes the key of its place
        before = [Site(f"before {j}", people(9, 1), align=False) for j in range(i)]
        alone = Cohort([*before, site]).updates(Batched(), start(), training, "all", (i,), jax.random.key(5))[0]
        np.testing.assert_allclose(together[i].delta, alone.delta, atol=1e-6)


def test_a_site_makes_as_many_steps_as_it_has_batches():
    """Without momentum, on one trial over and over and a loss of constant slope, a step is a step: they are counted."""

    @component
    class Slope(Toy):
        """Its loss falls by one along the readout's bias, whatever the window: a gradient of (-1/2, 1/2) always."""

        def apply(self, variables, x, *, key=None):
            logit = variables.params["readout"]["bias"]
            return logit - jax.lax.stop_gradient(logit) + 0.0 * x.sum()

    training = dataclasses.replace(BRIEF, momentum=0.0, learning_rate=1.0)  # two epochs, batches of 8
    trials = [people(0, n) for n in (40, 23, 8, 5, 40)]
    trials[4] = trials[4]._replace(weight=jnp.asarray(np.arange(40) % 2, jnp.float32))
    sites = Cohort([Site(f"S{i}", t._replace(y=0 * t.y), align=False) for i, t in enumerate(trials)])
    updates = sites.updates(Slope(), start(), training, "params", range(5), jax.random.key(0))
    # half of each step, of the first class's bias up and of the second's down: five, two, one, one and two batches
    moved_by = [float(np.abs(u.delta).max()) for u in updates]
    np.testing.assert_allclose(moved_by, 0.5 * 2 * np.array([5, 2, 1, 1, 2]), rtol=1e-6)


def test_federated_training_learns_what_pooled_training_learns():
    variables, rounds = finish(cohort(), Federation(n_rounds=15, n_clients=2))
    assert right(start()) < 0.2
    assert right(variables) > 0.95
    assert all(len(told.sites) == 2 and not told.refused for told in rounds)
    assert {name for told in rounds for name in told.sites} == {"S0", "S1", "S2", "S3"}


def test_sharpness_aware_steps_follow_the_gradient_uphill_of_where_they_are():
    trials, radius = people(0), 0.3
    site = Site("A", trials, align=False)
    sharp = LocalTraining(
        n_epochs=1, batch_size=1000, batch_norm=False, dropout=False, learning_rate=0.1, momentum=0.0, radius=radius
    )
    delta = site.update(Toy(), start(), sharp, "params", jax.random.key(0)).delta
    gradient = jax.grad(lambda p: cross_entropy(Toy(), start()._replace(params=p), trials, None))
    g = gradient(start().params)
    norm = np.sqrt(sum(float((leaf**2).sum()) for leaf in jax.tree.leaves(g)))
    uphill = jax.tree.map(lambda p, d: p + radius * d / norm, start().params, g)
    expected = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(gradient(uphill))])
    np.testing.assert_allclose(delta, -0.1 * expected, atol=1e-6)


# -- what stays at a site


@pytest.mark.parametrize("share", ["all", "params", "weights"])
def test_what_travels_and_what_stays_are_the_whole(share):
    variables = sure()
    travels, stays = split(variables, share)
    other = jax.tree.map(lambda leaf: leaf + 1.0, variables)
    back = joined(other._replace(align=variables.align), travels, stays)
    jax.tree.map(np.testing.assert_array_equal, back, variables)
    norms = {"all": 0, "params": 4, "weights": 8}[share]  # numbers: mean and var of two channels, scale and bias too
    assert sum(leaf.size for leaf in jax.tree.leaves(stays)) == norms
    shifted = moved(Toy(), variables, np.ones(vector(variables, share).size, np.float32), share)
    np.testing.assert_allclose(vector(shifted, share), vector(variables, share) + 1.0)
    jax.tree.map(np.testing.assert_array_equal, split(shifted, share)[1], stays)


def test_a_site_keeps_its_norms_and_goes_on_from_them():
    sites = cohort(2)
    variables, _ = federate(
        sites, Toy(), start(), BRIEF, Federation(n_rounds=4, n_clients=2, share="weights"), jax.random.key(0)
    )
    np.testing.assert_array_equal(variables.params["norm"]["scale"], start().params["norm"]["scale"])
    scales = [site.personal(variables).params["norm"]["scale"] for site in sites.sites]
    assert not np.allclose(scales[0], scales[1])
    assert not np.allclose(scales[0], 1.0)
    np.testing.assert_array_equal(
        sites.sites[0].personal(variables).params["readout"]["kernel"], variables.params["readout"]["kernel"]
    )


def test_own_statistics_are_mean_and_variance_of_the_features():
    x = people(1).x
    own = own_statistics(Toy(), start(), x).stats["norm"]
    means = np.asarray(x).mean(-1)
    np.testing.assert_allclose(own["mean"], means.mean(0), atol=1e-6)
    np.testing.assert_allclose(own["var"], means.var(0), rtol=1e-5)


# -- rules, against NumPy


def numpy_krum(rows, n_bad, n_kept):
    m = len(rows)
    score = []
    for i in range(m):
        distances = sorted(float(((rows[i] - rows[j]) ** 2).sum()) for j in range(m) if j != i)
        score.append(sum(distances[: max(m - n_bad - 2, 1)]))
    return rows[np.argsort(score)[:n_kept]].mean(0)


def numpy_trimmed(rows, share):
    cut = int(np.floor(share * len(rows) + 1e-9))
    return np.sort(rows, 0)[cut : len(rows) - cut].mean(0)


RULES = {
    "mean": lambda rows, weight: weight @ rows / weight.sum(),
    "median": lambda rows, weight: np.median(rows, 0),
    "trimmed_mean": lambda rows, weight: numpy_trimmed(rows, 0.2),
    "krum": lambda rows, weight: numpy_krum(rows, 2, 1),
    "multi_krum": lambda rows, weight: numpy_krum(rows, 2, 8),
}


@pytest.mark.parametrize("rule", RULES)
def test_rules_equal_numpy_on_the_updates_admitted_whatever_the_others_hold(rule):
    rng = np.random.default_rng(0)
    updates, weight = rng.normal(size=(10, 6)).astype(np.float32), rng.integers(1, 50, 10).astype(np.float32)
    merge = jax.jit(functools.partial(aggregate, rule))
    for left_out in ([], [4], [0, 9], [1, 2, 3]):
        admitted = ~np.isin(np.arange(10), left_out)
        held = updates.copy()
        held[left_out] = np.nan
        expected = RULES[rule](updates[admitted].astype(float), weight[admitted].astype(float))
        if rule == "multi_krum" and left_out:
            expected = numpy_krum(updates[admitted].astype(float), 2, min(8, int(admitted.sum())))
        np.testing.assert_allclose(merge(held, admitted, weight), expected, atol=1e-5)
    assert not np.asarray(merge(np.full((10, 6), np.nan, np.float32), np.zeros(10, bool), weight)).any()


def test_screening_refuses_what_is_not_finite_too_large_or_seen_before_and_shortens_the_long():
    rng = np.random.default_rng(1)
    fine = [rng.normal(size=50).astype(np.float32) for _ in range(5)]
    nan, inf = fine[0].copy(), np.full(50, np.inf, np.float32)
    nan[3] = np.nan
    seen = set()
    screen(fine[:1], seen)
    found = screen([fine[0], fine[1], nan, inf, 1e6 * fine[2], fine[3], fine[4]], seen, clip=5.0)
    assert found.admitted.tolist() == [False, True, False, False, False, True, True]
    assert found.reasons[0] == "seen before"
    assert found.reasons[2] == found.reasons[3] == "not finite"
    assert "times as large" in found.reasons[4]
    np.testing.assert_allclose(np.linalg.norm(found.updates[[1, 5, 6]], axis=1), 5.0, rtol=1e-6)
    assert found.clipped == (1, 5, 6)
    assert not found.updates[[0, 2, 3, 4]].any()


# -- bad sites

BAD = {
    "sign flip x 20": sign_flip(20.0),
    "not a number": not_a_number(),
    "scaled 1e6": scaled(),
    "replayed": replayed(),
}


@pytest.mark.parametrize("attack", BAD)
def test_two_hostile_sites_of_ten_are_refused_named_and_cost_nothing(attack):
    sites = cohort(10, 24, S3=BAD[attack], S7=BAD[attack])
    variables, rounds = finish(sites, Federation(n_rounds=10, n_clients=10))
    assert right(variables) > 0.93
    refused = [set(told.refused) for told in rounds]
    # What is sent again was sent before: not in the first round.
    assert all(names == {"S3", "S7"} for names in refused[1:])


@pytest.mark.parametrize("rule", ["median", "trimmed_mean", "krum", "multi_krum"])
@pytest.mark.parametrize("attack", ["labels", "sign flip"])
def test_robust_rules_bear_two_hostile_sites_of_ten_that_no_screening_sees(rule, attack):
    sites = [Site(f"S{i}", flipped_labels(people(i, 24)) if attack == "labels" and i in (3, 7) else people(i, 24),
                  align=False, tamper=sign_flip(3.0) if attack == "sign flip" and i in (3, 7) else None)
             for i in range(10)]  # fmt: skip
    variables, rounds = finish(Cohort(sites), Federation(n_rounds=10, n_clients=10, rule=rule, too_large=None))
    assert not any(told.refused for told in rounds)
    assert right(variables) > 0.93


def test_without_defence_a_large_sign_flip_destroys_the_decoder():
    sites = cohort(10, 24, S3=sign_flip(20.0), S7=sign_flip(20.0))
    variables, _ = finish(sites, Federation(n_rounds=10, n_clients=10, screened=False))
    assert right(variables) < 0.6


# -- sites that agree on what to send


def test_a_little_is_enough_is_the_mean_less_deviations():
    honest = np.random.default_rng(0).normal(size=(8, 50)).astype(np.float32)
    sent = a_little_is_enough(1.5)(jnp.asarray(honest))
    np.testing.assert_allclose(sent, honest.mean(0) - 1.5 * honest.std(0), rtol=1e-5, atol=1e-6)


def test_min_max_goes_back_as_far_as_it_stays_no_farther_than_honest_sites_are_apart():
    honest = np.random.default_rng(1).normal(size=(8, 30)) + 1.0
    mean = honest.mean(0)
    widest = max(np.linalg.norm(a - b) for a in honest for b in honest)
    steps = np.linspace(0, 50, 200_001)
    back = -mean / np.linalg.norm(mean)
    # |mean + g back - u|, by hand over a fine grid of g
    along, off = (mean - honest) @ back, ((mean - honest) ** 2).sum(1)
    farthest = np.sqrt((steps[:, None] ** 2 + 2 * steps[:, None] * along + off).max(1))
    longest = steps[farthest <= widest][-1]
    sent = np.asarray(min_max()(jnp.asarray(honest, jnp.float32)))
    np.testing.assert_allclose(sent, mean + longest * back, atol=2e-3)
    assert sent @ mean < 0.1 * mean @ mean


def test_colluding_sites_send_the_attack_and_the_honest_ones_what_they_would():
    plain, colluding = cohort(10, 24), Colluding(cohort(10, 24), ("S1", "S3"), a_little_is_enough())
    asked = (Toy(), start(), BRIEF, "all", range(10), jax.random.key(0))
    theirs, ours = (sites.updates(*asked) for sites in (plain, colluding))
    honest = np.stack([theirs[i].delta for i in range(10) if i not in (1, 3)])
    for i in range(10):
        expected = honest.mean(0) - 1.5 * honest.std(0) if i in (1, 3) else theirs[i].delta
        np.testing.assert_allclose(ours[i].delta, expected, rtol=1e-3, atol=1e-5)
    assert (ours[1].delta != ours[3].delta).any()  # or they would be refused as a replay


@pytest.mark.parametrize("attack", [a_little_is_enough(), min_max()])
def test_no_screening_sees_colluding_sites_and_robust_rules_bear_them(attack):
    sites = Colluding(cohort(10, 24), ("S3", "S7"), attack)
    variables, rounds = finish(sites, Federation(n_rounds=10, n_clients=10, rule="median"))
    assert not any(told.refused for told in rounds)
    assert right(variables) > 0.93


# -- refusals


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Federation(rule="mode"), "'mode'"),
        (lambda: Federation(share="nothing"), "'nothing'"),
        (lambda: Federation(n_rounds=0), "1 or more"),
        (lambda: Federation(clip=0.0), "above 0"),
        (lambda: Federation(screened=False, rule="median"), "as it is, averaged"),
        (lambda: Federation(screened=False, clip=0.1), "as it is, averaged"),
        (lambda: Federation(secure=True, rule="krum"), "cannot rank"),
        (lambda: Federation(secure=True, n_clients=2), "3 or more"),
        (lambda: cohort(3).reveal(range(3), (0,), (0, 1, 2), ()), "S0 was asked for shares of no sum"),
        (lambda: Cohort([]), "no site"),
        (lambda: Colluding(cohort(2), ("S5",), min_max()), "wanted some of these"),
        (lambda: Cohort([cohort(1).sites[0], cohort(1).sites[0]]), "same name"),
        (lambda: Site("A", people(0)._replace(weight=jnp.zeros(40))), "no usable trial"),
        (lambda: Site("A", people(0)._replace(y=jnp.zeros(3))), "wanted x"),
        (lambda: Site("A", people(0), secret=-1), "wanted 0 to 2"),
        (lambda: finish(cohort(2), Federation(n_clients=3)), "draw fewer"),
        (lambda: aggregate("mode", jnp.zeros((2, 3)), jnp.ones(2, bool), jnp.ones(2)), "'mode'"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(make, message):
    with pytest.raises(InputError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
