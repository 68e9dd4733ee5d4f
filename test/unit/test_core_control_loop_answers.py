# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The control loop whose policy is asked elsewhere, at the arm's own rate.
"""
from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
import pytest

from vaa_ros.core.chunking import ChunkPlayer
from vaa_ros.core.control_loop import ControlLoop
from vaa_ros.core.control_loop import PAUSE_HOLD_TICKS
from vaa_ros.core.errors import LateError
from vaa_ros.core.gate import Gate
from vaa_ros.core.gate import GateInputs
from vaa_ros.core.inference import Answer
from vaa_ros.core.inference import ask
from vaa_ros.core.interpolation import SetpointInterpolator
from vaa_ros.core.limited_motion import LimitedMotion
from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.plan import Plan
from vaa_ros.core.safety import CommandLimiter
from vaa_ros.core.tick import Tick
from vaa_ros.core.tick import TickInputs
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation

PERIOD_S = 1 / 30


class Line:
    """A policy whose every action is ``goal``."""

    def __init__(self, goal: float) -> None:
        self.goal = goal

    def reset(self) -> None:
        pass

    def infer(self, observation: Observation) -> ActionChunk:
        return ActionChunk(
            observation.stamp_ns, np.full((24, 7), self.goal, np.float32), PERIOD_S)


class Rig:
    """
    A loop at 100 Hz whose policy is asked elsewhere: answers come to it, or do not.

    The 7 joints go 3 rad/s, and gain 60 rad/s a second, between -1 and 1.
    """

    STEP_NS = 10_000_000

    def __init__(self) -> None:
        limits = SafetyLimits(
            names=tuple('abcdefg'), lower=np.full(7, -1.0), upper=np.full(7, 1.0),
            velocity=np.full(7, 3.0), acceleration=np.full(7, 60.0), gripper=6)
        step_s = self.STEP_NS / 1e9
        self.loop = ControlLoop(
            Gate({'vision/front': 0.2}),
            Plan(ChunkPlayer(PERIOD_S), SetpointInterpolator(PERIOD_S, step_s)),
            LimitedMotion(CommandLimiter(limits)), step_s)
        self.count = 0

    def step(self, answer: Answer | None = None, **gate: object) -> Tick:
        self.count += 1
        now_ns = self.count * self.STEP_NS
        facts = GateInputs(ages_s={'vision/front': 0.0}, **gate)
        return self.loop.tick(TickInputs(
            now_ns, 10**9 + now_ns, Observation(10**9 + now_ns, {}, np.zeros(7, np.float32)),
            np.zeros(7), facts, answer))

    def answer(self, goal: float, late_ns: int = 0) -> Answer:
        stamp_ns = 10**9 + self.count * self.STEP_NS - late_ns
        return ask(Line(goal), Observation(stamp_ns, {}, np.zeros(7, np.float32)))


def test_before_the_first_answer_it_waits_for_it_and_says_so() -> None:
    rig = Rig()
    tick = rig.step()
    assert (tick.decision.state, tick.command) == ('waiting', None)
    assert tick.decision.reason == 'waiting for the first answer of the policy'
    assert rig.step(rig.answer(0.1)).moving
    assert rig.step().moving
    assert not rig.step(paused=True).moving
    for _ in range(PAUSE_HOLD_TICKS):
        rig.step(paused=True)
    assert rig.step().decision.reason == 'waiting for the first answer of the policy'


def test_a_command_names_the_observation_that_was_answered() -> None:
    rig = Rig()
    rig.step()
    answer = rig.answer(0.1, late_ns=20_000_000)
    ticks = [rig.step(answer), rig.step(), rig.step()]
    assert [tick.stamp_ns for tick in ticks] == [answer.observation.stamp_ns] * 3
    assert [tick.fresh for tick in ticks] == [True, False, False]


def test_a_late_answer_holds_with_the_reason_and_never_latches() -> None:
    rig = Rig()
    rig.step()
    moving = rig.step(rig.answer(0.3))
    late = replace(rig.answer(0.5), chunk=None, problem=LateError('0.80 s are over'))
    for _ in range(5):
        tick = rig.step(late)
        assert (tick.decision.state, tick.decision.reason) == ('holding', '0.80 s are over')
        assert np.array_equal(tick.command, moving.command)
    assert rig.loop.figures.late_answers == 5 and rig.loop.figures.failures == 0
    states = [rig.step(rig.answer(0.3)).decision.state for _ in range(12)]
    assert states[-1] == 'running'


def test_actions_that_came_too_late_are_not_commanded() -> None:
    rig = Rig()
    rig.step()
    tick = rig.step(rig.answer(0.3, late_ns=10**9))
    assert not tick.moving and 'come too late' in tick.decision.reason


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(-2, 2), st.integers(1, 8)), min_size=1, max_size=20))
def test_interpolated_setpoints_keep_every_limit(answers: list[tuple[float, int]]) -> None:
    rig, track = Rig(), [np.zeros(7)]
    rig.step()
    for goal, ticks in answers:
        for turn in range(ticks):
            tick = rig.step(rig.answer(goal) if turn == 0 else None)
            if tick.command is not None:
                track.append(tick.command)
    velocity = np.diff(track, axis=0, prepend=track[:1]) / 0.01
    assert np.abs(velocity).max() <= 3.0 + 1e-6
    assert np.abs(np.diff(velocity, axis=0)).max() <= 0.6 + 1e-6
    assert np.abs(track).max() <= 1.0


@pytest.mark.parametrize('goal', [0.02, 0.1, 0.3, 0.9])
def test_a_goal_that_stays_is_reached_and_never_overshot_at_the_arm_s_rate(goal: float) -> None:
    rig = Rig()
    rig.step()
    track = np.array([rig.step(rig.answer(goal) if turn % 3 == 0 else None).command[0]
                      for turn in range(80)])
    assert (np.diff(track) >= -1e-9).all()
    assert track[-1] == pytest.approx(goal, abs=1e-6)
    velocity = np.diff(track, prepend=0.0) / 0.01
    assert velocity.max() <= 3.0 + 1e-6 and np.abs(np.diff(velocity)).max() <= 0.6 + 1e-6


def test_what_it_says_ahead_at_the_arm_s_rate_is_what_it_commands_then() -> None:
    rig = Rig()
    rig.step()
    for _ in range(3):
        rig.step(rig.answer(0.3))
    ahead = rig.loop.ahead(20)
    commands = [rig.step().command for _ in range(20)]
    np.testing.assert_allclose(ahead, commands, atol=1e-9)
