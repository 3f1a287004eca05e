"""Recursive least squares: a noise canceller, a linear predictor, and reference channels regressed out of windows."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component, static
from ..contract import Decoder, Feedback, Trials, Variables
from ..linalg import solve
from ..spd import FLOOR
from ..trials import usable


class RLSState(NamedTuple):
    """weights (n_inputs,); inverse (n_inputs, n_inputs): of the decayed correlation of the inputs."""

    weights: Array
    inverse: Array


@component
class RecursiveLeastSquares:
    """The weights that predict a signal from inputs with the least squared error, each sample counting ``forget``
    of the next (Haykin, Adaptive Filter Theory, ch. 10).

    forget: 1 - 1/memory in samples; delta: the start, in the inputs' unit squared: the weights are those of ridge
    regression with forget^n delta. Where inputs do not vary the inverse grows by 1/forget a sample (wind-up), so it is
    kept below ``largest`` times its start.
    """

    forget: float = 0.999
    delta: float = 1e-2
    largest: float = 1e6
    n_inputs: int = static(default=1)

    def init(self) -> RLSState:
        return RLSState(jnp.zeros(self.n_inputs), jnp.eye(self.n_inputs) / self.delta)

    def step(self, state: RLSState, inputs: Array, wanted: Array) -> tuple[RLSState, Array]:
        """The error () before learning from inputs (n_inputs,) and the signal wanted (); a sample that is not finite is
        passed over, with an error of 0."""
        finite = jnp.isfinite(inputs).all() & jnp.isfinite(wanted)
        x, d = jnp.where(finite, inputs, 0.0), jnp.where(finite, wanted, 0.0)
        seen = state.inverse @ x
        gain = seen / (self.forget + x @ seen)
        error = d - state.weights @ x
        inverse = (state.inverse - jnp.outer(gain, seen)) / self.forget
        inverse = 0.5 * (inverse + inverse.T)
        inverse = inverse * jnp.minimum(1.0, self.largest / self.delta / (jnp.trace(inverse) / self.n_inputs))
        new = RLSState(state.weights + gain * error, jnp.where(finite, inverse, state.inverse))
        return new, error

    def run(self, state: RLSState, inputs: Array, wanted: Array) -> tuple[RLSState, Array]:
        """:meth:`step` over inputs (n_times, n_inputs) and wanted (n_times,): what is left of it (n_times,)."""
        return jax.lax.scan(lambda s, row: self.step(s, *row), state, (inputs, wanted))


def lagged(x: Array, n_lags: int, ahead: int = 0) -> Array:
    """(n_times, n_lags): x (n_times,) at each time ``ahead`` samples ago and before, 0 before the start. With ``ahead``
    0 the inputs of a canceller whose reference is x, with 1 those of a predictor of x itself."""
    padded = jnp.concatenate([jnp.zeros(n_lags + ahead), x])
    at = jnp.arange(x.shape[0])[:, None] + n_lags - jnp.arange(n_lags)[None]
    return padded[at]


class ReferenceMemory(NamedTuple):
    """across (n_channels, n_references), among (n_references, n_references): decayed sums, V²; first (n_channels,
    n_references): what the calibration's windows had of the references; align: what the decoder was trained behind."""

    across: Array
    among: Array
    first: Array
    align: Array


@component
class ReferenceRegression:
    """Takes out of every channel what it has of reference channels (EOG, say) beyond what it had in the calibration.

    Recursive least squares by windows: S <- rS + x r', R <- rR + r r', B = S R^-1, and align <- align0 (I - (B - B0) P)
    with P picking the references: a decoder trained with some of the reference in its channels keeps that much.
    references: their numbers; forget: r, by window. What the brain gives to the references is taken out with them.
    """

    forget: float = 0.95
    references: tuple[int, ...] = static(default=(0,))

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> ReferenceMemory:
        """InputError for numbers that are no channels."""
        calibration = usable(calibration)
        n_channels = calibration.x.shape[1]
        wrong = [r for r in self.references if not 0 <= r < n_channels]
        if wrong or not self.references:
            raise InputError(
                f"references {self.references} of {n_channels} channels; wanted one or more of 0 to {n_channels - 1}"
            )
        r = calibration.x[:, self.references]
        weight = calibration.weight / jnp.maximum(calibration.weight.sum(), 1.0) / (1.0 - self.forget)
        across = jnp.einsum("nct,nrt,n->cr", calibration.x, r, weight)
        among = jnp.einsum("nst,nrt,n->sr", r, r, weight)
        return ReferenceMemory(across, among, _coefficients(across, among), variables.align)

    def observe(
        self, memory: ReferenceMemory, decoder: Decoder, variables: Variables, x: Array
    ) -> tuple[ReferenceMemory, Variables]:
        r = x[self.references, :]
        across = self.forget * memory.across + x @ r.T
        among = self.forget * memory.among + r @ r.T
        more = _coefficients(across, among) - memory.first
        # the references themselves stay as they are
        more = more.at[self.references, :].set(0.0)
        take = jnp.eye(x.shape[0]).at[:, self.references].add(-more)
        return memory._replace(across=across, among=among), variables._replace(align=memory.align @ take)

    def learn(
        self, memory: ReferenceMemory, decoder: Decoder, variables: Variables, feedback: Feedback
    ) -> tuple[ReferenceMemory, Variables, Array]:
        return memory, variables, jnp.zeros((), bool)


def _coefficients(across: Array, among: Array) -> Array:
    """B (n_channels, n_references) in units of the references, however small these are."""
    n = among.shape[0]
    scale = jnp.maximum(jnp.trace(among) / n, jnp.finfo(among.dtype).tiny)
    return solve(among / scale + FLOOR * jnp.eye(n), (across / scale).T).T
