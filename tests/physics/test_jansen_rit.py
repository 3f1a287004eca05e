"""The Jansen-Rit column against its published bifurcations and an independent float64 integration."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.signal import welch

from neurodrift.sim.conditions import Conditions
from neurodrift.sim.errors import InputError
from neurodrift.sim.sources import Connectome, JansenRit, NeuralMass
from neurodrift.sim.sources.integrate import heun, inputs_of
from neurodrift.sim.sources.model import Inputs

CONDITIONS = Conditions.nominal(16)
LETTERS = ("A", "B", "a", "b", "e0", "v0", "r", "C1", "C2", "C3", "C4")


@pytest.fixture(scope="module")
def m() -> dict[str, float]:
    """The parameters that the component exposes, as float64."""
    one = JansenRit.create()
    return {name: round(float(getattr(one, name)), 6) for name in LETTERS}


def firing_rate(m, v):
    return 2 * m["e0"] / (1 + np.exp(m["r"] * (m["v0"] - v)))


def slope(m, y, p):
    """The equations of Jansen & Rit (1995), written a second time, in float64 NumPy."""
    y0, y1, y2, y3, y4, y5 = y
    a, b = m["a"], m["b"]
    return np.array(
        [
            y3,
            y4,
            y5,
            m["A"] * a * firing_rate(m, y1 - y2) - 2 * a * y3 - a**2 * y0,
            m["A"] * a * (p + m["C2"] * firing_rate(m, m["C1"] * y0)) - 2 * a * y4 - a**2 * y1,
            m["B"] * b * m["C4"] * firing_rate(m, m["C3"] * y0) - 2 * b * y5 - b**2 * y2,
        ]
    )


def integrate(m, p, seconds, dt, start, method="heun"):
    y, v = np.array(start, float), []
    for _ in range(round(seconds / dt)):
        d = slope(m, y, p)
        y = y + dt * d if method == "euler" else y + 0.5 * dt * (d + slope(m, y + dt * d, p))
        v.append(y[1] - y[2])
    return np.array(v)


def equilibrium(m, v):
    """The state and the input p at which v = y1 - y2 rests: at rest p is a function of v."""
    y0 = m["A"] / m["a"] * firing_rate(m, v)
    y2 = m["B"] / m["b"] * m["C4"] * firing_rate(m, m["C3"] * y0)
    y1 = v + y2
    p = y1 * m["a"] / m["A"] - m["C2"] * firing_rate(m, m["C1"] * y0)
    return np.array([y0, y1, y2, 0, 0, 0]), p


def eigenvalues(m, v):
    y, p = equilibrium(m, v)
    h = 1e-6
    jacobian = np.stack([(slope(m, y + h * e, p) - slope(m, y - h * e, p)) / (2 * h) for e in np.eye(6)], axis=1)
    return np.linalg.eigvals(jacobian)


def test_equilibria_lose_stability_at_the_published_hopf_points(m):
    def growth(v):  # real part of the leading complex pair
        values = eigenvalues(m, v)
        return np.max(values[np.abs(values.imag) > 1.0].real)

    grid = np.linspace(-2, 12, 1401)
    sign = np.sign([growth(v) for v in grid])
    crossings = [brentq(growth, grid[i], grid[i + 1], xtol=1e-10) for i in np.flatnonzero(np.diff(sign))]
    found = []
    for v in crossings:
        values = eigenvalues(m, v)
        leading = values[np.argmin(np.abs(values.real) + (np.abs(values.imag) < 1.0) * 1e9)]
        found.append((equilibrium(m, v)[1], abs(leading.imag) / (2 * np.pi)))
    # Grimbert & Faugeras (2006), Neural Computation 18:3052, give 89.83 and 315.70
    for p, frequency in ((-12.15, 7.24), (89.83, 10.38), (315.70, 11.16)):
        nearest = min(found, key=lambda f: abs(f[0] - p))
        assert nearest[0] == pytest.approx(p, abs=0.01)
        assert nearest[1] == pytest.approx(frequency, abs=0.01)


def test_equilibria_fold_at_the_published_inputs(m):
    grid = np.linspace(-2, 12, 14001)
    p = np.array([equilibrium(m, v)[1] for v in grid])
    turning = np.flatnonzero(np.diff(np.sign(np.diff(p))))
    np.testing.assert_allclose(np.sort(p[turning + 1])[[0, -1]], [-41.30, 113.586], atol=0.01)


def cycle(v, dt):
    """Frequency from upward crossings of the level half way between the extremes, and peak to peak."""
    crossing = 0.5 * (v.max() + v.min())
    up = np.flatnonzero((v[:-1] < crossing) & (v[1:] >= crossing))
    times = up + (crossing - v[up]) / (v[up + 1] - v[up])
    return (len(times) - 1) / ((times[-1] - times[0]) * dt), np.ptp(v)


def column(n_nodes=1, dtype=jnp.float32, **letters):
    model = JansenRit.create(**({"sigma": 0.0} | letters))
    return NeuralMass.create(model, n_nodes=n_nodes, sfreq=1000.0, dt=1e-3, n_times=1000, dtype=dtype)


def run(source, seconds, start=(0.1, 18.0, 15.0, 0.0, 0.0, 0.0), seed=0):
    """v (n_nodes, n) mV from ``start``, without the burn-in, through the component's own step."""
    state = source.begin()._replace(y=tuple(jnp.full(source.n_nodes, x, source.moment.dtype) for x in start))
    silence = jnp.zeros((source.n_stim, source.n_times))

    def step(state, key):
        state, moments, _ = source.step(state, silence, CONDITIONS, key)
        return state, moments

    keys = jax.random.split(jax.random.key(seed), round(seconds * source.sfreq / source.n_times))
    _, moments = jax.jit(lambda s: jax.lax.scan(step, s, keys))(state)
    moments = np.asarray(moments, np.float64)
    v = np.moveaxis(moments, 1, 0).reshape(source.n_nodes, -1) / np.asarray(source.moment, np.float64)
    return v + float(source.mean)


