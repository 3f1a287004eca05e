"""A small spiking column in Brian2: adaptive leaky integrate-and-fire cells, 80 excitatory and 20 inhibitory.

The host path's first source. Brian2 compiles a network once and is slow to start again, so there is ONE long run in
a worker thread: at the end of every control window a ``network_operation`` hands the window over through a queue
and waits for the next action. Repeated ``run(window)`` calls would cost ten times more.

Membranes: tau dv/dt = (E_L - v) + R (I_E + I_I + I_ext + I_noise - w), threshold -50 mV, reset -60 mV. Current
synapses decay in 5 ms (AMPA) and 10 ms (GABA); the local field is sum |I_AMPA| + |I_GABA| over the excitatory
cells, whose currents flow along aligned apical dendrites (Mazzoni et al. 2015). Wiring and noise come from a NumPy
generator of the run's own, never from Brian2's, which is global to the process.
"""

import importlib
import queue
import signal
import sys
import threading
import warnings
import weakref
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..conditions import Conditions
from ..errors import InputError
from ..pytree import component, static
from .base import Truth

CODEGEN = ("numpy", "cython")


class SpikingState:
    """A running network and its hand-over. Belongs to one run: it cannot be copied, and ``close`` ends it.

    ``spikes`` (2,) mean firing rates of the excitatory and inhibitory cells over the last window, 1/s.
    """

    def __init__(self, column: "SpikingColumn", seed: int) -> None:
        self.spikes = np.zeros(2)
        self._actions: queue.Queue[np.ndarray | None] = queue.Queue()
        self._windows: queue.Queue[Any] = queue.Queue()
        settings = _Settings(column, seed)
        self._thread = threading.Thread(
            target=_serve, args=(settings, self._actions, self._windows), name="brian2", daemon=True
        )
        # a state that is dropped without ``close`` still ends its thread, whose arguments do not refer to it
        self._finalizer = weakref.finalize(self, _end, self._actions, self._thread)
        # Brian2 2.9 calls what pyparsing deprecates; the filters are global, so this covers the worker's preparation
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            _import_brian2()
            self._thread.start()
            self._receive()

    def advance(self, drive: np.ndarray) -> np.ndarray:
        """Run one window with ``drive`` (n_times,) A into every excitatory cell -> field (n_times,) A."""
        if not self._finalizer.alive:
            raise RuntimeError("this spiking column is closed; init makes a new one")
        self._actions.put(drive)
        field, self.spikes = self._receive()
        return field

    def _receive(self) -> Any:
        try:
            result = self._windows.get()
        except BaseException:  # an interrupt would leave a window behind that belongs to another action
            self.close()
            raise
        if isinstance(result, BaseException):
            self.close()
            raise result
        return result

    def close(self) -> None:
        """End the run and its thread; harmless when repeated."""
        self._finalizer()


