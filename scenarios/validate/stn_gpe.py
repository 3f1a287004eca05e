"""STN-GPe: where beta begins, how it changes with the disease, the delay and the input, and what stimulation leaves."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from ...sim.conditions import Conditions
from ...sim.simulate import simulate
from ...sim.sources.entry import CurrentInput
from ...sim.sources.model import Inputs
from ...sim.sources.models.stn_gpe import StnGpe
from ...sim.sources.neural_mass import NeuralMass
from ...sim.sources.registry import make_source
from ...sim.stimulation import PulseTrain
from .measure import crossings, cycle
from .row import Disputed, Row, row

COMPUTED = "independent float64 integration"
EQUATION = "characteristic equation of the delayed linearisation"
SFREQ = 1000.0


def rows(fast: bool) -> list[Row]:
    """All is without noise; ``fast`` leaves out delays between those of the species and the after-effect's end."""
    return [*_disease(), *_onset(), *_delays(fast), *_input(), *_medication(), *_lesion(fast)]


def _measured(v: np.ndarray) -> tuple[float, float, float]:
    """(Hz or 0, mean over whole cycles, peak to peak) of v at SFREQ."""
    mean = float(v.mean())
    hertz, size = cycle(v, SFREQ, mean, 0.5, 3)
    if not hertz:
        return 0.0, mean, size
    times = crossings(v, mean).astype(int)
    return hertz, float(v[times[0] : times[-1]].mean()), size


def _run(
    u: float | np.ndarray = 0.0, conditions: Conditions | None = None, seconds: float = 6.0, **letters: np.ndarray
) -> tuple[list[tuple[float, float, float]], np.ndarray]:
    """Of the second half, a node per value of u (spikes/s) or of the letters: S measured, and the last G."""
    n_nodes = max(np.size(v) for v in (u, *letters.values()))
    source = NeuralMass.create(
        StnGpe.create("parkinsonian", sigma=0.0, **letters), n_nodes=n_nodes, sfreq=SFREQ, n_times=500, dt=0.1e-3,
        n_stim=n_nodes, entry=CurrentInput(coupling=jnp.eye(n_nodes)),
    )  # fmt: skip
    stim = np.broadcast_to(u, (n_nodes,))
    run = simulate(source, seconds, jax.random.key(0), conditions, stim=stim, burn_in=False)
    half = run.output[:, run.output.shape[1] // 2 :]
    return [_measured(v) for v in half], np.asarray(run.state.y[1])


def _disease() -> list[Row]:
    found, last = _run(K=np.array([0.0, 0.5, 0.7, 1.0]))
    name = "STN-GPe, K"
    return [
        row("STN-GPe, healthy: subthalamic rate, 1/s", 18.1, found[0][1], 0.1, COMPUTED),
        row("STN-GPe, healthy: pallidal rate, 1/s", 53.7, float(last[0]), 0.1, COMPUTED),
        row("STN-GPe, healthy, rests: peak to peak of S, 1/s", 0.0, found[0][2], 0.01, COMPUTED),
        row(f"{name} = 0.5: Hz", 25.3, found[1][0], 0.2, COMPUTED),
        row(f"{name} = 0.7: Hz", 23.3, found[2][0], 0.2, COMPUTED),
        row(f"{name} = 1, Parkinsonian: Hz", 20.7, found[3][0], 0.2, COMPUTED),
        row("STN-GPe, Parkinsonian: mean subthalamic rate, 1/s", 22.0, found[3][1], 0.2, COMPUTED),
        row("STN-GPe, Parkinsonian: peak to peak of S, 1/s", 63.5, found[3][2], 0.7, COMPUTED),
    ]


def _onset() -> list[Row]:
    """Roots of det(lambda - J - sum_k J_k exp(-lambda lag_k)), from the model's own derivatives at its fixed point."""
    from scipy.optimize import fsolve

    with jax.enable_x64(True):
        model = StnGpe.create(sigma=0.0)
        lags = np.array([float(lag) for lag in model.lags()])
        # which variable each remembered signal is
        which = [int(x) for x in model.remembered(tuple(jnp.arange(2.0)))]

        def slope(y: jax.Array, past: jax.Array, K: jax.Array) -> jax.Array:
            return jnp.stack(dataclasses.replace(model, K=K).slope(tuple(y), Inputs(past=tuple(past))))

        at = jax.jit(slope)
        derivatives = jax.jit(jax.jacfwd(slope, argnums=(0, 1)))

        def determinant(growth: float, omega: float, K: float) -> complex:
            """Per ms; zero at a mode exp((growth + i omega) t)."""
            y = np.asarray(fsolve(lambda y: np.asarray(at(y, y[which], K)), (15.0, 34.0)))
            now, then = (np.asarray(x) for x in derivatives(y, y[which], K))
            mode = growth + 1j * omega
            matrix = mode * np.eye(2) - now
            for k, lag in enumerate(lags):
                matrix[:, which[k]] -= then[:, k] * np.exp(-mode * lag)
            return complex(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0])

        def parts(z: complex) -> list[float]:
            return [z.real, z.imag]

        K, omega = np.asarray(fsolve(lambda x: parts(determinant(0.0, x[1], x[0])), (0.3, 0.17)))
        growth, at_03 = np.asarray(fsolve(lambda x: parts(determinant(x[0], x[1], 0.3)), (0.0, 0.17)))
    reason = "the characteristic equation's Hopf point; at 0.3 the mode still decays, at 0.46 /s, too slowly to be seen"
    hertz = 1e3 / (2 * np.pi)
    return [
        row("STN-GPe, onset of beta: K, 1", (0.2, 0.3), K, 0.0, COMPUTED, Disputed(reason, 0.30472, 1e-4)),
        row("STN-GPe, onset of beta (Hopf point): K, 1", 0.30472, K, 1e-4, EQUATION),
        row("STN-GPe, onset of beta (Hopf point): Hz", 27.431, omega * hertz, 0.01, EQUATION),
        row("STN-GPe, K = 0.3: Hz", 27.5, at_03 * hertz, 0.2, COMPUTED),
        row("STN-GPe, K = 0.3: growth, 1/s", -0.46, growth * 1e3, 0.02, EQUATION),
    ]


