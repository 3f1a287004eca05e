"""Pretraining that survives an interruption: what training goes on from is kept after every round, or every epoch."""

import os
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..contract import Trials, Variables
from .loop import Carry, Notify, Plan, Pretrained, Work, begin, rounds


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
    parted = plan._replace(epochs=1, rounds=plan.rounds * plan.epochs) if given else plan
    carry = begin(work, start, key)
    history = jax.eval_shape(lambda c: rounds(work, c, key, jnp.arange(1), parted)[1], carry)
    told: dict[str, Array] = {name: jnp.zeros(0, leaf.dtype) for name, leaf in history.items()}
    done, carry, told = _read(parts, carry, told)
    for number in range(done, parted.rounds):
        carry, new = rounds(work, carry, key, jnp.asarray([number]), parted, notify)
        told = {name: jnp.concatenate([told[name], new[name]]) for name in told}
        if number + 1 < parted.rounds:
            _write(parts, number + 1, carry, told)
    parts.file.unlink(missing_ok=True)
    return Pretrained(carry.best.variables, told)


def _write(parts: Parts, done: int, carry: Carry, told: dict[str, Array]) -> None:
    leaves = {f"leaf{i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(carry))}
    history = {f"history/{name}": np.asarray(values) for name, values in told.items()}
    handle, name = tempfile.mkstemp(dir=parts.file.parent, prefix=parts.file.name)
    with os.fdopen(handle, "wb") as file:
        np.savez(file, seal=np.asarray(parts.seal), done=np.asarray(done), **leaves, **history)  # type: ignore[arg-type]
    os.replace(name, parts.file)


def _read(parts: Parts, carry: Carry, told: dict[str, Array]) -> tuple[int, Carry, dict[str, Array]]:
    leaves, tree = jax.tree.flatten(carry)
    try:
        with np.load(parts.file, allow_pickle=False) as found:
            if str(found["seal"]) != parts.seal:
                return 0, carry, told
            kept = [jnp.asarray(found[f"leaf{i}"]) for i in range(len(leaves))]
            history = {name: jnp.asarray(found[f"history/{name}"]) for name in told}
            done = int(found["done"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return 0, carry, told
    if [leaf.shape for leaf in kept] != [leaf.shape for leaf in leaves]:
        return 0, carry, told
    return done, jax.tree.unflatten(tree, kept), history
