"""What every neural mass shares: delays, noise, wiring, pathways of stimulation, refusals."""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.conditions import Conditions
from neurodrift.sim.errors import InputError
from neurodrift.sim.pytree import component
from neurodrift.sim.simulate import simulate
from neurodrift.sim.sources import (
    Connectome,
    FieldShift,
    InformationalLesion,
    JansenRit,
    MeanField,
    NeuralMass,
)  # fmt: skip
from neurodrift.sim.sources.model import Model, Variable
from neurodrift.tests.twins import compare
from neurodrift.tests.twins import integrate as twin_integrate
from neurodrift.tests.twins import jansen_rit as twin

CONDITIONS = Conditions.nominal(1)


@component
class Echo(Model):
    """y' = -y(t - lag), whose solution from y = 1 is known piece by piece (method of steps)."""

    lag: jax.Array
    VARIABLES: ClassVar[tuple[Variable, ...]] = (Variable("y", "1", -2.0, 2.0),)
    BURN_IN_S: ClassVar[float] = 0.0
    MOMENT: ClassVar[float] = 1.0

    def start(self):
        return (1.0,)

    def slope(self, y, inputs):
        return (-inputs.past[0],)

    def output(self, y):
        return y[0]

    def remembered(self, y):
        return (y[0],)

    def lags(self):
        return (self.lag,)

    def largest_step(self):
        return 0.1


@component
class OrnsteinUhlenbeck(Model):
    """y' = (u - y) / tau + sigma xi; stationary variance sigma^2 tau / 2."""

    tau: jax.Array
    sigma: jax.Array
    VARIABLES: ClassVar[tuple[Variable, ...]] = (Variable("y", "1", -100.0, 100.0),)
    MOMENT: ClassVar[float] = 1.0

    def start(self):
        return (0.0,)

    def slope(self, y, inputs):
        return ((inputs.stim + inputs.field + (inputs.coupled[0] if inputs.coupled else 0.0) - y[0]) / self.tau,)

    def output(self, y):
        return y[0]

    def noise(self):
        return (self.sigma,)

    def largest_step(self):
        return float(0.5 * jnp.min(self.tau))


def ou(tau=0.02, sigma=1.0, **options):
    model = OrnsteinUhlenbeck(tau=jnp.asarray(tau, float), sigma=jnp.asarray(sigma, float))
    return NeuralMass.create(model, **({"burn_in_s": 0.0} | options))


def test_an_own_delay_follows_the_method_of_steps_to_second_order():
    def error(dt):
        source = NeuralMass.create(
            Echo(lag=jnp.asarray(1.0)), sfreq=20.0, n_times=20, dt=dt, dtype=jnp.float64, burn_in_s=0.0
        )
        y = simulate(source, 3.0, jax.random.key(0), burn_in=False).output[0]
        t = np.arange(1, 61) / 20.0
        exact = 1.0 - t + np.where(t > 1, (t - 1) ** 2 / 2, 0) - np.where(t > 2, (t - 2) ** 3 / 6, 0)
        return np.abs(y - exact).max()

    with jax.enable_x64(True):
        coarse, fine = error(0.05), error(0.025)
        assert coarse < 1e-3
        assert np.log2(coarse / fine) == pytest.approx(2.0, abs=0.15)


@pytest.mark.parametrize("delayed", [False, True])
def test_a_wired_network_equals_the_reference(delayed):
    rng = np.random.default_rng(0)
    n, dt = 5, 0.5e-3
    weights = rng.uniform(0.0, 3.0, (n, n))
    np.fill_diagonal(weights, 0.0)
    delays = dt * rng.integers(6, 40, (n, n)) if delayed else None
    start = twin.initial({}, n) * np.linspace(0.8, 1.2, n)
    stim = compare.wave(2000, n, dt, 40.0)
    parameters = {**twin.PARAMETERS["alpha"], "coupling": weights} | ({"delay": delays} if delayed else {})
    theirs = twin_integrate.heun(
        lambda y, u, past: twin.slope(parameters, y, u, past),
        start,
        dt,
        2000,
        delays=twin.delays(parameters),
        stim=stim,
    )[1:]
    with jax.enable_x64(True):
        model = JansenRit.create(sigma=0.0)
        wired = NeuralMass.create(
            model, n_nodes=n, sfreq=2000.0, n_times=200, dt=dt, n_stim=n, start=tuple(start), dtype=jnp.float64,
            wiring=Connectome.create(weights, delays, dtype=jnp.float64),
        )  # fmt: skip
        wired = dataclasses.replace(wired, entry=dataclasses.replace(wired.entry, coupling=jnp.eye(n)))
        state, ours = wired.begin(), []
        step = jax.jit(wired.trace)
        for k in range(10):
            state, values = step(state, jnp.asarray(stim[200 * k : 200 * (k + 1)].T), CONDITIONS, jax.random.key(0))
            ours.append(np.moveaxis(np.asarray(values), -1, 0))
    assert compare.relative_error(np.concatenate(ours), theirs) < 1e-10


