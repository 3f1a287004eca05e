"""The sphere head against MNE, against the Legendre series, and against published gains."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import eval_legendre

from neurodrift.sim.head import SphereHead, homogeneous_gain, make_montage, move_cap


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def random_dipoles(n=12, radius=0.09, seed=0):
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal((n, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return direction * radius * rng.uniform(0.1, 0.85, (n, 1))


def test_four_shell_gain_equals_mne():
    import mne

    montage = make_montage("10-10-31")
    electrodes = np.asarray(montage.positions[: montage.n_channels], np.float64)
    positions = random_dipoles()
    info = mne.create_info(list(montage.ch_names), 250.0, "eeg")
    info.set_montage(mne.channels.make_dig_montage(dict(zip(montage.ch_names, electrodes)), coord_frame="head"))
    sphere = mne.make_sphere_model(r0=(0.0, 0.0, 0.0), head_radius=0.09, verbose="error")
    normals = np.tile([0.0, 0.0, 1.0], (len(positions), 1))
    space = mne.setup_volume_source_space(
        pos={"rr": positions, "nn": normals}, sphere=sphere, sphere_units="m", verbose="error"
    )
    forward = mne.make_forward_solution(
        info, trans=None, src=space, bem=sphere, meg=False, eeg=True, mindist=0.0, verbose="error"
    )
    expected = forward["sol"]["data"].reshape(len(electrodes), -1, 3)
    used = forward["source_rr"]
    assert len(used) >= 8
    gain = SphereHead.preset("mne").gain(jnp.asarray(electrodes), jnp.asarray(used))
    # MNE keeps electrode positions in float32
    np.testing.assert_allclose(gain, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def legendre_gain(electrodes, positions, sigma, n_terms=300):
    """A dipole in a homogeneous sphere, the classical series (Brody 1973), one dipole at a time, in float64."""
    out = np.empty((len(electrodes), len(positions), 3))
    n = np.arange(1, n_terms + 1)
    for j, rq in enumerate(positions):
        depth = np.linalg.norm(rq)
        radial = rq / depth
        for i, re in enumerate(electrodes):
            r = np.linalg.norm(re)
            unit = re / r
            x = unit @ radial
            p = eval_legendre(n, x)
            # P_n'(x) by (x^2 - 1) P_n' = n (x P_n - P_(n-1))
            slope = n * (x * p - eval_legendre(n - 1, x)) / (x * x - 1)
            factor = (2 * n + 1) / n * (depth / r) ** (n - 1) / (4 * np.pi * sigma * r**2)
            across = unit - x * radial
            out[i, j] = np.sum(factor * n * p) * radial + np.sum(factor * slope) * across
    return out


def test_closed_form_equals_the_legendre_series():
    electrodes = np.asarray(make_montage("10-10-16").positions, np.float64)
    positions = random_dipoles(6)
    expected = legendre_gain(electrodes, positions, 0.33)
    gain = homogeneous_gain(jnp.asarray(electrodes), jnp.asarray(positions), 0.33)
    np.testing.assert_allclose(gain, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_a_dipole_at_the_centre_has_the_textbook_potential():
    electrodes = jnp.asarray([[0.0, 0.0, 0.09], [0.054, 0.0, 0.072]])
    expected = 3 * electrodes / (4 * np.pi * 0.33 * 0.09**3)
    for place in (0.0, 1e-9):
        gain = homogeneous_gain(electrodes, jnp.asarray([[place, 0.0, 0.0]]), 0.33)
        # 1 nm off the centre moves the potential by 1e-8 of itself
        np.testing.assert_allclose(gain[:, 0], expected, rtol=0, atol=1e-7 * float(expected.max()))


@pytest.mark.parametrize(
    ("name", "radial", "tangential"),
    [("skull-1/80", 3.3, 1.2), ("mne", 4.5, 1.9), ("skull-1/25", 7.5, 2.9), ("skull-1/15", 10.3, 4.0)],
)
def test_gains_of_10_nam_15_mm_deep_are_the_published_ones(name, radial, tangential):
    head = SphereHead.preset(name)
    radius = float(head.radius)
    angle = np.linspace(0, np.pi, 2001)
    electrodes = jnp.asarray(radius * np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=1))
    gain = np.asarray(head.gain(electrodes, jnp.asarray([[0.0, 0.0, radius - 0.015]])))[:, 0] * 10e-9 * 1e6
    # figures are given to two digits
    assert np.abs(gain[:, 2]).max() == pytest.approx(radial, abs=0.06)
    assert np.abs(gain[:, 0]).max() == pytest.approx(tangential, abs=0.06)


@pytest.mark.parametrize(
    ("shift", "correlation"),
    [(0.0025, 0.999), (0.005, 0.997), (0.01, 0.987), (0.015, 0.971), (0.02, 0.950), (0.03, 0.891)],
)
def test_topographies_decorrelate_with_a_shift_to_the_front_as_published(shift, correlation):
    montage, head = make_montage("10-10-31"), SphereHead.preset("mne")
    electrodes = montage.positions[: montage.n_channels].astype(jnp.float64)
    rng = np.random.default_rng(0)
    # hand areas 45 degrees to either side, within 5 mm, mixed .75 radial, 16 mm below the scalp
    side = np.array([[-1.0, 0, 1], [1.0, 0, 1]])[rng.integers(0, 2, 400)] / np.sqrt(2)
    place = side + 0.005 / 0.09 * rng.standard_normal((400, 3))
    place /= np.linalg.norm(place, axis=1, keepdims=True)
    across = np.cross(place, rng.standard_normal((400, 3)))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    orientation = 0.75 * place + np.sqrt(1 - 0.75**2) * across
    moved = move_cap(electrodes, jnp.asarray([-shift / 0.09, 0.0, 0.0]), jnp.zeros(3), 0.09)
    maps = [
        np.asarray(head.leadfield(e, jnp.asarray(place * 0.074), jnp.asarray(orientation))) for e in (electrodes, moved)
    ]
    maps = [m - m.mean(axis=0) for m in maps]
    measured = np.mean(
        np.sum(maps[0] * maps[1], axis=0) / np.linalg.norm(maps[0], axis=0) / np.linalg.norm(maps[1], axis=0)
    )
    # the published figures average 16 subjects, ours 400 dipoles. The direction matters: shifted to the side, along
    # the arc through both hand areas, the same maps decorrelate 2.3 times as much (.970 at 1 cm)
    assert measured == pytest.approx(correlation, abs=0.005)


def test_distances_of_the_10_10_system():
    montage = make_montage(["C3", "C1", "Cz", "FCz", "C2", "C4"])
    place = {n: np.asarray(p, np.float64) / 0.09 for n, p in zip(montage.ch_names, montage.positions)}

    def degrees(a, b):
        return np.degrees(np.arccos(place[a] @ place[b]))

    assert degrees("C3", "Cz") == pytest.approx(45, abs=1.5)
    assert degrees("C4", "Cz") == pytest.approx(45, abs=1.5)
    for pair in (("C1", "Cz"), ("C3", "C1"), ("FCz", "Cz")):  # 3.6 cm along the scalp
        assert np.radians(degrees(*pair)) * 0.09 == pytest.approx(0.036, abs=0.001)


def test_average_reference_loses_one_rank():
    montage, head = make_montage("10-10-16"), SphereHead.preset("mne")
    positions = random_dipoles(40)
    gain = np.asarray(head.gain(montage.positions.astype(jnp.float64), jnp.asarray(positions)))
    gain = gain.reshape(len(montage.positions), -1)
    weights = np.asarray(montage.reference_weights("average"), np.float64)
    referenced = gain[:16] - weights @ gain
    assert np.linalg.matrix_rank(gain[:16]) == 16
    assert np.linalg.matrix_rank(referenced) == 15
