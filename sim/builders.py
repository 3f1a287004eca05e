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
from .drift.registry import make_drift
from .errors import InputError
from .head.channels import DirectProjection
from .head.heads import make_head
from .head.montage import Montage, make_montage
from .head.projection import DipoleProjection, Reprojection
from .keys import stream_key
from .plant import Plant
from .sources.connectome import Connectome
from .sources.models.jansen_rit import JansenRit
from .sources.motor_imagery import MotorImagery
from .sources.neural_mass import NeuralMass
from .sources.registry import make_source, source_spec
from .sources.replay import Replay
from .species import HUMAN_RADIUS, options_for
from .species import species as find_species
from .stimulation import PulseTrain, Stimulator


class RecordingLike(Protocol):
    """Epoched trials: x (n_trials, n_channels, n_times) V, y (n_trials,) class indices, session (n_trials,) indices."""

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
    alpha: float = 0.25,
    erd_contra: tuple[float, float] = (0.45, 0.15),
    erd_ipsi: tuple[float, float] = (0.10, 0.15),
) -> Plant:
    """A simulated person imagining hand movements under an EEG cap; the same key gives the same person.

    montage: a layout's name or channel names; sfreq Hz; window_s s per control window, a divisor of one second;
    reference: "infinity", "average", "mastoids" or an electrode; drift: processes, applied in order, or
    (name, severity, onset_s); head: a layered sphere ("mne", "skull-1/80", "skull-1/25", "skull-1/15") or "template",
    of anatomical shape; impedance ohm; max_current A per contact; stim_frequency Hz of the stimulating current,
    by default in the mu band, which direct current would not drive; drift_window_s s of drift time per control
    window, by default the window's own duration; alpha: amplitude of the background alpha relative to
    rest with closed eyes, a quarter while looking at a screen (16 times in power between the two in EEGMMIDB S001);
    erd_contra (mean, standard deviation), erd_ipsi (least, greatest): the population's desynchronisation, fractions of
    power.
    """
    if not 60.0 < sfreq < np.inf:
        raise InputError(
            f"sfreq is {sfreq:g} Hz; motor imagery wants more than 60 Hz to carry a beta rhythm up to 30 Hz"
        )
    n_times = round(window_s * sfreq) if 0 < window_s <= 1 else 0
    # rest, cue delay, imagery and recovery are whole seconds, so a window that divides one divides them all
    if n_times < 1 or abs(1.0 / window_s - round(1.0 / window_s)) > 1e-6:
        raise InputError(
            f"window_s is {window_s:g}; motor imagery wants a whole number of windows a second: 1, 0.5, 0.2, 0.1"
        )
    k_source, k_background = (stream_key(key, name) for name in ("person.source", "person.background"))
    # constants of the electrodes and the head, also where the person is drawn inside a compiled function
    with jax.ensure_compile_time_eval():
        sphere = make_head(head)
        radius = float(sphere.radius)
        electrodes = _scaled(make_montage(montage), radius)
        weights = electrodes.reference_weights(reference)
    return Plant(
        source=MotorImagery.sample(
            k_source, radius=radius, erd_contra=erd_contra, erd_ipsi=erd_ipsi, sfreq=sfreq, window_s=window_s
        ),
        projection=DipoleProjection(head=sphere, montage=electrodes),
        amplifier=Amplifier.create(electrodes.n_channels, sfreq, n_times),
        stimulator=Stimulator.create(2, sfreq, n_times, max_current, stim_frequency),
        conditions=dataclasses.replace(
            Conditions.nominal(electrodes.n_channels, weights, impedance), alpha_gain=jnp.float32(alpha)
        ),
        background=Background.sample(k_background, sfreq, n_times, radius=radius),
        artefacts=Artefacts.create(sfreq, n_times, radius=radius) if artefacts else None,
        drift=drift_processes(drift, electrodes),
        window_s=jnp.float32(window_s if drift_window_s is None else drift_window_s),
    )


