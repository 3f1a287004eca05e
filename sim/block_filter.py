"""First-order recursions over a whole window at once.

y[n] = rho y[n-1] + w[n] unrolled over a window is a lower-triangular matrix product plus a decaying memory of the
last sample. On a CPU one matmul costs a fraction of a scan of n_times tiny steps, and the result is exact.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array

from .pytree import component


@component
class BlockFilter:
    """A bank of first-order recursions driven by one common white input, summed with weights.

    kernel (n_times, n_times): input -> output, transposed for right multiplication
    memory (n_poles, n_times): state before the window -> output
    carry  (n_times, n_poles): input -> state after the window
    decay  (n_poles,): state before -> state after
    start  (n_poles, n_poles): square root of the stationary covariance of the state
    """

    kernel: Array
    memory: Array
    carry: Array
    decay: Array
    start: Array

    @classmethod
    def create(cls, poles: np.ndarray, weights: np.ndarray, n_times: int) -> "BlockFilter":
        """Unit-variance output from unit white noise: poles (n_poles,) in [0, 1), weights (n_poles,)."""
        rho = np.asarray(poles, float)
        weights = np.asarray(weights, float)
        # stationary covariance of states with a common input: 1 / (1 - rho_i rho_j)
        covariance = 1.0 / (1.0 - np.outer(rho, rho))
        weights = weights / np.sqrt(weights @ covariance @ weights)
        lag = np.arange(n_times)[:, None] - np.arange(n_times)[None, :]
        powers = np.where(lag >= 0, rho[:, None, None] ** np.maximum(lag, 0), 0.0)
        values, vectors = np.linalg.eigh(covariance)
        steps = np.arange(1, n_times + 1)
        return cls(
            kernel=jnp.asarray(np.einsum("k,kij->ji", weights, powers), jnp.float32),
            memory=jnp.asarray(weights[:, None] * rho[:, None] ** steps, jnp.float32),
            carry=jnp.asarray(rho[None, :] ** (n_times - steps)[:, None], jnp.float32),
            decay=jnp.asarray(rho**n_times, jnp.float32),
            start=jnp.asarray(vectors * np.sqrt(np.maximum(values, 0.0)), jnp.float32),
        )

    @classmethod
    def ornstein_uhlenbeck(cls, rate: float, sfreq: float, n_times: int) -> "BlockFilter":
        """Unit-variance Ornstein-Uhlenbeck noise with decay ``rate`` in 1/s."""
        return cls.create(np.exp([-rate / sfreq]), np.ones(1), n_times)

    @classmethod
    def one_over_f(cls, sfreq: float, n_times: int, f_min: float = 0.5, n_poles: int = 5) -> "BlockFilter":
        """Unit-variance noise with power falling as about 1/f from ``f_min`` Hz to half of ``sfreq``."""
        corners = np.geomspace(f_min, sfreq / 4.0, n_poles)
        # each pole is scaled so that its plateau follows 1/f: amplitude of a plateau ~ 1/sqrt(f) ~ gain (1 - rho)^-1
        return cls.create(np.exp(-2 * np.pi * corners / sfreq), np.sqrt(corners), n_times)

    def init(self, noise: Array) -> Array:
        """Stationary state (n, n_poles) from standard normal noise (n, n_poles)."""
        return noise @ self.start.T

    def step(self, state: Array, noise: Array) -> tuple[Array, Array]:
        """state (n, n_poles), white noise (n, n_times) -> state after the window, output (n, n_times)."""
        output = noise @ self.kernel + state @ self.memory
        return state * self.decay + noise @ self.carry, output
