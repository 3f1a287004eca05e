"""The 8-bit decoder: bit by bit against integers in NumPy, and near the network in floats that it comes from."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from neurodrift.adaptation.compression import grid, integer
from neurodrift.adaptation.compression.cost import multiply_accumulates
from neurodrift.adaptation.compression.file import load_int8, save_int8
from neurodrift.adaptation.compression.int8 import UNCONSTRAINED, activations, quantise
from neurodrift.adaptation.contract import Feedback, Trials
from neurodrift.adaptation.decoders.eegnet import EEGNet
from neurodrift.adaptation.decoders.norm import Stored
from neurodrift.adaptation.decoders.training import cross_entropy
from neurodrift.adaptation.registry import METHODS
from neurodrift.adaptation.spd import inv_sqrtm
from neurodrift.sim.errors import InputError

from .twin import Twin

N_CHANNELS, N_TIMES, SFREQ = 4, 128, 64.0
MICROVOLTS = 1e-5

apply_all = jax.jit(lambda net, variables, x: jax.vmap(lambda x: net.apply(variables, x))(x))
lower = jax.jit(lambda decoder, variables: decoder.lower(variables))
integers = jax.jit(lambda decoder, program, x: decoder.decide(program, decoder.run(program, decoder.counts(x))))


def trials(n, seed, mixing=None, effect=0.7):
    """Two classes, told apart by a 10 Hz rhythm on one of two channels, V."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    x = rng.normal(size=(n, N_CHANNELS, N_TIMES))
    phase = rng.uniform(0, 2 * np.pi, n)[:, None]
    rhythm = np.sqrt(2) * effect * np.sin(2 * np.pi * 10 * np.arange(N_TIMES) / SFREQ + phase)
    x[np.arange(n), y] += rhythm
    if mixing is not None:
        x = np.einsum("ij,njt->nit", mixing, x)
    return Trials(jnp.asarray(MICROVOLTS * x, jnp.float32), jnp.asarray(y, jnp.int32), jnp.ones(n))


@pytest.fixture(scope="module")
def trained():
    """(network, its variables, 8-bit decoder, its variables, the trials that it was trained on)."""
    net = EEGNet.create(N_CHANNELS, N_TIMES, 2, SFREQ, n_temporal=4, n_separable=8, epochs=30, dropout=0.1)
    net = dataclasses.replace(net, learning_rate=5e-3)
    source = trials(120, 0)
    start = net.init(jax.random.key(0))._replace(align=jnp.eye(N_CHANNELS) / MICROVOLTS)
    variables = jax.jit(lambda n, v, t, k: n.fit(v, t, k))(net, start, source, jax.random.key(1))
    return net, variables, *quantise(net, variables, source.x), source


# -- integers


@pytest.mark.parametrize("n_taps", [16, 1100])
def test_products_left_to_floats_have_the_bits_of_integers(n_taps):
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-127, 128, shape) for shape in ((6, n_taps), (n_taps, 50)))
    a[0], b[:, 0] = 127, 127  # the largest sum
    bound = n_taps * 127**2
    assert (bound < integer.EXACT) == (n_taps == 16)
    got = jax.jit(lambda a, b: integer.product("ij,jk->ik", a, b, bound))(jnp.asarray(a), jnp.asarray(b))
    assert got.dtype == jnp.int32
    np.testing.assert_array_equal(got, a.astype(np.int64) @ b.astype(np.int64))


def test_rescaling_is_a_rounded_affine_map_that_saturates():
    rng = np.random.default_rng(1)
    bound = 62 * 127**2
    factor = np.array([1e-4, -3e-4, 2e-6, 0.0, 5e-3], np.float32)
    offset = np.array([0.3, -40.0, 100.0, 7.0, 0.0], np.float32)
    acc = rng.integers(-bound, bound + 1, (5, 2000))
    by = integer.rescaling(jnp.asarray(factor), jnp.asarray(offset), bound)
    got = np.asarray(integer.rescale(jnp.asarray(acc), by, bound))
    exact = np.clip(factor[:, None].astype(float) * acc + offset[:, None], -127, 127)
    # half a step of rounding, and 16 bits of the accumulator before the multiplication
    assert np.abs(got - exact).max() < 0.5 + 0.5 * 2 ** integer.shift_before(bound) * np.abs(factor).max() + 0.02
    assert {-127, 127} <= set(np.unique(got))


