# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The limits of an arm: where they come from, and what is none.
"""
from __future__ import annotations

import math

import numpy as np
import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.robot import JointSpec
from vaa_ros.core.robot import load_robot
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.safety import CommandLimiter

LOW, HIGH = np.zeros(3), np.ones(3)
LIMITS = SafetyLimits(names=('pan', 'lift', 'gripper'), lower=LOW, upper=HIGH, velocity=HIGH)
ROBOT = RobotSpec(
    name='two', home=(0.0, 0.05), cameras=('front',), gripper='gripper', tool_speed=0.8,
    joints=(JointSpec('turn', 'rad', -1, 1, 2.0), JointSpec('gripper', 'm', 0, 0.09, 0.2)),
    workspace=((0.1, -0.4, 0.0), (0.6, 0.4, 0.5)))


def test_limits_come_from_the_robot() -> None:
    limits = SafetyLimits.from_robot(ROBOT, speed=0.5)
    assert limits.names == ('turn', 'gripper')
    assert limits.lower.tolist() == [-1, 0]
    assert limits.upper.tolist() == [1, 0.09]
    assert limits.velocity.tolist() == [1.0, 0.1]
    assert limits.gripper == 1
    assert limits.workspace_upper.tolist() == [0.6, 0.4, 0.5]
    assert (limits.linear_speed, limits.angular_speed) == (0.4, 1.0)


def test_a_robot_without_box_or_gripper_has_neither() -> None:
    limits = SafetyLimits.from_robot(RobotSpec('one', ROBOT.joints[:1], (0.0,), ('front',)))
    assert limits.gripper is None
    assert limits.workspace_lower.tolist() == [-math.inf] * 3


@pytest.mark.parametrize('speed', [0.0, -1.0, 1.01, math.nan, math.inf])
def test_speed_is_a_fraction(speed: float) -> None:
    with pytest.raises(ConfigError, match='speed'):
        SafetyLimits.from_robot(ROBOT, speed=speed)


@pytest.mark.parametrize(('change', 'word'), [
    ({'lower': [0, 0]}, 'lower'), ({'lower': [3, 0, 0]}, 'lower bound above'),
    ({'upper': [math.nan, 1, 1]}, 'upper'), ({'upper': [math.inf, 1, 1]}, 'finite'),
    ({'velocity': [-1, 1, 1]}, 'velocity'), ({'velocity': [math.nan] * 3}, 'velocity'),
    ({'workspace_lower': [1, 1, 1]}, 'lower bound above'), ({'linear_speed': 0}, 'linear_speed'),
    ({'angular_speed': math.inf}, 'angular_speed'), ({'max_dt_s': math.nan}, 'max_dt_s')])
def test_limits_that_are_none_are_refused(change: dict, word: str) -> None:
    values = {'names': LIMITS.names, 'lower': LOW, 'upper': HIGH, 'velocity': HIGH,
              'workspace_upper': [0.5] * 3}
    with pytest.raises(ConfigError, match=word):
        SafetyLimits(**{**values, **change})


def test_limits_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match='read-only'):
        LIMITS.upper[0] = 99.0


def test_a_joint_that_turns_further_than_a_turn_is_not_told_to_go_the_long_way_round() -> None:
    ur5e = load_robot('ur5e')
    limits = SafetyLimits.from_robot(ur5e)
    assert limits.jump.tolist() == pytest.approx([math.pi] * 6)
    start = np.array(ur5e.home)
    start[0] = 3.1
    wrapped = start - [6.2, 0, 0, 0, 0, 0]
    assert 'too far' in CommandLimiter(limits).limit(wrapped, start, 0.03).refused


def test_what_is_refused_is_measured_by_the_robot_s_own_speeds() -> None:
    slow, fast = (SafetyLimits.from_robot(ROBOT, speed=speed, max_jump=0.5) for speed in (0.1, 1))
    for limits in (slow, fast):
        assert (limits.linear_refused, limits.angular_refused) == pytest.approx((3.2, 8.0))
        assert limits.turn_jump == pytest.approx(math.pi / 2)
        assert limits.beyond.tolist() == pytest.approx([math.inf, 0.045])
