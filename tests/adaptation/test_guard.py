"""The guard and the gate: what goes live and what does not, and how a broken session ends."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from neurodrift.adaptation.contract import Feedback, Trials
from neurodrift.adaptation.decoders.csp_lda import CSPLDA
from neurodrift.adaptation.methods import (
    Composed,
    ContinualFineTuning,
    Decision,
    EuclideanAlignment,
    Gated,
    Guard,
    Reason,
    report,
)
from neurodrift.adaptation.methods.canary import LIVE, SHADOW, SOURCE, Evidence
from neurodrift.adaptation.methods.likeness import Likeness
from neurodrift.adaptation.methods.quality import Quality
from neurodrift.adaptation.monitors import PageHinkley
from neurodrift.sim.errors import InputError
from neurodrift.sim.pytree import component, static

from . import streams

N_CHANNELS, N_TIMES, N_PEOPLE, N_TRIALS, ONSET = 5, 48, 8, 128, 16
DECODER = CSPLDA.create(N_CHANNELS, N_TIMES)
KEYS = jax.random.split(jax.random.key(40), N_PEOPLE)
# uint8 of ways in which labels and windows break at the onset; traced, so that one compilation serves all
CLEAN, FLIPPED, RANDOM, ONE_LABEL, SATURATED, LOUD = range(6)


@jax.jit
@functools.partial(jax.vmap, in_axes=(0, None))
def recorded(key, one_class):
    """Calibration, session without drift, of class 0 alone from the onset where ``one_class``, trained decoder."""
    k = jax.random.split(key, 3)
    y = (jnp.arange(64 + N_TRIALS) + jax.random.bernoulli(k[0])) % 2
    y = jnp.where(one_class & (jnp.arange(y.size) >= 64 + ONSET), 0, y)
    mixing = jnp.eye(N_CHANNELS) + 0.15 * jax.random.normal(k[1], (N_CHANNELS, N_CHANNELS))
    x = streams.windows(k[2], jnp.broadcast_to(mixing, (y.size, *mixing.shape)), y, N_TIMES, 0.9)
    calibration = Trials(x[:64], y[:64], jnp.ones(64))
    return calibration, x[64:], y[64:], streams.trained(DECODER, calibration, key)


@functools.cache
def people():
    return jax.tree.map(np.asarray, recorded(KEYS, False))


def session(adapter):
    """Compiled: (final states, right or not (n_people, n_trials)) of people, with windows and labels as given."""

    def one(calibration, variables, x, y, label):
        state = adapter.init(DECODER, variables, calibration, jax.random.key(3))

        def step(state, trial):
            x, y, label = trial
            right = adapter.predict(state, x).argmax() == y
            told = Feedback(label, label >= 0, x, jnp.bool_(False))
            return adapter.update(state, x, told), (right, state.variables.align)

        state, traces = jax.lax.scan(step, state, (x, y, label))
        if hasattr(state, "shadow"):
            state = state._replace(shadow=(), good=())  # the keys in them are no numbers
        return (state if hasattr(state, "n_alarms") or hasattr(state, "audit") else ()), traces

    return jax.jit(jax.vmap(one))


@functools.cache
def compiled(name):
    """Thresholds of likeness are lower than the default's: of five channels and 48 samples there is less to see."""
    tuning = ContinualFineTuning(warm_up=0, n_steps=2, learning_rate=0.02)
    return session(
        {
            "frozen": Composed(),
            "cft": Composed(parts=(tuning,)),
            "cft_guarded": Guard(adapter=Composed(parts=(tuning,))),
            "ea": Composed(parts=(EuclideanAlignment(floor=0.05),)),
            "ea_guarded": Guard(
                adapter=Composed(parts=(EuclideanAlignment(floor=0.05),)), canary="likeness", drift=3.5, margin=1.0
            ),
        }[name]
    )