def jansen_rit_plant(
    key: Array,
    montage: str | tuple[str, ...] = "10-10-16",
    sfreq: float = 250.0,
    window_s: float = 0.1,
    reference: str = "FCz",
    drift: tuple[Any, ...] = (),
    *,
    n_nodes: int = 20,
    n_stim: int = 1,
    coupling: ArrayLike | None = None,
    delays: ArrayLike | None = None,
    dt: float = 0.5e-3,
    noise: str = "counter",
    burn_in_s: float = 2.5,
    head: str = "mne",
    impedance: float = 5e3,
    max_current: float = 2e-3,
    stim_frequency: float = 0.0,
    drift_window_s: float | None = None,
    **parameters: Any,
) -> Plant:
    """``n_nodes`` Jansen-Rit columns of one person under an EEG cap, without other background or artefacts.

    coupling (n_nodes, n_nodes), None for independent columns: ``coupling[i, j]`` times the firing rate of column j
    is added to p of column i, ``delays[i, j]`` s later; dt s, noise and burn_in_s as for :meth:`NeuralMass.create`;
    ``parameters`` are letters of :class:`JansenRit`; the rest as for :func:`brain_plant`.
    """
    with jax.ensure_compile_time_eval():
        source = NeuralMass.create(
            JansenRit.create(**parameters), n_nodes=n_nodes, sfreq=sfreq, n_times=_n_times(window_s, sfreq), dt=dt,
            n_stim=n_stim, wiring=None if coupling is None else Connectome.create(coupling, delays), noise=noise,
            burn_in_s=burn_in_s, radius=float(make_head(head).radius),
        )  # fmt: skip
    person = source.model.person(stream_key(key, "person.source"))
    return source_plant(
        dataclasses.replace(source, model=person), montage, reference, drift, head=head, impedance=impedance,
        max_current=max_current, stim_frequency=stim_frequency, drift_window_s=drift_window_s,
    )  # fmt: skip


def brain_plant(
    name: str,
    preset: str | None = None,
    montage: str | tuple[str, ...] = "10-10-16",
    sfreq: float = 250.0,
    window_s: float = 0.1,
    reference: str = "FCz",
    drift: tuple[Any, ...] = (),
    *,
    species: str = "human",
    head: str = "mne",
    impedance: float = 5e3,
    max_current: float = 2e-3,
    stim_frequency: float = 0.0,
    waveform: PulseTrain | None = None,
    drift_window_s: float | None = None,
    **options: Any,
) -> Plant:
    """Any brain model of the registry (``neurodrift list``) under an EEG cap, without other background or artefacts.

    name and preset: the model and its regime; options: of the source (letters, n_nodes, n_stim, wiring, dt, ...; see
    :meth:`NeuralMass.create`). waveform: pulses instead of a current that is held; models that answer to a dose are
    told so. species: scales head, depth, moments, delays and noise, not the kinetics. The rest as for
    :func:`motor_imagery_plant`, except that direct current is the default.
    """
    animal = find_species(species)
    spec = source_spec(name)
    if spec.builder is not None:
        raise InputError(f"source {name} has a plant of its own: use {spec.builder}")
    with jax.ensure_compile_time_eval():
        radius = float(make_head(head).radius) * animal.head_radius / HUMAN_RADIUS
        if spec.placed:
            options = {"radius": radius, "depth": animal.depth()} | options
        if spec.pulses and waveform is not None:
            options = {"pulses": True} | options
        options = options_for(name, preset, animal, options)
        source = make_source(name, preset, sfreq=sfreq, n_times=_n_times(window_s, sfreq), **options)
    if species != "human":
        source = dataclasses.replace(source, moment=source.moment * animal.moment_scale)
    plant = source_plant(
        source, montage, reference, drift, head=head, radius=radius, impedance=impedance, max_current=max_current,
        stim_frequency=stim_frequency, waveform=waveform, drift_window_s=drift_window_s,
    )  # fmt: skip
    noisy = dataclasses.replace(plant.conditions, noise_gain=jnp.float32(animal.noise_scale))
    return dataclasses.replace(plant, conditions=noisy)


def source_plant(
    source: Any,
    montage: str | tuple[str, ...] = "10-10-16",
    reference: str = "FCz",
    drift: tuple[Any, ...] = (),
    *,
    head: str = "mne",
    radius: float | None = None,
    impedance: float = 5e3,
    max_current: float = 2e-3,
    stim_frequency: float = 0.0,
    waveform: PulseTrain | None = None,
    drift_window_s: float | None = None,
) -> Plant:
    """A source of your own, or one of :func:`make_source`, under an EEG cap; radius m of the head, the preset's by
    default; waveform: pulses instead of a current that is held; the rest as for :func:`motor_imagery_plant`."""
    with jax.ensure_compile_time_eval():
        sphere = make_head(head)
        if radius is not None and radius != float(sphere.radius):
            sphere = make_head(head, radius)
        electrodes = _scaled(make_montage(montage), float(sphere.radius))
        weights = electrodes.reference_weights(reference)
    return Plant(
        source=source,
        projection=DipoleProjection(head=sphere, montage=electrodes),
        amplifier=Amplifier.create(electrodes.n_channels, source.sfreq, source.n_times),
        stimulator=Stimulator.create(
            source.n_stim, source.sfreq, source.n_times, max_current, stim_frequency, waveform=waveform
        ),
        conditions=Conditions.nominal(electrodes.n_channels, weights, impedance),
        background=None,
        artefacts=None,
        drift=drift_processes(drift, electrodes),
        window_s=jnp.float32(source.n_times / source.sfreq if drift_window_s is None else drift_window_s),
    )


