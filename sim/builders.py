"""Standard plants, put together from their parts."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from .amplifier import Amplifier
from .artefacts import Artefacts
from .background import Background
from .conditions import Conditions
from .errors import InputError
from .head.montage import Montage, make_montage
from .head.projection import DipoleProjection, Reprojection
from .head.sphere import SphereHead
from .keys import stream_key
from .plant import Plant
from .pytree import component
from .sources.motor_imagery import MotorImagery
from .sources.replay import Replay
from .stimulation import Stimulator


class RecordingLike(Protocol):
    """Epoched trials: x (n_trials, n_channels, n_times) V, y (n_trials,) class indices from 0, session (n_trials,)."""

    @property
    def x(self) -> ArrayLike: ...
    @property
    def y(self) -> ArrayLike: ...
    @property
    def session(self) -> ArrayLike | None: ...
    @property
    def ch_names(self) -> Sequence[str]: ...
    @property
    def sfreq(self) -> float: ...


def motor_imagery_plant(
    key: Array,
    montage: str | tuple[str, ...] = "10-10-31",
    sfreq: float = 250.0,
    window_s: float = 1.0,
    reference: str = "FCz",
    drift: tuple[Any, ...] = (),
    *,
    head: str = "mne",
    artefacts: bool = True,
    impedance: float = 5e3,
    max_current: float = 2e-3,
    stim_frequency: float = 10.0,
    drift_window_s: float | None = None,
) -> Plant:
    """A simulated person imagining hand movements under an EEG cap; the same key gives the same person.

    montage: a layout's name or channel names; sfreq Hz; window_s s per control window, a divisor of one second;
    reference: "infinity", "average", "mastoids" or an electrode; drift: processes, applied in order; head: a preset
    of :class:`SphereHead`; impedance ohm; max_current A per contact; stim_frequency Hz of the stimulating current,
    by default in the mu band, which direct current would not drive; drift_window_s s of drift time per control
    window, by default the window's own duration.
    """
    n_times = round(window_s * sfreq)
    # rest, cue delay, imagery and recovery are whole seconds, so a window that divides one divides them all
    if n_times < 1 or abs(1.0 / window_s - round(1.0 / window_s)) > 1e-6:
        raise InputError(
            f"window_s is {window_s:g}; motor imagery wants a whole number of windows a second: 1, 0.5, 0.2, 0.1"
        )
    k_source, k_background = (stream_key(key, name) for name in ("person.source", "person.background"))
    # constants of the electrodes and the head, also where the person is drawn inside a compiled function
    with jax.ensure_compile_time_eval():
        electrodes = make_montage(montage)
        sphere = SphereHead.preset(head)
        radius = float(sphere.radius)
        electrodes = _scaled(electrodes, radius)
        weights = electrodes.reference_weights(reference)
    return Plant(
        source=MotorImagery.sample(k_source, radius=radius, sfreq=sfreq, window_s=window_s),
        projection=DipoleProjection(head=sphere, montage=electrodes),
        amplifier=Amplifier.create(electrodes.n_channels, sfreq, n_times),
        stimulator=Stimulator.create(2, sfreq, n_times, max_current, stim_frequency),
        conditions=Conditions.nominal(electrodes.n_channels, weights, impedance),
        background=Background.sample(k_background, sfreq, n_times, radius=radius),
        artefacts=Artefacts.create(sfreq, n_times, radius=radius) if artefacts else None,
        drift=tuple(drift),
        window_s=jnp.float32(window_s if drift_window_s is None else drift_window_s),
    )


def replay_plant(
    recording: RecordingLike,
    window_s: float | None = None,
    drift: tuple[Any, ...] = (),
    *,
    head: str = "mne",
    max_current: float = 2e-3,
    drift_window_s: float | None = None,
) -> Plant:
    """A recording under drift that is imposed on it; without drift it is played bit by bit as recorded.

    window_s s cuts each trial into control windows, by default the whole trial is one. The recording holds its own
    noise, so nominal contacts are perfect and the amplifier silent: impedance that drifts upwards adds noise to it.
    Voltages are clipped at twice the recording's largest, at least 1 mV. drift_window_s s of drift time per control
    window, by default its own duration (set it to the pause between trials where the pauses were cut out).
    """
    x = np.asarray(recording.x, np.float32)
    sfreq = float(recording.sfreq)
    trial_s = x.shape[-1] / sfreq
    if window_s is not None and not 0 < window_s <= trial_s:
        raise InputError(f"window_s is {window_s:g}; the trials last {trial_s:g} s, use at most that")
    trial_windows = 1 if window_s is None else int(trial_s / window_s + 1e-6)
    source = Replay.create(x, np.asarray(recording.y), sfreq, _sessions(recording.session), trial_windows)
    sphere = SphereHead.preset(head)
    montage = _scaled(make_montage(tuple(recording.ch_names)), float(sphere.radius))
    n_channels = montage.n_channels
    if n_channels != source.n_sources:
        raise InputError(f"the recording has {source.n_sources} channels but {n_channels} channel names")
    # a recording has no potentials at sites that were not recorded
    montage = dataclasses.replace(montage, positions=montage.positions[:n_channels], reference_names=())
    return Plant(
        source=source,
        projection=WhenMoved(projection=Reprojection.create(montage, sphere)),
        amplifier=Amplifier.create(
            n_channels, sfreq, source.n_times, white_sd=0.0,
            clip=max(1e-3, 2.0 * float(np.max(np.abs(x)))),
            # a power of two below the last bit of any voltage: the quantiser multiplies and divides exactly
            lsb=2.0**-110,
        ),
        stimulator=Stimulator.create(source.n_stim, sfreq, source.n_times, max_current),
        conditions=Conditions.nominal(n_channels, impedance=0.0),
        background=None,
        artefacts=None,
        drift=tuple(drift),
        window_s=jnp.float32(source.n_times / sfreq if drift_window_s is None else drift_window_s),
    )  # fmt: skip


@component
class WhenMoved:
    """A reprojection that is left out, bit by bit, while the cap sits where the recording was made.

    (L_new - L_old) W is zero then, but only up to the rounding of float32; and skipping it saves its cost.
    """

    projection: Reprojection

    def matrix(self, conditions: Conditions, parts: Sequence[Any]) -> Array:
        moved = jnp.any(conditions.cap_rotation != 0) | jnp.any(conditions.cap_translation != 0)
        identity = jnp.eye(self.projection.montage.n_channels)
        return jax.lax.cond(moved, lambda: self.projection.matrix(conditions, parts), lambda: identity)


def _scaled(montage: Montage, radius: float) -> Montage:
    """The montage on a scalp of ``radius`` m."""
    lengths = jnp.linalg.norm(montage.positions, axis=-1, keepdims=True)
    return dataclasses.replace(montage, positions=montage.positions * (radius / lengths))


def _sessions(session: ArrayLike | None) -> Array | None:
    """Session of each trial as int32 counted from 0, whatever it was called."""
    if session is None:
        return None
    _, index = np.unique(np.asarray(session), return_inverse=True)
    return jnp.asarray(index, jnp.int32)
