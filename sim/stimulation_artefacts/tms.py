"""A magnetic pulse in the recording: under a millisecond of saturation, then a decay that is a power law of time."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ..errors import InputError
from ..pytree import component, static
from .base import Scene

REFERENCE_S = 0.010


class TMSState(NamedTuple):
    tick: Array  # (n_kept,) int32, window of each remembered pulse, the latest last
    seconds: Array  # (n_kept,) s within that window
    amplitude: Array  # (n_kept, n_stim) relative to the largest, 0 where there was no pulse


@component
class TMSArtefact:
    """Each pulse of the stimulator: a biphasic spike of ``width``, then A/(t + t0)^2.

    The decay of the voltage over electrode and skin follows a power law near t^-2, not an exponential (Freche 2018,
    doi:10.1371/journal.pcbi.1006177): fitting an exponential leaves a residue tens of milliseconds later. positions
    (n_stim, 3) m of the coils' centres on the scalp; reach () m, distance at which the artefact has halved; lead
    (n_sensors,) sign and size of each lead, which depend on how its cable runs and are drawn once; spike () V and
    width () s of the pulse itself; decay () V ten milliseconds after it, under the coil, at a contact of 5 kOhm, in
    proportion to its impedance; t0 () s. A command at the stimulator's ``max_current`` is the full output. The last
    ``n_kept`` pulses are remembered. Sizes are assumptions: artefacts differ by orders of magnitude between set-ups.
    """

    positions: Array
    reach: Array
    lead: Array
    spike: Array
    width: Array
    decay: Array
    t0: Array
    n_pulses: int = static()
    n_kept: int = static(default=8)

    @classmethod
    def sample(
        cls,
        key: Array,
        n_sensors: int,
        positions: Any = ((-0.056, 0.012, 0.069),),
        *,
        n_pulses: int = 8,
        reach: float = 0.04,
        spike: float = 1.0,
        width: float = 3e-4,
        decay: float = 1e-3,
        t0: float = 1e-3,
    ) -> "TMSArtefact":
        """Draw the leads of one set-up; by default a coil over the left motor cortex. ``n_pulses`` a window at most."""
        if not (0 < width < 1e-3 and t0 > 0 and n_pulses >= 1):
            raise InputError(
                f"width {width:g} s, t0 {t0:g} s, n_pulses {n_pulses}; wanted a width of less than a millisecond, t0"
                " above 0 and one pulse or more"
            )
        f32 = jnp.float32
        return cls(
            positions=jnp.atleast_2d(jnp.asarray(positions, f32)), lead=jax.random.normal(key, (n_sensors,)),
            reach=f32(reach), spike=f32(spike), width=f32(width), decay=f32(decay), t0=f32(t0),
            n_pulses=n_pulses, n_kept=max(8, n_pulses),
        )  # fmt: skip

    def init(self) -> TMSState:
        kept, n_stim = self.n_kept, self.positions.shape[0]
        return TMSState(jnp.zeros(kept, jnp.int32), jnp.zeros(kept), jnp.zeros((kept, n_stim)))

    def step(self, state: TMSState, scene: Scene) -> tuple[TMSState, Array]:
        stimulator = scene.stimulator
        train = stimulator.waveform
        if train is None:
            raise InputError("a TMSArtefact wants pulses; give the stimulator a waveform=PulseTrain.create(sfreq)")
        onsets = train.onsets(scene.tick, stimulator.n_times, self.n_pulses)
        fires = jnp.isfinite(onsets)
        relative = scene.delivered.applied / stimulator.max_current
        state = TMSState(
            jnp.concatenate([state.tick, jnp.full(self.n_pulses, scene.tick, jnp.int32)]),
            jnp.concatenate([state.seconds, jnp.where(fires, onsets, 0.0)]),
            jnp.concatenate([state.amplitude, fires[:, None] * relative]),
        )
        age = (
            (scene.tick - state.tick).astype(jnp.float32)[:, None] * (stimulator.n_times / stimulator.sfreq)
            + jnp.arange(stimulator.n_times) / stimulator.sfreq
            - state.seconds[:, None]
        )
        v = jnp.einsum("cs,ks,kt->ct", self.gain(scene), state.amplitude, self.course(age))
        # forget the oldest, after bringing those that are none to the front
        order = jnp.argsort(jnp.any(state.amplitude != 0, axis=-1), stable=True)[-self.n_kept :]
        return jax.tree.map(lambda leaf: leaf[order], state), v

    def course(self, age: Array) -> Array:
        """V at ``age`` s after a full pulse at a channel under the coil; 0 before it."""
        spike = self.spike * jnp.sin(2 * jnp.pi * age / self.width)
        # the age is clamped first: before the pulse the power law has a pole
        tail = self.decay * ((REFERENCE_S + self.t0) / (jnp.maximum(age, 0.0) + self.t0)) ** 2
        return jnp.where(age < 0, 0.0, jnp.where(age < self.width, spike, tail))

    def gain(self, scene: Scene) -> Array:
        """(n_sensors, n_stim) relative to a channel of 5 kOhm under the coil."""
        distance = jnp.linalg.norm(scene.electrodes[:, None] - self.positions, axis=-1)
        near = 1.0 / (1.0 + (distance / self.reach) ** 2)
        resistance = scene.conditions.impedance / 5e3
        hidden = jnp.ones(self.lead.shape[0] - resistance.shape[0])
        return near * (self.lead * jnp.concatenate([resistance, hidden]))[:, None]
