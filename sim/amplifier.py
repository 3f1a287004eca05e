"""The recording chain: contacts, reference, gain, line noise, clipping, quantisation and blanking."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from .block_filter import BlockFilter
from .conditions import Conditions
from .errors import InputError, check_window
from .noise import normal
from .pytree import component, static

BLANKINGS = ("none", "hold", "zero")


class AmplifierState(NamedTuple):
    contact: Array  # (n_channels, n_poles) memory of the contacts' slow noise
    line_phase: Array  # () rad
    held: Array | None  # (n_channels,) V, the last sample that was not blanked; None where nothing is held


@component
class Amplifier:
    """An EEG amplifier and its electrodes.

    white_sd () V rms of the amplifier (.2-.6 uV); contact_sd () V rms of 1/f contact noise per 10 kOhm;
    open_sd () V rms picked up by an open lead; line_frequency () Hz; line_imbalance () V per 10 kOhm of impedance
    above or below the mean of the cap; clip () V; lsb () V, one step of the converter; blank () s after each pulse of
    the stimulator in which samples are not taken: with ``blanking`` "hold" they repeat the last one taken, with "zero"
    they are 0 V, with "none" the amplifier goes on recording.
    """

    white_sd: Array
    contact_sd: Array
    open_sd: Array
    line_frequency: Array
    line_imbalance: Array
    clip: Array
    lsb: Array
    blank: Array
    contact: BlockFilter
    n_channels: int = static()
    n_times: int = static()
    sfreq: float = static()
    blanking: str = static(default="none")

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
        blanking: str = "none",
        blank: float = 2e-3,
    ) -> "Amplifier":
        """Defaults: a research amplifier of 0.5 uV noise, 15 bits below 1 mV and 50 Hz mains, which does not blank."""
        if n_channels < 1:
            raise InputError(f"n_channels of the amplifier is {n_channels}; wanted 1 or more")
        check_window("amplifier", sfreq, n_times)
        if blanking not in BLANKINGS:
            raise InputError(f"unknown blanking {blanking!r}; use one of {', '.join(BLANKINGS)}")
        if not blank >= 0:
            raise InputError(f"blank is {blank:g} s; wanted 0 or more seconds after each pulse")
        return cls(
            white_sd=jnp.float32(white_sd),
            contact_sd=jnp.float32(contact_sd),
            open_sd=jnp.float32(open_sd),
            line_frequency=jnp.float32(line_frequency),
            line_imbalance=jnp.float32(line_imbalance),
            clip=jnp.float32(clip),
            lsb=jnp.float32(lsb),
            blank=jnp.float32(blank),
            contact=BlockFilter.one_over_f(sfreq, n_times),
            n_channels=n_channels,
            n_times=n_times,
            sfreq=sfreq,
            blanking=blanking,
        )

    def init(self, key: Array) -> AmplifierState:
        k_contact, k_phase = jax.random.split(key)
        noise = jax.random.normal(k_contact, (self.n_channels, self.contact.decay.shape[0]))
        held = jnp.zeros(self.n_channels) if self.blanking == "hold" else None
        return AmplifierState(self.contact.init(noise), jax.random.uniform(k_phase, maxval=2 * jnp.pi), held)

    def step(
        self,
        state: AmplifierState,
        potentials: Array,
        conditions: Conditions,
        key: Array,
        since_pulse: Array | None = None,
    ) -> tuple[AmplifierState, Array, Array]:
        """potentials (n_sensors, n_times) V on the scalp -> recorded v (n_channels, n_times) V, and which samples are
        unusable, (n_times,) bool: blanked, or clipped in any channel.

        The first n_channels sensors are the channels, the rest hidden reference sites. since_pulse (n_times,) s since
        the stimulator's last pulse, infinite or None where there was none.
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
        v = jnp.clip(_nearest(v / self.lsb) * self.lsb, -self.clip, self.clip)
        unusable = jnp.any(jnp.abs(v) >= self.clip, axis=0)
        held = state.held
        if self.blanking != "none" and since_pulse is not None:
            skipped = since_pulse < self.blank
            unusable = unusable | skipped
            if held is None:
                v = jnp.where(skipped, 0.0, v)
            else:
                v = _hold(v, skipped, held)
                held = v[:, -1]
        phase = jnp.mod(state.line_phase + turn * self.n_times, 2 * jnp.pi)
        return AmplifierState(contact_state, phase, held), v, unusable


@jax.custom_jvp
def _nearest(x: Array) -> Array:
    """The nearest integer, with the gradient of x itself: a converter's steps would hide all others."""
    return jnp.round(x)


@_nearest.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return _nearest(*primals), tangents[0]


def _hold(v: Array, skipped: Array, held: Array) -> Array:
    """v (n_channels, n_times) with the samples that are skipped (n_times,) replaced by the last one taken before, which
    may be ``held`` (n_channels,) from the window before."""
    last = jax.lax.cummax(jnp.where(skipped, 0, jnp.arange(1, v.shape[-1] + 1)))
    return jnp.take(jnp.concatenate([held[:, None], v], axis=1), last, axis=1)
