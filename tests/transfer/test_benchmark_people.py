"""Benchmarks that divide people anew: who is held out twice is one person, and verdicts say what is settled."""

import dataclasses
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from neurodrift.scenarios.statistics import Interval

FOLDER = Path(__file__).parents[2] / "benchmarks"
NAMES = ("virtual_people", "federated_audit", "federated_page", "federated_sites", "implant_compression")


@pytest.fixture(scope="module")
def made():
    """The benchmarks, which import each other from their own folder."""
    sys.path.insert(0, str(FOLDER))
    try:
        yield {name: importlib.import_module(name) for name in NAMES}
    finally:
        sys.path.remove(str(FOLDER))
        for name in NAMES:
            sys.modules.pop(name, None)


def test_a_person_held_out_twice_counts_once(made):
    over_people = made["virtual_people"].over_people
    values, who = np.array([[0.9, 0.5], [0.7, 0.6]]), np.array([[4, 9], [4, 2]])
    assert over_people(values, who).value == pytest.approx((0.8 + 0.5 + 0.6) / 3)
    # the same people over and over are no more people
    rng = np.random.default_rng(0)
    once, people = rng.random(30), np.arange(30)
    found = over_people(once[None], people[None])
    assert over_people(np.tile(once, (5, 1)), np.tile(people, (5, 1))) == pytest.approx(found)
    # of a normal mean: 1.96 standard errors on either side, but for the bootstrap's noise
    assert found.hi - found.lo == pytest.approx(2 * 1.96 * once.std() / np.sqrt(30), rel=0.1)


@pytest.mark.parametrize(
    ("ends", "word"), [((-0.01, 0.01), "yes"), ((-0.04, -0.03), "no"), ((-0.03, 0.01), "not settled")]
)
def test_a_limit_within_the_interval_is_not_settled(made, ends, word):
    assert made["virtual_people"].settled(Interval(0.0, *ends), 0.02) == word


def held_out(n_repetitions=4, n_held=12):
    return [np.random.default_rng(seed).permutation(24)[:n_held].tolist() for seed in range(n_repetitions)]


def right(lost, seed=0):
    """Shares of the people of ``held_out``, ``lost`` below .8, everybody with an offset of their own."""
    own = 0.05 * np.random.default_rng(100).normal(size=24)
    noise = 0.002 * np.random.default_rng(seed).normal(size=(4, 12))
    return (0.8 - lost + own[np.array(held_out())] + noise).tolist()


def test_the_federated_page_says_what_is_settled_and_what_each_rule_was_told(made):
    sites = made["federated_sites"]
    plain = {"pooled": right(0.0), "FedAvg": right(0.01, 1), "FedBS-like": right(0.06, 2)}
    hostile = {
        f"{attack} / {rule}": right(lost, i)
        for i, (attack, rule, lost) in enumerate([
            ("none", "mean", 0.0), ("min-max", "mean", 0.3), ("none", "screened median", 0.0),
            ("min-max", "screened median", 0.005), ("none", "screened multi-Krum", 0.0),
            ("min-max", "screened multi-Krum", 0.02),
        ])
    }  # fmt: skip
    arms = {"plain": plain, "hostile": hostile}
    found = {
        part: {
            "rounds": 40,
            "epochs": 2,
            "who": held_out(),
            "arms": {name: {"right": values} for name, values in mine.items()},
        }
        for part, mine in arms.items()
    }
    text = sites.page(sites.summarised(found), found)
    assert "FedAvg is within 3 points of pooled training: \N{MINUS SIGN}1.0 [" in text
    assert "- mean: colluding **no** (the worst is min-max" in text
    assert "- screened median: colluding **yes**" in text
    assert "- screened multi-Krum: colluding **not settled**" in text
    assert "is told that two sites are bad" in text
    # 40 rounds of 4 sites of ten are 16 of all; 180 trials are 5 batches of 32, twice
    assert "40 rounds of 4 sites, 10 steps at each in a round" in text
    assert "which the\nsites shorten to a norm of 5; the same training otherwise" in text
    assert "16 rounds, as a site\nhas on average in 40 of 4 sites, 10 steps at each" in text
    assert "--part hostile --seeds 4 --rounds 40 --epochs 2 --json > hostile.json" in text
    found["plain"]["arms"]["FedAvg"]["right"] = right(0.06, 2)
    assert "**not within** 3 points" in sites.page(sites.summarised(found), found)


