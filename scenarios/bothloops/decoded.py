"""A loop seen through a decoder: what reaches the policy is what was decoded, and the decoder adapts as it goes."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...adaptation.contract import Feedback, Trials, Variables
from ...adaptation.methods import labels_used
from ...adaptation.preprocessing import Preprocessing, compressed
from ...sim.keys import stream_key
from ...sim.loop import Loop, LoopState, Outcome, Reading
from ...sim.plant import Plant
from ...sim.pytree import component, static


class DecoderState(NamedTuple):
    """buffer (n_channels, n_samples) V and unusable (n_samples,) bool: the newest samples; beta (n_windows,) spikes/s:
    the true symptom in them; adapter: the method's; evidence (): what was decoded last; x (delay + 1, ...), y (delay +
    1,) int32 and known (delay + 1,) bool: windows whose rating is under way, the newest last; tick () int32."""

    buffer: Array
    unusable: Array
    beta: Array
    adapter: Any
    evidence: Array
    x: Array
    y: Array
    known: Array
    tick: Array


@component
class DecodedState:
    """Decoder and patient of one run: variables and calibration (trained on it), threshold () spikes/s of beta above
    which the state is "high", ``truth`` () 1 where the evidence is the state itself (the oracle decoder)."""

    variables: Variables
    calibration: Trials
    threshold: Array
    truth: Array


TRUE_SLOPE = 4.0  # evidence per unit of log(beta / threshold), as steep as trained decoders come to be


@component
class DecodedLoop:
    """``loop`` behind a decoder: a loop itself, whose reading holds the decoded evidence as its one sample.

    Evidence is the log-odds of high beta in the last ``n_windows`` control windows. Samples that were clipped are
    unusable (those that were blanked hold the last value): a window with more than ``most_unusable`` () of them, or
    whose packet was lost, is not decoded, and never reaches adaptation. Someone rates the state of every ``every``-th
    window, and the rating arrives ``delay`` windows later: with probability ``missing`` () never, and with
    probability ``noise`` () wrong. Each window is predicted before anything is learnt from it.

    The truth of each window gains ``beta`` () spikes/s, ``high`` () bool, ``evidence`` () and ``labels`` () int32, how
    many were used so far.
    """

    loop: Loop
    fitted: DecodedState
    preprocessing: Preprocessing
    decoder: Any
    adapter: Any
    missing: Array | float = 0.0
    noise: Array | float = 0.0
    most_unusable: Array | float = 0.5
    n_windows: int = static(default=2)
    every: int = static(default=20)
    delay: int = static(default=4)
    compress: bool = static(default=True)

    @property
    def plant(self) -> Plant:
        return self.loop.plant

    @property
    def n_stim(self) -> int:
        return self.loop.n_stim

    @property
    def bipolar(self) -> bool:
        return self.loop.bipolar

    def init(self, key: Array) -> tuple[LoopState, DecoderState]:
        source: Any = self.plant.source
        n_channels, n_samples = self.plant.amplifier.n_channels, self.n_windows * source.n_times
        fitted = self.fitted
        adapter = self.adapter.init(self.decoder, fitted.variables, fitted.calibration, stream_key(key, "adapter"))
        n_queued = self.delay + 1
        return self.loop.init(key), DecoderState(
            buffer=jnp.zeros((n_channels, n_samples)), unusable=jnp.ones(n_samples, bool),
            beta=jnp.zeros(self.n_windows), adapter=adapter, evidence=jnp.zeros(()),
            x=jnp.zeros((n_queued, *fitted.calibration.x.shape[1:])), y=jnp.zeros(n_queued, jnp.int32),
            known=jnp.zeros(n_queued, bool), tick=jnp.int32(0),
        )  # fmt: skip

    def begin(self, key: Array) -> tuple[tuple[LoopState, DecoderState], Outcome]:
        """The first window, without stimulation."""
        return self.step(self.init(key), jnp.zeros(self.n_stim))

    def step(
        self, state: tuple[LoopState, DecoderState], action: Array
    ) -> tuple[tuple[LoopState, DecoderState], Outcome]:
        """One control window: action (n_stim,)."""
        loop, outcome = self.loop.step(state[0], action)
        decoder, high = self._decode(state[1], outcome, loop.plant.key)
        reading = Reading(
            v=decoder.evidence[None, None], blanked=jnp.zeros(1, bool), age=outcome.reading.age,
            fresh=outcome.reading.fresh, applied=outcome.reading.applied,
        )  # fmt: skip
        seen = {
            "beta": decoder.beta[-1],
            "high": high,
            "evidence": decoder.evidence,
            "labels": labels_used(decoder.adapter),
        }
        window = outcome.window._replace(truth=outcome.window.truth | seen)
        return (loop, decoder), outcome._replace(
            observation=decoder.evidence[None], reading=reading, window=window
        )  # fmt: skip

    def prepare(self, v: Array) -> Array:
        """Samples (n_channels, n_samples) V as the decoder is given them."""
        x = self.preprocessing.apply(v)
        return compressed(x) if self.compress else x

    def _decode(self, state: DecoderState, outcome: Outcome, key: Array) -> tuple[DecoderState, Array]:
        reading, n = outcome.reading, outcome.reading.v.shape[-1]
        # blanked samples hold the last value and are few; clipped ones are neither
        clipped = jnp.any(jnp.abs(reading.v) >= self.plant.amplifier.clip, axis=0) | ~reading.fresh
        buffer = jnp.concatenate([state.buffer[:, n:], reading.v], axis=1)
        unusable = jnp.concatenate([state.unusable[n:], clipped])
        beta = jnp.concatenate([state.beta[1:], self.loop.task.amplitude(outcome.window)[None]])
        amplitude = jnp.sqrt(jnp.mean(beta**2))
        high = amplitude > self.fitted.threshold

        good = (jnp.mean(unusable) <= self.most_unusable) & reading.fresh
        x = jnp.where(good, self.prepare(buffer), jnp.nan)  # an adapter leaves out what is not finite
        logits = self.adapter.predict(state.adapter, x)
        true = TRUE_SLOPE * jnp.log(jnp.maximum(amplitude, 1e-3) / self.fitted.threshold)
        decoded = jnp.where(good, logits[1] - logits[0], state.evidence)
        evidence = jnp.where(self.fitted.truth > 0, true, decoded)

        k_missing, k_noise = (stream_key(key, name, state.tick) for name in ("rating.missing", "rating.noise"))
        rated = (state.tick % self.every == self.every - 1) & (jax.random.uniform(k_missing) >= self.missing)
        label = high ^ (jax.random.uniform(k_noise) < self.noise)
        xs = jnp.concatenate([state.x[1:], x[None]])
        ys = jnp.concatenate([state.y[1:], label[None].astype(jnp.int32)])
        known = jnp.concatenate([state.known[1:], rated[None]])
        feedback = Feedback(ys[0], known[0], xs[0], jnp.asarray(False))
        adapter = self.adapter.update(state.adapter, x, feedback)
        return DecoderState(buffer, unusable, beta, adapter, evidence, xs, ys, known, state.tick + 1), high
