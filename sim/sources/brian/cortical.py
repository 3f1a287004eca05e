"""An excitatory-inhibitory cortical column that oscillates in the gamma band by the pyramidal-interneuron mechanism.

Membranes: tau dv/dt = -v + I_A - I_G + shift, v in mV from rest, threshold 18 mV, reset 11 mV, refractory 2 and 1 ms,
tau 20 and 10 ms; synaptic currents rise and decay exponentially, tau_d dI/dt = -I + x, tau_r dx/dt = -x, each spike
adding tau J / tau_r to x: form, time constants of GABA and observable after Mazzoni et al. (2008, 2015), the local
field being ``sum |I_AMPA| + |I_GABA|`` over the excitatory cells. Pyramidal cells are driven by Poisson spikes, fire
together, recruit the interneurons some 2.5 ms later and are silenced until GABA has decayed (Börgers & Kopell 2003;
Tiesinga & Sejnowski 2009). Size, connection probability and weights are our own, chosen for that mechanism.
"""

from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from ...conditions import Conditions
from ...errors import InputError
from ...pytree import component, static
from .circuit import Circuit, Inputs, TwoPopulations, rates_of, view, write
from .source import SpikingSource, timing

PROBABILITY = 0.5
TAU = (20e-3, 10e-3)  # s, of excitatory and inhibitory membranes
AMPA_RISE, AMPA_DECAY, GABA_RISE = 0.4e-3, 2e-3, 0.25e-3  # s
GABA_DECAY = 5e-3
DELAY = 1.5e-3
THRESHOLD, RESET = 18.0, 11.0  # mV
WEIGHTS = {"ee": 8.0, "ie": 120.0, "ei": 10.0, "ii": 30.0}
"""mV, summed over the synapses of one kind on a cell: ie is from excitatory to inhibitory."""
EXTERNAL = (0.55, 0.25)
"""mV per external spike on excitatory and inhibitory cells."""
DRIVE = 4e3
"""1/s, external spikes on each cell."""

_EQUATIONS = """
dv/dt = (shift - v + I_A - I_G) / tau : 1 (unless refractory)
dI_A/dt = (x_A - I_A) / ampa_decay : 1
dI_G/dt = (x_G - I_G) * gaba_rate / gaba_decay : 1
dx_A/dt = -x_A / ampa_rise : 1
dx_G/dt = -x_G / gaba_rise : 1
shift : 1
gaba_rate : 1 (shared)
tau : second (constant)
refractory_s : second (constant)
"""
_MOMENT = 20e-9 / 42.0
"""A·m per mV: brings the field's sd at rest (42 mV, three seeds of 2 s) to 20 nA·m, as in :mod:`.column`."""
_FIELD_MEAN = 98.0


@component
class CorticalColumn(SpikingSource):
    """A gamma-band column of pyramidal cells and interneurons as one dipole. Steps on the host only (``rollout_host``).

    As :class:`SpikingSource`; the drive is a shift of the excitatory membranes, mV: polarisation of 0.2 mV per V/m in
    the field of 400 V/m per A (0.8 V/m at 2 mA), as a transcranial current has. The field is the mean of ``|I_AMPA| +
    |I_GABA|`` over the excitatory cells, mV. drive () 1/s, external spikes on each cell. Truth: rates (2,) 1/s of
    excitatory and inhibitory cells. Of the conditions it reads ``excitability`` (the drive grows by that fraction),
    ``gaba_rate`` (GABA decays so many times faster; the area of its current stays), ``fast_inhibition`` (factor on its
    weights), ``rhythm_gain`` and ``stim_efficacy``.
    """

    drive: Array
    n_excitatory: int = static()

    @classmethod
    def create(
        cls,
        sfreq: float = 1000.0,
        n_times: int = 100,
        dt: float = 0.1e-3,
        codegen: str = "numpy",
        n_excitatory: int = 400,
        radius: float = 0.09,
        depth: float = 0.016,
        burn_in_s: float = 0.2,
    ) -> "CorticalColumn":
        """``n_excitatory`` cells and a quarter as many inhibitory ones. ``dt`` s is the longest integration step, at
        most 0.1 ms."""
        if n_excitatory % 4 or n_excitatory < 40:
            raise InputError(f"n_excitatory is {n_excitatory}; wanted a multiple of 4, 40 or more")
        return cls(
            positions=jnp.asarray([[0.0, 0.0, radius - depth]], jnp.float32),
            orientations=jnp.asarray([[0.0, 0.0, 1.0]], jnp.float32),
            moment=jnp.float32(_MOMENT),
            field_mean=jnp.float32(_FIELD_MEAN),
            stim_coupling=jnp.float32(0.2 * 400.0),
            drive=jnp.float32(DRIVE),
            n_excitatory=n_excitatory,
            burn_in_s=burn_in_s,
            **timing(sfreq, n_times, dt, 0.1e-3, codegen),
        )

    def build(self, b2: Any, rng: np.random.Generator) -> Circuit:
        return _Network(self, b2, rng)

    def read(self, conditions: Conditions) -> dict[str, Any]:
        return {
            "drive": float(self.drive) * (1.0 + float(conditions.excitability)),
            "gaba_rate": float(conditions.gaba_rate),
            "inhibition": float(conditions.fast_inhibition),
        }


