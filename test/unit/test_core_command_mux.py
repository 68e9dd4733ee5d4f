# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from vaa_ros.core.command_mux import Blend
from vaa_ros.core.command_mux import CommandMux
from vaa_ros.core.command_mux import HOLD
from vaa_ros.core.command_mux import PERSON
from vaa_ros.core.command_mux import POLICY
from vaa_ros.core.errors import ConfigError


def mux() -> CommandMux:
    arm = CommandMux(0.2)
    arm.policy(False)
    return arm


def test_a_policy_that_commanded_before_waits_and_so_does_one_that_said_nothing() -> None:
    arm = CommandMux()
    assert not arm.command(POLICY, 0.0)
    assert 'waiting for a word' in arm.reason and not arm.keeps_policy_waiting
    arm.policy(True)
    assert not arm.command(POLICY, 0.1)
    assert 'commanded already' in arm.reason and arm.keeps_policy_waiting
    # It is paused for that.
    arm.policy(False)
    assert not arm.command(POLICY, 0.2)
    assert arm.resume() == ''
    assert arm.command(POLICY, 0.3)
    silent = CommandMux()
    assert silent.resume() == '' and silent.command(POLICY, 0.0)


def test_what_the_policy_says_of_itself_does_not_hide_why_it_waits() -> None:
    arm = CommandMux()
    arm.e_stop(True)
    arm.policy(False)
    assert arm.keeps_policy_waiting and 'e_stop' in arm.reason
    arm = CommandMux()
    arm.command(PERSON, 0.0)
    arm.policy(True)
    assert (arm.source, arm.keeps_policy_waiting) == (PERSON, True)


def test_the_policy_commands_while_nobody_takes_over() -> None:
    arm = mux()
    assert (arm.source, arm.keeps_policy_waiting) == (HOLD, False)
    assert arm.command(POLICY, 0.0)
    assert arm.source == POLICY


def test_a_person_wins_with_the_first_command_and_keeps_the_arm() -> None:
    arm = mux()
    arm.command(POLICY, 0.0)
    arm.person(True)
    assert arm.source == POLICY
    assert arm.command(PERSON, 0.06)
    assert not arm.command(POLICY, 0.07)
    assert (arm.source, arm.takeovers, arm.keeps_policy_waiting) == (PERSON, 1, True)


def test_after_the_person_the_policy_waits_to_be_asked_for() -> None:
    arm = mux()
    arm.command(PERSON, 0.0)
    assert 'let go' in arm.resume()
    arm.person(False)
    arm.check(100.0)
    assert not arm.command(POLICY, 100.0)
    assert (arm.source, arm.keeps_policy_waiting) == (HOLD, True)
    assert arm.resume() == ''
    assert arm.command(POLICY, 100.1)
    assert arm.source == POLICY


def test_late_commands_of_a_person_who_let_go_take_nothing() -> None:
    arm = mux()
    arm.command(POLICY, 0.0)
    arm.person(True)
    arm.person(False)
    assert not arm.command(PERSON, 0.11)
    assert arm.source == POLICY


def test_silence_ends_in_a_hold() -> None:
    arm = mux()
    arm.command(POLICY, 0.0)
    arm.check(0.2)
    assert arm.source == POLICY
    arm.check(0.21)
    assert arm.source == HOLD and 'policy' in arm.reason
    # Its own gate decides whether a policy may go on.
    assert arm.command(POLICY, 1.0)
    arm.person(True)
    arm.command(PERSON, 1.0)
    arm.check(1.3)
    assert arm.source == HOLD and 'person' in arm.reason
    assert not arm.command(POLICY, 1.4)
    # A device that is back says that its button is not pressed: nobody asked for the policy.
    arm.person(False)
    arm.check(100.0)
    assert not arm.command(POLICY, 100.0)


def test_nobody_commands_while_e_stop_is_pressed_and_the_policy_only_when_asked() -> None:
    arm = mux()
    arm.command(POLICY, 0.0)
    arm.e_stop(True)
    assert not arm.command(POLICY, 0.1)
    assert not arm.command(PERSON, 0.1)
    assert arm.resume() and arm.source == HOLD
    arm.e_stop(False)
    arm.check(10.0)
    assert not arm.command(POLICY, 10.0)
    assert arm.command(PERSON, 10.1)
    arm.person(False)
    assert arm.resume() == ''
    assert arm.command(POLICY, 10.3)


