"""Finished cells taken apart into runs (one person in one cell), and the units that uncertainty is over."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import metrics
from .statistics import Floats, Statistic, resample, weighted_mean, weighted_ratio

Unit = Literal["subject", "session"]
Cell = tuple[Mapping[str, Any], Mapping[str, Any]]


class Answers(NamedTuple):
    """One method on one run.

    correct (n_trials,) float 0 or 1; predicted (n_trials,), -1 for no answer; proba (n_trials, n_classes),
    even where it was not finite; labels (n_trials,) cumulative.
    """

    correct: Floats
    predicted: NDArray[np.int64]
    proba: Floats
    labels: Floats
    fading: Floats


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One person in one cell: everything aligned on trials, the methods' answers by name.

    weight (n_trials,): how much each trial counts in accuracies, 1 where the cell says nothing. back: the trial at
    which what drifted is again as it was before the onset, None where it never is.
    """

    subject: str
    seed: Any
    severity: float | None
    onset: int
    y: NDArray[np.int64]
    session: NDArray[np.int64]
    time_s: Floats
    weight: Floats
    back: int | None
    answers: dict[str, Answers]

    def accuracy(self, method: str, trials: NDArray[np.bool_]) -> float:
        """Share of right answers among ``trials`` (n_trials,), of which there is one at least."""
        return float(np.average(self.answers[method].correct[trials], weights=self.weight[trials]))


def cell_order(cell: Cell) -> tuple:
    """A sorting key that does not depend on the order in which cells finished."""
    meta = cell[0]
    severity = meta.get("severity")
    return (severity is not None, severity or 0.0, str(meta.get("seed")), [str(s) for s in meta["subjects"]])


def _answers(proba: ArrayLike, y: NDArray, labels: ArrayLike, weight: Floats) -> Answers:
    proba = np.asarray(proba, float)
    predicted = metrics.predictions(proba)
    proba = np.where((predicted < 0)[..., None], 1.0 / proba.shape[-1], proba)
    correct = (predicted == y).astype(float)
    fading = np.stack([metrics.prequential(c, weight=w) for c, w in zip(correct, weight)])
    return Answers(correct, predicted, proba, np.asarray(labels, float), fading)


def collect(cells: Sequence[Cell]) -> tuple[list[Run], list[str]]:
    """Runs in a fixed order, and notes on predictions that were not finite (scored as wrong)."""
    runs: list[Run] = []
    silent: dict[str, int] = {}
    for meta, arrays in sorted(cells, key=cell_order):
        methods = [name.removeprefix("proba/") for name in arrays if name.startswith("proba/")]
        y = np.asarray(arrays["y"], np.int64)
        weight = np.asarray(arrays["weight"], float) if "weight" in arrays else np.ones(y.shape)
        whole = {m: _answers(arrays[f"proba/{m}"], y, arrays[f"labels/{m}"], weight) for m in sorted(methods)}
        for i, subject in enumerate(meta["subjects"]):
            answers = {m: Answers(*(part[i] for part in answer)) for m, answer in whole.items()}
            for method, answer in answers.items():
                silent[method] = silent.get(method, 0) + int((answer.predicted < 0).sum())
            runs.append(
                Run(
                    subject=str(subject),
                    seed=meta.get("seed"),
                    severity=None if meta.get("severity") is None else float(meta["severity"]),
                    onset=int(arrays["onset"][i]),
                    y=y[i],
                    session=np.asarray(arrays["session"], np.int64),
                    time_s=np.asarray(arrays["time_s"], float),
                    weight=weight[i],
                    back=int(arrays["back"][i]) if "back" in arrays else None,
                    answers=answers,
                )
            )
    notes = [f"{m}: {n} predictions were not finite and are scored as wrong" for m, n in silent.items() if n]
    return runs, notes


class Piece(NamedTuple):
    """The trials of a run that belong to one unit: all of them, or one session's."""

    run: int
    unit: int
    trials: NDArray[np.bool_]


class Units(NamedTuple):
    """Which unit every run and every piece belongs to."""

    unit: Unit
    names: list[str]
    pieces: list[Piece]
    of_run: NDArray[np.int64]

    def mean(self, values: Sequence[float], size: Sequence[float]) -> Statistic:
        """Statistic over units of one value per piece: the mean subject, or the mean trial over sessions.

        Subjects count equally, with the mean of their runs; sessions count by their number of trials.
        """
        of = np.array([piece.unit for piece in self.pieces])
        return self._pooled(np.asarray(values, float), np.asarray(size, float), of)

    def mean_of_runs(self, values: Sequence[float]) -> Statistic:
        """Statistic over units of one value per run."""
        return self._pooled(np.asarray(values, float), np.ones(len(values)), self.of_run)

    def sums(self, values: ArrayLike) -> Floats:
        """Sum over each unit's pieces of values (n_pieces, ...), (n_units, ...)."""
        values = np.asarray(values, float)
        out = np.zeros((len(self.names), *values.shape[1:]))
        np.add.at(out, [piece.unit for piece in self.pieces], values)
        return out

    def resampled(self, runs: Sequence[Run], seed: int) -> Floats:
        """Bootstrap weights (n_resamples, n_units); units with trials under drift are drawn among themselves."""
        scored = np.zeros(len(self.names), bool)
        for piece in self.pieces:
            scored[piece.unit] |= piece.trials[runs[piece.run].onset :].any()
        groups = [np.flatnonzero(scored), np.flatnonzero(~scored)]
        drawn = [resample(group.size, seed) for group in groups if group.size]
        return np.concatenate(drawn, -1)[:, np.argsort(np.concatenate(groups), kind="stable")]

    def _pooled(self, values: Floats, size: Floats, of: NDArray) -> Statistic:
        known = np.isfinite(values) & (size > 0)
        size = np.where(known, size if self.unit == "session" else 1.0, 0.0)
        n_units = len(self.names)
        total = np.bincount(of, size * np.where(known, values, 0.0), n_units)
        count = np.bincount(of, size, n_units)
        if self.unit == "session":
            return weighted_ratio(total, count)
        return weighted_mean(np.where(count > 0, total / np.where(count > 0, count, 1.0), np.nan))


def split(runs: Sequence[Run], unit: Unit) -> Units:
    """Units of the runs: people (the same id in several cells is the same person), or a person's sessions."""
    names: dict[str, int] = {}
    pieces: list[Piece] = []
    of_run: list[int] = []
    for i, run in enumerate(runs):
        if unit == "subject":
            index = names.setdefault(run.subject, len(names))
            pieces.append(Piece(i, index, np.ones(run.y.size, bool)))
            of_run.append(index)
            continue
        for session in np.unique(run.session):
            index = names.setdefault(f"{run.subject}/{session}", len(names))
            pieces.append(Piece(i, index, run.session == session))
        of_run.append(pieces[-1].unit)
    return Units(unit, list(names), pieces, np.array(of_run, np.int64))
