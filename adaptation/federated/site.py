"""A site: trials that nobody outside it reads, and what it answers when it is asked to train."""

import contextlib
import dataclasses
import functools
import secrets
import weakref
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.errors import InputError
from ...sim.keys import stream_key
from ..contract import Decoder, Trials, Variables
from ..transfer.domains import ready
from .secure import Party, exchange, quorum
from .shared import joined, split, unravel, vector

SECRET_BITS = 64  # of a site's own in a key

Tamper = Callable[[Array, Array], Array]
"""(update (n_shared,), what was sent the round before) -> what is sent instead by a hostile or broken site."""


class Training(Protocol):
    """What sites do in a round. private: a coordinator that knew its draws would undo it, so its key is secret."""

    private: ClassVar[bool]

    def train(self, decoder: Decoder, variables: Variables, trials: Trials, key: Array) -> Variables: ...


class Update(NamedTuple):
    """All that leaves a site: by how much the shared vector moved (n_shared,), and how many trials moved it."""

    delta: np.ndarray
    n_trials: int


class Masked(NamedTuple):
    """All that leaves sites for a secure sum, by place among the chosen: public keys, and vectors (n_shared + 1,) of
    integers modulo 2^64. Under the mask: the update times the number of trials, and that number."""

    publics: dict[int, int]
    vectors: dict[int, np.ndarray]


@dataclasses.dataclass
class _Held:
    trials: Trials
    tamper: Tamper | None
    secret: int | None
    sent: np.ndarray | None = None  # the round before, by a site that tampers
    party: Party | None = None  # of the sum under way


# Not an attribute, so that no walk over a site's attributes, no pickle and no copy of it meets a trial or a key.
_HELD: "weakref.WeakKeyDictionary[Site, _Held]" = weakref.WeakKeyDictionary()


class Site:
    """A hospital, simulated: a group of people whose trials enter here and do not leave.

    people: Trials (n_people, n_trials, ...), or (n_trials, ...) of one person; each person is aligned by their own mean
    covariance unless ``align`` is False. The object shows its name and how many trials it has. It cannot be pickled or
    copied. This keeps a coordinator's code honest within one process; it is no wall against code that means harm, which
    another process on another machine would be.

    Private training mixes the key that the coordinator sends with 64 bits of the site's own, drawn anew in each round
    from the operating system. ``secret``: these bits, for a simulation that is to be repeated. Epsilon then does not
    hold against one who knows them; 0 leaves the coordinator's key as it is.
    """

    __slots__ = ("__weakref__", "_name", "_stays", "n_trials")

    def __init__(
        self, name: str, people: Trials, *, align: bool = True, tamper: Tamper | None = None, secret: int | None = None
    ) -> None:
        if people.x.ndim == 3:
            people = jax.tree.map(lambda a: a[None], people)
        if people.x.ndim != 4 or people.y.shape != people.x.shape[:2] or people.weight.shape != people.y.shape:
            raise InputError(
                f"site {name} got x {people.x.shape}, y {people.y.shape} and weight {people.weight.shape}; wanted x "
                "(n_people, n_trials, n_channels, n_times), y and weight (n_people, n_trials)"
            )
        if secret is not None and not 0 <= secret < 2**SECRET_BITS:
            raise InputError(
                f"site {name} got the secret {secret}; wanted 0 to 2^{SECRET_BITS} - 1, or None to draw it"
            )
        people = ready(people, align)
        trials = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), people)
        self._name = name
        self.n_trials = int((people.weight > 0).sum())
        self._stays: Any = None
        if self.n_trials == 0:
            raise InputError(f"site {name} has no usable trial; leave it out or check its recordings")
        _HELD[self] = _Held(trials, tamper, secret)

    @property
    def name(self) -> str:
        return self._name

    def __repr__(self) -> str:
        return f"Site({self._name!r}, {self.n_trials} trials held)"

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(f"site {self._name} does not leave its process: its trials would go with it")

    def update(self, decoder: Decoder, variables: Variables, training: Training, share: str, key: Array) -> Update:
        """Train from ``variables`` on this site's trials; what the shared vector moved by is all that is returned."""
        return Cohort((self,)).updates(decoder, variables, training, share, (0,), key)[0]

    def personal(self, variables: Variables) -> Variables:
        """``variables`` with what this site kept to itself put in: the decoder of its own people."""
        return variables if self._stays is None else _with(variables, self._stays)


