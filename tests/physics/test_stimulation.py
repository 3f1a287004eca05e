"""Pulses as charge, contacts with an impedance, limits in closed form, species."""

import dataclasses
import itertools
import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.clock import Clock
from neurodrift.sim.conditions import Conditions
from neurodrift.sim.drift import EfficacyLoss, Encapsulation, PhaseWalk, SkullConductivity, make_drift
from neurodrift.sim.errors import InputError
from neurodrift.sim.head import make_montage
from neurodrift.sim.species import SPECIES, species
from neurodrift.sim.stimulation import (
    PulseTrain,
    Stimulator,
    charge_density,
    charge_per_phase,
    largest_current,
    pulse_is_allowed,
    shannon_k,
    teed,
    transcranial_is_allowed,
)

CM2 = 1e-4


def exact_share(frequency, width, sfreq, first, n):
    """Share of samples first..first+n-1 that leading phases of pulses at k/frequency fill, in rational arithmetic."""
    f, w, fs = Fraction(str(frequency)), Fraction(str(width)), Fraction(str(sfreq))

    def filled(t):
        k = math.floor(t * f)
        return k * w + min(t - k / f, w)

    edges = [filled(Fraction(i) / fs) for i in range(first, first + n + 1)]
    return np.array([float((b - a) * fs) for a, b in itertools.pairwise(edges)])


@pytest.mark.parametrize(
    ("sfreq", "n_times", "frequency", "width"),
    [
        (250.0, 25, 130.0, 60e-6),
        (250.0, 250, 130.0, 90e-6),
        (1000.0, 100, 125.5, 60e-6),
        (160.0, 16, 185.0, 60e-6),  # more than one pulse in a sample
        (2000.0, 7, 130.0, 450e-6),
        (20000.0, 640, 130.0, 60e-6),  # pulses longer than a sample
    ],
)
def test_every_sample_gets_the_exact_charge_of_its_leading_phases(sfreq, n_times, frequency, width):
    share = jax.jit(PulseTrain.create(sfreq, frequency, width).share, static_argnums=1)
    for tick in (0, 1, 977, 2**31 - 1):
        expected = exact_share(frequency, width, sfreq, tick * n_times, n_times)
        # float32 of a width; positions are integers, so 2^31 windows later nothing has slipped
        np.testing.assert_allclose(
            share(jnp.int32(tick), n_times), expected, rtol=0, atol=3e-7 * min(1.0, width * sfreq)
        )


@pytest.mark.parametrize(("sfreq", "n_times"), [(250.0, 25), (250.0, 250), (500.0, 20), (1000.0, 1000), (4000.0, 80)])
def test_a_second_of_pulses_delivers_the_same_charge_at_any_rate_and_in_any_windows(sfreq, n_times):
    stimulator = Stimulator.create(1, sfreq, n_times, 5e-3, waveform=PulseTrain.create(sfreq, 130.0, 60e-6))
    step = jax.jit(stimulator.step)
    windows = [step(jnp.asarray([3e-3]), jnp.int32(k)) for k in range(round(sfreq) // n_times)]
    charge = sum(float(delivered.charge) for _, delivered in windows)
    assert charge == pytest.approx(130 * 3e-3 * 60e-6, rel=1e-6)
    integrated = sum(float(np.sum(np.asarray(current, np.float64))) / sfreq for current, _ in windows)
    assert integrated == pytest.approx(130 * 3e-3 * 60e-6, rel=1e-6)


def test_windows_of_other_lengths_are_cuts_of_one_train():
    train = PulseTrain.create(250.0, 117.3, 90e-6)
    share = jax.jit(train.share, static_argnums=1)
    whole = np.asarray(share(jnp.int32(0), 1000))
    pieces = np.concatenate([share(jnp.int32(k), 40) for k in range(25)])
    np.testing.assert_array_equal(whole, pieces)


def test_onsets_are_at_whole_multiples_of_the_period():
    train = PulseTrain.create(250.0, 130.0, 60e-6)
    times, find = [], jax.jit(train.onsets, static_argnums=(1, 2))
    for k in range(40):
        onsets = np.asarray(find(jnp.int32(k), 25, 16), np.float64)
        times += list(k * 0.1 + onsets[np.isfinite(onsets)])
    np.testing.assert_allclose(times, np.arange(len(times)) / 130.0, atol=1e-7)
    assert len(times) == 520


def test_the_age_of_the_last_pulse_counts_from_its_onset():
    train = PulseTrain.create(250.0, 130.0, 60e-6)
    age = np.asarray(jax.jit(train.since_pulse, static_argnums=1)(jnp.int32(3), 25))
    t = (75 + np.arange(25)) / 250.0
    np.testing.assert_allclose(age, t - np.floor(t * 130 + 1e-9) / 130, atol=1e-8)


def test_pulses_are_charge_balanced_and_cathodic_first():
    train = PulseTrain.create(250.0, 130.0, 60e-6, gap=40e-6, recharge=5.0)
    t = (np.arange(200_000) + 0.5) / 200_000 / 130.0
    wave = np.asarray(train.waveform(jnp.asarray(t)))
    assert abs(wave.mean()) < 2e-5
    assert wave[0] == 1.0
    assert wave.min() == pytest.approx(-0.2)
    # the Fourier series is that of the waveform
    real, imag = train.harmonics(3)
    for m in (1, 2, 3):
        coefficient = np.mean(wave * np.exp(-2j * np.pi * m * 130.0 * t))
        assert complex(real[m - 1], imag[m - 1]) == pytest.approx(coefficient, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0.0}, "a width above 0"),
        ({"frequency": 0.0}, "command 0 A"),
        ({"frequency": 1000.0, "width": 600e-6}, "does not fit"),
        ({"recharge": 0.5}, "recharge of 1 or more"),
    ],
)
def test_pulses_that_cannot_be_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        PulseTrain.create(250.0, **options)


