"""The published instabilities decoded again: by the calibration's decoder, re-aligned without labels, refitted."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...adaptation.intracortical.contract import Session
from ...adaptation.intracortical.factor_analysis import fit_factors, mean_covariance, readout
from ...adaptation.intracortical.kalman import KalmanModel, LinearDecoder, fit_kalman, steady
from ...adaptation.intracortical.stabiliser import Stabilised, realign
from .recording import Recording, Trial

N_LATENTS, N_STABLE, THRESHOLD = 10, 60, 0.01  # as in the experiment
N_ITERATIONS = 200
STATE_NOISE = 2000.0  # (mm/s)^2 per bin, as in the experiment
SCREEN = np.array([1.0, -1.0])  # velocities point down the screen, positions up
TOLERANCE = 45.0  # degrees: the angle between neighbouring targets


class Baseline(NamedTuple):
    """stabilised: the factors of the calibration and the filter on their latents; model: that filter."""

    stabilised: Stabilised
    model: KalmanModel


def session_of(recording: Recording, decoder: int, aims: bool = False) -> Session:
    """The bins that decoder number ``decoder`` was fitted on, trials apart by a bin of no weight; velocities are those
    of the training, or with ``aims`` the directions from cursor to target."""
    counts, velocity, weight = [], [], []
    for number, bins in recording.training[decoder]:
        trial = recording.trials[number]
        seen = recording.seen(trial)[bins]
        counts += [seen, np.zeros((1, seen.shape[1]))]
        velocity += [aim(trial)[bins] if aims else np.nan_to_num(trial.kinematics[bins]), np.zeros((1, 2))]
        weight += [np.ones(len(seen)), np.zeros(1)]
    return Session(*(jnp.asarray(np.concatenate(part), jnp.float32) for part in (counts, velocity, weight)))


def aim(trial: Trial) -> np.ndarray:
    """(n_bins, 2) unit vectors from the cursor that the monkey saw to the target, in the frame of velocities; 0 where
    no cursor was shown."""
    error = np.nan_to_num(trial.target - trial.cursor[: len(trial.counts)]) * SCREEN
    return error / np.maximum(np.linalg.norm(error, axis=1, keepdims=True), 1e-9)


@jax.jit
def baseline(session: Session) -> Baseline:
    """Factors, and a Kalman filter on the latents with the experiment's state noise."""
    factors = fit_factors(*mean_covariance(session.counts, session.weight), N_LATENTS, N_ITERATIONS)
    latents = jnp.where(session.weight[:, None] > 0, session.counts - factors.mean, 0.0) @ readout(factors).T
    model = fit_kalman(session._replace(counts=latents))._replace(w=STATE_NOISE * jnp.eye(2))
    return Baseline(Stabilised(factors, steady(model), factors, jnp.eye(N_LATENTS)), model)


@jax.jit
def realigned(start: Stabilised, mean: Array, covariance: Array) -> LinearDecoder:
    """The decoder on new bins whose movements are not looked at."""
    return realign(start, mean, covariance, N_STABLE, THRESHOLD, N_ITERATIONS).flat()


@jax.jit
def refitted(start: KalmanModel, session: Session) -> LinearDecoder:
    """A filter of the counts themselves, fitted on the aims of new bins, with the dynamics of the calibration."""
    model = fit_kalman(session)
    return steady(model._replace(a=start.a, w=start.w))


@jax.jit
def _decoded(decoder: LinearDecoder, counts: Array, fresh: Array) -> Array:
    def step(velocity: Array, bin_: tuple[Array, Array]) -> tuple[Array, Array]:
        velocity = decoder(jnp.where(bin_[1], 0.0, velocity), bin_[0])
        return velocity, velocity

    return jax.lax.scan(step, jnp.zeros(2), (counts, fresh))[1]


def decode(recording: Recording, decoder: LinearDecoder, trials: Sequence[Trial]) -> list[np.ndarray]:
    """Velocities (n_bins, 2) mm/s of each trial, started at rest."""
    lengths = [len(t.counts) for t in trials]
    counts = np.concatenate([recording.seen(t) for t in trials])
    fresh = np.zeros(len(counts), bool)
    fresh[np.cumsum([0, *lengths[:-1]])] = True
    # a multiple of a power of two, so that few shapes are compiled
    room = -len(counts) % 8192
    counts, fresh = np.pad(counts, ((0, room), (0, 0))), np.pad(fresh, (0, room))
    velocity = np.asarray(_decoded(decoder, jnp.asarray(counts, jnp.float32), jnp.asarray(fresh)))
    return np.split(velocity[: sum(lengths)], np.cumsum(lengths)[:-1])


