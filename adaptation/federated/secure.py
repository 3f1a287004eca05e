"""Secure summation (Bonawitz et al 2017): a coordinator learns the sum of the sites' vectors, exactly, and no vector.

Numbers become integers of 64 bits. Each pair of sites agrees on a secret (Diffie and Hellman) from which both draw the
same mask; one adds it, the other subtracts it, so masks vanish in the sum. A site that drops out leaves its masks
behind: its key, shared out among the others (Shamir), is then put together again and they are taken away. So that a
late message of a site believed lost stays hidden, each site adds a mask of its own as well, whose seed the others give
out for those who stayed, never both for one site. Simulated in one process: shares, which sites would encrypt for one
another, are handed over directly, and everybody keeps to the protocol.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence

import numpy as np

from ...sim.errors import InputError
from . import shamir

#: 2^2048 - 2^1984 - 1 + 2^64 ([2^1918 pi] + 124476), with generator 2 (RFC 3526, group 14).
GROUP = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B"
    "302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE6"
    "49286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D"
    "670C354E4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718"
    "3995497CEA956AE515D2261898FA051015728E5A8AACAA68FFFFFFFFFFFFFFFF",
    16,
)
GENERATOR = 2
KEY_BITS = 256
#: What one is in integers: values are exact to 2^-33, sums up to 2^31 in magnitude.
ONE = 2**32
#: Bound of a sum's magnitude, in units of the values.
LARGEST = 2.0**31

Reveal = Callable[[Sequence[int], Sequence[int], Sequence[int]], dict[int, dict[int, tuple[int, int]]]]
"""(who is asked, who stayed, who is lost) -> by number of those asked what :meth:`Party.reveal` gives."""


def encode(vector: np.ndarray, n_sites: int) -> np.ndarray:
    """Integers modulo 2^64 (n,) of floats (n,). InputError where ``n_sites`` such vectors could pass the modulus."""
    vector = np.asarray(vector, np.float64)
    if not np.isfinite(vector).all() or np.abs(vector).max(initial=0.0) * n_sites >= LARGEST:
        raise InputError(
            f"a vector for a secure sum of {n_sites} sites has values up to {np.abs(vector).max():.3g}; wanted finite "
            f"ones below {LARGEST / n_sites:.3g}: clip updates first"
        )
    return np.round(vector * ONE).astype(np.int64).astype(np.uint64)


def decode(total: np.ndarray) -> np.ndarray:
    """Floats (n,) of a sum of encoded vectors."""
    return np.asarray(total, np.uint64).astype(np.int64) / ONE


class Party:
    """A site's side of one sum. Its keys, its seed and its vector stay here."""

    def __init__(self, number: int, n_sites: int, threshold: int) -> None:
        self.number = number
        self._n_sites = n_sites
        self._threshold = threshold
        self._key = secrets.randbits(KEY_BITS)
        self._seed = secrets.randbits(KEY_BITS)
        self.public = pow(GENERATOR, self._key, GROUP)
        self._publics: dict[int, int] = {}
        self._of_others: dict[int, tuple[tuple[int, int], tuple[int, int]]] = {}
        self._answered = False

    def deal(self, publics: dict[int, int]) -> dict[int, tuple[tuple[int, int], tuple[int, int]]]:
        """Take everybody's public keys; give, by number, a share of one's key and one of one's seed."""
        self._publics = {j: public for j, public in publics.items() if j != self.number}
        keys = shamir.shares(self._key, self._n_sites, self._threshold)
        seeds = shamir.shares(self._seed, self._n_sites, self._threshold)
        return {j: (keys[j], seeds[j]) for j in range(self._n_sites)}

    def keep(self, sender: int, of_sender: tuple[tuple[int, int], tuple[int, int]]) -> None:
        """Keep the shares that ``sender`` dealt."""
        self._of_others[sender] = of_sender

    def masked(self, vector: np.ndarray) -> np.ndarray:
        """One's vector behind one's own mask and those shared with each other site, integers modulo 2^64 (n,)."""
        out = encode(vector, self._n_sites) + stream(self._seed, len(vector))
        for j, public in self._publics.items():
            out = out + signed(self.number, j, pow(public, self._key, GROUP), len(vector))
        return out

    def reveal(self, stayed: Sequence[int], lost: Sequence[int]) -> dict[int, tuple[int, int]]:
        """A share of the seed of all who stayed, of the key of all who are lost. Once, and never both of anybody."""
        if self._answered:
            raise InputError(f"site {self.number} was asked twice for shares of one sum; begin a new one")
        if set(stayed) & set(lost) or len(stayed) < self._threshold:
            raise InputError(
                f"site {self.number} was asked for shares with {len(stayed)} sites left and {len(lost)} lost; wanted "
                f"at least {self._threshold} left, and nobody in both"
            )
        self._answered = True
        return {j: self._of_others[j][1] for j in stayed} | {j: self._of_others[j][0] for j in lost}


