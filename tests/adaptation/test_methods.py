"""Laws every recalibration method obeys, whatever it does."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation.contract import Feedback
from neurodrift.adaptation.methods import (
    Composed,
    ContinualFineTuning,
    Recalibration,
    Scheduled,
    labels_used,
)
from neurodrift.adaptation.registry import DECODERS, METHODS

from . import streams

N_CHANNELS, N_TIMES = 6, 32
KEY = jax.random.key(0)


def decoder_of(name):
    """The first decoder of the catalogue that the method called ``name`` can run on."""
    return next(decoder for decoder, spec in DECODERS.items() if METHODS[name].fits(spec))


@functools.cache
def setting(decoder_name="csp_lda"):
    """A decoder trained on the calibration of a stream of 30 windows, the headset coming off after the 8th."""
    stream = jax.jit(
        lambda key: streams.drifting(
            key, strength=0.5, n_channels=N_CHANNELS, n_times=N_TIMES, n_calibration=40, before=8, after=22
        )
    )(KEY)
    spec = DECODERS[decoder_name]
    decoder = spec.make(N_CHANNELS, N_TIMES, 2, spec.min_sfreq)
    fit = jax.jit(streams.trained, static_argnums=3)
    return decoder, fit(decoder, stream.calibration, KEY, spec.alignment), stream


@functools.cache
def method(name):
    """Adapter, compiled predict and update, state in the middle of the stream (12 windows, 12 labels seen)."""
    decoder, variables, stream = setting(decoder_of(name))
    if name == "oracle":
        blocks = jax.tree.map(lambda leaf: jnp.stack([leaf, 1.1 * leaf]), variables)
        adapter = Scheduled(blocks=blocks, block_of_trial=jnp.arange(30) // 15, labels=jnp.asarray(40))
    else:
        adapter = METHODS[name].make()
    both = jax.jit(lambda state, x, told: (adapter.predict(state, x), adapter.update(state, x, told)))
    state = jax.jit(adapter.init)(decoder, variables, stream.calibration, KEY)
    for t in range(12):
        state = both(state, stream.x[t], feedback(t))[1]
    return (
        adapter,
        lambda state, x: both(state, x, feedback(0))[0],
        lambda state, x, told: both(state, x, told)[1],
        state,
    )


def feedback(t, available=True, label=None, window=None):
    """What came after window t: with a label, and a sign of an error every third time; or nothing at all."""
    _, _, stream = setting()
    return Feedback(
        label=stream.y[t] if label is None else jnp.asarray(label, stream.y.dtype),
        available=jnp.asarray(available),
        window=stream.x[t] if window is None else window,
        session_end=stream.session_end[t],
        error=error_sign(t, available),
    )


def error_sign(t, available):
    return jnp.where(available, t % 3 == 0, -1).astype(jnp.int32)


def plain(tree):
    """Leaves as NumPy, random keys as their data."""
    return [
        np.asarray(jax.random.key_data(a) if jnp.issubdtype(a.dtype, jax.dtypes.prng_key) else a)
        for a in map(jnp.asarray, jax.tree.leaves(tree))
    ]


def assert_same(one, other, **tolerance):
    for a, b in zip(plain(one), plain(other), strict=True):
        if tolerance:
            np.testing.assert_allclose(a, b, **tolerance)
        else:
            np.testing.assert_array_equal(a, b)


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(plain(one), plain(other), strict=True))


def learnt(state):
    """The decoder as learnt so far; a guard keeps it on a shadow copy until it has seen enough."""
    return getattr(state, "shadow", state).variables


every_method = pytest.mark.parametrize("name", METHODS)


@every_method
def test_without_feedback_parameters_stay_bit_identical(name):
    _, _, update, state = method(name)
    if name == "oracle":
        pytest.skip("the oracle follows its schedule")
    if METHODS[name].learns_from == "windows" and "params" in METHODS[name].parts:
        pytest.skip("it moves parameters without feedback, as it declares")
    after = update(state, setting()[2].x[12], feedback(12, available=False))
    assert_same(after.variables.params, state.variables.params)
    assert labels_used(after) == labels_used(state)


@every_method
def test_only_the_declared_part_of_the_decoder_moves(name):
    _, _, update, state = method(name)
    before = setting(decoder_of(name))[1]
    # Twice: some wait for 32 windows of a session.
    for t in [*range(12, 29)] * 2:
        state = update(state, setting()[2].x[t], feedback(t))
    moved = {
        part for part in ("align", "params", "stats") if not same(getattr(learnt(state), part), getattr(before, part))
    }
    # Ten labels of the announced session are enough for recal10, twenty for recal20 and scratch20.
    assert moved == set(METHODS[name].parts)


@every_method
def test_a_window_that_is_not_finite_changes_no_state(name):
    _, predict, update, state = method(name)
    x = setting()[2].x[12].at[1, 3].set(jnp.nan)
    after = update(state, x, feedback(12, window=x))
    if name == "oracle":
        # Its counter is a clock and runs on.
        assert after.trial == state.trial + 1
        after = after._replace(trial=state.trial)
    assert_same(after, state)
    np.testing.assert_array_equal(predict(state, x), 0.0)


@every_method
@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_outside_the_classes_is_ignored(name, label):
    _, _, update, state = method(name)
    x = setting()[2].x[12]
    without = feedback(12, available=False)._replace(error=feedback(12).error)
    assert_same(update(state, x, feedback(12, label=label)), update(state, x, without))


@every_method
def test_a_row_of_a_vmapped_scan_equals_the_python_loop(name):
    adapter, predict, update, state = method(name)
    _, _, stream = setting()
    # The first 6 labels are missing in row 0 only: the rows refit and train at different times.
    available = jnp.stack([jnp.arange(18) >= 6, jnp.ones(18, bool)])

    def step(state, trial):
        x, y, end, there, t = trial
        told = Feedback(y, there, x, end, error_sign(t, there))
        return adapter.update(state, x, told), adapter.predict(state, x)

    def scan(available):
        t = jnp.arange(12, 30)
        return jax.lax.scan(step, state, (stream.x[12:], stream.y[12:], stream.session_end[12:], available, t))

    scanned, logits = jax.jit(jax.vmap(scan))(available)
    looped = []
    for i, t in enumerate(range(12, 30)):
        looped.append(predict(state, stream.x[t]))
        state = update(state, stream.x[t], feedback(t, available=available[0, i]))
    # The two programs are fused differently; whitening amplifies float32 rounding.
    np.testing.assert_allclose(logits[0], np.stack(looped), rtol=1e-3, atol=1e-3)
    variables = jax.vmap(lambda state: state.variables)(scanned)
    assert_same(jax.tree.map(lambda leaf: leaf[0], variables), state.variables, rtol=2e-3, atol=2e-3)
    assert scanned.labels_used[0] == labels_used(state)


@every_method
def test_jit_equals_no_jit(name):
    adapter, predict, update, state = method(name)
    x = setting()[2].x[12]
    np.testing.assert_allclose(adapter.predict(state, x), predict(state, x), rtol=1e-4, atol=1e-4)
    after, jitted = adapter.update(state, x, feedback(12)), update(state, x, feedback(12))
    assert_same(after.variables, jitted.variables, rtol=2e-3, atol=2e-3)


@every_method
def test_unlabelled_methods_do_not_look_at_labels(name):
    _, _, update, state = method(name)
    wrong = right = state
    for t in range(12, 29):
        x, y = setting()[2].x[t], int(setting()[2].y[t])
        right = update(right, x, feedback(t))
        wrong = update(wrong, x, feedback(t, label=1 - y))
    assert same(learnt(right), learnt(wrong)) == (METHODS[name].learns_from != "labels")


@pytest.mark.parametrize(
    ("name", "expected"), [("frozen", 0), ("ea", 0), ("recal10", 10), ("scratch20", 15), ("cft", 18)]
)
def test_labels_are_counted_as_spent_when_some_are_missing(name, expected):
    decoder, variables, stream = setting()
    adapter = METHODS[name].make()
    available = jnp.arange(30) % 3 != 1  # 20 of 30, 15 of them after the announced session end
    if name == "cft":
        available = available & (jnp.arange(30) < 27)
    state, _ = jax.jit(lambda: streams.run(adapter, decoder, variables, stream, KEY, available=available))()
    assert labels_used(state) == expected


def test_a_delayed_label_is_learnt_on_the_window_it_belongs_to():
    _, _, stream = setting()
    adapter = Composed(parts=(Recalibration(n_labels=20), ContinualFineTuning()))
    decoder, variables, _ = setting()
    state = adapter.init(decoder, variables, stream.calibration, KEY)
    late = Feedback(stream.y[3], jnp.asarray(True), stream.x[3], jnp.asarray(True))
    state = adapter.update(state, stream.x[4], late)
    state = adapter.update(state, stream.x[5], late)
    recalibration, replay = state.memories
    np.testing.assert_array_equal(recalibration.x[0], stream.x[3])
    np.testing.assert_allclose(replay.replay.new_x[0], variables.align @ stream.x[3], rtol=1e-5, atol=1e-6)
    assert replay.replay.new_y[0] == stream.y[3]


def test_a_delayed_label_still_counts_while_the_current_window_is_unreadable():
    _, _, update, state = method("cft")
    stream = setting()[2]
    broken = stream.x[13].at[0].set(jnp.inf)
    after = update(state, broken, feedback(12))
    assert labels_used(after) == labels_used(state) + 1


def test_a_session_end_is_heard_even_on_an_unreadable_window():
    _, _, update, state = method("ea")
    broken = setting()[2].x[13].at[0].set(jnp.inf)
    after = update(state, broken, feedback(13)._replace(session_end=jnp.asarray(True)))
    np.testing.assert_array_equal(after.memories[0].mean, after.memories[0].prior)


def test_no_refit_from_labels_of_one_class_only():
    decoder, variables, stream = setting()
    adapter = METHODS["recal10"].make()
    ones = jnp.ones_like(stream.y)
    state, _ = jax.jit(lambda: streams.run(adapter, decoder, variables, stream, KEY, labels=ones))()
    assert labels_used(state) == 10
    assert_same(state.variables.params, variables.params)


def test_changing_a_rate_does_not_retrace():
    decoder, variables, stream = setting()
    traces = []

    @jax.jit
    def run(adapter):
        traces.append(1)
        return streams.run(adapter, decoder, variables, stream, KEY)[1]

    for rate in (0.01, 0.2):
        run(Composed(parts=(METHODS["adabn"].make().parts[0].__class__(rate=rate),)))
    assert len(traces) == 1
