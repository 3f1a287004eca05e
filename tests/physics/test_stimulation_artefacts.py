"""Artefacts of stimulation at the amplifier: aliases, the power law after a magnetic pulse, saturation, blanking."""

import dataclasses
import re
import runpy
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.amplifier import Amplifier
from neurodrift.sim.builders import source_plant
from neurodrift.sim.conditions import Conditions
from neurodrift.sim.errors import InputError
from neurodrift.sim.head import DipoleProjection, SphereHead, lateral_rotation, make_montage
from neurodrift.sim.head.series import series_gain
from neurodrift.sim.sources.registry import make_source
from neurodrift.sim.stimulation import PulseTrain, Stimulator
from neurodrift.sim.stimulation_artefacts import DBSArtefact, Scene, TMSArtefact, TranscranialArtefact

MONTAGE = make_montage("10-10-16")
N_SENSORS = len(MONTAGE.positions)
PROJECTION = DipoleProjection(head=SphereHead.preset(), montage=MONTAGE)


def windows(artefact, stimulator, actions, conditions=None):
    """(n_sensors, n) V over windows with the given actions (n_windows, n_stim) A."""
    conditions = Conditions.nominal(16) if conditions is None else conditions
    v = np.asarray(_run(artefact, stimulator, conditions, jnp.asarray(actions, jnp.float32)), np.float64)
    return np.moveaxis(v, 1, 0).reshape(v.shape[1], -1)


@jax.jit
def _run(artefact, stimulator, conditions, actions):
    def window(state, inputs):
        tick, action = inputs
        _, delivered = stimulator.step(action, tick, conditions)
        return artefact.step(state, Scene(stimulator, delivered, tick, PROJECTION, conditions))

    return jax.lax.scan(window, artefact.init(), (jnp.arange(len(actions)), actions))[1]


def quiet_plant():
    """Two rhythms with a contact each, without other background and artefacts."""
    source = make_source("stuart_landau", n_nodes=2, n_stim=2, n_times=50, burn_in_s=0.0)
    return source_plant(source, MONTAGE.ch_names)


def pulsing(sfreq, n_times, frequency=130.0, n_stim=2, max_current=5e-3, **options):
    train = PulseTrain.create(sfreq, frequency, **options)
    return Stimulator.create(n_stim, sfreq, n_times, max_current, waveform=train)


def lines(v, sfreq):
    """Frequencies of the spectral lines, largest first, and their amplitudes."""
    spectrum = np.abs(np.fft.rfft(v)) * 2 / len(v)
    order = np.argsort(spectrum)[::-1]
    return np.fft.rfftfreq(len(v), 1 / sfreq)[order], spectrum[order]


@pytest.mark.parametrize(
    ("sfreq", "frequency", "alias"),
    [
        (250.0, 130.0, 120.0),
        (250.0, 145.0, 105.0),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in ((200.0, 130.0, 70.0), (500.0, 130.0, 130.0), (160.0, 185.0, 25.0))
        ),
    ],
)
def test_pulses_appear_at_their_alias(sfreq, frequency, alias):
    artefact = DBSArtefact.create(sfreq, bandwidth=0.4 * sfreq)
    v = windows(artefact, pulsing(sfreq, round(sfreq / 10), frequency, recharge=10.0), np.tile([3e-3, 0.0], (40, 1)))
    found, size = lines(v[0], sfreq)
    assert found[0] == pytest.approx(alias, abs=1e-6)
    assert size[0] > 1.4 * size[1]


@pytest.mark.slow
def test_without_an_anti_alias_filter_many_harmonics_fold_in():
    stimulator = pulsing(250.0, 50, recharge=10.0)
    actions = np.tile([3e-3, 0.0], (20, 1))
    filtered = windows(DBSArtefact.create(250.0), stimulator, actions)[0]
    bare = windows(DBSArtefact.create(250.0, bandwidth=jnp.inf), stimulator, actions)[0]
    assert bare.std() > 5 * filtered.std()
    # 260 Hz at 10 Hz, 390 Hz at 110 Hz
    found, size = lines(bare, 250.0)
    at = dict(zip(np.round(found, 3), size))
    assert at[10.0] > 0.3 * at[120.0]
    assert at[110.0] > 0.3 * at[120.0]