def local_plant(
    source: Any,
    drift: tuple[Any, ...] = (),
    *,
    gain: float = 500.0,
    impedance: float = 1e3,
    max_current: float = 3e-3,
    stim_frequency: float = 0.0,
    waveform: PulseTrain | None = None,
    drift_window_s: float | None = None,
) -> Plant:
    """A source recorded where it is, by a lead beside it: one channel of local field potential for each node.

    gain V per A·m (the default makes the 21 nA·m of Parkinsonian beta 10 uV, the size of a subthalamic local field;
    assumed); impedance ohm of the recording contacts; max_current A, waveform and the rest as for :func:`brain_plant`.
    Drift processes of a cap do not apply: there is none.
    """
    names = [f"LFP {i + 1}" for i in range(source.n_sources)]
    with jax.ensure_compile_time_eval():
        projection = DirectProjection.create(source.positions, names, gain)
    return Plant(
        source=source,
        projection=projection,
        amplifier=Amplifier.create(len(names), source.sfreq, source.n_times),
        stimulator=Stimulator.create(
            source.n_stim, source.sfreq, source.n_times, max_current, stim_frequency, waveform=waveform
        ),
        conditions=Conditions.nominal(len(names), impedance=impedance),
        background=None,
        artefacts=None,
        drift=drift_processes(drift, projection.montage),
        window_s=jnp.float32(source.n_times / source.sfreq if drift_window_s is None else drift_window_s),
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

    window_s s cuts each trial into control windows (what does not fill one is left out); by default the whole trial is
    one. The recording holds its own
    noise, so nominal contacts are perfect and the amplifier silent: impedance that drifts upwards adds noise to it.
    Voltages are clipped at twice the recording's largest, at least 1 mV. drift_window_s s of drift time per control
    window, by default its own duration (set it to the pause between trials where the pauses were cut out).
    """
    x = np.asarray(recording.x, np.float32)
    sfreq = float(recording.sfreq)
    trial_s = x.shape[-1] / sfreq
    if window_s is not None and not 0 < window_s <= trial_s:
        raise InputError(f"window_s is {window_s:g}; the trials last {trial_s:g} s, use at most that")
    n_times = x.shape[-1] if window_s is None else max(round(window_s * sfreq), 1)
    trial_windows = x.shape[-1] // n_times
    x = x[..., : trial_windows * n_times]
    session = None if recording.session is None else jnp.asarray(recording.session, jnp.int32)
    source = Replay.create(jnp.asarray(x), jnp.asarray(recording.y), sfreq, session, trial_windows)
    sphere = make_head(head)
    montage = _scaled(make_montage(tuple(recording.ch_names)), float(sphere.radius))
    n_channels = montage.n_channels
    if n_channels != source.n_sources:
        raise InputError(f"the recording has {source.n_sources} channels but {n_channels} channel names")
    # a recording has no potentials at sites that were not recorded
    montage = dataclasses.replace(montage, positions=montage.positions[:n_channels], reference_names=())
    return Plant(
        source=source,
        projection=Reprojection.create(montage, sphere),
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
        drift=drift_processes(drift, montage),
        window_s=jnp.float32(source.n_times / sfreq if drift_window_s is None else drift_window_s),
    )  # fmt: skip


def drift_processes(drift: Sequence[Any], montage: Montage) -> tuple[Any, ...]:
    """The processes of ``drift``; those given as (name, severity) or (name, severity, onset_s) are made by name, in
    the severity's own unit (``neurodrift list``), from ``onset_s`` s on, by default from the start."""
    processes = []
    for process in (drift,) if isinstance(drift, str) else drift:
        if isinstance(process, str):
            raise InputError(
                f"drift {process!r} has no severity; give ({process!r}, severity) or ({process!r}, severity, onset_s)"
            )
        if isinstance(process, Sequence):
            name, severity = str(process[0]), float(process[1])
            onset_s = float(process[2]) if len(process) > 2 else 0.0
            # constants, also where the person is drawn inside a compiled function
            with jax.ensure_compile_time_eval():
                process = make_drift(name, montage, severity, onset_s)
        processes.append(process)
    return tuple(processes)


def _n_times(window_s: float, sfreq: float) -> int:
    n_times = round(window_s * sfreq) if 0 < window_s * sfreq < np.inf else 0
    if n_times < 1:
        raise InputError(f"window_s is {window_s:g}; one window wants at least one sample at {sfreq:g} Hz")
    return n_times


def _scaled(montage: Montage, radius: float) -> Montage:
    """The montage on a scalp of ``radius`` m."""
    lengths = jnp.linalg.norm(montage.positions, axis=-1, keepdims=True)
    return dataclasses.replace(montage, positions=montage.positions * (radius / lengths))