def test_elu_by_table_is_elu_to_half_a_step():
    scale = 0.04
    x = np.arange(-127, 128)
    got = np.asarray(integer.elu(jnp.asarray(x), integer.elu_table(jnp.float32(scale))))
    exact = np.where(x > 0, x, np.expm1(x * scale) / scale)
    assert np.abs(got - exact).max() <= 0.5 + 1e-4


def test_rows_reach_127_and_what_is_on_a_grid_stays_on_it_bit_by_bit():
    weights = jnp.asarray(np.random.default_rng(2).normal(size=(9, 30)) * np.logspace(-6, 2, 9)[:, None], jnp.float32)
    for make in (grid.by_row, grid.as_one):
        found = make(weights)
        steps = np.abs(np.asarray(found.steps))
        assert steps.max() == 127
        assert np.abs(found.values - weights).max(axis=1) == pytest.approx(0, abs=float(found.scale.max()) * 0.501)
        again = make(found.values)
        np.testing.assert_array_equal(again.steps, found.steps)
        np.testing.assert_array_equal(again.scale, found.scale)
    assert (np.abs(np.asarray(grid.by_row(weights).steps)).max(axis=1) == 127).all()
    assert not np.asarray(grid.by_row(jnp.zeros((2, 3))).values).any()


# -- the decoder


def test_the_program_gives_the_bits_of_integers_in_numpy_and_as_many_products_as_are_counted(trained):
    _, _, decoder, variables, _ = trained
    mixing = np.eye(N_CHANNELS) + 0.3 * np.random.default_rng(3).normal(size=(N_CHANNELS, N_CHANNELS))
    x = trials(5, 4, mixing).x
    x = x.at[4].multiply(300.0)  # beyond the converter and every range
    program = lower(decoder, variables)
    kernels = ("spatial", "temporal", "depthwise", "pointwise", "readout")
    assert all(np.abs(np.asarray(getattr(program, name))).max() == 127 for name in kernels)
    assert all(leaf.dtype == jnp.int32 for leaf in jax.tree.leaves(program)[:-2])
    for window in x:
        twin = Twin()
        counts = decoder.counts(window)
        assert np.abs(np.asarray(counts)).max() <= 2047
        np.testing.assert_array_equal(integers(decoder, program, window), twin.run(program, counts, decoder.net))
    assert twin.macs == multiply_accumulates(decoder)


def test_logits_are_the_accumulators_in_volts_less_units(trained):
    _, _, decoder, variables, source = trained
    program = lower(decoder, variables)
    logits = apply_all(decoder, variables, source.x[:6])
    acc = jnp.stack([integers(decoder, program, window) for window in source.x[:6]])
    np.testing.assert_allclose(logits, acc * program.logit_step, rtol=1e-6)


def test_eight_bits_decide_as_floats_do(trained):
    net, floats, decoder, variables, _ = trained
    fresh = trials(300, 5)
    a, b = apply_all(net, floats, fresh.x), apply_all(decoder, variables, fresh.x)
    right = [float((logits.argmax(-1) == fresh.y).mean()) for logits in (a, b)]
    assert right[0] > 0.8
    assert abs(right[0] - right[1]) <= 0.02
    assert float((a.argmax(-1) == b.argmax(-1)).mean()) > 0.97
    # Gaussian rounding errors of some ten roundings of 1/127 of a range: a few percent of the logits' size
    assert float(jnp.abs(a - b).mean()) < 0.08 * float(jnp.abs(a).mean())


@pytest.mark.slow
def test_the_ranges_are_those_of_the_activations_in_floats(trained):
    _, _, decoder, variables, source = trained

    def both(x):
        return activations(decoder.net, variables, x), decoder.net.features(variables, x, Stored(variables.stats), None)

    seen, features = jax.jit(jax.vmap(both))(source.x)
    np.testing.assert_allclose(seen[-1].reshape(features.shape), features, atol=1e-5)
    for values, limit in zip(seen, decoder.ranges[1:]):
        assert float((jnp.abs(values) <= limit).mean()) == pytest.approx(0.9995, abs=2e-4)
    assert float(decoder.ranges.window) == pytest.approx(4 * float(jnp.abs(source.x).max()))


