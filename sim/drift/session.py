"""A new session: the cap is put on anew, and the channels' covariance jumps."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ..clock import Clock
from ..conditions import Conditions
from ..keys import stream_key
from ..pytree import component


class SessionState(NamedTuple):
    key: Array  # the run's own key: the jump of session k depends on the key and k alone


@component
class SessionJumps:
    """From ``onset_s`` () s on, every ``session_s`` () s a new mounting: the cap sits elsewhere, the channels mix anew.

    cap_sd () rad per axis (5-10 mm of repositioning on a 90 mm head is .06-.11); mixing_sd () relative size of the
    random change of the channel mixing (log-gains and cross-talk); the first session is the nominal one.
    """

    session_s: Array
    onset_s: Array
    cap_sd: Array
    mixing_sd: Array

    @classmethod
    def create(
        cls, session_s: float | Array, severity: float | Array = 1.0, onset_s: float | Array | None = None
    ) -> "SessionJumps":
        """severity 1: 7.5 mm of repositioning and 5 % of mixing. By default the first session is the nominal one."""
        s = jnp.asarray(severity, jnp.float32)
        return cls(
            session_s=jnp.asarray(session_s, jnp.float32),
            onset_s=jnp.asarray(session_s if onset_s is None else onset_s, jnp.float32),
            cap_sd=s * (0.0075 / 0.09),
            mixing_sd=0.05 * s,
        )

    def init(self, key: Array) -> SessionState:
        return SessionState(key)

    def step(
        self, state: SessionState, conditions: Conditions, clock: Clock, key: Array
    ) -> tuple[SessionState, Conditions]:
        since = clock.seconds - self.onset_s
        # 0 before the onset, then 1, 2, ...: half a window of slack against the rounding of seconds
        count = 1.0 + jnp.floor((since + 0.5 * clock.window_s) / self.session_s)
        session = jnp.where(since + 0.5 * clock.window_s >= 0, count, 0.0).astype(jnp.int32)
        later = (session > 0).astype(jnp.float32)
        k_cap, k_mix = jax.random.split(stream_key(state.key, "session", session))
        rotation = later * self.cap_sd * jax.random.normal(k_cap, (3,))
        n = conditions.mixing.shape[0]
        change = later * self.mixing_sd * jax.random.normal(k_mix, (n, n)) / jnp.sqrt(n)
        # the matrix exponential to second order: positive, near the identity, and cheap
        mixing = jnp.eye(n) + change + 0.5 * change @ change
        gains = jnp.exp(later * self.mixing_sd * jax.random.normal(jax.random.fold_in(k_mix, 1), (n,)))
        return state, dataclasses.replace(
            conditions,
            cap_rotation=conditions.cap_rotation + rotation,
            mixing=(gains[:, None] * mixing) @ conditions.mixing,
        )