def test_alpha_cycle_at_p_220_has_the_published_frequency_and_size():
    frequency, peak = cycle(run(column(), 14.0)[0, 8000:], 1e-3)
    assert frequency == pytest.approx(10.938, rel=0.005)
    assert peak == pytest.approx(2.946, rel=0.005)


@pytest.mark.parametrize(("p", "hertz"), [(114.0, 0.94), (120.0, 2.39), (130.0, 3.17), (137.0, 4.28)])
def test_from_rest_the_column_spikes_at_the_published_rate(p, hertz):
    v = run(column(p=p), 14.0, start=(0.0,) * 6)[0, 4000:]
    frequency, peak = cycle(v, 1e-3)
    # 10 s hold 9 to 40 spikes, timed to a fraction of a sample; 1 % covers the third digit of the figures
    assert frequency == pytest.approx(hertz, rel=0.015)
    assert 8.6 < peak < 10.2


def test_the_spike_cycle_is_gone_at_p_138_and_coexists_with_alpha_below():
    gone, _ = cycle(run(column(p=138.0), 14.0, start=(0.0,) * 6)[0, 8000:], 1e-3)
    assert gone > 9.0
    alpha, peak = cycle(run(column(p=130.0), 14.0)[0, 8000:], 1e-3)
    assert alpha > 9.0
    assert peak < 6.0


@pytest.mark.parametrize(
    ("sigma", "peak", "fraction"), [(1.0, 10.94, 0.99), (2.0, 10.74, 0.97), (5.0, 10.16, 0.85), (10.0, None, 0.42)]
)
def test_noise_moves_the_peak_and_spreads_the_spectrum_as_published(sigma, peak, fraction):
    # at sigma = 10 the top is flat from 7 to 10 Hz and has no peak to speak of;
    # 16 columns of 20 s: the spread of one column's peak is about one bin of .24 Hz
    v = run(column(n_nodes=16, sigma=sigma), 24.0)[:, 4000:]
    f, power = welch(v, 1000.0, nperseg=4096)
    power = power.mean(axis=0)
    if peak is not None:
        assert f[np.argmax(power * (f > 1.5))] == pytest.approx(peak, abs=0.75)
    band = (f >= 8) & (f <= 13)
    total = (f >= 1) & (f <= 45)
    assert power[band].sum() / power[total].sum() == pytest.approx(fraction, abs=0.06)


@pytest.mark.parametrize(("dt", "euler"), [(1e-3, 6.08), (0.5e-3, 4.69), (0.1e-3, 3.36)])
def test_euler_makes_alpha_too_large_at_every_step(m, dt, euler):
    # close to the cycle: what is tested is its size, not the way there
    v = integrate(m, 220.0, 4.0, dt, (0.1, 18, 15, 0, 0, 0), "euler")
    assert np.ptp(v[-round(0.5 / dt) :]) == pytest.approx(euler, rel=0.01)


