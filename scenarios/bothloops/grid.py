"""Decoder times policy: every policy tuned for its decoder on other people, then all of them on the people scored."""

import dataclasses
import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.keys import stream_key
from ..contract import Notify
from .patient import WINDOW_S
from .policies import policy, stacked
from .session import Person, Ratings, Runs, Session, people, run_lanes

ALWAYS, NEVER = -1e9, 1e9
THRESHOLDS = (-3.0, -1.0, 1.0, 3.0)  # log-odds of high beta
LEVELS = ((1.0, 0.0), (1.0, 0.35))  # (high, low), relative to the largest current
CONTINUOUS = (0.5, 0.75)
SHARES = (0.35, 0.5, 0.65)
RATE = 0.05  # log-odds per window
POLICIES = ("fixed", "adaptive", "oracle")
CONTROLS = ("off", "continuous", "shifted")
N_TUNING = 3  # people whom no one is scored on


@dataclasses.dataclass(frozen=True)
class Setting:
    """One candidate: a threshold and two levels, or ``share`` of the time at the high one (rate above 0)."""

    threshold: float
    high: float
    low: float
    share: float = 0.5
    rate: float = 0.0


FIXED = (
    *(Setting(t, high, low) for t in THRESHOLDS for high, low in LEVELS),
    *(Setting(ALWAYS, level, level) for level in CONTINUOUS),
    Setting(ALWAYS, 1.0, 1.0),
    Setting(NEVER, 0.0, 0.0),
)
ADAPTIVE = tuple(Setting(0.0, high, low, share, RATE) for share in SHARES for high, low in LEVELS)


@dataclasses.dataclass(frozen=True)
class Tuned:
    """The best fixed, adaptive and continuous settings of a decoder on the tuning people, without drift."""

    fixed: Setting
    adaptive: Setting
    continuous: Setting


@functools.lru_cache(maxsize=16)
def tuned(session: Session, method: str, seed: int, ratings: Ratings) -> Tuned:
    """Both policies for this decoder: the candidate of the greatest reward on :data:`N_TUNING` people of another
    stream of keys, without drift, as one would before a patient goes home."""
    folk = tuning_people(session, seed)
    settings = (*FIXED, *ADAPTIVE)
    who = np.repeat(np.arange(N_TUNING), len(settings))
    runs = run_lanes(
        session, method, folk, who, stacked([_policy(session, s) for s in settings] * N_TUNING),
        _keys("tuning run", seed, who), 0.0, ratings,
    )  # fmt: skip
    reward = runs.reward.mean(axis=1).reshape(N_TUNING, -1).mean(axis=0)

    def best(among: Sequence[Setting]) -> Setting:
        return max(among, key=lambda s: reward[settings.index(s)])

    return Tuned(best(FIXED), best(ADAPTIVE), best([s for s in FIXED if s.threshold == ALWAYS]))


@functools.lru_cache(maxsize=2)
def tuning_people(session: Session, seed: int) -> Person:
    return people(session, _keys("tuning person", seed, np.arange(N_TUNING)))


def held_out_people(session: Session, numbers: Sequence[int], seed: int) -> Person:
    """The people scored; nobody was tuned on them."""
    return people(session, _keys("person", seed, np.asarray(numbers)))


def run_decoder(
    session: Session,
    method: str,
    folk: Person,
    numbers: Sequence[int],
    seed: int,
    severity: float,
    ratings: Ratings,
    controls: bool,
    notify: Notify,
) -> tuple[dict[str, Runs], Tuned]:
    """Every policy behind one decoder: name -> rows (n_people, n_windows); ``controls``: and those that do not look."""
    n, mine = len(numbers), np.asarray(numbers)
    notify(f"{method} decoder: tuning")
    best = tuned(session, method, seed, ratings)
    notify(f"{method} decoder: the best of every stretch in hindsight")
    oracle = _in_hindsight(session, method, folk, mine, seed, severity, ratings)
    chosen = {
        "fixed": [_policy(session, best.fixed)] * n,
        "adaptive": [_policy(session, best.adaptive)] * n,
        "oracle": oracle,
    }
    if controls:
        chosen["off"] = [_policy(session, Setting(NEVER, 0.0, 0.0))] * n
        chosen["continuous"] = [_policy(session, best.continuous)] * n
    notify(f"{method} decoder: {', '.join(chosen)}")
    found = _run_all(session, method, folk, mine, seed, severity, ratings, chosen)
    if controls:
        levels = found["adaptive"].level
        found |= _run_all(session, method, folk, mine, seed, severity, ratings, {"shifted": _shifted(session, levels)})
    return found, best


