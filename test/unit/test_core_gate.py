# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The gate: when the arm may be commanded, and what it says when not.
"""
from __future__ import annotations

import math

from gate_rig import Clock
from gate_rig import FRESH
from gate_rig import LIMITS
from gate_rig import MS
from gate_rig import running
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant
from hypothesis.stateful import rule
from hypothesis.stateful import RuleBasedStateMachine
import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.gate import Gate
from vaa_ros.core.gate import GateDecision
from vaa_ros.core.gate import GateInputs
from vaa_ros.core.gate import HOLDING
from vaa_ros.core.gate import INACTIVE
from vaa_ros.core.gate import LOG_LENGTH
from vaa_ros.core.gate import PAUSED
from vaa_ros.core.gate import RAMPING
from vaa_ros.core.gate import RUNNING
from vaa_ros.core.gate import STATES
from vaa_ros.core.gate import STOPPED
from vaa_ros.core.gate import Transition
from vaa_ros.core.gate import UNCONFIGURED
from vaa_ros.core.gate import WAITING

TENTH = 0.1
"""What is promised of how a motion begins, whatever the code calls it."""


def test_unfit_inputs_wait_before_the_first_motion_and_hold_after_it() -> None:
    clock = Clock()
    assert clock.update(unfit='black').state == WAITING
    assert clock.update().state == RUNNING
    decision = clock.update({**FRESH, 'joint_states': 0.2}, unfit='black')
    assert decision.state == HOLDING
    assert decision.reason == 'black; joint_states is stale: 0.20 s old, limit 0.10 s'


def test_a_reason_to_be_slow_lowers_the_speed_and_is_told() -> None:
    clock = running(slow_factor=0.25)
    decision = clock.update(slowed='late')
    assert (decision.state, decision.reason, decision.speed) == (RUNNING, 'slowed: late', 0.25)
    assert clock.update().speed == 1.0
    assert clock.update(slowed='late', fault='dark').reason == 'dark'


def test_a_reset_ends_a_hold_at_once() -> None:
    clock = running(resume_after_s=10.0)
    assert clock.update(fault='dark').state == HOLDING
    assert clock.update().state == HOLDING
    assert clock.update(reset=True).state == RUNNING
    assert clock.update(fault='dark', reset=True).state == HOLDING


def test_every_motion_begins_slowly_and_gains_speed() -> None:
    clock = Clock(ramp_s=0.1, resume_after_s=0.0)
    for _ in range(2):
        begin = [clock.update() for _ in range(5)]
        assert [decision.state for decision in begin] == [RAMPING] * 4 + [RUNNING]
        assert all(decision.may_move for decision in begin)
        speeds = [decision.speed for decision in begin]
        assert speeds[0] == pytest.approx(TENTH) and speeds[-1] == 1.0
        assert speeds == sorted(speeds)
        assert [begin[0].share, begin[-1].share] == [0.0, 1.0]
        assert clock.update(fault='dark').state == HOLDING


def test_a_clock_set_back_begins_slowly_anew() -> None:
    clock = Clock(ramp_s=0.1)
    for _ in range(5):
        clock.update()
    clock.now_ns = 0
    assert clock.update().speed == pytest.approx(TENTH)


def test_a_motion_that_does_not_go_on_begins_slowly() -> None:
    clock = Clock(ramp_s=0.1)
    for _ in range(5):
        clock.update()
    clock.gate.begin_anew()
    assert clock.update().speed == pytest.approx(TENTH)


def test_begins_unconfigured() -> None:
    assert Gate(LIMITS).state == UNCONFIGURED


@pytest.mark.parametrize('lifecycle', [UNCONFIGURED, INACTIVE])
def test_does_not_move_before_it_is_active(lifecycle: str) -> None:
    decision = Clock().update(lifecycle=lifecycle)
    assert decision == GateDecision(
        lifecycle, False, f'the node is {lifecycle}; activate it to move')


def test_runs_at_once_when_everything_is_fresh() -> None:
    assert Clock().update() == GateDecision(RUNNING, True, '')


def test_waits_for_what_never_came_and_names_it() -> None:
    decision = Clock().update({'vision/front': None})
    assert (decision.state, decision.may_move) == (WAITING, False)
    assert decision.reason == ('waiting for vision/front: nothing received yet; '
                               'waiting for joint_states: nothing received yet')


def test_a_switch_that_was_let_go_is_told_from_one_that_was_never_heard() -> None:
    clock = running()
    decision = clock.update({**FRESH, 'vision/front': math.inf})
    assert (decision.state, decision.may_move) == (HOLDING, False)
    assert decision.reason == 'vision/front is released: hold it to go on'


def test_holds_with_topic_age_and_limit_when_an_input_goes_stale() -> None:
    clock = running()
    decision = clock.update({**FRESH, 'vision/front': 0.42})
    assert (decision.state, decision.may_move) == (HOLDING, False)
    assert decision.reason == 'vision/front is stale: 0.42 s old, limit 0.25 s'


@pytest.mark.parametrize(('age_s', 'state'), [
    (0.25, RUNNING), (0.2500001, HOLDING), (0.0, RUNNING), (-0.05, RUNNING), (-0.051, HOLDING),
    (float('inf'), HOLDING), (float('-inf'), HOLDING), (float('nan'), HOLDING)])
def test_age_limits_are_two_sided_and_inclusive(age_s: float, state: str) -> None:
    assert running().update({**FRESH, 'vision/front': age_s}).state == state


def test_a_stamp_in_the_future_names_the_clocks() -> None:
    reason = running().update({**FRESH, 'joint_states': -0.3}).reason
    assert reason == ('joint_states is stamped 0.30 s in the future, limit 0.05 s; '
                      'check the clocks')


def test_a_topic_that_was_there_and_is_gone_holds() -> None:
    assert running().update({'joint_states': 0.0}).state == HOLDING


def test_topics_without_a_limit_do_not_matter() -> None:
    assert running().update({**FRESH, 'vision/side': 99.0}).state == RUNNING


def test_holding_ends_only_after_inputs_were_good_for_a_while() -> None:
    clock = running(resume_after_s=0.1)
    clock.update({})
    decisions = [clock.update() for _ in range(5)]
    assert [decision.state for decision in decisions] == [HOLDING] * 4 + [RUNNING]
    assert decisions[1].reason == 'inputs are good again for 0.03 s, resuming after 0.10 s'


def test_every_relapse_starts_the_wait_anew() -> None:
    clock = running(resume_after_s=0.1)
    for _ in range(10):
        assert clock.update({}).state == HOLDING
        assert clock.update().state == HOLDING
        assert clock.update().state == HOLDING


def test_a_clock_set_back_starts_the_wait_anew() -> None:
    clock = running(resume_after_s=0.1)
    clock.update({})
    clock.update()
    clock.now_ns -= 3600 * 1000 * MS
    assert [clock.update().state for _ in range(5)] == [HOLDING] * 4 + [RUNNING]


def test_without_a_wait_it_resumes_at_once() -> None:
    clock = running(resume_after_s=0.0)
    clock.update({})
    assert clock.update().state == RUNNING


def test_it_tells_for_how_long_the_arm_may_move_if_nothing_comes_any_more() -> None:
    clock = Clock()
    assert clock.gate.lasts_s(FRESH) == math.inf, 'it does not move yet'
    clock.update()
    assert clock.gate.lasts_s(FRESH) == pytest.approx(0.09)
    assert clock.gate.lasts_s({**FRESH, 'vision/front': 0.2}) == pytest.approx(0.05)
    assert clock.gate.lasts_s({**FRESH, 'vision/front': 0.4}) == pytest.approx(-0.15)
    assert clock.gate.lasts_s(FRESH, others_s=0.02) == 0.02
    unknown = {'vision/front': None, 'joint_states': math.nan, 'tool_pose': 9.0}
    assert clock.gate.lasts_s(unknown) == math.inf
    clock.update({**FRESH, 'vision/front': 0.4})
    assert clock.gate.lasts_s({**FRESH, 'vision/front': 0.4}) == math.inf, 'it holds'


def test_a_fault_holds_with_its_own_words() -> None:
    decision = running().update(fault='inference failed: output actions is not finite')
    assert decision == GateDecision(
        HOLDING, False, 'inference failed: output actions is not finite')


def test_pause_and_resume() -> None:
    clock = running()
    decision = clock.update(paused=True)
    assert (decision.state, decision.may_move) == (PAUSED, False)
    assert 'resume' in decision.reason
    assert clock.update().state == RUNNING
    clock.update(paused=True)
    assert clock.update({}).state == WAITING


def test_emergency_stop_latches_until_released_and_reset() -> None:
    clock = running()
    assert clock.update(e_stop=True).state == STOPPED
    assert clock.update(e_stop=True, reset=True).state == STOPPED
    released = clock.update()
    assert (released.state, released.may_move) == (STOPPED, False)
    assert 'reset the policy' in released.reason
    assert clock.update().state == STOPPED
    assert clock.update(reset=True).state == RUNNING
    assert clock.update().state == RUNNING


@pytest.mark.parametrize('facts', [
    {'paused': True}, {'fault': 'x'}, {'lifecycle': INACTIVE}, {'lifecycle': UNCONFIGURED}])
def test_emergency_stop_wins_over_everything(facts: dict) -> None:
    clock = running()
    assert clock.update(e_stop=True, **facts).state == STOPPED
    assert clock.update(**facts).state == STOPPED
    assert clock.update(reset=True, **facts).state != STOPPED


def test_a_reset_without_a_stop_is_harmless() -> None:
    assert running().update(reset=True).state == RUNNING


def test_deactivation_and_activation() -> None:
    clock = running()
    assert clock.update(lifecycle=INACTIVE).state == INACTIVE
    assert clock.update({}).state == WAITING
    assert clock.update().state == RUNNING


def test_transitions_are_logged_once_each_and_bounded() -> None:
    clock = running()
    clock.update({**FRESH, 'vision/front': 0.3})
    clock.update({**FRESH, 'vision/front': 0.4})
    assert clock.gate.transitions == (
        Transition(33 * MS, UNCONFIGURED, RUNNING, ''),
        Transition(66 * MS, RUNNING, HOLDING,
                   'vision/front is stale: 0.30 s old, limit 0.25 s'))
    for _ in range(LOG_LENGTH):
        clock.update(paused=True)
        clock.update()
    assert len(clock.gate.transitions) == LOG_LENGTH


def test_a_gate_without_topics_runs() -> None:
    assert Gate({}).update(0, GateInputs()).may_move


def test_an_unknown_lifecycle_lists_those_there_are() -> None:
    with pytest.raises(ConfigError, match='unconfigured, inactive, active'):
        Clock().update(lifecycle='finalized')


@pytest.mark.parametrize('limit', [0.0, -1.0, float('nan'), float('inf')])
def test_limits_must_be_positive_times(limit: float) -> None:
    with pytest.raises(ConfigError, match='vision/front'):
        Gate({'vision/front': limit})


@pytest.mark.parametrize('options', [
    {'resume_after_s': -0.1}, {'resume_after_s': float('nan')},
    {'future_tolerance_s': float('inf')}, {'ramp_s': float('nan')}, {'rearm_after_s': -1.0}])
def test_options_must_be_times(options: dict) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        Gate(LIMITS, **options)


class GateMachine(RuleBasedStateMachine):
    """Whatever happens: no motion without fresh inputs, nor after a stop that was not reset."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate(LIMITS)
        self.now_ns = 0
        self.inputs = GateInputs(lifecycle=UNCONFIGURED)
        self.decision = GateDecision(UNCONFIGURED, False, 'x')
        self.latched = False

    @rule(
        wait_ms=st.integers(-50, 300),
        ages=st.dictionaries(
            st.sampled_from(sorted(LIMITS)),
            st.one_of(st.none(), st.floats(-0.2, 0.5), st.just(float('nan')))),
        lifecycle=st.sampled_from([UNCONFIGURED, INACTIVE, 'active', 'active', 'active']),
        fault=st.sampled_from([None, None, None, 'inference failed']),
        paused=st.booleans(), e_stop=st.booleans(), reset=st.booleans())
    def anything(self, wait_ms: int, ages: dict, **facts: object) -> None:
        self.step(wait_ms, GateInputs(ages_s=ages, **facts))

    @rule(wait_ms=st.integers(0, 100), reset=st.booleans())
    def all_is_well(self, wait_ms: int, reset: bool) -> None:
        self.step(wait_ms, GateInputs(ages_s=FRESH, reset=reset))

    def step(self, wait_ms: int, inputs: GateInputs) -> None:
        self.now_ns += wait_ms * MS
        self.latched = inputs.e_stop or self.latched and not inputs.reset
        self.inputs = inputs
        self.decision = self.gate.update(self.now_ns, inputs)

    @invariant()
    def moves_only_when_everything_allows_it(self) -> None:
        state = self.decision.state
        assert state in STATES
        assert state == self.gate.state
        assert self.decision.may_move == (state == RUNNING)
        assert bool(self.decision.reason) != self.decision.may_move
        assert (state == STOPPED) == self.latched
        if self.decision.may_move:
            assert self.inputs.lifecycle == 'active'
            assert not (self.inputs.paused or self.inputs.e_stop or self.inputs.fault)
            for topic, limit in LIMITS.items():
                assert -0.05 <= self.inputs.ages_s[topic] <= limit


TestGateMachine = GateMachine.TestCase
TestGateMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
