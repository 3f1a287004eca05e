"""Pretraining over people: the scan with each strategy, early stopping, drawn people, and what is refused."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation.contract import Trials, Variables
from neurodrift.adaptation.decoders.csp_lda import CSPLDA
from neurodrift.adaptation.decoders.nets import linear
from neurodrift.adaptation.strategies import STRATEGIES, strategy
from neurodrift.adaptation.transfer.contract import Batch, ByLoss, Loss
from neurodrift.adaptation.transfer.domains import align_people, orders, ready, stacked
from neurodrift.adaptation.transfer.parts import Parts
from neurodrift.adaptation.transfer.pretrain import pretrain, pretrain_with_history
from neurodrift.adaptation.transfer.supervised import Supervised
from neurodrift.sim.errors import InputError
from neurodrift.sim.pytree import component, static

N_PEOPLE, N_TRIALS, N_CHANNELS, N_TIMES = 5, 12, 3, 24


@component
class LogPower:
    """A network of one layer of spatial filters and no norm: it has what pretraining needs, and compiles at once."""

    n_classes: int = static(default=2)
    epochs: int = static(default=4)
    batch_size: int = static(default=8)
    learning_rate: float = 0.05
    weight_decay: float = 0.0
    momentum: float = 0.1
    prior: float = 1.0

    @property
    def layers(self):
        return ("spatial", "readout")

    @property
    def n_features(self):
        return 2

    def init(self, key):
        a, b = jax.random.split(key)
        params = {
            "spatial": {"kernel": jax.random.normal(a, (2, N_CHANNELS))},
            "readout": {"kernel": 0.1 * jax.random.normal(b, (2, 2)), "bias": jnp.zeros(2)},
        }
        return Variables(jnp.eye(N_CHANNELS), params, {})

    def features(self, variables, x, statistics, key):
        return jnp.log(jnp.mean((variables.params["spatial"]["kernel"] @ variables.align @ x) ** 2, axis=-1) + 1e-6)

    def apply(self, variables, x, *, key=None):
        return linear(variables.params["readout"], self.features(variables, x, None, key))


def people(seed, n_people=N_PEOPLE):
    """Class 0 is louder on channel 0, class 1 on channel 1, of channels mixed a little differently in each person."""
    rng = np.random.default_rng(seed)
    y = np.tile(np.arange(N_TRIALS) % 2, (n_people, 1))
    power = np.ones((n_people, N_TRIALS, N_CHANNELS, 1))
    np.put_along_axis(power, y[..., None, None], 3.0, axis=2)
    mixing = np.eye(N_CHANNELS) + 0.2 * rng.standard_normal((n_people, N_CHANNELS, N_CHANNELS))
    x = np.einsum("pij,pnjt->pnit", mixing, power * rng.standard_normal((n_people, N_TRIALS, N_CHANNELS, N_TIMES)))
    return Trials(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.int32), jnp.ones((n_people, N_TRIALS)))


@component
class Drawn:
    """Other people for every key."""

    def __call__(self, key):
        power = 1.0 + 2.0 * jax.nn.one_hot(jnp.tile(jnp.arange(N_TRIALS) % 2, (N_PEOPLE, 1)), N_CHANNELS)
        x = power[..., None] * jax.random.normal(key, (N_PEOPLE, N_TRIALS, N_CHANNELS, N_TIMES))
        y = jnp.tile(jnp.arange(N_TRIALS) % 2, (N_PEOPLE, 1)).astype(jnp.int32)
        return Trials(x, y, jnp.ones((N_PEOPLE, N_TRIALS)))


SIZES = {"people_per_batch": 2, "trials_per_person": 6}
KEY = jax.random.key(0)


@pytest.mark.parametrize(
    "name", ["dann", *(pytest.param(name, marks=pytest.mark.slow) for name in STRATEGIES if name != "dann")]
)
def test_every_strategy_learns_the_task_and_is_the_same_for_the_same_key(name):
    few = {"trials_per_person": N_TRIALS} if STRATEGIES[name].continues else {}  # learns from 8, the others judge
    options = {"strategy": strategy(name), "epochs": 8, "held_out": people(7), **SIZES, **few}
    found = pretrain_with_history(LogPower(), people(0), KEY, **options)
    assert found.history["task"].shape == (8,)
    assert found.history["task"][-1] < found.history["task"][0]
    assert found.history["held_out_accuracy"][-1] > 0.7
    again = pretrain_with_history(LogPower(), people(0), KEY, **options)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool(jnp.all(a == b)), found, again))


def test_labels_of_unlabelled_people_are_never_read():
    def trained(target):
        return pretrain(LogPower(), people(0), KEY, strategy=strategy("mcc"), unlabelled=target, **SIZES)

    target = people(3)
    flipped = trained(target._replace(y=1 - target.y))
    assert jax.tree.all(jax.tree.map(lambda a, b: bool(jnp.all(a == b)), trained(target), flipped))
    moved = trained(target._replace(x=target.x[..., ::-1, :]))
    assert not jax.tree.all(jax.tree.map(lambda a, b: bool(jnp.all(a == b)), flipped, moved))


@pytest.mark.slow
def test_a_weight_of_zero_is_no_penalty():
    plain, zero = (
        pretrain(LogPower(), people(0), KEY, strategy=s, **SIZES) for s in (Supervised(), strategy("mmd", 0.0))
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), plain, zero)


@component
class Counts(ByLoss):
    """Descends by one in the bias of the readout at every step, whatever it sees, and reports what it is given."""

    def loss(self, decoder, variables, extra, batch: Batch, key):
        value = jnp.sum(variables.params["readout"]["bias"])
        terms = {"people": batch.person.sum() * 1.0, "progress": batch.progress, "told": batch.labelled.sum()}
        return Loss(value, variables.stats, terms)


def test_a_strategy_of_ones_own_sees_people_progress_and_who_is_labelled():
    found = pretrain_with_history(
        LogPower(), people(0, 4), KEY, strategy=Counts(), epochs=3, unlabelled=people(1, 2), **SIZES
    )
    # 4 people of 12 trials, 2 x 6 a batch: 4 batches an epoch, everybody twice; then the two without labels
    assert found.history["told"].tolist() == [2.0, 2.0, 2.0]
    np.testing.assert_allclose(found.history["people"], (2 * (0 + 1 + 2 + 3) + 4 * (4 + 5)) / 4)
    np.testing.assert_allclose(found.history["progress"], (np.arange(12).reshape(3, 4) / 12).mean(1), rtol=1e-6)


def test_the_best_epoch_on_held_out_people_is_kept_and_patience_ends_learning():
    wrong = people(5)._replace(y=1 - people(5).y)  # the better the task, the worse these: the first epoch is the best
    found = pretrain_with_history(
        LogPower(), people(0), KEY, strategy=Supervised(), epochs=6, held_out=wrong, patience=2, **SIZES
    )
    first = pretrain_with_history(LogPower(), people(0), KEY, strategy=Supervised(), epochs=6, held_out=wrong, **SIZES)
    loss = np.asarray(first.history["held_out_loss"])
    assert loss.argmin() == 0
    assert np.isnan(np.asarray(found.history["task"])[3:]).all()
    assert np.isfinite(np.asarray(found.history["task"])[:3]).all()
    jax.tree.map(np.testing.assert_array_equal, found.variables, first.variables)


def test_people_are_drawn_anew_in_every_round():
    found = pretrain_with_history(LogPower(), Drawn(), KEY, strategy=Supervised(), rounds=3, epochs=2, **SIZES)
    assert found.history["task"].shape == (6,)
    assert found.history["task"][-1] < found.history["task"][0]


@pytest.mark.parametrize("drawn", [False, True])
def test_an_interrupted_training_goes_on_to_the_same_bits(drawn, tmp_path):
    """Stopped when the second part is told, which is before it is kept; and the seal of another is not gone on from."""
    who: dict = {"people": Drawn(), "epochs": 2, "rounds": 3} if drawn else {"people": people(0), "epochs": 3}
    key, told = jax.random.key(4), []

    def trained(seal, notify=None):
        return pretrain_with_history(
            LogPower(), key=key, strategy=Supervised(), notify=notify, parts=Parts(tmp_path / "part.npz", seal),
            **who, **SIZES,
        )  # fmt: skip

    def stop(done, planned, terms):
        told.append(done)
        if done >= 2 * (2 if drawn else 1):
            raise RuntimeError("interrupted")

    with pytest.raises(Exception, match="interrupted"):
        jax.block_until_ready(trained("a", stop).variables)
    assert (tmp_path / "part.npz").exists()
    first = len(told)
    found = trained("a", lambda done, planned, terms: told.append(done))
    whole = pretrain_with_history(LogPower(), key=key, strategy=Supervised(), **who, **SIZES)
    jax.tree.map(np.testing.assert_array_equal, found, whole)
    jax.effects_barrier()
    assert min(told[first:]) > 1  # the first part is not trained again
    assert not (tmp_path / "part.npz").exists()
    (tmp_path / "part.npz").write_bytes(b"damaged")
    jax.tree.map(np.testing.assert_array_equal, trained("b"), whole)


def test_a_training_that_aligns_is_not_gone_on_from_without_alignment(tmp_path):
    kept = Parts(tmp_path / "part.npz", "a")

    def trained(align, **options):
        return pretrain_with_history(
            LogPower(), people(0), KEY, strategy=Supervised(), epochs=3, align=align, **options, **SIZES
        )

    def stop(done, planned, terms):
        if done >= 2:
            raise RuntimeError("interrupted")

    with pytest.raises(Exception, match="interrupted"):
        jax.block_until_ready(trained(True, parts=kept, notify=stop).variables)
    assert kept.file.exists()
    jax.tree.map(np.testing.assert_array_equal, trained(False, parts=kept), trained(False))


@pytest.mark.parametrize("align", [True, False])
def test_somebody_without_a_usable_window_is_left_out(align):
    known = people(0)
    lost = known._replace(x=known.x.at[2].set(jnp.nan))
    found = ready(lost, align)
    assert np.isfinite(found.x).all()
    assert found.weight.sum(1).tolist() == [N_TRIALS] * 2 + [0.0] + [N_TRIALS] * (N_PEOPLE - 3)


def test_everybody_is_in_a_minibatch_once_before_anybody_twice():
    found = np.asarray(orders(KEY, 6, 2, 7))
    assert found.shape == (7, 2)
    for start in (0, 3):
        assert sorted(found[start : start + 3].reshape(-1)) == list(range(6))


def test_people_with_fewer_trials_are_filled_up_with_trials_that_do_not_count():
    one, other = (jax.tree.map(lambda a: a[0], people(s)) for s in (0, 1))
    short = jax.tree.map(lambda a: a[:4], other)
    whole = stacked([one, short])
    assert whole.weight.sum(1).tolist() == [N_TRIALS, 4.0]
    aligned = align_people(whole)
    cov = np.einsum("nit,njt->ij", aligned.x[1, :4], aligned.x[1, :4]) / (4 * N_TIMES)
    np.testing.assert_allclose(cov, np.eye(N_CHANNELS), atol=1e-3)


def test_people_as_they_come_are_trained_on_without_alignment():
    """Aligned beforehand is the same as aligned by the training; a window with a NaN is left out either way."""
    groups = [people(0), people(3), people(7)]
    groups[0] = groups[0]._replace(x=groups[0].x.at[1, 2, 0, 5].set(jnp.nan))

    def trained(known, hidden, outside, align):
        return pretrain_with_history(
            LogPower(), known, KEY, strategy=strategy("mmd"), unlabelled=hidden, held_out=outside, epochs=2,
            align=align, **SIZES,
        )  # fmt: skip

    whole = trained(*groups, True)
    by_hand = trained(*map(align_people, groups), False)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), by_hand, whole)
    for place in range(3):
        raw = [align_people(group) if i != place else group for i, group in enumerate(groups)]
        found = trained(*raw, False)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
        different = jax.tree.map(lambda a, b: not np.allclose(a, b, rtol=1e-4), found, whole)
        assert any(jax.tree.leaves(different))


@pytest.mark.slow
def test_progress_is_told_after_every_epoch():
    told = []
    notify = lambda done, planned, terms: told.append((done, planned, sorted(terms)))  # noqa: E731
    found = pretrain(LogPower(), people(0), KEY, strategy=Supervised(), epochs=3, notify=notify, **SIZES)
    jax.block_until_ready(found)
    jax.effects_barrier()
    assert sorted(told) == [(n, 3, ["task"]) for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"epochs": 0}, "epochs is 0: wanted 1 or more"),
        ({"rounds": 2}, "can be drawn but once"),
        ({"people_per_batch": 0}, "people_per_batch is 0"),
        ({"held_out": people(0)._replace(x=people(0).x[..., :-1])}, "held-out people have windows of"),
        ({"unlabelled": people(0)._replace(y=people(0).y[:, 1:])}, "unlabelled people have x"),
    ],
)
def test_sizes_and_people_that_do_not_fit_are_refused(change, said):
    with pytest.raises(InputError, match=said):
        pretrain(LogPower(), people(0), KEY, strategy=Supervised(), **change)


def test_a_decoder_without_gradients_and_unknown_strategies_are_refused():
    with pytest.raises(InputError, match="CSPLDA, which is not trained by gradients"):
        pretrain(CSPLDA.create(N_CHANNELS, N_TIMES), people(0), KEY, strategy=Supervised(), epochs=1)
    with pytest.raises(InputError, match="without a strategy knows no patience"):
        pretrain(LogPower(), people(0), KEY, patience=2)
    with pytest.raises(InputError, match="did you mean 'coral'"):
        strategy("corall")
    with pytest.raises(InputError, match="wanted a finite number"):
        strategy("coral", -1.0)


@pytest.mark.slow
def test_numbers_of_a_strategy_change_without_compiling_again():
    from neurodrift.adaptation.transfer.loop import rounds

    before = rounds._cache_size()
    for weight in (0.5, 2.0):
        pretrain(LogPower(), people(0), KEY, strategy=dataclasses.replace(strategy("coral"), weight=weight), **SIZES)
    assert rounds._cache_size() <= before + 1
