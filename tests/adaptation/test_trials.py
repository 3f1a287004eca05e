"""Trials that cannot be used are left out of training, or refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurodrift.adaptation import registry
from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.methods import with_alignment
from neurodrift.sim.errors import InputError


def trials(n=40):
    x = jax.random.normal(jax.random.key(0), (n, 6, 100))
    y = jnp.arange(n) % 2
    return Trials(x.at[jnp.arange(n), y].multiply(2.0), y.astype(jnp.int32), jnp.ones(n))


@pytest.mark.parametrize("name", ["csp_lda", "tangent_lr"])
@pytest.mark.parametrize("alignment", ["euclidean", "riemannian"])
def test_a_trial_with_a_nan_counts_like_one_of_no_weight(name, alignment):
    decoder = registry.decoder(name).make(6, 100, 2, 100.0)
    good = trials()
    bad = good._replace(x=good.x.at[7, 2, 3].set(jnp.nan))
    without = good._replace(weight=good.weight.at[7].set(0.0))

    def fit(t):
        return decoder.fit(with_alignment(decoder.init(jax.random.key(1)), t, alignment), t, jax.random.key(2))

    logits = decoder.apply(fit(bad), good.x[0])
    assert np.isfinite(logits).all()
    assert_allclose(logits, decoder.apply(fit(without), good.x[0]), rtol=1e-3, atol=1e-4)


def test_trials_that_do_not_belong_together_are_refused_in_one_line():
    decoder = registry.decoder("csp_lda").make(6, 100, 2, 100.0)
    good = trials()
    with pytest.raises(InputError, match=r"x \(40, 6, 100\), y \(39,\) and weight \(40,\): wanted"):
        decoder.fit(decoder.init(jax.random.key(1)), good._replace(y=good.y[:-1]), jax.random.key(2))
