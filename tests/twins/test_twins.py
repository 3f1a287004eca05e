"""The references' own integrator against closed forms, and every reference's shapes."""

import importlib

import numpy as np
import pytest

from .integrate import heun, whole_steps

MODELS = (
    "jansen_rit", "wendling", "wilson_cowan", "stn_gpe", "epileptor", "thalamocortical", "eirs",
    "stuart_landau", "kuramoto", "ott_antonsen", "bonhoeffer_van_der_pol", "hindmarsh_rose",
)  # fmt: skip
ENSEMBLES = ("kuramoto", "bonhoeffer_van_der_pol", "hindmarsh_rose")
"""Their nodes are the coupled cells of one population."""


MODULES = {name: importlib.import_module(f".{name}", __package__) for name in MODELS}
SETS = [
    pytest.param(module, parameters, id=f"{name}-{label}")
    for name, module in MODULES.items()
    for label, parameters in module.PARAMETERS.items()
]


def damped_error(n_steps: int) -> float:
    """Largest error at t = 1 for y' = M y, a damped rotation."""
    matrix = np.array([[-1.0, -6.0], [6.0, -1.0]])
    states = heun(lambda y, u, past: matrix @ y, np.array([[1.0], [0.0]]), 1 / n_steps, n_steps)
    exact = np.exp(-1) * np.array([[np.cos(6)], [np.sin(6)]])
    return float(np.abs(states[-1] - exact).max())


def test_heun_is_of_second_order_on_a_linear_system():
    errors = [damped_error(n) for n in (100, 200, 400)]
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    np.testing.assert_allclose(orders, 2.0, atol=0.05)


def delayed_solution(t: np.ndarray) -> np.ndarray:
    """y' = -y(t - 1), y = 1 before 0, by the method of steps: sum_k (-1)^k (t - k + 1)^k / k! over t >= k - 1."""
    total, factorial = np.ones_like(t), 1.0
    for k in range(1, 8):
        factorial *= k
        total += np.where(t >= k - 1, (-1) ** k * np.maximum(t - k + 1, 0) ** k / factorial, 0.0)
    return total


def test_a_delayed_state_follows_the_method_of_steps_to_second_order():
    errors = []
    for n in (20, 40, 80):
        states = heun(lambda y, u, past: -past[0], np.ones((1, 1)), 1 / n, 6 * n, delays=(1.0,))
        errors.append(np.abs(states[:, 0, 0] - delayed_solution(np.arange(6 * n + 1) / n)).max())
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / np.array(errors[1:])), 2.0, atol=0.1)
    assert errors[-1] < 1e-4


def test_a_matrix_of_delays_looks_up_every_pair_at_its_own_time():
    """y_0 = t, y_1 = -2 t: what i sees of j is the ramp d_ij earlier, and the start before t = 0."""
    seen = {}
    delay = np.array([[0.0, 0.3], [0.5, 0.1]])

    def slope(y, u, past):
        seen["last"] = past[0][0]
        return np.array([[1.0, -2.0]])

    heun(slope, np.zeros((1, 2)), 0.1, 10, delays=(delay,))
    np.testing.assert_allclose(seen["last"], (1.0 - delay) * np.array([1.0, -2.0]), atol=1e-12)
    heun(slope, np.zeros((1, 2)), 0.1, 3, delays=(delay,))
    np.testing.assert_allclose(seen["last"], np.array([[0.3, 0.0], [0.0, -0.4]]), atol=1e-12)


def test_a_delay_of_no_steps_is_the_present_state():
    rotate = np.array([[-1.0, -6.0], [6.0, -1.0]])
    start = np.array([[1.0], [0.0]])
    plain = heun(lambda y, u, past: rotate @ y, start, 0.01, 50)
    np.testing.assert_array_equal(heun(lambda y, u, past: rotate @ past[0], start, 0.01, 50, delays=(0.0,)), plain)


def test_delays_between_two_steps_are_refused():
    with pytest.raises(ValueError, match="whole number of steps"):
        whole_steps((0.25,), 0.1)


