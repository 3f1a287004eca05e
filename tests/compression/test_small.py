"""Pruning, distillation and what a decoder costs."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from scipy.stats import entropy

from neurodrift.adaptation.compression import cost
from neurodrift.adaptation.compression.cost import in_turns, latencies, multiply_accumulates, n_bytes, stored
from neurodrift.adaptation.compression.distillation import distil, distillation_loss
from neurodrift.adaptation.compression.int8 import Int8EEGNet, Ranges
from neurodrift.adaptation.compression.pruning import Pruned, magnitude_masks, prune
from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.decoders.csp_lda import CSPLDA
from neurodrift.adaptation.decoders.eegnet import EEGNet
from neurodrift.adaptation.decoders.shallow import ShallowFBCSPNet
from neurodrift.sim.errors import InputError

NET = EEGNet.create(3, 96, 2, 64.0, n_temporal=2, n_separable=4, epochs=2, batch_size=16)


@pytest.fixture(scope="module")
def variables():
    return jax.jit(NET.init)(jax.random.key(0))


def trials(n=32, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3, 96)).astype(np.float32)
    y = np.arange(n) % 2
    x[np.arange(n), y] *= 2
    return Trials(jnp.asarray(x), jnp.asarray(y, jnp.int32), jnp.ones(n))


# -- pruning


def test_the_smallest_weights_of_each_layer_are_left_out():
    params = {"a": {"kernel": jnp.asarray([[1.0, -4.0], [3.0, -2.0]])}, "b": {"kernel": jnp.asarray([[10.0, 20.0]])}}
    masks = magnitude_masks({**params, "b": {**params["b"], "bias": jnp.zeros(2)}}, 0.5, "layer")
    np.testing.assert_array_equal(masks["a"]["kernel"], [[0, 1], [1, 0]])
    np.testing.assert_array_equal(masks["b"]["kernel"], [[0, 1]])
    assert "bias" not in masks["b"]


def test_over_all_layers_weights_are_measured_by_their_layers_size():
    rng = np.random.default_rng(0)
    w = {"a": rng.normal(size=(4, 5)), "b": 100 * rng.normal(size=(3, 10)) ** 3}
    masks = magnitude_masks({k: {"kernel": jnp.asarray(v, jnp.float32)} for k, v in w.items()}, 0.4)
    relative = {k: np.abs(v) / np.sqrt((v**2).mean()) for k, v in w.items()}
    threshold = np.sort(np.concatenate([r.ravel() for r in relative.values()]))[19]  # 40 % of 50 are 20
    for k, r in relative.items():
        np.testing.assert_array_equal(masks[k]["kernel"], r > threshold)
    assert sum(int(m["kernel"].sum()) for m in masks.values()) == 30


def test_pruned_weights_stay_zero_through_training_and_the_rest_learns(variables):
    pruned, learnt = prune(NET, variables, trials(), jax.random.key(1), sparsity=0.75, n_steps=1)
    n_kept = sum(int(mask.sum()) for layer in pruned.masks.values() for mask in layer.values())
    n_weights = sum(mask.size for layer in pruned.masks.values() for mask in layer.values())
    assert n_kept == n_weights - int(0.75 * n_weights)
    for layer, masks in pruned.masks.items():
        for name, mask in masks.items():
            kernel = np.asarray(learnt.params[layer][name])
            assert not kernel[np.asarray(mask) == 0].any()
            assert not np.array_equal(kernel, variables.params[layer][name] * mask)
    # Whatever a method writes into them, they play no part.
    x = trials().x[0]
    raised = jax.tree.map(lambda leaf: leaf, learnt)
    for layer, masks in pruned.masks.items():
        for name, mask in masks.items():
            raised.params[layer][name] = raised.params[layer][name] + 5.0 * (1 - mask)
    both = jax.jit(jax.value_and_grad(lambda params: pruned.apply(learnt._replace(params=params), x)[0]))
    logit, gradient = both(learnt.params)
    assert both(raised.params)[0] == logit
    for layer, masks in pruned.masks.items():
        assert all(not np.asarray(gradient[layer][name])[np.asarray(mask) == 0].any() for name, mask in masks.items())


# -- distillation


def test_the_loss_is_that_of_hinton_in_float64():
    rng = np.random.default_rng(1)
    student, teacher = rng.normal(size=(2, 7, 3)) * 3
    y, weight = rng.integers(0, 3, 7), rng.uniform(0, 2, 7)
    kl = np.array([entropy(softmax(t / 4.0), softmax(s / 4.0)) for s, t in zip(student, teacher)])
    hard = -log_softmax(student, axis=1)[np.arange(7), y]
    expected = np.average(0.7 * 16.0 * kl + 0.3 * hard, weights=weight)
    got = distillation_loss(*map(jnp.asarray, (student, teacher, y, weight)), 4.0, 0.7)
    assert float(got) == pytest.approx(expected, rel=1e-5)


def test_a_student_of_the_teacher_alone_comes_to_agree_with_it_without_a_class(variables):
    data = trials(64)
    student = dataclasses.replace(NET, epochs=40, learning_rate=1e-2, dropout=0.0)

    class Teacher:
        """Logits from which channel is the louder."""

        def apply(self, variables, x, *, key=None):
            power = jnp.mean(x**2, axis=-1)
            return variables * (power[:2] - power[:2].mean())

    jax.tree_util.register_static(Teacher)
    wrong = data._replace(y=jnp.zeros(64, jnp.int32))
    learnt = distil(Teacher(), jnp.float32(2.0), student, variables, wrong, jax.random.key(2), share=1.0)
    logits = jax.jit(jax.vmap(lambda x: student.apply(learnt, x)))(trials(100, 5).x)
    assert float((logits.argmax(-1) == trials(100, 5).y).mean()) > 0.8


# -- cost


def int8_of(net):
    return Int8EEGNet(net=net, ranges=Ranges(window=1.0))


def test_bytes_of_eegnet_by_hand(variables):
    # 2 temporal filters of 32, 4 spatial of 3, 4 depthwise of 16, 4 pointwise of 4, readout 2 x (4 x 6) with 2 biases;
    # three norms of 2, 4 and 4 features, four numbers each
    assert (NET.kernel_length, NET.separable_length, NET.n_features) == (32, 16, 24)
    weights = [(2, 32), (4, 3), (4, 16), (4, 4), (2, 24)]
    n_weights, n_norms = sum(a * b for a, b in weights), 4 * (2 + 4 + 4)
    assert n_bytes(NET, variables) == 4 * (n_weights + 2 + n_norms)
    n_scales = 2 + 4 + 4 + 4 + 1
    assert n_bytes(int8_of(NET), variables) == n_weights + 4 * (n_scales + 2 + n_norms + 7)
    masks = magnitude_masks(variables.params, 0.5, "layer")
    kept = sum(a * b - a * b // 2 for a, b in weights)
    bits = sum(-(-a * b // 8) for a, b in weights)
    assert n_bytes(Pruned(net=NET, masks=masks), variables) == 4 * (kept + 2 + n_norms) + bits
    assert n_bytes(Pruned(net=int8_of(NET), masks=masks), variables) == kept + bits + 4 * (n_scales + 2 + n_norms + 7)
    assert stored(int8_of(NET), variables)["temporal.kernel"].dtype == np.int8


def test_multiply_accumulates_by_hand(variables):
    # EEGNet-8,2 as braindecode has it on 22 channels of 2 s at 128 Hz: taps x outputs x filters
    net = EEGNet.create(22, 256, 4, 128.0)
    n_out, n_out2 = 257, 257 // 4 + 1
    expected = {
        "spatial": 16 * 22 * 256,
        "temporal": 16 * 64 * n_out,
        "depthwise": 16 * 16 * n_out2,
        "pointwise": 16 * 16 * n_out2,
        "readout": 4 * 16 * (n_out2 // 8),
    }
    assert multiply_accumulates(net) == multiply_accumulates(int8_of(net)) == expected
    masks = magnitude_masks(variables.params, 0.5, "layer")
    whole, half = multiply_accumulates(NET), multiply_accumulates(Pruned(net=NET, masks=masks))
    assert {name: 2 * n for name, n in half.items()} == whole
    shallow = ShallowFBCSPNet.create(22, 500, 2, 250.0)
    assert multiply_accumulates(shallow) == {"spatial": 40 * 22 * 25 * 476, "readout": 2 * 40 * ((476 - 75) // 15 + 1)}
    with pytest.raises(InputError, match="CSPLDA are not known"):
        multiply_accumulates(CSPLDA.create(4, 100))


class Machine:
    """A clock, and programs that take it ``cost`` seconds more for every run there was before."""

    def __init__(self, growth):
        self.now, self.n_runs, self.growth, self.turns = 0.0, 0, growth, []

    def perf_counter(self):
        return self.now

    def program(self, name, cost):
        def run():
            self.turns.append(name)
            self.now += cost + self.growth * self.n_runs
            self.n_runs += 1

        return run


def test_programs_take_turns_and_each_begins_a_round(monkeypatch):
    machine = Machine(0.0)
    monkeypatch.setattr(cost, "time", machine)
    found = in_turns({name: machine.program(name, i + 1.0) for i, name in enumerate("abc")}, 4, 2)
    assert "".join(machine.turns) == "aabbcc" + "bbccaa" + "ccaabb" + "aabbcc"
    assert found["b"] == (2.0, 2.0, 2.0, 4, 2)


def test_what_a_machine_does_beside_tells_no_two_equal_programs_apart(monkeypatch):
    """One that gets slower by a hundredth of a run at every run; timed one after the other, the second program is
    slower by as much as the ranges are wide, and they do not overlap."""
    machine = Machine(0.01)
    monkeypatch.setattr(cost, "time", machine)
    found = in_turns({name: machine.program(name, 1.0) for name in "ab"}, 6, 5)
    # the middle run of turn 1 to 12; a has the first of rounds 1, 3, 5, the second of 2, 4, 6
    middle = 1.0 + 0.01 * (2 + 5 * np.arange(12))
    for name, turns in (("a", [0, 3, 4, 7, 8, 11]), ("b", [1, 2, 5, 6, 9, 10])):
        mine = middle[turns]
        assert found[name][:3] == pytest.approx((np.median(mine), mine[0], mine[-1]))
    assert abs(found["a"].p50 - found["b"].p50) < 0.1 * (found["a"].hi - found["a"].lo)


def test_latencies_are_of_every_kind_of_decoder(variables):
    masks = magnitude_masks(variables.params, 0.5, "layer")
    decoders = {"floats": NET, "8 bits": int8_of(NET), "pruned": Pruned(net=NET, masks=masks)}
    found = latencies({name: (net, variables) for name, net in decoders.items()}, trials().x[0], n_rounds=3, n=5)
    assert list(found) == list(decoders)
    assert all(0 < one.lo <= one.p50 <= one.hi and (one.n_rounds, one.n) == (3, 5) for one in found.values())


@pytest.mark.parametrize(
    ("sparsity", "scope", "params", "message"),
    [
        (1.0, "global", {"a": {"kernel": jnp.ones((2, 2))}}, "below 1"),
        (0.5, "row", {"a": {"kernel": jnp.ones((2, 2))}}, "'row'"),
        (0.5, "layer", {"a": {"bias": jnp.ones(2)}}, "without a matrix"),
    ],
)
def test_what_cannot_be_pruned_is_refused(sparsity, scope, params, message):
    with pytest.raises(InputError, match=message):
        magnitude_masks(params, sparsity, scope)


def test_a_share_that_cannot_be_pruned_is_named_as_it_was_given(variables):
    with pytest.raises(InputError, match="the sparsity is 2; wanted"):
        prune(NET, variables, trials(), jax.random.key(0), sparsity=2.0)
