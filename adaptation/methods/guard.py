"""A guard around any method: it learns on a shadow copy, which goes live when a canary has passed it."""

import enum
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component, static
from ..contract import Decoder, Feedback, Trials, Variables
from .canary import LIVE, SHADOW, SOURCE, Evidence
from .errors import heard
from .gate import select, when
from .likeness import Likeness
from .quality import Quality


class Decision(enum.IntEnum):
    """What happened at the end of a guard window."""

    HOLD = 0
    PROMOTE = 1  # the shadow goes live
    ROLL_BACK = 2  # the live copy was worse than the source, which is live again
    DISCARD = 3  # the shadow went astray and starts again from the last good state


class Reason(enum.IntFlag):
    """Why; bits of one integer."""

    DRIFT = 1  # recent windows look strange to the source
    SHADOW_BETTER = 2  # than the live copy
    LIVE_WORSE = 4  # than the source
    SHADOW_WORSE = 8  # than the source: negative transfer, had it been live
    TOO_FAR = 16  # parameters or alignment beyond the anchor
    UNBALANCED = 32  # hardly any trial of one class
    LABELS_CONTRADICT = 64  # source or live copy is wrong more often than guessing, and the source is not right
    NOT_ABOVE_CHANCE = 128  # the shadow does not predict the labels
    LITTLE_EVIDENCE = 256
    POOR_SIGNAL = 512  # windows of this guard window were kept from learning


class Audit(NamedTuple):
    """The last ``n_audit`` ends of guard windows, a ring: tick, decision and reasons (n_audit,) int32, tick -1 where
    nothing was written yet; strangeness (n_audit, 3) of source, live and shadow copy; n: () int32, written so far."""

    tick: Array
    decision: Array
    reasons: Array
    strangeness: Array
    n: Array


class GuardState(NamedTuple):
    """decoder: its hyper-parameters; source, variables: as calibrated, and those live; shadow: the method's own state,
    learning; good: the last ``n_good`` states that went live, stacked, the newest at place (n_kept - 1) % n_good, the
    first being the source; n_kept, tick: () int32, states kept and windows seen so far; n_poor: () int32, windows kept
    from learning, and poor: () bool, any in this guard window; quality, likeness: what the calibration looked like;
    evidence: of the canary; spent:
    () int32, labels that shadow copies thrown away since had learnt from."""

    decoder: Any
    source: Variables
    variables: Variables
    shadow: Any
    good: Any
    n_kept: Array
    tick: Array
    n_poor: Array
    poor: Array
    quality: Quality
    likeness: Likeness
    evidence: Evidence
    spent: Array
    audit: Audit

    @property
    def labels_used(self) -> Array:
        """Labels the method has spent on learning."""
        return self.spent + self.shadow.labels_used


