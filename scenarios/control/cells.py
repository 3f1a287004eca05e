"""The cells of an evaluation: a controller that is tuned, or some patients under one policy and drift."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...sim.keys import stream_key
from ..contract import Notify
from .arms import Arm, learned_policy, matched_random, planned_arms
from .config import TUNING_SEEDS, ControlConfig, find_task
from .controllers import FAMILIES, Family, make_controller, usual_range
from .rollouts import batches, draw_many, padded, run_many, stacked

BATCH = 8
"""Patients side by side in one compiled call, and in one file."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ControlCell:
    """kind "tune": settings of the controller ``arm``; kind "run": patients ``first`` to ``first + n - 1`` under
    ``arm``, with policy number ``policy`` where it is made of several."""

    kind: str
    arm: str
    drift: str = ""
    policy: int = 0
    first: int = 0
    n: int = 0

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types."""
        return dataclasses.asdict(self)

    def label(self) -> str:
        """A few words for progress lines and error messages."""
        if self.kind == "tune":
            return f"tuning of {self.arm}"
        which = f" {self.policy + 1}" if self.policy else ""
        return f"{self.arm}{which}, {self.drift}, patients {self.first + 1} to {self.first + self.n}"


Finished = Mapping[ControlCell, tuple[dict[str, Any], dict[str, np.ndarray]]]
"""What cells that are done hold: facts and arrays."""


def plan_cells(config: ControlConfig) -> list[ControlCell]:
    """In an order in which every cell comes after those it needs."""
    arms = planned_arms(config)
    cells = [ControlCell(kind="tune", arm=arm.name) for arm in arms if arm.role == "controller"]
    for arm in arms:
        for drift in config.drifts:
            cells += run_cells(config, arm, drift)
    return cells


def run_cells(config: ControlConfig, arm: Arm, drift: str) -> list[ControlCell]:
    """The cells of one arm at one drift."""
    return [
        ControlCell(kind="run", arm=arm.name, drift=drift, policy=policy, first=first, n=n)
        for policy in range(max(len(arm.policies), 1))
        for first, n in batches(config.seeds, BATCH)
    ]


class CellRunner:
    """Runs cells; what is made for one (loops, compiled code) is kept for the next."""

    def __init__(self, config: ControlConfig):
        self.config, self.spec = config, find_task(config.task)
        self.arms = {arm.name: arm for arm in planned_arms(config)}
        self.draw = self.spec.draw
        # one run of random numbers for all arms and drifts: a patient is the same one everywhere
        self.key = stream_key(jax.random.key(0), "control")

    @functools.lru_cache(maxsize=4)  # noqa: B019 (one runner per run)
    def loop(self, drift: bool) -> Any:
        return self.spec.make(drift=drift)

    @functools.lru_cache(maxsize=64)  # noqa: B019 (one runner per run)
    def patients(self, drift: str, first: int, n: int) -> Any:
        """The patients of a batch: every arm meets the same ones."""
        keys = padded(self.keys, first, n, min(BATCH, self.config.seeds))
        return draw_many(self.loop(drift != "none"), self.draw, keys, held_out=drift == "held-out")

    @property
    def keys(self) -> Any:
        from ...agents.tuning import evaluation_keys

        return evaluation_keys(self.key, self.config.seeds)

    def check_policies(self) -> None:
        """InputError for a policy that this task's loop has other observations for: before anything is tuned."""
        for path in self.config.policies:
            learned_policy(path, self.loop(True))

    def run(
        self, cell: ControlCell, finished: Finished, notify: Notify
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """(facts, arrays) of one cell; ``finished`` holds at least the cells that it needs."""
        if cell.kind == "tune":
            return self.tune(cell, notify), {}
        loop = self.loop(cell.drift != "none")
        size = min(BATCH, self.config.seeds)
        keys = padded(self.keys, cell.first, cell.n, size)
        policy, own = self.policy(cell, loop, finished, size)
        notify(f"{cell.label()}: {self.config.n_windows} windows")
        patients = self.patients(cell.drift, cell.first, cell.n)
        arrays = run_many(patients, policy, keys, self.config.n_windows, own_policy=own)
        arrays = {name: value[: cell.n] for name, value in arrays.items()}
        moments = patients.onsets(size)
        arrays |= {f"onset/{n}": np.asarray(one.seconds[: cell.n], np.float32) for n, one in enumerate(moments)}
        source = loop.plant.source
        facts = {
            "window_s": source.n_times / source.sfreq, "onsets": [one.name for one in moments],
            "bipolar": bool(loop.bipolar), "shield": loop.shield is not None,
        }  # fmt: skip
        return facts, arrays

    def policy(self, cell: ControlCell, loop: Any, finished: Finished, size: int) -> tuple[Any, bool]:
        """(policy, whether its leaves have an axis over the batch) of a cell."""
        from ...agents import Constant, Off
        from ...agents.tuning import with_leaves

        arm = self.arms[cell.arm]
        if arm.role == "off":
            return Off(n_stim=loop.n_stim), False
        if arm.role == "continuous":
            return Constant(level=jnp.ones(loop.n_stim)), False
        if arm.role == "oracle":
            return self.spec.oracle(loop), False
        if arm.role == "controller":
            tuned = finished[ControlCell(kind="tune", arm=arm.name)][0]
            controller = make_controller(self.config.task, arm.name, self.loop(True), tuple(tuned["usual"])).policy
            return with_leaves(controller, tuned["values"]), False
        if arm.role == "learned":
            return learned_policy(self.config.policies[arm.policies[cell.policy]], loop), False
        matched = [
            c for c in run_cells(self.config, self.arms[str(arm.matched)], cell.drift) if c.policy == cell.policy
        ]
        applied = stacked([{"applied": finished[c][1]["applied"]} for c in matched])["applied"]
        policy, own = matched_random(applied, loop.bipolar)
        if own:
            index = cell.first + np.arange(size) % cell.n
            policy = jax.tree.map(lambda leaf: leaf[index], policy)
        return policy, own

    def tune(self, cell: ControlCell, notify: Notify) -> dict[str, Any]:
        """The settings of a controller that earn the greatest reward, as learned policies are to, on drifts as in
        training and on seeds that the evaluation never uses."""
        from ...agents.tuning import tune, tuning_keys

        loop, family = self.loop(True), FAMILIES.get(self.config.task, Family())
        n_windows, index = max(min(self.config.n_windows, family.most), family.least), family.index
        key = stream_key(self.key, "tuning")
        level = usual_feature(loop, self.draw, tuning_keys(key, TUNING_SEEDS), n_windows, index)
        usual = usual_range(level)
        tunable = make_controller(self.config.task, cell.arm, loop, usual)
        found = tune(
            tunable.policy, _maker(loop, self.draw), tunable.space, None, key, n_windows=n_windows,
            n_candidates=self.config.candidates, n_seeds=2,
            progress=lambda done, runs: notify(f"{cell.label()}: {done}/{runs} runs"),
        )  # fmt: skip
        return {
            "values": found.best.values, "usual": usual, "benefit": found.best.benefit, "dose": found.best.dose,
            "score": found.best.score, "n_windows": n_windows,
            "ranges": {name: [float(r[0]), float(r[1])] for name, r in tunable.space.items()},
        }  # fmt: skip


def _maker(loop: Any, draw: Any) -> Callable[[Any], Any]:
    return lambda key: draw(loop, key)


def usual_feature(loop: Any, draw: Any, keys: Any, n_windows: int, index: int) -> np.ndarray:
    """(n,) what the loop's feature ``index`` is without stimulation, over patients and time."""
    from ...agents import Off
    from ...sim.loop import run_loop

    def one(key: Any) -> Any:
        drawn = draw(loop, stream_key(key, "person"))
        return run_loop(drawn, Off(n_stim=loop.n_stim), n_windows, key, lambda o: jnp.ravel(o.observation)[index])

    # the first tenth is what filters need to settle
    return np.asarray(jax.jit(jax.vmap(one))(keys))[:, n_windows // 10 :].ravel()
