# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The gate after a long hold: it waits for a person, or for something new to do.
"""
from __future__ import annotations

from gate_rig import Clock
from gate_rig import FRESH
from gate_rig import running
import pytest

from vaa_ros.core.gate import GateDecision
from vaa_ros.core.gate import GateInputs
from vaa_ros.core.gate import HOLDING
from vaa_ros.core.gate import INACTIVE
from vaa_ros.core.gate import RUNNING


def held_for(clock: Clock, seconds: float) -> GateDecision:
    for _ in range(round(seconds / 0.033)):
        assert clock.update({}).state == HOLDING
    return [clock.update() for _ in range(10)][-1]


def test_a_short_hold_ends_by_itself_and_a_long_one_waits_for_a_reset() -> None:
    clock = running(rearm_after_s=2.0)
    assert held_for(clock, 1.9).state == RUNNING
    decision = held_for(clock, 2.1)
    assert (decision.state, decision.may_move) == (HOLDING, False)
    assert decision.reason == (
        'held for 2.1 s, too long to go on by itself (waiting for vision/front: nothing received '
        'yet; waiting for joint_states: nothing received yet): reset the policy to go on')
    assert clock.update() == decision, 'a log tells it once'
    assert clock.update({}).reason.startswith('waiting for vision/front')
    assert held_for(clock, 0.1).state == HOLDING, 'what begins and ends meanwhile changes nothing'
    assert clock.update(reset=True).state == RUNNING
    assert held_for(clock, 1.9).state == RUNNING, 'counted anew'


def test_whoever_resets_in_a_long_hold_need_not_do_so_again() -> None:
    clock = running(rearm_after_s=2.0)
    for ages_s in ({}, FRESH):
        for _ in range(100):
            clock.update(ages_s, fault='dark')
        clock.update(ages_s, fault='dark', reset=True)
        assert [clock.update() for _ in range(5)][-1].state == RUNNING


@pytest.mark.parametrize('facts', [{'paused': True}, {'lifecycle': INACTIVE}])
def test_a_person_who_lets_the_arm_go_on_ends_a_long_hold(facts: dict) -> None:
    clock = running(rearm_after_s=2.0)
    held_for(clock, 3.0)
    clock.update(**facts)
    assert clock.update().state == RUNNING


def test_something_new_that_is_asked_for_ends_a_long_hold() -> None:
    clock = running(rearm_after_s=2.0)
    assert held_for(clock, 3.0).state == HOLDING
    clock.gate.rearm()
    assert clock.update().state == RUNNING


def test_before_the_first_motion_there_is_nothing_to_reset() -> None:
    clock = Clock(rearm_after_s=2.0)
    for _ in range(100):
        assert clock.update(fault='no instruction').state == HOLDING
    assert [clock.update() for _ in range(5)][-1].state == RUNNING


def refused_for(clock: Clock, seconds: float) -> GateDecision:
    for _ in range(round(seconds / 0.033)):
        if (decision := clock.update(unresolved='too far')).may_move:
            decision = clock.gate.update(
                clock.now_ns, GateInputs(ages_s=FRESH, fault='too far'))
        assert decision.state == HOLDING
    return clock.update()


def test_an_arm_that_is_brought_nearer_to_begin_does_not_begin_by_itself() -> None:
    clock = Clock(rearm_after_s=2.0)
    decision = refused_for(clock, 3.0)
    assert not decision.may_move
    assert 'too long to go on by itself (too far): reset the policy' in decision.reason
    assert not refused_for(clock, 1.0).may_move
    clock.update(reset=True)
    refused_for(clock, 1.0)
    assert [clock.update() for _ in range(5)][-1].state == RUNNING, 'counted anew'


def test_tries_that_give_no_command_are_one_hold() -> None:
    clock = running(rearm_after_s=2.0)
    refused = 0
    for _ in range(100):
        if clock.update(unresolved='refused').may_move:
            refused += 1
            assert clock.gate.update(clock.now_ns, GateInputs(
                ages_s=FRESH, fault='refused')).state == HOLDING
    assert refused > 10
    assert 'reset the policy' in [clock.update() for _ in range(5)][-1].reason
