"""Virtual people by the thousand: drawn, recorded and filtered inside one compiled loop (domain randomisation)."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ..adaptation.contract import Trials
from ..sim.builders import motor_imagery_plant
from ..sim.drift.brain import Fatigue
from ..sim.drift.cap import CapShift
from ..sim.errors import InputError
from ..sim.head.montage import lateral_rotation
from ..sim.keys import stream_key
from ..sim.plant import Plant, record
from ..sim.pytree import component, static
from .simulated import MONTAGE, POPULATION, SFREQ, Setup, Timeline


@component
class Randomisation:
    """How much people and their recordings differ, beyond what every drawn person differs by already.

    skull:      factor; the skull's conductivity is log-uniform between 1/skull and skull times the head's own
                (published values differ by three)
    mounting:   m, standard deviation of how far the cap sits from where it should, about each axis (5-10 mm assumed)
    mu, beta:   Hz, standard deviations of the frequencies about the drawn ones
    loudness:   standard deviation of the log amplitude of the rhythms; alpha, theta: of the background's
    modulation: (least, greatest) depth of the task's modulation relative to the drawn one
    impedance:  standard deviation of the log impedance of each contact; noise: of the log of the 1/f background
    creep:      m, the greatest slip of the cap during the recording; fatigue: in multiples of the published, at most
    """

    skull: Array | float = 2.0
    mounting: Array | float = 0.0075
    mu: Array | float = 0.7
    beta: Array | float = 1.5
    loudness: Array | float = 0.3
    alpha: Array | float = 0.4
    theta: Array | float = 0.3
    modulation: tuple[Array | float, Array | float] = (0.6, 1.4)
    impedance: Array | float = 0.5
    noise: Array | float = 0.3
    creep: Array | float = 0.01
    fatigue: Array | float = 1.0

    @classmethod
    def none(cls) -> "Randomisation":
        """People differ by what is drawn for every simulated person alone."""
        zero: dict[str, Any] = {field.name: 0.0 for field in dataclasses.fields(cls)}
        return cls(**zero | {"skull": 1.0, "modulation": (1.0, 1.0)})


@component
class VirtualPeople:
    """A :class:`neurodrift.adaptation.transfer.contract.Draw`: other people of the population for every key.

    n_people, each with n_trials of motor imagery, windows as ``setup`` prepares them for its decoder. ``chunk`` people
    are recorded at a time, which bounds the memory of the recording whatever the number of people.
    """

    randomisation: Randomisation
    setup: Setup = static()
    n_people: int = static()
    n_trials: int = static()
    chunk: int = static(default=16)

    @classmethod
    def create(
        cls,
        decoder: str = "eegnet",
        n_people: int = 32,
        n_trials: int = 40,
        randomisation: Randomisation | None = None,
        chunk: int = 16,
        start: str | None = None,
    ) -> "VirtualPeople":
        """People for the decoder called ``decoder`` under the cap of the simulated scenarios, or for the checkpoint
        ``start`` of it. InputError for sizes below 1."""
        for name, value in (("n_people", n_people), ("n_trials", n_trials), ("chunk", chunk)):
            if value < 1:
                raise InputError(f"{name} is {value}: wanted 1 or more")
        setup = Setup(Timeline(), POPULATION, decoder, False, start)
        _ = setup.begin  # one that does not fit is refused here
        return cls(
            randomisation=Randomisation() if randomisation is None else randomisation, setup=setup,
            n_people=n_people, n_trials=n_trials, chunk=min(chunk, n_people),
        )  # fmt: skip

    def __call__(self, key: Array) -> Trials:
        """x (n_people, n_trials, n_channels, n_times), filtered, y and weight (n_people, n_trials). jittable."""
        n_chunks = -(-self.n_people // self.chunk)  # whole chunks: a remainder would be compiled a second time
        keys = jax.vmap(lambda i: stream_key(key, "person", i))(jnp.arange(n_chunks * self.chunk))
        found = jax.lax.map(jax.vmap(self._person), keys.reshape(n_chunks, self.chunk))
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[: self.n_people], found)

    def _person(self, key: Array) -> Trials:
        plant = randomised(stream_key(key, "person"), self.setup, self.randomisation, self.n_trials)
        epochs = record(plant, stream_key(key, "recording"), self.n_trials)
        return Trials(jax.vmap(self.setup.prepare)(epochs.x), epochs.label, jnp.ones(self.n_trials))


def randomised(key: Array, setup: Setup, how: Randomisation, n_trials: int) -> Plant:
    """One person of the population under a cap mounted by somebody: the same key gives the same person."""
    plant = motor_imagery_plant(stream_key(key, "plant"), MONTAGE, SFREQ, window_s=1.0, **setup.people._asdict())
    source: Any = plant.source
    now = plant.conditions

    def normal(name: str, sd: Array | float, shape: tuple[int, ...] = ()) -> Array:
        return sd * jax.random.normal(stream_key(key, name), shape)

    def uniform(name: str, least: Array | float, greatest: Array | float) -> Array:
        return jax.random.uniform(stream_key(key, name), (), minval=least, maxval=greatest)

    shift = jnp.stack([normal("mu", how.mu), normal("beta", how.beta)])
    radius = float(plant.projection.head.radius)
    log_skull = jnp.log(how.skull)
    seconds = n_trials * source.trial_windows * float(source.window_s)
    side = jnp.sign(normal("side", 1.0))
    louder = jnp.exp(normal("noise", how.noise))
    return dataclasses.replace(
        plant,
        source=dataclasses.replace(source, frequency=source.frequency + shift),
        conditions=dataclasses.replace(
            now,
            skull_conductivity=jnp.exp(uniform("skull", -log_skull, log_skull)),
            cap_rotation=normal("mounting", how.mounting / radius, (3,)),
            rhythm_gain=now.rhythm_gain * jnp.exp(normal("loudness", how.loudness)),
            alpha_gain=now.alpha_gain * jnp.exp(normal("alpha", how.alpha)),
            theta_gain=now.theta_gain * jnp.exp(normal("theta", how.theta)),
            modulation_gain=uniform("modulation", *how.modulation),
            impedance=now.impedance * jnp.exp(normal("impedance", how.impedance, now.impedance.shape)),
        ),
        background=dataclasses.replace(plant.background, moment=plant.background.moment * louder),  # type: ignore[type-var, union-attr]
        drift=(
            CapShift(
                rotation=side * lateral_rotation(uniform("creep", 0.0, how.creep), radius),
                onset_s=jnp.float32(0.0), duration_s=jnp.float32(seconds), random_side=jnp.float32(0.0),
            ),
            Fatigue.trejo(0.0, severity=uniform("fatigue", 0.0, how.fatigue)),
        ),
    )  # fmt: skip
