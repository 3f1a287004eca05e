"""The recording chain: contacts, reference, gain, line noise, clipping and quantisation."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from .block_filter import BlockFilter
from .conditions import Conditions
from .noise import normal
from .pytree import component, static


class AmplifierState(NamedTuple):
    contact: Array  # (n_channels, n_poles) memory of the contacts' slow noise
    line_phase: Array  # () rad


@component
class Amplifier:
    """An EEG amplifier and its electrodes.

    white_sd () V rms of the amplifier (.2-.6 uV); contact_sd () V rms of 1/f contact noise per 10 kOhm;
    open_sd () V rms picked up by an open lead; line_frequency () Hz; line_imbalance () V per 10 kOhm of impedance
    above or below the mean of the cap; clip () V; lsb () V, one step of the converter.
    """

    white_sd: Array
    contact_sd: Array
    open_sd: Array
    line_frequency: Array
    line_imbalance: Array
    clip: Array
    lsb: Array
    contact: BlockFilter
    n_channels: int = static()
    n_times: int = static()
    sfreq: float = static()

    @classmethod
    def create(
        cls,
        n_channels: int,
        sfreq: float,
        n_times: int,
        white_sd: float = 0.5e-6,
        contact_sd: float = 4e-6,
        open_sd: float = 30e-6,
        line_frequency: float = 50.0,
        line_imbalance: float = 4e-6,
        clip: float = 1e-3,
        lsb: float = 0.0488e-6,
    ) -> "Amplifier":
        """Defaults: a research amplifier of 0.5 uV noise, 15 bits below 1 mV and 50 Hz mains."""
        return cls(
            white_sd=jnp.float32(white_sd),
            contact_sd=jnp.float32(contact_sd),
            open_sd=jnp.float32(open_sd),
            line_frequency=jnp.float32(line_frequency),
            line_imbalance=jnp.float32(line_imbalance),
            clip=jnp.float32(clip),
            lsb=jnp.float32(lsb),
            contact=BlockFilter.one_over_f(sfreq, n_times),
            n_channels=n_channels,
            n_times=n_times,
            sfreq=sfreq,
        )

    def init(self, key: Array) -> AmplifierState:
        k_contact, k_phase = jax.random.split(key)
        noise = jax.random.normal(k_contact, (self.n_channels, self.contact.decay.shape[0]))
        return AmplifierState(self.contact.init(noise), jax.random.uniform(k_phase, maxval=2 * jnp.pi))

    def step(
        self, state: AmplifierState, potentials: Array, conditions: Conditions, key: Array
    ) -> tuple[AmplifierState, Array]:
        """potentials (n_sensors, n_times) V on the scalp -> recorded v (n_channels, n_times) V.

        The first n_channels sensors are the channels, the rest hidden reference sites.
        """
        k_contact, k_white = jax.random.split(key)
        shape = (self.n_channels, self.n_times)
        resistance = conditions.impedance[:, None] / 1e4  # in units of 10 kOhm
        contact_state, slow = self.contact.step(state.contact, normal(k_contact, shape))
        turn = 2 * jnp.pi * self.line_frequency / self.sfreq
        line = jnp.cos(state.line_phase + turn * jnp.arange(self.n_times))

        v = potentials[: self.n_channels] + self.contact_sd * resistance * slow
        v = v + self.line_imbalance * (resistance - jnp.mean(resistance)) * line
        v = jnp.where(conditions.connected[:, None] > 0, v, self.open_sd * (slow + line))
        hidden = conditions.reference[self.n_channels :] @ potentials[self.n_channels :]
        v = v - (conditions.reference[: self.n_channels] @ v + hidden)
        v = conditions.gain[:, None] * (conditions.mixing @ v)
        v = v + self.white_sd * normal(k_white, shape)
        v = jnp.clip(jnp.round(v / self.lsb) * self.lsb, -self.clip, self.clip)
        phase = jnp.mod(state.line_phase + turn * self.n_times, 2 * jnp.pi)
        return AmplifierState(contact_state, phase), v
