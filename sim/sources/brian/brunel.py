"""The random network of integrate-and-fire cells of Brunel (2000), model A: four regimes of firing and synchrony.

Membranes: tau dv/dt = -v + R I, threshold 20 mV, reset 10 mV, refractory 2 ms, tau 20 ms; v is measured from rest, in
mV. Every cell has C_E = 0.1 N_E excitatory synapses of J, C_I = 0.1 N_I inhibitory ones of -g J and C_E external ones
fired by Poisson processes at eta times the rate that would just reach threshold; delays are 1.5 ms. The paper has
N_E = 10 000, N_I = 2500, J = 0.1 mV. A smaller network keeps the connection probability (or has the one it is given)
and scales J so that J C_E, hence the mean input, stays; what it cannot keep are the fluctuations, whose variance grows
as J, and correlations between cells, which grow as the probability does.
"""

from functools import cached_property
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from ...conditions import Conditions
from ...errors import InputError, unknown
from ...pytree import component, static
from .circuit import Circuit, Inputs, TwoPopulations, rates_of, view, write
from .source import SpikingSource, timing

TAU, REFRACTORY, DELAY = 20e-3, 2e-3, 1.5e-3  # s
THRESHOLD, RESET = 20.0, 10.0  # mV
TOTAL_WEIGHT = 100.0
"""mV, J C_E: 0.1 mV times 1000 synapses."""


class Regime(NamedTuple):
    """g: inhibitory over excitatory weight; eta: external rate over the one that would just reach threshold."""

    g: float
    eta: float


REGIMES = {"A": Regime(3.0, 2.0), "B": Regime(6.0, 4.0), "C": Regime(5.0, 2.0), "D": Regime(4.5, 0.9)}
"""As the panels of the paper's figure 8: synchronous regular, synchronous irregular (fast), asynchronous irregular,
synchronous irregular (slow)."""


@component
class BrunelNetwork(SpikingSource):
    """Brunel's random network as one dipole. Steps on the host only (``rollout_host``).

    As :class:`SpikingSource`; the drive is a shift of the excitatory cells' equilibrium, mV: polarisation of 0.2 mV per
    V/m in the field of 400 V/m per A (0.8 V/m at 2 mA), as a transcranial current has. The field is the mean recurrent
    input of a cell without regard to sign, J C_E (nu_E + g nu_I / 4) tau, mV, from the spikes of each sample. g, eta
    (): see :data:`REGIMES`. Truth: rates (2,) 1/s of excitatory and inhibitory cells. Of the conditions it reads
    ``excitability`` (eta grows by that fraction), ``fast_inhibition`` (factor on g), ``rhythm_gain`` and
    ``stim_efficacy``.
    """

    g: Array
    eta: Array
    n_excitatory: int = static()
    probability: float = static()

    @classmethod
    def create(
        cls,
        regime: str = "C",
        n_excitatory: int = 1000,
        probability: float = 0.1,
        sfreq: float = 1000.0,
        n_times: int = 100,
        dt: float = 0.1e-3,
        codegen: str = "numpy",
        radius: float = 0.09,
        depth: float = 0.016,
        burn_in_s: float = 0.2,
    ) -> "BrunelNetwork":
        """``n_excitatory`` cells and a quarter as many inhibitory ones; the paper's size is 10 000. ``dt`` s is the
        longest integration step, at most 0.1 ms."""
        if regime not in REGIMES:
            raise unknown("regime", regime, REGIMES)
        if n_excitatory % 4 or not 0 < probability <= 1 or probability * n_excitatory < 4:
            raise InputError(
                f"{n_excitatory} excitatory cells, connected with probability {probability:g}; wanted a multiple of 4,"
                " and 4 synapses or more on a cell"
            )
        return cls(
            positions=jnp.asarray([[0.0, 0.0, radius - depth]], jnp.float32),
            orientations=jnp.asarray([[0.0, 0.0, 1.0]], jnp.float32),
            moment=jnp.float32(_MOMENT),
            field_mean=jnp.float32(_FIELD_MEAN),
            stim_coupling=jnp.float32(0.2 * 400.0),
            g=jnp.float32(REGIMES[regime].g),
            eta=jnp.float32(REGIMES[regime].eta),
            n_excitatory=n_excitatory,
            probability=probability,
            burn_in_s=burn_in_s,
            **timing(sfreq, n_times, dt, 0.1e-3, codegen),
        )

    @property
    def n_inhibitory(self) -> int:
        return self.n_excitatory // 4

    @property
    def weight(self) -> float:
        """mV, J."""
        return TOTAL_WEIGHT / self.in_degree[0]

    @property
    def in_degree(self) -> tuple[int, int]:
        """Excitatory and inhibitory synapses on each cell, C_E and C_I."""
        return round(self.probability * self.n_excitatory), round(self.probability * self.n_inhibitory)

    def build(self, b2: Any, rng: np.random.Generator) -> Circuit:
        return _Network(self, b2, rng)

    def read(self, conditions: Conditions) -> dict[str, Any]:
        return {
            "eta": float(self.eta) * (1.0 + float(conditions.excitability)),
            "g": float(self.g) * float(conditions.fast_inhibition),
        }


