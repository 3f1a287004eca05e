"""Sleep: what K-complexes, spindles and slow oscillations of the two stages are like, and what clicks evoke."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.signal import butter, hilbert, sosfiltfilt, welch

from ...sim.conditions import Conditions
from ...sim.keys import stream_key
from ...sim.simulate import simulate
from ...sim.sources.models.thalamocortical import CLICK, DOWN, Thalamocortical
from ...sim.sources.neural_mass import NeuralMass
from .measure import peak
from .row import Disputed, Row, row

COMPUTED = "independent float64 integration"
PAPER = "Schellenberger Costa et al. 2016, stimulation of N3; computed with an independent float64 integration"
NGO = "Ngo et al. 2013, Neuron 78:545: slow waves and spindles grow with clicks in phase, not out of phase"
SFREQ = 100.0
COLUMNS = 4
UP, TROUGH = 45, 105  # samples from the minimum to the next up state, and to the next trough


def rows(fast: bool) -> list[Row]:
    """300 s of both stages and the clicks; 40 s, and what they can tell, when ``fast``."""
    light, deep = _night(40.0 if fast else 300.0)
    table = [
        row("Sleep N2: mean of Vp, mV", -54.0, float(light.mean()), 1.0, COMPUTED),
        row("Sleep N2: spindle frequency, Hz", 12.6, _top(light, 9.0, 16.0), 0.5, COMPUTED),
        row("Sleep N3: sigma peak, Hz", 13.1, _top(deep, 9.0, 16.0), 0.5, COMPUTED),
    ]
    if fast:
        return table
    spindles = [spindle_times(v) for v in light]
    minutes = light.shape[1] / SFREQ / 60.0
    long = float(np.mean(np.concatenate([np.diff(one, axis=1)[:, 0] for one in spindles]))) / SFREQ
    often = float(np.mean([len(one) for one in spindles])) / minutes
    complexes, slow = (float(np.mean([len(down_states(v)) for v in stage])) / minutes for stage in (light, deep))
    return [
        *table,
        row("Sleep N2: least Vp in 300 s, mV", -74.0, float(light.min(axis=1).mean()), 2.0, COMPUTED),
        row("Sleep N2: K-complexes per minute", 4.4, complexes, 0.3 * 4.4, COMPUTED),
        row("Sleep N2: spindles per minute", 8.2, often, 0.3 * 8.2, COMPUTED),
        row("Sleep N2: duration of a spindle, s", 0.75, long, 0.3 * 0.75, COMPUTED),
        row("Sleep N3: slow oscillations per minute", 9.0, slow, 0.3 * 9.0, COMPUTED),
        row("Sleep N3: slow peak, Hz", 0.88, _top(deep, 0.3, 4.0), 0.3 * 0.88, COMPUTED),
        *_clicks(),
    ]


def _night(seconds: float) -> np.ndarray:
    """Vp (2, COLUMNS, n) mV at 100 Hz: N2 and N3."""
    models = [Thalamocortical.create(name) for name in ("N2", "N3") for _ in range(COLUMNS)]
    model = jax.tree.map(lambda *x: jnp.stack(x), *models)
    source = NeuralMass.create(model, n_nodes=2 * COLUMNS, sfreq=SFREQ, n_times=100)
    return simulate(source, seconds, jax.random.key(0)).output.reshape(2, COLUMNS, -1)


def down_states(v: np.ndarray) -> np.ndarray:
    """Samples of the minima below -68 mV of Vp (n,) in .25-4 Hz, at least .2 s apart (the paper's detector)."""
    sos = butter(2, (0.25, 4.0), "bandpass", fs=SFREQ, output="sos")
    slow = sosfiltfilt(sos, v - v.mean()) + v.mean()
    found = 1 + np.flatnonzero((slow[1:-1] < slow[:-2]) & (slow[1:-1] <= slow[2:]) & (slow[1:-1] < DOWN))
    kept: list[int] = []
    for k in found:
        if not kept or k - kept[-1] >= 0.2 * SFREQ:
            kept.append(int(k))
    return np.array(kept, int)


def spindle_times(v: np.ndarray) -> np.ndarray:
    """(n_spindles, 2) first sample and end: the envelope of Vp in 12-15 Hz above its mean by 1.5 sd, for .3 to 3 s."""
    sos = butter(2, (12.0, 15.0), "bandpass", fs=SFREQ, output="sos")
    envelope = np.abs(np.asarray(hilbert(sosfiltfilt(sos, v - v.mean()))))
    above = (envelope > envelope.mean() + 1.5 * envelope.std()).astype(int)
    edges = np.flatnonzero(np.diff(np.r_[0, above, 0])).reshape(-1, 2)
    long = np.diff(edges, axis=1)[:, 0] / SFREQ
    return edges[(long >= 0.3) & (long <= 3.0)]


def _top(v: np.ndarray, low: float, high: float) -> float:
    f, power = welch(v, SFREQ, nperseg=1000)
    return peak(f, power.mean(axis=0), low, high)


class Clicker:
    """Two clicks of 80 ms, 1050 ms apart, the first ``delay`` samples of 10 ms after the minimum that follows a Vp
    below -68 mV, then 5 s of pause; per column, once per sample."""

    waiting, falling, timing = 0, 1, 2

    def __init__(self, n: int, delay: int) -> None:
        self.n, self.delay = n, delay

    def init(self) -> tuple[Array, Array, Array]:
        """Phase, samples since the phase began, Vp of the sample before."""
        return jnp.zeros(self.n, jnp.int32), jnp.full(self.n, 10**6, jnp.int32), jnp.zeros(self.n)

    def step(self, state: tuple[Array, Array, Array], v: Array) -> tuple[tuple[Array, Array, Array], Array, Array]:
        """(state, heard (n,) 0 or 1, began (n,) bool: the first click starts now)."""
        phase, since, before = state
        since = since + 1
        armed = (phase == self.waiting) & (since > 0) & (v <= DOWN)
        turned = (phase == self.falling) & (v > before)
        late = since - self.delay
        done = (phase == self.timing) & (late >= 113)  # 1050 + 80 ms
        began = (phase == self.timing) & (late == 0)
        heard = (phase == self.timing) & (((late >= 0) & (late < 8)) | ((late >= 105) & (late < 113)))
        phase = jnp.where(armed, self.falling, jnp.where(turned, self.timing, jnp.where(done, self.waiting, phase)))
        since = jnp.where(turned, 0, jnp.where(done, -500, since))
        return (phase, since, v), heard.astype(jnp.float32), began


def closed_loop(seconds: float, rate: float, n: int = 16, delay: int = UP) -> tuple[np.ndarray, np.ndarray]:
    """Vp of N3 (n, n_samples) mV at 100 Hz under clicks of ``rate`` 1/s, and where first clicks begin, the same shape,
    bool."""
    source = NeuralMass.create(Thalamocortical.create("N3"), n_nodes=n, n_stim=n, sfreq=SFREQ, n_times=1)
    conditions, clicker, key = Conditions.nominal(1), Clicker(n, delay), jax.random.key(3)
    ampere = rate / Thalamocortical.STIM_PER_AMPERE

    def sample(carry: Any, tick: Array) -> Any:
        state, loop, heard = carry
        stim = (ampere * heard)[:, None]
        state, moments, _ = source.step(state, stim, conditions, stream_key(key, "sleep", tick))
        v = moments[:, 0] / source.moment + source.mean
        loop, heard, began = clicker.step(loop, v)
        return (state, loop, heard), (v, began)

    begin = jax.jit(source.init)(key, conditions), clicker.init(), jnp.zeros(n)
    run = jax.jit(lambda carry: jax.lax.scan(sample, carry, jnp.arange(round(seconds * SFREQ))))
    _, (v, began) = run(begin)
    return np.asarray(v).T, np.asarray(began).T


def evoked(v: np.ndarray, began: np.ndarray) -> np.ndarray:
    """(400,) mV, the mean of Vp from a second before to three seconds after first clicks."""
    cuts = [v[i, k - 100 : k + 300] for i, k in zip(*np.nonzero(began)) if 100 <= k < v.shape[1] - 300]
    return np.mean(cuts, axis=0)


def _slow_power(v: np.ndarray) -> float:
    """Mean power of .5-1.2 Hz, mV^2/Hz."""
    f, power = welch(v, SFREQ, nperseg=1000)
    return float(power.mean(axis=0)[(f >= 0.5) & (f <= 1.2)].mean())


def _clicks() -> list[Row]:
    quiet, heard, late = closed_loop(75.0, 0.0), closed_loop(75.0, CLICK), closed_loop(75.0, CLICK, delay=TROUGH)
    sham, loud = evoked(*quiet), evoked(*heard)
    gain, null = (100.0 * (_slow_power(run[0]) / _slow_power(quiet[0]) - 1.0) for run in (heard, late))
    reason = (
        "independent float64 integrations, 80 min with clicks in the trough against 80 min without, gain 7 % with a"
        " standard error of 3 %: in this model every click that is heard evokes a slow wave"
    )
    return [
        row("Sleep N3, sham: least mean Vp 1.2-2.2 s later, mV", -57.6, float(sham[220:320].min()), 1.0, PAPER),
        row("Sleep N3, clicks in the up state: the same, mV", -65.7, float(loud[220:320].min()), 2.0, PAPER),
        row("Sleep N3, clicks: Vp 100 ms after, less sham, mV", 4.7, float(loud[110] - sham[110]), 1.4, PAPER),
        row("Sleep N3, clicks in the up state: slow-wave power gained, %", (10.0, 100.0), gain, 0.0, NGO),
        row(
            "Sleep N3, clicks in the trough: slow-wave power gained, %",
            0.0,
            null,
            10.0,
            NGO,
            Disputed(reason, 7.0, 12.0),
        ),
    ]
