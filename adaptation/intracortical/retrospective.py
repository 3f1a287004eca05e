"""Refits at the end of a block, on labels inferred from it, given for it, or repeated from before."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component, static
from ..linalg import solve
from ..methods.gate import when
from .contract import Feedback, Session
from .kalman import LinearDecoder, fit_kalman, steady


class Sums(NamedTuple):
    """Sums over bins of counts y and of what is wanted w: yy (n_units, n_units), yw (n_units, 2), y (n_units,), w (2,),
    n ()."""

    yy: Array
    yw: Array
    y: Array
    w: Array
    n: Array


def sums_of(counts: Array, wanted: Array, weight: Array) -> Sums:
    """The sums over counts (n_bins, n_units) and wanted (n_bins, 2), each bin ``weight`` (n_bins,) times."""
    counts = jnp.where(weight[:, None] > 0, counts, 0.0)
    weighted = counts * weight[:, None]
    return Sums(weighted.T @ counts, weighted.T @ wanted, weighted.sum(0), weight @ wanted, weight.sum())


def regress(sums: Sums, ridge: float = 1e-6) -> tuple[Array, Array]:
    """Weights (2, n_units) and offset (2,) that read what is wanted off the counts."""
    n = jnp.maximum(sums.n, 1.0)
    mean, goal = sums.y / n, sums.w / n
    gram = sums.yy / n - jnp.outer(mean, mean)
    n_units = gram.shape[0]
    gram = gram + (ridge * jnp.trace(gram) / n_units + 1e-9) * jnp.eye(n_units, dtype=gram.dtype)
    weights = solve(gram, sums.yw / n - jnp.outer(mean, goal)).T
    return weights, goal - weights @ mean


def rescaled(weights: Array, offset: Array, like: Array) -> tuple[Array, Array]:
    """Weights and offset with each row of weights (2, n_units) as long as the row of ``like``: errors to a target are
    no velocities, so that their scale is kept from before."""
    size = jnp.sqrt((like**2).sum(1)) / jnp.maximum(jnp.sqrt((weights**2).sum(1)), 1e-12)
    return weights * size[:, None], offset * size


@component
class LeastSquares:
    """The new weights are the regression of the inferred errors on the counts; of the old ones the size is left."""

    ridge: float = 1e-6

    def start(self, session: Session) -> Any:
        return ()

    def __call__(
        self, memory: Any, decoder: LinearDecoder, counts: Array, error: Array, weight: Array
    ) -> tuple[Any, LinearDecoder]:
        return memory, self.refitted(decoder, sums_of(counts, error, weight))

    def refitted(self, decoder: LinearDecoder, sums: Sums) -> LinearDecoder:
        """``decoder`` itself where there are fewer than two bins for each unit."""
        weights, offset = rescaled(*regress(sums, self.ridge), decoder.weights)
        enough = (sums.n >= 2 * sums.y.shape[0]) & jnp.isfinite(weights).all()
        new = decoder._replace(weights=weights, offset=offset)
        return jax.tree.map(lambda n, o: jnp.where(enough, n, o), new, decoder)


@component
class GradientReplay:
    """Gradient steps on the input layer from where it is, ``fresh`` of a batch new and the rest of the calibration, as
    in CORP (Fan et al. 2023): 60 % new, rate .01, batches of 64, at most 200 steps.

    The loss is the mean squared error of unit vectors, on counts in units of the calibration's mean and deviation.
    Batches are drawn from a fixed key folded with the number of the refit.
    """

    rate: float = 0.01
    fresh: float = 0.6
    n_steps: int = static(default=200)
    batch: int = static(default=64)

    def start(self, session: Session) -> Any:
        total = jnp.maximum(session.weight.sum(), 1.0)
        mean = session.weight @ session.counts / total
        sd = jnp.sqrt(jnp.maximum(session.weight @ (session.counts - mean) ** 2 / total, 1e-3))
        return Replay(session.counts, unit(session.velocity), session.weight, mean, sd, jnp.zeros((), jnp.int32))

    def __call__(
        self, memory: "Replay", decoder: LinearDecoder, counts: Array, error: Array, weight: Array
    ) -> tuple["Replay", LinearDecoder]:
        n_new = round(self.batch * self.fresh)
        key = jax.random.fold_in(jax.random.key(0), memory.refits)
        size = jnp.sqrt((decoder.weights**2).sum(1)).mean()
        weights = decoder.weights / size * memory.sd
        offset = decoder.offset / size + decoder.weights / size @ memory.mean
        old = (memory.counts, memory.wanted, memory.weight)
        new = (counts, unit(error), weight)

        def drawn(key: Array, of: tuple[Array, Array, Array], n: int) -> tuple[Array, Array]:
            log_p = jnp.where(of[2] > 0, jnp.log(jnp.maximum(of[2], 1e-12)), -jnp.inf)
            at = jax.random.categorical(key, log_p, shape=(n,))
            return (of[0][at] - memory.mean) / memory.sd, of[1][at]

        def step(layer: tuple[Array, Array], key: Array) -> tuple[tuple[Array, Array], None]:
            keys = jax.random.split(key)
            parts = drawn(keys[0], new, n_new), drawn(keys[1], old, self.batch - n_new)
            x, y = (jnp.concatenate(p) for p in zip(*parts))
            left = x @ layer[0].T + layer[1] - y
            slope = 2.0 * left.T @ x / self.batch, 2.0 * left.mean(0)
            return (layer[0] - self.rate * slope[0], layer[1] - self.rate * slope[1]), None

        (weights, offset), _ = jax.lax.scan(step, (weights, offset), jax.random.split(key, self.n_steps))
        weights = weights / memory.sd
        offset = offset - weights @ memory.mean
        found = decoder._replace(weights=weights * size, offset=offset * size)
        good = (weight.sum() > 0) & jnp.isfinite(weights).all()
        found = jax.tree.map(lambda n, o: jnp.where(good, n, o), found, decoder)
        return memory._replace(refits=memory.refits + 1), found


class Replay(NamedTuple):
    """counts, wanted, weight: the calibration; mean, sd (n_units,) of its counts; refits () int32."""

    counts: Array
    wanted: Array
    weight: Array
    mean: Array
    sd: Array
    refits: Array


def unit(vectors: Array) -> Array:
    """(..., 2) of length 1, or 0 for those of no length."""
    size = jnp.sqrt((vectors**2).sum(-1, keepdims=True))
    return jnp.where(size > 1e-9, vectors / jnp.maximum(size, 1e-9), 0.0)


class BlockState(NamedTuple):
    """decoder; velocity (2,); counts (n_bins, n_units), position, direction, wanted (n_bins, 2), selected, known
    (n_bins,) bool: the latest bins, one in place of the other; filled () int32, how many of this session there were;
    memory: of the rule that refits."""

    decoder: LinearDecoder
    velocity: Array
    counts: Array
    position: Array
    direction: Array
    wanted: Array
    selected: Array
    known: Array
    filled: Array
    memory: Any


@component
class Retrospective:
    """At the end of a session the decoder is refitted on what ``labels`` infers of its latest ``n_bins`` bins.

    labels: one of :mod:`.targets`, or None for the errors to the true targets, where these are known (supervised).
    refit: :class:`LeastSquares` or :class:`GradientReplay`. The decoder of the calibration is a Kalman filter of
    settled gain, whose smoothing is kept.
    """

    labels: Any = None
    refit: Any = LeastSquares()
    n_bins: int = static(default=4000)

    def init(self, calibration: Session, key: Array) -> BlockState:
        decoder = steady(fit_kalman(calibration))
        n_units = calibration.counts.shape[1]
        place, no = jnp.zeros((self.n_bins, 2), decoder.offset.dtype), jnp.zeros(self.n_bins, bool)
        return BlockState(
            decoder, jnp.zeros_like(decoder.offset), jnp.zeros((self.n_bins, n_units), decoder.offset.dtype), place,
            place, place, no, no, jnp.zeros((), jnp.int32), self.refit.start(calibration),
        )  # fmt: skip

    def predict(self, state: BlockState, counts: Array) -> Array:
        return state.decoder(state.velocity, counts)

    def update(self, state: BlockState, counts: Array, feedback: Feedback) -> BlockState:
        velocity = state.decoder(state.velocity, counts)
        finite = jnp.isfinite(counts).all() & jnp.isfinite(feedback.cursor).all()
        raw = state.decoder.weights @ jnp.where(finite, counts, 0.0) + state.decoder.offset
        known = finite & (feedback.has_target if self.labels is None else True)
        place = state.filled % self.n_bins
        rows = (
            (state.counts, jnp.where(finite, counts, 0.0)),
            (state.position, jnp.where(finite, feedback.cursor, state.position[place - 1])),
            (state.direction, jnp.where(finite, raw, 0.0)),
            (state.wanted, jnp.where(known, feedback.target - feedback.cursor, 0.0)),
            (state.selected, feedback.selected),
            (state.known, known),
        )
        block = tuple(buffer.at[place].set(new.astype(buffer.dtype)) for buffer, new in rows)
        filled = state.filled + 1
        ended = feedback.session_end
        memory, decoder = when(ended, self._refitted, (state.memory, state.decoder), (*block, filled))
        return BlockState._make((decoder, velocity, *block, jnp.where(ended, 0, filled), memory))

    def _refitted(self, before: tuple[Any, LinearDecoder], block: tuple[Array, ...]) -> tuple[Any, LinearDecoder]:
        *buffers, filled = block
        # targets are inferred in the order of time: the latest bin is the last row
        rows = (jnp.roll(buffer, -filled % self.n_bins, axis=0) for buffer in buffers)
        counts, position, direction, wanted, selected, usable = rows
        here = jnp.arange(self.n_bins) >= self.n_bins - filled
        if self.labels is None:
            error, weight = wanted, usable.astype(counts.dtype)
        else:
            error, weight = self.labels(position, jnp.where(here[:, None], direction, 0.0), selected & here)
            weight = weight * usable
        return self.refit(before[0], before[1], counts, error, weight * here)
