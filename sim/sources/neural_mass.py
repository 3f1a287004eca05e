"""The source that integrates any neural mass model: nodes, their wiring, how current reaches them, their dipoles."""

import dataclasses
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike, DTypeLike

from ..conditions import Conditions
from ..errors import InputError, unknown
from ..head.lattice import upper_sphere
from ..keys import stream_key
from ..noise import METHODS, normal
from ..pytree import component, static
from .base import Truth, WithoutTrials
from .connectome import Connectome, scaled
from .entry import CurrentInput, Drive, FieldShift, round_robin
from .integrate import Memory, delayed, delays_fit, heun, scaled_kicks, undelayed
from .model import Inputs, Model, Values

ENTRIES = ("input", "field")


class NeuralMassState(NamedTuple):
    y: Values  # (n_nodes,) each, in the order of the model's VARIABLES
    memory: Memory | None
    entry: Any


@component
class NeuralMass(WithoutTrials):
    """``n_nodes`` nodes of ``model``; each source is one node, or the mean of ``pool`` consecutive ones.

    wiring None, :class:`Connectome` or :class:`MeanField`; entry: how the contacts' current reaches the nodes;
    initial: one array per variable, where runs start; moment () A·m per unit of the model's output; mean () in that
    unit, taken off first, because a constant polarisation leaves no EEG; positions (n_sources, 3) m, orientations
    (n_sources, 3). ``block`` and ``n_past`` are steps: what delays were laid out for.
    """

    model: Any
    wiring: Any
    entry: Any
    initial: tuple[Array, ...]
    moment: Array
    mean: Array
    positions: Array
    orientations: Array
    n_nodes: int = static()
    n_times: int = static()
    sfreq: float = static(default=250.0)
    substeps: int = static(default=8)
    pool: int = static(default=1)
    burn_in_s: float = static(default=1.0)
    block: int = static(default=0)
    n_past: int = static(default=0)
    noise: str = static(default="counter")

    jittable: ClassVar[bool] = True
    responds_to_stim: ClassVar[bool] = True

    @classmethod
    def create(
        cls,
        model: Model,
        n_nodes: int = 1,
        sfreq: float = 250.0,
        n_times: int = 250,
        dt: float | None = None,
        n_stim: int = 1,
        wiring: Any = None,
        entry: Any = None,
        start: tuple[ArrayLike, ...] | None = None,
        noise: str = "counter",
        burn_in_s: float | None = None,
        pool: int = 1,
        moment: float | None = None,
        mean: float | None = None,
        dtype: DTypeLike = jnp.float32,
        radius: float = 0.09,
        depth: float = 0.016,
        shortest_delay: float | None = None,
        longest_delay: float | None = None,
    ) -> "NeuralMass":
        """Nodes spread evenly over the upper cortex, ``depth`` m below the scalp of ``radius`` m.

        ``dt`` s is the longest integration step, by default the model's largest safe one; the one used is the
        largest that divides a sample. ``start`` overrides the model's initial values; ``burn_in_s`` its burn-in. Each
        contact drives the nodes nearest to it in number (node i belongs to contact i modulo ``n_stim``) unless
        ``entry`` says otherwise. ``noise`` is "counter" or "threefry" (see :mod:`neurodrift.sim.noise`); ``dtype``
        float64 needs jax_enable_x64. Delays are rounded to the integration step; ``shortest_delay`` and
        ``longest_delay`` s make room for delays that vary, by default from the shortest there is to one and a half
        times the longest; a window whose delays lie beyond is out of bounds. entry may also be "field" (a transcranial
        field, :class:`FieldShift`) or "input". InputError for a step that is not safe, delays shorter than a step, and
        sizes that do not fit each other.
        """
        if noise not in METHODS:
            raise InputError(f"unknown noise method {noise!r}; use one of {', '.join(METHODS)}")
        if n_nodes < 1 or pool < 1 or n_nodes % pool:
            raise InputError(f"n_nodes = {n_nodes} with pool = {pool}; wanted 1 or more, n_nodes a multiple of pool")
        name = type(model).__name__
        if np.dtype(dtype) == np.float64 and not jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
            raise InputError("dtype is float64 but JAX has it turned off; make it inside `with jax.enable_x64(True):`")
        safe = _safe_step(model)
        dt = safe if dt is None else dt
        if not 0.0 < dt <= safe * (1 + 1e-6):
            raise InputError(
                f"integration step dt = {dt:g} s; {name} wants 0 < dt <= {safe:g} s, the largest safe step"
            )
        if not 0.0 < sfreq < np.inf or n_times < 1:
            raise InputError(f"sfreq = {sfreq:g} Hz, n_times = {n_times}; wanted both above 0")
        n_sources = n_nodes // pool

        def leaf(x: object) -> Array:
            return jnp.asarray(x, dtype)

        model = jax.tree.map(leaf, model)
        for field in dataclasses.fields(model):  # pyright: ignore[reportArgumentType]
            shape = np.shape(getattr(model, field.name)) if not field.metadata.get("static") else ()
            if shape not in ((), (n_nodes,)):
                raise InputError(f"{name}.{field.name} has shape {shape}; wanted () or ({n_nodes},), one per node")
        if wiring is not None and not hasattr(wiring, "collect"):
            got = type(wiring).__name__
            raise InputError(f"wiring is {got}; wanted Connectome.create(weights, delays) or MeanField.create(gain)")
        wiring = jax.tree.map(leaf, wiring)
        if isinstance(wiring, Connectome) and wiring.weights.shape != (n_nodes, n_nodes):
            raise InputError(f"the connectome is {wiring.weights.shape} for {n_nodes} nodes; wanted one row per node")
        if isinstance(entry, str) and entry not in ENTRIES:
            raise unknown("entry", entry, ENTRIES)
        if entry == "field":
            entry = FieldShift.create(n_nodes, n_stim)
        elif entry is None or entry == "input":
            entry = CurrentInput(coupling=leaf(model.STIM_PER_AMPERE * round_robin(n_nodes, n_stim)))
        entry = jax.tree.map(leaf, entry)
        if entry.coupling.shape[0] != n_nodes or n_stim not in (1, entry.coupling.shape[1]):
            raise InputError(
                f"the entry's coupling is {entry.coupling.shape}; wanted (n_nodes, n_stim), here ({n_nodes}, {n_stim})"
            )
        values = model.start() if start is None else start
        if len(values) != len(model.VARIABLES):
            raise InputError(f"start has {len(values)} values; {name} has {len(model.VARIABLES)} variables")
        substeps = int(np.ceil(1.0 / (sfreq * dt) - 1e-6))
        block, n_past = _blocks(
            model, wiring, 1.0 / (sfreq * substeps), n_times * substeps, shortest_delay, longest_delay
        )
        place = upper_sphere(n_sources)
        return cls(
            model=model,
            wiring=wiring,
            entry=entry,
            initial=tuple(jnp.broadcast_to(leaf(v), (n_nodes,)) for v in values),
            moment=leaf(model.MOMENT if moment is None else moment),
            mean=leaf(model.MEAN if mean is None else mean),
            positions=leaf(place * (radius - depth)),
            orientations=leaf(place),
            n_nodes=n_nodes,
            n_times=n_times,
            sfreq=float(sfreq),
            substeps=substeps,
            pool=pool,
            burn_in_s=model.BURN_IN_S if burn_in_s is None else burn_in_s,
            block=block,
            n_past=n_past,
            noise=noise,
        )

    @property
    def n_sources(self) -> int:
        return self.positions.shape[0]

    @property
    def n_stim(self) -> int:
        return self.entry.coupling.shape[1]

    @property
    def dt(self) -> float:
        """s, the integration step."""
        return 1.0 / (self.sfreq * self.substeps)

    @property
    def h(self) -> float:
        """The integration step in the model's unit of time."""
        return self.dt / self.model.time_unit

    def begin(self) -> NeuralMassState:
        """The state at the initial values, without burn-in; the past was constant."""
        return NeuralMassState(self.initial, self._remember(self.initial), self.entry.init())

    def init(self, key: Array, conditions: Conditions) -> NeuralMassState:
        """``burn_in_s`` from the initial values, so that nobody sees a transient.

        Without delays each node is stopped at a random moment of the last quarter second, so that their phases are
        independent; wired nodes then settle together for as long again.
        """
        n_steps = round(self.burn_in_s / self.dt)
        state = self.begin()
        if n_steps < 1:
            return state
        model = self.model.drifted(conditions)
        if self.block:
            n_windows = max(-(-n_steps // (self.n_times * self.substeps)), 1)
            silence = jnp.zeros((self.n_stim, self.n_times))
            keys = jax.random.split(stream_key(key, "kicks"), n_windows)
            state, _ = jax.lax.scan(lambda s, k: (self._window(s, silence, conditions, k)[0], None), state, keys)
            return NeuralMassState(state.y, state.memory, self.entry.init())
        kicks = self._kicks(model, conditions, stream_key(key, "kicks"), n_steps)
        # 0.25 s holds two to three whole alpha cycles
        spread = min(round(0.25 / self.dt), n_steps)
        stop = n_steps - jax.random.randint(stream_key(key, "phase"), (self.n_nodes,), 0, max(spread, 1))

        def settle(y: Values, inputs: tuple[Array, Array]) -> tuple[Values, None]:
            step, kick = inputs
            new = heun(model, self.h, y, lambda y, _: Inputs(), tuple(kick))
            return jax.tree.map(lambda n, o: jnp.where(step < stop, n, o), new, y), None

        y, _ = jax.lax.scan(settle, state.y, (jnp.arange(n_steps), kicks))
        if self.wiring is not None:
            kicks = self._kicks(model, conditions, stream_key(key, "coupled kicks"), n_steps)
            wiring = scaled(self.wiring, conditions.coupling_gain.astype(self.moment.dtype))
            y, _ = undelayed(self.h)(model, wiring, y, Drive(None, None), kicks[:, None])
        return NeuralMassState(y, None, state.entry)

    def step(
        self, state: NeuralMassState, stim: Array, conditions: Conditions, key: Array
    ) -> tuple[NeuralMassState, Array, Truth]:
        """One window: stim (n_stim, n_times) A -> moments (n_sources, n_times) A·m.

        truth: ``input`` (n_nodes,) mean of the drive in the model's unit, ``in_bounds`` () whether every variable is
        finite and within its physiological bounds, and what the model adds.
        """
        state, out, drive = self._window(state, stim, conditions, key)
        pooled = out if self.pool == 1 else out.reshape(out.shape[0], -1, self.pool).mean(axis=-1)
        moments = (self.moment * conditions.rhythm_gain * (pooled - self.mean)).T
        given = drive.stim if drive.stim is not None else drive.field
        truth: Truth = {
            "label": jnp.int32(-1),
            "input": jnp.mean(given, axis=0),  # type: ignore[arg-type]
            "in_bounds": self.in_bounds(state.y) & self._delays_fit(conditions),
            **self.model.drifted(conditions).truth(state.y),
        }
        return state, moments.astype(self.moment.dtype), truth

    def trace(
        self, state: NeuralMassState, stim: Array, conditions: Conditions, key: Array
    ) -> tuple[NeuralMassState, Array]:
        """As ``step``, but gives every variable: (n_variables, n_nodes, n_times)."""
        state, values, _ = self._window(state, stim, conditions, key, everything=True)
        return state, jnp.moveaxis(values, 0, -1)

    def in_bounds(self, y: Values) -> Array:
        """() bool: every variable is finite and where physiology leaves it."""
        inside = [jnp.all((u >= v.lower) & (u <= v.upper)) for u, v in zip(y, self.model.VARIABLES)]
        return jnp.all(jnp.stack(inside))

    def _delays_fit(self, conditions: Conditions) -> Array:
        if not self.block:
            return jnp.asarray(True)
        return delays_fit(self.model.drifted(conditions), self.wiring, self.h, self.block, self.n_past)

    def _window(
        self, state: NeuralMassState, stim: Array, conditions: Conditions, key: Array, everything: bool = False
    ) -> tuple[NeuralMassState, Array, Drive]:
        model = self.model.drifted(conditions)
        entry, drive = self.entry.step(state.entry, stim, conditions, self.sfreq)
        n_steps = self.n_times * self.substeps
        kicks = self._kicks(model, conditions, key, n_steps)
        kicks = kicks.reshape(self.n_times, self.substeps, *kicks.shape[1:])
        wiring = self.wiring
        if wiring is not None:
            wiring = scaled(wiring, conditions.coupling_gain.astype(self.moment.dtype))
        if self.block and state.memory is not None:
            y, memory, out = delayed(
                model,
                wiring,
                self.h,
                self.block,
                state.y,
                state.memory,
                drive,
                kicks,
                everything,  # type: ignore[arg-type]
            )
            return NeuralMassState(y, memory, entry), out, drive
        y, out = undelayed(self.h, everything)(model, wiring, state.y, drive, kicks)
        return NeuralMassState(y, None, entry), out, drive

    def _kicks(self, model: Any, conditions: Conditions, key: Array, n_steps: int) -> Array:
        """(n_steps, n_noisy, n_nodes): the noise of ``n_steps`` steps, drawn at once."""
        n_noisy = sum(density is not None for density in model.noise())
        normals = normal(key, (n_steps, n_noisy, self.n_nodes), self.noise).astype(self.moment.dtype)
        return scaled_kicks(model, self.h, normals * conditions.noise_gain.astype(self.moment.dtype))

    def _remember(self, y: Values) -> Memory | None:
        if not self.block:
            return None

        def constant(signals: Values) -> Array | None:
            return jnp.repeat(jnp.stack(signals)[..., None], self.n_past, axis=-1) if signals else None

        wired = self.wiring is not None and self.wiring.delays is not None
        return Memory(constant(self.model.remembered(y)), constant(self.model.sent(y)) if wired else None)


def _safe_step(model: Model) -> float:
    name = type(model).__name__
    try:
        safe = float(np.min(model.largest_step()))
    except ZeroDivisionError:
        safe = 0.0
    except jax.errors.ConcretizationTypeError:
        raise InputError(
            f"{name}'s letters are traced (under jit or vmap); make the source from numbers and change its letters"
            " inside: dataclasses.replace(source, model=dataclasses.replace(source.model, ...))"
        ) from None
    if not 0.0 < safe < np.inf:
        raise InputError(f"{name} has no safe integration step; its rate and time constants must be above 0")
    return safe


def _blocks(
    model: Model, wiring: Any, dt: float, n_steps: int, least: float | None, longest: float | None
) -> tuple[int, int]:
    """Steps per block and steps to remember; (0, 0) without delays."""
    lags = [float(x) * model.time_unit for lag in model.lags() for x in np.ravel(lag)]
    if isinstance(wiring, Connectome) and wiring.delays is not None:
        lags += list(np.unique(np.asarray(wiring.delays, float)))
    if not lags:
        return 0, 0
    shortest = round((min(lags) if least is None else min(*lags, least)) / dt)
    if shortest < 1:
        raise InputError(
            f"a delay of {min(lags):g} s is shorter than the integration step of {dt:g} s; "
            "shorten dt, or set absent connections' weights to 0"
        )
    most = max(lags) * 1.5 if longest is None else longest
    if most < max(lags):
        raise InputError(f"longest_delay = {most:g} s is shorter than the longest delay, {max(lags):g} s")
    block = next(n for n in range(shortest, 0, -1) if n_steps % n == 0)
    return block, int(np.ceil(most / dt)) + 1
