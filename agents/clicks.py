"""Closed-loop auditory clicks during sleep, timed by the slow wave.

Ngo et al. (2013), Neuron 78:545: when the signal falls below a threshold, a first click comes at the up state that
follows the trough and a second one a slow oscillation later; then the ear has a pause. Clicks at the down state are the
control that Ngo et al. call out of phase; no clicks at the same moments, the sham.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from ..sim.errors import InputError
from ..sim.pytree import component, static

if TYPE_CHECKING:
    from ..sim.loop.reading import Reading

UP_S, GAP_S, PAUSE_S = 0.45, 1.05, 5.0
"""s from the trough to the first click, between the clicks, and of silence after the last one."""
WAITING, FALLING, TIMING = 0, 1, 2
NEVER = 1e6


class ClicksMemory(NamedTuple):
    sensing: Any
    mode: Array  # () int32
    lowest: Array  # () V
    since: Array  # () s from the trough to the moment at which the next command takes effect
    quiet: Array  # () s since the last click ended


@component
class Clicks:
    """``level`` () for ``click_s`` () s, ``delay_s`` () s after the trough of a wave below ``threshold`` () V, and
    again ``gap_s`` () s later, ``n_clicks`` in all; then ``pause_s`` () s without looking.

    sensing: the slow signal, one feature in V, which lags by ``lag_s`` () s. The trough is the lowest feature before it
    rises; the age of the reading is taken into account. Resolution is the control window of ``window_s`` () s.
    """

    sensing: Any
    threshold: Array
    delay_s: Array
    gap_s: Array
    pause_s: Array
    click_s: Array
    level: Array
    lag_s: Array
    window_s: Array
    n_clicks: int = static(default=2)
    n_stim: int = static(default=1)

    @classmethod
    def create(
        cls, sensing: Any, threshold: float, window_s: float, *, out_of_phase: bool = False, delay_s: float = UP_S,
        gap_s: float = GAP_S, pause_s: float = PAUSE_S, click_s: float = 0.08, level: float = 1.0,
        lag_s: float | None = None, n_clicks: int = 2, n_stim: int = 1,
    ) -> "Clicks":  # fmt: skip
        """threshold V, below 0. lag_s: by default half a control window, as of a window's mean. out_of_phase: half a
        ``gap_s`` later, at the next down state. InputError for times that cannot be, or that the window is too long
        for."""
        if getattr(sensing, "n_features", None) != 1:
            raise InputError(f"{type(sensing).__name__} has not 1 feature; clicks want the slow signal in V")
        times = {"window_s": window_s, "delay_s": delay_s, "gap_s": gap_s, "pause_s": pause_s, "click_s": click_s}
        if not (all(0 < t < NEVER for t in times.values()) and threshold < 0 and n_clicks >= 1):
            raise InputError(f"threshold {threshold:g} V, {times}; wanted it below 0, the times above 0, in s")
        if window_s > 0.5 * min(delay_s, gap_s):
            raise InputError(
                f"window_s is {window_s:g}; clicks {delay_s:g} s after a trough want windows of at most half of that"
            )
        f32 = jnp.float32
        return cls(
            sensing=sensing, threshold=f32(threshold), delay_s=f32(delay_s + (0.5 * gap_s if out_of_phase else 0.0)),
            gap_s=f32(gap_s), pause_s=f32(pause_s), click_s=f32(click_s), level=f32(level),
            lag_s=f32(0.5 * window_s if lag_s is None else lag_s), window_s=f32(window_s), n_clicks=n_clicks,
            n_stim=n_stim,
        )  # fmt: skip

    def init(self) -> ClicksMemory:
        zero = jnp.zeros(())
        return ClicksMemory(self.sensing.init(), jnp.int32(WAITING), zero, zero, jnp.float32(NEVER))

    def act(self, memory: ClicksMemory, reading: "Reading", key: Array) -> tuple[ClicksMemory, Array]:
        """(memory, request (n_stim,)); nothing is drawn from ``key``."""
        sensing, features = self.sensing.step(memory.sensing, reading)
        x, mode = features[0], memory.mode
        here = jnp.clip(reading.age, 0.0, NEVER) + self.lag_s  # from this feature to the command's effect
        rests = memory.quiet < self.pause_s
        armed = (mode == WAITING) & ~rests & (x <= self.threshold) & reading.fresh
        sinking = (mode == FALLING) & (x <= memory.lowest)
        turned = (mode == FALLING) & (x > memory.lowest)
        # while the first click is awaited, a deeper trough takes over
        again = (mode == TIMING) & (x < memory.lowest) & (memory.since + self.window_s < self.delay_s)
        lowest = jnp.where(armed | sinking | again, x, memory.lowest)
        since = jnp.where(armed | sinking | again, here, memory.since + self.window_s)
        # a click begins with the window that is nearest; the thousandth keeps rounding from deciding
        late = since + 0.501 * self.window_s - self.delay_s
        in_turn = jnp.mod(jnp.maximum(late, 0.0), self.gap_s)
        nth = jnp.floor(jnp.maximum(late, 0.0) / self.gap_s)
        timing = turned | (mode == TIMING)
        length = jnp.maximum(self.click_s, self.window_s)
        clicks = timing & (late >= 0) & (nth < self.n_clicks) & (in_turn < length - 1e-3 * self.window_s)
        over = timing & (late >= (self.n_clicks - 1) * self.gap_s + length - 1e-3 * self.window_s)
        mode = jnp.where(armed | again, FALLING, jnp.where(over, WAITING, jnp.where(turned, TIMING, mode)))
        quiet = jnp.where(over, 0.0, jnp.minimum(memory.quiet + self.window_s, NEVER))
        request = jnp.where(clicks, self.level, 0.0) * jnp.ones(self.n_stim)
        return ClicksMemory(sensing, mode, lowest, since, quiet), request