def _run_all(
    session: Session, method: str, folk: Person, mine: np.ndarray, seed: int, severity: float, ratings: Ratings,
    chosen: dict[str, list],
) -> dict[str, Runs]:  # fmt: skip
    n = len(mine)
    who = np.tile(np.arange(n), len(chosen))
    policies = stacked([p for each in chosen.values() for p in each])
    runs = run_lanes(session, method, folk, who, policies, _keys("run", seed, mine[who]), severity, ratings)
    return {
        name: jax.tree.map(lambda rows, i=i: rows[i * n : (i + 1) * n], runs) for i, name in enumerate(chosen)
    }  # fmt: skip


def _in_hindsight(
    session: Session, method: str, folk: Person, mine: np.ndarray, seed: int, severity: float, ratings: Ratings
) -> list:
    """For each person the candidates that are best, stretch by stretch, for the same people under the same drift with
    other noise.

    The reward of a candidate is taken as the sum of what the stretch does to it in everybody and what the person does
    to it throughout: single stretches of single people are too short to choose by.
    """
    n = len(mine)
    who = np.repeat(np.arange(n), len(FIXED))
    runs = run_lanes(
        session, method, folk, who, stacked([_policy(session, s) for s in FIXED] * n),
        _keys("hindsight", seed, mine[who]), severity, ratings,
    )  # fmt: skip
    reward = blocks(session, runs.reward).reshape(n, len(FIXED), -1)
    expected = reward.mean(axis=0) + reward.mean(axis=2, keepdims=True) - reward.mean(axis=(0, 2))[:, None]
    best = expected.argmax(axis=1)
    stretch = np.arange(session.n_windows) // session.block
    return [_schedule(session, [FIXED[best[i, b]] for b in stretch]) for i in range(n)]


def blocks(session: Session, rows: np.ndarray) -> np.ndarray:
    """Means (..., n_blocks) over each stretch of rows (..., n_windows); the last may be shorter."""
    edges = np.arange(0, session.n_windows, session.block)
    sizes = np.diff(np.append(edges, session.n_windows))
    return np.add.reduceat(np.asarray(rows, float), edges, axis=-1) / sizes


def _shifted(session: Session, levels: np.ndarray) -> list:
    """Stimulation at the dose and in the rhythm of ``levels`` (n_people, n_windows), but at the wrong times: after the
    onset, each person's own is played back half a session late."""
    late = levels.copy()
    after = levels[:, session.onset :]
    late[:, session.onset :] = np.roll(after, after.shape[1] // 2, axis=1)
    # what is asked for at window t is delivered in it; a policy answers the window before
    return [_schedule(session, [Setting(ALWAYS, float(u), float(u)) for u in row[1:]] + [_NOTHING]) for row in late]


_NOTHING = Setting(NEVER, 0.0, 0.0)


def _policy(session: Session, setting: Setting):
    return _schedule(session, [setting] * session.n_windows, setting.rate, setting.share)


def _schedule(session: Session, settings: Sequence[Setting], rate: float = 0.0, share: float = 0.5):
    """A setting for each window: every policy has this one structure, and they run side by side."""
    values = np.array([(s.threshold, s.high, s.low) for s in settings], np.float32).T
    threshold, high, low = values
    return policy(threshold, high, low, WINDOW_S, rate=rate, share=share, n_blocks=session.n_windows, block=1.0)


def _keys(stream: str, seed: int, numbers: np.ndarray) -> Array:
    base = stream_key(jax.random.key(0), "pd_decoded_adbs", seed)
    return jax.vmap(lambda i: stream_key(base, stream, i))(jnp.asarray(numbers))
