"""The plant: everything between the stimulation command and the recorded window."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from .amplifier import Amplifier
from .artefacts import Artefacts
from .background import Background
from .clock import Clock
from .conditions import Conditions
from .drift.base import begin, evolve
from .errors import InputError
from .head.projection import Projection
from .keys import stream_key
from .pytree import component
from .sources.base import Source, Truth
from .stimulation import Delivered, Stimulator
from .stimulation.stimulator import check_action
from .stimulation_artefacts.base import Scene, StimulationArtefact


class PlantState(NamedTuple):
    source: Any
    background: Any
    amplifier: Any
    drift: tuple[Any, ...]
    tick: Array  # () int32
    key: Array  # the run's key; every stream of randomness folds in its name and the tick
    stim_artefact: Any = None


class Before(NamedTuple):
    """What a window holds before its source has stepped; current (n_stim, n_times) A."""

    drift: tuple[Any, ...]
    conditions: Conditions
    clock: Clock
    current: Array
    delivered: Delivered
    source_key: Array


class Window(NamedTuple):
    """One control window.

    v (n_channels, n_times) V; stim: what was requested and delivered; blanked (n_times,) bool, samples that the
    amplifier marks as unusable (blanked after a pulse, or clipped); clock; conditions, truth and the source's own
    moments (n_sources, n_times) A·m are ground truth, never part of an observation.
    """

    v: Array
    stim: Delivered
    blanked: Array
    clock: Clock
    conditions: Conditions
    truth: Truth
    moments: Array


@component
class Plant:
    """A brain in a head under electrodes, drifting.

    ``projection`` maps moments to scalp potentials, following the cap.
    ``drift`` is a tuple of processes applied in order; ``window_s`` () s of drift time per control window, larger
    than the window's own duration where the pauses between trials are skipped. ``background``, ``artefacts`` and
    ``stim_artefact``, what the stimulation itself puts on the electrodes, may be None.
    """

    source: Source
    projection: Projection
    amplifier: Amplifier
    stimulator: Stimulator
    conditions: Conditions
    background: Background | None
    artefacts: Artefacts | None
    drift: tuple[Any, ...]
    window_s: Array
    stim_artefact: StimulationArtefact | None = None

    def __post_init__(self) -> None:
        """InputError where amplifier or stimulator is made for other windows than the source."""
        # a pytree is put together from anything: only what is a number is compared, never the shape of an array
        for name, part in (("amplifier", self.amplifier), ("stimulator", self.stimulator)):
            for field, unit in (("sfreq", " Hz"), ("n_times", " samples a window")):
                got, wanted = (getattr(x, field, None) for x in (part, self.source))
                if isinstance(got, int | float) and isinstance(wanted, int | float) and got != wanted:
                    raise InputError(
                        f"the {name} is made for {field} = {got:g}{unit}, the source for {wanted:g}; make both alike"
                    )

    def init(self, key: Array) -> PlantState:
        """The state before the first window; the same key gives the same run for ever."""
        return PlantState(
            source=self.source.init(stream_key(key, "source.init"), self.conditions),
            background=None if self.background is None else self.background.init(stream_key(key, "background.init")),
            amplifier=self.amplifier.init(stream_key(key, "amplifier.init")),
            drift=begin(self.drift, key),
            tick=jnp.int32(0),
            key=key,
            stim_artefact=None if self.stim_artefact is None else self.stim_artefact.init(),
        )

    def evolve(self, state: PlantState) -> tuple[tuple[Any, ...], Conditions, Clock]:
        """Let every drift process act on the nominal conditions at the present tick."""
        clock = Clock(state.tick, self.window_s)
        states, conditions = evolve(self.drift, state.drift, self.conditions, clock, state.key)
        return states, conditions, clock

    def leadfield(self, conditions: Conditions) -> Array:
        """(n_sensors, n_dipoles) from the moments of source, background and artefacts, in this order, to volts."""
        parts = [part for part in (self.source, self.background, self.artefacts) if part is not None]
        return self.projection.matrix(conditions, parts)

    def step(self, state: PlantState, action: Array) -> tuple[PlantState, Window]:
        """One control window: action (n_stim,) A -> the recorded window. InputError for an action of another shape."""
        before = self.before(state, action)
        source, moments, truth = self.source.step(state.source, before.current, before.conditions, before.source_key)
        return self.after(state._replace(source=source), before, moments, truth)

    def before(self, state: PlantState, action: Array) -> Before:
        """The part of a step that precedes the source (apart, so that a source may step on the host)."""
        check_action(action, self.source.n_stim)
        if self.stimulator.n_stim != self.source.n_stim:
            raise InputError(
                f"the stimulator has {self.stimulator.n_stim} contacts, the source {self.source.n_stim}; wanted as many"
            )
        drift, conditions, clock = self.evolve(state)
        current, delivered = self.stimulator.step(action, state.tick, conditions)
        return Before(drift, conditions, clock, current, delivered, stream_key(state.key, "source", state.tick))

    def after(self, state: PlantState, before: Before, moments: Array, truth: Truth) -> tuple[PlantState, Window]:
        """The part of a step that follows the source, whose new state is in ``state``: from its moments to volts."""
        tick, conditions, own = state.tick, before.conditions, moments
        background = state.background
        if self.background is not None:
            background, ongoing = self.background.step(
                state.background, conditions, stream_key(state.key, "background", tick)
            )
            moments = jnp.concatenate([moments, ongoing])
        if self.artefacts is not None:
            moments = jnp.concatenate([moments, self.artefacts.step(stream_key(state.key, "artefacts", tick))])
        potentials = self.leadfield(conditions) @ moments
        memory = state.stim_artefact
        if self.stim_artefact is not None:
            scene = Scene(self.stimulator, before.delivered, tick, self.projection, conditions)
            memory, artefact = self.stim_artefact.step(memory, scene)
            potentials = potentials + artefact
        amplifier, v, blanked = self.amplifier.step(
            state.amplifier, potentials, conditions, stream_key(state.key, "amplifier", tick),
            self.stimulator.since_pulse(tick, before.delivered),
        )  # fmt: skip
        window = Window(v, before.delivered, blanked, before.clock, conditions, truth, own)
        return PlantState(state.source, background, amplifier, before.drift, tick + 1, state.key, memory), window

    def skip(self, state: PlantState, action: Array) -> PlantState:
        """One control window that nobody records: brain and drift go on, the recording chain keeps its memory.

        The noise processes are stationary, so what follows has the same law as if they had run.
        """
        drift, conditions, _ = self.evolve(state)
        current, _ = self.stimulator.step(action, state.tick)
        source, _, _ = self.source.step(state.source, current, conditions, stream_key(state.key, "source", state.tick))
        return state._replace(source=source, drift=drift, tick=state.tick + 1)


class Epoch(NamedTuple):
    """What a decoder is given of one trial.

    x (n_channels, n_epoch_times) V; label () int32; seconds () s of drift time at the trial's end; conditions: the
    ground truth at its end; charge () C delivered during the epoch; cost () bounds broken during it.
    """

    x: Array
    label: Array
    seconds: Array
    conditions: Conditions
    charge: Array
    cost: Array


def run_trial(plant: Plant, state: PlantState, action: Array) -> tuple[PlantState, Epoch]:
    """Run one trial of the source with a constant action (n_stim,) A and cut out its epoch."""
    first, stop = plant.source.epoch
    after = plant.source.trial_windows - stop

    def skip(state: PlantState, _: None) -> tuple[PlantState, None]:
        return plant.skip(state, action), None

    state, _ = jax.lax.scan(skip, state, None, length=first)
    state, windows = jax.lax.scan(lambda s, _: plant.step(s, action), state, None, length=stop - first)
    state, _ = jax.lax.scan(skip, state, None, length=after)
    n_windows, n_channels, n_times = windows.v.shape
    last = jax.tree.map(lambda leaf: leaf[-1], windows)
    epoch = Epoch(
        x=jnp.moveaxis(windows.v, 0, 1).reshape(n_channels, n_windows * n_times),
        label=last.truth["label"],
        seconds=last.clock.seconds,
        conditions=last.conditions,
        charge=jnp.sum(windows.stim.charge),
        cost=jnp.sum(windows.stim.cost),
    )
    return state, epoch


def record(plant: Plant, key: Array, n_trials: int, action: Array | None = None) -> Epoch:
    """Record ``n_trials`` open-loop trials: an Epoch whose arrays have a leading axis n_trials."""
    if n_trials < 1:
        raise InputError(f"n_trials is {n_trials}; wanted 1 or more")
    if action is None:
        action = jnp.zeros(plant.source.n_stim)
    _, epochs = jax.lax.scan(lambda state, _: run_trial(plant, state, action), plant.init(key), None, length=n_trials)
    return epochs