def test_the_artefact_is_the_filtered_waveform_at_the_true_sampling_times():
    """Against the differential equations of the analogue filter, integrated in steps of five microseconds."""
    from scipy.signal import butter, lsim

    sfreq, bandwidth = 250.0, 400.0
    train = PulseTrain.create(sfreq, 130.0, 90e-6, recharge=4.0)
    stimulator = Stimulator.create(1, sfreq, 25, 5e-3, waveform=train)
    artefact = DBSArtefact.create(
        sfreq, positions=[[0.0, 0.0, 0.02]], orientations=[[0, 0, 1.0]], bandwidth=bandwidth, n_harmonics=64
    )
    conditions = Conditions.nominal(16)
    _, delivered = stimulator.step(jnp.asarray([3e-3]), jnp.int32(5))
    wave = jax.jit(artefact.wave)(Scene(stimulator, delivered, jnp.int32(5), PROJECTION, conditions))
    t = np.arange(0, 0.6, 5e-6)
    age = t % (1 / 130.0)
    current = np.where(age < 90e-6, 1.0, np.where(age < 5 * 90e-6, -0.25, 0.0))
    _, out, _ = lsim(butter(4, 2 * np.pi * bandwidth, analog=True), current, t, interp=False)
    expected = out[np.round((5 * 25 + np.arange(25)) / sfreq * 2e5).astype(int)]
    np.testing.assert_allclose(wave, expected, atol=0.01 * np.abs(expected).max())


def test_the_artefact_depends_on_the_contact_the_current_and_the_cap():
    stimulator = pulsing(250.0, 50, recharge=10.0)
    artefact = DBSArtefact.create(250.0)
    left = windows(artefact, stimulator, [[3e-3, 0.0]])
    right = windows(artefact, stimulator, [[0.0, 3e-3]])
    np.testing.assert_allclose(windows(artefact, stimulator, [[1e-3, 0.0]]), left / 3, rtol=1e-3, atol=1e-12)
    both = windows(artefact, stimulator, [[3e-3, 3e-3]])
    np.testing.assert_allclose(both, left + right, rtol=1e-3, atol=1e-9)
    a, b = np.abs(left).max(axis=1), np.abs(right).max(axis=1)
    assert np.abs(a - b).max() > 0.1 * a.max()
    shifted = dataclasses.replace(Conditions.nominal(16), cap_rotation=lateral_rotation(0.03))
    assert np.abs(windows(artefact, stimulator, [[3e-3, 0.0]], shifted) - left).max() > 0.05 * np.abs(left).max()
    # monopolar stimulation at 3 mA: tens to hundreds of microvolts through the filter
    assert 3e-6 < np.abs(left).max() < 1e-3


def test_the_decay_after_a_magnetic_pulse_is_a_power_law_and_no_exponential():
    sfreq = 1000.0
    stimulator = pulsing(sfreq, 500, 2.0, 1, 1.0, width=3e-4)
    artefact = TMSArtefact.sample(jax.random.key(0), N_SENSORS)
    v = windows(artefact, stimulator, [[1.0], [0.0]])
    t = np.arange(1000) / sfreq
    late = (t > 0.01) & (t < 0.4)
    channel = int(np.abs(v[:16, 20]).argmax())
    trace = np.abs(v[channel, late])
    t0 = float(artefact.t0)
    slope = np.polyfit(np.log(t[late] + t0), np.log(trace), 1)[0]
    assert slope == pytest.approx(-2.0, abs=1e-3)
    # the exponential through the first tens of milliseconds misses the rest by orders of magnitude
    early = t[late] < 0.05
    rate, start = np.polyfit(t[late][early], np.log(trace[early]), 1)
    assert trace[-1] > 10 * np.exp(start + rate * t[late][-1])


def test_the_tail_goes_on_through_the_next_windows_and_adds_up():
    stimulator = pulsing(1000.0, 100, 10.0, 1, 1.0, width=3e-4)
    artefact = TMSArtefact.sample(jax.random.key(0), N_SENSORS)
    single = windows(artefact, stimulator, [[1.0], [0.0], [0.0], [0.0]])
    pair = windows(artefact, stimulator, [[1.0], [0.0], [0.5], [0.0]])
    expected = single.copy()
    expected[:, 200:] += 0.5 * single[:, :200]
    np.testing.assert_allclose(pair, expected, rtol=1e-3, atol=1e-9)
    assert np.abs(single[:, 100:]).max() > 0


def test_the_pulse_itself_lasts_less_than_a_millisecond():
    artefact = TMSArtefact.sample(jax.random.key(0), N_SENSORS)
    age = jnp.asarray([-1e-3, 1e-4, 9.9e-4])
    course = np.abs(np.asarray(artefact.course(age)))
    assert course[0] == 0
    assert course[1] > 0.5
    assert course[2] < 0.1
    with pytest.raises(InputError, match="less than a millisecond"):
        TMSArtefact.sample(jax.random.key(0), 4, width=2e-3)


