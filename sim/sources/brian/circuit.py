"""What a network gives the worker that runs it."""

from typing import Any, NamedTuple

import numpy as np


class Inputs(NamedTuple):
    """What acts on a network during one window: drive (n_stim, n_times), in the unit that the network couples
    stimulation in, and the conditions it reads, by name."""

    drive: np.ndarray
    values: dict[str, Any]


class Circuit:
    """Abstract: a network's Brian2 objects and what happens to them from outside.

    ``objects`` make up the network, under fixed names, so that their state can be put back; ``clock`` steps them
    all. The worker calls :meth:`begin` at the start of a window, :meth:`sample` at the start of each of its samples,
    :meth:`step` at the start of every integration step and :meth:`field` once a sample is over. ``memory`` holds,
    in NumPy arrays and numbers, what a circuit must remember beyond its Brian2 objects and its generator; it is
    replaced, never shared, when a state is put back.

    For a run without a loop the network is compiled whole and nothing can act from outside: :meth:`open_loop` says
    by Brian2's own means what :meth:`step` says in Python, and :meth:`open_loop_result` reads what was recorded.
    """

    objects: list[Any]
    clock: Any
    memory: dict[str, Any]

    def begin(self, inputs: Inputs) -> None:
        """A window starts, under ``inputs``."""
        raise NotImplementedError

    def sample(self, n: int) -> None:
        """Sample ``n`` of the window starts."""
        raise NotImplementedError

    def step(self) -> None:
        """An integration step starts."""
        raise NotImplementedError

    def field(self) -> np.ndarray:
        """(n_sources,), at the end of a sample."""
        raise NotImplementedError

    def end(self) -> dict[str, np.ndarray]:
        """The window is over: its ground truth."""
        raise NotImplementedError

    def open_loop(self, inputs: Inputs, n_steps: int) -> list[Any]:
        """Objects that stand for ``n_steps`` of :meth:`step` under the first sample's drive, and that record."""
        raise NotImplementedError

    def open_loop_result(self, burn_in_s: float, seconds: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """What was recorded in the ``seconds`` after ``burn_in_s``: field (n_sources, n_samples), ground truth."""
        raise NotImplementedError


class TwoPopulations(Circuit):
    """Abstract: excitatory cells, then inhibitory ones, whose rates over a window are the truth.

    Subclasses set ``_source``, ``_spikes`` (a spike monitor), ``_n`` and ``_n_e`` cells, and ``_before`` to
    :meth:`_counted` where a window begins.
    """

    _source: Any
    _spikes: Any
    _n: int
    _n_e: int
    _before: np.ndarray

    def end(self) -> dict[str, np.ndarray]:
        seconds = self._source.n_times / self._source.sfreq
        return {"rates": (self._counted() - self._before) / seconds / [self._n_e, self._n - self._n_e]}

    def _counted(self) -> np.ndarray:
        """(2,) spikes of both populations so far."""
        counts = self._spikes.count_[:]
        return np.array([counts[: self._n_e].sum(), counts[self._n_e :].sum()], float)


def write(group: Any, name: str, values: Any) -> None:
    """Set a state variable in SI base units, in a run as well as before one that is compiled whole."""
    setattr(group, f"{name}_", values)


def view(group: Any, name: str) -> np.ndarray:
    """The array behind a state variable, in SI base units: writing into it acts at once."""
    return group.variables[name].get_value()


def rates_of(spikes: Any, burn_in_s: float, seconds: float, groups: list[slice]) -> np.ndarray:
    """Mean rates in 1/s of groups of cells in ``seconds`` after ``burn_in_s``, from a recording spike monitor."""
    times, cells = np.asarray(spikes.t_), np.asarray(spikes.i)
    counts = np.bincount(cells[times >= burn_in_s], minlength=len(spikes.source)) / seconds
    return np.array([counts[group].mean() for group in groups])
