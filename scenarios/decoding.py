"""The session loop: predict, score, then learn; open loop over a recorded stream, closed loop over a plant."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ..adaptation.contract import Adapter, Decoder, Feedback, Trials, Variables
from ..adaptation.methods import labels_used
from ..adaptation.preprocessing import Preprocessing
from ..sim.errors import InputError
from ..sim.keys import stream_key
from ..sim.plant import Plant, run_trial


class Labels(NamedTuple):
    """What an experimenter reveals, trial by trial.

    label     (n_trials,) int32, the class as revealed (noise included)
    available (n_trials,) bool, whether a label arrives at this trial
    origin    (n_trials,) int32, the trial that the arriving label belongs to
    """

    label: Array
    available: Array
    origin: Array


class ErrorSignals(NamedTuple):
    """What a detector of errors (of error potentials, say) would make of each prediction, whatever it will be.

    truth (n_trials,) int32, the class that the user meant; if_right, if_wrong (n_trials,) bool, whether a sign of an
    error is seen after a right and after a wrong prediction.
    """

    truth: Array
    if_right: Array
    if_wrong: Array

    def after(self, predicted: Array) -> Array:
        """1 where a sign of an error is seen after ``predicted``, else 0 () int32, of one trial's signals."""
        return jnp.where(predicted == self.truth, self.if_right, self.if_wrong).astype(jnp.int32)


class Stream(NamedTuple):
    """Trials in the order in which they happen.

    x (n_trials, n_channels, n_times), filtered; labels: what is revealed and when; session_end (n_trials,) bool;
    errors: signs of errors after each prediction, None where nobody looks for them.
    """

    x: Array
    labels: Labels
    session_end: Array
    errors: ErrorSignals | None = None


def error_signals(key: Array, y: Array, false_positive: Array | float, miss: Array | float) -> ErrorSignals:
    """Signs of errors about the classes y (n_trials,): seen after a right prediction with probability
    ``false_positive``, not seen after a wrong one with probability ``miss``. Detectors of error potentials are right
    some 76 % of the time within a person."""
    k_right, k_wrong = (stream_key(key, name) for name in ("right", "wrong"))
    return ErrorSignals(
        y.astype(jnp.int32),
        jax.random.uniform(k_right, y.shape) < false_positive,
        jax.random.uniform(k_wrong, y.shape) >= miss,
    )


def reveal(
    key: Array, y: Array, n_classes: int, delay: int = 0, missing: Array | float = 0.0, noise: Array | float = 0.0
) -> Labels:
    """Reveal the classes y (n_trials,) ``delay`` trials late, some never (probability ``missing``), some wrong
    (probability ``noise``, any other class)."""
    n_trials = y.shape[0]
    k_missing, k_noise, k_other = (stream_key(key, name) for name in ("missing", "noise", "other"))
    wrong = jax.random.uniform(k_noise, (n_trials,)) < noise
    other = (y + jax.random.randint(k_other, (n_trials,), 1, n_classes)) % n_classes
    recorded = jnp.where(wrong, other, y).astype(jnp.int32)
    kept = jax.random.uniform(k_missing, (n_trials,)) >= missing
    origin = jnp.arange(n_trials) - delay
    arrived = origin >= 0
    origin = jnp.maximum(origin, 0)
    return Labels(recorded[origin], arrived & kept[origin], origin.astype(jnp.int32))


def decode_stream(
    adapter: Adapter, decoder: Decoder, variables: Variables, calibration: Trials, stream: Stream, key: Array
) -> tuple[Array, Array]:
    """Run one method over one stream: class probabilities (n_trials, n_classes) and the labels used so far
    (n_trials,). Every trial is predicted before anything is learnt from it."""

    def trial(state: Any, inputs: tuple[Any, ...]) -> tuple[Any, tuple[Array, Array]]:
        x, label, available, origin, session_end, errors = inputs
        logits = adapter.predict(state, x)
        feedback = Feedback(label, available, stream.x[origin], session_end, _error(errors, logits))
        state = adapter.update(state, x, feedback)
        return state, (jax.nn.softmax(logits), labels_used(state))

    state = adapter.init(decoder, variables, calibration, key)
    label, available, origin = stream.labels
    inputs = (stream.x, label, available, origin, stream.session_end, stream.errors)
    _, (proba, used) = jax.lax.scan(trial, state, inputs)
    return proba, used


