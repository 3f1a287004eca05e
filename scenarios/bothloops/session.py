"""Runs of pd_decoded_adbs: people are drawn, calibrated open loop, and then live through a session in closed loop."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...adaptation import registry
from ...adaptation.contract import Decoder, Trials
from ...adaptation.methods import Composed, with_alignment
from ...adaptation.preprocessing import Preprocessing
from ...agents.controller import Controller
from ...sim.keys import stream_key
from ...sim.loop import Loop, Outcome, run_loop
from ...sim.pytree import component
from ..lookup import make_adapter
from .beta import BAND
from .decoded import DecodedLoop, DecodedState
from .patient import HIGH, SFREQ, WINDOW_S, draw, drifting, template

LEVELS = (0.0, 1 / 3, 2 / 3, 1.0)  # of the open-loop calibration
DECODER_SFREQ = 125.0
N_PER_WINDOW = 2  # control windows that are decoded at once


@dataclasses.dataclass(frozen=True)
class Session:
    """What is static about a run: hashable, so that compiled functions are shared.

    n_calibration control windows at each of :data:`LEVELS`; n_windows of the session, of which the drift begins after
    ``onset``; drift_window_s s of drift time per control window; every, delay: see :class:`DecodedLoop`;
    lanes: runs side by side, one compiled shape whatever is asked for.
    """

    decoder_name: str = "csp_lda"
    n_calibration: int = 60
    n_windows: int = 800
    onset: int = 200
    block: int = 100
    drift_window_s: float = 36.0
    every: int = 20
    delay: int = 4
    lanes: int = 48

    @property
    def n_blocks(self) -> int:
        return -(-self.n_windows // self.block)

    @property
    def onset_s(self) -> float:
        return self.onset * self.drift_window_s

    @functools.cached_property
    def preprocessing(self) -> Preprocessing:
        with jax.ensure_compile_time_eval():
            n_samples = N_PER_WINDOW * round(WINDOW_S * SFREQ)
            return Preprocessing.create(SFREQ, n_samples, *BAND, sfreq_out=DECODER_SFREQ)

    @functools.cached_property
    def decoder(self) -> Decoder:
        spec = registry.decoder(self.decoder_name)
        n_channels = _template().plant.amplifier.n_channels
        n_times = self.preprocessing.n_times_out
        return spec.make(n_channels, n_times, 2, DECODER_SFREQ)

    @property
    def compress(self) -> bool:
        return registry.decoder(self.decoder_name).covariance_only


class Person(NamedTuple):
    """A loop without drift, the decoder that was trained on its calibration, and the key of what is the person's own
    about the drift; stacked: leading axis n_people."""

    loop: Loop
    fitted: DecodedState
    own: Array


class Ratings(NamedTuple):
    """missing, noise (): probabilities that a rating never comes, or is wrong."""

    missing: float = 0.0
    noise: float = 0.0


@component
class Staircase:
    """Open-loop calibration: each of ``levels`` (n,) for ``windows`` () control windows."""

    levels: Array
    windows: Array

    def init(self) -> Array:
        return jnp.int32(0)

    def act(self, memory: Array, reading: Any, key: Array) -> tuple[Array, Array]:
        n = jnp.minimum(memory // self.windows, self.levels.shape[0] - 1)
        return memory + 1, self.levels[n][None]


@functools.lru_cache(maxsize=1)
def _template() -> Loop:
    with jax.ensure_compile_time_eval():
        return template()


def people(session: Session, keys: Array) -> Person:
    """The people of these keys (n_people,), each with a decoder trained on their own calibration."""
    return _people(session, _template(), keys)


@functools.partial(jax.jit, static_argnums=0)
def _people(session: Session, loop: Loop, keys: Array) -> Person:
    def one(key: Array) -> Person:
        person = draw(loop, stream_key(key, "person"))
        fitted = _calibrated(session, person, stream_key(key, "calibration"))
        return Person(person, fitted, stream_key(key, "own"))

    return jax.vmap(one)(keys)


def _calibrated(session: Session, loop: Loop, key: Array) -> DecodedState:
    n = session.n_calibration
    policy = Staircase(levels=jnp.asarray(LEVELS), windows=jnp.int32(n))
    v, beta = run_loop(loop, policy, n * len(LEVELS), key, lambda o: (o.reading.v, loop.task.amplitude(o.window)))
    front = DecodedLoop(
        loop=loop, fitted=None, preprocessing=session.preprocessing, decoder=None, adapter=None,  # type: ignore[arg-type]
        compress=session.compress,
    )  # fmt: skip
    pairs = jnp.concatenate([v[:-1], v[1:]], axis=-1)
    # a lost packet leaves a window twice in a row: as in the session, it is not a window
    lost = jnp.all(v[1:] == v[:-1], axis=(1, 2))
    x = jax.vmap(front.prepare)(pairs)
    amplitude = jnp.sqrt(0.5 * (beta[:-1] ** 2 + beta[1:] ** 2))
    threshold = jnp.float32(HIGH)
    trials = Trials(x, (amplitude > threshold).astype(jnp.int32), 1.0 - lost.astype(jnp.float32))
    decoder = session.decoder
    start = with_alignment(
        decoder.init(stream_key(key, "init")), trials, registry.decoder(session.decoder_name).alignment
    )
    fitted = decoder.fit(start, trials, stream_key(key, "fit"))
    return DecodedState(variables=fitted, calibration=trials, threshold=threshold, truth=jnp.zeros(()))


class Runs(NamedTuple):
    """Rows of a session, (n_lanes, n_windows): reward; symptom and beta, spikes/s; high, whether the state was;
    evidence; dose, the mean square of the amplitude; energy J; level, the amplitude; labels used so far."""

    reward: np.ndarray
    symptom: np.ndarray
    beta: np.ndarray
    high: np.ndarray
    evidence: np.ndarray
    dose: np.ndarray
    energy: np.ndarray
    level: np.ndarray
    labels: np.ndarray


def run_lanes(
    session: Session,
    method: str,
    folk: Person,
    who: np.ndarray,
    policies: Controller,
    keys: Array,
    severity: float,
    ratings: Ratings,
) -> Runs:
    """Lane i: person ``who[i]`` with a decoder that adapts by ``method`` ("oracle": the true state), policy i, and
    key i (n_lanes,), which draws the drift's free choices by ``who`` and everything else by itself."""
    truth = method == "oracle"
    adapter = Composed() if truth else make_adapter(method)
    parts = []
    n = len(who)
    for first in range(0, n, session.lanes):
        batch = np.arange(first, min(first + session.lanes, n))
        # what does not fill the last batch repeats it and is dropped
        index = np.resize(batch, session.lanes)
        lanes = _rows(folk, who[index])
        fitted = dataclasses.replace(lanes.fitted, truth=jnp.full(session.lanes, float(truth)))
        lanes = lanes._replace(fitted=fitted)
        rows = _run(session, adapter, lanes, _rows(policies, index), keys[index], severity, ratings)
        parts.append(_rows(jax.tree.map(np.asarray, rows), slice(0, len(batch))))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


