"""Closed-loop anaesthesia: an infusion that is to hold the depth, seen through the electroencephalogram.

The corticothalamic loop awake, whose GABA-A synapses propofol slows (:class:`~neurodrift.sim.sources.infused.Infused`):
alpha power rises with the concentration in the effect site. In 305 patients (fnsys.2017.00036) alpha power rose in
half, alpha frequency fell in about 90 %, and about 4 % had no alpha at all; in this model alpha rises where the loop
has it, and its frequency stays.
"""

import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..builders import local_plant
from ..drift import Anaesthesia, EfficacyLoss
from ..errors import InputError
from ..keys import stream_key
from ..loop import Judgement, Latency, Loop
from ..plant import Plant, PlantState, Window
from ..pytree import component
from ..sensing import Applied, Envelope, Stack, Standard
from ..sensing.relative_to_start import RelativeToStart
from ..sources.infused import KE0, Infused
from ..sources.models.eirs import Eirs, spectrum
from ..sources.registry import make_source

ALPHA = 8.0, 12.0
"""Hz, around the model's 8.9 Hz."""
INDEX = 15.0, 30.0
"""Hz of the depth index. Beta rises with the drug as steadily as alpha, and over a band four times as wide its
amplitude is known from a quarter of the recording."""
AWAKE_S = 600.0
"""s of drug time before the line opens: the patient awake, for the index to be relative to."""
FULL = 2.0
"""Steady-state concentration in the plasma at the largest infusion (relative: 1 slows GABA-A decay to 60 /s)."""
DEEPEST = 1.1
"""Depth beyond which the drug does no more: decay at 57.7 /s. The loop leaves its rhythm at 50-55 /s."""
PUMP = 1e-3
"""A that stands for the largest infusion."""
GAIN = 1000.0
"""V per A·m: 11 uV rms awake at a frontal electrode (assumed)."""
LOOPS = tuple(np.round(np.linspace(1.0, 0.85, 16), 4)), 0.6
"""Strength of the thalamus's input from cortex, relative to the young: of ages 20 to 90, and of those without alpha."""
ABSENT = 0.04
OLDER_KE0, OLDER_SENSITIVITY = 0.2, 0.4
"""By how much the rate constant falls and the sensitivity rises from 20 to 90 years (assumed)."""


@component
class DepthTask:
    """marker: |depth - target| / target, where depth is the effect-site concentration times the brain's sensitivity: 1
    without a drug. cost: by how much it is beyond ``ceiling`` (), relative to it. Reward: minus the marker, minus
    ``weight`` () times the infusion."""

    target: Array
    ceiling: Array
    weight: Array

    def init(self) -> tuple[()]:
        return ()

    def judge(self, memory: tuple[()], plant: Plant, state: PlantState, window: Window) -> tuple[tuple[()], Judgement]:
        depth = window.truth["depth"]
        marker = jnp.abs(depth - self.target) / self.target
        over = jnp.maximum(depth - self.ceiling, 0.0) / self.ceiling
        dose = jnp.mean(jnp.abs(window.stim.applied)) / plant.stimulator.max_current
        return memory, Judgement(-marker - self.weight * dose, jnp.asarray(False), marker, over)


def make(
    window_s: float = 2.0,
    sfreq: float = 200.0,
    drift: bool | tuple[Any, ...] = True,
    *,
    target: float = 0.7,
    ceiling: float = 1.0,
    age: float = 40.0,
    alpha: bool = True,
    seconds: float = 10.0,
    dose_weight: float = 0.05,
) -> Loop:
    """One patient. window_s s of recording for every ``seconds`` s of drug time, so that an hour is 360 windows;
    target: depth to be held; ceiling: what counts as too much; age: 20 to 90 years, which weakens alpha, slows the
    effect site and raises sensitivity; alpha: False for one of the few without. drift: the infusion
    loses a fifth of what it brings about (clearance rises), or processes of your own. InputError for ages and targets
    that cannot be.
    """
    if not 20.0 <= age <= 90.0:
        raise InputError(f"age is {age:g} years; wanted 20 to 90")
    if not 0.0 < target < ceiling <= FULL:
        raise InputError(f"target {target:g}, ceiling {ceiling:g}; wanted 0 < target < ceiling <= {FULL:g}")
    n_times = round(window_s * sfreq)
    if n_times < 1 or abs(n_times - window_s * sfreq) > 1e-6:
        raise InputError(f"window_s is {window_s:g}; wanted a whole number of samples of {1 / sfreq:g} s")
    years = (age - 20.0) / 70.0
    source = make_source("eirs", "wake", sfreq=sfreq, n_times=n_times)
    infused = Infused.create(
        source, per_ampere=FULL / PUMP, ke0=KE0 * (1.0 - OLDER_KE0 * years),
        sensitivity=1.0 + OLDER_SENSITIVITY * (years - 0.5), deepest=DEEPEST, drug_window_s=seconds, opens_s=AWAKE_S,
    )  # fmt: skip
    infused = _with_loop(infused, _row(years) if alpha else len(LOOPS[0]))
    processes = (EfficacyLoss.create(0.2),) if drift is True else drift or ()
    plant = local_plant(infused, processes, gain=GAIN, impedance=5e3, max_current=PUMP, drift_window_s=seconds)
    awake = math.log(10e-6)
    bands = [
        Standard(
            sensing=Envelope.create(band, sfreq, n_times, tau=tau), mean=jnp.float32(awake + shift),
            sd=jnp.float32(0.5), limit=6.0, log=True,
        )
        for band, tau, shift in (
            (ALPHA, 5.0, 0.0), (ALPHA, 20.0, 0.0), ((1.0, 6.0), 20.0, -0.3), ((15.0, 30.0), 20.0, -0.7),
        )
    ]  # fmt: skip
    return Loop(
        plant=plant,
        task=DepthTask(target=jnp.float32(target), ceiling=jnp.float32(ceiling), weight=jnp.float32(dose_weight)),
        latency=Latency.create(1, sfreq, n_times, transport=0.2, jitter=0.3, longest=1.0),
        sensing=Stack(parts=(wakefulness(sfreq, n_times), *bands, Applied())),
        bipolar=False,
    )