def delayed(delays: np.ndarray, seconds: float) -> np.ndarray:
    """S (n_delays, n) spikes/s at SFREQ in the disease without noise, per delay (ms) between the nuclei, which
    ascend."""
    # one compilation: room for the longest delay, blocks for the shortest
    source = NeuralMass.create(
        StnGpe.create(sigma=0.0, d=delays[0]), sfreq=SFREQ, n_times=500, dt=0.1e-3, longest_delay=1e-3 * delays[-1]
    )
    keys = jax.random.split(jax.random.key(0), round(2 * seconds))
    conditions, silence = Conditions.nominal(1), jnp.zeros((1, 500))

    def run(d: jax.Array) -> jax.Array:
        one = dataclasses.replace(source, model=dataclasses.replace(source.model, d=d))

        def window(state, key):
            state, moments, _ = one.step(state, silence, conditions, key)
            return state, moments[0]

        return jax.lax.scan(window, one.begin(), keys)[1].reshape(-1)

    moments = np.asarray(jax.jit(jax.vmap(run))(jnp.asarray(delays, jnp.float32)), float)
    return moments / float(source.moment) + float(source.mean)


def _delays(fast: bool) -> list[Row]:
    d = np.array([2.0, 6.0, 10.0] if fast else [2.0, 4.0, 6.0, 8.0, 10.0])
    v = delayed(d, 5.0)
    found = {x: _measured(one[2000:])[0] for x, one in zip(d, v)}
    expected = {2.0: 32.1, 4.0: 23.3, 8.0: 16.9, 10.0: 13.7}
    table = [
        row(f"STN-GPe, delay {x:g} ms: Hz", hertz, found[x], 0.015 * hertz, COMPUTED)
        for x, hertz in expected.items()
        if x in found
    ]
    for species, delay, band in (("rat", 2.0, (25, 40)), ("human", 6.0, (13, 30)), ("macaque", 10.0, (8, 20))):
        name = f"STN-GPe, {species}, {delay:g} ms: Parkinsonian beta, Hz"
        table.append(row(name, band, found[delay], 0.0, f"beta reported in the {species}"))
    return table