def test_a_pulse_train_of_another_sampling_rate_is_refused():
    with pytest.raises(InputError, match="made for 500 Hz"):
        Stimulator.create(1, 250.0, 25, waveform=PulseTrain.create(500.0))


def test_alternating_current_of_any_frequency_keeps_its_phase_for_ever():
    stimulator = Stimulator.create(1, 250.0, 25, frequency=10.3)
    step = jax.jit(stimulator.step)
    current = np.concatenate([step(jnp.asarray([1e-3]), jnp.int32(k))[0][0] for k in range(40)])
    expected = 1e-3 * np.cos(2 * np.pi * 10.3 * np.arange(1000) / 250.0)
    np.testing.assert_allclose(current, expected, atol=1e-8)
    late = stimulator.shape(jnp.int32(2**31 - 1))
    n = (2**31 - 1) * 25 + np.arange(25)
    turns = [float(Fraction(103, 10) * int(k) / 250 % 1) for k in n]
    np.testing.assert_allclose(late, np.cos(2 * np.pi * np.array(turns)), atol=1e-5)


def deliver(current, impedance, **options):
    stimulator = Stimulator.create(1, 250.0, 250, 5e-3, waveform=PulseTrain.create(250.0, 130.0, 60e-6), **options)
    conditions = dataclasses.replace(Conditions.nominal(2), contact_impedance=jnp.float32(impedance))
    return _step(stimulator, jnp.asarray([current]), jnp.int32(0), conditions)[1]


_step = jax.jit(lambda stimulator, *arguments: stimulator.step(*arguments))


@pytest.mark.parametrize(
    ("current", "impedance", "compliance", "delivered"),
    [(3e-3, 1e3, 10.0, 3e-3), (3e-3, 4e3, 10.0, 2.5e-3), (-3e-3, 4e3, 10.0, -2.5e-3), (3e-3, 8e3, jnp.inf, 3e-3)],
)
def test_a_current_source_holds_its_current_up_to_the_compliance(current, impedance, compliance, delivered):
    assert float(deliver(current, impedance, compliance=compliance).applied[0]) == pytest.approx(delivered, rel=1e-6)


@pytest.mark.parametrize(("impedance", "delivered"), [(1e3, 3e-3), (2e3, 1.5e-3), (500.0, 5e-3), (750.0, 4e-3)])
def test_a_voltage_source_delivers_more_the_lower_the_impedance(impedance, delivered):
    # 3 V programmed; the ceiling of 5 mA holds below 600 ohm
    assert float(deliver(3e-3, impedance, control="voltage").applied[0]) == pytest.approx(delivered, rel=1e-6)


def test_energy_is_the_total_electrical_energy_delivered():
    # 3 mA through 1 kOhm are 3 V: 70.2 uW for a second
    assert float(deliver(3e-3, 1e3).energy) == pytest.approx(70.2e-6, rel=1e-5)
    assert float(deliver(3e-3, 2e3, control="voltage").energy) == pytest.approx(35.1e-6, rel=1e-5)


def test_an_impedance_that_lets_less_through_is_no_broken_bound():
    delivered = deliver(3e-3, 9e3, compliance=3.0)
    assert float(delivered.cost) == 0
    assert float(deliver(9e-3, 1e3).cost) == 1