def test_heun_has_the_true_size_of_alpha_at_a_millisecond(m):
    v = integrate(m, 220.0, 8.0, 1e-3, (0.1, 18, 15, 0, 0, 0))
    assert np.ptp(v[-1000:]) == pytest.approx(2.949, rel=0.002)


def test_above_the_last_hopf_point_heun_rests_while_euler_goes_on_oscillating(m):
    start = (0.1, 18, 15, 0, 0, 0)
    euler, heun = (integrate(m, 320.0, 40.0, 1e-3, start, method) for method in ("euler", "heun"))
    hertz, size = cycle(euler[-1000:], 1e-3)
    assert size > 2.0
    assert 9.0 < hertz < 13.0
    assert size == pytest.approx(np.ptp(euler[9000:10000]), rel=0.01)
    # the mode's growth is small just above the Hopf point: the oscillation takes tens of seconds to die
    assert np.ptp(heun[-1000:]) < 0.2 * np.ptp(heun[9000:10000])
    assert np.ptp(heun[-1000:]) < 0.2


def test_a_threshold_of_5_52_mv_is_not_the_alpha_point(m):
    fast = integrate({**m, "v0": 5.52}, 220.0, 8.0, 0.5e-3, (0.1, 18, 15, 0, 0, 0))[-8000:]
    hertz, size = cycle(fast, 0.5e-3)
    # an integration with 0.1 ms gives 6.80 Hz and 9.75 mV; v0 = 6 mV gives 10.94 Hz and 2.95 mV
    assert hertz == pytest.approx(6.80, abs=0.02)
    assert size == pytest.approx(9.75, abs=0.05)
    ours, ours_size = cycle(run(column(v0=5.52), 8.0)[0, 4000:], 1e-3)
    assert ours == pytest.approx(6.80, abs=0.03)
    assert ours_size == pytest.approx(9.75, abs=0.1)


def test_float64_component_equals_the_numpy_integration(m):
    with jax.enable_x64(True):
        one = column(dtype=jnp.float64)
        assert one.model.p.dtype == jnp.float64
        v = run(one, 1.0)[0]
    expected = integrate(m, 220.0, 1.0, 1e-3, (0.1, 18, 15, 0, 0, 0))
    np.testing.assert_allclose(v, expected, rtol=0, atol=1e-10)


def test_heun_is_of_second_order_without_noise_and_first_order_with_it(m):
    """Additive noise: the strong order of stochastic Heun is 1 (Kloeden & Platen 1992), its weak part order 2."""
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        fine = 2**11
        path = rng.standard_normal((fine, 64)) * np.sqrt(0.25 / fine)

        def end(n_steps, sigma):
            model, h = JansenRit.create(), 0.25 / n_steps
            kicks = 3.25 * 100 * sigma * path.reshape(n_steps, -1, 64).sum(axis=1)
            y = tuple(jnp.full(64, x, jnp.float64) for x in (0.1, 18.0, 15.0, 0.0, 0.0, 0.0))
            y, _ = jax.lax.scan(
                lambda y, k: (heun(model, h, y, lambda y, _: Inputs(), (k,)), None), y, jnp.asarray(kicks)
            )
            return np.asarray(y[1] - y[2])

        for sigma, order in ((0.0, 2.0), (5.0, 1.0)):
            exact = end(fine, sigma)
            steps = np.array([256, 512])
            error = [np.sqrt(np.mean((end(n, sigma) - exact) ** 2)) for n in steps]
            slope_ = np.log2(error[0] / error[1])
            assert slope_ > order - 0.1


def test_a_step_that_is_too_long_is_refused_with_the_largest_safe_one():
    with pytest.raises(InputError, match=r"0\.001 s"):
        NeuralMass.create(JansenRit.create(), dt=2e-3)
    with pytest.raises(InputError, match=r"0\.0005 s"):
        NeuralMass.create(JansenRit.create(a=200.0), dt=1e-3)
    with pytest.raises(InputError, match="unknown JansenRit parameter 'w'"):
        JansenRit.create(w=1.0)


def test_step_divides_the_sample_and_is_no_longer_than_asked():
    assert NeuralMass.create(JansenRit.create(), sfreq=250.0, dt=1e-3).dt == pytest.approx(1e-3)
    assert NeuralMass.create(JansenRit.create(), sfreq=256.0, dt=1e-3).dt == pytest.approx(1 / 1024)


