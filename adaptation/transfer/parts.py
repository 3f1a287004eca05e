"""Pretraining that survives an interruption: what training goes on from is kept after every round, or every epoch."""

import io
import zipfile
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..contract import Trials, Variables
from .checkpoint import write_whole
from .loop import Carry, Notify, Plan, Pretrained, Work, begin, rounds

HISTORY = "history/"


class Parts(NamedTuple):
    """file: where the state is kept until training is over; seal: what is trained, so that another training does not go
    on from there."""

    file: Path
    seal: str


def train_in_parts(
    work: Work, start: Variables, key: Array, plan: Plan, parts: Parts, notify: Notify | None = None
) -> Pretrained:
    """As :func:`.loop.train`, to the bit, going on from what is kept in ``parts.file``; the file is gone at the end.

    A part is a round of people who are drawn, and an epoch of people who are given. A file that is damaged, or of
    another training, counts as none.
    """
    given = isinstance(work.people, Trials)
    parts = parts._replace(seal=repr((parts.seal, plan)))  # what stops elsewhere, or aligns otherwise, is another
    parted = plan._replace(epochs=1, rounds=plan.rounds * plan.epochs) if given else plan
    carry = begin(work, start, key)
    done, carry, told = _read(parts, carry)
    for number in range(done, parted.rounds):
        carry, new = rounds(work, carry, key, jnp.asarray([number]), parted, notify)
        told = {name: jnp.concatenate([told[name], values]) if name in told else values for name, values in new.items()}
        if number + 1 < parted.rounds:
            _write(parts, number + 1, carry, told)
    parts.file.unlink(missing_ok=True)
    return Pretrained(carry.best.variables, told)


def _write(parts: Parts, done: int, carry: Carry, told: dict[str, Array]) -> None:
    leaves = {f"leaf{i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(carry))}
    history = {HISTORY + name: np.asarray(values) for name, values in told.items()}
    buffer = io.BytesIO()
    np.savez(buffer, seal=np.asarray(parts.seal), done=np.asarray(done), **leaves, **history)  # type: ignore[arg-type]
    write_whole(parts.file, buffer.getvalue())


def _read(parts: Parts, carry: Carry) -> tuple[int, Carry, dict[str, Array]]:
    leaves, tree = jax.tree.flatten(carry)
    try:
        with np.load(parts.file, allow_pickle=False) as found:
            if str(found["seal"]) != parts.seal:
                return 0, carry, {}
            kept = [jnp.asarray(found[f"leaf{i}"]) for i in range(len(leaves))]
            names = [name for name in found.files if name.startswith(HISTORY)]
            told = {name.removeprefix(HISTORY): jnp.asarray(found[name]) for name in names}
            done = int(found["done"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return 0, carry, {}
    if [leaf.shape for leaf in kept] != [leaf.shape for leaf in leaves]:
        return 0, carry, {}
    return done, jax.tree.unflatten(tree, kept), told
