"""Where the user wanted to go, inferred after the event from where the cursor went: labels without a labeller.

All take a block of bins: position (n_bins, 2) of the cursor, direction (n_bins, 2) as decoded before smoothing,
selected (n_bins,) bool. All give the error that the user saw, target - position (n_bins, 2), and a weight (n_bins,).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.pytree import component, static


class Inferred(NamedTuple):
    """error (n_bins, 2): from the cursor to where it is taken to have been going; weight (n_bins,)."""

    error: Array
    weight: Array


@component
class HiddenTargets:
    """PRI-T: targets on a grid as the states of a hidden Markov chain that rarely moves, decoded directions as what is
    seen of them (Wilson et al. 2023, bioRxiv 2023.02.03.527022).

    A decoded direction is von Mises around the direction to the target, of concentration ``kappa`` times the logistic
    function of ``slope`` (distance - ``inflection``): near the target directions say little. ``stay`` is the
    probability of the same target in the next bin. posterior: each bin's target is the mean over the smoothed
    probabilities, else that of the likeliest course (Viterbi); weights are the squares of the largest probability.
    lo, hi: the corners (2,) of the grid. It is lost where users do not move to targets, or to targets off the grid.
    """

    lo: Array
    hi: Array
    kappa: float = 4.0
    stay: float = 0.999
    inflection: float = 0.2
    slope: float = 1.0
    n_side: int = static(default=20)
    posterior: bool = static(default=False)
    weighted: bool = static(default=False)

    @classmethod
    def on(cls, lo: Any = (-0.5, -0.5), hi: Any = (0.5, 0.5), **fields: Any) -> "HiddenTargets":
        """A grid with these corners, in the cursor's unit."""
        return cls(lo=jnp.asarray(lo, jnp.float32), hi=jnp.asarray(hi, jnp.float32), **fields)

    def targets(self) -> Array:
        """(n_side ** 2, 2) positions."""
        line = jnp.linspace(0.0, 1.0, self.n_side)
        unit = jnp.stack(jnp.meshgrid(line, line, indexing="xy"), axis=-1).reshape(-1, 2)
        return self.lo + unit * (self.hi - self.lo)

    def evidence(self, position: Array, direction: Array) -> Array:
        """Log-likelihood (n_bins, n_targets) of each bin's direction, for each target; the same for all targets where
        nothing was decoded."""
        targets = self.targets()
        speed = jnp.sqrt((direction**2).sum(1))
        seen = direction / jnp.maximum(speed, 1e-12)[:, None]
        x, y = (targets[None, :, i] - position[:, i, None] for i in (0, 1))
        distance = jnp.sqrt(x**2 + y**2)
        cosine = (seen[:, :1] * x + seen[:, 1:] * y) / jnp.maximum(distance, 1e-12)
        kappa = self.kappa * jax.nn.sigmoid(self.slope * (distance - self.inflection))
        # log I0(kappa) = kappa + log I0e(kappa)
        found = kappa * (cosine - 1.0) - jnp.log(jax.scipy.special.i0e(kappa))
        return jnp.where((speed > 0)[:, None], found, 0.0)

    def course(self, position: Array, direction: Array) -> Array:
        """(n_bins,) int32: the likeliest course through the targets, by Viterbi's algorithm.

        All moves between targets are equally likely, so that a bin costs as much as there are targets.
        """
        n = self.n_side**2
        stay, move = jnp.log(self.stay), jnp.log((1.0 - self.stay) / (n - 1))

        def forward(score: Array, seen: Array) -> tuple[Array, tuple[Array, Array]]:
            best = jnp.argmax(score)
            stays = score + stay >= score[best] + move
            score = jnp.where(stays, score + stay, score[best] + move) + seen
            return score - score.max(), (stays, best)

        score, (stays, best) = jax.lax.scan(forward, jnp.zeros(n), self.evidence(position, direction))
        last = jnp.argmax(score).astype(jnp.int32)

        def back(target: Array, came: tuple[Array, Array]) -> tuple[Array, Array]:
            stays, best = came
            return jnp.where(stays[target], target, best).astype(jnp.int32), target

        return jax.lax.scan(back, last, (stays, best), reverse=True)[1]

    def probabilities(self, position: Array, direction: Array) -> Array:
        """(n_bins, n_targets): of each target given the whole block, by the forward-backward algorithm."""
        n = self.n_side**2
        evidence = self.evidence(position, direction)
        seen = jnp.exp(evidence - evidence.max(1, keepdims=True))
        off = (1.0 - self.stay) / (n - 1)

        def spread(p: Array) -> Array:
            return (self.stay - off) * p + off * p.sum()

        def forward(p: Array, seen: Array) -> tuple[Array, Array]:
            p = spread(p) * seen
            p = p / p.sum()
            return p, p

        def backward(p: Array, seen: Array) -> tuple[Array, Array]:
            new = spread(p * seen)
            return new / new.sum(), p

        _, ahead = jax.lax.scan(forward, jnp.full(n, 1.0 / n), seen)
        _, behind = jax.lax.scan(backward, jnp.full(n, 1.0 / n), seen, reverse=True)
        both = ahead * behind
        return both / both.sum(1, keepdims=True)

    def __call__(self, position: Array, direction: Array, selected: Array) -> Inferred:
        """``selected`` is not looked at."""
        if not (self.posterior or self.weighted):
            target = self.targets()[self.course(position, direction)]
            return Inferred(target - position, jnp.ones(position.shape[0]))
        p = self.probabilities(position, direction)
        target = p @ self.targets() if self.posterior else self.targets()[self.course(position, direction)]
        return Inferred(target - position, p.max(1) ** 2)


