"""Hostile sites that agree on what to send, knowing all that the honest ones send and how the coordinator defends.

No real site knows that much of the others: what a rule bears here, it bears of anybody who uses these attacks.
"""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.errors import InputError
from ..contract import Decoder, Variables
from .site import Cohort, Training, Update

Attack = Callable[[Array], Array]
"""Updates (n_honest, n) of the honest sites -> the update (n,) that the hostile ones send."""

APART = 1e-4  # relative: two equal updates would be refused as a replay


def a_little_is_enough(z: float = 1.5) -> Attack:
    """The honest sites' mean less ``z`` of their standard deviations in every coordinate (Baruch et al 2019).

    z 1.5 is that of their experiments; their formula, the most that a majority rule can never tell, gives 0 for two
    sites of ten.
    """
    return lambda honest: honest.mean(0) - z * honest.std(0)


def min_max() -> Attack:
    """The honest sites' mean turned back along itself, as far as leaves its greatest distance to an honest update at
    the greatest distance between two of those (min-max, unit vector: Shejwalkar & Houmansadr 2021)."""

    def attack(honest: Array) -> Array:
        mean = honest.mean(0)
        back = -mean / jnp.maximum(jnp.sqrt(jnp.sum(mean**2)), 1e-12)
        apart = honest[:, None] - honest[None]
        widest = jnp.max(jnp.sum(apart**2, -1))
        # |mean + g back - u|² = widest, for the larger g of each u; the least of those keeps to all
        off = mean - honest
        along = off @ back
        root = jnp.sqrt(jnp.maximum(along**2 - jnp.sum(off**2, 1) + widest, 0.0))
        return mean + jnp.min(root - along) * back

    return attack


class Colluding(Cohort):
    """A cohort some of whose sites send what an attack makes of the honest updates of the round, in place of their own.

    Honest updates are no secret to the hostile sites, in a secure sum either, where each masks what it then sends.
    InputError where a name is not in the cohort, or nobody is honest.
    """

    def __init__(self, cohort: Cohort, hostile: Sequence[str], attack: Attack) -> None:
        unknown = sorted(set(hostile) - set(cohort.names))
        if unknown or len(set(hostile)) == len(cohort.names):
            raise InputError(
                f"hostile sites are {', '.join(hostile)}, of {', '.join(cohort.names)}; wanted some of these, not all"
            )
        super().__init__(cohort.sites)
        self._hostile, self._attack = frozenset(hostile), attack

    def updates(
        self,
        decoder: Decoder,
        variables: Variables,
        training: Training,
        share: str,
        chosen: Sequence[int],
        key: Array,
        clip: float | None = None,
    ) -> list[Update]:
        """As :meth:`Cohort.updates`; a round without an honest or without a hostile site is left as it is."""
        updates = super().updates(decoder, variables, training, share, chosen, key, clip)
        bad = np.array([self.names[i] in self._hostile for i in chosen])
        if bad.all() or not bad.any():
            return updates
        sent = np.asarray(self._attack(jnp.stack([u.delta for u, b in zip(updates, bad) if not b])))
        for place, i in enumerate(np.flatnonzero(bad)):
            updates[i] = Update(sent * np.float32(1.0 + APART * place), updates[i].n_trials)
        return updates
