"""What ``gymnasium.make`` and ``gymnasium.make_vec`` call for the registered ids."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from gymnasium.vector import AutoresetMode
from jax import Array

from ..builders import RecordingLike, motor_imagery_plant, replay_plant
from ..loop import Loop
from ..tasks.registry import draw_task, make_task, task_spec
from .engine import Recipe
from .env import NeuromodEnv
from .tasks import Lateralisation, Recorded
from .vector import NeuromodVectorEnv


def make_motor_imagery(
    *, n_windows: int | None = 480, subject: int | None = None, render_mode: str | None = None, **options: Any
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
    render_mode: str | None = None,
    **options: Any,
) -> NeuromodVectorEnv:
    """As :func:`make_motor_imagery`, ``num_envs`` of them in one call per step."""
    world = _motor_imagery(**options)
    return NeuromodVectorEnv(
        world, num_envs=num_envs, n_windows=n_windows, subject=subject, autoreset_mode=autoreset_mode,
        render_mode=render_mode,
    )  # fmt: skip


def make_replay(*, n_windows: int | None = None, render_mode: str | None = None, **options: Any) -> NeuromodEnv:
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
    render_mode: str | None = None,
    **options: Any,
) -> NeuromodVectorEnv:
    """As :func:`make_replay`, ``num_envs`` of them in one call per step."""
    world = _replay(**options)
    return NeuromodVectorEnv(
        world, num_envs=num_envs, n_windows=n_windows, autoreset_mode=autoreset_mode, render_mode=render_mode
    )


def make_task_env(
    *,
    task: str,
    n_windows: int | None = -1,
    subject: int | None = None,
    patients: bool = True,
    held_out: bool = False,
    render_mode: str | None = None,
    **options: Any,
) -> NeuromodEnv:
    """The ids of the tasks (``neurodrift/PdAdbsOnoff-v0`` and so on; :data:`neurodrift.sim.tasks.TASKS`).

    n_windows: control windows until truncation, by default the task's own number, None for no end. subject: which
    patient, by number; None draws another patient under another drift with each episode. patients=False: always the
    nominal one. held_out: patients and drifts that training never sees. Everything else is an option of the task.
    """
    return NeuromodEnv(
        _task(task, patients, held_out, options), n_windows=_windows(task, n_windows), subject=subject,
        render_mode=render_mode, **_words(task),
    )  # fmt: skip


def make_task_vector(
    num_envs: int = 1,
    *,
    task: str,
    n_windows: int | None = -1,
    subject: int | None = None,
    patients: bool = True,
    held_out: bool = False,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    render_mode: str | None = None,
    **options: Any,
) -> NeuromodVectorEnv:
    """As :func:`make_task_env`, ``num_envs`` of them in one call per step."""
    return NeuromodVectorEnv(
        _task(task, patients, held_out, options), num_envs=num_envs, n_windows=_windows(task, n_windows),
        subject=subject, autoreset_mode=autoreset_mode, render_mode=render_mode, **_words(task),
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Patients:
    """A task whose patients and drifts a key draws. Equal where name and options are, so that environments of one kind
    share what is compiled; pickled as these, too."""

    task: str
    held_out: bool
    options: tuple[tuple[str, Any], ...]
    loop: Loop = dataclasses.field(compare=False, repr=False)

    def __call__(self, key: Array) -> Loop:
        return draw_task(self.task, self.loop, key, self.held_out)

    def __reduce__(self) -> tuple[Any, ...]:
        return _patients, (self.task, self.held_out, self.options)


def _patients(task: str, held_out: bool, options: tuple[tuple[str, Any], ...]) -> Patients:
    return Patients(task, held_out, options, make_task(task, **dict(options)))


def _task(task: str, patients: bool, held_out: bool, options: dict[str, Any]) -> Patients | Loop:
    if not patients:
        return make_task(task, **options)
    options = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    return _patients(task, held_out, tuple(sorted(options.items())))


def _windows(task: str, n_windows: int | None) -> int | None:
    return task_spec(task).n_windows if n_windows == -1 else n_windows


def _words(task: str) -> dict[str, str]:
    spec = task_spec(task)
    return {"title": spec.title, "marker": f"{spec.marker}, {spec.marker_unit}"}


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
