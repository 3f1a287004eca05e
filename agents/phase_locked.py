"""Phase-locked stimulation: pulses that meet a rhythm at one phase of its cycle.

Cagnan et al. (2013), Brain 136:3062: what a pulse does to tremor depends on when in the cycle it comes. The estimator
foretells the phase at the moment at which a command takes effect; the command then holds for a whole control window,
which is the resolution: a window of 10 ms is 18 degrees of 5 Hz and 72 of 20 Hz. Take windows of 5 to 10 ms.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from ..sim.errors import InputError
from ..sim.pytree import component, static
from ..sim.sensing import phase_of

if TYPE_CHECKING:
    from ..sim.loop.reading import Reading


class PhaseLockedMemory(NamedTuple):
    sensing: Any
    on: Array  # () bool, in the window before
    rested: Array  # () cycles since it last went off


@component
class PhaseLocked:
    """``level`` () in windows whose middle is foretold within ``width`` () rad of ``target`` () rad, else 0.

    The phase is that of a cosine: 0 at the peak, pi at the trough of the estimator's signal. A ``width`` below half of
    what the rhythm turns within a window counts as that half, so that every cycle has its window; 0 is one window a
    cycle. It goes on again after half of the rest of the cycle at the earliest, so that an estimate that jumps back
    gives no second pulse. Below an amplitude of ``least`` () V there is no rhythm to lock to and no stimulation.
    """

    estimator: Any
    target: Array
    width: Array
    level: Array
    least: Array
    window_s: Array
    n_stim: int = static(default=1)

    @classmethod
    def create(
        cls, estimator: Any, window_s: float, *, target: float = 0.0, width: float = 0.0, level: float = 1.0,
        least: float = 0.0, n_stim: int = 1,
    ) -> "PhaseLocked":  # fmt: skip
        """estimator: of phase (:mod:`neurodrift.sim.sensing`), with features (4,); ``window_s`` s of a control window;
        the rest as above. InputError for an estimator of something else and numbers that cannot be."""
        if getattr(estimator, "n_features", None) != 4:
            raise InputError(
                f"{type(estimator).__name__} is no estimator of phase; use EcHilbert, ArHilbert, EducatedPrediction,"
                " KalmanPhase or PhaseLockedLoop"
            )
        if not (window_s > 0 and 0 <= width <= np.pi and np.isfinite(target) and abs(level) <= 1 and least >= 0):
            raise InputError(
                f"window_s {window_s:g} s, width {width:g}, target {target:g} rad, level {level:g}, least {least:g} V;"
                " wanted a window above 0, a width of 0 to pi, a level of -1 to 1, a least amplitude of 0 or more"
            )
        f32 = jnp.float32
        return cls(
            estimator=estimator, target=f32(target), width=f32(width), level=f32(level), least=f32(least),
            window_s=f32(window_s), n_stim=n_stim,
        )  # fmt: skip

    def init(self) -> PhaseLockedMemory:
        return PhaseLockedMemory(self.estimator.init(), jnp.asarray(False), jnp.float32(1.0))

    def act(self, memory: PhaseLockedMemory, reading: "Reading", key: Array) -> tuple[PhaseLockedMemory, Array]:
        """(memory, request (n_stim,)); nothing is drawn from ``key``."""
        sensing, features = self.estimator.step(memory.sensing, reading)
        amplitude, frequency = features[2], features[3]
        half = jnp.pi * frequency * self.window_s
        away = phase_of(features) + half - self.target
        away = jnp.arctan2(jnp.sin(away), jnp.cos(away))
        inside = jnp.abs(away) <= jnp.maximum(self.width, half)
        least_rest = 0.5 - 0.5 * jnp.maximum(self.width, half) / jnp.pi
        on = inside & (amplitude >= self.least) & (memory.on | (memory.rested >= least_rest))
        rested = jnp.where(on, 0.0, memory.rested + frequency * self.window_s)
        # at one window a cycle the next one is no part of the same pulse
        single = self.width <= half
        on = on & ~(single & memory.on)
        return PhaseLockedMemory(sensing, on, rested), jnp.where(on, self.level, 0.0) * jnp.ones(self.n_stim)
