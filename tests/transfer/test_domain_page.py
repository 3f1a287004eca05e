"""The page of the penalties' benchmark says what its rows say, losses included."""

import importlib.util
from pathlib import Path

import numpy as np

SCRIPT = Path(__file__).parents[2] / "benchmarks/domain_invariance.py"


def script():
    spec = importlib.util.spec_from_file_location("domain_invariance", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_gains_losses_and_discrepancies_are_on_the_page():
    made = script()
    lower = {"mmd": 0.5, "coral": 1.0, "dann": 2.0, "mcc": 1.0, "supervised": 1.0}
    points = {"mmd": 0.1, "coral": 0.0, "dann": -0.2, "mcc": 0.0, "supervised": 0.0}
    rng = np.random.default_rng(0)
    base = {who: 0.7 + 0.05 * rng.standard_normal(16) for who in made.GROUPS}
    rows = [
        {
            "strategy": name, "weight": weight,
            **{
                who: {
                    "accuracy": (base[who] + points[name] + 0.002 * rng.standard_normal(16)).tolist(),
                    "mmd": 0.04 * lower[name], "mmd_alike": 0.03, "a_distance": 0.1 * lower[name],
                }
                for who in made.GROUPS
            },
        }
        for name, weight in made.ARMS for _ in range(2)
    ]  # fmt: skip
    table = made.table(rows)
    found = {row["strategy"]: row for row in table if row["people"] == "unseen"}
    assert abs(found["mmd"]["gain"] - 10) < 0.5
    assert found["dann"]["worse_by_1"] == 1.0
    assert found["mmd"]["mmd_lower_in"] == 2
    assert found["dann"]["mmd_lower_in"] == 0
    dose = [
        {"strategy": "mmd", "weight": 0.3}
        | {f"{w}_{m}": 1.0 for w in made.GROUPS for m in ("accuracy", "mmd", "a_distance")}
    ]
    text = made.page(
        {
            "sizes": made.Sizes()._asdict(),
            "weights": {"mmd": 0.3, "supervised": 0.0},
            "n_seeds": 2,
            "table": table,
            "dose": dose,
        }
    )
    assert "MMD, 0.3: MMD² x 0.50" in text
    assert "at least four seeds of five with: MMD, 0.3 (x 0.50), MMD, 3 (x 0.50). *People never" in text
    assert "gains (+" in text
    assert "loses (-" in text
    assert "--seeds 2 --page docs/results/domain_invariance.md" in text