def test_areas_of_the_audit_are_over_people_and_a_leak_is_named(made):
    audit, sites = made["federated_audit"], made["federated_sites"]
    rng = np.random.default_rng(5)
    n_repetitions, n = 4, 24 * 6

    def arm(leak):
        member = rng.random((n_repetitions, audit.N_SHADOWS, n)) < 0.5
        told = rng.normal(size=member.shape) + leak * member
        return {
            "right": right(0.0), "noise": [0.0] * n_repetitions, "told": told.tolist(), "ratio": told[:, ::2].tolist(),
            "member": member.astype(float).tolist(), "person": [np.repeat(np.arange(24), 6).tolist()] * n_repetitions,
        }  # fmt: skip

    arms = {"FedAvg / none": arm(0.0), "ordinary / none": arm(0.0), "to overfit / none": arm(1.0)}
    found = {"private": {"rounds": 40, "epochs": 2, "who": held_out(), "arms": arms}}
    rows = sites.summarised(found)["private"]
    # normals one deviation apart: Phi(1 / sqrt 2) = .760
    assert rows["to overfit / none"]["loss"][0] == pytest.approx(0.760, abs=0.015)
    assert rows["ordinary / none"]["loss"][1] < 0.5 < rows["ordinary / none"]["loss"][2]
    text = sites.page(sites.summarised(found), found)
    assert "above .5: to overfit, no noise." in text
    assert "**The alignment is outside of epsilon**" in text
    assert "FedAvg: the better of two attacks tells members with an area of 0.5" in text
    assert "40 rounds of 4 sites, 10 steps at each in a round, neither clipped nor noised" in text
    assert "10 rounds and 80 steps a site" in text
    assert "20 rounds and 400 steps a site" in text


@pytest.mark.slow
def test_the_audit_finds_who_was_trained_on_by_heart_and_nobody_under_noise(made):
    """The whole way on toy people: real federations, their halves, both attacks."""
    import jax.numpy as jnp

    from neurodrift.adaptation.contract import Trials
    from neurodrift.adaptation.decoders.feature_net import FeatureNet

    audit = made["federated_audit"]
    rng = np.random.default_rng(6)
    x = jnp.asarray(rng.normal(size=(10, 8, 12, 40)), jnp.float32)
    people = Trials(x, jnp.asarray(rng.integers(0, 2, (10, 8)), jnp.int32), jnp.ones((10, 8)))
    net = FeatureNet.create(12, 40, 2, n_hidden=8)
    training = audit.PrivateTraining(n_steps=10, rate=1.0, clip=1.0, learning_rate=0.5, momentum=0.0)
    plan = audit.Plan("toy", 8, training, dataclasses.replace(audit.EVERY_SITE, n_rounds=6))

    def score(decoder, variables, held_out):
        return (jnp.zeros(3),)

    found = audit.audited(net, people, None, np.arange(10), 0, plan, score)
    arms = {name: {field: [np.asarray(value, float)] for field, value in row.items()} for name, row in found.items()}
    assert audit.areas(arms["toy / none"])["loss"][0] > 0.8
    assert abs(audit.areas(arms["toy / 1"])["loss"][0] - 0.5) < 0.1


def test_the_page_of_compression_compares_people_and_says_what_is_settled(made):
    compression = made["implant_compression"]
    titles = {
        "teacher, float32": 0.0, "student trained alone, float32": 0.02, "student distilled, float32": 0.01,
        "student distilled, int8": 0.01,
    }  # fmt: skip
    row = {"macs": {"all": 10}, "latency": {"p50": 1e-3, "lo": 0.9e-3, "hi": 2e-3, "n_rounds": 5, "n": 10}}
    rows = {
        title: row
        | {
            "plain": right(lost, i),
            "refitted": right(lost, i),
            "frozen": right(lost, i),
            "ea": right(lost - 0.05, i),
            "last_layer": right(lost, i),
            "bytes": 800 if "int8" in title else 8000,
        }
        for i, (title, lost) in enumerate(titles.items())
    }
    found = {"who": held_out(), "rows": rows}
    text = compression.page(compression.summarised(found), (4, 12))
    assert "2 points lost at most: **reached**" in text
    assert "beside itself trained alone: +1.0 [" in text
    assert "(+5.0 [" in text.split("## Online")[1]
    rows["student distilled, int8"]["plain"] = right(0.02, 3)
    assert "**not settled**" in compression.page(compression.summarised(found), (4, 12))


def test_latencies_whose_ranges_overlap_are_not_told_apart_and_are_written_anew_alone(made):
    compression = made["implant_compression"]
    ends = {
        "teacher, float32": (1.0, 0.8, 1.2), "student distilled, float32": (0.6, 0.5, 0.79),
        "student distilled, int8": (0.6, 0.5, 0.81), "teacher, int8": (1.3, 1.21, 1.4),
    }  # fmt: skip
    times = {
        title: {"p50": 1e-3 * p50, "lo": 1e-3 * lo, "hi": 1e-3 * hi, "n_rounds": 7, "n": 50}
        for title, (p50, lo, hi) in ends.items()
    }
    section = compression.latency_section(times)
    assert "| teacher, float32 | 1.000 [0.800, 1.200] |  |" in section
    assert "| student distilled, float32 | 0.600 [0.500, 0.790] | faster |" in section
    assert "| student distilled, int8 | 0.600 [0.500, 0.810] | not told apart |" in section
    assert "| teacher, int8 | 1.300 [1.210, 1.400] | slower |" in section
    assert "turns of 50 predictions, one at a time, over 7 rounds" in section
    before, after = "# Page\n\n| teacher, float32 | 79.9 |\n\n", "\n## Online\n\n| teacher, float32 | 61.4 |\n"
    slow = {title: found | {"p50": 1.0} for title, found in times.items()}
    assert compression.renewed(before + compression.latency_section(slow) + after, section) == before + section + after
    with pytest.raises(SystemExit, match="0 sections"):
        compression.renewed(before + after, section)
