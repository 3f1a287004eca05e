"""What all spiking sources share: the Source protocol over a network that runs in a worker thread."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...conditions import Conditions
from ...errors import InputError
from ...pytree import component, static
from ..base import Truth, WithoutTrials
from .circuit import Circuit, Inputs
from .handover import NetworkRun
from .library import CODEGEN, refuse_tracing


@component
class SpikingSource(WithoutTrials):
    """Abstract: a Brian2 network as current dipoles. Steps on the host only (``rollout_host``).

    positions (n_sources, 3) m, orientations (n_sources, 3); moment () A·m per unit of the network's field; field_mean
    () in the field's unit, taken off first; stim_coupling () unit of the network's drive per A of stimulation;
    codegen "numpy" (compiles nothing) or "cython" (faster in long runs; 45 s of compilation the first time).
    A network whose conditions drift takes the new ones over at the start of each window.
    """

    positions: Array
    orientations: Array
    moment: Array
    field_mean: Array
    stim_coupling: Array
    n_times: int = static()
    sfreq: float = static()
    substeps: int = static()
    burn_in_s: float = static()
    codegen: str = static(default="numpy")

    jittable: ClassVar[bool] = False
    responds_to_stim: ClassVar[bool] = True

    @property
    def n_sources(self) -> int:
        return self.positions.shape[0]

    @property
    def n_stim(self) -> int:
        return self.positions.shape[0]

    @property
    def dt(self) -> float:
        """s, the integration step."""
        return 1.0 / (self.sfreq * self.substeps)

    @property
    def n_settle(self) -> int:
        """Integration steps before the first window."""
        return round(self.burn_in_s / self.dt)

    def build(self, b2: Any, rng: np.random.Generator) -> Circuit:
        """The network, of a source whose leaves are NumPy arrays; ``rng`` is its generator for ever after."""
        raise NotImplementedError

    def read(self, conditions: Conditions) -> dict[str, Any]:
        """What the network takes from the conditions, as plain numbers or NumPy arrays."""
        raise NotImplementedError

    def init(self, key: Array, conditions: Conditions) -> NetworkRun:
        """Start the network, seeded from ``key``; the first window follows ``burn_in_s`` of settling."""
        refuse_tracing(key, type(self).__name__)
        seed = int(jax.random.randint(key, (), 0, np.iinfo(np.int32).max))
        return NetworkRun(plain(self), seed, self.inputs(np.zeros((self.n_stim, self.n_times)), conditions))

    def step(
        self, state: NetworkRun, stim: Array, conditions: Conditions, key: Array
    ) -> tuple[NetworkRun, Array, Truth]:
        """One window: stim (n_stim, n_times) A -> moments (n_sources, n_times) A·m; truth by the network.

        The network draws from its own generator, seeded at ``init``; ``key`` is not used.
        """
        refuse_tracing(stim, type(self).__name__)
        field, measured = state.advance(self.inputs(stim, conditions))
        moments = (field - float(self.field_mean)) * float(self.moment) * float(conditions.rhythm_gain)
        truth: Truth = {"label": jnp.int32(-1)}
        truth |= {name: jnp.asarray(values, jnp.float32) for name, values in measured.items()}
        return state, jnp.asarray(moments, jnp.float32), truth

    def inputs(self, stim: Any, conditions: Conditions) -> Inputs:
        """What acts on the network during one window of stim (n_stim, n_times) A."""
        scale = float(conditions.stim_efficacy) * float(self.stim_coupling)
        return Inputs(np.asarray(stim, float) * scale, self.read(conditions))

    def save(self, state: NetworkRun) -> dict[str, Any]:
        """Everything that the next window depends on, as numbers, arrays, tuples and dicts of them (it pickles)."""
        return {"source": type(self).__name__, "layout": _layout(self), "seed": state.seed, **state.save()}

    def restore(self, saved: dict[str, Any]) -> NetworkRun:
        """A new run that goes on from ``saved`` with the same windows to the last bit, in this process or another."""
        if not {"source", "layout", "seed", "now", "generator", "memory", "network"} <= set(saved):
            raise InputError(f"this is not a saved state: it holds {sorted(saved)}; use what save gave")
        mine = {"source": type(self).__name__, "layout": _layout(self)}
        for name, wanted in mine.items():
            if saved.get(name) != wanted:
                raise InputError(
                    f"the saved state is of {name} {saved.get(name)}, this source of {wanted};"
                    " restore it on a source made with the same settings"
                )
        return NetworkRun(plain(self), saved["seed"], saved=saved)


def plain(source: Any) -> Any:
    """The source with NumPy leaves in float64, for a thread that touches no JAX array."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), source)


def _layout(source: SpikingSource) -> dict[str, Any]:
    fields = source.__dataclass_fields__  # type: ignore[attr-defined]
    return {name: getattr(source, name) for name, found in fields.items() if found.metadata.get("static")}


def timing(sfreq: float, n_times: int, dt: float, longest: float, codegen: str) -> dict[str, Any]:
    """Checked static fields that all spiking sources share. ``dt`` s is the longest integration step wanted."""
    if codegen not in CODEGEN:
        raise InputError(f"unknown Brian2 target {codegen!r}; use one of {', '.join(CODEGEN)}")
    if not 0.0 < dt <= longest:
        raise InputError(f"integration step dt = {dt:g} s; this network wants 0 < dt <= {longest:g} s")
    if not (0.0 < sfreq < np.inf and n_times >= 1):
        raise InputError(f"{n_times} samples at {sfreq:g} Hz; wanted 1 or more samples at a positive, finite rate")
    return {
        "sfreq": sfreq,
        "n_times": n_times,
        "substeps": int(np.ceil(1.0 / (sfreq * dt) - 1e-9)),
        "codegen": codegen,
    }


def _not_compiled(run: NetworkRun) -> Any:
    raise TypeError(
        "a running Brian2 network is not jittable; step it from Python with neurodrift.sim.host.rollout_host"
    )


# jit, scan and vmap take their arguments apart first: asked then, the answer is one line. Otherwise they would print
# every array of the plant
jax.tree_util.register_pytree_node(NetworkRun, _not_compiled, lambda _, leaves: leaves)
