"""A method that sleeps until a monitor gives an alarm."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component, static
from ..contract import Decoder, Feedback, Trials, Variables
from ..monitors.covariance import CovarianceChart, log_distance
from ..spd import covariance, regularised
from ..trials import usable
from .gate import when

SIGNALS = ("entropy", "confidence", "covariance", "error")


class GatedState(NamedTuple):
    """decoder: its hyper-parameters; inner: the method's own state; watch: the monitor's; awake: () int32, trials that
    the method still learns; n_alarms: () int32; whitening (n_channels, n_channels), of the calibration's mean
    covariance; centre, scale: () mean and standard deviation of the signal in the calibration."""

    decoder: Any
    inner: Any
    watch: Any
    awake: Array
    n_alarms: Array
    whitening: Array
    centre: Array
    scale: Array

    @property
    def variables(self) -> Variables:
        """The decoder as adapted so far."""
        return self.inner.variables

    @property
    def labels_used(self) -> Array:
        """Labels the method has spent on learning."""
        return self.inner.labels_used


@component
class Gated:
    """``adapter`` learns for ``n_trials`` trials after each alarm of ``monitor``, and after an announced session end.

    ``signal`` is what the monitor is given every trial: without labels "entropy" of the class probabilities (nat),
    "confidence" (the greatest of them) or "covariance" (log affine-invariant distance of the window's covariance from
    the calibration's mean), less its mean in the calibration, in standard deviations; or "error", 1 where the decoder
    missed a label that came and 0 where it met it. While asleep the decoder stays as it was left. An alarm is told to
    the method as a session's end, so that it lets go of what it knew before the drift.
    """

    adapter: Any
    monitor: Any
    signal: str = static(default="covariance")
    n_trials: int = 60

    def __post_init__(self) -> None:
        if self.signal not in SIGNALS:
            raise InputError(f"signal is {self.signal!r}; choose from {', '.join(SIGNALS)}")

    @property
    def learns_unlabelled(self) -> bool:
        """Whether the method declares that it moves ``params`` by windows without labels."""
        return getattr(self.adapter, "learns_unlabelled", False)

    def init(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> GatedState:
        """The method's own start, asleep; the signal's mean and spread are those of the calibration."""
        x, _, weight = usable(calibration)
        chart = CovarianceChart.create(jax.vmap(lambda x: regularised(covariance(x)))(x), weight=weight)
        centre, scale = jnp.zeros(()), jnp.ones(())
        if self.signal != "error":
            values = jax.vmap(lambda x: self._value(decoder, variables, chart.whitening, x))(x)
            share = weight / jnp.maximum(weight.sum(), 1e-12)
            centre = share @ values
            scale = jnp.maximum(jnp.sqrt(share @ (values - centre) ** 2), 1e-6)
        zero = jnp.zeros((), jnp.int32)
        inner = self.adapter.init(decoder, variables, calibration, key)
        return GatedState(decoder, inner, self.monitor.init(), zero, zero, chart.whitening, centre, scale)

    def predict(self, state: GatedState, x: Array) -> Array:
        """Logits (n_classes,): the method's own when awake, else of the decoder as it was left."""
        asleep = state.decoder.apply(state.variables, x)
        asleep = jnp.where(jnp.isfinite(asleep).all(), asleep, 0.0)
        return jnp.where(state.awake > 0, self.adapter.predict(state.inner, x), asleep)

    def update(self, state: GatedState, x: Array, feedback: Feedback) -> GatedState:
        """Ask the monitor, and learn when awake; a window that is not finite is not asked about."""
        value = self._signal(state, x, feedback)
        watch, alarm = self.monitor.update(state.watch, jnp.where(jnp.isfinite(value), value, jnp.nan))
        told = feedback._replace(session_end=feedback.session_end | alarm)
        learning = state.awake > 0
        inner = when(learning | told.session_end, _learn, state.inner, self.adapter, x, told, learning)
        awake = jnp.maximum(state.awake - jnp.isfinite(x).all(), 0)
        return state._replace(
            inner=inner,
            watch=watch,
            awake=jnp.where(told.session_end, jnp.asarray(self.n_trials, jnp.int32), awake),
            n_alarms=state.n_alarms + alarm.astype(jnp.int32),
        )

    def _signal(self, state: GatedState, x: Array, feedback: Feedback) -> Array:
        if self.signal == "error":
            logits = state.decoder.apply(state.variables, feedback.window)
            usable = feedback.available & jnp.isfinite(logits).all()
            usable = usable & (feedback.label >= 0) & (feedback.label < state.decoder.n_classes)
            return jnp.where(usable, (logits.argmax() != feedback.label) * 1.0, jnp.nan)
        finite = jnp.isfinite(x).all()
        value = self._value(state.decoder, state.variables, state.whitening, jnp.where(finite, x, 1.0))
        return jnp.where(finite, (value - state.centre) / state.scale, jnp.nan)

    def _value(self, decoder: Decoder, variables: Variables, whitening: Array, x: Array) -> Array:
        if self.signal == "covariance":
            return log_distance(whitening, regularised(covariance(x)))
        log_p = jax.nn.log_softmax(decoder.apply(variables, x))
        return -(jnp.exp(log_p) * log_p).sum() if self.signal == "entropy" else jnp.exp(log_p.max())


def _learn(inner: Any, adapter: Any, x: Array, told: Feedback, learning: Array) -> Any:
    # Asleep, it hears of a session's end but not of the window.
    shown = jnp.where(learning, x, jnp.nan)
    told = told._replace(available=told.available & learning)
    return adapter.update(inner, shown, told)
