"""Oscillator ensembles: synchrony, phase response, noise, suppression by feedback, bursting."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.conditions import Conditions
from ...sim.simulate import simulate
from ...sim.sources.connectome import MeanField
from ...sim.sources.ensembles import ensemble
from ...sim.sources.integrate import heun, inputs_of
from ...sim.sources.models.bonhoeffer_van_der_pol import BonhoefferVanDerPol
from ...sim.sources.models.hindmarsh_rose import HindmarshRose
from ...sim.sources.models.ott_antonsen import OttAntonsen, kick_response
from ...sim.sources.models.stuart_landau import StuartLandau, mean_power
from ...sim.sources.neural_mass import NeuralMass
from .measure import cycle
from .row import Disputed, Row, row

COMPUTED = "independent float64 integration"
OA = "Ott & Antonsen 2008, Chaos 18:037113"
KRYLOV = "Krylov et al. 2020, Chaos 30:033126, one network of 1000, computed"
CONDITIONS = Conditions.nominal(1)


def rows(fast: bool) -> list[Row]:
    """``fast``: a quarter of the oscillators' time, fewer networks, no bursting neurons."""
    return [*_kuramoto(fast), *_kicks(), *_stuart_landau(fast), *_relaxation(fast), *([] if fast else _bursting())]


# --- phases -----------------------------------------------------------------------------------------------


def order(ratios: np.ndarray, n_oscillators: int, seconds: float, skip: float) -> np.ndarray:
    """Mean order parameter for couplings of ``ratios`` half-widths g = 1/s, after ``skip`` s from full synchrony."""
    source = ensemble(
        "kuramoto", "beta", n_oscillators, coupling=1.0, width=0.5 / np.pi, letters={"f": 0.0}, sfreq=10.0, n_times=10,
        dt=0.01,
    )  # fmt: skip
    silence = jnp.zeros((1, source.n_times))

    def one(gain: Array) -> Array:
        coupled = dataclasses.replace(source, wiring=MeanField(gain=gain, group=n_oscillators))

        def window(state: Any, _: None) -> tuple[Any, Array]:
            state, _moments, truth = coupled.step(state, silence, CONDITIONS, jax.random.key(0))
            return state, truth["order"]

        return jax.lax.scan(window, coupled.begin(), None, length=round(seconds))[1]

    r = np.asarray(jax.jit(jax.vmap(one))(jnp.asarray(ratios, jnp.float32)))
    return r[:, round(skip) :].mean(axis=1)


def _kuramoto(fast: bool) -> list[Row]:
    ratios = np.array([2.5, 3.0, 4.0, 6.0])
    n = 500 if fast else 2000
    found = order(np.r_[ratios, 1.5], n, 40.0 if fast else 120.0, 20.0 if fast else 60.0)
    table = []
    for ratio, r in zip(ratios, found):
        exact = np.sqrt(1 - 2 / ratio)
        name = f"Kuramoto, K = {ratio:g} half-widths, {n} quantiles: r"
        table.append(row(name, exact, r, 0.01 * exact, OA))
    low = 3 / np.sqrt(n)
    table.append(row("Kuramoto, K = 1.5 half-widths, below onset: r", (0.0, low), found[-1], 0.0, "onset at K = 2 g"))
    for ratio in (2.5, 4.0):
        model = OttAntonsen.create(f=0.0, g=1.0, K=ratio, s=0.0)
        run = simulate(NeuralMass.create(model, sfreq=100.0, n_times=100), 40.0, jax.random.key(0), burn_in=False)
        r = float(jnp.hypot(*run.state.y)[0])
        table.append(row(f"Ott-Antonsen reduction at rest, K/g = {ratio:g}: r", np.sqrt(1 - 2 / ratio), r, 1e-4, OA))
    return table


