"""Several copies of a method on decoders of other seeds, weighted by the accuracy that their agreement betrays."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.keys import stream_key
from ...sim.pytree import component, static
from ..contract import Adapter, Decoder, Feedback, Trials, Variables
from .composed import labels_used
from .errors import heard
from .gate import select
from .testtime import is_network

N_FACTORINGS, N_POWERS = 12, 12


def sml_weights(covariance: Array) -> Array:
    """Weights (n_members,) in proportion to 2 · balanced accuracy - 1, from the covariance (n_members, n_members) of
    the members' votes: the spectral meta-learner (Parisi 2014).

    Where members err independently of each other the covariance is, off its diagonal, of rank one, λ v v', v the
    weights. The diagonal (a vote's own variance) says nothing and is replaced by λ v² until it agrees with the rest.
    The sign is that in which the members are right more often than wrong.
    """
    off = covariance - jnp.diag(jnp.diagonal(covariance))

    def leading(matrix: Array, v: Array) -> Array:
        def power(_: int, v: Array) -> Array:
            v = matrix @ v
            return v / jnp.maximum(jnp.linalg.norm(v), jnp.finfo(v.dtype).tiny)

        return jax.lax.fori_loop(0, N_POWERS, power, v)

    def factor(_: int, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        matrix, v = carry
        v = leading(matrix, v)
        value = v @ matrix @ v
        return off + jnp.diag(value * v**2), v

    n = covariance.shape[0]
    _, v = jax.lax.fori_loop(0, N_FACTORINGS, factor, (covariance, jnp.full(n, n**-0.5)))
    return v * jnp.where(v.sum() < 0, -1.0, 1.0)


class Votes(NamedTuple):
    """n: () float32, windows; mean: (n_classes, n_members) of the members' class probabilities;
    scatter: (n_classes, n_members, n_members), sum over windows of products of deviations from the mean."""

    n: Array
    mean: Array
    scatter: Array

    def add(self, proba: Array) -> "Votes":
        """With the probabilities (n_members, n_classes) of one more window (Welford 1962)."""
        n, votes = self.n + 1, proba.T
        mean = self.mean + (votes - self.mean) / n
        return Votes(n, mean, self.scatter + jnp.einsum("ki,kj->kij", votes - self.mean, votes - mean))

    def weights(self) -> Array:
        """(n_members, n_classes), summing to 1 over members: equal until there are as many windows as members."""
        n_members = self.mean.shape[-1]
        found = jnp.maximum(jax.vmap(sml_weights)(self.scatter / jnp.maximum(self.n, 1)), 0.0)
        total = found.sum(-1, keepdims=True)
        usable = (self.n >= n_members) & (total > 0)
        return jnp.where(usable, found / jnp.where(total > 0, total, 1.0), 1.0 / n_members).T


class EnsembleState(NamedTuple):
    """members: the states of the members, stacked on a leading axis; votes: what they said so far."""

    members: Any
    votes: Votes

    @property
    def variables(self) -> Variables:
        """The members' variables, stacked."""
        return self.members.variables

    @property
    def labels_used(self) -> Array:
        return jax.vmap(labels_used)(self.members)[0]


@component
class Ensemble:
    """``n_members`` copies of ``adapter``, their probabilities averaged by weights of the spectral meta-learner.

    The first member is the decoder that ``init`` is given. ``members``, Variables with a leading axis (n_members - 1,)
    and an alignment each, are the others; without, they are trained on the calibration from other seeds or, where
    training knows no chance, on bootstrap samples of it (Breiman 1996). The weights are per class (one against the
    rest), from soft votes, as Li 2024. Members run side by side under vmap.
    """

    adapter: Any
    n_members: int = static(default=5)
    members: Variables | None = None

    @property
    def learns_unlabelled(self) -> bool:
        """As the adapter that it is made of."""
        return getattr(self.adapter, "learns_unlabelled", False)

    def init(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> EnsembleState:
        others = self.members
        if others is None:
            keys = jax.random.split(stream_key(key, "members"), self.n_members - 1)
            others = jax.vmap(lambda k: _train(decoder, variables.align, calibration, k))(keys)
        stacked = jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), variables, others)
        n_members, n_classes = stacked.align.shape[0], decoder.n_classes
        states = jax.vmap(lambda v, k: self.adapter.init(decoder, v, calibration, k))(
            stacked, jax.random.split(stream_key(key, "adapters"), n_members)
        )
        zeros = jnp.zeros((n_classes, n_members))
        return EnsembleState(states, Votes(jnp.zeros(()), zeros, jnp.zeros((*zeros.shape, n_members))))

    def predict(self, state: EnsembleState, x: Array) -> Array:
        """Logarithm (n_classes,) of the weighted mean of the members' probabilities; equal for a window not finite."""
        proba = self._proba(state, x)
        return jnp.where(jnp.isfinite(x).all(), _together(state.votes.add(proba), proba), 0.0)

    def update(self, state: EnsembleState, x: Array, feedback: Feedback) -> EnsembleState:
        """Note the members' votes on x, then let each learn."""
        proba = self._proba(state, x)
        votes = state.votes.add(proba)
        decoded = _together(votes, proba)

        def learn(member: Any, own: Array) -> Any:
            return self.adapter.update(member, x, feedback._replace(error=heard(feedback.error, own, decoded)))

        members = jax.vmap(learn)(state.members, proba)
        return EnsembleState(members, select(jnp.isfinite(x).all(), votes, state.votes))

    def _proba(self, state: EnsembleState, x: Array) -> Array:
        adapter: Adapter = self.adapter
        return jax.nn.softmax(jax.vmap(lambda member: adapter.predict(member, x))(state.members))


def _together(votes: Votes, proba: Array) -> Array:
    """Logarithm (n_classes,) of the mean of the members' probabilities, weighted by their votes up to these."""
    mean = (votes.weights() * proba).sum(0)
    return jnp.log(jnp.maximum(mean / mean.sum(), 1e-7))


def _train(decoder: Any, align: Array, calibration: Trials, key: Array) -> Variables:
    init, fit, draw = jax.random.split(key, 3)
    if not is_network(decoder):
        n = calibration.y.shape[0]
        drawn = jax.random.categorical(draw, jnp.log(calibration.weight), shape=(n,))
        calibration = calibration._replace(weight=jnp.zeros(n).at[drawn].add(calibration.weight.sum() / n))
    return decoder.fit(decoder.init(init)._replace(align=align), calibration, fit)