def stream(secret: int, n: int) -> np.ndarray:
    """``n`` integers modulo 2^64 that only who knows ``secret`` can tell from random ones (SHAKE-256)."""
    return np.frombuffer(hashlib.shake_256(secret.to_bytes(256, "big")).digest(8 * n), "<u8").astype(np.uint64)


def signed(me: int, other: int, shared: int, n: int) -> np.ndarray:
    """The mask of a pair as ``me`` applies it: added by the lower number, subtracted by the higher."""
    mask = stream(shared, n)
    return mask if me < other else np.uint64(0) - mask


def quorum(n_sites: int) -> int:
    """How many of so many sites must stay: more than two thirds."""
    return 2 * n_sites // 3 + 1


def exchange(parties: Sequence[Party]) -> dict[int, int]:
    """Public keys by number, after everybody has dealt out shares to everybody."""
    publics = {p.number: p.public for p in parties}
    for party in parties:
        for receiver, of_sender in party.deal(publics).items():
            parties[receiver].keep(party.number, of_sender)
    return publics


def secure_sum(vectors: Sequence[np.ndarray], *, lost: Sequence[int] = (), threshold: int | None = None) -> np.ndarray:
    """Sum (n,) of the vectors of the sites that are not ``lost``, which drop out after keys were exchanged: the whole
    protocol, both sides of it.

    Exact to the rounding of each value to 2^-32. ``threshold``: how many sites must stay, by default :func:`quorum`.
    Raises InputError, and reveals nothing, where fewer do.
    """
    n_sites = len(vectors)
    lengths = {len(v) for v in vectors}
    if n_sites < 2 or len(lengths) != 1:
        raise InputError(
            f"a secure sum got {n_sites} vectors of lengths {sorted(lengths)}; wanted 2 or more of one length"
        )
    threshold = quorum(n_sites) if threshold is None else threshold
    parties = [Party(i, n_sites, threshold) for i in range(n_sites)]
    publics = exchange(parties)
    received = {p.number: p.masked(np.asarray(v)) for p, v in zip(parties, vectors) if p.number not in set(lost)}
    return opened(received, publics, threshold, lambda asked, *who: {i: parties[i].reveal(*who) for i in asked})


def opened(received: dict[int, np.ndarray], publics: dict[int, int], threshold: int, reveal: Reveal) -> np.ndarray:
    """The coordinator's side: the sum (n,) of what was ``received``, by number; who sent nothing is lost.

    Raises InputError, and asks for no share, where fewer than ``threshold`` are left.
    """
    stayed, lost = sorted(received), sorted(set(publics) - set(received))
    if len(stayed) < threshold:
        raise InputError(
            f"only {len(stayed)} of {len(publics)} sites are left for a secure sum; wanted {threshold}: ask all again, "
            "and clip updates if they are too large to be summed"
        )
    return decode(unmask(received, reveal(stayed[:threshold], stayed, lost), publics))


def unmask(
    received: dict[int, np.ndarray], revealed: dict[int, dict[int, tuple[int, int]]], publics: dict[int, int]
) -> np.ndarray:
    """The encoded sum of what was ``received``, by the shares that were ``revealed``."""
    n = len(next(iter(received.values())))
    total = np.zeros(n, np.uint64)
    for vector in received.values():
        total = total + vector
    for j in publics:
        recovered = shamir.secret([points[j] for points in revealed.values()])
        if j in received:
            total = total - stream(recovered, n)
            continue
        for i in received:
            total = total - signed(i, j, pow(publics[i], recovered, GROUP), n)
    return total