def test_a_full_window_of_pulses_is_the_largest_dose():
    stimulator = Stimulator.create(2, 250.0, 250, 5e-3, waveform=PulseTrain.create(250.0))
    _, delivered = _step(stimulator, jnp.full(2, 5e-3), jnp.int32(0))
    assert float(delivered.charge) == pytest.approx(float(stimulator.largest_charge), rel=1e-6)


def test_the_stimulator_differentiates_through_current_frequency_and_impedance():
    conditions = Conditions.nominal(2)

    def total(current, impedance):
        stimulator = Stimulator.create(1, 250.0, 25, 5e-3, waveform=PulseTrain.create(250.0), control="voltage")
        changed = dataclasses.replace(conditions, contact_impedance=impedance)
        return jnp.sum(stimulator.step(current[None], jnp.int32(5), changed)[0])

    slope = jax.jit(jax.grad(total, (0, 1)))(jnp.float32(2e-3), jnp.float32(1.2e3))
    assert float(slope[0]) == pytest.approx(float(total(jnp.float32(2e-3), jnp.float32(1.2e3))) / 2e-3, rel=1e-5)
    assert float(slope[1]) == pytest.approx(-float(total(jnp.float32(2e-3), jnp.float32(1.2e3))) / 1.2e3, rel=1e-5)


# --- limits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("current", "width", "area", "charge", "density", "k", "allowed"),
    [
        (3e-3, 60e-6, 0.06, 0.18, 3.0, -0.27, True),
        (5e-3, 90e-6, 0.06, 0.45, 7.5, 0.53, True),
        (12e-3, 90e-6, 0.06, 1.08, 18.0, 1.29, True),
        (3e-3, 60e-6, 0.0114, 0.18, 15.8, 0.45, True),
        (10e-3, 300e-6, 0.0415, 3.0, 72.0, 2.34, False),
        (0.1e-3, 200e-6, 2e-5, 0.02, 1000.0, 1.30, False),  # blocked by the density although k passes
    ],
)
def test_safety_vectors(current, width, area, charge, density, k, allowed):
    assert charge_per_phase(current, width) * 1e6 == pytest.approx(charge, rel=1e-6)
    assert charge_density(current, width, area * CM2) * 100 == pytest.approx(density, rel=5e-3)
    assert shannon_k(current, width, area * CM2) == pytest.approx(k, abs=0.006)
    assert pulse_is_allowed(current, width, area * CM2) is allowed


def test_the_largest_current_of_a_segment():
    assert largest_current(60e-6, 0.0114 * CM2) == pytest.approx(5.7e-3)
    assert largest_current(90e-6, 0.0114 * CM2) == pytest.approx(3.8e-3)


def test_a_current_that_is_not_a_number_is_not_allowed():
    assert not pulse_is_allowed(math.nan, 60e-6, 0.06 * CM2)
    assert not pulse_is_allowed(math.inf, 60e-6, 0.06 * CM2)


def test_teed_of_the_usual_setting():
    assert teed(3.0, 60e-6, 130.0, 1e3) == pytest.approx(70.2e-6)


def test_transcranial_bounds_are_joint():
    assert transcranial_is_allowed(2e-3, 2400.0)
    assert transcranial_is_allowed(4e-3, 1800.0)
    # each bound alone holds, the charge does not
    assert not transcranial_is_allowed(4e-3, 2400.0)
    assert not transcranial_is_allowed(4.1e-3, 60.0)
    assert not transcranial_is_allowed(1e-3, 2500.0)


# --- drifts ------------------------------------------------------------------------------------------------


def follow(process, n, window_s, field="contact_impedance", n_runs=1):
    """(n_runs, n) of the field of the conditions over n windows."""
    nominal = Conditions.nominal(2)

    def run(key):
        def window(state, tick):
            clock = Clock(tick, jnp.float32(window_s))
            state, conditions = process.step(state, nominal, clock, jax.random.fold_in(key, tick))
            return state, getattr(conditions, field)

        return jax.lax.scan(window, process.init(jax.random.fold_in(key, n)), jnp.arange(n))[1]

    return np.asarray(jax.jit(jax.vmap(run))(jax.random.split(jax.random.key(0), n_runs)), np.float64)


DAY = 86400.0


