"""The canary: source, live and shadow copy compared on recent trials, by their labels or, without any, by likeness."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ..contract import Decoder, Feedback, Variables
from .likeness import Likeness, views

#: The order of the compared copies in every array of this file.
SOURCE, LIVE, SHADOW = range(3)


class Evidence(NamedTuple):
    """Sums over recent trials, older ones fading by half at the end of every guard window.

    seen: likeness views of each copy, two arrays (3, d); n, squares: () float32, windows in them and the sum of their
    squared weights; right, log_p: (3,), labels met and log probability given them; differ: (3, 3) float32, squares of
    the differences in log probability; n_labels, label_squares: () float32; counts: (n_classes,) labels or the shadow's
    predictions.
    """

    seen: tuple[Array, Array]
    n: Array
    squares: Array
    right: Array
    log_p: Array
    differ: Array
    n_labels: Array
    label_squares: Array
    counts: Array

    @classmethod
    def none(cls, decoder: Any, variables: Variables, x: Array) -> "Evidence":
        shapes = jax.eval_shape(lambda: views(decoder, variables, x))
        zero = jnp.zeros(())
        seen = tuple(jnp.zeros((3, *shape.shape)) for shape in shapes)
        counts = jnp.zeros(decoder.n_classes)
        return cls(seen, zero, zero, jnp.zeros(3), jnp.zeros(3), jnp.zeros((3, 3)), zero, zero, counts)  # type: ignore[arg-type]

    def with_window(self, decoder: Decoder, copies: tuple[Variables, ...], x: Array) -> "Evidence":
        """One more window x, without its label."""
        new = [views(decoder, variables, x) for variables in copies]
        seen = tuple(total + jnp.stack(view) for total, view in zip(self.seen, zip(*new)))
        predicted = jax.nn.one_hot(new[SHADOW][1][: self.counts.shape[0]].argmax(), self.counts.shape[0])
        return self._replace(seen=seen, n=self.n + 1, squares=self.squares + 1, counts=self.counts + predicted)

    def with_label(self, decoder: Decoder, copies: tuple[Variables, ...], feedback: Feedback) -> "Evidence":
        """One more label, which none of the copies has learnt yet."""
        logits = jnp.stack([decoder.apply(variables, feedback.window) for variables in copies])
        # No single trial decides: a sure and wrong answer counts like one of 2 %.
        log_p = jnp.maximum(jax.nn.log_softmax(logits)[:, feedback.label], -4.0)
        label = jax.nn.one_hot(feedback.label, self.counts.shape[0])
        return self._replace(
            right=self.right + (logits.argmax(-1) == feedback.label),
            log_p=self.log_p + log_p,
            differ=self.differ + (log_p[:, None] - log_p[None]) ** 2,
            n_labels=self.n_labels + 1,
            label_squares=self.label_squares + 1,
            counts=self.counts + label,
        )

    def faded(self) -> "Evidence":
        """Everything half as heavy (weights of single trials are halved, their squares quartered)."""
        half = jax.tree.map(lambda leaf: 0.5 * leaf, self)
        return half._replace(squares=0.25 * self.squares, label_squares=0.25 * self.label_squares)

    def copied(self, origin: int, to: int, where: Array) -> "Evidence":
        """The evidence about copy ``to`` replaced by that about ``origin``, of which it is a copy now."""

        def rows(leaf: Array) -> Array:
            return jnp.where(where, leaf.at[to].set(leaf[origin]), leaf)

        differ = jnp.where(where, self.differ.at[to].set(self.differ[origin]), self.differ)
        differ = jnp.where(where, differ.at[:, to].set(differ[:, origin]), differ)
        seen = tuple(rows(leaf) for leaf in self.seen)
        return self._replace(seen=seen, right=rows(self.right), log_p=rows(self.log_p), differ=differ)

    def strangeness(self, likeness: Likeness) -> Array:
        """(3,) how unlike the calibration the recent windows look to each copy, in standard deviations."""
        return jnp.stack(
            [
                likeness.strangeness((self.seen[0][c], self.seen[1][c]), self.n, self.squares)
                for c in (SOURCE, LIVE, SHADOW)
            ]
        )

    def better(self, one: int, other: int) -> Array:
        """() mean difference in log probability of the labels, ``one`` less ``other``, in standard errors."""
        n = jnp.maximum(self.n_labels, 1.0)
        mean = (self.log_p[one] - self.log_p[other]) / n
        variance = jnp.maximum(self.differ[one, other] / n - mean**2, 1e-8)
        return mean * jnp.sqrt(self.n_effective / variance)

    @property
    def n_effective(self) -> Array:
        """() how many labels of full weight the evidence is worth."""
        return self.n_labels**2 / jnp.maximum(self.label_squares, 1e-12)

    def above_chance(self) -> Array:
        """(3,) share of labels met above chance, in standard errors of guessing."""
        chance = 1.0 / self.counts.shape[0]
        share = self.right / jnp.maximum(self.n_labels, 1e-12)
        return (share - chance) * jnp.sqrt(self.n_effective / (chance * (1.0 - chance)))

    def least_share(self) -> Array:
        """() share of the rarest class, times the number of classes: 1 when balanced."""
        return self.counts.min() / jnp.maximum(self.counts.sum(), 1e-12) * self.counts.shape[0]