@component
class SpikingColumn:
    """One column of adaptive integrate-and-fire cells as one dipole. Steps on the host only (``rollout_host``).

    positions (1, 3) m, orientations (1, 3); moment () A·m per A of summed synaptic current; field_mean () A, taken
    off first; stim_coupling () A into each excitatory cell per A of stimulation; input_e, input_i () A, background
    current of the two populations; codegen "numpy" or "cython" (the first compiles nothing; the second is faster in
    long runs and takes 45 s the first time).
    """

    positions: Array
    orientations: Array
    moment: Array
    field_mean: Array
    stim_coupling: Array
    input_e: Array  # A, 0.185 nA: 1.5 mV below threshold at R = 100 MOhm
    input_i: Array  # A, 0.18 nA
    n_times: int = static()
    sfreq: float = static(default=250.0)
    substeps: int = static(default=8)
    n_excitatory: int = static(default=80)
    n_inhibitory: int = static(default=20)
    burn_in_s: float = static(default=0.5)
    codegen: str = static(default="numpy")

    jittable: ClassVar[bool] = False
    responds_to_stim: ClassVar[bool] = True

    @classmethod
    def create(
        cls,
        sfreq: float = 250.0,
        n_times: int = 250,
        dt: float = 0.5e-3,
        codegen: str = "numpy",
        radius: float = 0.09,
        depth: float = 0.016,
        **static_fields: Any,
    ) -> "SpikingColumn":
        """A column ``depth`` m under the vertex. ``dt`` s is the longest integration step, at most 0.5 ms."""
        if codegen not in CODEGEN:
            raise InputError(f"unknown Brian2 target {codegen!r}; use one of {', '.join(CODEGEN)}")
        if not 0.0 < dt <= 0.5e-3:
            raise InputError(f"integration step dt = {dt:g} s; the spiking column wants 0 < dt <= 0.0005 s")
        return cls(
            positions=jnp.asarray([[0.0, 0.0, radius - depth]], jnp.float32),
            orientations=jnp.asarray([[0.0, 0.0, 1.0]], jnp.float32),
            moment=jnp.float32(_MOMENT),
            field_mean=jnp.float32(_FIELD_MEAN),
            # 2 mA, the usual ceiling of transcranial current, moves the membranes by 2 mV (0.1-0.3 mV per V/m would
            # be less; this stands for a well-placed array)
            stim_coupling=jnp.float32(0.02e-9 / 2e-3),
            input_e=jnp.float32(0.185e-9),
            input_i=jnp.float32(0.18e-9),
            n_times=n_times,
            sfreq=sfreq,
            substeps=int(np.ceil(1.0 / (sfreq * dt) - 1e-9)),
            codegen=codegen,
            **static_fields,
        )

    @property
    def n_sources(self) -> int:
        return 1

    @property
    def n_stim(self) -> int:
        return 1

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

    def init(self, key: Array, conditions: Conditions) -> SpikingState:
        """Start the network, seeded from ``key``; the first window follows ``burn_in_s`` of settling."""
        refuse_tracing(key, "SpikingColumn")
        seed = int(jax.random.randint(key, (), 0, np.iinfo(np.int32).max))
        return SpikingState(self, seed)

    def step(
        self, state: SpikingState, stim: Array, conditions: Conditions, key: Array
    ) -> tuple[SpikingState, Array, Truth]:
        """One window: stim (1, n_times) A -> moments (1, n_times) A·m; truth: rates (2,) 1/s of both populations.

        The network draws from its own generator, seeded at ``init``; ``key`` is not used.
        """
        refuse_tracing(stim, "SpikingColumn")
        drive = np.asarray(stim[0], float) * float(conditions.stim_efficacy) * float(self.stim_coupling)
        field = state.advance(drive) - float(self.field_mean)
        moments = field * float(self.moment) * float(conditions.rhythm_gain)
        truth: Truth = {"label": jnp.int32(-1), "rates": jnp.asarray(state.spikes, jnp.float32)}
        return state, jnp.asarray(moments[None], jnp.float32), truth


def _import_brian2() -> None:
    """Import Brian2 without letting it take over the process's interrupt and exception hooks."""
    if "brian2" in sys.modules:
        return
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("Brian2 can only be imported in the main thread; import brian2 there before this")
    interrupt, report = signal.getsignal(signal.SIGINT), sys.excepthook
    importlib.import_module("brian2")
    signal.signal(signal.SIGINT, interrupt)
    sys.excepthook = report


def refuse_tracing(x: object, name: str) -> None:
    """TypeError where ``x`` is an abstract value: a host source cannot be part of a compiled program."""
    if isinstance(x, jax.core.Tracer):
        raise TypeError(f"{name} is not jittable; step it from Python with neurodrift.sim.host.rollout_host")


class _Settings:
    """Plain numbers for the worker thread, which touches no JAX array."""

    def __init__(self, column: SpikingColumn, seed: int) -> None:
        self.seed = seed
        self.n_e, self.n_i = column.n_excitatory, column.n_inhibitory
        self.n_times, self.substeps = column.n_times, column.substeps
        self.sfreq, self.dt, self.codegen = column.sfreq, column.dt, column.codegen
        self.input_e, self.input_i = float(column.input_e), float(column.input_i)
        self.settle = round(column.burn_in_s / column.dt)


_EQUATIONS = """
dv/dt = (E_L - v + R * (I_E + I_I + I_ext + I_noise - w)) / tau : volt (unless refractory)
dI_E/dt = -I_E / tau_E : amp
dI_I/dt = -I_I / tau_I : amp
dw/dt = -w / tau_w : amp
I_ext : amp
I_noise : amp
tau : second (constant)
adaptation : amp (constant)
"""
_NOISE_SD = 3e-3
"""V, sd of a membrane under the noise alone."""

_guard = threading.Lock()
"""Brian2's preferences are global and read while a network is prepared: one at a time."""


def _serve(s: _Settings, actions: queue.Queue, windows: queue.Queue) -> None:
    """The worker: build the network, run it until told to stop, report what goes wrong in a window's place."""
    _guard.acquire()
    preparing = _Once(_guard.release)
    try:
        network, second = _build(s, actions, windows, preparing)
        network.run(1e8 * second, namespace={})
    except BaseException as error:
        windows.put(error)
    finally:
        preparing()