_FIELD_MEAN = 260.0
_MOMENT = 20e-9 / 119.0
"""A·m per mV: brings the field's sd in the default network (119 mV, three seeds of 2 s) to 20 nA·m, as in
:mod:`.column`."""
_EQUATIONS = """
dv/dt = (shift - v) / tau : 1 (unless refractory)
shift : 1
"""


class _Network(TwoPopulations):
    def __init__(self, source: BrunelNetwork, b2: Any, rng: np.random.Generator) -> None:
        self._b2, self._rng, self._source = b2, rng, source
        self.memory = {}
        self.clock = b2.Clock(dt=source.dt * b2.second, name="clock")
        sizes = (source.n_excitatory, source.n_inhibitory)
        self._n_e, self._n = sizes[0], sum(sizes)
        self._cells = cells = b2.NeuronGroup(
            self._n, _EQUATIONS, threshold="v > v_t", reset="v = v_r", refractory=REFRACTORY * b2.second,
            method="exact", clock=self.clock, name="cells",
            namespace={"tau": TAU * b2.second, "v_t": THRESHOLD, "v_r": RESET},
        )  # fmt: skip
        write(cells, "v", rng.uniform(0.0, THRESHOLD, self._n))
        wires = []
        for kind, (size, degree) in enumerate(zip(sizes, source.in_degree)):
            synapses = b2.Synapses(
                cells, cells, "w : 1 (shared)", on_pre="v_post += w", delay=DELAY * b2.second, clock=self.clock,
                name=f"from_{'ei'[kind]}",
            )  # fmt: skip
            pre = np.concatenate([rng.choice(size, degree, replace=False) for _ in range(self._n)])
            synapses.connect(i=pre + kind * sizes[0], j=np.repeat(np.arange(self._n), degree))
            wires.append(synapses)
        self._wires = wires
        self._spikes = b2.SpikeMonitor(cells, record=False, name="spikes")
        self.objects = [cells, *wires, self._spikes]
        # a kick waits one step for the next look at the threshold; J is what is left of it by then
        self._kick = source.weight * np.exp(source.dt / TAU)
        self._rate, self._g = 0.0, 0.0
        self._drive = np.zeros(source.n_times)
        self._before = self._seen = np.zeros(2)

    @cached_property
    def _arrays(self) -> tuple[np.ndarray, ...]:
        names = ("v", "not_refractory", "shift")
        v, free, shift = (view(self._cells, name) for name in names)
        return v, free, shift[: self._n_e]

    def begin(self, inputs: Inputs) -> None:
        self._drive = inputs.drive[0]
        self._set(inputs.values)
        self._before = self._seen = self._counted()

    def _set(self, values: dict[str, Any]) -> None:
        """External spikes on a cell in one step, and the weights."""
        weight = self._source.weight
        self._g, self._rate = values["g"], values["eta"] * THRESHOLD / (weight * TAU) * self._source.dt
        for synapses, factor in zip(self._wires, (1.0, -self._g)):
            write(synapses, "w", factor * self._kick)

    def sample(self, n: int) -> None:
        self._arrays[2][:] = self._drive[n]

    def step(self) -> None:
        v, free, _ = self._arrays
        v += self._kick * self._rng.poisson(self._rate, self._n) * free

    def field(self) -> np.ndarray:
        now = self._counted()
        field = self._as_field(now - self._seen)
        self._seen = now
        return field

    def _as_field(self, counts: np.ndarray) -> np.ndarray:
        """Spikes (2, ...) of both populations in a sample -> (1, ...) mV."""
        weights = self._source.weight * np.array([1.0, self._g]) * self._source.in_degree
        cells = np.array([self._n_e, self._n - self._n_e])
        return (weights / cells @ counts)[None] * TAU * self._source.sfreq

    def open_loop(self, inputs: Inputs, n_steps: int) -> list[Any]:
        b2, cells = self._b2, self._cells
        self._set(inputs.values)
        shift = np.zeros(self._n)
        shift[: self._n_e] = inputs.drive[0, 0]
        write(cells, "shift", shift)
        cells.namespace |= {"external": self._rate, "kick": self._kick}
        cells.run_regularly("v += kick * poisson(external) * int(not_refractory)", clock=self.clock)
        self._all_spikes = b2.SpikeMonitor(cells, name="all_spikes")
        return [self._all_spikes]

    def open_loop_result(self, burn_in_s: float, seconds: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        times, cells = np.asarray(self._all_spikes.t_), np.asarray(self._all_spikes.i)
        sfreq = self._source.sfreq
        edges = burn_in_s + np.arange(round(seconds * sfreq) + 1) / sfreq
        chosen = (cells < self._n_e, cells >= self._n_e)
        # half a step, so that a spike at an edge falls on the right side of it
        counts = np.stack([np.histogram(times[c] + self._source.dt / 2, edges)[0] for c in chosen])
        rates = rates_of(self._all_spikes, burn_in_s, seconds, [slice(0, self._n_e), slice(self._n_e, None)])
        return self._as_field(counts), {"rates": rates}
