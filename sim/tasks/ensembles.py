"""Ensembles to desynchronise: the plants of sync_rl_suppress, begun where they have settled."""

import dataclasses
import functools
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..conditions import Conditions
from ..keys import stream_key
from ..pytree import component, static
from ..sources.base import Truth
from ..sources.connectome import LowRank, MeanField
from ..sources.entry import CurrentInput
from ..sources.models.bonhoeffer_van_der_pol import BonhoefferVanDerPol
from ..sources.models.kuramoto import Kuramoto
from ..sources.neural_mass import NeuralMass, NeuralMassState

N_SNAPSHOTS = 32


@component
class Settled:
    """``source`` whose runs begin at one of ``snapshots``, (n_snapshots, n_nodes) of each variable: settled without
    stimulation, so that an episode costs no burn-in. A patient that is drawn begins as the nominal one.

    kicks: stimulation is added to the first variable at once, before the one step that a window then is, instead of
    flowing during it.
    """

    source: NeuralMass
    snapshots: tuple[Array, ...]
    kicks: bool = static(default=False)

    jittable: ClassVar[bool] = True
    responds_to_stim: ClassVar[bool] = True
    n_classes: ClassVar[int] = 1
    trial_windows: ClassVar[int] = 1
    epoch: ClassVar[tuple[int, int]] = (0, 1)

    @property
    def sfreq(self) -> float:
        return self.source.sfreq

    @property
    def n_times(self) -> int:
        return self.source.n_times

    @property
    def n_sources(self) -> int:
        return self.source.n_sources

    @property
    def n_stim(self) -> int:
        return self.source.n_stim

    @property
    def positions(self) -> Array:
        return self.source.positions

    @property
    def orientations(self) -> Array:
        return self.source.orientations

    def init(self, key: Array, conditions: Conditions) -> NeuralMassState:
        n = jax.random.randint(stream_key(key, "snapshot"), (), 0, self.snapshots[0].shape[0])
        return NeuralMassState(tuple(s[n] for s in self.snapshots), None, self.source.entry.init())

    def step(
        self, state: NeuralMassState, stim: Array, conditions: Conditions, key: Array
    ) -> tuple[NeuralMassState, Array, Truth]:
        if self.kicks:
            entry, drive = self.source.entry.step(state.entry, stim, conditions, self.sfreq)
            first, *rest = state.y
            kicked: Any = first + self.source.h * drive.stim[0]
            state, stim = NeuralMassState((kicked, *rest), None, entry), jnp.zeros_like(stim)
        return self.source.step(state, stim, conditions, key)


class Ensemble(NamedTuple):
    """source: settled; field (n_times,): its mean field without stimulation, in the model's unit, at sfreq."""

    source: Settled
    field: np.ndarray


@functools.lru_cache(maxsize=8)
def relaxation(n_oscillators: int = 1000, eps: float = 0.03, largest: float = 1.0) -> Ensemble:
    """Bonhoeffer-van der Pol oscillators as of Krylov et al. (2020): I = .6 + .1 N(0, 1), x and y uniform in
    [-1, 1] at first; a step of .2 units is a sample. 4 mA are kicks of ``largest`` on every x, once a sample."""
    unit = 1.5e-3  # s, BonhoefferVanDerPol.time_unit
    h = 0.2
    with jax.ensure_compile_time_eval():
        model = BonhoefferVanDerPol.create(n=n_oscillators, key=jax.random.key(0))
        # in order, so that another draw can be one of nearly the same oscillators; without noise none is drawn
        model = dataclasses.replace(model, I=jnp.sort(model.I), sigma=None)
        source = NeuralMass.create(
            model, n_nodes=n_oscillators, sfreq=1.0 / (h * unit), n_times=1, dt=h * unit, pool=n_oscillators,
            wiring=MeanField.create(eps, n_oscillators), start=_uniform(2, n_oscillators),
            entry=CurrentInput(coupling=jnp.full((n_oscillators, 1), largest / h / 4e-3)), burn_in_s=0.0,
        )  # fmt: skip
        return _settled(source, steps=8000, watch=3240, period=162, kicks=True)


