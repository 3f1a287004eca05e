"""Test-time training: a gradient step a trial on the latest windows, none of which has a label."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree

from ...sim.errors import InputError
from ...sim.keys import stream_key
from ...sim.pytree import component, static
from ..contract import Decoder, Feedback, Trials, Variables
from ..decoders.tangent import TangentLR
from ..trials import usable
from .gate import when

M = TypeVar("M")

# As in training: a bias before a norm has no gradient but rounding, which 1e-8 would blow up to whole steps.
ADAM_EPS = 1e-7
ADAM_DECAYS = (0.9, 0.999)
#: Of the feature statistics of decoders that are not trained by gradients; networks bring their own.
MOMENTUM = 0.1


class Adam(NamedTuple):
    """First and second moment (n_params,) of the gradient, and how many there were () int32."""

    mean: Array
    square: Array
    count: Array


class Batch(NamedTuple):
    """What a rule sees when it takes its step.

    logits: (theta, key) -> logits (n_windows, n_classes) of the latest windows, and the statistics after them; a key
    switches dropout on. is_new: (n_windows,) bool, those that no earlier step has seen. source: (n_params,), theta
    before the stream. key: of this step; dropout: whether the rule is to pass it on; learning_rate: of Adam.
    """

    logits: Callable[[Array, Array | None], tuple[Array, Any]]
    is_new: Array
    source: Array
    key: Array
    dropout: bool
    learning_rate: Array | float

    def forward(self, theta: Array) -> tuple[Array, Any]:
        """Logits and statistics at ``theta``, with dropout where it is wanted."""
        return self.logits(theta, stream_key(self.key, "dropout") if self.dropout else None)

    def descend(self, theta: Array, adam: Adam, gradient: Array) -> tuple[Array, Adam]:
        """One step of Adam (Kingma & Ba 2015); none where the gradient is not finite."""
        b1, b2 = ADAM_DECAYS
        count = adam.count + 1
        mean, square = b1 * adam.mean + (1 - b1) * gradient, b2 * adam.square + (1 - b2) * gradient**2
        step = (mean / (1 - b1**count)) / (jnp.sqrt(square / (1 - b2**count)) + ADAM_EPS)
        moved = theta - self.learning_rate * step, Adam(mean, square, count)
        finite = jnp.isfinite(gradient).all()
        return jax.tree.map(lambda new, old: jnp.where(finite, new, old), moved, (theta, adam))


class Rule(Protocol[M]):
    """What to do with a batch of windows. ``theta`` (n_params,) are the parameters that move, in one vector."""

    def start(self, fisher: Callable[[], Array], theta: Array, n_classes: int) -> M:
        """Memory before the stream. ``fisher()`` (n_params,): mean square, over the calibration, of the gradient of
        the log-likelihood of the class that the decoder finds likeliest."""
        ...

    def step(self, memory: M, theta: Array, adam: Adam, batch: Batch) -> tuple[M, Array, Adam, Any]:
        """Memory, theta and Adam's moments after the batch, and the statistics to go on with."""
        ...


class UnlabelledMemory(NamedTuple):
    """x: (n_windows, n_channels, n_times), a ring of the latest windows of this session, before alignment;
    n_seen: () int32, windows of this session; n_learnt: () int32, those of them before the last step;
    source: (n_params,), what moves as it was before the stream; adam, rule: memories; key: of the steps;
    n_steps: () int32."""

    x: Array
    n_seen: Array
    n_learnt: Array
    source: Array
    adam: Adam
    rule: Any
    key: Array
    n_steps: Array


@component
class UnlabelledTraining:
    """After every ``stride`` windows, ``rule`` takes a step on the latest ``n_windows`` (T-TIME, Li 2024).

    The windows are kept as they came and aligned by the alignment in force, which is surer than the one they met;
    they are forgotten when a session ends. Nothing is learnt before the buffer is full, nor from windows that are not
    finite. ``moves``: "affine" (scale and bias of the norms; in a decoder without, the readout), "all", or "features"
    (all but the readout). ``statistics``: "running" normalises by the windows' own and moves the stored ones by the
    network's momentum, as PyTorch does in training mode; "batch" does not move them. Decoders not trained by gradients
    are normalised by the stored ones, one value a window being too few for a norm of their own.
    """

    rule: Any
    n_windows: int = static(default=8)
    stride: int = static(default=1)
    learning_rate: float = 1e-3
    moves: str = static(default="all")
    statistics: str = static(default="running")
    dropout: bool = static(default=False)

    learns_unlabelled = True

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> UnlabelledMemory:
        theta, merge = split(decoder, variables.params, self.moves)
        zeros, zero = jnp.zeros_like(theta), jnp.zeros((), jnp.int32)

        def fisher() -> Array:
            trials = usable(calibration)

            def log_likelihood(theta: Array, x: Array) -> Array:
                logits = decoder.apply(variables._replace(params=merge(theta)), x)
                return jax.nn.log_softmax(logits)[jax.lax.stop_gradient(logits).argmax()]

            rows = jax.lax.map(lambda x: jax.grad(log_likelihood)(theta, x), trials.x)
            return trials.weight @ rows**2 / jnp.maximum(trials.weight.sum(), 1e-12)

        return UnlabelledMemory(
            x=jnp.zeros((self.n_windows, *calibration.x.shape[1:]), calibration.x.dtype),
            n_seen=zero,
            n_learnt=zero,
            source=theta,
            adam=Adam(zeros, zeros, zero),
            rule=self.rule.start(fisher, theta, decoder.n_classes),
            key=key,
            n_steps=zero,
        )

    def observe(
        self, memory: UnlabelledMemory, decoder: Decoder, variables: Variables, x: Array
    ) -> tuple[UnlabelledMemory, Variables]:
        ring = memory.x.at[memory.n_seen % self.n_windows].set(x)
        return memory._replace(x=ring, n_seen=memory.n_seen + 1), variables

    def learn(
        self, memory: UnlabelledMemory, decoder: Decoder, variables: Variables, feedback: Feedback
    ) -> tuple[UnlabelledMemory, Variables, Array]:
        full = (memory.n_seen >= self.n_windows) & (memory.n_seen % self.stride == 0)
        ready = full & (memory.n_seen > memory.n_learnt)
        theta, merge = split(decoder, variables.params, self.moves)
        moved = memory.rule, theta, memory.adam, variables.stats
        rest = memory._replace(rule=(), adam=())
        rule, theta, adam, stats = when(ready, _step, moved, self, decoder, variables, rest)
        memory = memory._replace(
            rule=rule,
            adam=adam,
            n_seen=jnp.where(feedback.session_end, 0, memory.n_seen),
            n_learnt=jnp.where(feedback.session_end, 0, jnp.where(ready, memory.n_seen, memory.n_learnt)),
            n_steps=memory.n_steps + ready,
        )
        return memory, variables._replace(params=merge(theta), stats=stats), jnp.zeros((), bool)