class Cohort:
    """Sites in one process, trained side by side: what each answers is what it would answer alone.

    The sites' windows have one shape (n_channels, n_times); a smaller site is padded with trials of no weight, of which
    training makes no step. Beside a site of more than 1625 trials, whom JAX shuffles twice, the order is another.
    """

    __slots__ = ("sites",)

    def __init__(self, sites: Sequence[Site]) -> None:
        if not sites:
            raise InputError("a cohort got no site; wanted one or more")
        names = [site.name for site in sites]
        if len(set(names)) < len(names):
            raise InputError(f"two sites have the same name among {', '.join(names)}; give each its own")
        shapes = sorted({_HELD[site].trials.x.shape[1:] for site in sites})
        if len(shapes) > 1:
            raise InputError(f"sites have windows of shapes {shapes}; wanted one (n_channels, n_times) for all")
        self.sites = tuple(sites)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(site.name for site in self.sites)

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
        """One update per chosen site, trained from ``variables`` and from what that site kept of earlier rounds.

        clip: norm that each site shortens its own update to; one that tampers does so afterwards.
        """
        sites = [self.sites[i] for i in chosen]
        held = [_HELD[site] for site in sites]
        n = max(_HELD[site].trials.y.shape[0] for site in self.sites)
        trials = jax.tree.map(lambda *parts: jnp.stack([_padded(p, n) for p in parts]), *(h.trials for h in held))
        starts = [site.personal(variables) for site in sites]
        keys = jax.vmap(lambda i: stream_key(key, "site", i))(jnp.asarray(chosen))
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *starts)
        keys = _hidden(keys, [h.secret for h in held]) if training.private else keys
        after = _train(training, decoder, stacked, trials, keys)
        deltas, stays = _outcome(share, stacked, after)
        out = []
        for i, (site, h) in enumerate(zip(sites, held)):
            delta = _shortened(np.asarray(deltas[i]), clip)
            site._stays = jax.tree.map(lambda leaf, i=i: leaf[i], stays) or None
            if h.tamper is not None:
                previous = delta if h.sent is None else h.sent
                delta = h.sent = np.asarray(h.tamper(jnp.asarray(delta), jnp.asarray(previous)))
            out.append(Update(delta, site.n_trials))
        return out

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
        """As :meth:`updates`, each masked by its own site: all that a coordinator is given of a secure sum.

        A site drops out whose update cannot be encoded, being not finite or too large for a sum.
        """
        updates = self.updates(decoder, variables, training, share, chosen, key, clip)
        parties = [Party(place, len(chosen), quorum(len(chosen))) for place in range(len(chosen))]
        publics = exchange(parties)
        vectors = {}
        for i, party, (delta, n) in zip(chosen, parties, updates):
            _HELD[self.sites[i]].party = party
            with contextlib.suppress(InputError):
                vectors[party.number] = party.masked(np.append(n * delta.astype(np.float64), n))
        return Masked(publics, vectors)

    def reveal(
        self, chosen: Sequence[int], asked: Sequence[int], stayed: Sequence[int], lost: Sequence[int]
    ) -> dict[int, dict[int, tuple[int, int]]]:
        """Shares of the sum under way (:meth:`Party.reveal`) that the sites at the places ``asked`` give out, once."""
        out = {}
        for place in asked:
            site = self.sites[chosen[place]]
            party = _HELD[site].party
            if party is None:
                raise InputError(f"site {site.name} was asked for shares of no sum; ask for masked updates first")
            out[place] = party.reveal(stayed, lost)
        return out


def _hidden(keys: Array, given: Sequence[int | None]) -> Array:
    """Keys (n_sites,), the last 64 bits of each XORed with a site's own: ``given``, or drawn here."""
    own = [secrets.randbits(SECRET_BITS) if secret is None else secret for secret in given]
    data = np.array(jax.random.key_data(keys))
    data[:, -2:] ^= np.array([(secret >> 32, secret % 2**32) for secret in own], np.uint32)
    return jax.random.wrap_key_data(jnp.asarray(data), impl=jax.random.key_impl(keys))


def _shortened(delta: np.ndarray, clip: float | None) -> np.ndarray:
    norm = np.linalg.norm(delta.astype(np.float64))
    return delta if clip is None or norm <= clip else clip / norm * delta.astype(np.float64)


@jax.jit
def _train(training: Any, decoder: Any, variables: Variables, trials: Trials, keys: Array) -> Variables:
    return jax.vmap(lambda v, t, k: training.train(decoder, v, t, k))(variables, trials, keys)


@functools.partial(jax.jit, static_argnums=0)
def _outcome(share: str, before: Variables, after: Variables) -> tuple[Array, Any]:
    deltas = jax.vmap(lambda b, a: vector(a, share) - vector(b, share))(before, after)
    return deltas, split(after, share)[1]


def _padded(leaf: Array, n: int) -> Array:
    return jnp.pad(leaf, [(0, n - leaf.shape[0])] + [(0, 0)] * (leaf.ndim - 1))


def _with(variables: Variables, stays: Any) -> Variables:
    return joined(variables, split(variables, "weights" if "norms" in stays else "params")[0], stays)


def moved(decoder: Decoder, variables: Variables, delta: Array | np.ndarray, share: str) -> Variables:
    """``variables`` after their shared vector moved by ``delta`` (n_shared,)."""
    travels, stays = split(variables, share)
    back = unravel(decoder, share)
    after = jax.tree.map(jnp.add, travels, back(jnp.asarray(delta)))
    return joined(variables, after, stays)