def draw(loop: Loop, key: Array, held_out: bool = False) -> Loop:
    """Another patient: age 20 to 75, 4 % without alpha, sensitivity and clearance lognormal (sd .2 and .3: between
    people, doses for the same effect differ by a factor of two and more; assumed), half-life in plasma 200 to 450 s, an
    infusion that loses 0 to 30 % of its effect; held out, age 75 to 90, and a loss of 40 to 60 %."""
    k = {
        name: stream_key(key, f"anaesthesia.{name}")
        for name in ("age", "absent", "sensitivity", "clearance", "k10", "loss")
    }
    low, high = (75.0, 90.0) if held_out else (20.0, 75.0)
    years = (jax.random.uniform(k["age"], (), minval=low, maxval=high) - 20.0) / 70.0
    absent = jax.random.bernoulli(k["absent"], ABSENT)
    row = jnp.where(absent, len(LOOPS[0]), _row(years))
    infused: Any = loop.plant.source
    source = _with_loop(infused, row)
    source = dataclasses.replace(
        source,
        ke0=jnp.float32(KE0) * (1.0 - OLDER_KE0 * years),
        sensitivity=(1.0 + OLDER_SENSITIVITY * (years - 0.5)) * jnp.exp(0.2 * jax.random.normal(k["sensitivity"])),
        per_ampere=infused.per_ampere * jnp.exp(0.3 * jax.random.normal(k["clearance"])),
        k10=jnp.log(2.0) / jax.random.uniform(k["k10"], (), minval=200.0, maxval=450.0),
    )
    least, most = (0.4, 0.6) if held_out else (0.0, 0.3)
    loss = jax.random.uniform(k["loss"], (), minval=least, maxval=most)
    processes = tuple(dataclasses.replace(p, loss=loss) if isinstance(p, EfficacyLoss) else p for p in loop.plant.drift)
    return dataclasses.replace(loop, plant=dataclasses.replace(loop.plant, source=source, drift=processes))


def rise(sfreq: float, n_times: int, tau: float = 10.0) -> RelativeToStart:
    """Amplitude of INDEX over its mean awake, before the line opens: the depth index of the baseline controllers."""
    return RelativeToStart.create(Envelope.create(INDEX, sfreq, n_times, tau=tau), skip=10, length=45)


def wakefulness(sfreq: float, n_times: int) -> Standard:
    """-10 ln of :func:`rise`: above a set point when too awake, so that laws which answer what is above it apply."""
    return Standard(sensing=rise(sfreq, n_times), mean=jnp.float32(0.0), sd=jnp.float32(-0.1), limit=10.0, log=True)


def expected_rise(row: int, depth: float, band: tuple[float, float] = INDEX) -> float:
    """Closed form: what :func:`rise` tends to in patient ``row`` of the bank at a ``depth``, of the linearised loop."""
    letters, _ = bank()
    with jax.ensure_compile_time_eval():
        model = Eirs(**{name: jnp.float32(values[row]) for name, values in letters.items()})
        slowed = dataclasses.replace(model, alpha_g=model.alpha_g * (1.0 - Anaesthesia.SLOWING * min(depth, DEEPEST)))
    f = np.arange(band[0], band[1], 0.05)
    return float(np.sqrt(spectrum(slowed, f).sum() / spectrum(model, f).sum()))


def _row(years: Any) -> Any:
    """Row of the bank nearest to an age, 0 at 20 and 1 at 90 years."""
    return jnp.clip(jnp.round(years * (len(LOOPS[0]) - 1)), 0, len(LOOPS[0]) - 1).astype(jnp.int32)


def _with_loop(infused: Infused, row: Any) -> Infused:
    """The source with the corticothalamic loop of ``row`` () of the bank, and its own steady state to start from."""
    loops, starts = bank()
    source = infused.source
    model = Eirs(**{name: jnp.asarray(values)[row] for name, values in loops.items()})
    initial = tuple(jnp.broadcast_to(jnp.asarray(s)[row], old.shape) for s, old in zip(starts, source.initial))
    return dataclasses.replace(infused, source=dataclasses.replace(source, model=model, initial=initial))


@functools.cache
def bank() -> tuple[dict[str, np.ndarray], tuple[np.ndarray, ...]]:
    """Letters (n_loops,) of every loop of LOOPS and the values its variables start from. A steady state is solved for,
    which cannot be traced, so that patients are drawn from a bank."""
    with jax.ensure_compile_time_eval():
        strength = float(Eirs.create("wake").nu_se)
        models = [Eirs.create("wake", nu_se=strength * share) for share in (*LOOPS[0], LOOPS[1])]
        letters = {
            f.name: np.asarray([float(getattr(m, f.name)) for m in models], np.float32)
            for f in dataclasses.fields(Eirs)
        }
        starts = tuple(np.asarray(column, np.float32) for column in zip(*(model.start() for model in models)))
    return letters, starts
