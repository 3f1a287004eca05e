"""A plant of intracortical recordings."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from .amplifier import Amplifier
from .conditions import Conditions
from .drift.registry import check_severity
from .drift.units import RateWalk, UnitTurnover
from .errors import InputError
from .head.channels import DirectProjection
from .keys import stream_key
from .plant import Plant
from .sources.intracortical import Intracortical
from .stimulation import Stimulator

UNIT_DRIFTS = {
    "unit_turnover": lambda n, severity, onset_s: UnitTurnover.create(n, severity, onset_s),
    "rate_walk": lambda n, severity, onset_s: RateWalk.create(n, severity, onset_s),
}


def intracortical_plant(
    key: Array,
    n_units: int = 96,
    sfreq: float = 50.0,
    window_s: float = 0.5,
    drift: tuple[Any, ...] = (),
    *,
    n_classes: int = 8,
    n_stim: int = 1,
    max_current: float = 1e-4,
    drift_window_s: float | None = None,
    **fields: Any,
) -> Plant:
    """A person with an array in the motor cortex, reaching to one of ``n_classes`` targets; the same key gives the same
    neurons.

    A window's ``v`` (n_units, n_times) holds spike counts per sample of 1 / sfreq s, not volts: the projection is the
    identity, and the recording chain only rounds to whole spikes (so a channel that is disconnected counts none).
    drift: processes, or (name, severity, onset_s) with a name of UNIT_DRIFTS; max_current A (microstimulation is 0.1 mA
    at most); drift_window_s s of drift time per window, by default its own duration; fields: of :class:`Intracortical`.
    """
    processes = []
    for process in drift:
        if isinstance(process, tuple | list):
            name, severity = str(process[0]), float(process[1])
            if name not in UNIT_DRIFTS:
                raise InputError(f"drift {name!r} does not act on units; use one of {', '.join(UNIT_DRIFTS)}")
            check_severity(name, severity)
            process = UNIT_DRIFTS[name](n_units, severity, float(process[2]) if len(process) > 2 else 0.0)
        processes.append(process)
    source = Intracortical.sample(
        stream_key(key, "person.source"), n_units, n_stim, sfreq=sfreq, window_s=window_s, n_classes=n_classes, **fields
    )
    with jax.ensure_compile_time_eval():
        amplifier = Amplifier.create(
            n_units, sfreq, source.n_times, white_sd=0.0, open_sd=0.0, line_imbalance=0.0, clip=1e4, lsb=1.0
        )
    return Plant(
        source=source,
        projection=DirectProjection.create(source.positions, [f"unit {i + 1}" for i in range(n_units)]),
        amplifier=amplifier,
        stimulator=Stimulator.create(n_stim, sfreq, source.n_times, max_current),
        conditions=Conditions.nominal(n_units, impedance=0.0),
        background=None,
        artefacts=None,
        drift=tuple(processes),
        window_s=jnp.float32(source.n_times / sfreq if drift_window_s is None else drift_window_s),
    )
