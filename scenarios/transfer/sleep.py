"""Sleep staging from one night to the next: simulated sleepers, or Sleep-EDF's features of two nights of ten people."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ...adaptation.contract import Trials
from ...adaptation.decoders.feature_net import FeatureNet
from ...adaptation.decoders.lda import fit_lda
from ...sim.keys import stream_key
from ..contract import Cell, Notify, RunConfig
from ..own import Finished, cells_of, people
from .alignments import Standardised
from .arms import Fitting, Person, make_source, run_arms, tuned_as
from .feature_trials import centred, with_context
from .infos import ARMS
from .outcome import Outcome, joined
from .privacy import with_audit
from .scenario import Measured, Told
from .sleep_nights import Night, everybody
from .sleep_people import Recording, record_sleepers
from .sleep_words import STATIC, told

RECORDED, SIMULATED = "Sleep-EDF", "thalamocortical sleepers"
STAGES = {RECORDED: ("W", "N1", "N2", "N3", "REM"), SIMULATED: ("N2", "N3")}
CONTEXT = (2, 5, 15, 60)  # epochs of 30 s whose causal means are features too
BUDGETS = {RECORDED: (0, 60, 120, 240, 1600), SIMULATED: (0, 8, 16, 32, 64)}
LONGEST = BUDGETS[RECORDED][-1]  # epochs of a night


class Settings(NamedTuple):
    """weight: epochs that the first night's (or the source's) scale counts when a night begins; the rest trains."""

    weight: float = 150.0
    n_hidden: int = 128
    dropout: float = 0.5
    weight_decay: float = 0.1
    source_epochs: int = 30
    scratch_epochs: int = 20
    tuned_epochs: int = 4
    tuned_rate: float = 1e-4


FULL, QUICK = Settings(), Settings(n_hidden=16, source_epochs=3, scratch_epochs=10, tuned_epochs=3)
SHORT = Settings(weight=5.0)
"""Of simulated nights, which have fewer epochs than a recorded first scale counts."""
N_SOURCE, QUICK_SOURCE = 10, 3  # simulated people of the source
NIGHT, QUICK_NIGHT = Recording(n_epochs=64, epoch_s=10.0), Recording(n_epochs=16, epoch_s=5.0)


@dataclasses.dataclass(frozen=True)
class Nights:
    """Night 1 may be labelled, night 2 is staged epoch by epoch; recorded people are left out one at a time."""

    arms: tuple[str, ...] = (STATIC, *ARMS)
    budget_unit: str = "labelled epochs of night 1"

    def plan(self, config: RunConfig) -> list[Cell]:
        if config.data is None:
            return cells_of(config, people(config))
        names = tuple(everybody(config.data))
        return cells_of(config, *((name,) for name in (names[:2] if config.quick else names)))

    def run(self, config: RunConfig, cell: Cell, notify: Notify) -> Measured:
        settings = QUICK if config.quick else FULL
        key = stream_key(jax.random.key(0), "transfer_sleep", cell.seed)
        if config.data is None:
            numbers = np.array([int(name[1:]) for name in cell.subjects])
            notify("recording the sleepers")
            night, n_source = (QUICK_NIGHT, QUICK_SOURCE) if config.quick else (NIGHT, N_SOURCE)
            known, new = record_sleepers(night, np.arange(n_source), numbers, cell.seed)
            notify("training on the source, staging the second nights")
            return Measured(SIMULATED, met(known, new, cell.subjects, QUICK if config.quick else SHORT, key))
        nights, me = everybody(config.data), cell.subjects[0]
        notify(f"{me}: training on the others")
        others = [night for name, pair in nights.items() if name != me for night in pair]
        length = min(LONGEST, max(len(n.y) for pair in nights.values() for n in pair))
        known = Known.train(settings, RECORDED, others, length, stream_key(key, "person", int(me[2:])))
        notify(f"{me}: staging the second night")
        return Measured(RECORDED, known.stage(me, nights[me]))

    def tell(self, transfers: Mapping[str, Mapping[str, Any]], done: Finished) -> Told:
        name, risk = next(iter(transfers.items()))
        return told(risk, name == RECORDED)


def met(
    known: Sequence[tuple[Night, Night]], new: Sequence[tuple[Night, Night]], names: Sequence[str], settings: Settings,
    key: Any,
) -> Outcome:  # fmt: skip
    """New simulated sleepers by what the known ones teach."""
    others = [night for pair in known for night in pair]
    taught = Known.train(settings, SIMULATED, others, len(others[0].y), key)
    own = [taught._replace(key=stream_key(key, "person", int(name[1:]))) for name in names]
    return joined([one.stage(name, pair) for one, name, pair in zip(own, names, new)])


class Known(NamedTuple):
    """What other people taught; scaled: one scale for all, of the others alone, because squares of what lies far from
    zero would leave single precision; length: epochs that nights are padded or cut to."""

    group: str
    fitting: Fitting
    source: Any
    scaled: Callable[[np.ndarray], np.ndarray]
    length: int
    key: Any

    @classmethod
    def train(cls, settings: Settings, group: str, others: Sequence[Night], length: int, key: Any) -> "Known":
        scaled = centred(np.concatenate([night.x for night in others]))
        source = jax.tree.map(lambda *a: jnp.stack(a), *(as_trials(n, scaled, length) for n in others))
        fitting = fitting_of(settings, source.x.shape[2], len(STAGES[group]))
        return cls(group, fitting, make_source(fitting, *hold_out(source), key), scaled, length, key)

    def stage(self, name: str, nights: tuple[Night, Night], budgets: tuple[int, ...] | None = None) -> Outcome:
        """The second night of one person by every arm, at the usual budgets or these."""
        budgets, n_stages = budgets or BUDGETS[self.group], len(STAGES[self.group])
        first = spread(as_trials(nights[0], self.scaled, self.length))
        second = as_trials(nights[1], self.scaled, self.length)
        person = jax.tree.map(lambda a: a[None], Person(first, second))
        proba, on_source, told = run_arms(self.fitting, self.source, person, budgets, self.key[None])
        y = np.where(np.asarray(second.weight) > 0, np.asarray(second.y), -1)
        static = static_lda(nights[0], second, self.scaled, n_stages)
        static = np.broadcast_to(static, (1, len(budgets), 1, *static.shape)).copy()
        static[:, :-1] = np.nan  # it is given the whole night
        held = self.source.held
        held_y = np.where(np.asarray(held.weight) > 0, np.asarray(held.y), -1)
        proba = np.concatenate([static, proba], axis=2)
        on_source = np.concatenate([np.full_like(on_source[:, :, :1], np.nan), on_source], axis=2)
        outcome = Outcome.create((name,), budgets, (STATIC, *ARMS), proba, y[None], "kappa")
        return with_audit(outcome.with_source(on_source, held_y), told, person)


def fitting_of(settings: Settings, n_features: int, n_stages: int) -> Fitting:
    """The network, trained on one night, on many, and on."""
    net = FeatureNet.create(n_features, 1, n_stages, n_hidden=settings.n_hidden)
    net = tuned_as(net, dropout=settings.dropout, weight_decay=settings.weight_decay)
    return Fitting(
        decoder=tuned_as(net, epochs=settings.scratch_epochs, batch_size=64),
        source=tuned_as(net, epochs=settings.source_epochs, batch_size=256),
        tuned=tuned_as(net, epochs=settings.tuned_epochs, batch_size=128, learning_rate=settings.tuned_rate),
        alignment=Standardised(start=settings.weight, most=settings.weight),
    )


def hold_out(source: Trials) -> tuple[Trials, Trials]:
    """The nights without every 20th epoch, and those epochs."""
    held = np.arange(source.y.shape[1]) % 20 == 19
    return source._replace(weight=source.weight * ~held), jax.tree.map(lambda a: a[:, held], source)


def as_trials(night: Night, scaled: Callable[[np.ndarray], np.ndarray], length: int) -> Trials:
    """The night's features with their causal means over ``CONTEXT`` epochs as windows (length, n_features, 1)."""
    x = with_context(scaled(night.x), CONTEXT)[:length]
    pad = length - len(x)
    weight = np.pad(np.ones(len(x), np.float32), (0, pad))
    x = np.pad(x, ((0, pad), (0, 0)))[..., None].astype(np.float32)
    return Trials(jnp.asarray(x), jnp.asarray(np.pad(night.y[:length], (0, pad)), jnp.int32), jnp.asarray(weight))