@pytest.mark.parametrize("slope", [73.0, 163.0])
def test_encapsulated_contacts_fall_by_the_published_ohms_a_year(slope):
    impedance = follow(Encapsulation.create(slope), 4 * 365, DAY)[0]
    year = np.arange(4 * 365) / 365.25
    late = year > 0.6
    assert np.polyfit(year[late], impedance[late], 1)[0] == pytest.approx(-slope, rel=1e-2)
    # the first weeks fluctuate, what follows does not
    assert np.abs(np.diff(impedance[:30])).mean() > 10 * np.abs(np.diff(impedance[200:])).mean()


def test_the_fluctuation_has_its_standard_deviation_at_implantation():
    first = follow(Encapsulation.create(), 2, DAY, n_runs=2000)[:, 0]
    assert np.std(first) == pytest.approx(150.0, rel=0.05)  # 2000 draws: 1.6 % standard error


def test_efficacy_wanes_exponentially_from_its_onset():
    left = follow(EfficacyLoss.create(0.3, 600.0, 1800.0), 100, 60.0, "stim_efficacy")[0]
    seconds = 60.0 * np.arange(100)
    expected = 1 - 0.3 * (1 - np.exp(-np.maximum(seconds - 600.0, 0) / 1800.0))
    np.testing.assert_allclose(left, expected, rtol=1e-5)


def test_the_phase_walks_by_its_rate_whatever_the_window():
    for window_s, n in ((60.0, 60), (600.0, 6)):
        final = follow(PhaseWalk.create(0.5), n, window_s, "stim_phase", n_runs=2000)[:, -1]
        assert np.std(final) == pytest.approx(0.5, rel=0.05)  # after an hour; 2000 draws: 1.6 % standard error


def test_the_skull_changes_by_its_factor_up_or_down():
    sides = set()
    for path in follow(SkullConductivity.create(2.0, 10.0, 10.0), 30, 1.0, "skull_conductivity", n_runs=8):
        np.testing.assert_allclose(path[:10], 1.0)
        assert path[15] == pytest.approx(path[-1] ** 0.5, rel=1e-5)
        sides.add(round(float(path[-1]), 4))
    assert sides == {0.5, 2.0}


@pytest.mark.parametrize("name", ["skull_conductivity", "encapsulation", "stim_efficacy", "stim_phase"])
def test_severity_zero_is_no_drift(name):
    process = make_drift(name, make_montage(["C3", "C4"]), 0.0, 0.0)
    field = {"skull_conductivity": name, "encapsulation": "contact_impedance"}.get(name, name)
    path = follow(process, 20, 3600.0, field)[0]
    np.testing.assert_array_equal(path, path[0])


# --- species -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(SPECIES))
def test_currents_of_every_species_have_the_shannon_k_of_a_human(name):
    animal, human = species(name), species("human")
    for own, other in zip(animal.dbs_current, human.dbs_current):
        if own == animal.dbs_current[1]:
            assert shannon_k(own, 60e-6, animal.contact_area) == pytest.approx(
                shannon_k(other, 60e-6, human.contact_area), abs=1e-9
            )
    assert animal.current(5e-3) == pytest.approx(animal.dbs_current[1])


def test_species_scale_geometry_and_delays_between_mouse_and_human():
    order = [species(name) for name in ("mouse", "rat", "macaque", "human")]
    for small, large in itertools.pairwise(order):
        assert small.head_radius < large.head_radius
        assert small.delay(10e-3) < large.delay(10e-3)
        assert small.depth() < large.depth()
    human = species("human")
    assert human.delay(10e-3) == pytest.approx(10e-3)
    assert human.length_scale == pytest.approx(1.0)
    for animal in order:
        assert animal.beta_band[0] <= animal.beta_frequency <= animal.beta_band[1]
        low, high = animal.corticothalamic_delay_range
        assert low <= animal.corticothalamic_delay <= high


_leadfield = jax.jit(lambda head, *arguments: head.leadfield(*arguments))


def test_potentials_on_a_small_head_are_those_of_a_human_with_moments_scaled():
    from neurodrift.sim.head import make_head

    maps = []
    for name in ("rat", "human"):
        animal = species(name)
        head = make_head("mne", radius=animal.head_radius)
        electrodes = make_montage("10-10-16", radius=animal.head_radius).positions
        place = jnp.asarray([[0.0, 0.0, animal.head_radius - animal.depth()]])
        maps.append(animal.moment_scale * _leadfield(head, electrodes, place, jnp.asarray([[0.0, 0.0, 1.0]])))
    np.testing.assert_allclose(maps[0], maps[1], rtol=1e-4)


def test_an_unknown_species_is_refused_with_a_suggestion():
    with pytest.raises(InputError, match="did you mean 'macaque'"):
        species("macaca")