def test_filters_meet_their_constraint_before_they_are_rounded(trained):
    net, variables, _, _, source = trained
    long = {**variables.params, "spatial": {**variables.params["spatial"]}}
    long["spatial"]["kernel"] = 10 * long["spatial"]["kernel"]
    decoder, rounded = quantise(net, variables._replace(params=long), source.x)
    np.testing.assert_allclose(np.linalg.norm(rounded.params["spatial"]["kernel"], axis=-1), 1.0, atol=0.02)
    assert decoder.net.spatial_max_norm == UNCONSTRAINED


@pytest.mark.slow
def test_gradients_are_those_of_the_network_in_floats_at_the_predictions_in_integers(trained):
    _, _, decoder, variables, source = trained
    batch = jax.tree.map(lambda a: a[:8], source)

    def by_hand(params):
        v = variables._replace(params=params)
        logits = jax.vmap(lambda x: decoder.net.apply(v, x))(batch.x)
        error = jax.nn.softmax(apply_all(decoder, variables, batch.x)) - jax.nn.one_hot(batch.y, 2)
        return jnp.sum(jax.lax.stop_gradient(error) * logits) / 8

    got = jax.jit(jax.grad(lambda p: cross_entropy(decoder, variables._replace(params=p), batch, None)))(
        variables.params
    )
    expected = jax.jit(jax.grad(by_hand))(variables.params)
    below = [name for name in decoder.layers if name != "readout"]
    for name in below:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6), got[name], expected[name])
    np.testing.assert_allclose(got["readout"]["bias"], expected["readout"]["bias"], rtol=1e-3, atol=1e-6)
    # the readout's gradient sees the features that it reads: those of the integers
    assert not np.array_equal(got["readout"]["kernel"], expected["readout"]["kernel"])


# -- adaptation


def session(name, decoder, variables, calibration, stream):
    """Share of the last 60 windows of ``stream`` that a method gets right, with every label told after its window."""
    adapter = METHODS[name].make()

    def run(decoder, variables, calibration, stream):
        def step(state, trial):
            x, y = trial
            logits = adapter.predict(state, x)
            return adapter.update(state, x, Feedback(y, jnp.bool_(True), x, jnp.bool_(False))), logits.argmax()

        state = adapter.init(decoder, variables, calibration, jax.random.key(0))
        return jax.lax.scan(step, state, (stream.x, stream.y))[1]

    classes = jax.jit(run)(decoder, variables, calibration, stream)
    return float((classes == stream.y)[-60:].mean())


@pytest.fixture(scope="module")
def shift(trained):
    """(windows after a shift, whitening of the windows before it, accuracy of the frozen 8-bit decoder)."""
    _, _, decoder, variables, source = trained
    stretch = np.random.default_rng(6).normal(size=(N_CHANNELS, N_CHANNELS))
    values, vectors = np.linalg.eigh(np.eye(N_CHANNELS) + 0.9 * stretch @ stretch.T)
    shifted = trials(160, 7, 2.0 * (vectors / np.sqrt(values)) @ vectors.T)
    whitening = inv_sqrtm(jnp.mean(source.x @ source.x.mT, 0) / N_TIMES)
    return shifted, whitening, session("frozen", decoder, variables._replace(align=whitening), source, shifted)


def test_fine_tuning_of_windows_in_volts_moves_the_readout_as_in_floats(trained):
    """What is stored for replay is aligned and of unit size: read as voltages it would saturate the converter."""
    net, floats, _, _, source = trained
    volts = source._replace(x=1e-5 * source.x)
    whitening = inv_sqrtm(jnp.mean(volts.x @ volts.x.mT, 0) / N_TIMES)
    aligned = jnp.einsum("cd,ndt->nct", whitening, volts.x)
    decoder, variables = quantise(net, floats, aligned, largest=float(jnp.abs(volts.x).max()))
    readouts = []
    for which, own in ((net, floats), (decoder, variables)):
        adapter = METHODS["last_layer"].make()

        def run(which, own, adapter=adapter):
            def step(state, trial):
                x, y = trial
                return adapter.update(state, x, Feedback(y, jnp.bool_(True), x, jnp.bool_(False))), None

            state = adapter.init(which, own._replace(align=whitening), volts, jax.random.key(0))
            return jax.lax.scan(step, state, (volts.x[:30], volts.y[:30]))[0].variables.params

        after = jax.jit(run)(which, own)["readout"]["kernel"]
        readouts.append(np.asarray(after - own.params["readout"]["kernel"]).ravel())
    assert np.linalg.norm(readouts[0]) > 0.01
    assert np.corrcoef(*readouts)[0, 1] > 0.95