def kicked(rho: float, psi: np.ndarray, e: float = 0.05, n: int = 20001) -> tuple[np.ndarray, np.ndarray]:
    """Change of rho and of psi, at every mean phase of ``psi``, by a kick of ``n`` oscillators that lie on the
    Ott-Antonsen manifold (a wrapped Cauchy law)."""
    u = (np.arange(n) + 0.5) / n
    spread = 2 * np.arctan((1 - rho) / (1 + rho) * np.tan(np.pi * (u - 0.5)))
    z = np.array([np.mean(np.exp(1j * (p + spread - e * np.sin(p + spread)))) for p in psi]) * np.exp(-1j * psi)
    return np.abs(z) - rho, np.angle(z)


def _kicks() -> list[Row]:
    source = "Weerasinghe et al. 2019, PLoS Comput. Biol. 15:e1006575; error at most 5e-4 at a kick of .05"
    reason = "the formulas are of first order in the kick; Jacobi-Anger series of the kicked law"
    known = {(0.5, "psi, rad"): Disputed(reason, 9.4798e-4, 2e-6)}
    table, psi = [], np.linspace(-np.pi, np.pi, 49)
    for rho in (0.5, 0.7071, 0.9):
        for what, law, change in zip(("rho", "psi, rad"), kick_response(rho, psi, 0.05), kicked(rho, psi)):
            name = f"Kick of .05 at rho = {rho:.2g}: largest error in {what}"
            error = float(np.abs(change - np.asarray(law)).max())
            table.append(row(name, (0.0, 5e-4), error, 0.0, source, known.get((rho, what))))
    return table


# --- a noisy rhythm ---------------------------------------------------------------------------------------


def width(z: np.ndarray, sfreq: float) -> float:
    """Hz, full width at half maximum of the Lorentzian peak of the complex rhythm z (n_rows, n): its correlation decays
    as exp(-pi width t), read off at 0.1 s, where no spectral window broadens it."""
    lag = round(0.1 * sfreq)
    decay = abs(np.mean(z[:, lag:] * np.conj(z[:, :-lag]))) / np.mean(np.abs(z) ** 2)
    return float(-np.log(decay) / (np.pi * lag / sfreq))


def _stuart_landau(fast: bool) -> list[Row]:
    table = []
    seconds, n_nodes = (16.0, 128) if fast else (64.0, 256)
    for a, s in ((-6.0, 0.1), (-6.0, 1.0), (-1.5, 1.0)):
        source = NeuralMass.create(StuartLandau.create(a=a, f=10.0, s=s), n_nodes=n_nodes, n_times=500)
        run = simulate(source, seconds, jax.random.key(0), everything=True)
        x, y = run.values  # type: ignore[misc]
        power = float(np.mean(x**2 + y**2))
        name = f"Stuart-Landau, a = {a:g}/s, s = {s:g}/s^1/2"
        law = mean_power(a, s)
        table.append(row(f"{name}: E|z|^2 of the stationary law", law, power, 0.03 * law, "exact, Fokker-Planck"))
        if s == 0.1:
            table.append(row(f"{name}: E|z|^2 = s^2/|a|", s * s / -a, power, 0.03 * s * s / -a, "weak noise"))
            name = f"{name}: full width |a|/pi, Hz"
            table.append(row(name, -a / np.pi, width(x + 1j * y, 250.0), 0.03 * -a / np.pi, "weak noise"))
    return table


# --- relaxation oscillators -------------------------------------------------------------------------------

H = 0.2  # units of time, the step of the published program


def networks(n: int, n_oscillators: int = 1000) -> tuple[BonhoefferVanDerPol, tuple[Array, Array]]:
    """``n`` networks that differ in their drives and starts, stacked."""
    keys = jax.random.split(jax.random.key(1), n)
    model = jax.vmap(lambda k: BonhoefferVanDerPol.create(n=n_oscillators, key=k))(keys)
    y = jax.vmap(lambda k: jax.random.uniform(k, (2, n_oscillators), minval=-1.0, maxval=1.0))(keys)
    return model, (y[:, 0], y[:, 1])


