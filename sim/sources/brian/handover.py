"""One long Brian2 run in a worker thread, whose windows are handed over through queues.

Brian2 prepares a network anew at every ``run``: repeated ``run(window)`` calls cost 150 ms each, ten times the window.
So there is ONE long run: at the end of every control window a ``network_operation`` puts the window into a queue and
waits for the next action. State is saved and put back between windows, to the last bit.
"""

import copy
import queue
import threading
import warnings
import weakref
from typing import Any, NamedTuple, Protocol

import numpy as np

from .circuit import Circuit, Inputs
from .library import GUARD, Once, load_brian2

FOREVER = 2**39
"""Integration steps, two months of simulated time at 10 us; Brian2's clock is exact up to twice as many."""
_SAVE = object()


class Recipe(Protocol):
    """What makes a network: a source whose leaves are NumPy arrays, as the worker thread touches no JAX array."""

    n_times: int
    sfreq: float
    substeps: int
    codegen: str
    n_sources: int
    n_settle: int

    def build(self, b2: Any, rng: np.random.Generator) -> Circuit: ...


class NetworkRun:
    """A running network and its hand-over. Belongs to one run: it cannot be copied, and ``close`` ends it.

    It settles under ``resting``; or else continues what ``save`` gave of a network of the same recipe and seed.
    """

    def __init__(
        self, recipe: Recipe, seed: int, resting: Inputs | None = None, saved: dict[str, Any] | None = None
    ) -> None:
        self.seed = seed
        self._actions: queue.Queue[Any] = queue.Queue()
        self._windows: queue.Queue[Any] = queue.Queue()
        job = _Job(recipe, seed, resting, saved, self._actions, self._windows)
        self._thread = threading.Thread(target=_serve, args=(job,), name="brian2", daemon=True)
        # a state that is dropped without ``close`` still ends its thread, whose arguments do not refer to it
        self._finalizer = weakref.finalize(self, _end, self._actions, self._thread)
        # Brian2 2.9 calls what pyparsing deprecates; the filters are global, so this covers the worker's preparation
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            load_brian2()
            self._thread.start()
            self._receive()

    def advance(self, inputs: Inputs) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Run one window -> field (n_sources, n_times) and its ground truth."""
        return self._ask(inputs)

    def save(self) -> dict[str, Any]:
        """Everything that the next window depends on, as numbers, arrays and tuples of them."""
        return self._ask(_SAVE)

    def close(self) -> None:
        """End the run and its thread; harmless when repeated."""
        self._finalizer()

    def _ask(self, action: Any) -> Any:
        if not self._finalizer.alive:
            raise RuntimeError("this network is closed; init makes a new one")
        self._actions.put(action)
        return self._receive()

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


class _Job(NamedTuple):
    recipe: Recipe
    seed: int
    resting: Inputs | None
    saved: dict[str, Any] | None
    actions: queue.Queue[Any]
    windows: queue.Queue[Any]


def _serve(job: _Job) -> None:
    """The worker: build the network, run it until told to stop, report what goes wrong in a window's place."""
    GUARD.acquire()
    prepared = Once(GUARD.release)
    try:
        b2 = load_brian2()
        b2.prefs.codegen.target = job.recipe.codegen
        loop = _Loop(job, b2, prepared)
        loop.network.run(FOREVER * loop.circuit.clock.dt, namespace={})
        job.windows.put(RuntimeError("the network has run for as long as Brian2's clock is exact; save and restore it"))
    except BaseException as error:
        job.windows.put(error)
    finally:
        prepared()


class _Loop:
    """The operation at the start of every integration step, on one network."""

    def __init__(self, job: _Job, b2: Any, prepared: Once) -> None:
        recipe = job.recipe
        self.actions, self.windows, self.prepared = job.actions, job.windows, prepared
        self.n_times, self.substeps = recipe.n_times, recipe.substeps
        self.rng = np.random.default_rng(job.seed)
        self.circuit = recipe.build(b2, self.rng)
        self.field = np.zeros((recipe.n_sources, recipe.n_times))
        self.started = False
        operation = b2.NetworkOperation(self.operate, clock=self.circuit.clock, when="start", name="handover")
        self.network = b2.Network(*self.circuit.objects, operation, name="network")
        if job.saved is None:
            self.now = -recipe.n_settle  # in integration steps; windows start at 0
            if job.resting is not None:
                self.circuit.begin(job.resting)
                self.circuit.sample(0)
        else:
            self._recall(job.saved)

    def operate(self) -> None:
        resumed = False
        if not self.started:
            self.started = True
            self.prepared()
            self.windows.put(None)
            resumed = self.now > 0
        if self.now >= 0:
            sample, inside = divmod(self.now, self.substeps)
            if inside == 0 and not self._boundary(sample, resumed):
                return
        self.circuit.step()
        self.now += 1

    def _boundary(self, sample: int, resumed: bool) -> bool:
        """Between two samples; False ends the run."""
        if self.now > 0 and not resumed:
            self.field[:, (sample - 1) % self.n_times] = self.circuit.field()
        if sample % self.n_times == 0:
            if self.now > 0 and not resumed:
                self.windows.put((self.field.copy(), self.circuit.end()))
            while (action := self.actions.get()) is _SAVE:
                self.windows.put(self._snapshot())
            if action is None:
                self.network.stop()
                return False
            self.circuit.begin(action)
        self.circuit.sample(sample % self.n_times)
        return True

    def _snapshot(self) -> dict[str, Any]:
        self.network.store("window")
        network = self.network._stored_state.pop("window")  # Brian2's only other way out is a pickle on disk
        del network["_random_generator_state"]  # of the process; this network never draws from it
        for name in self._wiring():
            network[name] = {}
        return {
            "now": self.now,
            "generator": self.rng.bit_generator.state,
            "memory": copy.deepcopy(self.circuit.memory),
            "network": network,
        }

    def _recall(self, saved: dict[str, Any]) -> None:
        self.now = int(saved["now"])
        self.rng.bit_generator.state = saved["generator"]
        self.circuit.memory.clear()
        self.circuit.memory.update(copy.deepcopy(saved["memory"]))
        self.network._stored_state["window"] = copy.deepcopy(saved["network"])
        self.network.restore("window")
        self.network._stored_state.clear()

    def _wiring(self) -> list[str]:
        """Names of the synapses, which the seed alone decides and nothing changes."""
        return [found.name for found in self.circuit.objects if hasattr(found, "connect")]


def _end(actions: queue.Queue, thread: threading.Thread) -> None:
    actions.put(None)
    # from the worker itself (a garbage collection there) there is nothing to wait for
    if thread is not threading.current_thread():
        thread.join(timeout=10.0)
