"""Feedback of a mean field: the controllers that desynchronise ensembles.

All of them vanish with the synchrony that they suppress, down to the fluctuations of a finite ensemble. Gains are in
relative amplitude per volt of the recorded signal; requests are bounded by -1 and 1, so the stimulator must take both
polarities.
"""

from typing import Any

import jax.numpy as jnp

from ..sim.sensing import DelayDifference, Deviation, Filter, Filtered
from .controller import Controller
from .feedback import Proportional


def proportional_feedback(
    gain: float, tau: float, sfreq: float, n_times: int, *, bound: float = 1.0, n_stim: int = 1
) -> Controller:
    """u = -gain (x - x low-passed with ``tau`` s), bounded: the proportional control that Krylov et al. (2020), Chaos
    30:033126, compare their learned policies with.

    gain 1/V, ``bound`` of \\|u\\| relative to the largest current; one channel, or one for each of ``n_stim`` contacts
    (mix them first with :class:`~neurodrift.sim.sensing.Mixed`).
    """
    return _controller(Deviation.create(sfreq, n_times, tau=tau), -gain, sfreq, n_times, bound, n_stim)


def delayed_feedback(
    gain: float, delay: float, sfreq: float, n_times: int, *, bound: float = 1.0,
    band: tuple[float, float] | None = None, n_stim: int = 1,
) -> Controller:  # fmt: skip
    """u = gain (x(t - delay) - x(t)), bounded: linear delayed feedback (Rosenblum & Pikovsky 2004, Phys. Rev. Lett.
    92:114102). gain 1/V; ``delay`` s, about half a period less the loop's own delay; band Hz: the signal is filtered
    first, and what that delays counts, too."""
    sensing = _filtered(DelayDifference.create(sfreq, n_times, delay=delay), band, sfreq, n_times)
    return _controller(sensing, gain, sfreq, n_times, bound, n_stim)


def pyragas(
    gain: float, period: float, sfreq: float, n_times: int, *, memory: float = 0.0, bound: float = 1.0,
    band: tuple[float, float] | None = None, n_stim: int = 1,
) -> Controller:  # fmt: skip
    """u = gain F, F(t) = x(t - period) - x(t) + memory F(t - period), bounded (Pyragas 1992; with a memory, Socolar et
    al. 1994). It vanishes on an orbit of ``period`` s: it stabilises one and suppresses none. gain 1/V; band Hz as for
    :func:`delayed_feedback`."""
    sensing = DelayDifference.create(sfreq, n_times, delay=period, memory=memory)
    return _controller(_filtered(sensing, band, sfreq, n_times), gain, sfreq, n_times, bound, n_stim)


def _filtered(sensing: Any, band: tuple[float, float] | None, sfreq: float, n_times: int) -> Any:
    return sensing if band is None else Filtered(filter=Filter.band_pass(band, sfreq, n_times), sensing=sensing)


def _controller(sensing: Any, gain: float, sfreq: float, n_times: int, bound: float, n_stim: int) -> Controller:
    f32 = jnp.float32
    law = Proportional(gain=f32(gain), low=f32(-bound), high=f32(bound), n_stim=n_stim)
    return Controller.create(sensing, law, n_times / sfreq)
