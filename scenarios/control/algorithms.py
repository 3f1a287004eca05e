"""The algorithms that train a policy, by name."""

import dataclasses
from typing import Any

from ...sim.errors import InputError
from ..lookup import did_you_mean

# Nothing heavy is imported above: a mistyped name must be answered at once.

SUMMARIES = {
    "ppo": "proximal policy optimisation",
    "recurrent-ppo": "PPO with a memory, which also sees what it did: adapts to the patient while it acts",
    "sac": "soft actor-critic, off policy",
    "gradient": "the reward's gradient through the plant itself, over a short horizon",
}
CONSTRAINED = "constrained-"
ALGORITHMS = (*SUMMARIES, *(f"{CONSTRAINED}{name}" for name in SUMMARIES))
COST_LIMIT = 0.05
STEPS = 1_000_000
CHUNK_STEPS = 65_536
"""Environment steps of a seed, at least, between two banks of patients, each with a checkpoint."""
PIECE_STEPS = 2048
"""Environment steps of a seed, at least, between two lines of progress: what a training is rounded up to."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a training depends on, apart from the code and how long it goes on.

    n_envs: environments side by side for each seed; seeds: trained side by side; cost_limit: what the mean cost of a
    control window is to stay below, None for no constraint. Of PPO: std, the deviation that the actions begin with
    (None for the algorithm's own); anneal, environment steps over which the learning rate falls to a twentieth.
    """

    task: str
    algorithm: str
    seeds: int
    n_envs: int
    n_windows: int
    cost_limit: float | None = None
    std: float | None = None
    anneal: int | None = None

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types."""
        settings = dataclasses.asdict(self)
        # left out where nothing was said, so that older trainings go on
        return {k: v for k, v in settings.items() if v is not None or k not in ("std", "anneal")}

    @property
    def base(self) -> str:
        return self.algorithm.removeprefix(CONSTRAINED)

    @property
    def feedback(self) -> bool:
        """Whether the policy also observes what was delivered."""
        return self.base == "recurrent-ppo"


def check_algorithm(name: str) -> str:
    """The name itself. InputError, with the nearest that exists, where it is none."""
    if name not in ALGORITHMS:
        raise InputError(f"unknown algorithm '{name}'{did_you_mean(name, ALGORITHMS)}")
    return name


def make_algorithm(recipe: Recipe) -> Any:
    """The algorithm's component. InputError for sizes that do not fit together."""
    from ...agents.rl import PPO, SAC, Limit, ShortHorizon

    limit = None if recipe.cost_limit is None else Limit(limit=recipe.cost_limit)
    common: dict[str, Any] = {"n_envs": recipe.n_envs, "stagger": recipe.n_windows, "limit": limit}
    parts = max(n for n in (1, 2, 4) if recipe.n_envs % n == 0)
    bank = min(recipe.n_envs, 64)
    if recipe.base.endswith("ppo"):
        recurrent = recipe.base == "recurrent-ppo"
        n_steps = 64 if recurrent else 32
        if recipe.std is not None:
            common["std"] = recipe.std
        if recipe.anneal is not None:
            common["anneal"] = recipe.anneal / (n_steps * recipe.n_envs)
        return PPO(**common, n_steps=n_steps, n_minibatches=parts, recurrent=32 * recurrent, n_bank=bank)
    if recipe.base == "sac":
        return SAC(**common, n_bank=bank)
    return ShortHorizon(**common, n_bank=bank)
