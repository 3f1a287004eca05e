"""Many patients under one policy, in one compiled call; the same keys give every policy the same patients and noise."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.envs.engine import depends_on_input
from ...sim.keys import stream_key
from ...sim.loop import Loop, Outcome, run_loop
from .seizures import KEPT

Draw = Callable[..., Loop]


class Onset(NamedTuple):
    """A moment at which a drift begins or ends: of which process, and seconds (n_seeds,) of drift time."""

    name: str
    seconds: np.ndarray


def kept(outcome: Outcome) -> dict[str, Array]:
    """What is kept of a window: marker, reward, cost (), applied (n_stim,) relative, refused () bool where it is not
    what was asked for, vetoes, charge C, energy J, seconds of drift time, in_bounds (); of seizures the truth."""
    window = outcome.window
    truth = {name: window.truth[name] for name in KEPT if name in window.truth}
    # a request that is not a number is refused, too
    met = jnp.all(jnp.abs(outcome.requested - outcome.applied) <= 1e-5)
    return {
        "marker": outcome.marker, "reward": outcome.reward, "cost": outcome.cost, "applied": outcome.applied,
        "refused": ~met, "vetoes": outcome.vetoes, "charge": window.stim.charge, "energy": window.stim.energy,
        "seconds": window.clock.seconds, "in_bounds": window.truth.get("in_bounds", jnp.asarray(True)),
        "terminated": jnp.asarray(outcome.terminated, bool), **truth,
    }  # fmt: skip


class Patients(NamedTuple):
    """Loops side by side: leaves, those that vary with a leading axis; the structure of one loop."""

    leaves: tuple[Array, ...]
    varies: tuple[bool, ...]
    structure: Any

    def onsets(self, n: int) -> list[Onset]:
        """When the drift processes of each of the ``n`` patients begin and end, those that do so at one moment."""
        drift = jax.tree.unflatten(self.structure, self.leaves).plant.drift
        own = jax.tree.unflatten(self.structure, self.varies).plant.drift
        found = []
        for process, varies in zip(drift, own):
            for field in ("onset_s", "return_s"):
                value = getattr(process, field, None)
                if value is not None:
                    seconds = np.asarray(value, float)
                    # of several moments of one process, the first
                    seconds = seconds.reshape(n, -1)[:, 0] if getattr(varies, field) else np.full(n, seconds.flat[0])
                    found.append(Onset(f"{type(process).__name__}, {field.removesuffix('_s')}", seconds))
        return found


def draw_many(loop: Loop, draw: Draw, keys: Array, *, held_out: bool = False) -> Patients:
    """The patients of keys (n,), each with its drift; only what a patient has for itself is kept for each."""
    structure = jax.tree.structure(loop)
    # the same leaves for held-out patients as for others, so that all of them share one compiled program
    either = [jax.make_jaxpr(partial(_drawn, draw, h))(loop, keys[0]) for h in (False, True)]
    n_given = len(jax.tree.leaves(loop))
    varies = tuple(map(any, zip(*(_depends(closed.jaxpr, n_given) for closed in either))))
    leaves = _draw_all(draw, held_out, loop, keys)
    return Patients(tuple(x if own else x[0] for x, own in zip(leaves, varies)), varies, structure)


def _drawn(draw: Draw, held_out: bool, loop: Loop, key: Array) -> list[Array]:
    return [jnp.asarray(leaf) for leaf in jax.tree.leaves(draw(loop, stream_key(key, "person"), held_out))]


@partial(jax.jit, static_argnums=(0, 1))
def _draw_all(draw: Draw, held_out: bool, loop: Loop, keys: Array) -> list[Array]:
    return jax.vmap(lambda key: _drawn(draw, held_out, loop, key))(keys)


def _depends(jaxpr: Any, n_given: int) -> tuple[bool, ...]:
    """Per output, whether it may depend on the inputs after the first ``n_given``."""
    return depends_on_input(jaxpr.replace(invars=jaxpr.invars[n_given:], constvars=jaxpr.invars[:n_given]))


def run_many(
    patients: Patients, policy: Any, keys: Array, n_windows: int, *, own_policy: bool = False
) -> dict[str, np.ndarray]:
    """``n_windows`` windows of each patient with its key (n,): what :func:`kept` keeps, (n, n_windows, ...).

    ``own_policy``: leaves of the policy have a leading axis n. The numbers are those of
    :func:`~neurodrift.sim.loop.run_loop`, up to rounding.
    """
    records = _run(patients.varies, n_windows, own_policy, patients.leaves, policy, keys, patients.structure)
    return {name: np.asarray(value) for name, value in records.items()}


@partial(jax.jit, static_argnums=(0, 1, 2, 6))
def _run(
    varies: tuple[bool, ...], n_windows: int, own_policy: bool, leaves: tuple[Array, ...], policy: Any, keys: Array,
    structure: Any,
) -> dict[str, Array]:  # fmt: skip
    def one(leaves: tuple[Array, ...], policy: Any, key: Array) -> dict[str, Array]:
        return run_loop(jax.tree.unflatten(structure, leaves), policy, n_windows, key, kept)

    axes = tuple(0 if own else None for own in varies)
    return jax.vmap(one, in_axes=(axes, 0 if own_policy else None, 0))(leaves, policy, keys)


def batches(n: int, size: int) -> list[tuple[int, int]]:
    """(first, number) of each batch of at most ``size`` of ``n``."""
    return [(first, min(size, n - first)) for first in range(0, n, size)]


def padded(keys: Array, first: int, number: int, size: int) -> Array:
    """``size`` keys from ``first`` on; where there are fewer than ``size``, some twice, so that all batches share one
    compiled program."""
    index = first + np.arange(size) % number
    return keys[index]


def stacked(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Batches joined along their first axis."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
