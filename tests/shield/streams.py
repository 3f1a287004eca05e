"""Sequences that try to get through the shield, and what runs them."""

import dataclasses
import os

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from neurodrift.sim.shield.guard import Shield
from neurodrift.sim.shield.profile import CEILINGS, Profile

from .oracle import Output, Stream

HOSTILE = (float("nan"), float("inf"), float("-inf"), 1e308, -1e308, 3e38, 1e-45)
NUMBERS = (0.0, -0.0, 0.25, 0.5, 0.999, 1.0, 1.0001, 1.5, 2.54, 40.0, 1e6)
DAY = 86400.0
EXAMPLES = int(os.environ.get("SHIELD_EXAMPLES", "0"))
"""Set by benchmarks/mutate_shield.py, which wants to know soon that something is wrong, and not what."""
QUICK = settings(
    deadline=None, max_examples=EXAMPLES or 40, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate] if EXAMPLES else list(Phase),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Case:
    """A profile, its stimulator, and what happens to it."""

    profile: Profile
    n_stim: int
    tick_s: float
    armed: bool
    stream: Stream


def _narrower(device: str):
    ceilings = CEILINGS[device]
    pulses = ceilings.kind == "pulses"
    return st.fixed_dictionaries(
        {
            "amplitude": st.sampled_from([1.0, 0.8, 0.5, 0.1, 0.01]).map(lambda x: x * ceilings.amplitude),
            "total": st.sampled_from([1.0, 0.6, 0.1]).map(lambda x: x * ceilings.total),
            "slew": st.sampled_from([1.0, 1.0, 0.5, 0.1]).map(lambda x: x * ceilings.slew),
            "duty": st.sampled_from([1.0, 1.0, 0.5, 0.1]),
            "duty_window": st.sampled_from([10.0, 20.0, 60.0]),
            "daily_on": st.sampled_from([1.0, 0.01, 1e-3]).map(lambda x: x * ceilings.daily_on),
            "daily_charge": st.sampled_from([1.0, 1.0, 0.5]).map(lambda x: x * min(ceilings.daily_charge, 3e-3)),
            "fallback": st.sampled_from([0.0, 0.0, 0.5, 1.0]),
            "good_windows": st.sampled_from([1, 2, 3]),
            "bipolar": st.booleans(),
        }
        | ({"recharge": st.sampled_from([1, 2, 5, 10])} if pulses else {})
    ).map(lambda values: values | {"fallback": values["fallback"] * values["amplitude"]})


@st.composite
def cases(draw, n_ticks=40, shortest=1):
    """A random profile of a device and a random, hostile life of ``shortest`` to ``n_ticks`` ticks."""
    device = draw(st.sampled_from(sorted(CEILINGS)))
    tick_s = draw(st.sampled_from([0.1, 0.5, 1.0]))
    profile = _fitting(device, draw(_narrower(device)))
    n_stim = draw(st.integers(1, 3))
    seed = draw(st.integers(0, 2**32 - 1))
    calm = draw(st.sampled_from([0.0, 0.01, 0.1]))
    armed = draw(st.booleans())
    n = draw(st.integers(shortest, n_ticks))
    stream = hostile(np.random.default_rng(seed), profile, n, 1, n_stim, tick_s, trouble=calm)
    return Case(profile, n_stim, tick_s, armed, stream)


def _fitting(device: str, narrower: dict) -> Profile:
    recharge = narrower.get("recharge", 1)
    if CEILINGS[device].kind == "pulses":
        narrower = narrower | {"rate": min(130.0, 0.9 / (160e-6 * (1 + recharge)))}
    return Profile.preset(device, **narrower)


