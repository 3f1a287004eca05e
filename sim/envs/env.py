"""One plant as a Gymnasium environment."""

import collections
from typing import Any

import gymnasium
import jax.numpy as jnp
import numpy as np
from gymnasium import spaces

from ..errors import InputError, unknown
from ..loop import Loop
from ..plant import Plant
from . import render
from .engine import LARGEST_FEATURE, Engine, World, engine

RENDER_MODES = ("rgb_array",)


class NeuromodEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """A drifting brain under electrodes, one control window per step.

    Observation: the window as it arrives, float32 (n_channels, n_times) V, bounded by the amplifier's clipping; or, of
    a loop with a sensing, its features, float32 (n_features,).
    Action: float32 (n_stim,) in [-1, 1], the current of each contact as a share of the stimulator's largest ([0, 1]
    where the loop is not bipolar). A request beyond it is clipped and one that is not finite delivers nothing; both are
    counted in ``cost``, as is what the loop's shield refuses.
    Reward and ``terminated``: the task's. ``truncated``: ``n_windows`` control windows were watched.
    ``info``: a flat dict of NumPy values: ``requested_action`` and ``applied_action`` (n_stim,) A, ``charge`` C,
    ``cost``, ``marker`` (how bad the symptom is), ``tick``, ``seconds`` of drift time, ``vetoes`` and ``mode`` of a
    shield, ``age`` and ``fresh`` of a loop with latency, ``responds_to_stim``, the source's ground truth ``truth/...``
    and the conditions that drift, ``conditions/...``.

    ``reset`` records the first window without stimulation. Drift runs on simulated time inside the episode, from
    the same start in every episode. ``render_mode="rgb_array"``: :meth:`render` draws the last seconds of signal,
    symptom, stimulation and vetoes.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 10}  # noqa: RUF012 (Gymnasium's own)

    def __init__(
        self,
        world: World,
        *,
        n_windows: int | None = None,
        subject: int | None = None,
        render_mode: str | None = None,
        title: str = "",
        marker: str = "marker",
    ) -> None:
        """world: a Loop, a Plant (of which the dose alone is judged), or a traceable function of a key that draws
        either. subject: which person, in every episode; None draws a person with each episode. n_windows: None watches
        until the task ends. title, marker: words for the picture."""
        self.render_mode = checked_render_mode(render_mode)
        self._arguments = {"world": world, "n_windows": n_windows, "subject": subject}
        self._words = (title, marker)
        self._engine = engine(world)
        self.metadata = self.metadata | {"render_fps": 1.0 / render.window_seconds(self._engine.template)}
        self._frames: collections.deque[render.Frame] | None = None
        if render_mode is not None:
            self._frames = collections.deque(maxlen=render.frames_kept(self._engine.template))
        self._tick = 0
        self.n_windows = checked_n_windows(n_windows)
        self.observation_space, self.action_space = single_spaces(self._engine.template)
        self._fixed = fixed_person(self._engine, subject)
        self._person: Any = None
        self._state: Any = None

    @property
    def loop(self) -> Loop:
        """The loop; where people are drawn, an example of them."""
        return self._engine.template

    @property
    def plant(self) -> Plant:
        """The loop's plant."""
        return self._engine.template.plant

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode; ``options["subject"]`` chooses the person of this episode by number."""
        super().reset(seed=seed)
        words = self.np_random.integers(0, 2**32, size=2, dtype=np.uint32)
        fixed = fixed_person(self._engine, chosen_subject(options), self._fixed)
        self._person = self._engine.drawn(words) if fixed is None else fixed
        compiled, shared = self._engine.compiled, self._engine.shared
        self._state = compiled.start(shared, self._person, words)
        if self._frames is not None:
            self._frames.clear()
        fields = self._advance(np.zeros(self._engine.layout.n_stim, np.float32))
        return fields["observation"], fields["info"]

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        if self._state is None:
            raise gymnasium.error.ResetNeeded("the environment has no episode yet; call reset() before step()")
        action = np.asarray(action, np.float32)
        if action.shape != self.action_space.shape:
            raise InputError(f"the action has shape {action.shape}; this stimulator takes {self.action_space.shape}")
        fields = self._advance(action)
        info = fields["info"]
        truncated = self.n_windows is not None and bool(info["tick"] >= self.n_windows)
        return fields["observation"], float(fields["reward"]), bool(fields["terminated"]), truncated, info

    def _advance(self, action: np.ndarray) -> dict[str, Any]:
        compiled, shared = self._engine.compiled, self._engine.shared
        self._state, out = compiled.step(shared, self._person, self._state, action)
        # one copy, writable and the caller's to keep; the fields are views of it
        fields = compiled.out.view(np.array(out))
        if self._frames is not None:
            self._frames.append(render.frame(fields))
            self._tick = int(fields["info"]["tick"])
        return fields

    def render(self) -> np.ndarray | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The picture, uint8 (height, width, 3); None without ``render_mode="rgb_array"``."""
        if self._frames is None:
            return None
        if not self._frames:
            raise gymnasium.error.ResetNeeded("there is nothing to draw yet; call reset() before render()")
        return render.draw(self._frames, self._tick, self.loop, *self._words)

    def __getstate__(self) -> dict[str, Any]:
        """Everything that a running episode is, as NumPy arrays; the compiled functions are made again."""
        kept = {key: value for key, value in self.__dict__.items() if key not in ("_engine", "_fixed")}
        kept["_person"] = None if self._person is None else np.asarray(self._person)
        kept["_state"] = None if self._state is None else np.array(self._state)
        return kept

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.__dict__.update(kept)
        arguments = self._arguments
        self._engine = engine(arguments["world"])
        self._fixed = fixed_person(self._engine, arguments["subject"])
        if self._state is not None:
            self._person, self._state = jnp.asarray(self._person), jnp.array(self._state)


def single_spaces(loop: Loop) -> tuple[spaces.Box, spaces.Box]:
    """Observation and action space of one environment."""
    amplifier = loop.plant.amplifier
    clip = np.float32(amplifier.clip)
    if loop.sensing is None:
        observation = spaces.Box(-clip, clip, (amplifier.n_channels, amplifier.n_times), np.float32)
    else:
        most = np.float32(LARGEST_FEATURE)
        observation = spaces.Box(-most, most, (loop.sensing.n_features,), np.float32)
    return observation, spaces.Box(-1.0 if loop.bipolar else 0.0, 1.0, (loop.n_stim,), np.float32)


def checked_render_mode(render_mode: str | None) -> str | None:
    if render_mode is not None and render_mode not in RENDER_MODES:
        raise unknown("render_mode", str(render_mode), RENDER_MODES)
    return render_mode


def checked_n_windows(n_windows: int | None) -> int | None:
    if n_windows is not None and n_windows < 1:
        raise InputError(f"n_windows is {n_windows}; give at least 1, or None to watch until the task ends")
    return n_windows


def chosen_subject(options: dict[str, Any] | None) -> int | None:
    """The person that reset's options ask for."""
    unknown = set(options or {}) - {"subject"}
    if unknown:
        raise InputError(f"unknown reset option {sorted(unknown)[0]!r}; the one option is 'subject'")
    return (options or {}).get("subject")


def fixed_person(engine: Engine, subject: int | None, otherwise: Any = None) -> Any:
    """The words of person ``subject``, or ``otherwise`` where none is asked for."""
    if subject is None:
        return otherwise
    if not engine.varies:
        raise InputError(f"subject {subject} was asked for but this plant is one fixed person; leave subject out")
    return engine.person(subject)
