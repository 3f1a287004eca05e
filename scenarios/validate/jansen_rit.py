"""Jansen-Rit: bifurcations, the alpha and the spike cycle, noise, slow inhibition, and the two classic mistakes."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import brentq

from ...sim.simulate import simulate
from ...sim.sources.models.jansen_rit import SPIKE_BASIN, JansenRit
from ...sim.sources.neural_mass import NeuralMass
from .measure import cycle, fraction, peak, spectrum
from .row import Row, row

GRIMBERT = "Grimbert & Faugeras 2006, Neural Computation 18:3052"
COMPUTED = "independent float64 integration"


def rows(fast: bool) -> list[Row]:
    """Eigenvalues, and runs at 1 ms; the noise rows need longer runs and are left out when ``fast``."""
    return [*_bifurcations(), *_cycles(), *([] if fast else _noise()), *_slow_inhibition()]


def _bifurcations() -> list[Row]:
    with jax.enable_x64(True):
        model = JansenRit.create()
        jacobian = jax.jit(jax.jacfwd(lambda y, p: jnp.stack(_slope(model, y, p))))

        def rest(v: float) -> tuple[np.ndarray, float]:
            """State and p at which y1 - y2 rests at v: at rest p is a function of v."""
            rate = lambda x: 5.0 / (1.0 + np.exp(0.56 * (6.0 - x)))  # noqa: E731
            y0 = 3.25 / 100.0 * rate(v)
            y2 = 22.0 / 50.0 * 33.75 * rate(33.75 * y0)
            y1 = v + y2
            return np.array([y0, y1, y2, 0.0, 0.0, 0.0]), y1 * 100.0 / 3.25 - 108.0 * rate(135.0 * y0)

        def leading(v: float) -> complex:
            """The complex eigenvalue of greatest real part."""
            values = np.linalg.eigvals(np.asarray(jacobian(*rest(v))))
            values = values[values.imag > 1.0]
            return complex(values[np.argmax(values.real)]) if len(values) else complex(-1.0)

        grid = np.linspace(-2.0, 12.0, 701)
        growth = np.array([leading(v).real for v in grid])
        at = [
            brentq(lambda v: leading(v).real, grid[i], grid[i + 1], xtol=1e-10)
            for i in np.flatnonzero(np.diff(np.sign(growth)))
        ]
        found = [(rest(float(v))[1], leading(float(v)).imag / (2 * np.pi)) for v in np.asarray(at)]
        inputs = np.array([rest(v)[1] for v in np.linspace(-2.0, 12.0, 14001)])
    table = []
    for p, hertz, disputed in ((-12.15, 7.24, ""), (89.83, 10.38, ""), (315.70, 11.16, "")):
        ours = min(found, key=lambda f, p=p: abs(f[0] - p))
        table.append(row(f"Jansen-Rit, Hopf at p = {p:g}: p, 1/s", p, ours[0], 0.02, GRIMBERT, disputed))
        table.append(row(f"Jansen-Rit, Hopf at p = {p:g}: frequency, Hz", hertz, ours[1], 0.02, COMPUTED))
    turning = np.sort(inputs[np.flatnonzero(np.diff(np.sign(np.diff(inputs)))) + 1])
    table.append(row("Jansen-Rit, upper fold: p, 1/s", 113.586, turning[-1], 0.01, GRIMBERT))
    table.append(row("Jansen-Rit, lower fold: p, 1/s", -41.30, turning[0], 0.01, COMPUTED))
    return table


def _slope(model: JansenRit, y: jax.Array, p: float) -> tuple[jax.Array, ...]:
    from ...sim.sources.model import Inputs

    return model.slope(tuple(y), Inputs(stim=p - model.p))


def _run(
    seconds: float, skip: float, spikes: bool = False, dt: float = 1e-3, **letters: np.ndarray | float
) -> np.ndarray:
    """v (n_nodes, n) mV at 1 kHz, one node per value of the letters."""
    n_nodes = max(np.size(v) for v in letters.values())
    model = JansenRit.create(**({"sigma": 0.0} | letters))
    start = SPIKE_BASIN if spikes else None
    source = NeuralMass.create(model, n_nodes=n_nodes, sfreq=1000.0, n_times=500, dt=dt, start=start)
    return simulate(source, seconds, jax.random.key(0), burn_in=False).output[:, round(skip * 1000) :]


def _cycles() -> list[Row]:
    hertz, size = cycle(_run(14.0, 8.0, p=220.0)[0], 1000.0)
    table = [
        row("Jansen-Rit, alpha cycle at p = 220: frequency, Hz", 10.938, hertz, 0.005 * 10.938, COMPUTED),
        row("Jansen-Rit, alpha cycle at p = 220: peak to peak, mV", 2.946, size, 0.005 * 2.946, COMPUTED),
    ]
    inputs = np.array([113.7, 114.0, 120.0, 130.0, 137.0])
    for p, hertz, v in zip(inputs, (0.53, 0.94, 2.39, 3.17, 4.28), _run(24.0, 4.0, True, 0.25e-3, p=inputs)):
        table.append(row(f"Jansen-Rit, spikes from rest at p = {p:g}: Hz", hertz, cycle(v, 1000.0)[0], 0.02, COMPUTED))
    beyond, quiet = _run(120.0, 8.0, True, p=np.array([138.0, 320.0]))
    gone = cycle(beyond, 1000.0)[0]
    table.append(row("Jansen-Rit, from rest at p = 138 the spikes are gone: Hz", (9.0, 12.0), gone, 0.0, COMPUTED))
    rest = np.ptp(quiet[-1000:])
    name = "Jansen-Rit, p = 320, above the last Hopf, rests: peak to peak, mV"
    table.append(row(name, 0.0, rest, 0.01, "the Hopf at 315.7; Euler keeps oscillating here"))
    hertz, size = cycle(_run(14.0, 8.0, v0=5.52, p=220.0)[0], 1000.0)
    name = "Jansen-Rit with v0 = 5.52 mV is not alpha"
    reason = "6.80 Hz in an independent float64 integration at 0.1 ms; 6.25 Hz is a bin of a spectrum 0.78 Hz wide"
    table.append(row(f"{name}: Hz", 6.25, hertz, 0.05, "peak of a spectrum, computed", reason))
    table.append(row(f"{name}: peak to peak, mV", 10.0, size, 0.5, COMPUTED))
    return table


def _noise() -> list[Row]:
    table = []
    sigmas = (0.5, 1.0, 2.0, 5.0, 10.0, 22.0)
    expected = ((10.94, 1.00), (10.94, 0.99), (10.74, 0.97), (10.16, 0.85), (8.2, 0.42), (6.8, 0.20))
    per = 8
    v = _run(64.0, 4.0, sigma=np.repeat(sigmas, per)).reshape(len(sigmas), per, -1)
    for sigma, (hertz, share), runs in zip(sigmas, expected, v):
        f, power = spectrum(runs, 1000.0)
        name = f"Jansen-Rit, noise of {sigma:g} /s^1/2"
        flat = "the top of this spectrum is flat from 4 to 10 Hz; where its highest bin falls is chance"
        table.append(
            row(f"{name}: peak, Hz", hertz, peak(f, power, 1.5, 45.0), 0.5, COMPUTED, flat if sigma > 5 else "")
        )
        table.append(
            row(f"{name}: share of 8-13 in 1-45 Hz", share, fraction(f, power, (8, 13), (1, 45)), 0.05, COMPUTED)
        )
    return table


def _slow_inhibition() -> list[Row]:
    slow = np.array([1.0, 1.1, 1.2, 1.4, 1.75, 2.0])
    v = _run(24.0, 8.0, b=50.0 / slow, sigma=2.0)
    table = []
    for k, hertz, one in zip(slow, (10.7, 5.1, 4.5, 4.1, 3.1, 2.5), v):
        f, power = spectrum(one, 1000.0)
        table.append(row(f"Jansen-Rit, b = 50/{k:g}: peak, Hz", hertz, peak(f, power, 1.5, 45.0), 0.3, COMPUTED))
    return table
