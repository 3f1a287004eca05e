"""The shield as a machine that anybody may do anything to: reliability goal 13."""

import copy

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from neurodrift.sim.shield.guard import Shield
from neurodrift.sim.shield.profile import CEILINGS, Profile
from neurodrift.sim.shield.vetoes import FAULTS, Mode, Veto

from .streams import QUICK

AMPLITUDES = st.one_of(
    st.floats(0, 14e-3), st.floats(-14e-3, 14e-3), st.floats(), st.sampled_from([0.0, 1e-3, 5e-3, 12.7e-3])
)
TICK = 0.1


class Life(RuleBasedStateMachine):
    """What must be true is kept here in the invariants' own terms: who latched, what may flow, how much has flowed."""

    @initialize(
        device=st.sampled_from(sorted(CEILINGS)), n_stim=st.integers(1, 3), armed=st.booleans(),
        fallback=st.sampled_from([0.0, 0.5]), good=st.integers(1, 3), duty=st.sampled_from([1.0, 0.5]),
        share=st.sampled_from([1.0, 0.5]), bipolar=st.booleans(),
    )  # fmt: skip
    def make(self, device, n_stim, armed, fallback, good, duty, share, bipolar):
        ceilings = CEILINGS[device]
        amplitude = share * ceilings.amplitude
        self.profile = Profile.preset(
            device, amplitude=amplitude, total=share * ceilings.total, slew=ceilings.slew,
            fallback=fallback * amplitude,
            good_windows=good, duty=duty, duty_window=2.0, stale=0.5, watchdog=0.3, bipolar=bipolar,
        )  # fmt: skip
        self.shield = Shield(self.profile, n_stim, TICK, armed=armed)
        self.n_stim = n_stim
        self.latched, self.confirmed, self.good = not armed, False, 0
        self.tick, self.silence, self.on = 0, 0, []
        self.asked = [0.0] * n_stim
        self.last = None
        self.tripped = False

    def _tick(self, request, age=0.0, finite=True, step=1, **pulse):
        before = self.last
        started = before is not None
        self.tick += step
        gap = step if started else 1
        self.silence += max(step, 0) if started else 0
        decision = self.shield.step(request, age, self.tick, finite=finite, **pulse)

        sane = request is not None and all(abs(a) <= 3e38 for a in request)
        given = request is not None
        fault = self.tripped or not finite or not 0 <= age <= 0.5 or (given and not sane) or gap <= 0
        fault |= self.silence > 3 if given else self.silence >= 3
        self.tripped = False
        if fault:
            self.latched, self.confirmed, self.good = True, False, 0
        elif self.latched and self.confirmed:
            self.good = self.good + 1 if given else 0
            self.latched = self.good < self.profile.good_windows
        if not self.latched:
            self.confirmed, self.good = False, 0
        if given and sane:
            self.asked, self.silence = request, 0
        now = [self.profile.fallback] * self.n_stim if self.latched else self.asked

        assert (decision.mode != Mode.ARMED) == self.latched
        assert bool(decision.vetoes & FAULTS) == fault
        assert bool(decision.vetoes & Veto.LATCHED) == self.latched
        old = before.applied if before else [0.0] * self.n_stim
        for delivered, wanted, previous in zip(decision.applied, now, old):
            assert abs(delivered) <= min(abs(wanted) + 5.1e-9 + 1e-7 * abs(wanted), self.profile.amplitude * (1 + 1e-9))
            assert delivered * wanted >= 0
            base = abs(previous) if delivered * previous > 0 and gap <= 1 else 0.0
            assert abs(delivered) <= base + (self.profile.slew * TICK if gap > 0 else 0.0) + 1e-12
        self.last = decision
        self.on += [any(decision.applied)] if gap <= 0 else [False] * min(gap - 1, 40) + [any(decision.applied)]
        return decision

    @precondition(lambda self: hasattr(self, "shield"))
    @rule(data=st.data())
    def ask(self, data):
        self._tick([data.draw(AMPLITUDES) for _ in range(self.n_stim)])

    @rule(data=st.data(), width=st.floats(0, 1e-3), rate=st.floats(0, 400))
    def ask_for_a_pulse(self, data, width, rate):
        self._tick([data.draw(AMPLITUDES) for _ in range(self.n_stim)], width=width, rate=rate)

    @rule(n=st.integers(1, 12))
    def ask_for_the_most(self, n):
        for _ in range(n):
            self._tick([20e-3] * self.n_stim)

    @rule(age=st.sampled_from([0.4999, 0.51, float("nan"), -1.0, float("inf")]))
    def ask_on_old_samples(self, age):
        self._tick([1e-3] * self.n_stim, age=age)

    @rule()
    def ask_on_broken_samples(self):
        self._tick([1e-3] * self.n_stim, finite=False)

    @rule(n=st.integers(1, 5))
    def say_nothing(self, n):
        for _ in range(n):
            self._tick(None)

    @rule(step=st.sampled_from([-5, 0, 2, 3, 4, 50, 10**6]))
    def jump(self, step):
        self._tick([1e-3] * self.n_stim, step=step)

    @rule()
    def rearm(self):
        self.shield.rearm()
        self.confirmed = True if self.latched else self.confirmed
        self._tick([1e-3] * self.n_stim)
        if not self.latched:
            self.confirmed = False

    @rule()
    def trip(self):
        self.shield.trip()
        self.tripped = True
        assert not any(self._tick([1e-3] * self.n_stim).applied) or self.profile.fallback > 0

    @rule()
    def ask_again_for_what_was_delivered(self):
        twin = copy.deepcopy(self.shield)
        first = self._tick([1e-3] * self.n_stim)
        second = twin.step(list(first.applied), 0.0, self.tick, width=first.width, rate=first.rate)
        assert second.applied == first.applied

    @invariant()
    def nothing_breaks_a_limit(self):
        if getattr(self, "last", None) is None:
            return
        p, d = self.profile, self.last
        assert sum(d.verdict.amplitudes) + d.case == 0
        assert sum(map(abs, d.applied)) <= p.total * (1 + 1e-9)
        assert p.widths[0] <= d.width <= p.widths[1]
        assert p.rates[0] <= d.rate <= p.rates[1]
        for contact in range(self.n_stim):
            (lead, width), (back, longer) = d.phases(contact)
            assert lead * width + back * longer == 0
            assert p.kind != "pulses" or abs(lead) * width * 1e-15 <= p.density * p.area * (1 + 1e-9)
        assert not d.remarkable or self.shield.audit[-1] is d
        if p.duty < 1:
            assert sum(self.on[-20:]) <= 10


def _run(n_lives: int, n_steps: int, derandomize: bool = False):
    run_state_machine_as_test(
        Life,
        settings=settings(QUICK, max_examples=n_lives, stateful_step_count=n_steps, derandomize=derandomize),
    )


def test_thirty_lives_of_thirty_steps_find_no_counter_example():
    _run(30, 30, derandomize=True)


@pytest.mark.slow
def test_five_hundred_lives_of_fifty_steps_find_no_counter_example():
    _run(500, 50)
