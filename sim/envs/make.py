"""What ``gymnasium.make`` and ``gymnasium.make_vec`` call for the registered ids."""

from collections.abc import Sequence
from typing import Any

from gymnasium.vector import AutoresetMode

from ..builders import RecordingLike, motor_imagery_plant, replay_plant
from ..loop import Loop
from .engine import Recipe
from .env import NeuromodEnv
from .tasks import Lateralisation, Recorded
from .vector import NeuromodVectorEnv


def make_motor_imagery(
    *, n_windows: int | None = 480, subject: int | None = None, render_mode: None = None, **options: Any
) -> NeuromodEnv:
    """``neurodrift/MotorImagery-v0``: neurofeedback of a simulated person's rhythms (:class:`Lateralisation`).

    n_windows: control windows until truncation, by default 480, that is eight minutes, or 60 trials, at 1 s.
    subject: which person, by number; None draws one with each episode. dose_weight: what the whole dose costs in
    each window, default 0.1. drift: processes, or (name, severity, onset_s). Everything else goes to
    :func:`motor_imagery_plant`: montage, sfreq, window_s, reference, stim_frequency, ...
    """
    world = _motor_imagery(**options)
    return NeuromodEnv(world, n_windows=n_windows, subject=subject, render_mode=render_mode)


def make_motor_imagery_vector(
    num_envs: int = 1,
    *,
    n_windows: int | None = 480,
    subject: int | None = None,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    render_mode: None = None,
    **options: Any,
) -> NeuromodVectorEnv:
    """As :func:`make_motor_imagery`, ``num_envs`` of them in one call per step."""
    world = _motor_imagery(**options)
    return NeuromodVectorEnv(
        world, num_envs=num_envs, n_windows=n_windows, subject=subject, autoreset_mode=autoreset_mode,
        render_mode=render_mode,
    )  # fmt: skip


def make_replay(*, n_windows: int | None = None, render_mode: None = None, **options: Any) -> NeuromodEnv:
    """``neurodrift/Replay-v0``: a recording under imposed drift. It does not answer stimulation
    (``info["responds_to_stim"]``), so that only the dose counts (:class:`Recorded`); the task ends with the recording.

    data: name of an embedded recording, default "eegmmidb-S007", or a recording with x, y, ch_names, sfreq and
    session. dose_weight: what the whole dose costs in each window, default 1. window_s: default 1 s; None makes each
    trial one window. drift: processes, or (name, severity, onset_s). Everything else goes to :func:`replay_plant`.
    """
    world = _replay(**options)
    return NeuromodEnv(world, n_windows=n_windows, render_mode=render_mode)


def make_replay_vector(
    num_envs: int = 1,
    *,
    n_windows: int | None = None,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    render_mode: None = None,
    **options: Any,
) -> NeuromodVectorEnv:
    """As :func:`make_replay`, ``num_envs`` of them in one call per step."""
    world = _replay(**options)
    return NeuromodVectorEnv(
        world, num_envs=num_envs, n_windows=n_windows, autoreset_mode=autoreset_mode, render_mode=render_mode
    )


def _motor_imagery(dose_weight: float = 0.1, drift: Sequence[Any] = (), **options: Any) -> Recipe:
    options = {"drift": tuple(drift), **options}
    return Recipe(motor_imagery_plant, tuple(sorted(options.items())), Lateralisation(weight=dose_weight))


def _replay(
    data: str | RecordingLike = "eegmmidb-S007",
    dose_weight: float = 1.0,
    window_s: float | None = 1.0,
    drift: Sequence[Any] = (),
    **options: Any,
) -> Loop:
    if isinstance(data, str):
        from ..recordings.embedded import load_embedded

        data = load_embedded(data)
    return Loop(plant=replay_plant(data, window_s, tuple(drift), **options), task=Recorded(weight=dose_weight))
