"""Many environments of one plant in one call: the batched state of :class:`NeuromodEnv`."""

import collections
from collections.abc import Sequence
from typing import Any

import gymnasium
import jax.numpy as jnp
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from ..errors import InputError
from ..loop import Loop
from ..plant import Plant
from . import render
from .engine import World, engine
from .env import (
    RENDER_MODES,
    checked_n_windows,
    checked_render_mode,
    chosen_subject,
    fixed_person,
    single_spaces,
)


class NeuromodVectorEnv(VectorEnv):
    """``num_envs`` independent environments; row i is the :class:`NeuromodEnv` of its own seed.

    reset(seed=s) seeds row i with s + i; a list seeds each row. ``autoreset_mode``: NEXT_STEP (default) starts a new
    episode on the step after the last, ignoring that step's action, with reward 0; SAME_STEP starts it at once and
    hands out ``info["final_obs"]`` and ``info["final_info"]``; DISABLED leaves it to
    ``reset(options={"reset_mask": rows})``. Every entry of ``info`` has its ``_entry`` (num_envs,) bool mask.
    """

    def __init__(
        self,
        world: World,
        *,
        num_envs: int = 1,
        n_windows: int | None = None,
        subject: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        title: str = "",
        marker: str = "marker",
    ) -> None:
        self.render_mode = checked_render_mode(render_mode)
        self._words = (title, marker)
        self.num_envs = num_envs
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.n_windows = checked_n_windows(n_windows)
        self._arguments = {"world": world, "subject": subject}
        self._engine = engine(world)
        self.metadata = {
            "render_modes": list(RENDER_MODES), "render_fps": 1.0 / render.window_seconds(self._engine.template),
            "autoreset_mode": self.autoreset_mode,
        }  # fmt: skip
        kept = 0 if render_mode is None else render.frames_kept(self._engine.template)
        self._frames = [collections.deque(maxlen=kept) for _ in range(num_envs)] if kept else []
        self._fixed = fixed_person(self._engine, subject)
        self._n_stim = self._engine.layout.n_stim
        self.single_observation_space, self.single_action_space = single_spaces(self._engine.template)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._generators: list[tuple[np.random.Generator, int]] = []
        self._person: Any = None
        self._state: Any = None
        self._last = np.zeros((num_envs, self._engine.compiled.out.n_words), np.uint32)
        self._done = np.zeros(num_envs, bool)

    @property
    def loop(self) -> Loop:
        """The loop; where people are drawn, an example of them."""
        return self._engine.template

    @property
    def plant(self) -> Plant:
        """The loop's plant."""
        return self._engine.template.plant

    @property
    def np_random(self) -> tuple[np.random.Generator, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Each row's own generator."""
        return tuple(generator for generator, _ in self._seeded())

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return tuple(seed for _, seed in self._seeded())

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start episodes, in all rows or in those of ``options["reset_mask"]`` (num_envs,) bool, the others' entries
        being their last; ``options["subject"]`` chooses one person for all of them."""
        options = dict(options or {})
        rows = self._mask(options.pop("reset_mask", None))
        subject = fixed_person(self._engine, chosen_subject(options), self._fixed)
        seeds = [seed + i for i in range(self.num_envs)] if isinstance(seed, int) else seed
        if seeds is not None and len(seeds) != self.num_envs:
            raise InputError(f"got {len(seeds)} seeds for {self.num_envs} environments; give one each, or an int")
        generators = self._seeded()
        for i, own in enumerate(seeds or ()):
            if own is not None and rows[i]:
                generators[i] = seeding.np_random(own)
        self._begin(rows, subject)
        fields = self._advance(np.zeros((self.num_envs, self._n_stim), np.float32), rows)
        self._done = self._done & ~rows
        return fields["observation"], _with_masks(fields["info"], rows)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        if self._state is None:
            raise gymnasium.error.ResetNeeded("the environments have no episode yet; call reset() before step()")
        actions = np.asarray(actions, np.float32)
        if actions.shape != self.action_space.shape:
            raise InputError(
                f"the actions have shape {actions.shape}; these stimulators take {self.action_space.shape}"
            )
        over = self._done
        if self.autoreset_mode is AutoresetMode.DISABLED and over.any():
            raise gymnasium.error.ResetNeeded(
                f"environment {int(np.argmax(over))} has ended; call reset(options={{'reset_mask': ended}}) first"
            )
        # in the other modes nothing is left over here
        if over.any():
            self._begin(over, self._fixed)
            actions = np.where(over[:, None], np.float32(0.0), actions)
        fields = self._advance(actions)
        tick = fields["info"]["tick"]
        rewards = np.where(over, 0.0, fields["reward"].astype(np.float64))
        terminated = fields["terminated"] & ~over
        truncated = np.zeros_like(terminated) if self.n_windows is None else (tick >= self.n_windows) & ~over
        done = terminated | truncated
        infos: dict[str, Any] = {}
        if self.autoreset_mode is AutoresetMode.SAME_STEP and done.any():
            final_obs = np.full(self.num_envs, None, dtype=object)
            for i in np.flatnonzero(done):
                final_obs[i] = fields["observation"][i].copy()
            infos = {"final_obs": final_obs, "_final_obs": done.copy()}
            infos |= {"final_info": _with_masks(fields["info"], done), "_final_info": done.copy()}
            self._begin(done, self._fixed)
            fields = self._advance(np.zeros_like(actions), done)
            done = np.zeros(self.num_envs, bool)
        self._done = done
        everyone = np.ones(self.num_envs, bool)
        return fields["observation"], rewards, terminated, truncated, _with_masks(fields["info"], everyone) | infos

    def _begin(self, rows: np.ndarray, subject: Any) -> None:
        """Put ``rows`` at the start of an episode, each seeded by its own generator."""
        compiled, shared, generators = self._engine.compiled, self._engine.shared, self._seeded()
        words = np.zeros((self.num_envs, 2), np.uint32)
        for i in np.flatnonzero(rows):
            words[i] = generators[i][0].integers(0, 2**32, size=2, dtype=np.uint32)
        person = self._engine.drawn_batch(words) if subject is None else jnp.tile(subject, (self.num_envs, 1))
        state = compiled.start_batch(shared, person, words)
        if self._state is not None and not rows.all():
            person, state = (jnp.where(rows[:, None], *pair) for pair in ((person, self._person), (state, self._state)))
        self._person, self._state = person, state

    def _advance(self, actions: np.ndarray, rows: np.ndarray | None = None) -> dict[str, Any]:
        """One control window in ``rows``, by default in all; the other rows stay and give their last output."""
        compiled, shared = self._engine.compiled, self._engine.shared
        others = None if rows is None or rows.all() else ~rows[:, None]
        # the state's own buffer is given up to the step
        still = None if others is None else np.array(self._state)
        self._state, out = compiled.step_batch(shared, self._person, self._state, actions)
        out = np.array(out)
        if others is not None and still is not None:
            self._state = jnp.where(others, still, self._state)
            out = np.where(others, self._last, out)
        self._last = out.copy()
        advanced = range(self.num_envs) if others is None else np.flatnonzero(~others[:, 0])
        for i in advanced if self._frames else ():
            fields = compiled.out.view(out[i])
            if fields["info"]["tick"] == 0:
                self._frames[i].clear()
            self._frames[i].append(render.frame(fields))
        return compiled.out.view(out)

    def render(self) -> tuple[np.ndarray, ...] | None:
        """One picture for each environment, uint8 (height, width, 3); None without ``render_mode="rgb_array"``."""
        if not self._frames:
            return None
        if not self._frames[0]:
            raise gymnasium.error.ResetNeeded("there is nothing to draw yet; call reset() before render()")
        ticks = self._engine.compiled.out.view(self._last)["info"]["tick"]
        loop = self.loop
        return tuple(render.draw(f, int(t), loop, *self._words) for f, t in zip(self._frames, ticks))

    def _mask(self, mask: np.ndarray | None) -> np.ndarray:
        if mask is None or self._state is None:
            return np.ones(self.num_envs, bool)
        mask = np.asarray(mask)
        if mask.shape != (self.num_envs,) or mask.dtype != bool or not mask.any():
            raise InputError(
                f"reset_mask is {mask.dtype} {mask.shape}; it wants ({self.num_envs},) bool with one True at least"
            )
        return mask

    def _seeded(self) -> list[tuple[np.random.Generator, int]]:
        if not self._generators:
            self._generators = [seeding.np_random() for _ in range(self.num_envs)]
        return self._generators

    def __getstate__(self) -> dict[str, Any]:
        """Everything that the running episodes are, as NumPy arrays; the compiled functions are made again."""
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


def _with_masks(info: dict[str, Any], rows: np.ndarray) -> dict[str, Any]:
    return info | {f"_{key}": rows.copy() for key in info}
