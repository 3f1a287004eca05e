"""How a stimulation current reaches the nodes of a neural mass."""

from typing import Any, ClassVar, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike, DTypeLike

from ..conditions import Conditions
from ..pytree import component


class Drive(NamedTuple):
    """stim, field: (n_times, n_nodes) or None; see :class:`Inputs`. Held over a sample."""

    stim: Array | None
    field: Array | None


class Entry(Protocol):
    """A pathway of stimulation; ``coupling`` (n_nodes, n_stim)."""

    coupling: Array

    def init(self) -> Any: ...

    def step(self, state: Any, stim: Array, conditions: Conditions, sfreq: float) -> tuple[Any, Drive]:
        """stim (n_stim, n_times) A, mean over each sample (a pulse shorter than a sample enters with its charge)."""
        ...


@component
class CurrentInput:
    """Adds to the model's input: coupling (n_nodes, n_stim) input units per A."""

    coupling: Array

    def init(self) -> tuple[()]:
        return ()

    def step(self, state: tuple[()], stim: Array, conditions: Conditions, sfreq: float) -> tuple[tuple[()], Drive]:
        return state, Drive(_spread(self.coupling, stim, conditions), None)


@component
class FieldShift:
    """Transcranial current: polarises the membrane inside the firing-rate function.

    coupling (n_nodes, n_stim) mV per A: the polarisation length lambda (0.1-0.3 mV per V/m; recalled) times the field
    per current (0.8 V/m at 2 mA at most).
    """

    coupling: Array
    POLARISATION: ClassVar[float] = 0.2  # mV per V/m, the middle of 0.1-0.3
    FIELD: ClassVar[float] = 0.8 / 2e-3  # V/m per A

    @classmethod
    def create(cls, n_nodes: int, n_stim: int = 1, polarisation: float = POLARISATION) -> "FieldShift":
        """``polarisation`` mV per V/m; node i feels contact i modulo ``n_stim``, fully: 0.16 mV at 2 mA by default."""
        return cls(coupling=jnp.asarray(polarisation * cls.FIELD * round_robin(n_nodes, n_stim)))

    def init(self) -> tuple[()]:
        return ()

    def step(self, state: tuple[()], stim: Array, conditions: Conditions, sfreq: float) -> tuple[tuple[()], Drive]:
        return state, Drive(None, _spread(self.coupling, stim, conditions))


class LesionState(NamedTuple):
    fast: Array  # (n_stim,) A, dose as the fast process sees it
    slow: Array  # (n_stim,) A


@component
class InformationalLesion:
    """High-frequency stimulation as suppressed input with an after-effect.

    The dose is the mean of |current| (A); it is low-passed with time constant ``tau_fast`` () s, and a ``share`` () of
    the effect follows with ``tau_slow`` () s, so that some of it outlasts the stimulation. coupling (n_nodes, n_stim)
    input units per A of dose, negative for suppression.
    """

    coupling: Array
    tau_fast: Array
    tau_slow: Array
    share: Array

    @classmethod
    def create(
        cls, coupling: ArrayLike, tau_fast: float = 0.1, tau_slow: float = 12.0, share: float = 0.3,
        dtype: DTypeLike = jnp.float32,
    ) -> "InformationalLesion":  # fmt: skip
        """Synaptic suppression of 0.1 s; beta is still reduced 12 s after DBS; ``share`` is assumed."""
        return cls(
            coupling=jnp.asarray(coupling, dtype), tau_fast=jnp.asarray(tau_fast, dtype),
            tau_slow=jnp.asarray(tau_slow, dtype), share=jnp.asarray(share, dtype),
        )  # fmt: skip

    def init(self) -> LesionState:
        zero = jnp.zeros(self.coupling.shape[1], self.coupling.dtype)
        return LesionState(zero, zero)

    def step(self, state: LesionState, stim: Array, conditions: Conditions, sfreq: float) -> tuple[LesionState, Drive]:
        dose = jnp.abs(stim).T.astype(self.coupling.dtype)
        keep_fast, keep_slow = jnp.exp(-1.0 / (sfreq * self.tau_fast)), jnp.exp(-1.0 / (sfreq * self.tau_slow))

        def sample(state: LesionState, dose: Array) -> tuple[LesionState, Array]:
            fast = keep_fast * state.fast + (1 - keep_fast) * dose
            slow = keep_slow * state.slow + (1 - keep_slow) * dose
            return LesionState(fast, slow), (1 - self.share) * fast + self.share * slow

        state, effect = jax.lax.scan(sample, state, dose)
        return state, Drive(_spread(self.coupling, effect.T, conditions), None)


def _spread(coupling: Array, stim: Array, conditions: Conditions) -> Array:
    """(n_times, n_nodes) from stim (n_stim, n_times)."""
    return (stim * conditions.stim_efficacy).astype(coupling.dtype).T @ coupling.T


def round_robin(n_nodes: int, n_stim: int) -> np.ndarray:
    """(n_nodes, n_stim) 1 where node i belongs to contact i modulo ``n_stim``, 0 elsewhere."""
    return (np.arange(n_nodes)[:, None] % max(n_stim, 1) == np.arange(n_stim)[None, :]).astype(float)
