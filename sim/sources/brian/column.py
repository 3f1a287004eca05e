"""A small spiking column: adaptive leaky integrate-and-fire cells, 80 excitatory and 20 inhibitory.

Membranes: tau dv/dt = (E_L - v) + R (I_E + I_I + I_ext + I_noise - w), threshold -50 mV, reset -60 mV. Current
synapses decay in 5 ms (AMPA) and 10 ms (GABA); the local field is ``sum |I_AMPA| + |I_GABA|`` over the excitatory
cells, whose currents flow along aligned apical dendrites (Mazzoni et al. 2015). Wiring and noise come from a NumPy
generator of the run's own, never from Brian2's, which is global to the process.
"""

from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from ...conditions import Conditions
from ...pytree import component, static
from .circuit import Circuit, Inputs, rates_of, view, write
from .source import SpikingSource, timing

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
_FIELD_MEAN = 4.95e-9
"""A, mean of the field at rest (three seeds of 4 s)."""
_MOMENT = 20e-9 / 1.55e-9
"""A·m per A: brings the field's sd at rest (1.55 nA) to 20 nA·m, the middle of the 10-30 of a cortical patch; the
hundred cells stand for the many thousands of the patch."""


@component
class SpikingColumn(SpikingSource):
    """One column of adaptive integrate-and-fire cells as one dipole. Steps on the host only (``rollout_host``).

    As :class:`SpikingSource`, whose drive is current into each excitatory cell, A. input_e, input_i () A, background
    current of the two populations. Truth: rates (2,) 1/s of both populations. Of the conditions it reads
    ``rhythm_gain`` and ``stim_efficacy``, and ``noise_gain``, relative to the membranes' own noise.
    """

    input_e: Array  # A, 0.185 nA: 1.5 mV below threshold at R = 100 MOhm
    input_i: Array  # A, 0.18 nA
    n_excitatory: int = static(default=80)
    n_inhibitory: int = static(default=20)

    @classmethod
    def create(
        cls,
        sfreq: float = 250.0,
        n_times: int = 250,
        dt: float = 0.5e-3,
        codegen: str = "numpy",
        radius: float = 0.09,
        depth: float = 0.016,
        burn_in_s: float = 0.5,
        **static_fields: Any,
    ) -> "SpikingColumn":
        """A column ``depth`` m under the vertex. ``dt`` s is the longest integration step, at most 0.5 ms."""
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
            burn_in_s=burn_in_s,
            **timing(sfreq, n_times, dt, 0.5e-3, codegen),
            **static_fields,
        )

    def build(self, b2: Any, rng: np.random.Generator) -> Circuit:
        return _Column(self, b2, rng)

    def read(self, conditions: Conditions) -> dict[str, Any]:
        return {"noise_gain": float(conditions.noise_gain)}