def hostile(
    rng: np.random.Generator, profile: Profile, n_ticks: int, n_runs: int, n_stim: int, tick_s: float, trouble=0.01
) -> Stream:
    """Requests of many tempers, drawn per run: constant at the maximum, chattering, wandering, and garbage."""
    shape = (n_ticks, n_runs, n_stim)
    temper = rng.integers(0, 6, n_runs)[None, :, None]
    scale = rng.choice([1.0, 1.0, 0.99, 0.5, 0.1, 2.54], n_runs)[None, :, None]
    walk = np.cumsum(rng.normal(0, 0.2, shape), axis=0)
    menu = rng.choice(NUMBERS, shape) * rng.choice([1.0, 1.0, 1.0, -1.0], shape)
    chatter = np.broadcast_to((np.arange(n_ticks) // 3 % 2)[:, None, None], shape).astype(float)
    relative = np.select(
        [temper == 0, temper == 1, temper == 2, temper == 3, temper == 4],
        [np.ones(shape), chatter, walk, menu, rng.uniform(-1.2, 1.2, shape)],
        default=rng.uniform(0, 1, shape) ** 4,
    )
    request = (relative * scale * profile.amplitude).astype(np.float32).astype(np.float64)
    bad = rng.random(shape) < trouble / (2 * n_stim)
    request = np.where(bad, rng.choice(HOSTILE, shape), request)
    pulses = profile.kind == "pulses"
    (low, high), (slow, fast) = profile.widths, profile.rates
    width = np.full(shape[:2], profile.width)
    rate = np.full(shape[:2], profile.rate)
    if pulses:
        other = rng.choice([low, high, 0.5 * low, 1.5 * high, 1.0, 60e-6, 90e-6], shape[:2])
        width = np.where(rng.random(shape[:2]) < 0.2, other, width)
    if profile.kind != "direct":
        other = rng.choice([slow, fast, 0.5 * slow, 2 * fast, 1e9, 20.0, 130.0], shape[:2])
        rate = np.where(rng.random(shape[:2]) < 0.2, other, rate)
    step = rng.choice([1, 0, -2, 2, 3, int(DAY / 3 / tick_s), int(2 * DAY / tick_s)], shape[:2], p=_mostly(trouble, 6))
    usual = profile.stale * rng.uniform(0, 0.99, shape[:2])
    strange = rng.choice([np.nan, np.inf, -1.0, 1.01 * profile.stale, 1e30], shape[:2])
    chance = rng.random((4, *shape[:2]))
    return Stream(
        request=request,
        width=width.astype(np.float32).astype(np.float64),
        rate=rate.astype(np.float32).astype(np.float64),
        age=np.where(chance[0] < trouble, strange, usual).astype(np.float32).astype(np.float64),
        tick=rng.integers(-1000, 1000) + np.cumsum(step, axis=0),
        given=chance[1] >= 3 * trouble,
        finite=chance[2] >= trouble / 2,
        rearm=chance[3] < 0.3,
    )


def _mostly(trouble: float, n: int) -> list[float]:
    return [1 - trouble, *[trouble / n] * n]


def run_shield(case: Case) -> tuple[Output, list]:
    """The Python shield on the only run of the case: what came out, and the decisions."""
    shield = Shield(case.profile, case.n_stim, case.tick_s, armed=case.armed)
    decisions = []
    s = case.stream
    for t in range(len(s.tick)):
        if s.rearm[t, 0]:
            shield.rearm()
        decisions.append(
            shield.step(
                s.request[t, 0].tolist() if s.given[t, 0] else None,
                float(s.age[t, 0]),
                int(s.tick[t, 0]),
                width=float(s.width[t, 0]),
                rate=float(s.rate[t, 0]),
                finite=bool(s.finite[t, 0]),
            )
        )
    out = Output(
        applied=np.array([d.applied for d in decisions])[:, None],
        width=np.array([[d.width] for d in decisions]),
        rate=np.array([[d.rate] for d in decisions]),
        vetoes=np.array([[int(d.vetoes)] for d in decisions]),
        mode=np.array([[int(d.mode)] for d in decisions]),
    )
    return out, decisions