def run(name, x=None, y=None, label=None):
    """(final states, right (n_people, n_trials), alignments); no labels unless given."""
    calibration, own_x, own_y, variables = people()
    x, y = own_x if x is None else x, own_y if y is None else y
    label = -np.ones_like(y) if label is None else label
    return jax.tree.map(np.asarray, compiled(name)(calibration, variables, x, y, label.astype(np.int32)))


def late(result, n=48):
    """Mean accuracy over the last ``n`` trials."""
    return result[1][0][:, -n:].mean()


def after(values, broken):
    return np.where((np.arange(N_TRIALS) >= ONSET).reshape(-1, *[1] * (values.ndim - 2)), broken, values)


def reports(result):
    return [report(jax.tree.map(lambda leaf, i=i: leaf[i], result[0])) for i in range(N_PEOPLE)]


def stretched():
    """Sessions whose sensors were stretched by a random SPD matrix at the onset."""
    rng = np.random.default_rng(0)
    x = people()[1]
    turned = np.linalg.qr(rng.normal(size=(N_PEOPLE, N_CHANNELS, N_CHANNELS)))[0]
    scales = np.exp(0.9 * rng.normal(size=(N_PEOPLE, 1, N_CHANNELS)))
    mixing = (turned * scales) @ np.swapaxes(turned, 1, 2)
    return after(x, mixing[:, None] @ x).astype(np.float32)


def test_without_drift_the_source_stays_live():
    result = run("ea_guarded")
    assert sum(not one.is_source for one in reports(result)) <= 1


def test_alignment_that_undoes_a_drift_goes_live_and_gains_as_much():
    x = stretched()
    frozen, always, guarded = (late(run(name, x)) for name in ("frozen", "ea", "ea_guarded"))
    assert always > frozen + 0.08
    assert guarded - frozen > 0.8 * (always - frozen)
    for one in reports(run("ea_guarded", x)):
        promoted = [why for _, decision, why in one.decisions if decision is Decision.PROMOTE]
        assert all(Reason.DRIFT in why and Reason.SHADOW_BETTER in why for why in promoted)


def test_nothing_but_a_promotion_or_a_roll_back_changes_what_is_live():
    state, (_, align) = run("ea_guarded", stretched())
    moved = (np.diff(align, axis=1) != 0).any((2, 3))
    assert moved.any()
    # the state after window t is in force from t + 1
    ends = np.arange(1, N_TRIALS) % 16 == 0
    assert not moved[:, ~ends].any()
    for i, one in enumerate(reports((state, None))):
        ticks = {tick for tick, decision, _ in one.decisions if decision in (Decision.PROMOTE, Decision.ROLL_BACK)}
        assert {int(t) + 1 for t in np.flatnonzero(moved[i])} <= ticks


def test_alignment_goes_astray_on_a_one_class_stream_and_guarded_it_does_not():
    one, zeros = (np.asarray(part) for part in recorded(KEYS, True)[1:3])
    frozen, always, guarded = (late(run(name, one, zeros), 32) for name in ("frozen", "ea", "ea_guarded"))
    assert always < frozen - 0.1
    assert guarded >= 0.95 * frozen


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_wrong_labels_ruin_fine_tuning_and_guarded_they_do_not(share):
    y = people()[2]
    wrong = np.random.default_rng(2).random(y.shape) < share
    label = after(y, np.where(wrong, 1 - y, y))
    frozen, always, guarded = (run(name, label=label) for name in ("frozen", "cft", "cft_guarded"))
    assert late(always) < late(frozen) - 0.1
    assert late(guarded) >= 0.95 * late(frozen)
    # never more than one guard window below, over people together
    lost = (frozen[1][0] - 1.0 * guarded[1][0]).mean(0).reshape(-1, 16).mean(1)
    assert lost[2:].mean() < 0.02
    if share == 1.0:
        assert all(any(Reason.LABELS_CONTRADICT in why for _, _, why in one.decisions) for one in reports(guarded))