def _step(
    moved: tuple[Any, ...], method: UnlabelledTraining, decoder: Any, variables: Variables, memory: UnlabelledMemory
) -> tuple[Any, ...]:
    rule, theta, adam, _ = moved
    _, merge = split(decoder, variables.params, method.moves)
    # Age 0 is the latest window, which the counter points past.
    age = (memory.n_seen - 1 - jnp.arange(method.n_windows)) % method.n_windows

    def logits(theta: Array, key: Array | None) -> tuple[Array, Any]:
        return batch_logits(decoder, variables._replace(params=merge(theta)), memory.x, method.statistics, key)

    batch = Batch(
        logits=logits,
        is_new=age < memory.n_seen - memory.n_learnt,
        source=memory.source,
        key=stream_key(memory.key, "step", memory.n_steps),
        dropout=method.dropout,
        learning_rate=method.learning_rate,
    )
    return method.rule.step(rule, theta, adam, batch)


def is_network(decoder: Any) -> bool:
    """Whether the decoder is trained by gradients and has norms that can use a batch's statistics."""
    return hasattr(decoder, "momentum")


def batch_logits(
    decoder: Any, variables: Variables, x: Array, statistics: str, key: Array | None
) -> tuple[Array, dict[str, Any]]:
    """Logits (n_windows, n_classes) of x (n_windows, n_channels, n_times), and the statistics after them."""
    if is_network(decoder):
        # Here, so that the classical decoders do without the networks' library.
        from ..decoders.training import apply_batch

        keys = None if key is None else jax.random.split(key, x.shape[0])
        logits, stats = apply_batch(decoder, variables, x, jnp.ones(x.shape[0]), keys)
        return logits, stats if statistics == "running" else variables.stats
    if statistics == "running":
        own = jax.lax.stop_gradient(jax.vmap(lambda x: decoder.moments(variables, x))(x))
        stats = {name: towards(variables.stats[name], pooled(own[name]), MOMENTUM) for name in own}
        variables = variables._replace(stats=stats)
    return jax.vmap(lambda x: decoder.apply(variables, x))(x), variables.stats


def pooled(moments: dict[str, Array], weight: Array | None = None) -> dict[str, Array]:
    """Mean and variance over windows of equal length, from each one's own (n_windows, n_features), weighted."""
    mean = jnp.average(moments["mean"], axis=0, weights=weight)
    spread = moments["var"] + (moments["mean"] - mean) ** 2
    return {"mean": mean, "var": jnp.average(spread, axis=0, weights=weight)}


def towards(old: dict[str, Array], new: dict[str, Array], share: Array | float) -> dict[str, Array]:
    """(1 - share) old + share new, mean and variance alike."""
    return jax.tree.map(lambda o, n: (1 - share) * o + share * n, old, new)


def split(decoder: Any, params: dict[str, Any], moves: str) -> tuple[Array, Callable[[Array], dict[str, Any]]]:
    """What moves, as one vector (n_params,), and the function that puts such a vector back into ``params``.

    Raises InputError where there is nothing to move.
    """
    readout = decoder.layers[-1]
    if not {"w", "kernel"} & set(params[readout]):
        raise InputError(
            f"{type(decoder).__name__} has no linear readout, which a gradient could move: use csp_lda, tangent_lr, "
            "eegnet or shallow."
        )
    norms = {name: {"scale": p["scale"], "bias": p["bias"]} for name, p in params.items() if "scale" in p}
    # Its reference is a mean of covariances, to which no gradient leads.
    fixed = ("reference",) if isinstance(decoder, TangentLR) else ()
    chosen = {
        "affine": norms or {readout: params[readout]},
        "all": {name: p for name, p in params.items() if name not in fixed},
        "features": {name: p for name, p in params.items() if name not in (*fixed, readout)},
    }
    if moves not in chosen:
        raise InputError(f"moves is {moves!r}; use one of {', '.join(chosen)}.")
    if not chosen[moves]:
        raise InputError(
            f"{type(decoder).__name__} has nothing below its readout that a gradient can move, but the method moves "
            "nothing else: use csp_lda, eegnet or shallow."
        )
    theta, unravel = ravel_pytree(chosen[moves])

    def merge(theta: Array) -> dict[str, Any]:
        return {**params, **{name: {**params[name], **layer} for name, layer in unravel(theta).items()}}

    return theta, merge
