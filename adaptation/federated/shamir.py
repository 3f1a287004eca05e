"""Shamir's secret sharing (1979): any ``threshold`` of the shares give the secret back, fewer say nothing of it."""

import secrets

from ...sim.errors import InputError

#: A Mersenne prime, beyond any secret of 64 bytes.
PRIME = 2**521 - 1


def shares(secret: int, n: int, threshold: int) -> list[tuple[int, int]]:
    """``n`` points (x, y) of a random polynomial of degree threshold - 1 that is ``secret`` at 0, modulo PRIME."""
    if not 1 <= threshold <= n or not 0 <= secret < PRIME:
        raise InputError(
            f"{threshold} of {n} shares of {secret.bit_length()} bits; wanted 1 <= k <= n and at most 520 bits"
        )
    coefficients = [secret, *(secrets.randbelow(PRIME) for _ in range(threshold - 1))]
    return [(x, sum(c * pow(x, k, PRIME) for k, c in enumerate(coefficients)) % PRIME) for x in range(1, n + 1)]


def secret(points: list[tuple[int, int]]) -> int:
    """The polynomial through ``points`` at 0 (Lagrange); right where there are as many as the threshold."""
    total = 0
    for i, (x, y) in enumerate(points):
        above = below = 1
        for j, (other, _) in enumerate(points):
            if i != j:
                above, below = above * other % PRIME, below * (other - x) % PRIME
        total += y * above * pow(below, -1, PRIME)
    return total % PRIME
