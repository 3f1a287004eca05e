"""mi_neurofeedback: what is decoded of imagined movement decides on stimulation, which changes how one imagines."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...adaptation import registry
from ...adaptation.contract import Decoder, Feedback, Trials, Variables
from ...adaptation.methods import labels_used, with_alignment
from ...adaptation.preprocessing import Preprocessing, compressed
from ...sim.builders import motor_imagery_plant
from ...sim.drift import CapShift
from ...sim.keys import stream_key
from ...sim.plant import Plant, record
from ..lookup import make_adapter
from .plasticity import Plasticity

SFREQ, DECODER_SFREQ = 250.0, 125.0
MONTAGE = "10-10-16"
CURRENT = 1e-3  # A, 10 Hz, of the stimulation that rewards
BEFORE, EPOCH, AFTER = 3, 3, 2  # windows of 1 s: rest and cue delay, what is decoded, recovery with the reward


@dataclasses.dataclass(frozen=True)
class Training:
    """What is static about a run: n_calibration trials, then n_trials of training, the cap slipping after ``onset``."""

    decoder_name: str = "csp_lda"
    n_calibration: int = 60
    n_trials: int = 240
    onset: int = 80
    label_delay: int = 0

    @functools.cached_property
    def preprocessing(self) -> Preprocessing:
        spec = registry.decoder(self.decoder_name)
        with jax.ensure_compile_time_eval():
            return Preprocessing.create(SFREQ, round(EPOCH * SFREQ), spec.l_freq, spec.h_freq, DECODER_SFREQ)

    @functools.cached_property
    def decoder(self) -> Decoder:
        spec = registry.decoder(self.decoder_name)
        return spec.make(16, self.preprocessing.n_times_out, 2, DECODER_SFREQ)

    def prepare(self, v: Array) -> Array:
        """A raw epoch (n_channels, n_times) V as the decoder is given it."""
        x = self.preprocessing.apply(v)
        return compressed(x) if registry.decoder(self.decoder_name).covariance_only else x


class Trainee(NamedTuple):
    """A person and the decoder trained on their calibration; stacked: leading axis n_people."""

    plant: Plant
    variables: Variables
    calibration: Trials


class Trained(NamedTuple):
    """A run, trial by trial, (n_lanes, n_trials): correct; dose, whether stimulated; contra and ipsi, true mu power of
    the two hand areas relative to rest; gain of the modulation; labels used so far."""

    correct: np.ndarray
    dose: np.ndarray
    contra: np.ndarray
    ipsi: np.ndarray
    gain: np.ndarray
    labels: np.ndarray


def trainees(training: Training, keys: Array) -> Trainee:
    """The people of these keys (n_people,)."""
    return _calibrated(training, _plants(keys), keys)


# run once, it is not worth an optimised compilation
@functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
def _plants(keys: Array) -> Plant:
    return jax.vmap(lambda key: motor_imagery_plant(stream_key(key, "person"), MONTAGE, SFREQ))(keys)


@functools.partial(jax.jit, static_argnums=0)
def _calibrated(training: Training, plants: Plant, keys: Array) -> Trainee:
    def one(plant: Plant, key: Array) -> Trainee:
        epochs = record(plant, stream_key(key, "calibration"), training.n_calibration)
        calibration = Trials(jax.vmap(training.prepare)(epochs.x), epochs.label, jnp.ones(training.n_calibration))
        decoder = training.decoder
        start = decoder.init(stream_key(key, "init"))
        start = with_alignment(start, calibration, registry.decoder(training.decoder_name).alignment)
        return Trainee(plant, decoder.fit(start, calibration, stream_key(key, "fit")), calibration)

    return jax.vmap(one)(plants, keys)


def train(
    training: Training,
    method: str,
    folk: Trainee,
    who: np.ndarray,
    contingent: np.ndarray,
    schedule: np.ndarray,
    keys: Array,
    shift_m: float,
) -> Trained:
    """Lane i: person ``who[i]``, whose decoder adapts by ``method``. Stimulated are trials that were decoded correctly
    where ``contingent[i]``, else those of ``schedule[i]`` (n_trials,), which knows nothing of the brain (sham)."""
    lanes = jax.tree.map(lambda leaf: leaf[who], folk)
    rows = _train(
        training, make_adapter(method), lanes, jnp.asarray(contingent), jnp.asarray(schedule, jnp.float32), keys,
        jnp.float32(shift_m),
    )  # fmt: skip
    return jax.tree.map(np.asarray, rows)


@functools.partial(jax.jit, static_argnums=0)
def _train(
    training: Training, adapter: Any, lanes: Trainee, contingent: Array, schedule: Array, keys: Array, shift: Array
) -> Trained:
    def one(person: Trainee, contingent: Array, schedule: Array, key: Array) -> Trained:
        seconds = (BEFORE + EPOCH + AFTER) * person.plant.window_s
        slip = CapShift.lateral(shift, training.onset * seconds)
        plant = dataclasses.replace(person.plant, drift=(slip,))
        return _session(training, adapter, plant, person, contingent, schedule, key)

    return jax.vmap(one)(lanes, contingent, schedule, keys)


def _session(
    training: Training, adapter: Any, plant: Plant, person: Trainee, contingent: Array, schedule: Array, key: Array
) -> Trained:
    decoder, plasticity = training.decoder, Plasticity()
    n_queued = training.label_delay + 1

    def trial(carry: Any, t: Array) -> tuple[Any, Trained]:
        world, state, plastic, (xs, ys) = carry
        gain = plant.conditions.modulation_gain * plastic.gain
        now = dataclasses.replace(plant, conditions=dataclasses.replace(plant.conditions, modulation_gain=gain))
        world, v, label, power = _imagine(now, world)
        x = training.prepare(v)
        decoded = jnp.argmax(adapter.predict(state, x)).astype(jnp.int32)
        correct = (decoded == label).astype(jnp.float32)
        dose = jnp.where(contingent, correct, schedule[t])

        # the hand area opposite to the cued hand: class 0, the left hand, belongs to the right area, contact 1
        contra = 1 - label
        reward = dose * CURRENT * jax.nn.one_hot(contra, 2)
        world, _ = jax.lax.scan(lambda s, _: (now.skip(s, reward), None), world, None, length=AFTER)
        at_contra, at_ipsi = power[contra, 0], power[1 - contra, 0]
        plastic = plasticity.step(plastic, dose, jnp.log(at_ipsi / at_contra))

        xs, ys = jnp.concatenate([xs[1:], x[None]]), jnp.concatenate([ys[1:], label[None]])
        feedback = Feedback(ys[0], t >= training.label_delay, xs[0], jnp.asarray(False))
        state = adapter.update(state, x, feedback)
        used: Any = labels_used(state)
        row: Any = (correct, dose, at_contra, at_ipsi, plastic.gain, used)
        return (world, state, plastic, (xs, ys)), Trained(*row)

    queue = (jnp.zeros((n_queued, *person.calibration.x.shape[1:])), jnp.zeros(n_queued, jnp.int32))
    state = adapter.init(decoder, person.variables, person.calibration, stream_key(key, "adapter"))
    start = (plant.init(stream_key(key, "plant")), state, plasticity.init(), queue)
    _, rows = jax.lax.scan(trial, start, jnp.arange(training.n_trials))
    return rows


def _imagine(plant: Plant, world: Any) -> tuple[Any, Array, Array, Array]:
    """Rest, cue and imagery without stimulation: state, the epoch (n_channels, n_times) V, its class and the mean true
    power (3, 2) of areas x (mu, beta) in it, relative to rest."""
    none = jnp.zeros(plant.source.n_stim)
    world, _ = jax.lax.scan(lambda s, _: (plant.skip(s, none), None), world, None, length=BEFORE)
    world, windows = jax.lax.scan(lambda s, _: plant.step(s, none), world, None, length=EPOCH)
    v = jnp.moveaxis(windows.v, 0, 1).reshape(windows.v.shape[1], -1)
    return world, v, windows.truth["label"][-1], jnp.mean(windows.truth["rhythm_power"], axis=0)