def test_labels_of_one_class_promote_nothing():
    label = np.zeros_like(people()[2])
    guarded = run("cft_guarded", label=label)
    for one in reports(guarded):
        assert one.n_promotions == 0
        assert all(Reason.UNBALANCED in why for _, _, why in one.decisions)


def test_right_labels_go_live_where_alignment_cannot_help():
    # the sources change places among channels: no whitening brings them back
    x = people()[1]
    turned = np.roll(np.eye(N_CHANNELS), 2, 0)
    x = after(x, turned @ x).astype(np.float32)
    frozen, guarded = (late(run(name, x, label=people()[2])) for name in ("frozen", "cft_guarded"))
    always = late(run("cft", x, label=people()[2]))
    if always > frozen + 0.05:
        assert guarded - frozen > 0.5 * (always - frozen)
    assert guarded > frozen - 0.02


@pytest.mark.parametrize("fault", ["saturated", "loud", "flat", "nan"])
def test_poor_windows_are_not_learnt_from_and_the_good_ones_after_are_decoded_as_before(fault):
    x = people()[1]
    broken = {
        "saturated": np.clip(20 * x, -2e-5, 2e-5),
        "loud": 1e6 * x,
        "flat": x * (np.arange(N_CHANNELS) != 2)[:, None],
        "nan": np.where((np.arange(N_CHANNELS) == 2)[:, None], np.nan, x),
    }[fault].astype(np.float32)
    during = (np.arange(N_TRIALS) >= ONSET) & (np.arange(N_TRIALS) < 72)
    faulty = np.where(during[:, None, None], broken, x)
    guarded, frozen = run("ea_guarded", faulty), run("frozen", faulty)
    assert late(guarded) >= 0.95 * late(frozen)
    # not finite is no window at all; the others are counted
    assert (guarded[0].n_poor == (0 if fault == "nan" else during.sum())).all()
    assert (guarded[0].tick == N_TRIALS - during.sum()).all()


@component
class Broken:
    """A part that does to ``params`` what it is told to, at once."""

    factor: float = 1.0
    learns_unlabelled: bool = static(default=True)

    def start(self, decoder, variables, calibration, key):
        return ()

    def observe(self, memory, decoder, variables, x):
        return memory, variables._replace(params=jax.tree.map(lambda leaf: leaf * self.factor, variables.params))

    def learn(self, memory, decoder, variables, feedback):
        return memory, variables, jnp.zeros((), bool)


def one_person():
    return jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), people())


def broken_guard(factor):
    part = Broken(factor=factor)
    return Guard(adapter=Composed(parts=(part,)), window=4, n_audit=2)


@functools.cache
def stepping():
    """Compiled start and step: the factor is a number, so all tests share them."""
    start = jax.jit(lambda guard, *rest: guard.init(DECODER, *rest, KEYS[0]))
    return start, jax.jit(lambda guard, state, x, told: guard.update(state, x, told))


def told(x, y=0, available=False):
    return Feedback(jnp.asarray(y, jnp.int32), jnp.asarray(available), x, jnp.asarray(False))


def test_params_beyond_the_anchor_are_thrown_away_and_the_last_good_state_learns_on():
    (start, update), guard = stepping(), broken_guard(1.2)
    calibration, x, _, variables = one_person()
    state, sizes = start(guard, variables, calibration), []
    for t in range(12):
        state = update(guard, state, x[t], told(x[t]))
        sizes.append(float(state.shadow.variables.params["readout"]["w"][0, 0]))
    # 1.2⁴ = 2.07 times the source is within 2.5, 1.2⁸ = 4.3 is not: by the eighth window the shadow is gone
    source = float(variables.params["readout"]["w"][0, 0])
    assert_allclose(sizes[3], 1.2**4 * source, rtol=1e-5)
    assert_allclose(sizes[7], source, rtol=1e-5)
    assert_allclose(sizes[11], 1.2**4 * source, rtol=1e-5)
    for a, b in zip(jax.tree.leaves(state.variables), jax.tree.leaves(variables)):
        assert_array_equal(a, b)
    found = report(state)
    assert found.n_promotions == 0
    # the log is two long: ticks 8 and 12
    assert [(tick, decision) for tick, decision, _ in found.decisions] == [(8, Decision.DISCARD), (12, Decision.HOLD)]
    assert Reason.TOO_FAR in found.decisions[0][2]
    assert int(state.audit.n) == 3


