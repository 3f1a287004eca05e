"""A night of sleep, as far as a model of NREM sleep has it."""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jax import Array

from ..clock import Clock
from ..conditions import Conditions
from ..errors import InputError
from ..pytree import component
from .base import Stateless

STAGES = {"N2": 0.0, "N3": 1.0}
EPOCH_S = 30.0


@component
class SleepSchedule(Stateless):
    """Stages by epochs of 30 s, entered gradually: ``sleep_depth`` is 0 in N2 and 1 in N3.

    depths (n_epochs,) target of each epoch, the last one held; onset_s () s; the depth moves linearly over an epoch
    towards its target, because nobody falls into N3 within a second. Wake, N1 and REM are not in the
    thalamocortical model, so the schedule knows N2 and N3 only.
    """

    depths: Array
    onset_s: Array

    @classmethod
    def of_stages(cls, stages: list[str] | tuple[str, ...], onset_s: float = 0.0) -> "SleepSchedule":
        """A hypnogram of "N2" and "N3", one per 30 s."""
        for stage in stages:
            if stage not in STAGES:
                raise InputError(f"sleep stage {stage!r} is not in the model; use N2 and N3, one per 30 s")
        return cls(depths=jnp.asarray([STAGES[s] for s in stages], jnp.float32), onset_s=jnp.float32(onset_s))

    @classmethod
    def night(
        cls, hours: float = 8.0, depth: float = 1.0, onset_s: float = 0.0, cycle_s: float = 5400.0,
        dissipation_s: float = 2.4 * 3600.0,
    ) -> "SleepSchedule":  # fmt: skip
        """Cycles of 90 min that reach ``depth`` in the first and less in each later one (exponentially over 2.4 h,
        the scale of slow-wave activity's fall; assumed shapes)."""
        if not hours > 0:
            raise InputError(f"a night of {hours:g} hours; wanted more than 0")
        t = np.arange(0.0, hours * 3600.0, EPOCH_S)
        wave = np.clip(1.5 * np.sin(np.pi * (t % cycle_s) / cycle_s) - 0.4, 0.0, 1.0)
        depths = depth * wave * np.exp(-(t // cycle_s) * cycle_s / dissipation_s)
        return cls(depths=jnp.asarray(depths, jnp.float32), onset_s=jnp.float32(onset_s))

    def step(self, state: tuple[()], conditions: Conditions, clock: Clock, key: Array) -> tuple[tuple[()], Conditions]:
        epoch = (clock.seconds - self.onset_s) / EPOCH_S
        depth = jnp.interp(epoch, jnp.arange(1, self.depths.shape[0] + 1), self.depths, left=None)
        # before the first epoch ends: from N2 towards the first target
        depth = jnp.where(epoch < 1.0, jnp.maximum(epoch, 0.0) * self.depths[0], depth)
        return state, dataclasses.replace(conditions, sleep_depth=conditions.sleep_depth + depth)
