"""Where in its cycle a periodic command is, exactly and for ever: integers modulo the sampling rate.

The phase after n samples is n f / sfreq cycles. In float32 that is wrong by a pulse's width within minutes. With both
frequencies in whole quanta (1 mHz up to a sampling rate of 2 kHz, see :func:`quantum`) it is n F modulo S, integers.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from ..errors import InputError

_DIGIT = 1024  # base of the products below
_LARGEST = 1 << 21  # cycle units; times a digit plus itself it stays within 32 bits
LARGEST_SFREQ = 100e3


class Cycle(NamedTuple):
    """begin (n_times,) uint32: position of each sample in its cycle, of ``rate`` units; advance () uint32: by how many
    units a sample moves it on (more than ``rate`` where there are several cycles in a sample)."""

    begin: Array
    advance: Array
    rate: int

    @property
    def fraction(self) -> Array:
        """(n_times,) position in the cycle, 0 to 1."""
        return self.begin.astype(jnp.float32) / self.rate


def quantum(sfreq: float) -> float:
    """Hz, the step to which frequencies are kept at a sampling rate of ``sfreq`` Hz: 1 mHz up to 2.097 kHz, 10 mHz up
    to 20.97 kHz, 100 mHz up to 100 kHz. InputError beyond."""
    if not 0 < sfreq <= LARGEST_SFREQ:
        raise InputError(f"sfreq is {sfreq:g} Hz; stimulation wants more than 0 and at most {LARGEST_SFREQ:g} Hz")
    return max(1e-3, 10.0 ** math.ceil(math.log10(sfreq / (_LARGEST - 1))))


def cycle_at(frequency: Array, sfreq: float, tick: Array, n_times: int) -> Cycle:
    """The cycle of ``frequency`` () Hz in window ``tick`` () of ``n_times`` samples, both counted from the start."""
    step = quantum(sfreq)
    rate = round(sfreq / step)
    advance = jnp.round(frequency / step).astype(jnp.uint32)
    within = advance % rate
    first = _product(jnp.asarray(tick).astype(jnp.uint32) % rate, jnp.uint32(n_times % rate), rate)
    steps = _product(jnp.arange(n_times, dtype=jnp.uint32) % rate, within, rate)
    begin = _product(first, within, rate) + steps
    # a comparison is cheaper than a remainder, and both summands are below the rate
    return Cycle(jnp.where(begin >= rate, begin - rate, begin), advance, rate)


def pulses_within(cycle: Cycle, n_times: int) -> Array:
    """() how many cycles begin in the ``n_times`` samples of the window, one at its very start included: uint32."""
    per_sample, within = cycle.advance // cycle.rate, cycle.advance % cycle.rate
    # n_times x within = whole x rate + rest by long division, as the product itself may leave 32 bits
    whole, rest = jnp.uint32(0), jnp.uint32(0)
    digits = [n_times >> shift & (_DIGIT - 1) for shift in range(0, max(n_times.bit_length(), 1), 10)]
    for digit in reversed(digits):
        total = rest * _DIGIT + digit * within
        whole, rest = whole * _DIGIT + total // cycle.rate, total % cycle.rate
    until = (cycle.rate - cycle.begin[0]) % cycle.rate
    return n_times * per_sample + whole + (rest > until)


def _product(a: Array, b: Array, modulus: int) -> Array:
    """a b modulo ``modulus``, of uint32 arrays below it, without leaving 32 bits."""
    low, middle, high = a % _DIGIT, (a // _DIGIT) % _DIGIT, a // _DIGIT**2
    total = high * b % modulus
    total = (total * _DIGIT + middle * b % modulus) % modulus
    return (total * _DIGIT % modulus + low * b % modulus) % modulus