def miss(trial: Trial, velocity: np.ndarray) -> float:
    """Degrees between where the decoded velocity goes and where the target is, over the bins in which the cursor moved:
    velocities are taken relative to the direction from cursor to target at the time, and summed."""
    moving = np.arange(len(velocity)) >= trial.move
    direction, velocity = aim(trial)[moving], velocity[moving]
    ahead = (velocity * direction).sum()
    aside = (velocity[:, 0] * direction[:, 1] - velocity[:, 1] * direction[:, 0]).sum()
    return float(np.degrees(np.arctan2(abs(aside), ahead)))


def blocks(recording: Recording) -> dict[str, list[Trial]]:
    """Trials with counts by block; the baseline after the experiment apart from the one before."""
    found: dict[str, list[Trial]] = {}
    seen_perturbed = False
    for trial in recording.trials:
        seen_perturbed = seen_perturbed or trial.perturbed
        kind = trial.kind
        if kind == "baselineEvaluation" and seen_perturbed:
            kind = "washout"
        if len(trial.counts) and trial.move < len(trial.counts):
            found.setdefault(kind, []).append(trial)
    return found


def analyse(recording: Recording) -> dict[str, np.ndarray]:
    """Name of condition -> degrees missed, a trial each; ``recorded/block`` -> whether the trial had succeeded, and
    ``online/block`` -> degrees missed by what was decoded in the experiment."""
    found = blocks(recording)
    first = found["baselineEvaluation"][0].decoder
    start = baseline(session_of(recording, first))
    flat = start.stabilised.flat()
    final = found["stabilizationEvaluation"][-1].decoder
    unlabelled, aims = session_of(recording, final), session_of(recording, final, aims=True)
    speed = float(np.linalg.norm(np.asarray(session_of(recording, first).velocity), axis=1).mean())
    aims = aims._replace(velocity=aims.velocity * speed)
    aligned = _aligned(recording, start.stabilised, final)
    labelled = refitted(start.model, aims)

    def missed(decoder: LinearDecoder, trials: Sequence[Trial]) -> np.ndarray:
        return np.array([miss(t, v) for t, v in zip(trials, decode(recording, decoder, trials))])

    out = {}
    for block in ("baselineEvaluation", "washout", "perturbationEvaluation", "stabilizationEvaluation"):
        out[f"frozen/{block}"] = missed(flat, found[block])
    out["stabiliser/stabilizationEvaluation"] = missed(aligned, found["stabilizationEvaluation"])
    out["supervised/stabilizationEvaluation"] = missed(labelled, found["stabilizationEvaluation"])
    out["stabiliser/stabilization"] = _as_it_went(recording, start.stabilised, found["stabilization"], missed)
    out["frozen/stabilization"] = missed(flat, found["stabilization"])
    for block in (*BLOCKS,):
        out[f"recorded/{block}"] = np.array([t.success for t in found[block]], float)
        out[f"online/{block}"] = np.array([miss(t, np.nan_to_num(t.decoded)) for t in found[block]])
    out["bins"] = np.array([float(unlabelled.weight.sum())])
    return out


BLOCKS = ("baselineEvaluation", "washout", "perturbationEvaluation", "stabilization", "stabilizationEvaluation")


def _aligned(recording: Recording, start: Stabilised, decoder: int) -> LinearDecoder:
    session = session_of(recording, decoder)
    return realigned(start, *mean_covariance(session.counts, session.weight))


def _as_it_went(recording: Recording, start: Stabilised, trials: Sequence[Trial], missed) -> np.ndarray:
    """Every trial by the decoder re-aligned on the bins that the experiment's own had seen before it."""
    out = np.zeros(len(trials))
    for number in sorted({t.decoder for t in trials}):
        mine = [i for i, t in enumerate(trials) if t.decoder == number]
        out[mine] = missed(_aligned(recording, start, number), [trials[i] for i in mine])
    return out