@component
class Guard:
    """``adapter`` behind a shadow copy, a canary, a distance anchor and a way back.

    Every window is decoded by the live copy. The method learns on a shadow copy. At the end of every guard window
    (``window`` trials) the canary compares source, live and shadow copy on recent trials, each answered before its
    label was learnt, and the shadow goes live, or the source returns, or neither.

    With ``canary`` "labels" it goes by the log probability of the labels that came. The shadow must beat the live copy
    by ``promote`` standard errors and guessing by ``chance``; where the source or the live copy is wrong more often
    than guessing by as much, and the source is not right, the labels are not believed. With "likeness", without labels,
    it goes by how far features and logits lie from the nearest mixture of the calibration's classes, in standard
    deviations of a stream without drift. The shadow goes live when the source looks at strange windows (beyond
    ``drift``) and the shadow at windows ``margin`` less strange than the live copy does. A change of how often each
    class comes looks strange to nobody, so alignment is not led astray by it.

    A live copy that is worse than the source (by ``roll_back`` standard errors of labels, or twice ``margin``) is
    replaced by the source within the guard window, and the shadow starts again from the last good state.

    Windows that are not finite, flat, stuck at a rail or beyond ``amplitude`` times the calibration's amplitude (V for
    uV, say) are not learnt from; nor are those of which the live copy is less sure than ``least_confidence``.

    The shadow's params stay within ``reach`` times the norm of the source's, its alignment within a factor
    ``align_reach`` of the norm of the source's; no class has less than ``least_share`` of its fair share of labels (or
    of the shadow's answers).

    The adapter's state must have ``variables`` and ``labels_used``, as every method of the package has. Cost: three
    decodings more a trial and ``n_good`` + 1 states in memory. Settings were chosen on synthetic streams whose seeds
    and drifts are apart from those that results are reported on (benchmarks/guard_harm.py).
    """

    adapter: Any
    canary: str = static(default="labels")
    window: int = static(default=16)
    n_good: int = static(default=3)
    n_audit: int = static(default=64)
    promote: float = 0.5
    roll_back: float = 1.5
    chance: float = 2.5
    drift: float = 9.0
    margin: float = 2.5
    amplitude: float = 8.0
    flat: float = 1e-3
    plateau: float = 0.25
    least_confidence: float = 0.0
    reach: float = 1.5
    align_reach: float = 10.0
    least_share: float = 0.15

    def __post_init__(self) -> None:
        if self.canary not in ("labels", "likeness"):
            raise InputError(f"canary is {self.canary!r}; use 'labels' or 'likeness'")
        if self.window < 2 or self.n_good < 1 or self.n_audit < 1:
            raise InputError(
                f"window is {self.window}, n_good {self.n_good} and n_audit {self.n_audit}; wanted 2 trials or more, "
                "and 1 or more"
            )

    @property
    def learns_unlabelled(self) -> bool:
        """Whether the method declares that it moves ``params`` by windows without labels."""
        return getattr(self.adapter, "learns_unlabelled", False)

    def init(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> GuardState:
        """The method's own start, live and shadow copy alike."""
        shadow = self.adapter.init(decoder, variables, calibration, key)
        zero = jnp.zeros((), jnp.int32)
        place = jnp.full(self.n_audit, -1, jnp.int32)
        return GuardState(
            decoder=decoder,
            source=variables,
            variables=variables,
            shadow=shadow,
            good=jax.tree.map(lambda leaf: jnp.stack([leaf] * self.n_good), shadow),
            n_kept=zero + 1,
            tick=zero,
            n_poor=zero,
            poor=jnp.zeros((), bool),
            quality=Quality.of(calibration),
            likeness=Likeness.of(decoder, variables, calibration),
            evidence=Evidence.none(decoder, variables, calibration.x[0]),
            spent=zero,
            audit=Audit(place, place * 0, place * 0, jnp.zeros((self.n_audit, 3)), zero),
        )

    def predict(self, state: GuardState, x: Array) -> Array:
        """Logits (n_classes,) of the live copy; equal ones for a window that is not finite."""
        logits = state.decoder.apply(state.variables, x)
        return jnp.where(jnp.isfinite(logits).all(), logits, 0.0)

    def update(self, state: GuardState, x: Array, feedback: Feedback) -> GuardState:
        """Compare the copies on this trial, let the shadow learn, decide at the end of a guard window."""
        fit = self._fit(state.quality, x)
        usable = self._fit(state.quality, feedback.window) & feedback.available
        usable = usable & (feedback.label >= 0) & (feedback.label < state.decoder.n_classes)
        evidence = self._evidence(state, x, fit, feedback, usable)
        logits = state.decoder.apply(state.variables, x)
        sure = jax.nn.softmax(logits).max() >= self.least_confidence
        # Every method leaves a window aside that is not finite, yet hears of a session's end and of late labels.
        shown = jnp.where(fit & sure, x, jnp.nan)
        error = jnp.asarray(feedback.error, jnp.int32)
        error = when(error >= 0, _heard, error, self.adapter, state.shadow, shown, logits)
        told = feedback._replace(available=usable, error=error)
        shadow = self.adapter.update(state.shadow, shown, told)
        finite = jnp.isfinite(x).all()
        state = state._replace(
            shadow=shadow,
            evidence=evidence,
            tick=state.tick + fit.astype(jnp.int32),
            n_poor=state.n_poor + (finite & ~fit).astype(jnp.int32),
            poor=state.poor | (finite & ~fit),
        )
        due = fit & (state.tick % self.window == 0)
        state = when(due, _decide, state, self)
        # What was seen before the headset came off says nothing of the session that follows.
        fresh = jax.tree.map(jnp.zeros_like, state.evidence)
        return state._replace(evidence=select(feedback.session_end, fresh, state.evidence))

    def _fit(self, quality: Quality, x: Array) -> Array:
        return quality.passes(x, self.amplitude, self.flat, self.plateau)

    def _evidence(self, state: GuardState, x: Array, fit: Array, feedback: Feedback, usable: Array) -> Evidence:
        copies = (state.source, state.variables, state.shadow.variables)
        old = state.evidence
        if self.canary == "labels":
            window = jnp.where(usable, feedback.window, 0.0)
            label = jnp.clip(feedback.label, 0, state.decoder.n_classes - 1)
            new = old.with_label(state.decoder, copies, feedback._replace(window=window, label=label))
            return select(usable, new, old)
        new = old.with_window(state.decoder, copies, jnp.where(fit, x, 0.0))
        return select(fit, new, old)


def _heard(error: Array, adapter: Any, shadow: Any, x: Array, decoded: Array) -> Array:
    return heard(error, adapter.predict(shadow, x), decoded)


def _distances(source: Variables, moved: Variables) -> tuple[Array, Array]:
    """How far params have gone, as a share of the source's norm, and |log| of the ratio of the alignments' norms."""
    pairs = list(zip(jax.tree.leaves(source.params), jax.tree.leaves(moved.params)))
    gone = sum(((b - a) ** 2).sum() for a, b in pairs)
    size = sum((a**2).sum() for a, _ in pairs)
    tiny = jnp.finfo(source.align.dtype).tiny
    norms = [jnp.sqrt((variables.align**2).sum()) + tiny for variables in (source, moved)]
    return jnp.sqrt(gone / jnp.maximum(size, tiny)), jnp.abs(jnp.log(norms[1] / norms[0]))


def _decide(state: GuardState, guard: Guard) -> GuardState:
    """The end of a guard window."""
    evidence, shadow = state.evidence, state.shadow.variables
    gone, stretched = _distances(state.source, shadow)
    finite = jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(shadow)]).all()
    too_far = ~finite | (gone > guard.reach) | (stretched > jnp.log(guard.align_reach))
    unbalanced = evidence.least_share() < guard.least_share
    no = jnp.zeros((), bool)
    if guard.canary == "labels":
        strangeness = jnp.zeros(3)
        met = evidence.above_chance()
        drifted = evidence.better(SHADOW, SOURCE) > guard.promote
        better = evidence.better(SHADOW, LIVE) > guard.promote
        live_worse = evidence.better(LIVE, SOURCE) < -guard.roll_back
        shadow_worse = evidence.better(SHADOW, SOURCE) < -guard.roll_back
        contradict = (jnp.minimum(met[SOURCE], met[LIVE]) < -guard.chance) & (met[SOURCE] < guard.roll_back)
        by_chance = met[SHADOW] < guard.chance
        little = evidence.n_effective < 0.5 * guard.window
        # Labels that the source does not meet are no evidence that another copy is worse.
        believed = met[SOURCE] >= guard.roll_back
        live_worse, shadow_worse = live_worse & believed, shadow_worse & believed
    else:
        strangeness = evidence.strangeness(state.likeness)
        drifted = strangeness[SOURCE] > guard.drift
        better = drifted & (strangeness[SHADOW] < strangeness[LIVE] - guard.margin)
        # Seen on the very same windows, so that a small difference counts where the absolute value would not.
        live_worse = strangeness[LIVE] > strangeness[SOURCE] + 2.0 * guard.margin
        shadow_worse = strangeness[SHADOW] > jnp.maximum(strangeness[SOURCE], guard.drift) + guard.margin
        contradict = by_chance = no
        little = evidence.n < 0.5 * guard.window
    is_source = jnp.stack(
        [(a == b).all() for a, b in zip(jax.tree.leaves(state.source), jax.tree.leaves(state.variables))]
    ).all()
    live_worse = live_worse & ~little & ~is_source
    refused = too_far | unbalanced | contradict | by_chance | little | shadow_worse
    promote = better & ~refused & ~live_worse
    astray = too_far | (shadow_worse & ~little)
    discard = (astray | live_worse) & ~promote
    reasons = (
        Reason.DRIFT * drifted
        + Reason.SHADOW_BETTER * better
        + Reason.LIVE_WORSE * live_worse
        + Reason.SHADOW_WORSE * shadow_worse
        + Reason.TOO_FAR * too_far
        + Reason.UNBALANCED * unbalanced
        + Reason.LABELS_CONTRADICT * contradict
        + Reason.NOT_ABOVE_CHANCE * by_chance
        + Reason.LITTLE_EVIDENCE * little
        + Reason.POOR_SIGNAL * state.poor
    )
    decision = jnp.where(
        promote,
        Decision.PROMOTE,
        jnp.where(live_worse, Decision.ROLL_BACK, jnp.where(discard, Decision.DISCARD, Decision.HOLD)),
    )
    place = state.audit.n % guard.n_audit
    audit = Audit(
        tick=state.audit.tick.at[place].set(state.tick),
        decision=state.audit.decision.at[place].set(decision.astype(jnp.int32)),
        reasons=state.audit.reasons.at[place].set(reasons.astype(jnp.int32)),
        strangeness=state.audit.strangeness.at[place].set(strangeness),
        n=state.audit.n + 1,
    )
    # The last good state: the newest, or after a roll-back the one before it, down to the source itself.
    n_kept = jnp.where(live_worse, jnp.maximum(state.n_kept - 1, 1), state.n_kept)
    last = jax.tree.map(lambda leaf: leaf[(n_kept - 1) % guard.n_good], state.good)
    lost = jnp.where(discard, state.shadow.labels_used - last.labels_used, 0)
    slot = n_kept % guard.n_good
    good = jax.tree.map(
        lambda ring, new: ring.at[slot].set(jnp.where(promote, new, ring[slot])), state.good, state.shadow
    )
    live = select(promote, shadow, select(live_worse, state.source, state.variables))
    evidence = evidence.copied(SHADOW, LIVE, promote)
    evidence = evidence.copied(SOURCE, LIVE, live_worse)
    evidence = evidence.copied(LIVE, SHADOW, discard)
    return state._replace(
        variables=live,
        shadow=select(discard, last, state.shadow),
        spent=state.spent + lost,
        good=good,
        n_kept=n_kept + promote.astype(jnp.int32),
        poor=no,
        evidence=evidence.faded(),
        audit=audit,
    )