@pytest.mark.parametrize("dt", [5e-3, 1e-3])
def test_noise_has_the_law_of_its_density_whatever_the_step(dt):
    sigma, tau = 2.0, 0.02
    source = ou(tau, sigma, n_nodes=200, sfreq=200.0, n_times=200, dt=dt, burn_in_s=0.5)
    y = simulate(source, 20.0, jax.random.key(1)).output
    # 200 nodes x 20 s of correlation time 20 ms: the variance is known to about .3 %; Heun's own error of the
    # stationary variance is h^2/8 of the rate's square, below 1 % at 5 ms
    assert y.var() == pytest.approx(sigma**2 * tau / 2, rel=0.02)
    assert abs(y.mean()) < 0.01
    for lag in (1, 4):
        correlation = np.mean(y[:, lag:] * y[:, :-lag]) / y.var()
        assert correlation == pytest.approx(np.exp(-lag * 5e-3 / tau), abs=0.01)
    assert abs(np.mean(y[0] * y[1]) / y.var()) < 0.1


def test_windows_of_any_length_give_one_run():
    rng = np.random.default_rng(1)
    weights, delays = rng.uniform(0, 5, (3, 3)), rng.uniform(4e-3, 30e-3, (3, 3))

    def run(n_times):
        source = NeuralMass.create(
            JansenRit.create(sigma=0.0), n_nodes=3, sfreq=500.0, n_times=n_times, dt=0.5e-3, burn_in_s=0.0,
            wiring=Connectome.create(weights, delays), dtype=jnp.float64,
        )  # fmt: skip
        return simulate(source, 0.8, jax.random.key(0), burn_in=False).output

    with jax.enable_x64(True):
        np.testing.assert_allclose(run(50), run(400), rtol=0, atol=1e-9)


def test_a_batch_of_delayed_networks_gives_what_each_gives_alone():
    weights, delays = np.full((3, 3), 4.0), np.full((3, 3), 6e-3)
    nominal = NeuralMass.create(
        JansenRit.create(), n_nodes=3, n_times=25, wiring=Connectome.create(weights, delays), burn_in_s=0.1
    )
    keys = jax.random.split(jax.random.key(0), 3)

    def one(key, p):
        source = dataclasses.replace(nominal, model=dataclasses.replace(nominal.model, p=p))
        return source.step(source.init(key, CONDITIONS), jnp.zeros((1, 25)), CONDITIONS, key)[1]

    inputs = jnp.asarray([180.0, 220.0, 260.0])
    batch = jax.jit(jax.vmap(one))(keys, inputs)
    for row, key, p in zip(batch, keys, inputs):
        np.testing.assert_allclose(row, one(key, p), rtol=0, atol=2e-4 * float(jnp.std(row)))


def test_coupling_gain_scales_the_wiring():
    weights = np.array([[0.0, 2.0], [0.0, 0.0]])
    source = ou(n_nodes=2, sigma=0.0, n_times=250, wiring=Connectome.create(weights), start=(1.0,))
    strong = dataclasses.replace(CONDITIONS, coupling_gain=jnp.float32(2.0))
    # a node held at 1 by its own input drives the other to weight x gain
    hold = dataclasses.replace(source, entry=dataclasses.replace(source.entry, coupling=jnp.asarray([[0.0], [1.0]])))
    for conditions, expected in ((CONDITIONS, 2.0), (strong, 4.0)):
        out = simulate(hold, 1.0, jax.random.key(0), conditions, stim=[1.0], burn_in=False).output
        np.testing.assert_allclose(out[:, -1], [expected, 1.0], rtol=1e-4)


def test_the_mean_field_stays_within_its_group():
    wiring = MeanField.create(3.0, group=2)
    np.testing.assert_allclose(wiring.collect(jnp.asarray([1.0, 3.0, 10.0, 20.0])), [6.0, 6.0, 45.0, 45.0])
    np.testing.assert_allclose(MeanField.create(2.0).collect(jnp.asarray([1.0, 3.0])), [4.0, 4.0])


def test_pooled_nodes_are_one_source_of_their_mean():
    source = ou(n_nodes=4, pool=2, sigma=0.0, start=(jnp.asarray([1.0, 3.0, 5.0, 7.0]),), sfreq=1000.0, n_times=10)
    assert source.n_sources == 2
    out = simulate(source, 0.01, jax.random.key(0), burn_in=False).output
    np.testing.assert_allclose(out[:, 0] / out[0, 0], [1.0, 3.0], rtol=1e-5)