class _Column(Circuit):
    def __init__(self, source: SpikingColumn, b2: Any, rng: np.random.Generator) -> None:
        self._b2, self._rng = b2, rng
        self.memory = {}
        self._n_e, n = source.n_excitatory, source.n_excitatory + source.n_inhibitory
        self._n, self._n_times, self._sfreq = n, source.n_times, source.sfreq
        self._input_e = float(source.input_e)
        is_e = np.arange(n) < self._n_e
        self.clock = b2.Clock(dt=source.dt * b2.second, name="clock")
        constants = {
            "E_L": -70 * b2.mV, "R": 100 * b2.Mohm, "tau_E": 5 * b2.ms, "tau_I": 10 * b2.ms, "tau_w": 100 * b2.ms,
            "V_t": -50 * b2.mV, "V_r": -60 * b2.mV,
        }  # fmt: skip
        self._cells = cells = b2.NeuronGroup(
            n, _EQUATIONS, threshold="v > V_t", reset="v = V_r; w += adaptation", refractory=2 * b2.ms,
            method="exponential_euler", clock=self.clock, namespace=constants, name="cells",
        )  # fmt: skip
        tau = np.where(is_e, 20e-3, 10e-3)
        write(cells, "tau", tau)
        write(cells, "adaptation", np.where(is_e, 10e-12, 0.0))  # only pyramidal cells adapt
        write(cells, "v", rng.uniform(-70e-3, -50e-3, n))
        self._background = np.where(is_e, self._input_e, float(source.input_i))
        write(cells, "I_ext", self._background)
        # current that, held over a step, gives the membrane an sd of _NOISE_SD
        self._scale = _NOISE_SD * np.sqrt(2.0 * tau / source.dt) / 100e6
        wires: list[Any] = []
        for rows, current, weight in ((is_e, "I_E", 20e-12), (~is_e, "I_I", -100e-12)):
            # a fifth of all pairs, none with itself
            pre, post = np.nonzero((rng.random((n, n)) < 0.2) & rows[:, None] & ~np.eye(n, dtype=bool))
            synapses = b2.Synapses(
                cells, cells, on_pre=f"{current}_post += J", delay=1.5 * b2.ms, clock=self.clock,
                namespace={"J": weight * b2.amp}, name=f"from_{current}",
            )  # fmt: skip
            synapses.connect(i=pre, j=post)
            wires.append(synapses)
        self._spikes = b2.SpikeMonitor(cells, record=False, name="spikes")
        self.objects = [cells, *wires, self._spikes]
        self._drive = np.zeros(self._n_times)
        self._noise_gain, self._count = 1.0, np.zeros(n)

    @cached_property
    def _arrays(self) -> tuple[np.ndarray, ...]:
        """Excitatory and inhibitory current of the excitatory cells, external current and noise of all, A."""
        ampa, gaba, external, noise = (view(self._cells, name) for name in ("I_E", "I_I", "I_ext", "I_noise"))
        return ampa[: self._n_e], gaba[: self._n_e], external, noise

    def begin(self, inputs: Inputs) -> None:
        self._drive, self._noise_gain = inputs.drive[0], inputs.values["noise_gain"]
        self._count = np.array(self._spikes.count_[:], float)

    def sample(self, n: int) -> None:
        self._arrays[2][: self._n_e] = self._input_e + self._drive[n]

    def step(self) -> None:
        self._arrays[3][:] = self._noise_gain * self._scale * self._rng.standard_normal(self._n)

    def field(self) -> np.ndarray:
        ampa, gaba, _, _ = self._arrays
        return np.array([np.abs(ampa).sum() + np.abs(gaba).sum()])

    def end(self) -> dict[str, np.ndarray]:
        rates = (np.asarray(self._spikes.count_[:], float) - self._count) * self._sfreq / self._n_times
        return {"rates": np.array([rates[: self._n_e].mean(), rates[self._n_e :].mean()])}

    def open_loop(self, inputs: Inputs, n_steps: int) -> list[Any]:
        b2, cells = self._b2, self._cells
        background = self._background.copy()
        background[: self._n_e] += inputs.drive[0, 0]
        write(cells, "I_ext", background)
        cells.namespace["noise_sd"] = inputs.values["noise_gain"] * _NOISE_SD * b2.volt
        cells.run_regularly("I_noise = noise_sd / R * sqrt(2 * tau / dt) * randn()", clock=self.clock)
        self._recorder = b2.StateMonitor(
            cells[: self._n_e], ("I_E", "I_I"), record=True, dt=1.0 / self._sfreq * b2.second, when="start"
        )
        self._all_spikes = b2.SpikeMonitor(cells)
        return [self._recorder, self._all_spikes]

    def open_loop_result(self, burn_in_s: float, seconds: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        first = round(burn_in_s * self._sfreq) + 1  # a sample is read at its end
        field = sum(np.abs(getattr(self._recorder, f"{name}_")).sum(0) for name in ("I_E", "I_I"))
        groups = [slice(0, self._n_e), slice(self._n_e, None)]
        return np.asarray(field)[None, first:], {"rates": rates_of(self._all_spikes, burn_in_s, seconds, groups)}