def _input() -> list[Row]:
    found, _ = _run(np.array([-200.0, -100.0, 100.0]))
    name = "STN-GPe, subthalamic input"
    return [
        row(f"{name} - 200: beta is gone: peak to peak of S, 1/s", 0.0, found[0][2], 0.1, COMPUTED),
        row(f"{name} - 100: peak to peak of S, 1/s", 26.0, found[1][2], 0.5, COMPUTED),
        row(f"{name} + 100: peak to peak of S, 1/s", 115.0, found[2][2], 1.0, COMPUTED),
    ]


def _medication() -> list[Row]:
    """K(t): the medicated loop is that of a milder disease."""
    nominal = Conditions.nominal(1)
    half, full = (_run(conditions=dataclasses.replace(nominal, medication=jnp.float32(m)))[0][0] for m in (0.5, 1.0))
    source = "K (1 - medication), " + COMPUTED
    return [
        row("STN-GPe, Parkinsonian, half medicated: Hz", 25.3, half[0], 0.2, source),
        row("STN-GPe, Parkinsonian, fully medicated: subthalamic rate, 1/s", 18.1, full[1], 0.1, source),
        row("STN-GPe, Parkinsonian, fully medicated: peak to peak of S, 1/s", 0.0, full[2], 0.01, source),
    ]


def _lesion(fast: bool) -> list[Row]:
    """Deep brain stimulation as an informational lesion, 0.1 s to set in and 12 s to wear off."""
    source = make_source("stn_gpe", sfreq=SFREQ, n_times=500, burn_in_s=1.0)
    source = dataclasses.replace(source, model=dataclasses.replace(source.model, sigma=jnp.zeros(())))
    key, second = jax.random.key(0), round(SFREQ)
    off = simulate(source, 2.0, key)
    on = simulate(source, 20.0 if fast else 40.0, key, stim=[2e-3], state=off.state)
    after = simulate(source, 12.0 if fast else 60.0, key, state=on.state)
    before = np.ptp(off.output[0, -second:])
    size = {t: np.ptp(after.output[0, (t - 1) * second : t * second]) / before for t in (3, 12)}
    effect = "peak to peak of S over that before, 1"
    tail = "beta is still reduced 12 s after deep brain stimulation"
    table = [
        row(f"STN-GPe, 2 mA held: {effect}", 0.0, np.ptp(on.output[0, -second:]) / before, 0.01, COMPUTED),
        row(f"STN-GPe, 3 s after 2 mA: {effect}", (0.0, 0.9), size[3], 0.0, tail),
        row(f"STN-GPe, 12 s after 2 mA: {effect}", (0.0, 0.95), size[12], 0.0, tail),
    ]
    if fast:
        return table
    worn_off = np.ptp(after.output[0, -second:]) / before
    # S follows the ripple of the dose, as pulses do not divide the samples evenly
    pulsed, usual = _pulsed() / before, "a therapeutic setting abolishes beta"
    return [
        *table,
        row(f"STN-GPe, 60 s after 2 mA: {effect}", 1.0, worn_off, 0.02, tail),
        row(f"STN-GPe, pulses of 3 mA, 60 us, 130 Hz: {effect}", (0.0, 0.05), pulsed, 0.0, usual),
    ]


def _pulsed() -> float:
    """Peak to peak of S in 250 Hz samples, at the end of 6 s of a usual pulse train."""
    train = PulseTrain.create(250.0, frequency=130.0, width=60e-6)
    share = np.concatenate([np.asarray(train.share(jnp.int32(tick), 250)) for tick in range(6)])
    source = make_source("stn_gpe", pulses=True, burn_in_s=1.0)
    source = dataclasses.replace(source, model=dataclasses.replace(source.model, sigma=jnp.zeros(())))
    run = simulate(source, 6.0, jax.random.key(0), stim=3e-3 * share[None])
    return float(np.ptp(run.output[0, -250:]))
