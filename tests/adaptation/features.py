"""Decoders of one sample a window, small enough for closed forms, and streams for them in which the classes move."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from neurodrift.adaptation.contract import Feedback, Trials, Variables
from neurodrift.adaptation.methods import Composed
from neurodrift.sim.pytree import component, static


@component
class Softmax:
    """Logistic regression on the window's only sample: logits = w align x + b."""

    n_channels: int = static(default=3)
    n_classes: int = static(default=2)
    layers = ("readout",)

    def init(self, key):
        w = 0.5 * jax.random.normal(key, (self.n_classes, self.n_channels))
        return Variables(jnp.eye(self.n_channels), {"readout": {"w": w, "b": jnp.zeros(self.n_classes)}}, {})

    def apply(self, variables, x, *, key=None):
        readout = variables.params["readout"]
        return readout["w"] @ (variables.align @ x)[:, 0] + readout["b"]

    def moments(self, variables, x):
        return {}


@component
class TwoLayers(Softmax):
    """The same behind a layer of tanh units, as many as channels."""

    layers = ("hidden", "readout")

    def init(self, key):
        variables = super().init(key)
        hidden = {"w": jnp.eye(self.n_channels), "b": jnp.zeros(self.n_channels)}
        return variables._replace(params={"hidden": hidden, **variables.params})

    def apply(self, variables, x, *, key=None):
        hidden = variables.params["hidden"]
        h = jnp.tanh(hidden["w"] @ (variables.align @ x)[:, 0] + hidden["b"])
        readout = variables.params["readout"]
        return readout["w"] @ h + readout["b"]


class Moving(NamedTuple):
    """x (n_subjects, n_trials, n_channels, 1), y (n_subjects, n_trials), calibration likewise."""

    calibration: Trials
    x: jax.Array
    y: jax.Array


#: Where the class lies, ± in the first two channels: at home and after the drift, where the first one has turned.
HOME, AWAY = (1.0, 0.0), (-0.5, 1.5)


def trials(rng, n_subjects, n_trials, centre, n_channels=6, rare=None):
    """x, y around ± centre with unit noise; classes alternate, or class 1 comes once in ``rare`` trials."""
    y = np.broadcast_to(np.arange(n_trials) % (rare or 2) == 1, (n_subjects, n_trials)).astype(np.int32)
    x = rng.standard_normal((n_subjects, n_trials, n_channels, 1))
    x[:, :, :2, 0] += (2 * y - 1)[..., None] * np.asarray(centre)
    return x.astype(np.float32), y


def moving(seed, *stretches, n_subjects=16, n_calibration=60, rare=None):
    """A calibration at HOME, then stretches (n_trials, centre) one after the other."""
    rng = np.random.default_rng(seed)
    x, y = trials(rng, n_subjects, n_calibration, HOME)
    calibration = Trials(jnp.asarray(x), jnp.asarray(y), jnp.ones(y.shape))
    parts = [trials(rng, n_subjects, n, centre, rare=rare) for n, centre in stretches]
    return Moving(calibration, *(jnp.concatenate(kind, axis=1) for kind in zip(*parts)))


def fitted(decoder):
    """Variables that know HOME: the Bayes rule of unit noise, for every subject the same."""
    variables = decoder.init(jax.random.key(0))
    w = jnp.zeros((2, decoder.n_channels)).at[:, 0].set(jnp.asarray([-1.0, 1.0]))
    readout = {"w": w, "b": jnp.zeros(2)}
    return variables._replace(params={**variables.params, "readout": readout})


def run(part, decoder, variables, calibration, x, y, key, labels=None, errors=None):
    """(final state, right or wrong (n_trials,)) of one subject; a part, or an adapter. ``errors``: the rates
    (false positive, miss) of the signs that follow the predictions."""
    adapter = part if hasattr(part, "predict") else Composed(parts=(part,))
    state = adapter.init(decoder, variables, calibration, key)
    noise = jax.random.uniform(key, y.shape)

    def step(state, trial):
        x, y, label, noise = trial
        right = adapter.predict(state, x).argmax() == y
        sign = -1 if errors is None else jnp.where(right, noise < errors[0], noise >= errors[1]).astype(jnp.int32)
        return adapter.update(state, x, Feedback(label, jnp.bool_(errors is None), x, jnp.bool_(False), sign)), right

    return jax.lax.scan(step, state, (x, y, y if labels is None else labels, noise))


def score(decoder, variables, x, y):
    """Share right (n_subjects,) on held-out windows x (n_subjects, n_trials, ...) of every subject's variables."""
    return np.asarray((_logits(decoder, variables, x).argmax(-1) == y).mean(1))


@functools.partial(jax.jit, static_argnums=0)
def _logits(decoder, variables, x):
    return jax.vmap(jax.vmap(decoder.apply, in_axes=(None, 0)))(variables, x)
