"""A decoder small enough to be written twice: channel means, a norm, a linear readout; and windows for it."""

import jax
import jax.numpy as jnp
import numpy as np

from neurodrift.adaptation.contract import Feedback, Trials, Variables
from neurodrift.adaptation.decoders.training import weighted_cross_entropy
from neurodrift.sim.pytree import component, static

N_CHANNELS, N_TIMES = 2, 4


@component
class Toy:
    """logits = kernel (scale (m - mean) / √var + bias) + bias, m the means over time of the channels."""

    n_channels: int = static(default=N_CHANNELS)
    n_classes: int = static(default=2)

    @property
    def layers(self):
        return ("norm", "readout")

    def init(self, key):
        c, k = self.n_channels, self.n_classes
        readout = {"kernel": jax.random.normal(key, (k, c)), "bias": jnp.zeros(k)}
        params = {"norm": {"scale": jnp.ones(c), "bias": jnp.zeros(c)}, "readout": readout}
        return Variables(jnp.eye(c), params, {"norm": {"mean": jnp.zeros(c), "var": jnp.ones(c)}})

    def apply(self, variables, x, *, key=None):
        norm, readout, stats = *(variables.params[name] for name in self.layers), variables.stats["norm"]
        features = norm["scale"] * (variables.align @ x.mean(-1) - stats["mean"]) / jnp.sqrt(stats["var"] + 1e-6)
        return readout["kernel"] @ (features + norm["bias"]) + readout["bias"]

    def moments(self, variables, x):
        mean = variables.align @ x.mean(-1)
        return {"norm": {"mean": mean, "var": jnp.zeros_like(mean)}}

    def fit(self, variables, trials, key):
        def step(params, _):
            def loss(params):
                logits = jax.vmap(lambda x: self.apply(variables._replace(params=params), x))(trials.x)
                return weighted_cross_entropy(logits, trials.y, trials.weight)

            return jax.tree.map(lambda p, g: p - 0.5 * g, params, jax.grad(loss)(params)), None

        return variables._replace(params=jax.lax.scan(step, variables.params, length=60)[0])

    def refit_readout(self, variables, trials):
        return self.fit(variables, trials, jax.random.key(0))


def windows(rng, y, centres=((-1.0, 0.0), (1.0, 0.0)), spread=0.5):
    """Windows (n_trials, 2, N_TIMES) whose channel means are drawn round the centre of their class."""
    means = np.asarray(centres)[y] + spread * rng.standard_normal((len(y), N_CHANNELS))
    ripple = rng.standard_normal((len(y), N_CHANNELS, N_TIMES))
    x = means[..., None] + 0.1 * (ripple - ripple.mean(-1, keepdims=True))
    return jnp.asarray(x, jnp.float32)


def calibration(rng, n=40):
    y = np.arange(n) % 2
    return Trials(windows(rng, y), jnp.asarray(y), jnp.ones(n))


def sure(strength=4.0):
    """Variables whose logits differ by ``strength`` times the first channel's mean."""
    variables = Toy().init(jax.random.key(0))
    kernel = jnp.asarray([[-0.5 * strength, 0.0], [0.5 * strength, 0.0]])
    readout = {"kernel": kernel, "bias": jnp.zeros(2)}
    return variables._replace(params={**variables.params, "readout": readout})


def heard(x, session_end=False):
    """Feedback that tells nothing."""
    return Feedback(jnp.int32(0), jnp.bool_(False), x, jnp.asarray(session_end))


@jax.jit
def _run(adapter, decoder, variables, calibration, x):
    def trial(state, x):
        return adapter.update(state, x, heard(x)), adapter.predict(state, x)

    return jax.lax.scan(trial, adapter.init(decoder, variables, calibration, jax.random.key(3)), x)


def run(adapter, variables, calibration, x, decoder=None):
    """(state after the windows x, logits of each before it was learnt from). Compiled once a kind of adapter."""
    return _run(adapter, Toy() if decoder is None else decoder, variables, calibration, x)


@jax.jit
def logits(variables, x):
    """Of windows x (n_trials, n_channels, N_TIMES), by the toy decoder."""
    return jax.vmap(lambda x: Toy().apply(variables, x))(x)
