"""The head and what reaches the electrodes: closed forms against the exact series, published gains and levels."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from ...sim.amplifier import Amplifier
from ...sim.artefacts import Artefacts
from ...sim.background import Background
from ...sim.conditions import Conditions
from ...sim.head import (
    SphereHead,
    TemplateHead,
    average_reference,
    electrode_reference,
    homogeneous_gain,
    make_montage,
    move_cap,
)
from ...sim.head.lattice import upper_sphere
from ...sim.head.series import SHELLS, series_gain, shell_gain
from .measure import spectrum
from .row import Disputed, Row, row

SERIES = "300-term Legendre series, float64"
COMPUTED = "independent computation from the same table"
LITERATURE = "range in the EEG literature"
GAINS = {"skull-1/80": (3.3, 1.2), "mne": (4.5, 1.9), "skull-1/25": (7.5, 2.9), "skull-1/15": (10.3, 4.0)}
SHIFTS = {0.25: 0.999, 0.5: 0.997, 1.0: 0.987, 1.5: 0.971, 2.0: 0.950, 3.0: 0.891}
SFREQ = 250.0


def rows(fast: bool) -> list[Row]:
    """``fast`` draws four people instead of twelve for the levels at the scalp."""
    with jax.enable_x64(True):
        exact = [*_series(), *_gains(), *_shift()]
    return [*exact, *_montage(), *_template(), *_levels(4 if fast else 12)]


def _relative(a: object, b: np.ndarray) -> float:
    return float(np.linalg.norm(np.asarray(a) - b) / np.linalg.norm(b))


def _series() -> list[Row]:
    electrodes = 0.09 * upper_sphere(300, 2.0)
    depths = 0.09 * upper_sphere(40, 2.0) * np.linspace(0.1, 0.7, 40)[:, None]
    closed = homogeneous_gain(jnp.asarray(electrodes), jnp.asarray(depths), 0.33)
    out = [
        row("homogeneous sphere to .7 of the radius, closed form: relative difference from the series", (0.0, 1e-15),
            _relative(closed, series_gain(electrodes, depths, 0.33)), 1e-16, SERIES),
    ]  # fmt: skip
    for name in SHELLS:
        head = SphereHead.preset(name)
        radius = float(head.radius)
        place = np.array([[0.0, 0.0, radius - 0.015]])
        electrodes = radius * upper_sphere(400, 2.0)
        errors = {}
        for skull in (1 / 3, 0.577, 0.8, 1.0, 1.25, 1.732, 3.0):
            changed = dataclasses.replace(Conditions.nominal(1), skull_conductivity=jnp.asarray(skull))
            gain = head.under(changed).gain(jnp.asarray(electrodes), jnp.asarray(place))
            errors[skull] = _relative(gain, shell_gain(electrodes, place, name, skull))
        if name == "mne":
            out.append(
                row("Berg-Scherg against exact, 15 mm deep: relative error", (0.0, 2.8e-3), errors[1.0], 0.0, SERIES)
            )
        worst = "the 1/80 row's own error against the series is 6.7e-3"
        out.append(row(f"{name}, skull conductivity x 1/3 to x 3: largest relative error", (0.0, 6.7e-3),
                       max(errors.values()), 5e-5, f"{SERIES}; {worst}"))  # fmt: skip
    return out


def _gains() -> list[Row]:
    """10 nAm 15 mm below the scalp, largest potential anywhere."""
    out = []
    angle = np.linspace(0, np.pi, 4001)
    for name, expected in GAINS.items():
        head = SphereHead.preset(name)
        radius = float(head.radius)
        electrodes = radius * np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=1)
        gain = np.asarray(head.gain(jnp.asarray(electrodes), jnp.asarray([[0.0, 0.0, radius - 0.015]])))[:, 0] * 1e-2
        for axis, kind in ((2, "radial"), (0, "tangential")):
            value = expected[0 if kind == "radial" else 1]
            largest = np.abs(gain[:, axis]).max()
            out.append(row(f"{name}, {kind} 10 nAm 15 mm deep: uV", value, largest, 0.05, COMPUTED))
    return out


def _shift() -> list[Row]:
    """Hand-area maps before and after the cap has slipped to the front; to the side they change more."""
    montage, head = make_montage("10-10-31"), SphereHead.preset("mne")
    electrodes = montage.positions[:31].astype(jnp.float64)
    rng = np.random.default_rng(0)
    side = np.array([[-1.0, 0, 1], [1.0, 0, 1]])[rng.integers(0, 2, 400)] / np.sqrt(2)
    place = side + 0.005 / 0.09 * rng.standard_normal((400, 3))
    place /= np.linalg.norm(place, axis=1, keepdims=True)
    across = np.cross(place, rng.standard_normal((400, 3)))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    moment = jnp.asarray(0.75 * place + np.sqrt(1 - 0.75**2) * across)

    def correlation(rotation: list[float]) -> float:
        moved = move_cap(electrodes, jnp.asarray(rotation), jnp.zeros(3), 0.09)
        a, b = (np.asarray(head.leadfield(e, jnp.asarray(0.074 * place), moment)) for e in (electrodes, moved))
        a, b = a - a.mean(axis=0), b - b.mean(axis=0)
        return float(np.mean(np.sum(a * b, axis=0) / np.linalg.norm(a, axis=0) / np.linalg.norm(b, axis=0)))

    out = [
        row(
            f"map correlation after {cm:g} cm to the front", expected, correlation([-cm / 9, 0.0, 0.0]), 0.005, COMPUTED
        )
        for cm, expected in SHIFTS.items()
    ]
    reason = (
        "the Legendre series on the same electrodes; the source doesn't say to which side the cap slipped: to the front"
        " its figures are ours, sideways, along the arc through both hand areas, maps change more"
    )
    sideways = correlation([0.0, 1 / 9, 0.0])
    known = Disputed(reason, 0.9698, 5e-4)
    out.append(row("map correlation after 1 cm sideways", SHIFTS[1.0], sideways, 0.005, COMPUTED, known))
    return out


def _montage() -> list[Row]:
    montage = make_montage(["C3", "C1", "Cz", "FCz", "C2", "C4"])
    place = {n: np.asarray(p, float) / 0.09 for n, p in zip(montage.ch_names, montage.positions)}

    def degrees(a: str, b: str) -> float:
        return float(np.degrees(np.arccos(place[a] @ place[b])))

    layout = make_montage("10-20-19")
    n = layout.n_channels
    gain = np.asarray(SphereHead.preset().gain(layout.positions[:n], jnp.asarray(0.07 * upper_sphere(60, 2.0))), float)
    v = gain.reshape(n, -1)
    average, mastoid = np.asarray(average_reference(n), float), np.asarray(electrode_reference(layout, "Cz"), float)
    again = np.linalg.norm(average @ mastoid @ v - average @ v) / np.linalg.norm(average @ v)
    spacing = float(np.radians(degrees("C1", "Cz"))) * 9.0
    return [
        row("C3 to Cz: degrees", 45.0, degrees("C3", "Cz"), 1.5, "10-10 system"),
        row("10-10 spacing on a 90 mm head: cm", 3.6, spacing, 0.1, "10-10 system"),
        row("rank of 19 channels against their average", n - 1, float(np.linalg.matrix_rank(average @ v, tol=1e-3)), 0,
            "algebra"),
        row("average of Cz-referenced data less average: relative", 0.0, float(again), 1e-6, "algebra, float32"),
    ]  # fmt: skip


def _template() -> list[Row]:
    head = TemplateHead.load()
    electrodes = 0.09 * head.sites
    place = np.asarray(head.sources)
    radial = jnp.asarray(place / np.linalg.norm(place, axis=1, keepdims=True))
    a, b = (np.asarray(jax.jit(h.leadfield)(electrodes, head.sources, radial)) for h in (head, head.sphere))
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    correlation = np.sum(a * b, axis=0) / np.linalg.norm(a, axis=0) / np.linalg.norm(b, axis=0)
    source = "boundary-element model of fsaverage against the sphere"
    return [
        row(
            "template head, median map correlation with the sphere", 0.986, float(np.median(correlation)), 0.004, source
        )
    ]


def _levels(n_people: int) -> list[Row]:
    montage = make_montage(["Fp1", "Fp2", "Fz", "C3", "Cz", "C4", "T7", "T8", "Pz", "O1", "Oz", "O2"])
    at = montage.ch_names.index
    head, nominal = SphereHead.preset(), Conditions.nominal(12)
    n_times = round(SFREQ)
    leadfield = jax.jit(head.leadfield)

    def scalp(part: Background | Artefacts, moments: np.ndarray) -> np.ndarray:
        gain = np.asarray(leadfield(montage.positions[:12], part.positions, part.orientations), float)
        return 1e6 * np.einsum("cs,...st->...ct", gain - gain.mean(axis=0), moments)

    @jax.jit
    def run(background: Background, key: jax.Array) -> jax.Array:
        def window(state: object, tick: jax.Array) -> tuple[object, jax.Array]:
            return background.step(state, nominal, jax.random.fold_in(key, tick))  # pyright: ignore[reportArgumentType]

        return jax.lax.scan(window, background.init(key), jnp.arange(10))[1]

    sample = jax.jit(lambda key: Background.sample(key, SFREQ, n_times))
    pink, alpha = [], []
    for seed in range(n_people):
        background = sample(jax.random.key(seed))
        moments = np.moveaxis(np.asarray(run(background, jax.random.key(100 + seed)), float), 1, 0)
        moments = moments.reshape(moments.shape[0], -1)
        quiet, rhythm = moments.copy(), moments.copy()
        quiet[background.n_dipoles :], rhythm[: background.n_dipoles] = 0.0, 0.0
        pink.append(scalp(background, quiet).std(axis=-1).mean())
        alpha.append(2 * np.sqrt(2) * scalp(background, rhythm)[[at("O1"), at("Oz"), at("O2")]].std(axis=-1).mean())
    # one of each in every window, so that every window is a sample
    artefacts = Artefacts.create(SFREQ, n_times, blinks_per_minute=60.0, bursts_per_minute=60.0)
    moments = np.asarray(jax.jit(jax.vmap(artefacts.step))(jax.random.split(jax.random.key(0), 200)), float)
    blink, muscle = moments.copy(), moments.copy()
    blink[:, 2:], muscle[:, :2] = 0.0, 0.0
    at_fp = np.median(np.abs(scalp(artefacts, blink)[:, at("Fp1")]).max(axis=-1))
    at_t7 = np.median(np.abs(scalp(artefacts, muscle)[:, at("T7")]).max(axis=-1))
    # half an hour as people blink, counted in the signal
    usually = Artefacts.create(SFREQ, n_times, bursts_per_minute=0.0)
    eyes = np.asarray(jax.jit(jax.vmap(usually.step))(jax.random.split(jax.random.key(1), 1800)), float)[:, 0].ravel()
    lid = eyes > 0.1 * eyes.max()
    usual = np.count_nonzero(lid[1:] & ~lid[:-1]) / 30.0
    f, power = spectrum(muscle[:, 2], SFREQ, 1.0)
    above = float(power[(f >= 20.0)].sum() / power.sum())
    return [
        row("1/f background at the scalp: uV rms", (5.0, 15.0), float(np.mean(pink)), 0.0, LITERATURE),
        row("resting alpha over the back: uV peak to peak", (20.0, 50.0), float(np.mean(alpha)), 0.0, LITERATURE),
        row("blink at Fp1: uV", (100.0, 300.0), float(at_fp), 0.0, LITERATURE),
        row("blinks a minute, counted in half an hour", (4.5, 17.0), usual, 0.0, LITERATURE),
        row("muscle burst at T7: uV", (10.0, 100.0), float(at_t7), 0.0, LITERATURE),
        row("muscle burst: share of its power from 20 to 125 Hz, %", (90.0, 100.0), 100 * above, 0.0, LITERATURE),
        *_amplifier(),
    ]


def _amplifier() -> list[Row]:
    """White noise, and 50 Hz that grows with how unequal the contacts are: contacts alone, without a brain."""
    n_channels, n_times = 8, round(10 * SFREQ)
    amplifier = Amplifier.create(n_channels, SFREQ, n_times, contact_sd=0.0)
    state, nominal = amplifier.init(jax.random.key(0)), Conditions.nominal(n_channels)
    silence = jnp.zeros((n_channels, n_times))

    @jax.jit
    def run(impedance: jax.Array) -> jax.Array:
        conditions = dataclasses.replace(nominal, impedance=impedance)
        return amplifier.step(state, silence, conditions, jax.random.key(1))[1]

    def recorded(impedance: np.ndarray) -> np.ndarray:
        """uV (n_channels, n_times) against the average."""
        v = 1e6 * np.asarray(run(jnp.asarray(impedance, jnp.float32)), float)
        return v - v.mean(axis=0)

    equal = np.full(n_channels, 5e3)
    white = recorded(equal).std() / np.sqrt(1 - 1 / n_channels)
    wave = np.exp(-2j * np.pi * 50.0 * np.arange(n_times) / SFREQ)
    line = []
    for spread in (1e3, 10e3):
        v = recorded(equal + spread * np.resize([-0.4, 1.0], n_channels) + 4e3)
        line.append(float(np.abs(2 / n_times * v @ wave).max()))
    return [
        row("white noise of the amplifier: uV rms", (0.2, 0.6), float(white), 0.0, LITERATURE),
        row("50 Hz, contacts unequal by 14 kOhm: uV", (1.0, 20.0), line[-1], 0.0, LITERATURE),
        row("50 Hz grows with the inequality of the contacts: tenfold, 1", 10.0, line[-1] / line[0], 1.0,
            "in proportion to the imbalance"),
    ]  # fmt: skip
