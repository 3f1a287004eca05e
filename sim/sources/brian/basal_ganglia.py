"""Basal ganglia and thalamus under deep brain stimulation: So, Kent and Grill (2012), after Rubin and Terman (2004).

Ten cells each of thalamus (Th), subthalamic nucleus (STN), external and internal pallidum (GPe, GPi); single
compartments with Hodgkin-Huxley currents, in the paper's units: mV, ms, uA/cm2, mS/cm2, capacitance 1 uF/cm2. Equations
and values as in the authors' deposited model (ModelDB 141699): the paper's alpha synapses (5 ms) for STN and GPi, a
first-order synapse for GPe. Parkinson's disease lowers the applied currents of STN, GPe and GPi.

Each cell receives from two neighbours on a ring: STN j from GPe j, j+1; GPe and GPi j from STN j, j-1 and from GPe
j+1, j-2; Th j from GPi j. A synapse is read from its presynaptic cell, so that there are no synapse objects.
"""

from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from ...anatomy import SUBTHALAMIC
from ...conditions import Conditions
from ...errors import InputError
from ...pytree import component, static
from .circuit import Circuit, Inputs, rates_of, view, write
from .so_kent_grill import HEALTHY, N_CELLS, PALLIDUM, PARKINSON, PULSE_WIDTH, STN, THALAMUS
from .source import SpikingSource, timing
from .thalamic_relay import CorticalPulses, ErrorIndex

METHODS = ("exponential_euler", "euler")
WAVEFORMS = ("train", "charge")

_MOMENT = 1e-9 / 9.5
"""A·m per uA/cm2: brings the field's sd off medication (9.5, eight networks of 0.6 s) to 1 nA·m (assumed)."""
_FIELD_MEAN = 135.8


@component
class BasalGanglia(SpikingSource):
    """Basal ganglia and thalamus, in Parkinson's disease unless medicated. Steps on the host only (``rollout_host``).

    As :class:`SpikingSource`; each of ``n_networks`` independent networks is one dipole and has one contact in its STN.
    The field is the synaptic current of the STN, ``sum |I_GPe|`` over its cells, uA/cm2, through a pole at 100 Hz.
    The drive is current density into every STN cell, uA/cm2. ``waveform`` "train": the stimulation current is the
    amplitude of pulses of 0.3 ms at ``dbs_frequency`` (n_networks,) Hz, timed at integration steps whatever the
    sampling rate; 3 mA gives the paper's 300 uA/cm2. "charge": each sample's current is the mean of pulses shorter than
    a sample, as :class:`~neurodrift.sim.stimulation.PulseTrain` gives them; its charge arrives as one pulse of 0.3 ms.
    Truth: rates (n_networks, 4) 1/s of Th, STN, GPe, GPi; errors, pulses (n_networks,): the ratio of their sums is the
    error index (see :mod:`.thalamic_relay`).
    Of the conditions it reads ``medication`` (0: the currents of Parkinson's disease, 1: of health; () or
    (n_networks,)), ``rhythm_gain`` and ``stim_efficacy``.
    """

    dbs_frequency: Array
    n_networks: int = static(default=1)
    waveform: str = static(default="train")
    method: str = static(default="exponential_euler")

    @classmethod
    def create(
        cls,
        sfreq: float = 250.0,
        n_times: int = 25,
        dt: float = 25e-6,
        codegen: str = "numpy",
        dbs_frequency: Any = 130.0,
        n_networks: int = 1,
        waveform: str = "train",
        method: str = "exponential_euler",
        burn_in_s: float = 0.2,
    ) -> "BasalGanglia":
        """``dt`` s is the longest integration step, at most 50 us; the paper's is 10 us with ``method`` "euler".

        Exponential Euler at 25 us keeps the error indices and STN rates of 10 us, and the pallidal rates to 3 %.
        """
        if waveform not in WAVEFORMS:
            raise InputError(f"unknown waveform {waveform!r}; use one of {', '.join(WAVEFORMS)}")
        if method not in METHODS:
            raise InputError(f"unknown method {method!r}; use one of {', '.join(METHODS)}")
        if waveform == "charge" and sfreq * PULSE_WIDTH > 1:
            raise InputError(f"sfreq is {sfreq:g} Hz; pulses of 0.3 ms want samples as long, 3333 Hz at most")
        if n_networks < 1:
            raise InputError(f"n_networks is {n_networks}; wanted 1 or more")
        frequency = np.broadcast_to(np.asarray(dbs_frequency, float), (n_networks,))
        if not np.all((frequency > 0) & (frequency * PULSE_WIDTH < 1)):
            raise InputError(f"dbs_frequency is {dbs_frequency} Hz; wanted above 0 and below {1 / PULSE_WIDTH:.0f} Hz")
        # a clinical pulse (3 mA for 60 us) stands for the model's (300 uA/cm2 for 300 us)
        per_ampere = 300 / 3e-3 * (PULSE_WIDTH / 60e-6 if waveform == "charge" else 1.0)
        return cls(
            positions=jnp.tile(jnp.asarray([SUBTHALAMIC[1]], jnp.float32), (n_networks, 1)),
            orientations=jnp.tile(jnp.asarray([[0.0, 0.0, 1.0]], jnp.float32), (n_networks, 1)),
            moment=jnp.float32(_MOMENT),
            field_mean=jnp.float32(_FIELD_MEAN),
            stim_coupling=jnp.float32(per_ampere),
            dbs_frequency=jnp.asarray(frequency, jnp.float32),
            n_networks=n_networks,
            waveform=waveform,
            method=method,
            burn_in_s=burn_in_s,
            **timing(sfreq, n_times, dt, 50e-6, codegen),
        )

    def build(self, b2: Any, rng: np.random.Generator) -> Circuit:
        return _Network(self, b2, rng)

    def read(self, conditions: Conditions) -> dict[str, Any]:
        return {"medication": np.broadcast_to(np.asarray(conditions.medication, float), (self.n_networks,))}