def spread(trials: Trials) -> Trials:
    """The trials of weight (all of them before those without) so ordered that the first k, whatever k, lie evenly over
    the time: by their number with its bits reversed (van der Corput's sequence). The first ten minutes of a night are
    wake alone."""
    n = int(np.asarray(trials.weight).sum())
    bits = max(n - 1, 1).bit_length()
    order = np.argsort([int(f"{i:0{bits}b}"[::-1], 2) for i in range(n)])
    index = np.r_[order, np.arange(n, trials.y.shape[0])]
    return jax.tree.map(lambda a: a[index], trials)


def static_lda(first: Night, second: Trials, scaled: Callable[[np.ndarray], np.ndarray], n_stages: int) -> np.ndarray:
    """Probabilities (n_epochs, n_stages) of shrinkage LDA of one night's features without context, priors of that
    night."""
    n = first.x.shape[1]
    x, y = jnp.asarray(scaled(first.x), jnp.float32), jnp.asarray(first.y, jnp.int32)
    readout = fit_lda(x, y, jnp.ones(len(first.y)), n_stages)
    counts = np.bincount(first.y, minlength=n_stages)
    prior = jnp.log(jnp.asarray(np.maximum(counts, 1e-6) / counts.sum()))
    return np.asarray(jax.nn.softmax(second.x[:, :n, 0] @ readout["w"].T + readout["b"] + prior))