def test_moments_of_a_default_column_are_those_of_a_cortical_patch_from_the_first_window():
    source = NeuralMass.create(JansenRit.create(), n_nodes=64)
    state = source.init(jax.random.key(1), CONDITIONS)
    first = None
    for n in range(4):
        state, moments, truth = source.step(state, jnp.zeros((1, 250)), CONDITIONS, jax.random.key(n))
        first = moments if first is None else first
    assert int(truth["label"]) == -1
    for window in (first, moments):  # no transient: the first second looks like the fourth
        assert 10e-9 < float(jnp.std(window)) < 30e-9
        assert abs(float(jnp.mean(window))) < 3e-9
    # phases are independent: the mean of 64 columns is far smaller than one
    assert float(jnp.std(jnp.mean(first, axis=0))) < 0.4 * float(jnp.std(first))


def test_current_moves_the_input_by_its_coupling_and_efficacy():
    source = NeuralMass.create(JansenRit.create(), n_nodes=4, n_stim=2, n_times=25)
    state = source.init(jax.random.key(0), CONDITIONS)
    half = Conditions(**{**CONDITIONS.__dict__, "stim_efficacy": jnp.float32(0.5)})
    stim = jnp.stack([jnp.full(25, 1e-3), jnp.zeros(25)])
    _, _, truth = source.step(state, stim, half, jax.random.key(0))
    np.testing.assert_allclose(truth["input"], [25.0, 0.0, 25.0, 0.0], rtol=1e-6)


def test_rhythm_gain_scales_the_moments():
    source = NeuralMass.create(JansenRit.create(), n_nodes=4, n_times=25)
    state = source.init(jax.random.key(0), CONDITIONS)
    loud = Conditions(**{**CONDITIONS.__dict__, "rhythm_gain": jnp.float32(2.0)})
    silence = jnp.zeros((1, 25))
    _, once, _ = source.step(state, silence, CONDITIONS, jax.random.key(0))
    _, twice, _ = source.step(state, silence, loud, jax.random.key(0))
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-6)


def test_coupling_adds_firing_rates_to_the_input():
    weights = jnp.asarray([[0.0, 3.0], [0.0, 0.0]])
    model, wiring = JansenRit.create(), Connectome.create(weights)
    y = tuple(jnp.asarray(x) for x in ([0.1, 0.2], [18.0, 17.0], [15.0, 9.0], [0.0] * 2, [0.0] * 2, [0.0] * 2))
    rate = 5.0 / (1 + np.exp(0.56 * (6.0 - 8.0)))
    coupled = inputs_of(model, wiring, y, 0.0, 0.0)
    extra = model.slope(y, coupled)[4] - model.slope(y, Inputs())[4]
    np.testing.assert_allclose(extra, [325.0 * 3.0 * rate, 0.0], rtol=1e-4, atol=0.05)


@pytest.mark.parametrize("coupled", [False, True])
def test_vmap_over_people_and_runs_equals_single_runs(coupled):
    options = {"n_nodes": 3, "n_times": 25, "dt": 0.8e-3, "burn_in_s": 0.1}
    wiring = Connectome.create(np.full((3, 3), 2.0)) if coupled else None
    nominal = NeuralMass.create(JansenRit.create(), wiring=wiring, **options)
    keys = jax.random.split(jax.random.key(3), 4)

    def one(key):
        source = dataclasses.replace(nominal, model=nominal.model.person(key))
        state = source.init(key, CONDITIONS)
        return source.step(state, jnp.full((1, 25), 1e-3), CONDITIONS, key)[1]

    batch = jax.vmap(one)(keys)
    for row, key in zip(batch, keys):
        # 62 burn-in and 125 recorded steps; float32 rounding in another order
        np.testing.assert_allclose(row, one(key), rtol=0, atol=2e-4 * float(jnp.std(row)))


def test_gradient_flows_to_the_current():
    source = NeuralMass.create(JansenRit.create(), n_nodes=2, n_times=25)
    state = source.init(jax.random.key(0), CONDITIONS)

    def mean(current):
        _, moments, _ = source.step(state, jnp.full((1, 25), current), CONDITIONS, jax.random.key(0))
        return jnp.mean(moments) * 1e9

    step = 2e-5
    difference = (mean(1e-3 + step) - mean(1e-3 - step)) / (2 * step)
    assert float(jax.grad(mean)(1e-3)) == pytest.approx(float(difference), rel=0.02)