class _Once:
    """Calls ``action`` the first time it is called."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action: Callable[[], None] | None = action

    def __call__(self) -> None:
        action, self._action = self._action, None
        if action is not None:
            action()


def _build(s: _Settings, actions: queue.Queue, windows: queue.Queue, prepared: _Once) -> tuple[Any, Any]:
    """The network, whose operation hands the windows over, and Brian2's second."""
    import brian2

    b2: Any = brian2  # its annotations know neither arrays as options nor groups of different kinds

    b2.prefs.codegen.target = s.codegen
    rng = np.random.default_rng(s.seed)
    n = s.n_e + s.n_i
    is_e = np.arange(n) < s.n_e
    clock = b2.Clock(dt=s.dt * b2.second)
    constants = {
        "E_L": -70 * b2.mV, "R": 100 * b2.Mohm, "tau_E": 5 * b2.ms, "tau_I": 10 * b2.ms, "tau_w": 100 * b2.ms,
        "V_t": -50 * b2.mV, "V_r": -60 * b2.mV,
    }  # fmt: skip
    cells = b2.NeuronGroup(
        n, _EQUATIONS, threshold="v > V_t", reset="v = V_r; w += adaptation", refractory=2 * b2.ms,
        method="exponential_euler", clock=clock, namespace=constants,
    )  # fmt: skip
    tau = np.where(is_e, 20e-3, 10e-3)
    cells.tau = tau * b2.second
    cells.adaptation = np.where(is_e, 10e-12, 0.0) * b2.amp  # only pyramidal cells adapt
    cells.v = rng.uniform(-70e-3, -50e-3, n) * b2.volt
    wires: list[Any] = [cells]
    for rows, current, weight in ((is_e, "I_E", 20e-12), (~is_e, "I_I", -100e-12)):
        # a fifth of all pairs, none with itself
        pre, post = np.nonzero((rng.random((n, n)) < 0.2) & rows[:, None] & ~np.eye(n, dtype=bool))
        synapses = b2.Synapses(
            cells, cells, on_pre=f"{current}_post += J", delay=1.5 * b2.ms, clock=clock,
            namespace={"J": weight * b2.amp},
        )  # fmt: skip
        synapses.connect(i=pre, j=post)
        wires.append(synapses)
    spikes = b2.SpikeMonitor(cells, record=False)

    field, count = np.zeros(s.n_times), np.zeros(n)
    background = np.where(is_e, s.input_e, s.input_i)
    # current that, held over a step, gives the membrane an sd of _NOISE_SD
    scale = _NOISE_SD * np.sqrt(2.0 * tau / s.dt) / 100e6
    state = {"step": -s.settle, "drive": np.zeros(s.n_times)}
    ampa, gaba, external, noise = (cells.variables[k].get_value() for k in ("I_E", "I_I", "I_ext", "I_noise"))
    external[:] = background

    def operate() -> None:
        step = state["step"]
        if step == -s.settle:
            prepared()
            windows.put(None)
        state["step"] = step + 1
        noise[:] = scale * rng.standard_normal(n)
        sample, inside = divmod(step, s.substeps)
        if step < 0 or inside:
            return
        if step > 0:
            field[(sample - 1) % s.n_times] = np.abs(ampa[: s.n_e]).sum() + np.abs(gaba[: s.n_e]).sum()
        if sample % s.n_times == 0:
            now = np.asarray(spikes.count[:], float)
            if step > 0:
                rates = (now - count) * s.sfreq / s.n_times
                windows.put((field.copy(), np.array([rates[: s.n_e].mean(), rates[s.n_e :].mean()])))
            count[:] = now
            drive = actions.get()
            if drive is None:
                network.stop()
                return
            state["drive"] = drive
        external[: s.n_e] = s.input_e + state["drive"][sample % s.n_times]

    operation = b2.NetworkOperation(operate, clock=clock, when="start")
    network = b2.Network(*wires, spikes, operation)
    return network, b2.second


def _end(actions: queue.Queue, thread: threading.Thread) -> None:
    actions.put(None)
    # from the worker itself (a garbage collection there) there is nothing to wait for
    if thread is not threading.current_thread():
        thread.join(timeout=10.0)


_FIELD_MEAN = 4.95e-9
"""A, mean of the field at rest (three seeds of 4 s)."""
_MOMENT = 20e-9 / 1.55e-9
"""A·m per A: brings the field's sd at rest (1.55 nA) to 20 nA·m, the middle of the 10-30 of a cortical patch; the
hundred cells stand for the many thousands of the patch."""
