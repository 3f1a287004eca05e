"""Pulses shorter than a sample: delivered to neural masses as charge, and timed exactly for ever.

A 60 us pulse sampled at 250 Hz is nearly always missed and sometimes counted sixty-fold. Here every sample gets the
charge of the leading phase that falls into it, as the mean current over the sample; the sum is exact whatever the
sampling rate and the length of the windows. The recharge phase brings the net charge to zero and has no effect of its
own on the neural mass (neurons follow the leading, cathodic phase; the recharge is slower or sub-threshold).
"""

import jax.numpy as jnp
from jax import Array

from ..errors import InputError
from ..pytree import component, static
from .cycles import Cycle, cycle_at, pulses_within, quantum

HIGHEST_FREQUENCY = 10e3


@component
class PulseTrain:
    """Charge-balanced rectangular pulses at k / frequency, k = 0, 1, ..., from the start of the run.

    frequency () Hz, kept to 1 mHz (10 mHz above 2.097 kHz of sampling, 100 mHz above 20.97 kHz); width () s of the
    leading phase, cathodic for a positive command; gap () s between the phases; recharge () how much longer, and
    weaker, the second phase is (1: symmetric).
    """

    frequency: Array
    width: Array
    gap: Array
    recharge: Array
    sfreq: float = static()

    @classmethod
    def create(
        cls, sfreq: float, frequency: float = 130.0, width: float = 60e-6, gap: float = 0.0, recharge: float = 1.0
    ) -> "PulseTrain":
        """By default the usual deep brain stimulation: 130 Hz, 60 us, symmetric (in use: 60-90 us, 1-5 mA)."""
        quantum(sfreq)  # refuses a sampling rate that cannot be
        if not quantum(sfreq) <= frequency <= HIGHEST_FREQUENCY:
            raise InputError(
                f"frequency is {frequency:g} Hz; pulses want {quantum(sfreq):g} to {HIGHEST_FREQUENCY:g} Hz"
                " (for none, command 0 A)"
            )
        if not (width > 0 and gap >= 0 and recharge >= 1):
            raise InputError(
                f"width {width:g} s, gap {gap:g} s, recharge {recharge:g}; wanted a width above 0, a gap of 0 or more"
                " and a recharge of 1 or more"
            )
        if (width * (1 + recharge) + gap) * frequency > 1:
            raise InputError(
                f"a pulse of {width * (1 + recharge) + gap:g} s does not fit into the {1 / frequency:g} s between"
                " pulses; shorten it or lower the frequency"
            )
        f32 = jnp.float32
        return cls(frequency=f32(frequency), width=f32(width), gap=f32(gap), recharge=f32(recharge), sfreq=sfreq)

    def cycle(self, tick: Array, n_times: int) -> Cycle:
        """Where in the pulse cycle each sample of window ``tick`` begins; an onset is at 0."""
        return cycle_at(self.frequency, self.sfreq, tick, n_times)

    def share(self, tick: Array, n_times: int) -> Array:
        """(n_times,) the fraction of each sample of window ``tick`` that is filled by leading phases."""
        begin, advance, rate = self.cycle(tick, n_times)
        end = begin + advance
        whole, rest = (end // rate).astype(jnp.float32), (end % rate).astype(jnp.float32)
        width = self.width * self.frequency * rate
        # on-time up to the end less on-time up to the beginning; all numbers are exact but the width
        filled = whole * width + jnp.minimum(rest, width) - jnp.minimum(begin.astype(jnp.float32), width)
        return filled / advance.astype(jnp.float32)

    def since_pulse(self, tick: Array, n_times: int) -> Array:
        """(n_times,) s from the last onset of a pulse to each sampling instant of window ``tick``."""
        return self.cycle(tick, n_times).fraction / self.frequency

    def onsets(self, tick: Array, n_times: int, n_pulses: int) -> Array:
        """(n_pulses,) s from the start of window ``tick`` to its pulses, infinite where it holds fewer."""
        cycle = self.cycle(tick, n_times)
        until = (cycle.rate - cycle.begin[0]) % cycle.rate  # units to the next onset
        k = jnp.arange(n_pulses)
        seconds = (until.astype(jnp.float32) / cycle.rate + k) / self.frequency
        return jnp.where(k < pulses_within(cycle, n_times), seconds, jnp.inf)

    def charge_per_phase(self, current: Array) -> Array:
        """C in the leading phase at ``current`` A; the recharge takes the same out again."""
        return jnp.abs(current) * self.width

    def waveform(self, seconds: Array) -> Array:
        """Current relative to the leading phase at ``seconds`` after an onset: 1, 0 in the gap, then -1 / recharge."""
        second = self.width + self.gap
        leading = (seconds >= 0) & (seconds < self.width)
        recharging = (seconds >= second) & (seconds < second + self.width * self.recharge)
        return leading.astype(jnp.float32) - recharging.astype(jnp.float32) / self.recharge

    def harmonics(self, n: int) -> tuple[Array, Array]:
        """Fourier coefficients (n,) of the train, real and imaginary: current(t) = sum_m 2 Re(c_m e^(2 pi i m f t)).

        t from an onset; harmonics m = 1..n; the mean is zero, as the pulses are balanced.
        """
        m = jnp.arange(1, n + 1)

        def rectangle(start: Array, stop: Array) -> tuple[Array, Array]:
            a, b = 2 * jnp.pi * m * self.frequency * start, 2 * jnp.pi * m * self.frequency * stop
            # integral of e^(-i theta) from a to b, over 2 pi m
            return (jnp.sin(b) - jnp.sin(a)) / (2 * jnp.pi * m), (jnp.cos(b) - jnp.cos(a)) / (2 * jnp.pi * m)

        second = self.width + self.gap
        lead, back = rectangle(jnp.zeros(()), self.width), rectangle(second, second + self.width * self.recharge)
        return lead[0] - back[0] / self.recharge, lead[1] - back[1] / self.recharge