def test_the_artefact_of_a_magnetic_pulse_grows_with_the_contacts_impedance():
    stimulator = pulsing(1000.0, 100, 10.0, 1, 1.0, width=3e-4)
    artefact = TMSArtefact.sample(jax.random.key(0), N_SENSORS)
    worse = dataclasses.replace(Conditions.nominal(16), impedance=jnp.full(16, 10e3))
    ratio = windows(artefact, stimulator, [[1.0]], worse)[:16, 50] / windows(artefact, stimulator, [[1.0]])[:16, 50]
    np.testing.assert_allclose(ratio, 2.0, rtol=1e-4)


def test_current_through_the_scalp_matches_the_series_of_a_sphere():
    artefact = TranscranialArtefact.create([[-1.0, 0.3, 0.8]], [[1.0, 0.0, 0.5]], size=1e-4)
    stimulator = Stimulator.create(1, 250.0, 25, frequency=10.0)
    _, delivered = stimulator.step(jnp.asarray([1e-3]), jnp.int32(0))
    gain = jax.jit(artefact.gain)(Scene(stimulator, delivered, jnp.int32(0), PROJECTION, Conditions.nominal(16)))
    # reciprocity: a dipole from the return to the electrode just inside the surface is a current through it. The
    # potential of a radial dipole q at depth rho is q dG/drho of the potential G of a point source, so integrate that
    # from the centre out, where both points coincide
    electrodes = np.asarray(MONTAGE.positions, float)
    expected = np.zeros(N_SENSORS)
    points, weights = np.polynomial.legendre.leggauss(60)
    for direction, sign in (((-1.0, 0.3, 0.8), 1.0), ((1.0, 0.0, 0.5), -1.0)):
        unit = np.array(direction) / np.linalg.norm(direction)
        depth = 0.5 * 0.0899 * (points + 1)
        dipoles = series_gain(electrodes, depth[:, None] * unit, 0.33, n_terms=600) @ unit
        expected += sign * dipoles @ (0.5 * 0.0899 * weights)
    np.testing.assert_allclose(gain[:, 0], expected, rtol=0.01, atol=0.01 * np.abs(expected).max())


def test_transcranial_artefacts_are_1e3_to_1e5_microvolts_and_saturate_the_amplifier():
    plant = quiet_plant()
    electrodes = [[-0.7, 0.0, 0.7], [0.7, 0.0, 0.7]]
    returns = [[-0.6, 0.8, 0.0], [0.6, 0.8, 0.0]]
    artefact = TranscranialArtefact.create(electrodes, returns)
    plant = dataclasses.replace(plant, stim_artefact=artefact)
    state = jax.jit(plant.init)(jax.random.key(1))
    step = jax.jit(plant.step)
    _, on = step(state, jnp.asarray([1e-3, 0.0]))
    _, off = step(state, jnp.zeros(2))
    scene = Scene(plant.stimulator, on.stim, state.tick, plant.projection, on.conditions)
    microvolts = np.abs(np.asarray(jax.jit(artefact.gain)(scene)) * 1e-3 * 1e6)[:, 0]
    assert 1e3 < np.median(microvolts) < 1e5
    assert microvolts.max() < 1e5
    # C3 lies under the electrode: its samples are clipped to the millivolt that the amplifier has, and marked
    clip = float(plant.amplifier.clip)
    assert np.mean(np.abs(on.v[MONTAGE.ch_names.index("C3")]) >= clip) > 0.5
    np.testing.assert_array_equal(on.blanked, np.any(np.abs(np.asarray(on.v)) >= clip, axis=0))
    assert not off.blanked.any()


@pytest.mark.parametrize("artefact", [DBSArtefact.create(250.0), TMSArtefact.sample(jax.random.key(0), N_SENSORS)])
def test_artefacts_of_pulses_want_pulses(artefact):
    stimulator = Stimulator.create(2, 250.0, 25)
    with pytest.raises(InputError, match=r"waveform=PulseTrain\.create"):
        windows(artefact, stimulator, [[1e-3, 0.0]])


# --- the amplifier ----------------------------------------------------------------------------------------


# compiled once for amplifiers of one kind
_amplified = jax.jit(lambda amplifier, *arguments: amplifier.step(*arguments))


