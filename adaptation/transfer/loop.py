"""The compiled loop of pretraining: rounds of people, epochs over them, minibatches of some people."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from ...sim.keys import stream_key
from ..contract import Decoder, Trials, Variables
from ..decoders.training import ADAM_EPS, weighted_cross_entropy
from .contract import Batch, Draw, Strategy
from .domains import draw_trials, orders, ready

Notify = Callable[[int, int, dict[str, float]], None]
"""Told after every epoch: how many are over, of how many, and the terms of the last."""


class Pretrained(NamedTuple):
    """variables: those of the best epoch where there were held-out people, else of the last; history: name ->
    (n_epochs,) float32, the mean of each term over an epoch, ``held_out_loss`` and ``held_out_accuracy`` after it."""

    variables: Variables
    history: dict[str, Array]


class Plan(NamedTuple):
    """Static sizes. epochs: passes over the people, over each draw of them where they are drawn ``rounds`` times;
    patience: epochs without a better loss on held-out people after which nothing is learnt any more, 0 for never;
    align: each person by their own mean covariance."""

    epochs: int
    rounds: int = 1
    people_per_batch: int = 4
    trials_per_person: int = 16
    patience: int = 0
    align: bool = True


class _State(NamedTuple):
    variables: Variables
    extra: Any
    optimizer: Any
    tick: Array  # () int32 minibatches so far


class _Best(NamedTuple):
    variables: Variables
    loss: Array  # () on held-out people
    waited: Array  # () int32 epochs since


class Carry(NamedTuple):
    """What training goes on from."""

    state: _State
    best: _Best


class Work(NamedTuple):
    """All that is trained on: the decoder by the strategy, on people or a draw of them; people whose labels are hidden
    and people held out, None for none."""

    decoder: Decoder
    strategy: Strategy
    people: Trials | Draw
    hidden: Trials | None
    outside: Trials | None


def train(work: Work, start: Variables, key: Array, plan: Plan, notify: Notify | None = None) -> Pretrained:
    """Everything checked: see :func:`neurodrift.adaptation.transfer.pretrain.pretrain_with_history`.

    AdamW at the decoder's own rate and decay; one optimiser and one count of progress through all rounds.
    """
    carry, history = rounds(work, begin(work, start, key), key, jnp.arange(plan.rounds), plan, notify)
    return Pretrained(carry.best.variables, history)


@jax.jit
def begin(work: Work, start: Variables, key: Array) -> Carry:
    """Before the first step."""
    n_people = _shape(work.people, key)[0] + (0 if work.hidden is None else work.hidden.y.shape[0])
    extra = work.strategy.init(work.decoder, n_people, stream_key(key, "extra"))
    state = _State(start, extra, _optimizer(work.decoder).init((start.params, extra)), jnp.int32(0))
    return Carry(state, _Best(start, jnp.float32(jnp.inf), jnp.int32(0)))


def _shape(people: Trials | Draw, key: Array) -> tuple[int, ...]:
    return (people if isinstance(people, Trials) else jax.eval_shape(people, key)).y.shape


def _optimizer(decoder: Decoder) -> optax.GradientTransformation:
    network: Any = decoder
    return optax.flatten(optax.adamw(network.learning_rate, eps=ADAM_EPS, weight_decay=network.weight_decay))


@jax.jit(static_argnames=("plan", "notify"))
def rounds(
    work: Work, carry: Carry, key: Array, numbers: Array, plan: Plan, notify: Notify | None = None
) -> tuple[Carry, dict[str, Array]]:
    """The rounds of these numbers (n,) of all that are planned, and their history: rounds one by one are the same as
    all at once."""
    decoder, strategy, people, hidden, outside = work
    shape = _shape(people, key)
    n_hidden = 0 if hidden is None else hidden.y.shape[0]
    hidden_per_batch = min(n_hidden, plan.people_per_batch)
    n_batches = max(1, round(shape[0] * shape[1] / (plan.people_per_batch * plan.trials_per_person)))
    n_epochs = plan.rounds * plan.epochs
    n_steps = n_epochs * n_batches
    optimizer = _optimizer(decoder)
    given = ready(people, plan.align) if isinstance(people, Trials) else None
    hidden = None if hidden is None else ready(hidden, plan.align)
    outside = None if outside is None else ready(outside, plan.align)

    def batch_of(known: Trials, chosen: Array, others: Array | None, tick: Array, key: Array) -> Batch:
        progress = tick / jnp.float32(n_steps)
        trials = draw_trials(known, chosen, plan.trials_per_person, stream_key(key, "known"))
        labelled = jnp.ones(chosen.shape)
        if hidden is not None and others is not None:
            more = draw_trials(hidden, others, plan.trials_per_person, stream_key(key, "hidden"))
            more = more._replace(y=jnp.zeros_like(more.y))
            trials = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), trials, more)
            chosen = jnp.concatenate([chosen, others + shape[0]])
            labelled = jnp.concatenate([labelled, jnp.zeros(others.shape)])
        return Batch(trials, chosen, labelled, progress)

    def epoch(carry: Carry, known: Trials) -> tuple[Carry, dict[str, Array]]:
        state, best = carry
        key_order = stream_key(key, "orders", state.tick)
        chosen = orders(key_order, shape[0], plan.people_per_batch, n_batches)
        others = orders(stream_key(key_order, "hidden"), n_hidden, hidden_per_batch, n_batches) if n_hidden else None

        def step(state: _State, who: tuple[Array, Array | None]) -> tuple[_State, dict[str, Array]]:
            now = stream_key(key, "step", state.tick)
            batch = batch_of(known, *who, state.tick, now)
            found = strategy.gradient(decoder, state.variables, state.extra, batch, stream_key(now, "strategy"))
            trained = (state.variables.params, state.extra)
            updates, memory = optimizer.update((found.params, found.extra), state.optimizer, trained)
            # A batch of padding alone must not move anything by the optimiser's memory.
            some = jnp.sum(batch.trials.weight) > 0
            (params, extra), memory = jax.tree.map(
                lambda new, old: jnp.where(some, new, old),
                (optax.apply_updates(trained, updates), memory),
                (trained, state.optimizer),
            )
            variables = state.variables._replace(params=params, stats=found.stats)
            return _State(variables, extra, memory, state.tick + 1), found.terms

        def learn(carry: Carry) -> tuple[Carry, dict[str, Array]]:
            state, terms = jax.lax.scan(step, carry.state, (chosen, others))
            return Carry(state, carry.best), {name: values.mean() for name, values in terms.items()}

        if outside is not None and plan.patience:
            silent = jax.tree.map(lambda s: jnp.full(s.shape, jnp.nan, s.dtype), jax.eval_shape(learn, carry)[1])
            (state, _), terms = jax.lax.cond(best.waited < plan.patience, learn, lambda carry: (carry, silent), carry)
        else:
            (state, _), terms = learn(carry)
        if outside is not None:
            loss, accuracy = evaluate(decoder, state.variables, outside)
            better = loss < best.loss
            kept = jax.tree.map(lambda new, old: jnp.where(better, new, old), state.variables, best.variables)
            best = _Best(kept, jnp.minimum(loss, best.loss), jnp.where(better, 0, best.waited + 1))
            terms = terms | {"held_out_loss": loss, "held_out_accuracy": accuracy}
        else:
            best = best._replace(variables=state.variables)
        if notify is not None:
            jax.debug.callback(_told(notify, n_epochs, n_batches), state.tick, terms)
        return Carry(state, best), terms

    def round_of(carry: Carry, number: Array) -> tuple[Carry, dict[str, Array]]:
        known = ready(people(stream_key(key, "people", number)), plan.align) if given is None else given  # type: ignore[operator]
        return jax.lax.scan(lambda c, _: epoch(c, known), carry, None, length=plan.epochs)

    carry, history = jax.lax.scan(round_of, carry, numbers)
    return carry, jax.tree.map(lambda leaf: leaf.reshape(-1), history)


def evaluate(decoder: Decoder, variables: Variables, people: Trials) -> tuple[Array, Array]:
    """Mean cross-entropy () and accuracy () on people (n_people, n_trials, ...), by weight."""
    flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), people)
    logits = jax.vmap(lambda x: decoder.apply(variables, x))(flat.x)
    right = jnp.sum(flat.weight * (logits.argmax(-1) == flat.y)) / jnp.maximum(flat.weight.sum(), 1e-12)
    return weighted_cross_entropy(logits, flat.y, flat.weight), right


def _told(notify: Notify, n_epochs: int, n_batches: int) -> Callable[..., None]:
    def told(tick: Array, terms: dict[str, Array]) -> None:
        notify(int(tick) // n_batches, n_epochs, {name: float(value) for name, value in terms.items()})

    return told
