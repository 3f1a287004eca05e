"""What a pretrained decoder is worth to people it was not trained on."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..adaptation.contract import Decoder, Trials, Variables
from ..adaptation.meta import recalibrate
from ..adaptation.transfer.discrepancy import between_people, features_of
from ..adaptation.transfer.domains import align_people, euclidean_align
from ..adaptation.trials import usable
from .statistics import mean_interval

N_FEW = 10
"""Labelled trials of a new person that :func:`after_steps` lets a learner step on."""


class Worth(NamedTuple):
    """Of one measure on people who were not trained on: before training, after it, its interval (Student's) over people
    after."""

    name: str
    before: float
    after: float
    lo: float
    hi: float
    unit: str


def accuracy_of(decoder: Decoder, variables: Variables, people: Trials) -> np.ndarray:
    """(n_people,) accuracy, %, of the decoder as it is behind each person's own alignment, which reads no label."""
    return np.asarray(_accuracy(decoder, variables, people), float)


@jax.jit
def _accuracy(decoder: Decoder, variables: Variables, people: Trials) -> Array:
    aligned = align_people(people)
    logits = jax.vmap(jax.vmap(lambda x: decoder.apply(variables, x)))(aligned.x)
    right = (logits.argmax(-1) == aligned.y) * aligned.weight
    return 100.0 * right.sum(1) / jnp.maximum(aligned.weight.sum(1), 1e-12)


def worth_of(decoder: Decoder, start: Variables, found: Variables, outside: Trials, network: bool) -> list[Worth]:
    """Accuracy before (of a network) and after, and how far apart people are in its features."""
    before, after = (accuracy_of(decoder, v, outside) for v in (start, found))
    interval = mean_interval(after, bounds=(0.0, 100.0))
    nan = float("nan")
    if not network:
        return [Worth("accuracy", nan, interval.value, interval.lo, interval.hi, "%")]
    rows = [Worth("accuracy", float(before.mean()), interval.value, interval.lo, interval.hi, "%")]
    if len(after) > 1:
        there = jax.vmap(usable)(outside).weight
        measured = [between_people(features_of(decoder, v, outside), there) for v in (start, found)]
        rows += [Worth(name, float(measured[0][name]), float(measured[1][name]), nan, nan, "") for name in measured[0]]
    return rows


def metrics_of(rows: Sequence[Worth]) -> dict[str, float]:
    """Name -> what a card keeps: after training, percents as fractions, without what is not a number."""
    found = {row.name: row.after / 100.0 if row.unit == "%" else row.after for row in rows}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def after_steps(decoder: Decoder, learner: Any, start: Variables, found: Variables, outside: Trials) -> Worth:
    """Accuracy, %, after the learner's steps on each person's first ten trials, on those that follow, one or more of
    everybody; the ten tell the scale as well."""
    few, later = (jax.tree.map(lambda a, s=s: a[:, s], outside) for s in (slice(N_FEW), slice(N_FEW, None)))

    @jax.jit
    def right(variables: Variables) -> Array:
        def one(few: Trials, later: Trials) -> Array:
            later = euclidean_align(later, few)
            tuned = recalibrate(decoder, variables, euclidean_align(few), learner)
            logits = jax.vmap(lambda x: decoder.apply(tuned, x))(later.x)
            hits = (logits.argmax(-1) == later.y) * later.weight
            return 100.0 * hits.sum() / jnp.maximum(later.weight.sum(), 1e-12)

        return jax.lax.map(lambda both: one(*both), (few, later))

    before, after = (np.asarray(right(v), float) for v in (start, found))
    interval = mean_interval(after, bounds=(0.0, 100.0))
    return Worth(f"accuracy_after_{N_FEW}", float(before.mean()), interval.value, interval.lo, interval.hi, "%")