def test_a_live_copy_worse_than_the_source_is_rolled_back_within_a_guard_window():
    (start, update), guard = stepping(), broken_guard(1.0)
    calibration, x, y, variables = one_person()
    state = start(guard, variables, calibration)
    readout = variables.params["readout"]
    wrong = variables._replace(params={**variables.params, "readout": jax.tree.map(jnp.negative, readout)})
    # as if a promotion had gone wrong
    state = state._replace(variables=wrong)
    for t in range(8):
        state = update(guard, state, x[t], told(x[t], y[t], True))
    for a, b in zip(jax.tree.leaves(state.variables), jax.tree.leaves(variables)):
        assert_array_equal(a, b)
    found = report(state)
    assert found.n_rollbacks == 1
    assert found.is_source
    assert found.negative_transfer


@jax.jit
def strange(calibration, variables, windows):
    """Strangeness () of windows (n_windows, n_channels, n_times) to the decoder as calibrated."""

    def add(evidence, window):
        return evidence.with_window(DECODER, (variables,) * 3, window), None

    evidence = Evidence.none(DECODER, variables, windows[0])
    evidence, _ = jax.lax.scan(add, evidence, windows)
    return evidence.strangeness(Likeness.of(DECODER, variables, calibration))[SOURCE]


def test_a_change_of_how_often_classes_come_is_not_strange_and_a_change_of_gain_is():
    calibration, x, y, variables = one_person()
    assert strange(calibration, variables, x[y == 1][:16]) < 2.5
    assert strange(calibration, variables, x[:16]) < 2.5
    assert strange(calibration, variables, 1.5 * x[:16]) > 5.0


def test_strangeness_without_drift_has_mean_zero_and_spread_of_one():
    calibration, x, _, variables = people()
    blocks = x.reshape(N_PEOPLE, 8, 16, N_CHANNELS, N_TIMES)
    found = np.asarray(jax.vmap(jax.vmap(strange, (None, None, 0)))(calibration, variables, blocks))
    # The mixture fitted takes one degree of freedom out of each view, and the decoder was trained on its calibration.
    assert abs(found.mean()) < 0.8
    assert 0.4 < found.std() < 1.4
    assert (found > 2.5).mean() < 0.05


def test_the_nearest_mixture_of_three_classes_is_found():
    from scipy.optimize import nnls

    from neurodrift.adaptation.methods.likeness import Group, _nearest_mixture

    rng = np.random.default_rng(3)
    for _ in range(5):
        means, mean, scale = rng.normal(size=(3, 4)), rng.normal(size=4), rng.random(4) + 0.5
        corners = ((means - mean) / scale).T
        # weights that sum to one, by a heavy extra row
        share, rest = nnls(np.vstack([corners, 1e4 * np.ones(3)]), np.array([0, 0, 0, 0, 1e4]))
        group = Group(jnp.asarray(means), jnp.asarray(scale), jnp.ones(()), jnp.ones(3))
        found, distance = _nearest_mixture(jnp.asarray(mean), group)
        assert float(distance) == pytest.approx(rest**2, rel=0.05, abs=1e-3)
        assert_allclose(found, share, atol=0.1)


