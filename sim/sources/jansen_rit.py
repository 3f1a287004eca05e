"""Jansen-Rit: a cortical column as three populations, in its alpha regime; integrated by stochastic Heun.

Jansen & Rit (1995), Biol. Cybern. 73:357. With S(v) = 2 e0 / (1 + exp(r (v0 - v))):
y0'' = A a S(y1 - y2) - 2a y0' - a^2 y0
y1'' = A a (p + C2 S(C1 y0) + u) - 2a y1' - a^2 y1,  noise A a sigma dW in y1'
y2'' = B b C4 S(C3 y0) - 2b y2' - b^2 y2;  the observable is v = y1 - y2.
Euler is wrong here (at 1 ms it doubles the amplitude and oscillates beyond the true Hopf point): Heun with a step
of at most 1 ms is within 0.1 % of the limit cycle.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike

from ..conditions import Conditions
from ..errors import InputError
from ..keys import stream_key
from ..noise import METHODS, normal
from ..pytree import component, static
from .base import Truth

Columns = tuple[Array, Array, Array, Array, Array, Array]
"""(y0, ..., y5), each (n_nodes,): three potentials in mV and their derivatives in mV/s."""

ALPHA_BASIN = (0.1, 18.0, 15.0, 0.0, 0.0, 0.0)
"""Start that leads to the alpha cycle; from zeros a column below p = 137 falls into the spike cycle instead."""

LARGEST_STEP = 0.1
"""Largest safe step in units of 1/a (1 ms at a = 100/s): beyond it Heun's amplitude error passes 0.1 %."""


class JansenRitState(NamedTuple):
    y: Columns