def amplify(blanking, since_pulse, n_windows=1, **options):
    amplifier = Amplifier.create(2, 250.0, 25, blanking=blanking, white_sd=0.0, contact_sd=0.0, line_imbalance=0.0,
                                 lsb=1e-12, **options)  # fmt: skip
    state, out = amplifier.init(jax.random.key(0)), []
    for k in range(n_windows):
        potentials = 1e-6 * (1 + k * 25 + jnp.arange(25.0)) * jnp.ones((2, 1))
        state, v, unusable = _amplified(
            amplifier, state, potentials, Conditions.nominal(2), jax.random.key(k), jnp.asarray(since_pulse)
        )
        out.append((np.asarray(v) * 1e6, np.asarray(unusable)))
    return [np.concatenate(parts, axis=-1) for parts in zip(*out)]


SINCE = np.where(np.arange(25) % 10 < 3, 1e-3, 1.0)  # samples 0-2, 10-12 and 20-22 follow a pulse within 2 ms


@pytest.mark.parametrize("blanking", ["none", "hold", "zero"])
def test_samples_after_a_pulse_are_held_or_zero_and_marked(blanking):
    v, unusable = amplify(blanking, SINCE)
    ramp = 1 + np.arange(25.0)
    if blanking == "none":
        expected, marked = ramp, np.zeros(25, bool)
    else:
        marked = SINCE < 2e-3
        taken = {0: 0.0, 1: 0.0, 2: 0.0, **dict.fromkeys((10, 11, 12), 10.0), **dict.fromkeys((20, 21, 22), 20.0)}
        expected = ramp.copy()
        for i in np.flatnonzero(marked):
            expected[i] = taken[i] if blanking == "hold" else 0.0
    np.testing.assert_allclose(v[0], expected, rtol=1e-5)
    np.testing.assert_array_equal(unusable, marked)


def test_a_held_value_comes_from_the_window_before():
    v, unusable = amplify("hold", SINCE, n_windows=2)
    np.testing.assert_allclose(v[0, 25:28], 25.0, rtol=1e-5)
    assert unusable[25:28].all()


def test_clipped_samples_are_marked():
    v, unusable = amplify("none", np.full(25, np.inf), clip=20e-6)
    np.testing.assert_allclose(v[0].max(), 20.0)
    np.testing.assert_array_equal(unusable, np.arange(25) >= 19)


def test_blanking_removes_the_artefact_of_deep_brain_stimulation():
    stimulator = pulsing(250.0, 50, 20.0, width=60e-6, recharge=10.0)
    artefact = DBSArtefact.create(250.0, separation=1.0, bandwidth=1e3, n_harmonics=300)
    v = jnp.asarray(windows(artefact, stimulator, [[5e-3, 5e-3]]), jnp.float32)
    _, delivered = stimulator.step(jnp.full(2, 5e-3), jnp.int32(0))
    since = stimulator.since_pulse(jnp.int32(0), delivered)
    recorded, conditions = [], Conditions.nominal(16, jnp.zeros(N_SENSORS))
    for blanking in ("none", "hold"):
        amplifier = Amplifier.create(16, 250.0, 50, blanking=blanking, blank=6e-3)
        state = amplifier.init(jax.random.key(1))
        recorded.append(_amplified(amplifier, state, v, conditions, jax.random.key(2), since))
    (_, noisy, _), (_, clean, blanked) = recorded
    at_pulse = np.asarray(since) < 6e-3
    np.testing.assert_array_equal(blanked, at_pulse)
    assert 0.05 < at_pulse.mean() < 0.3
    assert np.abs(noisy).max() > 3 * np.abs(clean).max()


def test_blanking_that_cannot_be_is_refused():
    with pytest.raises(InputError, match="unknown blanking 'off'"):
        Amplifier.create(2, 250.0, 25, blanking="off")
    with pytest.raises(InputError, match="0 or more seconds"):
        Amplifier.create(2, 250.0, 25, blank=-1.0)


def test_the_how_to_of_stimulation_runs_and_gives_the_numbers_it_tells(tmp_path):
    page = (Path(__file__).parents[2] / "docs/howto/stimulation_physics.md").read_text(encoding="utf-8")
    code = re.search(r"<!-- test: stimulation_physics.py -->\n```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[1]
    (tmp_path / "example.py").write_text(code, encoding="utf-8")
    made = runpy.run_path(str(tmp_path / "example.py"))
    first, last = made["windows"][0], made["windows"][-1]
    assert float(first.stim.charge_per_phase[0]) == pytest.approx(0.18e-6)
    per_kilohm = float(first.stim.energy) / float(first.conditions.contact_impedance) * 1e3
    assert per_kilohm == pytest.approx(7.02e-6, rel=1e-4)
    assert float(last.conditions.contact_impedance) != float(first.conditions.contact_impedance)
    assert 0.05 < np.mean([w.blanked.mean() for w in made["windows"]]) < 0.3
    assert np.isfinite(last.v).all()