class _Network(TwoPopulations):
    def __init__(self, source: CorticalColumn, b2: Any, rng: np.random.Generator) -> None:
        self._b2, self._rng, self._source = b2, rng, source
        self.memory = {}
        n_e, n_i = source.n_excitatory, source.n_excitatory // 4
        self._n_e, n = n_e, n_e + n_i
        self._n = n
        is_e = np.arange(n) < n_e
        self.clock = b2.Clock(dt=source.dt * b2.second, name="clock")
        constants = {
            "ampa_rise": AMPA_RISE, "ampa_decay": AMPA_DECAY, "gaba_rise": GABA_RISE, "gaba_decay": GABA_DECAY,
        }  # fmt: skip
        self._cells = cells = b2.NeuronGroup(
            n, _EQUATIONS, threshold="v > v_t", reset="v = v_r", refractory="refractory_s", method="exponential_euler",
            clock=self.clock, name="cells",
            namespace={"v_t": THRESHOLD, "v_r": RESET} | {k: v * b2.second for k, v in constants.items()},
        )  # fmt: skip
        tau = np.where(is_e, *TAU)
        write(cells, "tau", tau)
        write(cells, "refractory_s", np.where(is_e, 2e-3, 1e-3))
        write(cells, "v", rng.uniform(0.0, THRESHOLD, n))
        write(cells, "gaba_rate", 1.0)
        self._kick = tau / AMPA_RISE * np.where(is_e, *EXTERNAL)  # of an external spike, mV
        self._wires, self._weights = [], []
        for name, pre, post, trace, rise in (
            ("ee", 0, 0, "x_A", AMPA_RISE), ("ie", 0, 1, "x_A", AMPA_RISE),
            ("ei", 1, 0, "x_G", GABA_RISE), ("ii", 1, 1, "x_G", GABA_RISE),
        ):  # fmt: skip
            starts, sizes = (0, n_e), (n_e, n_i)
            degree = round(PROBABILITY * sizes[pre])
            synapses = b2.Synapses(
                cells, cells, "w : 1 (shared)", on_pre=f"{trace}_post += w", delay=DELAY * b2.second, clock=self.clock,
                name=f"synapses_{name}",
            )  # fmt: skip
            sources = np.concatenate([rng.choice(sizes[pre], degree, replace=False) for _ in range(sizes[post])])
            synapses.connect(
                i=sources + starts[pre], j=np.repeat(np.arange(sizes[post]), degree) + starts[post]
            )  # fmt: skip
            self._wires.append(synapses)
            self._weights.append(TAU[post] / rise * WEIGHTS[name] / degree)
            write(synapses, "w", self._weights[-1])
        self._spikes = b2.SpikeMonitor(cells, record=False, name="spikes")
        self.objects = [cells, *self._wires, self._spikes]
        self._rate, self._drive, self._before = 0.0, np.zeros(source.n_times), np.zeros(2)

    @cached_property
    def _arrays(self) -> tuple[np.ndarray, ...]:
        trace, shift, ampa, gaba = (view(self._cells, name) for name in ("x_A", "shift", "I_A", "I_G"))
        return trace, shift[: self._n_e], ampa[: self._n_e], gaba[: self._n_e]

    def begin(self, inputs: Inputs) -> None:
        self._drive = inputs.drive[0]
        self._set(inputs.values)
        self._before = self._counted()

    def _set(self, values: dict[str, Any]) -> None:
        self._rate = values["drive"] * self._source.dt
        write(self._cells, "gaba_rate", values["gaba_rate"])
        for synapses, weight in zip(self._wires[2:], self._weights[2:]):
            write(synapses, "w", weight * values["inhibition"])

    def sample(self, n: int) -> None:
        self._arrays[1][:] = self._drive[n]

    def step(self) -> None:
        self._arrays[0][:] += self._kick * self._rng.poisson(self._rate, self._n)

    def field(self) -> np.ndarray:
        _, _, ampa, gaba = self._arrays
        return np.array([np.abs(ampa).mean() + np.abs(gaba).mean()])

    def open_loop(self, inputs: Inputs, n_steps: int) -> list[Any]:
        b2, cells = self._b2, self._cells
        self._set(inputs.values)
        shift = np.zeros(self._n)
        shift[: self._n_e] = inputs.drive[0, 0]
        write(cells, "shift", shift)
        cells.namespace |= {"external": self._rate, "to_e": self._kick[0], "to_i": self._kick[-1], "n_e": self._n_e}
        cells.run_regularly("x_A += (to_e * int(i < n_e) + to_i * int(i >= n_e)) * poisson(external)", clock=self.clock)
        self._recorder = b2.StateMonitor(
            cells[: self._n_e], ("I_A", "I_G"), record=True, dt=b2.second / self._source.sfreq, when="start"
        )
        self._all_spikes = b2.SpikeMonitor(cells, name="all_spikes")
        return [self._recorder, self._all_spikes]

    def open_loop_result(self, burn_in_s: float, seconds: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        first = round(burn_in_s * self._source.sfreq) + 1  # a sample is read at its end
        field = sum(np.abs(getattr(self._recorder, f"{name}_")).mean(0) for name in ("I_A", "I_G"))
        rates = rates_of(self._all_spikes, burn_in_s, seconds, [slice(0, self._n_e), slice(self._n_e, None)])
        return np.asarray(field)[None, first:], {"rates": rates}