@given(st.lists(st.sampled_from(['policy', 'person', 'on', 'off', 'stop', 'free', 'ask', 'wait']),
                max_size=40))
def test_what_happens_never_lets_the_policy_in_beside_a_person(events: list[str]) -> None:
    arm = mux()
    now_s, pressed = 0.0, False
    for event in events:
        now_s += 0.05
        if event in (POLICY, PERSON):
            sent = arm.command(event, now_s)
            assert not (sent and pressed)
            assert not sent or arm.source == event
            assert not (sent and event == POLICY and arm.keeps_policy_waiting)
        elif event in ('on', 'off'):
            arm.person(event == 'on')
        elif event in ('stop', 'free'):
            pressed = event == 'stop'
            arm.e_stop(pressed)
        elif event == 'ask':
            arm.resume()
        else:
            now_s += 0.3
        arm.check(now_s)
        assert not pressed or arm.source == HOLD
        assert arm.source != PERSON or arm.keeps_policy_waiting


def test_a_blend_leads_from_the_start_to_the_wish_without_a_step() -> None:
    blend = Blend('joint_position', 0.4)
    start, goal = np.array([0.0, 1.0]), np.array([1.0, -1.0])
    blend.begin(start, 10.0)
    track = np.array([blend.mix(goal, 10.0 + t) for t in np.linspace(0, 0.5, 51)])
    assert track[0] == pytest.approx(start)
    assert (np.diff(track[:, 0]) >= 0).all()
    assert np.abs(np.diff(track, axis=0)).max() < 0.08
    assert np.array_equal(track[-1], goal)


def test_blended_rotations_go_the_short_way() -> None:
    blend = Blend('end_effector_pose', 1.0)
    start = np.array([0, 0, 0, 0, 0, 0, 1, 0.05])
    blend.begin(start, 0.0)
    goal = np.array([0.1, 0, 0, 0, 0, -np.sin(0.2), -np.cos(0.2), 0.0])
    middle = blend.mix(goal, 0.5)
    assert np.linalg.norm(middle[3:7]) == pytest.approx(1.0)
    assert middle[3:7] == pytest.approx([0, 0, np.sin(0.1), np.cos(0.1)], abs=1e-3)


def test_without_a_start_or_a_time_the_wish_passes() -> None:
    goal = np.array([1.0])
    assert Blend('joint_position', 1.0).mix(goal, 0.0) is goal
    at_once = Blend('joint_position', 0.0)
    at_once.begin(np.array([0.0]), 0.0)
    assert at_once.mix(goal, 0.0) is goal


@pytest.mark.parametrize('make', [
    lambda: CommandMux(0.0), lambda: CommandMux(np.inf), lambda: Blend('joint_position', -0.1)])
def test_times_that_are_none_are_refused(make: object) -> None:
    with pytest.raises(ConfigError):
        make()


def test_who_held_the_arm_when_it_was_stopped_must_let_go_first() -> None:
    arm = mux()
    arm.person(True)
    arm.command(PERSON, 0.0)
    arm.e_stop(True)
    assert not arm.command(PERSON, 0.1)
    arm.e_stop(False)
    assert not arm.command(PERSON, 0.2)
    arm.person(False)
    arm.person(True)
    assert arm.command(PERSON, 0.4)
    assert (arm.source, arm.takeovers) == (PERSON, 2)


def test_after_a_rival_the_policy_waits_for_a_request_and_a_person_does_not() -> None:
    arm = mux()
    arm.command(POLICY, 0.0)
    arm.rival()
    assert not arm.command(POLICY, 0.1)
    assert (arm.source, arm.keeps_policy_waiting) == (HOLD, True) and '~/resume' in arm.reason
    assert arm.command(PERSON, 0.2)
    arm.rival()
    assert arm.command(PERSON, 0.3)
    arm.person(False)
    assert arm.resume() == '' and arm.command(POLICY, 0.4)
