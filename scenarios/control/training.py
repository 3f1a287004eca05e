"""Train a policy on a control task into a folder: checkpoints, one file per seed, learning curves."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...sim.errors import InputError
from ..atomic import read_sealed, write_json, write_sealed
from ..config import differences
from ..runner import attend
from ..storage import RunFolder, plain, strict
from .algorithms import CHUNK_STEPS, PIECE_STEPS, Recipe, make_algorithm
from .config import find_task

SETTINGS, CURVES = "training.json", "curves.json"
N_POINTS = 200  # of a learning curve in a file


def train_policies(
    recipe: Recipe,
    out: str | Path,
    steps: int,
    *,
    resume: bool = False,
    told: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Train each seed for at least ``steps`` environment steps in all and return what ``curves.json`` holds.

    ``told`` hears a line before the first and after each piece. The folder holds the checkpoint that ``resume`` goes on
    from, to the bit, ``policy-N.safetensors`` for each seed, ``curves.json`` and ``learning.svg``. Raises InputError
    where the folder holds something else, and KeyboardInterrupt when interrupted, which costs what came since the last
    checkpoint.
    """
    import jax

    from ...agents.rl import save_trained, train

    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"can't write in the output folder {folder} ({reason}); choose another with --out") from error
    with RunFolder(folder).lock():
        new = _is_new(folder, recipe, resume)
        algorithm = make_algorithm(recipe)
        environment = training_environment(recipe)
        if new:
            # not before: a folder is not taken by settings that do not work
            write_sealed(folder / SETTINGS, {"recipe": recipe.to_json()})
        per_update = algorithm.steps_per_update
        piece = math.ceil(PIECE_STEPS / per_update)
        # whole pieces: another length would be another compiled program
        chunk = piece * math.ceil(CHUNK_STEPS / (piece * per_update))
        n_updates = piece * math.ceil(steps / (piece * per_update))
        keys = jax.random.split(jax.random.key(0), recipe.seeds)
        found: list[Any] = []

        def work(events: Any) -> None:
            events.put(f"{recipe.algorithm}: compiling, and drawing the first patients")
            found.append(
                train(
                    algorithm,
                    environment,
                    n_updates,
                    keys,
                    chunk=chunk,
                    piece=piece,
                    folder=folder,
                    progress=lambda progress: events.put(f"{recipe.algorithm}: {progress}"),
                )
            )

        attend(work, lambda line: told(str(line)), lambda: None, lambda: None, 0.2)
        training = found[0]
        meta = {
            **recipe.to_json(),
            "feedback": recipe.feedback,
            "steps": training.n_updates * algorithm.steps_per_update,
        }
        for seed in range(recipe.seeds):
            save_trained(folder / f"policy-{seed}.safetensors", training.policy(seed), {**meta, "seed": seed})
        return _write(folder, recipe, training, algorithm.steps_per_update)


def training_environment(recipe: Recipe) -> Any:
    """The task under drifts as in training, as an environment; each episode another patient."""
    import dataclasses

    from ...agents.rl import WithFeedback
    from ...agents.rl.loop_environment import LoopEnvironment

    spec = find_task(recipe.task)
    loop = spec.make(drift=True)
    if recipe.base == "gradient":
        # a shield counts in whole numbers, through which nothing has a gradient; the evaluation is behind it
        loop = dataclasses.replace(loop, shield=None)
    environment = LoopEnvironment.create(loop, recipe.n_windows, spec.draw)
    return WithFeedback(environment=environment, rewards=False) if recipe.feedback else environment


def _is_new(folder: Path, recipe: Recipe, resume: bool) -> bool:
    """True where the folder holds no training, False where it holds this one and ``resume``. InputError otherwise."""
    path = folder / SETTINGS
    try:
        found = read_sealed(path)["recipe"]
    except FileNotFoundError:
        if resume:
            raise InputError(f"{folder} holds no training to resume; leave --resume out to begin one") from None
        return True
    except (ValueError, KeyError, OSError) as error:
        raise InputError(f"the settings in {folder} can't be used ({error}); choose another with --out") from None
    other = differences(recipe.to_json(), found)
    if other:
        raise InputError(f"{folder} holds a training with {other}; choose another folder with --out")
    if not resume:
        raise InputError(f"{folder} holds this training; go on with --resume, or choose another folder with --out")
    return False


def _write(folder: Path, recipe: Recipe, training: Any, steps_per_update: int) -> dict[str, Any]:
    from ..report.control_figures import learning_svg

    n = training.n_updates
    ends = np.unique(np.linspace(0, n, min(N_POINTS, n) + 1).astype(int))[1:]
    starts = np.concatenate([[0], ends[:-1]])
    curves = {
        name: [[_mean(row[a:b]) for a, b in zip(starts, ends)] for row in np.atleast_2d(values)]
        for name, values in training.curves.items()
    }
    body = {
        "task": recipe.task, "algorithm": recipe.algorithm, "recipe": recipe.to_json(), "seconds": training.seconds,
        "steps": (ends * steps_per_update).tolist(), "curves": curves,
        "steps_per_s": n * steps_per_update * recipe.seeds / max(training.seconds, 1e-9),
        "policies": [f"policy-{seed}.safetensors" for seed in range(recipe.seeds)],
    }  # fmt: skip
    body = strict(plain(body))
    write_json(folder / CURVES, body)
    (folder / "learning.svg").write_text(learning_svg([body]), encoding="utf-8")
    return body


def _mean(values: np.ndarray) -> float:
    fine = values[np.isfinite(values)]
    return float(fine.mean()) if fine.size else float("nan")


def trainings_of(policies: tuple[str, ...]) -> list[dict[str, Any]]:
    """The learning curves that lie beside the files of policies, each folder once."""
    out = []
    for folder in dict.fromkeys(Path(path).parent for path in policies):
        try:
            found = json.loads((folder / CURVES).read_bytes())
            out.append({key: found[key] for key in ("task", "algorithm", "steps", "curves", "seconds", "steps_per_s")})
        except (OSError, ValueError, KeyError, TypeError):
            continue  # a policy without its curves is as good
    return out