def test_noise_of_an_ornstein_uhlenbeck_process_has_its_stationary_variance():
    """y' = -y + sigma xi: variance sigma^2 / 2; over 4000 s of 50 nodes the estimate's sd is 0.3 %."""
    rng = np.random.default_rng(0)
    noise = 0.8 * np.sqrt(0.05) * rng.standard_normal((80_000, 1, 50))
    states = heun(lambda y, u, past: -y, np.zeros((1, 50)), 0.05, 80_000, noise=noise)
    assert np.var(states[200:]) == pytest.approx(0.32, rel=0.02)


@pytest.mark.parametrize(("module", "parameters"), SETS)
def test_slopes_have_the_shape_of_the_state_and_uncoupled_nodes_do_not_mix(module, parameters):
    y = module.initial(parameters, 3)
    y = y + 0.01 * np.random.default_rng(1).standard_normal(y.shape)
    past = tuple(y for _ in getattr(module, "delays", lambda q: ())(parameters))
    together = module.slope(parameters, y, np.array([0.0, 0.1, 0.0]), past)
    assert together.shape == y.shape == (len(y), 3)
    assert together.dtype == np.float64
    assert len(y) <= len(module.VARIABLES)
    if module.__name__.rpartition(".")[2] not in ENSEMBLES:
        alone = module.slope(parameters, y[:, :1], np.zeros(1), tuple(p[:, :1] for p in past))
        np.testing.assert_allclose(together[:, :1], alone, rtol=1e-14)
    assert module.noise_gain(parameters).shape == (len(module.VARIABLES),)
    assert module.observe(parameters, y).shape == (3,)


@pytest.mark.parametrize(("module", "parameters"), SETS)
def test_the_stimulus_moves_its_own_node_only(module, parameters):
    y = module.initial(parameters, 2)
    past = tuple(y for _ in getattr(module, "delays", lambda q: ())(parameters))
    still = module.slope(parameters, y, np.zeros(2), past)
    moved = module.slope(parameters, y, np.array([0.0, 0.5]), past)
    np.testing.assert_array_equal(still[:, 0], moved[:, 0])
    assert np.abs(still[:, 1] - moved[:, 1]).max() > 0


EIRS = MODULES["eirs"]


@pytest.mark.parametrize("state", ["wake", "eyes closed", "spindle"])
def test_published_couplings_rest_at_their_published_rates_and_have_the_published_gains(state):
    """Rates are given to ten digits, gains to three."""
    q = EIRS.PARAMETERS[f"{state}, sigmoid"]
    y = EIRS.initial(q)
    np.testing.assert_allclose(EIRS.slope(q, y, np.zeros(1), (y,))[::2], 0.0)
    still = EIRS.slope(q, y, np.zeros(1), (y,))[1::2, 0] / (q["alpha"] * q["beta"])
    np.testing.assert_allclose(still, 0.0, atol=1e-5)
    gains = EIRS.PARAMETERS[state]
    for name in EIRS.NAMES:
        steady = q[f"Q_{name[0]}"]
        gain = q[f"nu_{name}"] * steady * (1 - steady / q["Q_max"]) / q["sigma"]
        assert gain == pytest.approx(gains[f"G_{name}"], abs=0.051, rel=0.01)


@pytest.mark.parametrize("state", ["wake", "eyes closed", "spindle"])
def test_the_linear_corticothalamic_loop_follows_its_analytic_transfer_function(state):
    """A 10 Hz drive for 6 s at 0.25 ms: Heun's phase error is 1e-4, transients have died away."""
    q = EIRS.PARAMETERS[state]
    dt, f = 0.00025, 10.0
    n = round(6 / dt)
    drive = np.sin(2 * np.pi * f * (np.arange(n) + 0.5) * dt)[:, None]
    states = heun(
        lambda y, u, past: EIRS.slope(q, y, u, past), np.zeros((12, 1)), dt, n, delays=EIRS.delays(q), stim=drive
    )
    t = np.arange(n + 1) * dt
    last = t > 5 + dt / 2
    measured = 2 * np.mean(states[last, 0, 0] * np.exp(-2j * np.pi * f * t[last])) * 1j
    np.testing.assert_allclose(measured, EIRS.transfer(q, np.array([f]))[0], rtol=0.01)