@component
class JansenRit:
    """``n_nodes`` cortical columns, each a dipole; uncoupled, or coupled without delay.

    Parameters are scalars or (n_nodes,). coupling None or (n_nodes, n_nodes): ``coupling[i, j]`` times the firing
    rate of column j is added to p of column i. stim_coupling (n_nodes, n_stim) 1/(A s): current to p. moment ()
    A·m per mV; v_mean () mV is taken off first, because a constant polarisation leaves no EEG. positions
    (n_nodes, 3) m, orientations (n_nodes, 3).
    """

    A: Array  # mV, 3.25: excitatory synaptic gain (Jansen & Rit 1995, as all letters here)
    B: Array  # mV, 22: inhibitory synaptic gain
    a: Array  # 1/s, 100: excitatory rate constant
    b: Array  # 1/s, 50: inhibitory rate constant
    e0: Array  # 1/s, 2.5: half of the maximal firing rate
    v0: Array  # mV, 6: potential at half of it (5.52, a default elsewhere, is not the alpha regime)
    r: Array  # 1/mV, 0.56: slope of the sigmoid
    C1: Array  # 135: pyramidal cells to excitatory interneurons
    C2: Array  # 0.8 x 135: excitatory interneurons to pyramidal cells
    C3: Array  # 0.25 x 135: pyramidal cells to inhibitory interneurons
    C4: Array  # 0.25 x 135: inhibitory interneurons to pyramidal cells
    p: Array  # 1/s, 220: mean of the input, 120-320
    sigma: Array  # s^-1/2, noise of the input as a density, so that it does not depend on the step
    coupling: Array | None
    stim_coupling: Array
    moment: Array
    v_mean: Array
    positions: Array
    orientations: Array
    n_times: int = static()
    sfreq: float = static(default=250.0)
    substeps: int = static(default=8)
    burn_in_s: float = static(default=2.5)
    noise: str = static(default="counter")

    jittable: ClassVar[bool] = True
    responds_to_stim: ClassVar[bool] = True

    @classmethod
    def create(
        cls,
        n_nodes: int = 20,
        sfreq: float = 250.0,
        n_times: int = 250,
        dt: float = 0.5e-3,
        n_stim: int = 1,
        coupling: Array | None = None,
        noise: str = "counter",
        burn_in_s: float = 2.5,
        dtype: DTypeLike = jnp.float32,
        radius: float = 0.09,
        depth: float = 0.016,
        **parameters: float | Array,
    ) -> "JansenRit":
        """Columns spread evenly over the upper cortex, ``depth`` m below the scalp, in the alpha regime.

        ``dt`` s is the longest integration step: the one used is the largest that divides a sample. ``noise`` is
        "counter" or "threefry" (see :mod:`neurodrift.sim.noise`); ``dtype`` float64 needs jax_enable_x64. Each
        contact drives the columns nearest to it in number (column i belongs to contact i modulo ``n_stim``).
        Letters of the model are overridden by keyword. Raises InputError for a step that is not safe.
        """
        p = _PARAMETERS | {"sigma": 2.0} | parameters
        unknown = sorted(set(p) - set(_PARAMETERS) - {"sigma"})
        if unknown:
            raise InputError(f"unknown Jansen-Rit parameter {unknown[0]!r}; known: {', '.join(_PARAMETERS)}, sigma")
        if noise not in METHODS:
            raise InputError(f"unknown noise method {noise!r}; use one of {', '.join(METHODS)}")
        safe = LARGEST_STEP / float(np.max([np.max(p["a"]), np.max(p["b"])]))
        if not 0.0 < dt <= safe * (1 + 1e-9):
            raise InputError(
                f"integration step dt = {dt:g} s; Jansen-Rit wants 0 < dt <= {safe:g} s, the largest safe step here"
            )
        place = _upper_sphere(n_nodes)
        owner = np.arange(n_nodes)[:, None] % max(n_stim, 1) == np.arange(n_stim)[None, :]

        def leaf(x: object) -> Array:
            return jnp.asarray(x, dtype)

        return cls(
            **{name: leaf(value) for name, value in p.items()},
            coupling=None if coupling is None else leaf(coupling),
            # 2 mA, the usual ceiling of transcranial current, moves p over its published range of 120-320
            stim_coupling=leaf(5e4 * owner),
            # the noisy alpha cycle has an sd of 1.23 mV: 20 nA·m, the middle of the 10-30 of a cortical patch
            moment=leaf(16e-9),
            v_mean=leaf(_ALPHA_MEAN),
            positions=leaf(place * (radius - depth)),
            orientations=leaf(place),
            n_times=n_times,
            sfreq=sfreq,
            substeps=int(np.ceil(1.0 / (sfreq * dt) - 1e-9)),
            burn_in_s=burn_in_s,
            noise=noise,
        )

    @classmethod
    def sample(cls, key: Array, **options: float) -> "JansenRit":
        """Draw one person: the time constants are scaled so that the alpha frequency is 10.0 +- 0.5 Hz.

        Multiplying a and b by k and sigma by 1/sqrt(k) is a change of the unit of time, so the regime stays. k
        is cut at 3 sd, inside the safe step of ``create``'s default.
        """
        k = (10.0 + 0.5 * jax.random.truncated_normal(key, -3.0, 3.0)) / 10.74
        one = cls.create(**options)  # pyright: ignore[reportArgumentType]
        return dataclasses.replace(one, a=one.a * k, b=one.b * k, sigma=one.sigma / jnp.sqrt(k))

    @property
    def n_nodes(self) -> int:
        return self.positions.shape[0]

    @property
    def n_sources(self) -> int:
        return self.n_nodes

    @property
    def n_stim(self) -> int:
        return self.stim_coupling.shape[1]

    @property
    def n_classes(self) -> int:
        return 1

    @property
    def trial_windows(self) -> int:
        return 1

    @property
    def epoch(self) -> tuple[int, int]:
        return 0, 1

    @property
    def dt(self) -> float:
        """s, the integration step."""
        return 1.0 / (self.sfreq * self.substeps)

    def init(self, key: Array, conditions: Conditions) -> JansenRitState:
        """``burn_in_s`` from the alpha basin, so that nobody sees a transient, each column stopped at a random
        moment of the last quarter second, so that their phases are independent; coupled columns then settle
        together for as long again."""
        n_steps = max(round(self.burn_in_s / self.dt), 1)
        # 0.25 s holds two to three whole alpha cycles
        spread = min(round(0.25 / self.dt), n_steps)
        stop = n_steps - jax.random.randint(stream_key(key, "phase"), (self.n_nodes,), 0, spread)
        dtype = self.p.dtype
        y0, y1, y2, y3, y4, y5 = (jnp.full(self.n_nodes, value, dtype) for value in ALPHA_BASIN)
        drive = jnp.broadcast_to(self.p, (self.n_nodes,)).astype(dtype)
        alone = dataclasses.replace(self, coupling=None)

        def settle(y: Columns, inputs: tuple[Array, Array]) -> tuple[Columns, None]:
            step, k = inputs
            new = alone.heun(y, drive, k)
            return jax.tree.map(lambda n, o: jnp.where(step < stop, n, o), new, y), None

        y, _ = jax.lax.scan(
            settle, (y0, y1, y2, y3, y4, y5), (jnp.arange(n_steps), self._kicks(stream_key(key, "kicks"), n_steps))
        )
        if self.coupling is not None:
            kicks = self._kicks(stream_key(key, "coupled kicks"), n_steps)
            y, _ = jax.lax.scan(lambda y, k: (self.heun(y, drive, k), None), y, kicks)
        return JansenRitState(y)

    def step(
        self, state: JansenRitState, stim: Array, conditions: Conditions, key: Array
    ) -> tuple[JansenRitState, Array, Truth]:
        """One window: stim (n_stim, n_times) A -> moments (n_nodes, n_times) A·m; truth: the columns' mean input."""
        current = (stim * conditions.stim_efficacy).astype(self.p.dtype)
        drive = self.p + current.T @ self.stim_coupling.T  # (n_times, n_nodes)
        kicks = self._kicks(key, self.n_times * self.substeps).reshape(self.n_times, self.substeps, self.n_nodes)
        y, v = self._integrate(state.y, drive, kicks)
        moments = (self.moment * conditions.rhythm_gain * (v - self.v_mean)).T
        truth: Truth = {"label": jnp.int32(-1), "input": jnp.mean(drive, axis=0)}
        return JansenRitState(y), moments.astype(self.p.dtype), truth

    def heun(self, y: Columns, p: Array, kick: Array | float = 0.0) -> Columns:
        """One stochastic Heun step of ``dt``: p (n_nodes,) 1/s held, kick (n_nodes,) mV/s added to y4."""
        return _heun(self._letters(), self.dt, y, p, kick)

    def slope(self, y: Columns, p: Array) -> Columns:
        """dy/dt without noise, at inputs p (n_nodes,) 1/s."""
        return _slope(self._letters(), y, p)

    def _letters(self) -> dict[str, Array | None]:
        return {name: getattr(self, name) for name in (*_PARAMETERS, "coupling") if name != "p"}

    def _kicks(self, key: Array, n_steps: int) -> Array:
        """(n_steps, n_nodes) mV/s: the noise of ``n_steps`` steps, drawn at once."""
        kicks = normal(key, (n_steps, self.n_nodes), self.noise)
        return self.A * self.a * self.sigma * np.sqrt(self.dt) * kicks.astype(self.p.dtype)

    def _integrate(self, y: Columns, drive: Array, kicks: Array) -> tuple[Columns, Array]:
        """drive (n_times, n_nodes), kicks (n_times, substeps, n_nodes) -> state after, v (n_times, n_nodes) mV."""
        return _integrator(self.dt)(self._letters(), y, drive, kicks)