@pytest.mark.parametrize(
    "name", ["last_layer", *(pytest.param(n, marks=pytest.mark.slow) for n in ("ea", "adabn", "ttime"))]
)
def test_online_adaptation_after_a_shift_works_on_the_eight_bit_decoder(trained, shift, name):
    net, floats, decoder, variables, source = trained
    shifted, whitening, frozen = shift
    adapted = session(name, decoder, variables._replace(align=whitening), source, shifted)
    assert adapted > frozen + 0.1
    if name == "ea":
        assert adapted >= session(name, net, floats._replace(align=whitening), source, shifted) - 0.05


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [n for n, spec in METHODS.items() if spec.needs in ("any", "network") and n != "oracle"]
)
def test_every_method_for_networks_runs_on_the_eight_bit_decoder(trained, name):
    _, _, decoder, variables, source = trained
    right = session(name, decoder, variables, source, trials(80, 8))
    assert right > 0.6


# -- files


def test_a_file_gives_back_the_same_integers(trained, tmp_path):
    _, _, decoder, variables, _ = trained
    path = tmp_path / "decoder.safetensors"
    save_int8(path, decoder, variables, {"licence": "CC0-1.0"})
    read, loaded, meta = load_int8(path)
    assert meta == {"licence": "CC0-1.0"}
    assert read == decoder
    jax.tree.map(np.testing.assert_array_equal, loaded, variables)
    a, b = (lower(d, v) for d, v in ((decoder, variables), (read, loaded)))
    jax.tree.map(np.testing.assert_array_equal, a, b)
    without = variables._replace(align=jnp.eye(N_CHANNELS))
    save_int8(path, decoder, without)
    assert np.array_equal(load_int8(path)[1].align, np.eye(N_CHANNELS))


def test_files_that_are_none_or_lie_about_their_size_are_refused_in_one_line(trained, tmp_path):
    _, _, decoder, variables, _ = trained
    path, bad = tmp_path / "good", tmp_path / "bad"
    save_int8(path, decoder, variables)
    tensors = load_file(path)
    with safe_open(path, framework="np") as file:
        header = file.metadata()
    shapes = json.loads(header["decoder"])

    def saved(tensors=tensors, **changes):
        save_file(tensors, bad, metadata={**header, **changes})

    cases = [
        (lambda: bad.write_bytes(b"not a file"), "cannot be read"),
        (lambda: saved(format="other"), "is marked 'other'"),
        (lambda: saved(decoder="[]"), "does not say the shapes"),
        (lambda: saved(decoder=json.dumps({**shapes, "n_channels": 10**9})), "n_channels 1000000000"),
        (lambda: saved(decoder=json.dumps({**shapes, "n_channels": 5})), "wanted"),
        (lambda: saved(decoder=json.dumps({**shapes, "sfreq": float("nan")})), "sfreq nan"),
        (lambda: saved(decoder=json.dumps({**shapes, "converter_bits": 40})), "40 bits"),
        (lambda: saved({k: v for k, v in tensors.items() if k != "ranges"}), "ranges"),
        (lambda: saved({**tensors, "ranges": tensors["ranges"] * np.float32(np.nan)}), "not finite"),
        (lambda: saved({**tensors, "stats.spatial.var": -tensors["stats.spatial.var"]}), "negative"),
        (lambda: saved({**tensors, "temporal.kernel": tensors["temporal.kernel"].astype(np.float32)}), "F32"),
    ]
    for write, message in cases:
        write()
        with pytest.raises(InputError, match=message) as caught:
            load_int8(bad)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="cannot write"):
        save_int8(tmp_path / "no" / "folder", decoder, variables)


def test_windows_that_set_no_range_are_refused(trained):
    net, variables, _, _, source = trained
    for x, options, message in [
        (jnp.zeros((0, N_CHANNELS, N_TIMES)), {}, "one or more"),
        (source.x[:, :2], {}, f"windows of 2 channels: wanted the {N_CHANNELS} that"),
        (jnp.zeros_like(source.x), {}, "finite value other than zero"),
        (jnp.full_like(source.x, jnp.nan), {}, "finite value other than zero"),
        (jnp.ones((3, N_CHANNELS, N_TIMES)), {"coverage": 0.0}, "coverage 0"),
        (jnp.ones((3, N_CHANNELS, N_TIMES)), {"converter_bits": 32}, "32 bits"),
    ]:
        with pytest.raises(InputError, match=message):
            quantise(net, variables, x, **options)
