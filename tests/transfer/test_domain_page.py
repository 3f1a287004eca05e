"""The page of the penalties' benchmark says what its rows say, losses included."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_1samp, wilcoxon

SCRIPT = Path(__file__).parents[2] / "benchmarks/domain_invariance.py"


def script():
    spec = importlib.util.spec_from_file_location("domain_invariance", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows_of(made, lower, points, n_seeds=5):
    """Rows of trainings: squared MMD by ``lower``, over that of cross-entropy alone, one factor for each seed; accuracy
    by ``points``, differences (16,) of people whom the groups share."""
    rng = np.random.default_rng(0)
    base = 0.7 + 0.05 * rng.standard_normal(16)
    alone = 0.04 * np.exp(rng.standard_normal(n_seeds))  # seeds differ by more than penalties do
    return [
        {
            "strategy": name, "weight": weight, "seed": seed,
            **{
                who: {
                    "accuracy": (base + points.get(name, np.zeros(16))).tolist(), "mmd_alike": 0.03,
                    "mmd": alone[seed] * np.resize(lower.get(name, 1.0), n_seeds)[seed], "a_distance": 0.1,
                }
                for who in made.GROUPS
            },
        }
        for seed in range(n_seeds) for name, weight in made.ARMS
    ]  # fmt: skip


def page_of(made, rows):
    dose = [
        {"strategy": "mmd", "weight": 0.3}
        | {f"{w}_{m}": 1.0 for w in made.GROUPS for m in ("accuracy", "mmd", "a_distance")}
    ]
    weights = {"mmd": 0.3, "supervised": 0.0}
    facts = {"sizes": made.Sizes()._asdict(), "weights": weights, "n_seeds": 5, "table": made.table(rows), "dose": dose}
    return made.page(facts)


def test_only_an_interval_over_seeds_below_one_is_lower():
    """Four seeds of five are lower in 6 of 32 cases by chance alone (Deep CORAL); a hair in all five is more (DANN)."""
    made = script()
    coral, dann = np.array([0.8, 0.9, 0.95, 0.9, 1.1]), np.array([0.998, 0.996, 0.997, 0.998, 0.997])
    rows = rows_of(made, {"mmd": 0.5, "coral": coral, "dann": dann}, {})
    rows = [rows[i] for i in np.random.default_rng(1).permutation(len(rows))]  # seeds pair, not places
    found = {row["strategy"]: row for row in made.table(rows) if row["people"] == "unseen"}
    for name, factors in (("coral", coral), ("dann", dann)):
        interval = ttest_1samp(np.log(factors), 0.0).confidence_interval(0.95)
        wanted = np.exp([np.log(factors).mean(), interval.low, interval.high])
        row = found[name]
        np.testing.assert_allclose([row["mmd_ratio"], row["mmd_ratio_lo"], row["mmd_ratio_hi"]], wanted)
    assert found["coral"]["mmd_lower_in"] == 4
    text = page_of(made, rows)
    assert (
        "People never seen: squared MMD is lower with MMD, 0.3 (x 0.500 [0.500, 0.500]), MMD, 3 (x 0.500 [0.500, "
        "0.500]), DANN, 0.1 (x 0.997 [0.996, 0.998]), DANN, 1 (x 0.997 [0.996, 0.998]).\n"
    ) in text


def test_gains_and_costs_stand_the_correction_for_all_comparisons():
    """All of 16 people in favour have p 2/2^16; but for those of ranks 14 and 15 it is one that settles a comparison,
    and none of sixteen."""
    made = script()
    size = (np.arange(1, 17) + 0.5) / 1000
    against = np.where(np.isin(np.arange(1, 17), (14, 15)), -1, 1)  # the ranks 14 and 15 of 136
    rows = rows_of(made, {}, {"mmd": size, "coral": -size, "dann": against * size})
    found = {row["strategy"]: row for row in made.table(rows) if row["people"] == "target"}
    p, n = wilcoxon(against * size, method="exact").pvalue, 2 * len(made.ARMS[1:])
    assert n == 16
    assert found["dann"]["p"] == pytest.approx(p)
    assert p < 0.05
    assert found["dann"]["gain_lo"] > 0
    # eight comparisons (two weights, two groups, MMD and CORAL) are surer, so that it is the ninth of sixteen
    assert found["dann"]["p_holm"] == pytest.approx(8 * p)
    assert found["mmd"]["p_holm"] == pytest.approx(16 * 2 / 2**16)
    text = page_of(made, rows)
    assert "MMD, 0.3: MMD² x 1.000 [1.000, 1.000], A-distance 0.100 beside 0.100, gains (+0.9 points" in text
    assert "Deep CORAL, 1: MMD² x 1.000 [1.000, 1.000], A-distance 0.100 beside 0.100, costs (-0.9 points" in text
    assert "DANN, 0.1: MMD² x 1.000 [1.000, 1.000], A-distance 0.100 beside 0.100, not settled (+0." in text
    assert "corrected for the 16 comparisons" in text
    assert found["coral"]["worse_by_1"] == 7 / 16  # of 1.05 to 1.65 points
    assert "--seeds 5 --page docs/results/domain_invariance.md" in text