@functools.cache
def _integrator(dt: float) -> Callable[..., tuple[Columns, Array]]:
    """The loop over a window. Batched by vmap, uncoupled columns of all environments become one long row: a row of
    20 does not fill the processor's vectors, and a batch of 1024 is 2.6 times faster so."""

    def run(letters: dict, y: Columns, drive: Array, kicks: Array) -> tuple[Columns, Array]:
        def substep(y: Columns, inputs: tuple[Array, Array]) -> tuple[Columns, None]:
            p, kick = inputs
            return _heun(letters, dt, y, p, kick), None

        def sample(y: Columns, inputs: tuple[Array, Array]) -> tuple[Columns, Array]:
            p, kick = inputs  # the input is held over a sample
            y, _ = jax.lax.scan(lambda y, k: substep(y, (p, k)), y, kick)
            return y, y[1] - y[2]

        return jax.lax.scan(sample, y, (drive, kicks))

    flat = jax.custom_batching.custom_vmap(run)

    @flat.def_vmap
    def _(n: int, batched: list, letters: dict, y: Columns, drive: Array, kicks: Array):
        if letters["coupling"] is not None:
            axes = jax.tree.map(lambda b: 0 if b else None, tuple(batched))
            return jax.vmap(run, in_axes=axes)(letters, y, drive, kicks), ((True,) * 6, True)
        n_nodes = y[0].shape[-1]

        def row(x: Array, is_batched: bool, lead: int) -> Array:
            """Leading axes first, then (n, n_nodes) as one axis; an unbatched scalar stays one."""
            if not is_batched and x.ndim == lead == 0:
                return x
            x = x if is_batched else x[None]
            x = x.reshape(*x.shape[: 1 + lead], -1)
            x = jnp.broadcast_to(x, (n, *x.shape[1:-1], n_nodes))
            return jnp.moveaxis(x, 0, -2).reshape(*x.shape[1:-1], n * n_nodes)

        is_letter, is_y, is_drive, is_kick = batched
        y, v = flat(
            {k: None if x is None else row(x, is_letter[k], 0) for k, x in letters.items()},
            tuple(row(u, b, 0) for u, b in zip(y, is_y)),
            row(drive, is_drive, 1),
            row(kicks, is_kick, 2),
        )
        v = jnp.moveaxis(v.reshape(-1, n, n_nodes), 1, 0)
        return (tuple(u.reshape(n, n_nodes) for u in y), v), ((True,) * 6, True)

    # custom_vmap has no reverse mode of its own; the gradient is that of the plain loop
    loop = jax.custom_vjp(lambda *arguments: flat(*arguments))
    loop.defvjp(
        lambda *arguments: (flat(*arguments), arguments),
        lambda arguments, cotangent: jax.vjp(run, *arguments)[1](cotangent),
    )
    return loop


