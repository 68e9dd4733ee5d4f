# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The control loop with fakes: when it ticks, what it publishes, what it holds and why.
"""
from __future__ import annotations

from dataclasses import replace

from control_rig import Line
from control_rig import PERIOD_S
from control_rig import Rig
import numpy as np
import pytest

from vaa_ros.core.control_loop import PAUSE_HOLD_TICKS
from vaa_ros.core.errors import InstructionError
from vaa_ros.core.gate import GateInputs
from vaa_ros.core.tick import TickInputs
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation


def test_follows_the_policy_within_the_speed_limit_from_the_measured_start() -> None:
    rig, policy = Rig(), Line(0.5)
    commands = [rig.tick(policy).command for _ in range(8)]
    assert commands[0] == pytest.approx(np.full(7, 3.0 * PERIOD_S))
    assert np.diff([command[0] for command in commands]).max() <= 3.0 * PERIOD_S + 1e-9
    assert commands[-1] == pytest.approx(np.full(7, 0.5))
    assert rig.loop.figures.clamped == 5
    assert rig.loop.figures.control_ticks == 8


@pytest.mark.parametrize('waited_for', [True, False])
def test_a_hold_before_the_first_motion_answers_who_waits_for_it(waited_for: bool) -> None:
    rig, policy = Rig(), Line(0.5)
    held = rig.tick(policy, waited_for=waited_for, fault='dark')
    assert held.decision.state == 'holding'
    if waited_for:
        assert np.array_equal(held.command, np.zeros(7))
    else:
        assert held.command is None


def test_what_it_says_ahead_is_what_it_commands_then() -> None:
    rig, policy = Rig(), Line(0.5)
    rig.tick(policy)
    ahead = rig.loop.ahead(6)
    assert rig.loop.ahead(2) == pytest.approx(ahead[:2])  # nothing of it is remembered
    commands = [rig.tick(policy, fresh=False).command for _ in range(6)]
    np.testing.assert_allclose(ahead, commands, atol=1e-9)
    assert len(rig.loop.ahead(100)) == 24 - 7  # the chunk ends
    rig.tick(policy, fault='dark')
    assert len(rig.loop.ahead(6)) == 0


def test_what_moves_on_by_itself_is_not_left_alone_in_a_pause() -> None:
    rig, policy = Rig(), Line(0.5)
    rig.tick(policy)
    rig.loop.sender_coasts = lambda: True
    ticks = [rig.tick(policy, paused=True) for _ in range(PAUSE_HOLD_TICKS + 3)]
    assert all(tick.command is not None and not tick.moving for tick in ticks)
    rig.loop.sender_coasts = lambda: False
    assert rig.tick(policy, paused=True).command is None


def test_what_was_led_on_meanwhile_goes_on_from_there() -> None:
    rig, policy = Rig(), Line(1.0)
    assert rig.tick(policy).command[0] == pytest.approx(0.1)
    rig.loop.sender_led_on = lambda: np.array([np.full(7, 0.4), np.full(7, 0.5)])
    rig.count += 4
    assert rig.tick(policy).command[0] == pytest.approx(0.6), 'a period of full speed from there'
    assert rig.tick(policy, age_s=9.0).command[0] == 0.5, 'stays there'
    rig.loop.sender_led_on = lambda: None
    assert rig.tick(policy, age_s=9.0).command[0] == 0.5


def test_coasts_along_the_chunk_without_a_new_observation() -> None:
    rig, policy = Rig(), Line(0.1)
    rig.tick(policy)
    tick = rig.tick(policy, fresh=False)
    assert tick.moving and not tick.fresh
    assert policy.asked == 1
    assert rig.loop.figures.coasted_ticks == 1


def test_stale_input_holds_the_last_command_with_the_reason_then_resumes() -> None:
    rig, policy = Rig(), Line(0.5)
    for _ in range(3):
        last = rig.tick(policy).command
    held = [rig.tick(policy, fresh=False, age_s=0.3) for _ in range(5)]
    assert all(tick.command == pytest.approx(last) and not tick.moving for tick in held)
    assert 'vision/front is stale' in held[0].decision.reason
    states = [rig.tick(policy).decision.state for _ in range(5)]
    assert states[0] == 'holding' and states[-1] == 'running'


def test_a_hold_does_not_buy_a_leap() -> None:
    rig, policy = Rig(), Line(0.2)
    for _ in range(3):
        rig.tick(policy)
    for _ in range(30):
        held = rig.tick(policy, fresh=False, age_s=0.3).command
    policy.goal = -1.0
    tick = rig.tick(policy)
    while not tick.moving:
        tick = rig.tick(policy)
    assert np.abs(tick.command - held).max() <= 3.0 * PERIOD_S + 1e-9


def test_waiting_publishes_nothing() -> None:
    rig = Rig()
    tick = rig.tick(Line(0.5), fresh=False, age_s=None)
    assert tick.command is None
    assert tick.decision.state == 'waiting'
    assert 'vision/front' in tick.decision.reason


def test_pause_holds_a_few_ticks_then_is_silent_and_starts_again_where_the_arm_is() -> None:
    rig, policy = Rig(), Line(0.5)
    for _ in range(8):
        rig.tick(policy)
    paused = [rig.tick(policy, paused=True).command for _ in range(PAUSE_HOLD_TICKS + 2)]
    assert [command is not None for command in paused] == [True] * PAUSE_HOLD_TICKS + [False] * 2
    asked = policy.asked
    assert asked == 8
    again = rig.tick(policy)
    assert again.moving
    # measured is 0 again: the arm was moved by someone else meanwhile
    assert np.abs(again.command).max() <= 3.0 * PERIOD_S + 1e-9


def test_a_released_arm_is_not_held_where_it_was() -> None:
    rig, policy = Rig(), Line(0.5)
    for _ in range(8):
        last = rig.tick(policy).command
    assert rig.loop.hold(PERIOD_S) == pytest.approx(last)
    for _ in range(PAUSE_HOLD_TICKS + 1):
        rig.tick(policy, paused=True)
    assert rig.loop.hold(PERIOD_S) is None
    waiting = rig.tick(policy, fresh=False, age_s=0.3)
    assert (waiting.decision.state, waiting.command) == ('waiting', None)
    assert rig.loop.hold(PERIOD_S) is None, 'somebody may have moved the arm in the pause'


def test_a_pause_after_another_publisher_does_not_bring_the_old_position_back() -> None:
    rig, policy = Rig(), Line(0.5)
    for _ in range(8):
        rig.tick(policy)
    rig.tick(policy, silent=True, fault='another publisher')
    assert [rig.tick(policy, paused=True).command for _ in range(4)] == [None] * 4


def test_emergency_stop_latches_until_reset() -> None:
    rig, policy = Rig(), Line(0.5)
    last = rig.tick(policy).command
    stopped = rig.tick(policy, e_stop=True)
    assert stopped.decision.state == 'stopped'
    assert stopped.command == pytest.approx(last)
    assert rig.tick(policy).decision.state == 'stopped'
    assert policy.asked == 1
    assert rig.tick(policy, reset=True).decision.state == 'running'


def test_three_failures_in_a_row_latch_until_reset() -> None:
    class Broken(Line):
        def infer(self, observation: Observation) -> ActionChunk:
            self.asked += 1
            raise ValueError('no such luck')

    rig, policy = Rig(), Broken(0.0)
    ticks = [rig.tick(policy) for _ in range(5)]
    assert policy.asked == 3
    assert all(tick.command is None for tick in ticks)
    assert 'no such luck' in ticks[0].decision.reason
    assert '3 times in a row' in ticks[-1].decision.reason
    assert rig.loop.figures.failures == 3
    rig.loop.reset()
    good = Line(0.1)
    assert any(rig.tick(good).moving for _ in range(6))


def test_another_policy_at_work_is_asked_after_three_failures() -> None:
    class Broken(Line):
        def infer(self, observation: Observation) -> ActionChunk:
            self.asked += 1
            raise ValueError('no such luck')

    rig, policy, other = Rig(), Broken(0.0), Line(0.1)
    for _ in range(5):
        tick = rig.tick(policy)
    assert 'load another model or reset the policy' in tick.decision.reason
    facts = GateInputs()
    assert rig.loop.asks(facts, other) and not rig.loop.asks(facts, policy)
    assert any(rig.tick(other).moving for _ in range(6))
    # A policy that failed before, and one that fails now, have three tries each.
    again = Broken(0.0)
    for _ in range(5):
        rig.tick(again)
    assert again.asked == 3


@pytest.mark.parametrize('asked', ['another policy', 'another instruction', 'the same again'])
def test_what_is_asked_for_anew_ends_a_long_hold(asked: str) -> None:
    class Picky(Line):
        def infer(self, observation: Observation) -> ActionChunk:
            if observation.instruction == 'what?':
                raise InstructionError('not known')
            return super().infer(observation)

    rig, policy = Rig(rearm_s=1.0), Picky(0.5)
    rig.tick(policy)
    for _ in range(40):
        rig.instruction = 'what?' if asked == 'the same again' else ''
        rig.tick(policy, fault='dark')
    if asked != 'the same again':
        waits = [rig.tick(policy) for _ in range(10)][-1]
        assert 'reset the policy' in waits.decision.reason and not waits.moving
    rig.instruction = 'red' if asked == 'another instruction' else ''
    chosen = Line(0.5) if asked == 'another policy' else policy
    assert [rig.tick(chosen) for _ in range(10)][-1].moving


def test_a_policy_that_comes_back_by_itself_does_not_end_a_long_hold() -> None:
    rig, policy, back = Rig(rearm_s=1.0), Line(0.5), Line(0.5)
    rig.tick(policy)
    for _ in range(40):
        rig.tick(policy, fault='dark')
    back.by_itself = True
    waits = [rig.tick(back) for _ in range(10)][-1]
    assert 'reset the policy' in waits.decision.reason and not waits.moving


def test_non_finite_actions_hold() -> None:
    rig, policy = Rig(), Line(0.1)
    last = rig.tick(policy).command
    policy.goal = float('nan')
    tick = rig.tick(policy)
    assert not tick.moving
    assert tick.command == pytest.approx(last)
    assert 'not finite' in tick.decision.reason


def test_a_refusal_is_told_until_a_command_passes() -> None:
    rig, policy = Rig(jump=0.5), Line(0.1)
    rig.tick(policy)
    policy.goal = 0.9
    for _ in range(24):  # until no chunk from before votes
        rig.tick(policy)
    ticks = [rig.tick(policy) for _ in range(20)]
    assert {tick.decision.state for tick in ticks} == {'holding'}
    assert all('too far' in tick.decision.reason for tick in ticks)
    assert rig.loop.figures.refused > 2, 'it tries again'
    stale = rig.tick(policy, fresh=False, age_s=0.3)
    assert 'vision/front is stale' in stale.decision.reason
    policy.goal = 0.2
    reasons = [rig.tick(policy).decision.reason for _ in range(12)]
    assert 'too far' in reasons[0] and reasons[-1] == ''
    rig.tick(policy, fresh=False, age_s=0.3)
    assert 'inputs are good again' in rig.tick(policy).decision.reason, 'that is over'


def test_an_exhausted_chunk_holds_and_says_so() -> None:
    rig, policy = Rig(), Line(0.1)
    rig.tick(policy)
    ticks = [rig.tick(policy, fresh=False) for _ in range(30)]
    assert sum(tick.moving for tick in ticks) == 23
    assert 'no action chunk' in ticks[23].decision.reason


def test_silent_says_nothing_at_all() -> None:
    rig, policy = Rig(), Line(0.1)
    rig.tick(policy)
    tick = rig.tick(policy, silent=True, fault='another publisher')
    assert tick.command is None
    assert tick.decision.state == 'holding'


def test_another_policy_takes_over_without_a_leap() -> None:
    rig, first, second = Rig(), Line(0.3), Line(-0.3)
    for _ in range(6):
        before = rig.tick(first).command
    after = rig.tick(second).command
    assert np.abs(after - before).max() <= 3.0 * PERIOD_S + 1e-9
    for _ in range(10):
        after = rig.tick(second).command
    assert after == pytest.approx(np.full(7, -0.3))


def test_twists_hold_with_no_motion_and_the_last_gripper() -> None:
    rig, policy = Rig('end_effector_twist'), Line(0.05)
    rig.tick(policy)
    tick = rig.tick(policy, fresh=False, age_s=0.3)
    assert tick.command == pytest.approx([0, 0, 0, 0, 0, 0, 0.05])
    assert rig.loop.hold(PERIOD_S) == pytest.approx([0, 0, 0, 0, 0, 0, 0.05])


def test_a_twist_of_before_a_long_silence_is_over() -> None:
    rig, policy = Rig('end_effector_twist', acceleration=1.0), Line(0.2)
    for _ in range(10):
        rig.tick(policy)
    rig.count += 6
    assert rig.tick(policy, fresh=False, age_s=0.3).command[0] > 0.05, 'too short to be stopped'
    rig.count += 30
    tick = rig.tick(policy, fresh=False, age_s=1.3)
    assert tick.command == pytest.approx([0, 0, 0, 0, 0, 0, 0.2])


def test_before_the_first_command_there_is_nothing_to_hold() -> None:
    assert Rig().loop.hold(PERIOD_S) is None


def test_an_unknown_start_is_refused_not_guessed() -> None:
    rig = Rig()
    observation = Observation(5, {}, np.zeros(7, np.float32))
    facts = GateInputs(ages_s={'vision/front': 0.0})
    answer = rig.loop.ask(facts, Line(0.1), observation)
    tick = rig.loop.tick(TickInputs(5, 5, observation, None, facts, answer))
    assert tick.command is None
    assert 'not known yet' in tick.decision.reason
    assert rig.loop.figures.refused == 1


def test_inactive_neither_asks_nor_publishes() -> None:
    rig, policy = Rig(), Line(0.1)
    assert rig.tick(policy, lifecycle='inactive').command is None
    assert policy.asked == 0


def test_figures_are_flat_numbers() -> None:
    rig = Rig()
    rig.tick(Line(0.1))
    values = rig.loop.figures.values()
    assert values['control_ticks'] == 1
    assert {'latency_ms_p99', 'inference_ms_max', 'missed_ticks'} <= set(values)


def test_inputs_are_a_value() -> None:
    inputs = TickInputs(1, 1, None, None, GateInputs())
    assert replace(inputs, silent=True).silent and not inputs.silent
