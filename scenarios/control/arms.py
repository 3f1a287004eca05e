"""Which policies stand side by side: those that do not look, controllers, learned ones, and matched random ones."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from ...sim.errors import InputError
from .config import ControlConfig
from .controllers import TITLES, controller_names

CLOSE = 0.05
"""Share of the time on, and of the mean square, by which a matched dose may miss its match."""
ROLES = ("off", "continuous", "random", "controller", "learned", "oracle")


@dataclasses.dataclass(frozen=True)
class Arm:
    """One row of the table. role: of :data:`ROLES`; policies: indices of the files it is made of; matched: the arm
    whose dose it has, that of each of its policies in turn."""

    name: str
    title: str
    role: str
    policies: tuple[int, ...] = ()
    matched: str | None = None


def planned_arms(config: ControlConfig) -> tuple[Arm, ...]:
    """The arms of a configuration, in the order in which they are run: what an arm is matched to comes before it.

    Learned policies of one algorithm are one arm, a training seed each. InputError for a file that is no policy.
    """
    groups: dict[str, list[int]] = {}
    for n, path in enumerate(config.policies):
        groups.setdefault(_group(path), []).append(n)
    learned = [Arm(name, _learned_title(name, len(files)), "learned", tuple(files)) for name, files in groups.items()]
    controllers = [Arm(n, TITLES[n], "controller") for n in controller_names(config.task) if n in config.arms]
    arms = [Arm("off", "Off", "off")]
    arms += [Arm("continuous", "Continuous", "continuous")] if "continuous" in config.arms else []
    arms += [Arm("oracle", "Oracle", "oracle")] if "oracle" in config.arms else []
    arms += controllers + learned
    if "random" in config.arms:
        for one in learned or controllers[:1]:
            title = f"Random, dose of {_short(one)}"
            arms.append(Arm(f"random-{one.name}", title, "random", one.policies, one.name))
    names = [arm.name for arm in arms]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two arms are called '{name}'; rename the policy's file")
    return tuple(arms)


def _short(arm: Arm) -> str:
    return arm.title.partition(",")[0].partition(" (")[0]


def _learned_title(name: str, n: int) -> str:
    return f"{name} ({n} training seeds)" if n > 1 else name


def _group(path: str) -> str:
    """The algorithm that a policy's file names, or the file's own name."""
    from ...agents.rl.learned import load_trained

    _, meta = load_trained(path)
    return str(meta.get("algorithm") or Path(path).stem)


def learned_policy(path: str, loop: Any) -> Any:
    """The policy in a file, for this loop. InputError where it was trained on other observations."""
    from ...agents.rl.context import FeedbackSensing
    from ...agents.rl.learned import Learned, load_trained

    trained, meta = load_trained(path)
    sensing = loop.sensing
    if meta.get("feedback"):
        sensing = FeedbackSensing(sensing=sensing, n_stim=loop.n_stim, bipolar=loop.bipolar)
    got, wanted = (trained.n_observations, trained.net.n_actions), (int(sensing.n_features), int(loop.n_stim))
    if got != wanted:
        where = f"; evaluate it with --task {meta['task']}" if meta.get("task") else ", as the task has"
        raise InputError(
            f"{path} is a policy from {got[0]} observations to {got[1]} actions, wanted is one from {wanted[0]} to "
            f"{wanted[1]}{where}"
        )
    return Learned.of(trained, sensing, bipolar=loop.bipolar)


def matched_random(applied: np.ndarray, bipolar: bool) -> tuple[Any, bool]:
    """(policy, whether each seed has its own) with the dose of amplitudes (n_seeds, n_windows, n_stim).

    On and off for drawn durations where these have the controller's time on and mean square (a controller that is
    hardly ever switched has too few durations that are whole); where they have not, or the controller is of both
    polarities, each patient is given what the controller gave to the next one.
    """
    import jax.numpy as jnp

    from ...agents import RandomMatched
    from ...agents.yoked import Yoked

    if not bipolar:
        try:
            policy = RandomMatched.like(applied)
        except InputError:
            policy = None
        if policy is not None:
            time_on, square = float(policy.time_on), float(policy.mean_square)
            on = float(np.mean(np.any(applied != 0, axis=-1)))
            wanted = float(np.mean(applied**2))
            # of the dose itself: a twentieth of the time would be many times that of what is hardly ever on
            if abs(time_on - on) < CLOSE * on and abs(square - wanted) < CLOSE * wanted:
                return policy, False
    other = np.roll(applied, 1, axis=0)
    if len(applied) == 1:
        other = np.roll(applied, applied.shape[1] // 2, axis=1)
    return Yoked(applied=jnp.asarray(other, jnp.float32)), True
