"""The JAX twin: equal to the Python shield to the last bit, and a million attacks judged by the oracle."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from neurodrift.sim.errors import InputError
from neurodrift.sim.shield.guard import Shield
from neurodrift.sim.shield.profile import CEILINGS, Profile
from neurodrift.sim.shield.twin import ShieldTwin, Verdict
from neurodrift.sim.shield.vetoes import Mode, Veto

from .oracle import INVARIANTS, Output, Rules, Stream, judge
from .streams import QUICK, cases, hostile

N_TICKS = 40


@functools.partial(jax.jit, static_argnames="armed")
def _scan(twin: ShieldTwin, stream: Stream, armed: bool):
    """All runs, all ticks; stream (n_ticks, n_runs, ...)."""

    def step(states, now):
        def one(state, s):
            # all of a tick belongs to one command, so what is not given is not to be looked at
            return twin.step(
                state, s.request, s.age, s.tick, width=s.width, rate=s.rate, given=s.given, finite=s.finite,
                rearm=s.rearm,
            )  # fmt: skip

        return jax.vmap(one)(states, now)

    n_runs = stream.tick.shape[1]
    states = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (n_runs, *jnp.shape(leaf))), twin.init(armed))
    return jax.lax.scan(step, states, stream)


def _run(profile: Profile, n_stim: int, tick_s: float, stream: Stream, armed: bool):
    with np.errstate(over="ignore"):
        single = Stream(*(x.astype(np.float32) if x.dtype == np.float64 else x for x in stream))
    single = single._replace(tick=stream.tick.astype(np.int32))
    states, verdicts = _scan(ShieldTwin.create(profile, n_stim, tick_s), single, armed)
    return jax.tree.map(np.asarray, (states, verdicts))


LIVES = settings(QUICK, max_examples=25)


@LIVES
@given(cases(n_ticks=N_TICKS, shortest=N_TICKS))
def test_the_twin_equals_the_python_shield_to_the_last_bit(case):
    _compare(case)


@pytest.mark.slow
@settings(LIVES, max_examples=3000, derandomize=False)
@given(cases(n_ticks=N_TICKS, shortest=N_TICKS))
def test_the_twin_equals_the_python_shield_to_the_last_bit_in_thousands_of_lives(case):
    _compare(case)


def _compare(case):
    states, verdicts = _run(case.profile, case.n_stim, case.tick_s, case.stream, case.armed)
    shield, s = Shield(case.profile, case.n_stim, case.tick_s, armed=case.armed), case.stream
    for t in range(N_TICKS):
        if s.rearm[t, 0]:
            shield.rearm()
        decision = shield.step(
            s.request[t, 0].tolist() if s.given[t, 0] else None, float(s.age[t, 0]), int(s.tick[t, 0]),
            width=float(s.width[t, 0]), rate=float(s.rate[t, 0]), finite=bool(s.finite[t, 0]),
        )  # fmt: skip
        twin = Verdict(*(leaf[t, 0] for leaf in verdicts))
        assert twin.vetoes == int(decision.vetoes)
        assert (twin.mode, twin.cost) == (int(decision.mode), decision.cost)
        verdict = decision.verdict
        np.testing.assert_array_equal(twin.applied, np.float32(verdict.amplitudes) * np.float32(1e-8))
        assert twin.width == np.float32(verdict.width) * np.float32(1e-6)
        assert twin.rate == np.float32(verdict.rate) * np.float32(0.1)
    state, python = jax.tree.map(lambda leaf: leaf[0], states), shield._state
    assert tuple(state.delivered) == python.delivered
    assert tuple(state.held) == python.held.amplitudes
    assert (state.waited, state.good, state.remainder) == (python.waited, python.good, python.remainder)
    for name in ("duty", "on_time", "dose"):
        one, other = getattr(state, name), getattr(python, name)
        assert (tuple(one.buckets), one.slot, one.position) == (other.buckets, other.slot, other.position)


ATTACKED = {
    # devices at their ceilings, where there is most to be broken; ticks and sizes such that budgets bind
    "dbs_ring": (dict.fromkeys(("amplitude", "slew")), 0.1, 500, 2),
    "dbs_segment": (
        dict.fromkeys(("amplitude", "slew", "total")) | {"bipolar": True, "recharge": 10, "rate": 90.0, "duty": 0.3},
        0.05, 500, 2,
    ),
    "rns": ({"fallback": 1e-3, "daily_charge": 1e-3, "good_windows": 2, "duty": 0.5, "duty_window": 4.0}, 0.1, 500, 2),
    "tdcs": (dict.fromkeys(("amplitude", "total", "slew", "watchdog")) | {"fallback": 1e-3}, 5.0, 20_000, 1),
    "tacs": (dict.fromkeys(("amplitude", "total", "slew", "watchdog")) | {"duty": 0.9}, 5.0, 20_000, 1),
}  # fmt: skip


def _attack(device: str, n_actions: int, seed: int) -> dict[str, int]:
    changes, tick_s, n_ticks, n_stim = ATTACKED[device]
    ceilings = CEILINGS[device]
    profile = Profile.preset(device, **{k: getattr(ceilings, k) if v is None else v for k, v in changes.items()})
    n_runs = max(n_actions // n_ticks, 1)
    stream = hostile(np.random.default_rng(seed), profile, n_ticks, n_runs, n_stim, tick_s, trouble=0.003)
    _, verdicts = _run(profile, n_stim, tick_s, stream, True)
    out = Output(
        verdicts.applied.astype(float), verdicts.width.astype(float), verdicts.rate.astype(float),
        verdicts.vetoes.astype(np.int64), verdicts.mode,
    )  # fmt: skip
    assert (out.applied != 0).any(axis=2).mean() > 0.05  # an attack that is never let through shows nothing
    return judge(Rules.of(profile), tick_s, stream, out)


@pytest.mark.parametrize("device", ATTACKED)
def test_adversarial_actions_break_no_invariant(device):
    assert _attack(device, 40_000, seed=1) == dict.fromkeys(INVARIANTS, 0)


@pytest.mark.slow
def test_a_million_adversarial_actions_break_no_invariant():
    total = dict.fromkeys(INVARIANTS, 0)
    for seed, device in enumerate(ATTACKED):
        for name, count in _attack(device, 200_000, seed=100 + seed).items():
            total[name] += count
    assert total == dict.fromkeys(INVARIANTS, 0)


def test_the_oracle_sees_a_shield_that_lets_too_much_through():
    profile = Profile.preset("rns")
    stream = hostile(np.random.default_rng(0), profile, 500, 20, 1, 0.1, trouble=0.01)
    with np.errstate(all="ignore"):
        raw = np.where(np.isfinite(stream.request.astype(np.float32)), stream.request, 0.0)
    everything = Output(raw, stream.width, stream.rate, np.zeros(stream.tick.shape, int), np.zeros(stream.tick.shape))
    broken = judge(Rules.of(profile), 0.1, stream, everything)
    seen = {"I1 amplitude", "I1 polarity", "I2 width", "I2 rate", "I3 density", "I3 Shannon", "I6 total"}
    assert {name for name in seen if broken[name] > 0} == seen
    assert broken["I8 to I10 fall-back"] > 0
    assert broken["I8 to I10 mode"] > 0
    nothing = everything._replace(applied=0 * raw)
    assert judge(Rules.of(profile), 0.1, stream, nothing)["what is allowed is delivered"] > 0


@pytest.mark.parametrize("tick_s", [1e-4, 1e-3])
def test_the_twin_equals_the_python_shield_where_the_remainder_of_the_dose_is_large(tick_s):
    # of a short tick, a day's dose is counted in large units, and what is below them nearly fills 30 bits
    profile = Profile.preset("rns", amplitude=12e-3, daily_charge=400.0)
    _compare_held(profile, tick_s, np.full(12, 1e-3), width=1e-3, rate=333.0, tick=np.arange(40), given=True)


def test_the_twin_equals_the_python_shield_when_the_longest_gaps_follow_one_another():
    tick = np.cumsum([0, 1, 2**30, 2**30, 1, 1, 2**30, 1])
    _compare_held(Profile.preset("rns"), 0.1, np.full(1, 1e-3), width=1e-4, rate=100.0, tick=tick, given=False)


def _compare_held(profile, tick_s, request, *, width, rate, tick, given):
    twin = ShieldTwin.create(profile, len(request), tick_s)
    shield, state, step = Shield(profile, len(request), tick_s, armed=True), twin.init(), jax.jit(twin.step)
    for now in tick.tolist():
        shield.rearm()
        asked = request.tolist() if given else None
        decision = shield.step(asked, 0.0, now, width=width, rate=rate)
        wrapped = np.int64(now).astype(np.int32)
        state, verdict = step(state, request, 0.0, wrapped, width=width, rate=rate, given=given, rearm=True)
        assert int(verdict.vetoes) == int(decision.vetoes)
        assert tuple(np.asarray(state.delivered)) == decision.verdict.amplitudes
        assert (int(state.remainder), int(state.waited)) == (shield._state.remainder, shield._state.waited)
        assert float(verdict.cost) == decision.cost


def test_jit_and_vmap_change_no_bit():
    twin = ShieldTwin.create("rns", 2, 0.1)
    requests = jnp.asarray([[1e-3, 2e-3], [9e-3, 9e-3], [jnp.nan, 0.0], [-1e-3, 1e-3]], jnp.float32)
    states = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (4, *leaf.shape)), twin.init())
    batch = jax.jit(jax.vmap(lambda s, r: twin.step(s, r, 0.1, 0)))(states, requests)
    jit = jax.jit(twin.step)
    plain = twin.step(twin.init(), requests[1], 0.1, 0)
    for row, request in enumerate(requests):
        single = jit(twin.init(), request, 0.1, 0)
        for one, other in zip(jax.tree.leaves(single), jax.tree.leaves(batch)):
            np.testing.assert_array_equal(one, other[row])
        if row == 1:
            jax.tree.map(np.testing.assert_array_equal, single, plain)


def test_state_and_verdict_are_32_bits_and_keep_their_types():
    twin = ShieldTwin.create("tdcs", 3, 0.5)
    state = twin.init()
    after, verdict = jax.jit(twin.step)(state, jnp.ones(3), 0.0, 0)
    assert [(x.dtype, x.shape) for x in jax.tree.leaves(after)] == [(x.dtype, x.shape) for x in jax.tree.leaves(state)]
    assert {x.dtype for x in jax.tree.leaves(state)} == {jnp.dtype("int32")}
    assert (verdict.applied.dtype, verdict.applied.shape) == (jnp.float32, (3,))
    assert (verdict.vetoes.dtype, verdict.mode.dtype, verdict.cost.dtype) == (jnp.uint32, jnp.int32, jnp.float32)
    assert {x.dtype for x in jax.tree.leaves(twin)} == {jnp.dtype("int32")}


def test_another_profile_of_the_device_does_not_retrace():
    traces = 0

    @jax.jit
    def step(twin, state, request):
        nonlocal traces
        traces += 1
        return twin.step(state, request, 0.0, 0)[1].applied

    for amplitude in (1e-3, 2e-3):
        twin = ShieldTwin.create(Profile.preset("rns", amplitude=amplitude), 1, 0.1)
        assert step(twin, twin.init(), jnp.asarray([1.0])) == np.float32(amplitude)
    assert traces == 1


def test_a_fault_stays_latched_without_an_operator_and_an_attentive_one_re_arms():
    for operator, modes in (("none", {Mode.FALLBACK}), ("attentive", {Mode.REARMING, Mode.ARMED})):
        twin = ShieldTwin.create(Profile.preset("rns", good_windows=3), 1, 0.1, operator)
        state, request, step = twin.init(), jnp.asarray([1e-3]), jax.jit(twin.step)
        state, verdict = step(state, request, jnp.inf, 0)
        assert (int(verdict.mode), int(verdict.vetoes)) == (Mode.FALLBACK, Veto.STALE | Veto.LATCHED)
        seen = []
        for tick in range(1, 5):
            state, verdict = step(state, request, 0.0, tick)
            seen.append(int(verdict.mode))
            assert (verdict.applied[0] > 0) == (verdict.mode == Mode.ARMED)
        assert set(seen) == modes
    assert seen == [Mode.REARMING, Mode.REARMING, Mode.ARMED, Mode.ARMED]


def test_a_device_starts_unarmed():
    twin = ShieldTwin.create("rns", 1, 0.1)
    _, verdict = jax.jit(twin.step)(twin.init(armed=False), jnp.asarray([1e-3]), 0.0, 0)
    assert (int(verdict.mode), float(verdict.applied[0])) == (Mode.FALLBACK, 0.0)


def test_the_largest_currents_of_float32_come_back_from_the_shield_unchanged():
    profile = Profile.preset("dbs_ring", amplitude=12.7e-3, slew=12.7e-3, watchdog=5.0)
    twin = ShieldTwin.create(profile, 1, 5.0)
    asked = np.linspace(0, 12.7e-3, 2001).astype(np.float32)
    step = jax.jit(jax.vmap(lambda r: twin.step(twin.init(), r[None], 0.0, 0)[1]))
    first = step(asked)
    np.testing.assert_allclose(first.applied[:, 0], asked, atol=5.1e-9)
    assert not np.any(first.vetoes)
    np.testing.assert_array_equal(step(first.applied[:, 0]).applied, first.applied)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rns", 0, 0.1), r"^n_stim is 0; a shield wants 1 to 128 contacts"),
        (("rns", 1, 0.1, "absent"), r"^unknown operator 'absent' of the shield; use one of none, attentive"),
        (("rns", 1, 0.0), r"^tick_s of the shield is 0\.0; wanted"),
    ],
)
def test_twins_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        ShieldTwin.create(*arguments)


def test_a_request_of_another_shape_is_refused():
    twin = ShieldTwin.create("rns", 2, 0.1)
    with pytest.raises(InputError, match=r"^the request has shape \(3,\); wanted \(2,\)"):
        twin.step(twin.init(), jnp.zeros(3), 0.0, 0)


def test_the_twin_is_a_component_that_can_be_narrowed():
    twin = ShieldTwin.create("rns", 1, 0.1)
    narrower = dataclasses.replace(twin, limits=twin.limits._replace(amplitude=jnp.int32(100)))
    assert jax.jit(narrower.step)(twin.init(), jnp.asarray([1.0]), 0.0, 0)[1].applied == np.float32(1e-6)