def test_a_kick_moves_the_kuramoto_mean_field_as_the_ott_antonsen_reduction_says():
    """20001 phases of a wrapped Cauchy law, th -> th - e sin(th); the reduction is exact to order e^2."""
    e, rho, psi, n = 1e-4, 0.6, 0.7, 20_001
    uniform = 2 * np.pi * (np.arange(n) + 0.5) / n
    spread = (np.exp(1j * uniform) + rho) / (1 + rho * np.exp(1j * uniform)) * np.exp(1j * psi)
    model, reduced = MODULES["kuramoto"], MODULES["ott_antonsen"]
    still = {"omega": np.zeros(n), "K": 0.0}
    th = np.angle(spread)
    kicked = np.mean(np.exp(1j * (th + e * model.slope(still, th[None], np.ones(n))[0])))
    z = rho * np.exp(1j * psi)
    dz = reduced.slope({"w0": 0.0, "g": 0.0, "K": 0.0}, np.array([[z.real], [z.imag]]), np.ones(1))
    np.testing.assert_allclose((kicked - z) / e, dz[0, 0] + 1j * dz[1, 0], atol=2 * e)
    assert (abs(kicked) - rho) / e == pytest.approx((1 - rho**2) / 2 * np.cos(psi), abs=2 * e)
    assert (np.angle(kicked) - psi) / e == pytest.approx(-(1 + rho**2) / (2 * rho) * np.sin(psi), abs=2 * e)


@pytest.mark.parametrize("ratio", [2.5, 3.0, 4.0, 6.0])
def test_the_ott_antonsen_order_parameter_settles_at_the_closed_form(ratio):
    module = MODULES["ott_antonsen"]
    q = {"w0": 0.0, "g": 1.0, "K": ratio}
    end = heun(lambda y, u, past: module.slope(q, y, u), module.initial(q), 0.01, 6000)[-1]
    assert np.hypot(*end[:, 0]) == pytest.approx(np.sqrt(1 - 2 / ratio), abs=1e-6)


def test_coupled_columns_receive_each_others_rates_late_and_a_network_of_one_is_a_column():
    module = MODULES["jansen_rit"]
    q = module.PARAMETERS["alpha"]
    start = module.initial(q, 2) * np.array([1.0, 1.1])
    alone = heun(lambda y, u, past: module.slope(q, y, u), start, 1e-3, 50)
    network = q | {"coupling": np.array([[0.0, 20.0], [0.0, 0.0]]), "delay": np.full((2, 2), 0.01)}
    coupled = heun(lambda y, u, past: module.slope(network, y, u, past), start, 1e-3, 50, delays=module.delays(network))
    np.testing.assert_array_equal(coupled[:, :, 1], alone[:, :, 1])
    sent = 20 * 5 / (1 + np.exp(0.56 * (6 - (start[1, 1] - start[2, 1]))))
    same = heun(lambda y, u, past: module.slope(q, y, u), start, 1e-3, 10, stim=np.full((10, 2), [sent, 0.0]))
    np.testing.assert_allclose(coupled[:11, :, 0], same[:, :, 0], rtol=1e-12)
    assert np.abs(coupled[-1, :, 0] - alone[-1, :, 0]).max() > 1e-3


def test_a_seizing_neighbour_lowers_the_permittivity_of_the_epileptor():
    module = MODULES["epileptor"]
    q = module.PARAMETERS["seizure"] | {"coupling": np.array([[0.0, 1.0], [0.0, 0.0]]), "K": 0.5}
    y = module.initial(q, 2)
    y[0, 1] = 1.0
    difference = module.slope(q, y, np.zeros(2)) - module.slope(module.PARAMETERS["seizure"], y, np.zeros(2))
    np.testing.assert_allclose(difference[:, 1], 0.0)
    np.testing.assert_allclose(difference[:, 0], [0, 0, -0.00035 * 0.5 * 2.5, 0, 0, 0], atol=1e-18)
