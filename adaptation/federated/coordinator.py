"""The coordinator: it sends a decoder out, sees updates come back, and never a trial."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.errors import InputError
from ...sim.keys import stream_key
from ..contract import Decoder, Variables
from .aggregation import RULES, aggregate
from .screening import screen
from .secure import Reveal, opened, quorum
from .shared import SHARES
from .site import Masked, Training, Update, moved


class Sites(Protocol):
    """What a coordinator can ask of those who take part."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def updates(
        self, decoder: Decoder, variables: Variables, training: Training, share: str, chosen: Sequence[int], key: Array
    ) -> list[Update]: ...

    def masked(
        self,
        decoder: Decoder,
        variables: Variables,
        training: Training,
        share: str,
        chosen: Sequence[int],
        key: Array,
        clip: float | None,
    ) -> Masked:
        """Updates that the sites have shortened to ``clip`` and masked; those of sites that drop out are not there."""
        ...

    def reveal(
        self, chosen: Sequence[int], asked: Sequence[int], stayed: Sequence[int], lost: Sequence[int]
    ) -> dict[int, dict[int, tuple[int, int]]]:
        """What takes the masks off the sum of those who ``stayed``: shares from those who are ``asked``, by place."""
        ...


class Round(NamedTuple):
    """The record of a round. sites: who was asked; refused: why an update was left out, by name; clipped: whose was
    shortened; norms: of the updates as they came, by name, none where they were summed in secret."""

    sites: tuple[str, ...]
    refused: dict[str, str]
    clipped: tuple[str, ...]
    norms: dict[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Federation:
    """How the coordinator goes about it.

    n_clients sites, drawn anew each round, train; ``rule`` makes one update of theirs, ``rate`` of which is taken.
    share: what travels (:mod:`shared`). clip: longest norm of an update; too_large: refused above so many times the
    median norm of the round; trim, n_bad: of the trimmed mean and of Krum. secure: every site shortens its own update
    to ``clip`` and masks it (:mod:`secure`); the coordinator is given masked vectors and learns their sum alone. It can
    then neither refuse nor rank them, and nothing makes a hostile site shorten its own. screened False averages
    everything, whatever it is.
    """

    n_rounds: int = 50
    n_clients: int = 4
    share: str = "all"
    rule: str = "mean"
    rate: float = 1.0
    clip: float | None = None
    too_large: float | None = 10.0
    trim: float = 0.2
    n_bad: int = 2
    secure: bool = False
    screened: bool = True

    def __post_init__(self) -> None:
        if self.n_rounds < 1 or self.n_clients < 1:
            raise InputError(f"{self.n_rounds} rounds with {self.n_clients} sites each; wanted 1 or more of either")
        if self.share not in SHARES:
            raise InputError(f"what a federation shares is {self.share!r}; wanted one of {', '.join(SHARES)}")
        if self.rule not in RULES:
            raise InputError(f"the rule of aggregation is {self.rule!r}; wanted one of {', '.join(RULES)}")
        if self.clip is not None and not self.clip > 0:
            raise InputError(f"updates are clipped to {self.clip}; wanted a norm above 0, or None")
        if not (self.screened or self.secure) and (self.rule != "mean" or self.clip is not None):
            raise InputError(
                f"screened=False with the rule {self.rule!r} and clip {self.clip}: all comes in as it is, averaged; "
                "use rule 'mean' and clip None, or screened=True, whose too_large=None refuses none for its length"
            )
        if self.secure and self.rule != "mean":
            raise InputError(
                f"a secure sum with the rule {self.rule!r}: the coordinator sees the sum alone and cannot rank "
                "updates; use rule 'mean', or secure=False"
            )
        if self.secure and self.n_clients < 3:
            raise InputError(
                f"a secure sum of {self.n_clients} sites tells each what the others sent; wanted 3 or more a round"
            )


def federate(
    sites: Sites,
    decoder: Decoder,
    start: Variables,
    training: Training,
    federation: Federation,
    key: Array,
    after: Callable[[int, Variables], None] | None = None,
) -> tuple[Variables, list[Round]]:
    """(variables, rounds) after ``federation.n_rounds``; ``after(i, variables)`` is told of each.

    ``start.align`` is kept. What sites keep to themselves stays as it was in ``start``: see ``Site.personal``.
    Raises InputError where more sites are to be drawn than there are.
    """
    names = sites.names
    if federation.n_clients > len(names):
        raise InputError(f"{federation.n_clients} sites a round of {len(names)}; draw fewer")
    variables, rounds, seen = start, [], set()
    for i in range(federation.n_rounds):
        drawn = jax.random.permutation(stream_key(key, "sites", i), len(names))[: federation.n_clients]
        chosen = [int(j) for j in np.sort(np.asarray(drawn))]
        asked = (decoder, variables, training, federation.share, chosen, stream_key(key, "round", i))
        who = tuple(names[j] for j in chosen)
        if federation.secure:
            reveal = functools.partial(sites.reveal, chosen)
            delta, told = _secure(sites.masked(*asked, federation.clip), reveal, who)
        else:
            delta, told = _open(sites.updates(*asked), who, federation, seen)
        variables = moved(decoder, variables, federation.rate * delta, federation.share)
        rounds.append(told)
        if after is not None:
            after(i, variables)
    return variables, rounds


def _open(updates: list[Update], who: tuple[str, ...], federation: Federation, seen: set) -> tuple[np.ndarray, Round]:
    deltas = [u.delta for u in updates]
    weight = np.array([u.n_trials for u in updates], np.float32)
    if not federation.screened:
        with np.errstate(invalid="ignore", over="ignore"):
            delta = (weight[:, None] / weight.sum() * np.stack(deltas)).sum(0).astype(np.float32)
        return delta, Round(who, {}, (), {})
    found = screen(deltas, seen, clip=federation.clip, too_large=federation.too_large)
    delta = _aggregate(federation.rule, found.updates, found.admitted, weight, federation.trim, federation.n_bad)
    told = Round(
        who,
        {who[i]: reason for i, reason in found.reasons.items()},
        tuple(who[i] for i in found.clipped),
        {name: float(norm) for name, norm in zip(who, found.norms)},
    )
    return np.asarray(delta), told


@functools.partial(jax.jit, static_argnums=(0, 5))
def _aggregate(
    rule: str, updates: np.ndarray, admitted: np.ndarray, weight: np.ndarray, trim: float, n_bad: int
) -> Array:
    return aggregate(rule, jnp.asarray(updates), jnp.asarray(admitted), jnp.asarray(weight), trim, n_bad)


def _secure(masked: Masked, reveal: Reveal, who: tuple[str, ...]) -> tuple[np.ndarray, Round]:
    total = opened(masked.vectors, masked.publics, quorum(len(who)), reveal)
    lost = {name: "dropped out" for place, name in enumerate(who) if place not in masked.vectors}
    # How many trials there are was summed with the rest: the last number.
    return (total[:-1] / total[-1]).astype(np.float32), Round(who, lost, (), {})