def test_evidence_of_labels_is_the_paired_t_statistic():
    rng = np.random.default_rng(4)
    log_p = -rng.random((10, 3))
    evidence = Evidence.none(DECODER, one_person()[3], one_person()[1][0])
    evidence = evidence._replace(
        log_p=jnp.asarray(log_p.sum(0)),
        differ=jnp.asarray(((log_p[:, :, None] - log_p[:, None]) ** 2).sum(0)),
        n_labels=jnp.asarray(10.0),
        label_squares=jnp.asarray(10.0),
    )
    difference = log_p[:, SHADOW] - log_p[:, LIVE]
    expected = difference.mean() / (difference.std() / np.sqrt(10))
    assert float(evidence.better(SHADOW, LIVE)) == pytest.approx(expected, rel=1e-4)
    assert float(evidence.faded().n_effective) == pytest.approx(10.0)


def test_quality_allows_what_was_flat_in_the_calibration_and_refuses_what_became_so():
    x = np.random.default_rng(5).normal(size=(20, 4, 100)).astype(np.float32)
    x[:, 3] = 0.0
    quality = Quality.of(Trials(jnp.asarray(x), jnp.zeros(20, jnp.int32), jnp.ones(20)))
    passes = functools.partial(quality.passes, amplitude=8.0, flat=1e-3, plateau=0.25)
    assert passes(jnp.asarray(x[0]))
    assert not passes(jnp.asarray(x[0]).at[1].set(0.0))
    assert not passes(jnp.asarray(x[0]).at[1].multiply(20.0))
    assert passes(jnp.asarray(x[0]).at[1].multiply(4.0))
    assert not passes(jnp.clip(jnp.asarray(x[0]), -0.5, 0.5))
    assert not passes(jnp.asarray(x[0]).at[0, 0].set(jnp.inf))


def test_a_gated_method_sleeps_until_the_alarm_and_then_learns():
    monitor = PageHinkley(threshold=9.4, delta=0.25, alpha=1.0, min_instances=5, direction="up")
    gated = Gated(adapter=Composed(parts=(EuclideanAlignment(),)), monitor=monitor, n_trials=40)
    go = session(gated)
    calibration, _, y, variables = people()
    state, (right, align) = jax.tree.map(
        np.asarray, go(calibration, variables, stretched(), y, -np.ones(y.shape, np.int32))
    )
    moved = (np.diff(align, axis=1) != 0).any((2, 3))
    assert not moved[:, : ONSET - 1].any()
    assert (state.n_alarms >= 1).sum() >= 6
    # 40 trials of learning after an alarm, and the alarms may come again
    woken = moved.sum(1)
    assert (woken[state.n_alarms == 1] <= 40).all()
    assert right[:, -48:].mean() > late(run("frozen", stretched())) + 0.04


@pytest.mark.parametrize("signal", ["confidence", "error"])
def test_a_gated_method_wakes_to_errors_or_to_doubt(signal):
    mode = "down" if signal == "confidence" else "up"
    monitor = PageHinkley(threshold=2.0, delta=0.05, alpha=1.0, min_instances=5, direction=mode)
    gated = Gated(adapter=Composed(parts=(EuclideanAlignment(),)), monitor=monitor, signal=signal)
    calibration, x, y, variables = one_person()
    state, update = gated.init(DECODER, variables, calibration, KEYS[0]), jax.jit(gated.update)
    for t in range(40):
        # Halfway through, every label says that the decoder is wrong, and windows are all noise.
        broken = t >= 20
        window = x[t] if not broken else 1e-5 * jax.random.normal(KEYS[0], x[t].shape)
        wrong = 1 - int(DECODER.apply(state.variables, window).argmax())
        state = update(state, window, told(window, wrong if broken else y[t], True))
    assert int(state.n_alarms) >= 1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Guard(adapter=Composed(), canary="bird"), "canary is 'bird'"),
        (lambda: Guard(adapter=Composed(), window=1), "window is 1"),
        (lambda: Gated(adapter=Composed(), monitor=PageHinkley(), signal="smell"), "signal is 'smell'; choose from"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, said):
    with pytest.raises(InputError, match=said):
        make()
