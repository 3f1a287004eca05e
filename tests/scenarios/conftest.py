"""A run as the session loop writes it, from known accuracies: the answers are drawn, not decoded."""

import numpy as np
import pytest

METHODS = {
    "frozen": ("Frozen", "causal", "0 labels", 0.0),
    "ea": ("Euclidean alignment", "causal", "0 labels", 0.62),
    "recenter": ("Riemannian recentering", "causal", "0 labels", 0.7),
    "adabn": ("Renormalised statistics", "causal", "0 labels", 0.25),
    "tent": ("Entropy minimisation", "causal", "0 labels", -0.25),
    "recal10": ("Refit readout, 10 labels", "causal", "full", 0.45),
    "recal20": ("Refit readout, 20 labels", "causal", "full", 0.6),
    "scratch20": ("From scratch, 20 labels", "causal", "full", 0.3),
    "cft": ("Continual fine-tuning", "causal", "full", 0.55),
    "cft_low": ("Fine-tuning, lower layers frozen", "causal", "full", 0.4),
    "ea_cft": ("Alignment + fine-tuning", "causal", "full", 0.85),
    "oracle": ("Oracle", "transductive", "full", 1.0),
}
CH_NAMES = ["FC5", "FC1", "FC2", "FC6", "C3", "Cz", "C4", "CP5", "CP1", "CP2", "CP6", "Fz", "Pz", "O1", "O2", "Fp1"]
SPEC = {
    "name": "mi_cap_shift",
    "title": "Motor imagery, the cap moves",
    "summary": "Left/right motor imagery; the cap is put back some centimetres away from where training saw it.",
    "severity_name": "cap shift",
    "severity_unit": "cm",
    "kind": "simulated",
    "reference": "Rigid shift of all electrodes.",
    "methods": {m: {"title": t, "tag": tag, "labels": labels} for m, (t, tag, labels, _) in METHODS.items()},
}


def positions(n):
    """n points spread over the upper half of a 9.2 cm head."""
    k = np.arange(n)
    polar, azimuth = 0.45 * np.pi * np.sqrt((k + 0.5) / n), k * 2.399963
    unit = np.stack([np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], -1)
    return 0.092 * unit


def make_cell(severity, subjects, seed, methods=METHODS, n_before=60, n_after=150):
    """One finished cell: (meta, arrays); accuracy falls with severity and each method wins back its share."""
    rng = np.random.default_rng([int(10 * severity), int(subjects[0][1:]), seed])
    n_trials, n = n_before + n_after, len(subjects)
    y = rng.integers(0, 2, (n, n_trials))
    skill = rng.normal(0.79, 0.05, (n, 1))
    loss = np.minimum(0.09 * severity, skill - 0.51)
    t = np.arange(n_trials) - n_before
    luck = rng.random((n, n_trials))  # shared, so that methods are paired
    arrays = {
        "y": y.astype(np.int8),
        "onset": np.full(n, n_before, np.int32),
        "session": np.zeros(n_trials, np.int32),
        "time_s": 8.0 * np.arange(n_trials),
        "drift/cap_shift": np.where(t >= 0, 0.01 * severity, 0.0).astype(np.float32),
        "drift/impedance": np.outer(1 + 0.002 * np.arange(n_trials), np.linspace(4e3, 9e3, 16)).astype(np.float32),
    }
    for method, (_, _, labelled, share) in methods.items():
        speed = 1.0 if method == "oracle" else 1 - np.exp(-np.maximum(t, 0) / 25)
        accuracy = np.where(t < 0, skill, skill - loss * (1 - share * speed) - 0.01 * (method == "tent"))
        right = luck < accuracy
        confidence = np.clip(0.5 + 0.45 * rng.random((n, n_trials)), 0.5, 0.99)
        p_right = np.where(right, confidence, 1 - confidence)
        arrays[f"proba/{method}"] = np.where(
            np.arange(2) == y[..., None], p_right[..., None], 1 - p_right[..., None]
        ).astype(np.float32)
        most = {"recal10": 10, "scratch20": 20, "recal20": 20}.get(method, n_after)
        used = np.minimum(np.maximum(t + 1, 0), most) * (labelled == "full")
        arrays[f"labels/{method}"] = np.tile(used, (n, 1)).astype(np.int32)
    where = positions(16)
    pattern = 3e-6 * (
        np.exp(-((where - where[5]) ** 2).sum(-1) / 2e-3) - np.exp(-((where - where[9]) ** 2).sum(-1) / 2e-3)
    )
    arrays["topography/before"] = pattern
    arrays["topography/after"] = pattern * (1 - 0.15 * severity) + 1e-7 * severity * np.arange(16)
    meta = {
        "severity": float(severity),
        "severity_unit": "cm",
        "seed": seed,
        "subjects": list(subjects),
        "ch_names": CH_NAMES,
        "positions": where.tolist(),
        "class_names": ["left", "right"],
        "drift_units": {"cap_shift": "m", "impedance": "ohm"},
        "notes": ["The cap moves rigidly."],
    }
    return meta, arrays


def make_cells(severities=(0, 1, 2, 3, 4), n_subjects=16, batch=8, seeds=(0,), **kwargs):
    subjects = [f"S{i:02d}" for i in range(n_subjects)]
    return [
        make_cell(severity, subjects[i : i + batch], seed, **kwargs)
        for severity in severities
        for seed in seeds
        for i in range(0, n_subjects, batch)
    ]


TIMING = {
    m: {"predict_ms_p50": 0.4, "predict_ms_p99": 0.9, "update_ms_p50": 0.1 + i, "update_ms_p99": 0.3 + 2 * i}
    for i, m in enumerate(METHODS)
}


def make_days(n_days=9):
    """One person's recorded stream over days without a trial before the onset, as mi_multiday writes it."""
    keep = {m: METHODS[m] for m in ("frozen", "recenter", "ea", "cft", "ea_cft", "oracle")}
    meta, arrays = make_cell(2, ["S03"], 0, methods=keep, n_before=0, n_after=58 * n_days)
    days = ["2022-03-06", "2022-03-09", "2022-03-16", "2022-03-23", "2022-04-03", "2022-04-10", "2022-05-01"]
    days += ["2022-05-08", "2022-05-15"]
    arrays["session"] = np.repeat(np.arange(n_days), 58).astype(np.int32)
    arrays = {k: v for k, v in arrays.items() if not k.startswith("drift/")}
    return [({**meta, "severity": 1.0, "session_names": days[:n_days]}, arrays)]


DAYS_SPEC = {
    **SPEC,
    "name": "mi_multiday",
    "title": "Recorded motor imagery over five months",
    "summary": "One person's real right-hand imagery against rest, day after day, with its own natural drift.",
    "severity_name": "natural drift",
    "severity_unit": "",
    "kind": "recorded",
}


@pytest.fixture(scope="session")
def example():
    """The makers above, for tests that need a run of their own shape."""
    import types

    return types.SimpleNamespace(
        spec=SPEC, days_spec=DAYS_SPEC, methods=METHODS, timing=TIMING, cell=make_cell, cells=make_cells, days=make_days
    )
