"""Replay: a recording as a source. The recording is a leaf, the state a cursor."""

from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jax import Array

from ..conditions import Conditions
from ..errors import InputError
from ..pytree import component, static
from .base import Truth


class ReplayState(NamedTuple):
    cursor: Array  # () int32 windows played since the start


@component
class Replay:
    """Recorded trials played one after another, from the first again after the last.

    x (n_trials, n_channels, trial_windows * n_times) V; y (n_trials,) int32; session (n_trials,) int32. Its output
    is potentials in volts, one row per channel, so its projection is :class:`~neurodrift.sim.head.Reprojection`.
    A recording does not answer stimulation: ``responds_to_stim`` is False and the current is only logged.
    """

    x: Array
    y: Array
    session: Array
    sfreq: float = static()
    n_times: int = static()
    n_classes: int = static()
    n_stim: int = static(default=1)

    jittable: ClassVar[bool] = True
    responds_to_stim: ClassVar[bool] = False

    @classmethod
    def create(cls, x: Array, y: Array, sfreq: float, session: Array | None = None, trial_windows: int = 1) -> "Replay":
        """x (n_trials, n_channels, n_times) V, y (n_trials,) class indices from 0; the trial is cut into
        ``trial_windows`` control windows."""
        x = jnp.asarray(x, jnp.float32)
        y = jnp.asarray(y, jnp.int32)
        if x.ndim != 3 or len(x) == 0 or y.shape != x.shape[:1]:
            raise InputError(
                f"replay got x {x.shape} and y {y.shape}; it wants (n_trials, n_channels, n_times) and (n_trials,)"
            )
        if not bool(jnp.all(jnp.isfinite(x))):
            raise InputError("the recording holds NaN or Inf; mask those channels (read_recording does) before replay")
        n_times = x.shape[-1] // trial_windows
        return cls(
            x=x[..., : n_times * trial_windows],
            y=y,
            session=jnp.zeros_like(y) if session is None else jnp.asarray(session, jnp.int32),
            sfreq=float(sfreq),
            n_times=n_times,
            n_classes=int(jnp.max(y)) + 1,
        )

    @property
    def n_sources(self) -> int:
        return self.x.shape[1]

    @property
    def trial_windows(self) -> int:
        return self.x.shape[-1] // self.n_times

    @property
    def epoch(self) -> tuple[int, int]:
        return 0, self.trial_windows

    @property
    def positions(self) -> Array:
        return jnp.zeros((self.n_sources, 3))

    @property
    def orientations(self) -> Array:
        return jnp.zeros((self.n_sources, 3))

    def init(self, key: Array, conditions: Conditions) -> ReplayState:
        return ReplayState(jnp.int32(0))

    def step(
        self, state: ReplayState, stim: Array, conditions: Conditions, key: Array
    ) -> tuple[ReplayState, Array, Truth]:
        """The next window of the recording, (n_channels, n_times) V."""
        trial = (state.cursor // self.trial_windows) % self.x.shape[0]
        windows = self.x[trial].reshape(self.n_sources, self.trial_windows, self.n_times)
        v = windows[:, state.cursor % self.trial_windows]
        truth: Truth = {"label": self.y[trial], "session": self.session[trial], "trial": trial}
        return ReplayState(state.cursor + 1), v, truth