def _rows(tree: Any, index: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[index], tree)


@functools.partial(jax.jit, static_argnums=0)
def _run(
    session: Session, adapter: Any, lanes: Person, policies: Controller, keys: Array, severity: Array, ratings: Ratings
) -> Runs:
    def one(person: Person, controller: Controller, key: Array) -> Runs:
        # the side of the slip and the time of day belong to the person, so that all policies of one meet the same
        loop = drifting(person.loop, person.own, severity, session.onset_s, session.drift_window_s)
        decoded = DecodedLoop(
            loop=loop, fitted=person.fitted, preprocessing=session.preprocessing, decoder=session.decoder,
            adapter=adapter, missing=ratings.missing, noise=ratings.noise, n_windows=N_PER_WINDOW,
            every=session.every, delay=session.delay, compress=session.compress,
        )  # fmt: skip
        return run_loop(decoded, controller, session.n_windows, key, _kept)  # type: ignore[arg-type]

    return jax.vmap(one)(lanes, policies, keys)


def _kept(outcome: Outcome) -> Runs:
    truth, applied = outcome.window.truth, outcome.applied
    rows: Any = (
        outcome.reward, outcome.marker, truth["beta"], truth["high"], truth["evidence"], jnp.mean(applied**2),
        outcome.window.stim.energy, jnp.mean(applied), truth["labels"],
    )  # fmt: skip
    return Runs(*rows)
