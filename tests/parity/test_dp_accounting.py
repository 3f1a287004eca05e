"""The privacy accountant against Google's dp-accounting (0.6.0 when this was written)."""

import numpy as np
import pytest

from neurodrift.adaptation.federated.accountant import epsilon, renyi

dp_accounting = pytest.importorskip("dp_accounting")

CASES = [(0.01, 4.0, 10_000, 1e-5), (256 / 60_000, 1.1, 14_062, 1e-5), (0.1, 1.0, 100, 1e-4), (0.5, 3.0, 50, 1e-4)]


@pytest.mark.parametrize(("rate", "noise", "n_steps", "delta"), CASES)
def test_divergence_and_epsilon_equal_those_of_the_rdp_accountant(rate, noise, n_steps, delta):
    from dp_accounting.rdp import RdpAccountant

    event = dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(noise))
    theirs = RdpAccountant()
    theirs.compose(dp_accounting.SelfComposedDpEvent(event, n_steps))
    whole = [2, 3, 8, 32, 128]
    by_order = RdpAccountant(whole)
    by_order.compose(event)
    np.testing.assert_allclose(renyi(rate, noise, whole), by_order._rdp, rtol=1e-9)
    # At orders that are not whole theirs is a bound, ours the value: never more, and here the same.
    assert epsilon(rate, noise, n_steps, delta)[0] == pytest.approx(theirs.get_epsilon(delta), rel=1e-6)