def decode_host(
    adapter: Adapter, decoder: Decoder, variables: Variables, calibration: Trials, stream: Stream, key: Array
) -> tuple[Array, Array]:
    """The same loop stepped from Python, for adapters that cannot be traced."""
    state = adapter.init(decoder, variables, calibration, key)
    probabilities, used = [], []
    for t in range(stream.x.shape[0]):
        label, available, origin = (field[t] for field in stream.labels)
        logits = jnp.asarray(adapter.predict(state, stream.x[t]))
        probabilities.append(jax.nn.softmax(logits))
        error = _error(jax.tree.map(lambda a, t=t: a[t], stream.errors), logits)
        feedback = Feedback(label, available, stream.x[origin], stream.session_end[t], error)
        state = adapter.update(state, stream.x[t], feedback)
        used.append(jnp.asarray(labels_used(state)))
    return jnp.stack(probabilities), jnp.stack(used)


def _error(errors: ErrorSignals | None, logits: Array) -> Array | int:
    return -1 if errors is None else errors.after(logits.argmax())


class Rollout(NamedTuple):
    """What a closed loop leaves behind, one row per trial: proba (n_trials, n_classes), label (n_trials,),
    labels_used (n_trials,), action (n_trials, n_stim) A, seconds (n_trials,) and the conditions' trajectory."""

    proba: Array
    label: Array
    labels_used: Array
    action: Array
    seconds: Array
    conditions: Any


def rollout_scan(
    plant: Plant,
    preprocessing: Preprocessing,
    adapter: Adapter,
    decoder: Decoder,
    variables: Variables,
    calibration: Trials,
    key: Array,
    n_trials: int,
    policy: Any | None = None,
) -> Rollout:
    """The whole loop in one scan: plant, decoder, method and policy; labels are revealed after each trial.

    policy: an object with ``init() -> memory`` and ``act(memory, reading, key) -> (memory, action (n_stim,))``, whose
    reading is here what was decoded from the last trial, its class probabilities (n_classes,); it sets the stimulation
    of the next trial, in [-1, 1] of the stimulator's largest current (none without a policy), so what is decoded can
    depend on what was decoded. Policies that look at samples (a controller with its sensing) want the windows of
    :mod:`neurodrift.sim.loop` instead. jittable; vmap over keys, plants and parameters. Raises InputError for a source
    that cannot be traced: use ``rollout_host`` of neurodrift.sim.host.
    """
    if not plant.source.jittable:
        raise InputError(
            f"{type(plant.source).__name__} cannot be compiled into a scan; use neurodrift.sim.host.rollout_host"
        )
    k_plant, k_adapter, k_policy = (stream_key(key, name) for name in ("plant", "adapter", "policy"))

    def trial(carry: tuple[Any, Any, Any, Array], t: Array) -> tuple[tuple[Any, Any, Any, Array], Rollout]:
        world, state, memory, action = carry
        world, epoch = run_trial(plant, world, action)
        x = preprocessing.apply(epoch.x)
        proba = jax.nn.softmax(adapter.predict(state, x))
        feedback = Feedback(epoch.label, jnp.bool_(True), x, jnp.bool_(False))
        state = adapter.update(state, x, feedback)
        row = Rollout(proba, epoch.label, labels_used(state), action, epoch.seconds, epoch.conditions)
        if policy is not None:
            memory, level = policy.act(memory, proba, stream_key(k_policy, "act", t))
            action = jnp.clip(level, -1.0, 1.0) * plant.stimulator.max_current
        return (world, state, memory, action), row

    start = (
        plant.init(k_plant),
        adapter.init(decoder, variables, calibration, k_adapter),
        None if policy is None else policy.init(),
        jnp.zeros(plant.source.n_stim),
    )
    _, rows = jax.lax.scan(trial, start, jnp.arange(n_trials))
    return rows