def mean_field(model: Any, y: tuple, eps: Array, h: float, n_steps: int, every: int = 1) -> tuple[Array, tuple]:
    """X (n_steps / every,) of one network and its last state, without control."""
    wiring = MeanField(gain=eps)

    def step(y: tuple, _: None) -> tuple[tuple, None]:
        return heun(model, h, y, lambda y, _: inputs_of(model, wiring, y, 0.0, 0.0)), None

    def sample(y: tuple, _: None) -> tuple[tuple, Array]:
        y, _ = jax.lax.scan(step, y, None, length=every)
        return y, jnp.mean(y[0])

    y, x = jax.lax.scan(sample, y, None, length=n_steps // every)
    return x, y


def controlled(
    model: Any, y: tuple, eps: Array, K: Array, tau: Array, n_steps: int, kicks: bool = True
) -> tuple[Array, Array]:
    """(X, u), each (n_steps,), under proportional feedback u = -K (X - X low-passed with tau), |u| <= .5.

    kicks: u is added to every x once per step, as in the published program; otherwise u is a current in x'.
    """
    wiring, keep = MeanField(gain=eps), jnp.exp(-H / tau)

    def step(carry: tuple, _: None) -> tuple[tuple, tuple]:
        (x, z), low = carry
        mean = jnp.mean(x)
        low = keep * low + (1 - keep) * mean
        u = jnp.clip(-K * (mean - low), -0.5, 0.5)
        current = 0.0 if kicks else u
        y = (x + u, z) if kicks else (x, z)
        y = heun(model, H, y, lambda y, _: inputs_of(model, wiring, y, current, 0.0))
        return (y, low), (mean, u)

    return jax.lax.scan(step, (y, jnp.mean(y[0])), None, length=n_steps)[1]


def _relaxation(fast: bool) -> list[Row]:
    n, settle, watch = (2, 5000, 5000) if fast else (6, 30000, 15000)
    eps = jnp.asarray([0.03, 0.05] if fast else [0.0, 0.01, 0.02, 0.03, 0.05], jnp.float32)
    model, y = networks(n)
    x, _ = jax.jit(
        jax.vmap(jax.vmap(lambda m, y, e: mean_field(m, y, e, H, settle + watch), (0, 0, None)), (None, None, 0))
    )(model, y, eps)
    x = np.asarray(x)[..., settle:]
    sd = x.std(axis=-1)
    at = {round(float(e), 2): k for k, e in enumerate(eps)}
    table = []
    reason = (
        "mean of independent float64 integrations, whose six networks of 1000 gave .17 to .35: at the transition every"
        " draw of the drives is its own case, and the expected value is that of one"
    )
    at_onset = Disputed(reason, 0.27, 0.15)
    for e, expected, limit in ((0.0, 0.048, 0.012), (0.01, 0.073, 0.025), (0.02, 0.579, 0.06), (0.03, 1.125, 0.056),
                               (0.05, 1.290, 0.0129)):  # fmt: skip
        if e in at:
            name = f"Bonhoeffer-van der Pol, eps = {e:g}: sd of the mean field, mean over {n} networks"
            table.append(row(name, expected, sd[at[e]].mean(), limit, KRYLOV, at_onset if e == 0.02 else None))
    period = float(np.mean([H / cycle(v, 1.0, float(v.mean()))[0] for v in x[at[0.03]]]))
    table.append(row("Bonhoeffer-van der Pol, eps = .03: period, units of time", 32.4, period, 0.15, KRYLOV))
    if fast:
        return table
    return [*table, *_feedback(model, y, sd[at[0.03]])]


def _feedback(model: BonhoefferVanDerPol, y: tuple[Array, Array], free: np.ndarray) -> list[Row]:
    """Suppression of networks that start incoherent; ``free``: their sd without control."""

    def run(gains: list[float], tau: list[float], kicks: bool) -> tuple[np.ndarray, np.ndarray]:
        """Suppression and mean |u|, per gain, median over networks."""
        plan = (jnp.asarray(gains, jnp.float32), jnp.asarray(tau, jnp.float32))
        one = lambda m, y, K, t: controlled(m, y, jnp.float32(0.03), K, t, 24000, kicks)  # noqa: E731
        every = jax.jit(jax.vmap(jax.vmap(one, (0, 0, None, None)), (None, None, 0, 0)))
        x, u = (np.asarray(v)[..., 12000:] for v in every(model, y, *plan))
        return np.median(free / x.std(axis=-1), axis=1), np.median(np.abs(u).mean(axis=-1), axis=1)

    gains = [0.05, 0.1, 0.2, 0.4, 0.8]
    lows = [200.0, 50.0, 50.0, 50.0, 50.0]
    ratio, effort = run(gains, lows, True)
    two = (
        "two states coexist at this gain: independent float64 integrations of four networks reach {} from random"
        " phases, as here, and {} from synchrony"
    )
    suppressed = Disputed(two.format("41 to 64 times", "3.8 (two networks) or 18 to 25 times (two)"), 52.0, 12.0)
    gentle = Disputed(two.format("a mean |u| of .0007 to .0010", ".011 to .012 or .0018 to .0023"), 0.00085, 0.0003)
    table = []
    for K, low, found, expected in zip(gains, lows, ratio, (4.1, 5.0, 8.0, 11.6, 20.0)):
        name = f"Kicks of {K:g} against the mean field of relaxation oscillators, low-pass {low:g}: suppression"
        table.append(row(name, expected, found, 0.2 * expected, KRYLOV, suppressed if K == 0.05 else None))
    for k, expected in ((0, 0.011), (-1, 0.039)):
        name = f"Kicks of {gains[k]:g} against the mean field of relaxation oscillators: mean |u|"
        table.append(row(name, expected, effort[k], 0.2 * expected, KRYLOV, None if k else gentle))
    best, _ = run([0.03, 0.05, 0.1], [50.0] * 3, False)
    reason = (
        "independent float64 integration, K = .1, mean |u| .0016: the sd without coupling is no floor, as feedback by a"
        " continuous current also cancels the fluctuations of a finite ensemble; a baseline must tune K"
    )
    name = "Current against the mean field of relaxation oscillators, best K: suppression"
    return [
        *table,
        row(name, (0.0, 23.0), best.max(), 0.0, "sd without coupling, computed", Disputed(reason, 54.0, 8.0)),
    ]


# --- bursting neurons -------------------------------------------------------------------------------------


def bursting(eps: np.ndarray, spread: float, h: float = 0.02, n: int = 500, units: float = 2400.0) -> np.ndarray:
    """sd of the mean x of ``n`` Hindmarsh-Rose neurons over the second half of ``units``, per coupling."""
    model = HindmarshRose.create(n=n, key=jax.random.key(2), width=spread)
    draw = jax.random.uniform(jax.random.key(3), (3, n), minval=-1.0, maxval=1.0)
    y = (draw[0], draw[1], draw[2])
    every = round(0.2 / h)
    run = jax.jit(jax.vmap(lambda e: mean_field(model, y, e, h, round(units / h), every)[0]))
    x = np.asarray(run(jnp.asarray(eps, jnp.float32)))
    return x[:, x.shape[1] // 2 :].std(axis=1)


def _bursting() -> list[Row]:
    eps = np.array([0.0, 0.01, 0.03, 0.05, 0.1])
    sd = bursting(eps, 0.02)
    reason = (
        "independent float64 integration with drives of sd .02, which synchronise between eps = .02 and .03. Drives of"
        " sd .2, and Euler steps of .05, both come near the expected figures; which of them gave those isn't known"
    )
    table = []
    for e, expected, ours in ((0.05, 0.041, 0.324), (0.1, 0.243, 0.355)):
        found = float(sd[eps == e][0])
        name = f"Hindmarsh-Rose, drives 3 +- .02, eps = {e:g}: sd of the mean field"
        table.append(row(name, expected, found, 0.15 * expected, COMPUTED, Disputed(reason, ours, 0.1 * ours)))
    onset = float(eps[np.argmax(sd > 5 * sd[0])])
    table.append(row("Hindmarsh-Rose, drives 3 +- .02: onset of synchrony, eps", (0.01, 0.03), onset, 0.0, COMPUTED))
    return table