def next_selection(selected: Array) -> Array:
    """(n_bins,) int32: the bin of the first selection at or after each bin, n_bins where none follows."""
    n = selected.shape[0]

    def back(following: Array, here: tuple[Array, Array]) -> tuple[Array, Array]:
        following = jnp.where(here[0], here[1], following)
        return following, following

    bins = jnp.arange(n, dtype=jnp.int32)
    return jax.lax.scan(back, jnp.int32(n), (selected, bins), reverse=True)[1]


@component
class SelectedTargets:
    """RTI: whatever was selected in the end is what the bins before were aimed at (Jarosiewicz et al. 2015, Sci.
    Transl. Med. 7:313ra179).

    Taken are bins at most ``look_back`` and at least ``least_ahead`` bins before the selection, while the cursor was
    more than ``least_distance`` away and approached. With selections that were not meant it learns to miss.
    """

    look_back: int = 320
    least_ahead: int = 30
    least_distance: float = 0.1

    def __call__(self, position: Array, direction: Array, selected: Array) -> Inferred:
        n = position.shape[0]
        following = next_selection(selected)
        known = following < n
        error = position[jnp.minimum(following, n - 1)] - position
        distance = jnp.sqrt((error**2).sum(1))
        ahead = following - jnp.arange(n)
        # the cursor of the bin before and after, as one selection's bins are one approach
        place = jnp.arange(n)
        before, after = jnp.maximum(place - 1, 0), jnp.minimum(place + 1, n - 1)
        goal = position + error
        nearer = _distance(position[after], goal) < _distance(position[before], goal)
        taken = known & (ahead <= self.look_back) & (ahead >= self.least_ahead)
        taken = taken & (distance > self.least_distance) & nearer
        return Inferred(error, taken.astype(position.dtype))


@component
class SnappedTargets:
    """Pseudo-labels from a strong prior: as SelectedTargets, but a selection is taken for the nearest of the targets
    (n_targets, 2) that exist, and left out where none is within ``reach`` of it.

    It stands for what a language model does to decoded letters (CORP, Fan et al. 2023): what can have been meant
    corrects what was decoded.
    """

    targets: Array
    reach: float = 0.15
    look_back: int = 320
    least_distance: float = 0.05

    def __call__(self, position: Array, direction: Array, selected: Array) -> Inferred:
        n = position.shape[0]
        following = next_selection(selected)
        chosen = position[jnp.minimum(following, n - 1)]
        away = _distance(chosen[:, None], self.targets[None])
        goal = self.targets[jnp.argmin(away, axis=1)]
        error = goal - position
        ahead = following - jnp.arange(n)
        taken = (following < n) & (ahead <= self.look_back) & (away.min(1) <= self.reach)
        taken = taken & (_distance(position, goal) > self.least_distance)
        return Inferred(error, taken.astype(position.dtype))


def _distance(a: Array, b: Array) -> Array:
    return jnp.sqrt(((a - b) ** 2).sum(-1))


def corners(targets: np.ndarray, margin: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """The corners of the grid over targets (n_targets, 2) seen so far, ``margin`` wider on all sides."""
    targets = np.asarray(targets, float)
    return targets.min(axis=0) - margin, targets.max(axis=0) + margin