def _heun(m: dict, dt: float, y: Columns, p: Array, kick: Array | float) -> Columns:
    slope = _slope(m, y, p)
    guess = [u + dt * d for u, d in zip(y, slope)]
    guess[4] = guess[4] + kick
    again = _slope(m, (guess[0], guess[1], guess[2], guess[3], guess[4], guess[5]), p)
    new = [u + 0.5 * dt * (d1 + d2) for u, d1, d2 in zip(y, slope, again)]
    new[4] = new[4] + kick
    return new[0], new[1], new[2], new[3], new[4], new[5]


def _slope(m: dict, y: Columns, p: Array) -> Columns:
    y0, y1, y2, y3, y4, y5 = y
    a, b = m["a"], m["b"]
    pyramidal = _rate(m, y1 - y2)
    if m["coupling"] is not None:
        p = p + m["coupling"] @ pyramidal
    return (
        y3,
        y4,
        y5,
        m["A"] * a * pyramidal - 2 * a * y3 - a * a * y0,
        m["A"] * a * (p + m["C2"] * _rate(m, m["C1"] * y0)) - 2 * a * y4 - a * a * y1,
        m["B"] * b * m["C4"] * _rate(m, m["C3"] * y0) - 2 * b * y5 - b * b * y2,
    )


def _rate(m: dict, v: Array) -> Array:
    """S(v) in 1/s; written with tanh, which XLA evaluates twice as fast as exp and without overflow."""
    return m["e0"] * (1.0 + jnp.tanh(0.5 * m["r"] * (v - m["v0"])))


_C = 135.0
_PARAMETERS: dict[str, float | Array] = {
    "A": 3.25, "B": 22.0, "a": 100.0, "b": 50.0, "e0": 2.5, "v0": 6.0, "r": 0.56,
    "C1": _C, "C2": 0.8 * _C, "C3": 0.25 * _C, "C4": 0.25 * _C, "p": 220.0,
}  # fmt: skip
_ALPHA_MEAN = 7.57
"""mV, mean of v on the alpha cycle at p = 220/s with sigma = 2 (computed with these equations)."""


def _upper_sphere(n: int) -> np.ndarray:
    """(n, 3) unit vectors spread evenly over the upper half of a sphere (Fibonacci lattice)."""
    i = np.arange(n) + 0.5
    z = 1.0 - i / n
    azimuth = np.pi * (1 + 5**0.5) * i
    ring = np.sqrt(1 - z**2)
    return np.stack([ring * np.cos(azimuth), ring * np.sin(azimuth), z], axis=1)
