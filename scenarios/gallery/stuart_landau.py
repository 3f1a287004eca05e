"""Stuart-Landau: bursts of a noisy rhythm, its spectrum, and nine stimulation policies of the reference test."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...sim.simulate import simulate
from ...sim.sources.models.stuart_landau import StuartLandau, mean_power
from ...sim.sources.neural_mass import NeuralMass
from ..validate.controller import EXPECTED, TICK, Controller, closed_loop, measure
from ..validate.measure import spectrum
from .style import BLUE, GREEN, GREY, ORANGE, canvas, label


def figure() -> Any:
    """Four panels."""
    fig, ((bursts, power), (loop, policies)) = canvas("Stuart-Landau rhythm: bursts, and stimulation against them")
    v = _run(StuartLandau.create("beta"), 60.0)
    t = np.arange(1500) / 500.0
    bursts.plot(t, v[0, 0, -1500:], color=BLUE, lw=0.8)
    bursts.plot(t, np.hypot(*v[:, 0, -1500:]), color=ORANGE, lw=1.3, label="|z|")
    bursts.legend(frameon=False, fontsize=9, loc="upper right")
    label(bursts, "beta bursts: a = -1.5 /s, noise 1 /√s", "time (s)", "Re z")
    for a, color in ((-6.0, BLUE), (-1.5, GREEN)):
        s = 0.1 * (abs(a) / 6.0) ** 0.5  # equal power s²/|a|
        v = _run(StuartLandau.create(a=a, f=20.0, s=s), 60.0)
        f, density = spectrum(v[0], 500.0, 8.0)
        power.semilogy(f, density, color=color, lw=1.0, label=f"a = {a:g} /s: width |a|/π = {-a / np.pi:.2f} Hz")
        half = -a / (2 * np.pi)
        top = mean_power(a, s) / (2 * np.pi * half)
        power.semilogy(f, top * half**2 / ((f - 20.0) ** 2 + half**2), color=GREY, lw=1.0, ls="--")
    power.set_xlim(8, 32)
    power.set_ylim(1e-6, 1e-2)
    power.legend(frameon=False, fontsize=8, loc="upper right")
    label(power, "weak noise: a Lorentzian peak (dashed: theory)", "frequency (Hz)", "power (1/Hz)")
    off = closed_loop(Controller(jnp.float32(np.inf), jnp.int32(0), jnp.float32(0)), jax.random.key(3), 6000)
    median = float(np.median(off.envelope))
    on = closed_loop(Controller(jnp.float32(median), jnp.int32(0), jnp.float32(0)), jax.random.key(3), 6000)
    t = np.arange(1000) * TICK
    loop.fill_between(t, 0, 0.25 * np.asarray(on.u[2000:3000]), color=ORANGE, alpha=0.35, lw=0, label="stimulation")
    loop.plot(t, off.envelope[2000:3000], color=GREY, lw=1.2, label="envelope, off")
    loop.plot(t, on.envelope[2000:3000], color=BLUE, lw=1.4, label="envelope, threshold at the median")
    loop.axhline(median, color=GREY, lw=0.8, ls=":")
    loop.set_ylim(0, 1.6)
    loop.legend(frameon=False, fontsize=8, loc="upper right")
    label(loop, "closed loop on the same noise", "time (s)", "envelope of |z|")
    found, _ = measure(8, 200.0)
    names = list(EXPECTED)[1:]
    y = np.arange(len(names))[::-1]
    mean = np.array([found[name].mean(axis=0) for name in names])
    policies.barh(y + 0.2, mean[:, 0], 0.36, color=BLUE, label="beta power, % of off")
    policies.barh(y - 0.2, mean[:, 1], 0.36, color=ORANGE, label="time on, %")
    for k, name in zip(y, names):
        policies.plot([EXPECTED[name][0]] * 2, [k + 0.03, k + 0.37], color="black", lw=1.4)
        policies.plot([EXPECTED[name][1]] * 2, [k - 0.37, k - 0.03], color="black", lw=1.4)
    policies.set_yticks(y, [name.replace("threshold at the ", "") for name in names], fontsize=8)
    policies.set_xlim(0, 150)
    policies.legend(frameon=False, fontsize=8, loc="lower right")
    label(policies, "reference test (black: independent figures)", "%", "")
    return fig


def _run(model: StuartLandau, seconds: float) -> np.ndarray:
    """(2, 8, n) real and imaginary part at 500 Hz."""
    source = NeuralMass.create(model, n_nodes=8, sfreq=500.0, n_times=500)
    return simulate(source, seconds, jax.random.key(0), everything=True).values  # type: ignore[return-value]