def test_a_lesion_builds_up_and_outlasts_the_stimulation():
    """Low-pass filters of 0.1 s and 12 s, in closed form."""
    lesion = InformationalLesion.create(np.array([[-1e3]]), tau_fast=0.1, tau_slow=12.0, share=0.3)
    on = jnp.full((1, 500), -2e-3)
    state, drive = lesion.step(lesion.init(), on, CONDITIONS, 250.0)
    t = np.arange(1, 501) / 250.0
    expected = -2.0 * (0.7 * (1 - np.exp(-t / 0.1)) + 0.3 * (1 - np.exp(-t / 12.0)))
    np.testing.assert_allclose(drive.stim[:, 0], expected, rtol=2e-4)
    after = lesion.step(state, jnp.zeros((1, 500)), CONDITIONS, 250.0)[1].stim[:, 0]
    np.testing.assert_allclose(after[-1], -0.6 * (1 - np.exp(-2.0 / 12.0)) * np.exp(-2.0 / 12.0), rtol=1e-3)


def test_a_transcranial_field_shifts_the_membrane_of_pyramidal_cells_only():
    shift = FieldShift.POLARISATION * FieldShift.FIELD
    assert shift * 2e-3 == pytest.approx(0.16)  # mV at 2 mA
    model = JansenRit.create(sigma=0.0)
    plain = NeuralMass.create(model, sfreq=1000.0, n_times=100)
    field = dataclasses.replace(plain, entry=FieldShift(coupling=jnp.asarray([[1000.0]])))
    # a field of x mV is a threshold v0 lower by x in the pyramidal sigmoid; y3' alone feels it
    state = field.begin()
    _, values = field.trace(state, jnp.full((1, 100), 2e-3), CONDITIONS, jax.random.key(0))
    _, before = plain.trace(state, jnp.zeros((1, 100)), CONDITIONS, jax.random.key(0))
    first = np.asarray(values - before)[:, 0, 0]
    rate = lambda v: 5 / (1 + np.exp(0.56 * (6.0 - v)))  # noqa: E731
    kick = 325.0 * (rate(5.0) - rate(3.0)) * 1e-3
    assert first[3] == pytest.approx(kick, rel=0.1)
    assert abs(first[5]) < 1e-3 * abs(first[3])


def test_sizes_and_delays_that_do_not_fit_are_refused():
    model = JansenRit.create()
    square = np.ones((3, 3))
    with pytest.raises(InputError, match=r"is \(3, 3\) for 2 nodes"):
        NeuralMass.create(model, n_nodes=2, wiring=Connectome.create(square))
    with pytest.raises(InputError, match=r"shape \(2, 3\); wanted a square matrix"):
        Connectome.create(np.ones((2, 3)))
    with pytest.raises(InputError, match=r"shape \(2, 2\) for weights of \(3, 3\)"):
        Connectome.create(square, np.ones((2, 2)))
    with pytest.raises(InputError, match="shorter than the integration step"):
        NeuralMass.create(model, n_nodes=3, wiring=Connectome.create(square, 1e-5 * square))
    with pytest.raises(InputError, match="shorter than the longest delay"):
        NeuralMass.create(model, n_nodes=3, wiring=Connectome.create(square, 1e-2 * square), longest_delay=5e-3)
    with pytest.raises(InputError, match="a multiple of pool"):
        NeuralMass.create(model, n_nodes=3, pool=2)
    with pytest.raises(InputError, match="start has 2 values; JansenRit has 6 variables"):
        NeuralMass.create(model, start=(0.0, 0.0))
    with pytest.raises(InputError, match=r"JansenRit\.p has shape \(2,\)"):
        NeuralMass.create(JansenRit.create(p=np.array([1.0, 2.0])), n_nodes=3)


def test_a_run_that_breaks_says_what_happened_and_keeps_what_came_before():
    source = ou(tau=0.1, sigma=0.0, sfreq=100.0, n_times=10, dt=0.01)
    result = simulate(source, 2.0, jax.random.key(0), stim=np.where(np.arange(200) < 100, 1.0, 1e4)[None], chunk_s=0.7)
    assert not result.ok
    assert result.status.startswith("y left -100 to 100 1 after 1 s")
    assert result.output.shape == (1, 100)
    assert np.isfinite(result.output).all()
    nan = simulate(source, 1.0, jax.random.key(0), state=source.begin()._replace(y=(jnp.asarray([np.nan]),)))
    assert "stopped being finite after 0 s" in nan.status


def test_a_run_goes_on_from_where_it_ended():
    source = ou(sigma=0.0, n_times=25, start=(5.0,))
    whole = simulate(source, 0.4, jax.random.key(0), burn_in=False)
    first = simulate(source, 0.2, jax.random.key(0), burn_in=False)
    rest = simulate(source, 0.2, jax.random.key(0), state=first.state)
    np.testing.assert_array_equal(np.c_[first.output, rest.output], whole.output)
    with pytest.raises(InputError, match=r"shape \(3,\); wanted \(1,\) or \(1, 50\) in A"):
        simulate(source, 0.2, jax.random.key(0), stim=[1.0, 2.0, 3.0])