@functools.lru_cache(maxsize=8)
def phases(side: int = 8, coupling: float = 0.52, volts: float = 5.0, seed: int = 10) -> Ensemble:
    """Kuramoto oscillators on a grid of side^3, as of DBS-Gym's env0 (Kuzmina et al., KDD 2025, and its code).

    theta_i' = w_i + K / n sum_j cos(d_ij) sin(theta_j - theta_i) + c_i u, one unit of time 10 ms, d in tenths of the
    grid's spacing; w: :func:`natural_frequencies`; K = .52; u of at most ``volts`` advances every phase alike, by
    c = 1 - d to the contact; .05 units are a sample. 5 mA stand for the 5 V. A window is .8 units and a pulse .1, which
    is what that program integrates of the .9 and .15 that it names (the last sample of either part is left out); with
    these, and not with the others, its published 19.8 % (constant) and 85.8 % (random) come out.
    """
    unit = 10e-3
    n = side**3
    with jax.ensure_compile_time_eval():
        grid = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), -1).reshape(-1, 3).astype(float)
        contact = np.array([side // 2, side // 2 - 1, side // 2])
        frequency = natural_frequencies(grid, np.full(3, side // 2), seed)
        distance = 0.1 * np.linalg.norm(grid[:, None] - grid[None], axis=-1)
        reach = np.maximum(1.0 - 0.1 * np.linalg.norm(grid - contact, axis=-1), 0.0)
        model = Kuramoto.create(n=n, width=0.0, f=0.0, advance=1.0)
        model = dataclasses.replace(model, f=jnp.asarray(frequency / unit / (2 * np.pi), jnp.float32), sigma=None)
        start = np.random.default_rng(seed).normal(np.pi, 0.6, n) % (2 * np.pi)
        source = NeuralMass.create(
            model, n_nodes=n, sfreq=20.0 / unit, n_times=16, dt=0.05 * unit, pool=n, start=(start,), burn_in_s=0.0,
            wiring=LowRank.create(coupling / unit / n * np.cos(distance), 1e-5),
            entry=CurrentInput(coupling=jnp.asarray(volts / unit / 5e-3 * reach[:, None], jnp.float32)),
        )  # fmt: skip
        return _settled(source, steps=4000, watch=4000, period=600)


_DENSITY = (
    (0, 6), (1.8, 7.7), (2.5, 6), (3.3, 7.7), (4.5, 4), (5.5, 3.5), (8, 4), (12.5, 5), (18, 5.7), (20, 10), (22, 5.7),
    (25, 4.9), (30, 2.3), (35, 1.2), (40, 0.8), (45, 0.75), (50, 0.7), (55, 0.7), (60, 0.68),
)  # fmt: skip
"""Of the frequencies outside the locus: (Hz, relative density), through which a polynomial of degree 10 is laid."""


def natural_frequencies(grid: np.ndarray, centre: np.ndarray, seed: int) -> np.ndarray:
    """rad per 10 ms of the oscillators at grid (n, 3): 0 to 30 Hz by a smooth density, with a peak at low frequencies
    and one at beta, and 16 to 18 Hz within 1 / .55 of ``centre``. The program's .065 for 2 pi / 100 is kept."""
    rng = np.random.default_rng(seed)
    x, y = np.array(_DENSITY, float).T
    fit = np.polynomial.Polynomial.fit(x, y, 10)
    f = np.linspace(0.0, 30.0, 1000)
    share = np.cumsum(np.maximum(fit(f), 0.0))
    n = len(grid)
    frequency = np.interp(rng.uniform(size=n), share / share[-1], f)
    locus = np.linalg.norm(grid - centre, axis=1) * 0.55 <= 1.0
    return 0.065 * np.where(locus, rng.uniform(16.0, 18.0, n), frequency)


def _uniform(n_variables: int, n: int) -> tuple[np.ndarray, ...]:
    return tuple(np.random.default_rng(0).uniform(-1.0, 1.0, (n_variables, n)))


def _settled(source: NeuralMass, steps: int, watch: int, period: int, kicks: bool = False) -> Ensemble:
    """``source`` after ``steps`` samples, snapshots over a ``period`` of samples from then on, and its mean field over
    ``watch`` samples."""
    conditions = Conditions.nominal(1)
    silence = jnp.zeros((1, source.n_times))
    per_window = source.n_times

    @jax.jit
    def run() -> tuple[Any, Array]:
        def window(state: Any, _: None) -> tuple[Any, Array]:
            state, moments, _truth = source.step(state, silence, conditions, jax.random.key(0))
            return state, moments[0]

        def quiet(state: Any, _: None) -> tuple[Any, Array]:
            return window(state, None)[0], state

        n_before = steps // per_window
        state, _ = jax.lax.scan(lambda s, _: (window(s, None)[0], None), source.begin(), None, length=n_before)
        later, x = jax.lax.scan(window, state, None, length=watch // per_window)
        states: Any
        _, states = jax.lax.scan(quiet, later, None, length=max(period // per_window, N_SNAPSHOTS))
        pick = jnp.linspace(0, states.y[0].shape[0] - 1, N_SNAPSHOTS).astype(int)
        return tuple(y[pick] for y in states.y), x

    snapshots, moments = run()
    mean, moment = np.asarray(source.mean), np.asarray(source.moment)
    return Ensemble(
        Settled(source=source, snapshots=snapshots, kicks=kicks), np.asarray(moments).ravel() / moment + mean
    )
