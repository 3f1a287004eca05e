"""How like the calibration a stretch of unlabelled windows looks to a decoder, whatever the mixture of classes."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ..contract import Decoder, Trials, Variables
from ..trials import usable


def views(decoder: Decoder, variables: Variables, x: Array) -> tuple[Array, Array]:
    """What the decoder sees in x: the means of its features (n_features,), and its logits about their mean with their
    squares (2 n_classes,)."""
    logits = decoder.apply(variables, x)
    logits = logits - logits.mean()
    means = [jnp.ravel(own["mean"]) for own in decoder.moments(variables, x).values()]
    return jnp.concatenate([*means, jnp.zeros(0)]), jnp.concatenate([logits, logits**2])


class Group(NamedTuple):
    """One view in the calibration: means (n_classes, d), scale (d,) within classes, spread (): variance of the sum of
    squares of a mean's d standardised deviations, d and all correlations accounted for; n (n_classes,), windows."""

    means: Array
    scale: Array
    spread: Array
    n: Array


class Likeness(NamedTuple):
    """The calibration as the source decoder sees it: its features and its logits."""

    groups: tuple[Group, Group]

    @classmethod
    def of(cls, decoder: Any, variables: Variables, calibration: Trials) -> "Likeness":
        """From labelled calibration windows."""
        x, y, weight = usable(calibration)
        seen = jax.vmap(lambda x: views(decoder, variables, x))(x)
        member = jax.nn.one_hot(y, decoder.n_classes) * weight[:, None]
        return cls(tuple(_group(view, member) for view in seen))  # type: ignore[arg-type]

    def strangeness(self, sums: tuple[Array, Array], weight: Array, squares: Array) -> Array:
        """() standardised distance of mean views (their ``sums`` (d,) over total ``weight``, whose squares sum to
        ``squares``) from the nearest mixture of the calibration's classes; about 0, with standard deviation 1, without
        drift. A change of how often each class comes is no strangeness.
        """
        total = jnp.zeros(())
        for group, added in zip(self.groups, sums):
            if added.shape[0]:
                share, rest = _nearest_mixture(added / jnp.maximum(weight, 1e-12), group)
                # The calibration's own means are uncertain too, that of one class more than that of all.
                variance = squares / jnp.maximum(weight**2, 1e-12) + (share**2 / jnp.maximum(group.n, 1.0)).sum()
                total = total + (rest / variance - added.shape[0]) / jnp.sqrt(group.spread)
        return total / jnp.sqrt(2.0)


def _group(view: Array, member: Array) -> Group:
    """``view`` (n_windows, d), ``member`` (n_windows, n_classes)."""
    count = member.sum(0)[:, None]
    whole = member.sum(-1) @ view / jnp.maximum(member.sum(), 1e-12)
    # A class that the calibration has not got is expected where all of them are.
    means = jnp.where(count > 0, member.T @ view / jnp.maximum(count, 1e-12), whole)
    rest = (view - member @ means) * (member.sum(-1) > 0)[:, None]
    n = jnp.maximum(member.sum(), 1.0)
    scale = jnp.sqrt((rest**2).sum(0) / n)
    scale = jnp.maximum(scale, 1e-3 * jnp.sqrt((scale**2).mean() + jnp.finfo(scale.dtype).tiny))
    standard = rest / scale
    gram = standard @ standard.T
    d = float(view.shape[-1])
    # tr C² of the correlations C, less what the sampling of n windows adds
    squares = (gram**2).sum() / n**2 - d**2 / n
    return Group(means, scale, 2.0 * jnp.maximum(squares, d), count[:, 0])


def _nearest_mixture(mean: Array, group: Group) -> tuple[Array, Array]:
    """Shares (n_classes,) of the mixture of class means nearest to ``mean`` (d,), and its squared standardised
    distance ()."""
    corners = (group.means - mean) / group.scale
    n_classes = corners.shape[0]

    def step(_: int, share: Array) -> Array:
        # Pairwise Frank & Wolfe with exact line search: weight goes from the corner that pulls away most to the one
        # most against the point. One step is exact for two classes.
        point = share @ corners
        pull = corners @ point
        to, off = jnp.argmin(pull), jnp.argmax(jnp.where(share > 0, pull, -jnp.inf))
        way = corners[to] - corners[off]
        t = jnp.clip(-(point @ way) / jnp.maximum(way @ way, 1e-12), 0.0, share[off])
        return share.at[to].add(t).at[off].add(-t)

    n_steps = 1 if n_classes == 2 else 16 * n_classes
    share = jax.lax.fori_loop(0, n_steps, step, jnp.eye(n_classes)[0])
    return share, ((share @ corners) ** 2).sum()