def error_index(errors: Any, pulses: Any) -> np.ndarray:
    """(n_windows, n_networks) errors and pulses of the truth -> (n_networks,) error index, NaN without pulses."""
    total = np.sum(np.asarray(pulses, float), axis=0)
    return np.where(total > 0, np.sum(np.asarray(errors, float), axis=0) / np.maximum(total, 1), np.nan)


class _Network(Circuit):
    def __init__(self, source: BasalGanglia, b2: Any, rng: np.random.Generator) -> None:
        self._b2, self._rng, self._source = b2, rng, source
        k = self._k = source.n_networks
        n = k * N_CELLS
        self.clock = b2.Clock(dt=source.dt * b2.second, name="clock")
        self.memory = {"step": -source.n_settle}
        self._smc = CorticalPulses(self.memory, k, -source.n_settle, source.dt, rng)
        self._relay = ErrorIndex(self.memory, k, N_CELLS, source.dt)
        self._inputs = b2.NeuronGroup(k, "i_sm : 1\ni_dbs : 1", clock=self.clock, name="inputs")
        options = {"clock": self.clock, "method": source.method}
        self._th = b2.NeuronGroup(n, THALAMUS, threshold="v > -40", refractory="v > -40", name="th", **options)
        self._stn = b2.NeuronGroup(
            n, STN, threshold="v > -10", refractory="v > -10", reset="z += kick", name="stn",
            namespace={"kick": 0.43 * np.e / 5, "tau_lfp": b2.second / (2 * np.pi * 100)}, **options,
        )  # fmt: skip
        # external pallidum first, then internal: one group, as their equations are the same
        self._gp = b2.NeuronGroup(
            2 * n, PALLIDUM, threshold="v > -10", refractory="v > -10", reset="z += kick", name="gp",
            namespace={"kick": 0.3 * np.e / 5}, **options,
        )  # fmt: skip
        self._start(rng, n)
        self._connect(n)
        self._counts = [b2.SpikeMonitor(group, record=False, name=f"{group.name}_spikes") for group in self._groups]
        self.objects = [self._inputs, *self._groups, *self._counts]
        # a train's period may be any number of steps; a pulse lasts the same whole number of them every time
        train = source.waveform == "train"
        self._period = 1.0 / (source.dbs_frequency * source.dt) if train else float(source.substeps)
        self._width = max(1, round(PULSE_WIDTH / source.dt))
        seconds = self._width * source.dt
        self._gain = PULSE_WIDTH / seconds if train else 1.0 / (source.sfreq * seconds)
        self._drive, self._amplitude = np.zeros((k, source.n_times)), np.zeros(k)
        self._before: list[np.ndarray] = []

    @property
    def _groups(self) -> tuple[Any, Any, Any]:
        return self._th, self._stn, self._gp

    def _start(self, rng: np.random.Generator, n: int) -> None:
        """Membranes around -62 mV, gates at their steady state there, GPe cells that differ in current."""

        def steady(v: np.ndarray, half: float, slope: float) -> np.ndarray:
            return 1.0 / (1.0 + np.exp(-(v - half) / slope))

        th, stn, gp = (-62.0 + 5.0 * rng.standard_normal(size) for size in (n, n, 2 * n))
        for group, v, gates in (
            (self._th, th, {"h": (-41, -4), "r": (-84, -4)}),
            (self._stn, stn, {"n": (-32, 8), "h": (-39, -3.1), "r": (-67, -2), "c": (-20, 8)}),
            (self._gp, gp, {"n": (-50, 14), "h": (-58, -12), "r": (-70, -2)}),
        ):
            write(group, "v", v)
            for name, (half, slope) in gates.items():
                write(group, name, steady(v, half, slope))
        for group in (self._stn, self._gp):
            write(group, "ca", 0.1)
        self._spread = 2.0 * rng.standard_normal(n)  # uA/cm2, of the GPe cells' applied current

    def _connect(self, n: int) -> None:
        b2 = self._b2
        network, cell = np.divmod(np.arange(n), N_CELLS)

        def ring(shift: int) -> np.ndarray:
            return network * N_CELLS + (cell + shift) % N_CELLS

        def linked(group: Any, name: str, index: np.ndarray) -> Any:
            return b2.linked_var(group, name, index=index)

        self._th.i_sm = linked(self._inputs, "i_sm", network)
        self._stn.i_dbs = linked(self._inputs, "i_dbs", network)
        self._th.s_gi = linked(self._gp, "s", n + np.arange(n))
        self._stn.s_ge0 = linked(self._gp, "u", ring(0))
        self._stn.s_ge1 = linked(self._gp, "u", ring(1))
        for name, group, shift in (
            ("s_sn0", self._stn, 0), ("s_sn1", self._stn, -1), ("s_ge0", self._gp, 1), ("s_ge1", self._gp, -2),
        ):  # fmt: skip
            setattr(self._gp, name, linked(group, "s" if group is self._stn else "u", np.tile(ring(shift), 2)))

    def _applied(self, medication: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """uA/cm2 into STN (n,) and pallidal cells (2 n,)."""
        of = {name: PARKINSON[name] + medication * (HEALTHY[name] - PARKINSON[name]) for name in HEALTHY}
        cells = {name: np.repeat(values, N_CELLS) for name, values in of.items()}
        return cells["stn"], np.concatenate([cells["gpe"] + self._spread, cells["gpi"]])

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        names = (("i_sm", self._inputs), ("i_dbs", self._inputs), ("lfp", self._stn), ("_spikespace", self._th))
        return {name: view(group, name) for name, group in names}

    def begin(self, inputs: Inputs) -> None:
        self._drive = inputs.drive * self._gain
        stn, gp = self._applied(inputs.values["medication"])
        write(self._stn, "applied", stn)
        write(self._gp, "applied", gp)
        self._before = self._counted()
        self._relay.take()  # what settling left

    def sample(self, n: int) -> None:
        self._amplitude = self._drive[:, n]

    def step(self) -> None:
        now, arrays = self.memory["step"], self._arrays
        due = self._smc.step(now)
        if due is not None:
            self._relay.pulse(due)
        spiking = arrays["_spikespace"]
        if spiking[-1]:
            self._relay.spikes(spiking[: spiking[-1]], now)
        arrays["i_sm"][:] = self._smc.current(now)
        arrays["i_dbs"][:] = self._pulses(now)
        self.memory["step"] = now + 1

    def _pulses(self, now: int) -> np.ndarray:
        """(n_networks,) uA/cm2 into every STN cell at step ``now``."""
        return np.where(now % self._period < self._width, self._amplitude, 0.0)

    def field(self) -> np.ndarray:
        return self._arrays["lfp"].reshape(self._k, N_CELLS).sum(axis=1)

    def end(self) -> dict[str, np.ndarray]:
        seconds = self._source.n_times / self._source.sfreq
        th, stn, gp = (
            ((now - before) / seconds).reshape(-1, self._k, N_CELLS).mean(axis=2)
            for now, before in zip(self._counted(), self._before)
        )
        return {"rates": np.stack([th[0], stn[0], gp[0], gp[1]], axis=1), **self._relay.take()}

    def _counted(self) -> list[np.ndarray]:
        return [np.array(monitor.count_[:], float) for monitor in self._counts]

    def open_loop(self, inputs: Inputs, n_steps: int) -> list[Any]:
        b2, source = self._b2, self._source
        stn, gp = self._applied(inputs.values["medication"])
        write(self._stn, "applied", stn)
        write(self._gp, "applied", gp)
        self._amplitude = inputs.drive[:, 0] * self._gain
        smc, dbs = np.zeros((2, n_steps, self._k))
        self._onsets: list[tuple[int, np.ndarray]] = []
        for i, now in enumerate(range(-source.n_settle, n_steps - source.n_settle)):
            if (due := self._smc.step(now)) is not None:
                self._onsets.append((now, due))
            smc[i], dbs[i] = self._smc.current(now), self._pulses(now)
        step = source.dt * b2.second
        self._inputs.namespace |= {"smc": b2.TimedArray(smc, step), "dbs": b2.TimedArray(dbs, step)}
        self._inputs.run_regularly("i_sm = smc(t, i)\ni_dbs = dbs(t, i)", clock=self.clock)
        self._recorder = b2.StateMonitor(
            self._stn, "lfp", record=True, dt=b2.second / source.sfreq, when="start", name="recorder"
        )
        self._all_spikes = [b2.SpikeMonitor(group, name=f"all_{group.name}") for group in self._groups]
        return [self._recorder, *self._all_spikes]

    def open_loop_result(self, burn_in_s: float, seconds: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        first = round(burn_in_s * self._source.sfreq) + 1  # a sample is read at its end
        lfp = np.asarray(self._recorder.lfp_)[:, first:]
        n = self._k * N_CELLS
        parts = [(self._all_spikes[0], 0), (self._all_spikes[1], 0), (self._all_spikes[2], 0), (self._all_spikes[2], n)]
        rates = [
            rates_of(
                spikes, burn_in_s, seconds,
                [slice(start + k * N_CELLS, start + (k + 1) * N_CELLS) for k in range(self._k)],
            )
            for spikes, start in parts
        ]  # fmt: skip
        truth = {"rates": np.stack(rates, axis=1), **self._relayed()}
        return lfp.reshape(self._k, N_CELLS, -1).sum(axis=1), truth

    def _relayed(self) -> dict[str, np.ndarray]:
        """Errors and pulses, by going through pulses and recorded thalamic spikes in order of time."""
        times, cells = np.asarray(self._all_spikes[0].t_), np.asarray(self._all_spikes[0].i)
        # a crossing is seen at the start of the step after it
        steps = np.round(times / self._source.dt).astype(int) + 1 - self._source.n_settle
        edges = [now for now, _ in self._onsets] + [np.iinfo(np.int64).max]
        for (now, due), until in zip(self._onsets, edges[1:]):
            if now < 0:
                self._relay.take()
            self._relay.pulse(due)
            self.memory["pulse"][due] = now
            for step in np.unique(steps[(steps >= now) & (steps < until)]):
                self._relay.spikes(cells[steps == step], int(step))
        return self._relay.take()
