"""Secure summation: exact sums, masks that hide, dropouts, and refusals."""

import numpy as np
import pytest

from neurodrift.adaptation.federated import shamir
from neurodrift.adaptation.federated.secure import GROUP, ONE, Party, decode, encode, exchange, secure_sum, unmask
from neurodrift.sim.errors import InputError


def vectors(n_sites, n=20, seed=0):
    return list(np.random.default_rng(seed).normal(size=(n_sites, n)) * 100)


def dealt(n_sites, threshold):
    """Parties who have exchanged keys and shares, and their public keys."""
    parties = [Party(i, n_sites, threshold) for i in range(n_sites)]
    return parties, exchange(parties)


def test_the_group_is_that_of_rfc_3526():
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workprec(2200):
        pi = int(mpmath.floor(mpmath.ldexp(mpmath.pi, 1918)))
    assert 2**2048 - 2**1984 - 1 + 2**64 * (pi + 124476) == GROUP


@pytest.mark.parametrize("lost", [(), (1,), (0, 4)])
def test_the_sum_is_exact_also_when_sites_drop_out(lost):
    rows = vectors(6)
    exact = sum(np.round(v * ONE).astype(np.int64) for i, v in enumerate(rows) if i not in lost)
    got = secure_sum(rows, lost=lost, threshold=4)
    np.testing.assert_array_equal(got, exact / ONE)
    np.testing.assert_allclose(got, sum(v for i, v in enumerate(rows) if i not in lost), atol=6 / ONE)


def test_what_a_site_sends_looks_the_same_whatever_it_holds():
    parties, _ = dealt(4, 3)
    sent = parties[0].masked(np.zeros(4000))
    # As random integers of 64 bits: mean of the top byte, and no repeats.
    top = (sent >> np.uint64(56)).astype(float)
    assert top.mean() == pytest.approx(127.5, abs=4 * 73.9 / np.sqrt(4000))
    assert len(np.unique(sent)) == 4000
    # Every pair of masks and one's own are in it: the sum of three of four sites is as random.
    partial = sum(p.masked(np.zeros(4000)) for p in parties[:3])
    assert (partial >> np.uint64(56)).astype(float).mean() == pytest.approx(127.5, abs=4 * 73.9 / np.sqrt(4000))


def test_a_late_message_of_a_site_believed_lost_stays_hidden():
    rows = vectors(5)
    parties, publics = dealt(5, 3)
    late = parties[4].masked(rows[4])
    stayed = [0, 1, 2, 3]
    received = {i: parties[i].masked(rows[i]) for i in stayed}
    revealed = {i: parties[i].reveal(stayed, [4]) for i in stayed[:3]}
    np.testing.assert_allclose(decode(unmask(received, revealed, publics)), sum(rows[i] for i in stayed), atol=1e-8)
    # Its pairwise masks can be taken away now, its own mask not: nobody gives its seed out any more.
    with pytest.raises(InputError, match="asked twice"):
        parties[0].reveal([0, 1, 2, 3, 4], [])
    key = shamir.secret([points[4] for points in revealed.values()])
    from neurodrift.adaptation.federated.secure import signed

    bare = late.copy()
    for j in stayed:
        bare = bare - signed(4, j, pow(publics[j], key, GROUP), 20)
    assert np.abs(decode(bare) - rows[4]).min() > 1.0


def test_fewer_shares_than_the_threshold_give_another_secret():
    points = shamir.shares(123456789, 5, 3)
    assert shamir.secret(points[:3]) == shamir.secret([points[4], points[1], points[0]]) == 123456789
    assert shamir.secret(points[:2]) != 123456789


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: secure_sum(vectors(1)), "2 or more"),
        (lambda: secure_sum([np.zeros(3), np.zeros(4)]), "lengths"),
        (lambda: secure_sum(vectors(6), lost=(0, 1, 2)), "only 3 of 6 sites"),
        (lambda: encode(np.array([np.nan]), 3), "finite"),
        (lambda: encode(np.array([1e9]), 3), "clip updates"),
        (lambda: dealt(4, 3)[0][0].reveal([0, 1, 2], [2, 3]), "nobody in both"),
        (lambda: shamir.shares(1, 2, 3), "1 <= k <= n"),
    ],
)
def test_what_cannot_be_summed_in_secret_is_refused_in_one_line(make, message):
    with pytest.raises(InputError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
