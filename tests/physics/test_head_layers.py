"""Skull conductivity, the template head and reference schemes against exact series, published figures and algebra."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.conditions import Conditions
from neurodrift.sim.errors import InputError
from neurodrift.sim.head import (
    HEADS,
    DipoleProjection,
    Reprojection,
    SphereHead,
    TemplateHead,
    average_reference,
    bipolar,
    electrode_reference,
    homogeneous_gain,
    lateral_rotation,
    make_head,
    make_montage,
    move_cap,
    rest_reference,
    small_laplacian,
)
from neurodrift.sim.head.series import SHELLS, layer_factors, series_gain, shell_gain
from neurodrift.sim.head.sphere import PRESETS
from neurodrift.sim.head.template import _table

# compiled once per kind of head; op by op would take longer than the mathematics
gain_of = jax.jit(lambda head, electrodes, positions: head.gain(electrodes, positions))
leadfield_of = jax.jit(lambda head, *arguments: head.leadfield(*arguments))
under = jax.jit(lambda head, conditions: head.under(conditions))


@pytest.fixture
def double_precision():
    with jax.enable_x64(True):
        yield


def unit_vectors(n, seed):
    v = np.random.default_rng(seed).standard_normal((n, 3))
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def with_skull(head, skull):
    return under(head, dataclasses.replace(Conditions.nominal(2), skull_conductivity=jnp.asarray(skull)))


def sphere_points(n):
    """Evenly spread unit vectors (Fibonacci lattice)."""
    i = np.arange(n) + 0.5
    z, azimuth = 1 - 2 * i / n, np.pi * (1 + 5**0.5) * i
    ring = np.sqrt(1 - z * z)
    return np.stack([ring * np.cos(azimuth), ring * np.sin(azimuth), z], axis=1)


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def test_closed_form_equals_the_300_term_series_to_rounding(double_precision):
    electrodes = 0.09 * unit_vectors(40, 0)
    positions = 0.09 * unit_vectors(20, 1) * np.linspace(0.1, 0.85, 20)[:, None]
    closed = jax.jit(homogeneous_gain)(jnp.asarray(electrodes), jnp.asarray(positions), 0.33)
    # 1e-15 over all depths; the rounding of 300 terms grows to 6e-15 at .85 of the radius
    assert relative(np.asarray(closed), series_gain(electrodes, positions, 0.33)) < 7e-15


def test_layers_of_one_conductivity_are_no_layers():
    n = np.arange(1, 40)
    np.testing.assert_allclose(layer_factors(n, (0.8, 0.9, 1.0), (0.33, 0.33, 0.33)), 1.0, rtol=1e-12)


def test_layer_factors_match_the_closed_form_of_two_shells():
    # brain and skull only: V_n relative to a sphere of skull, from the boundary equations solved by hand
    n, r, ratio = np.arange(1, 20), 0.85, 0.05
    # continuity of V and of sigma V' at r, no flux at 1, unit source term r^-(n+1) in the brain
    expected = []
    for k in n:
        a = np.array(
            [
                [r**k, -(r**k), -(r ** (-k - 1))],
                [k * r ** (k - 1), -ratio * k * r ** (k - 1), ratio * (k + 1) * r ** (-k - 2)],
                [0, k, -(k + 1)],
            ]
        )
        _, up, down = np.linalg.solve(a, [-(r ** (-k - 1.0)), (k + 1) * r ** (-k - 2.0), 0])
        # the source is q/(4 pi sigma_brain) here and q/(4 pi sigma_skull) in the sphere of skull
        expected.append(ratio * (up + down) / ((2 * k + 1) / k))
    np.testing.assert_allclose(layer_factors(n, (r, 1.0), (1.0, ratio)), expected, rtol=1e-10)


def test_the_published_three_dipoles_are_within_2_8e_3_of_the_exact_series(double_precision):
    electrodes, positions = 0.09 * sphere_points(400), np.array([[0.0, 0.0, 0.075]])
    gain = np.asarray(gain_of(SphereHead.preset("mne"), jnp.asarray(electrodes), jnp.asarray(positions)))
    # 2.71e-3 over the whole sphere; 2.8e-3 over some random electrodes
    assert 2.6e-3 < relative(gain, shell_gain(electrodes, positions, "mne")) < 2.85e-3


@pytest.mark.parametrize("name", list(PRESETS))
def test_nominal_skull_conductivity_reproduces_the_table_to_the_last_bit(name):
    head = with_skull(SphereHead.preset(name), 1.0)
    np.testing.assert_array_equal(head.mu, np.float32(PRESETS[name][0]))
    np.testing.assert_array_equal(head.weight, np.float32(PRESETS[name][1]))


@pytest.mark.parametrize("name", list(SHELLS))
@pytest.mark.parametrize("depth", [0.015, 0.03])
def test_any_skull_conductivity_is_within_7e_3_of_the_exact_series(name, depth, double_precision):
    head = SphereHead.preset(name)
    radius = float(head.radius)
    electrodes, positions = radius * sphere_points(300), np.array([[0.0, 0.0, radius - depth]])
    errors = [
        relative(
            np.asarray(gain_of(with_skull(head, skull), jnp.asarray(electrodes), jnp.asarray(positions))),
            shell_gain(electrodes, positions, name, skull),
        )
        for skull in np.geomspace(1 / 3, 3, 9)
    ]
    # as good as the published row of the 1/80 skull itself (6.7e-3 at 15 mm)
    assert max(errors) < 7e-3


def test_skull_conductivity_between_the_rows_of_the_table_gives_gains_between_theirs():
    # 1/80 with its skull 3.14 times as conductive is the head of 1/25: two independent fits of the same spheres
    electrodes, positions = 0.092 * unit_vectors(60, 6), 0.077 * unit_vectors(30, 7)
    skull = 0.0126 / 0.0042
    ours = np.asarray(gain_of(with_skull(SphereHead.preset("skull-1/80"), skull), electrodes, jnp.asarray(positions)))
    exact = shell_gain(electrodes, positions, "skull-1/25", 0.0126 / 0.0132)
    assert relative(ours, exact) < 5e-3


def test_skull_conductivity_beyond_the_fit_stays_at_its_end():
    head = SphereHead.preset()
    np.testing.assert_array_equal(with_skull(head, 100.0).mu, with_skull(head, 3.0).mu)


def test_potentials_are_smooth_in_skull_conductivity():
    electrodes, positions = 0.09 * unit_vectors(8, 0), jnp.asarray(0.07 * unit_vectors(4, 1))

    def total(skull):
        return jnp.sum(with_skull(SphereHead.preset(), skull).gain(electrodes, positions) ** 2)

    slope, value = jax.jit(jax.grad(total))(jnp.float32(1.0)), jax.jit(total)
    difference = (value(jnp.float32(1.02)) - value(jnp.float32(0.98))) / 0.04
    assert float(slope) == pytest.approx(float(difference), rel=1e-2)


def test_a_plants_leadfield_follows_the_skull_and_replay_stays_exact_without_a_change():
    montage = make_montage("10-10-16")
    still = Conditions.nominal(16)
    thin = dataclasses.replace(still, skull_conductivity=jnp.float32(2.0))

    class Part:
        positions = jnp.asarray(0.074 * unit_vectors(3, 8), jnp.float32)
        orientations = jnp.asarray(unit_vectors(3, 8), jnp.float32)

    projection = DipoleProjection(head=SphereHead.preset(), montage=montage)
    of_part = jax.jit(lambda conditions: projection.matrix(conditions, [Part]))
    louder = np.linalg.norm(of_part(thin)) / np.linalg.norm(of_part(still))
    assert 1.2 < louder < 2.0
    channels = dataclasses.replace(montage, positions=montage.positions[:16], reference_names=())
    replay = Reprojection.create(channels)
    matrix = jax.jit(lambda conditions: replay.matrix(conditions, []))
    np.testing.assert_array_equal(matrix(still), np.eye(16))
    assert np.abs(np.asarray(matrix(thin)) - np.eye(16)).max() > 0.05


# --- the template head ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def template():
    return TemplateHead.load()


def correlations(a, b):
    """(n_sources,) of topographies (n_channels, n_sources, ...) against the average reference."""
    a, b = (np.moveaxis(x - x.mean(axis=0), 1, 0).reshape(x.shape[1], -1) for x in (np.asarray(a), np.asarray(b)))
    return np.sum(a * b, axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_the_template_gives_its_own_gain_at_its_sites_and_sources(template):
    table = _table()
    gain = gain_of(template, 0.09 * template.sites, template.sources)
    # float32 through a spline system of condition number 5e3, and neighbours' weights of 1e-4
    assert relative(np.asarray(gain), table["gain"]) < 1e-3


def test_the_templates_maps_correlate_with_the_spheres_as_published(template):
    table = _table()
    sphere = gain_of(SphereHead.preset(), 0.09 * template.sites, template.sources)
    radial = table["sources"] / np.linalg.norm(table["sources"], axis=1, keepdims=True)
    maps = [np.einsum("csk,sk->cs", g, radial) for g in (table["gain"], np.asarray(sphere))]
    assert np.median(correlations(*maps)) == pytest.approx(0.986, abs=0.004)


def test_a_source_left_out_of_the_template_is_interpolated_better_than_the_sphere_knows_it(template):
    table, electrodes = _table(), 0.09 * template.sites
    ours, spheres = [], []
    for i in range(0, 120, 10):
        kept = np.arange(240) != i
        without = dataclasses.replace(template, sources=template.sources[kept], correction=template.correction[:, kept])
        place, truth = template.sources[i : i + 1], table["gain"][:, i : i + 1]
        ours.append(correlations(gain_of(without, electrodes, place), truth)[0])
        spheres.append(correlations(gain_of(template.sphere, electrodes, place), truth)[0])
    assert np.median(ours) > 0.995
    assert np.median(spheres) < 0.99


def test_the_template_is_symmetrical(template):
    montage = make_montage(["C3", "C4", "Cz", "F7", "F8"])
    electrodes = montage.positions[:5]
    left, right = (jnp.asarray([[x, 0.01, 0.055]]) for x in (-0.04, 0.04))
    up = jnp.asarray([[0.0, 0.0, 1.0]])
    a = np.asarray(leadfield_of(template, electrodes, left, up))[:, 0]
    b = np.asarray(leadfield_of(template, electrodes, right, up))[[1, 0, 2, 4, 3], 0]
    np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-3 * np.abs(a).max())


def test_far_from_the_cortex_the_template_is_the_sphere(template):
    electrodes = make_montage("10-10-16").positions
    below = jnp.asarray([[0.0, 0.0, -0.085]])
    assert np.linalg.norm(np.asarray(template.sources) - np.asarray(below), axis=1).min() > 0.03
    difference = gain_of(template, electrodes, below) - gain_of(template.sphere, electrodes, below)
    near = gain_of(template, electrodes, template.sources[:1]) - gain_of(
        template.sphere, electrodes, template.sources[:1]
    )
    assert np.abs(difference).max() < 0.2 * np.abs(near).max()


def test_leadfield_is_gain_times_orientation_on_the_template_too(template):
    electrodes, positions = 0.09 * unit_vectors(9, 0), 0.065 * unit_vectors(7, 1)
    orientations = unit_vectors(7, 2)
    expected = np.einsum("csk,sk->cs", gain_of(template, electrodes, jnp.asarray(positions)), orientations)
    ours = leadfield_of(template, electrodes, jnp.asarray(positions), jnp.asarray(orientations))
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_cap_shift_on_the_template_is_close_to_a_shift_of_the_sphere(template):
    montage = make_montage("10-10-31")
    electrodes = montage.positions[: montage.n_channels]
    moved = move_cap(electrodes, lateral_rotation(0.02), jnp.zeros(3), 0.09)
    place = jnp.asarray([[-0.05, 0.0, 0.05], [0.05, 0.0, 0.05]])
    axis = place / jnp.linalg.norm(place, axis=1, keepdims=True)
    lost = [
        1 - correlations(leadfield_of(head, electrodes, place, axis), leadfield_of(head, moved, place, axis)).mean()
        for head in (template, template.sphere)
    ]
    # another head, so not the same; but interpolation between the sites neither freezes nor exaggerates the shift
    assert 0.5 < lost[0] / lost[1] < 2.0


@pytest.mark.parametrize("name", HEADS)
def test_every_head_by_name_projects_under_jit(name):
    head = make_head(name)
    montage = make_montage("10-10-16", radius=float(head.radius))

    class Part:
        positions = jnp.asarray([[0.0, 0.03, 0.06]])
        orientations = jnp.asarray([[0.0, 0.0, 1.0]])

    projection = DipoleProjection(head=head, montage=montage)
    matrix = jax.jit(lambda conditions: projection.matrix(conditions, [Part]))(Conditions.nominal(16))
    assert matrix.shape == (len(montage.positions), 1)
    assert np.isfinite(matrix).all()


def test_a_head_that_cannot_be_is_refused():
    with pytest.raises(InputError, match="did you mean 'template'"):
        make_head("templat")
    with pytest.raises(InputError, match="size of its own"):
        make_head("template", radius=0.015)
    assert float(make_head("mne", radius=0.015).radius) == pytest.approx(0.015)


# --- reference schemes ---------------------------------------------------------------------------------------

MONTAGE = make_montage("10-20-19")
N = MONTAGE.n_channels
X = 20e-6 * np.random.default_rng(3).standard_normal((N, 50)).astype(np.float32)


def schemes():
    return {
        "average": average_reference(N),
        "electrode": electrode_reference(MONTAGE, "Cz"),
        "two electrodes": electrode_reference(MONTAGE, "T7", "T8"),
        "bipolar": bipolar(MONTAGE, [("F3", "C3"), ("F4", "C4")]),
        "laplacian": small_laplacian(MONTAGE),
        "rest": rest_reference(MONTAGE),
    }


@pytest.mark.parametrize("name", list(schemes()))
def test_no_scheme_sees_the_reference_of_the_recording(name):
    matrix = np.asarray(schemes()[name], np.float64)
    other = X - X[4]
    np.testing.assert_allclose(matrix @ X, matrix @ other, atol=1e-5 * np.abs(X).max())


def test_average_and_electrode_references_have_rank_n_minus_1():
    assert np.linalg.matrix_rank(np.asarray(average_reference(N), np.float64), tol=1e-5) == N - 1
    assert np.linalg.matrix_rank(np.asarray(electrode_reference(MONTAGE, "Cz"), np.float64), tol=1e-5) == N - 1


def test_re_referencing_forgets_what_the_reference_was_before():
    average, to_cz, mastoids = (
        np.asarray(m, np.float64)
        for m in (average_reference(N), electrode_reference(MONTAGE, "Cz"), electrode_reference(MONTAGE, "T7", "T8"))
    )
    for first in (average, to_cz, mastoids):
        for second in (average, to_cz, mastoids):
            np.testing.assert_allclose(second @ first, second, atol=1e-6)
    np.testing.assert_allclose(average @ average, average, atol=1e-6)


def test_the_reference_electrode_reads_zero():
    referenced = np.asarray(electrode_reference(MONTAGE, "Cz")) @ X
    assert np.abs(referenced[MONTAGE.ch_names.index("Cz")]).max() == 0


def test_the_amplifiers_weights_and_the_matrices_agree():
    for kind, matrix in (("average", average_reference(N)), ("Cz", electrode_reference(MONTAGE, "Cz"))):
        weights = np.asarray(MONTAGE.reference_weights(kind))[:N]
        np.testing.assert_allclose(X - weights @ X, np.asarray(matrix) @ X, atol=1e-10)


def test_rest_recovers_potentials_against_infinity_better_than_the_average_reference():
    head = SphereHead.preset()
    montage = make_montage("10-10-31")
    place = jnp.asarray(0.07 * unit_vectors(60, 9))
    place = place * jnp.where(place[:, 2:] < 0, jnp.asarray([1.0, 1.0, -1.0]), 1.0)
    truth = np.asarray(leadfield_of(head, montage.positions[:31], place, jnp.asarray(unit_vectors(60, 10))))
    rest = np.asarray(rest_reference(montage)) @ truth
    average = truth - truth.mean(axis=0)
    # simulated: Yao (2001) finds a few times less error than the average reference for sources of the upper head
    assert np.median(np.linalg.norm(rest - truth, axis=0) / np.linalg.norm(average - truth, axis=0)) < 0.6


def test_the_laplacian_of_a_potential_linear_over_the_scalp_is_small():
    montage = make_montage("10-10-31")
    place = np.asarray(montage.positions[:31])
    centre = [montage.ch_names.index(name) for name in ("C1", "Cz", "C2")]
    laplacian = np.asarray(small_laplacian(montage)) @ place[:, 0]
    assert np.abs(laplacian[centre]).max() < 0.15 * np.abs(place[:, 0]).max()


def test_channels_that_are_not_there_are_refused():
    with pytest.raises(InputError, match="'A1' is no channel"):
        electrode_reference(MONTAGE, "A1")
    with pytest.raises(InputError, match="n_neighbours is 0"):
        small_laplacian(MONTAGE, 0)