class Report(NamedTuple):
    """What a guard did. decisions: (tick, decision, reasons) in order, the oldest beyond the log's length left out;
    n_promotions, n_rollbacks, n_discarded among them; n_poor: windows kept from learning; negative_transfer: ticks at
    which the shadow was worse than the source, or the live copy was; is_source: whether the source is live now."""

    decisions: list[tuple[int, Decision, Reason]]
    n_promotions: int
    n_rollbacks: int
    n_discarded: int
    n_poor: int
    negative_transfer: list[int]
    is_source: bool


def report(state: GuardState) -> Report:
    """The audit trail of one guard, in words."""
    audit = state.audit
    length, n = audit.tick.shape[0], int(audit.n)
    order = [i % length for i in range(max(0, n - length), n)]
    rows = [(int(audit.tick[i]), Decision(int(audit.decision[i])), Reason(int(audit.reasons[i]))) for i in order]
    count = {kind: sum(row[1] == kind for row in rows) for kind in Decision}
    harm = Reason.LIVE_WORSE | Reason.SHADOW_WORSE
    same = all(bool((a == b).all()) for a, b in zip(jax.tree.leaves(state.source), jax.tree.leaves(state.variables)))
    return Report(
        decisions=rows,
        n_promotions=count[Decision.PROMOTE],
        n_rollbacks=count[Decision.ROLL_BACK],
        n_discarded=count[Decision.DISCARD],
        n_poor=int(state.n_poor),
        negative_transfer=[tick for tick, _, why in rows if why & harm],
        is_source=same,
    )
