# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The policy node with inputs that are wrong: it slows or holds, names the fault, and goes on.
"""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
from policy_rig import activate
from policy_rig import commands
from policy_rig import HOME
from policy_rig import newest_in_state
from policy_rig import positions
from policy_rig import Robot
from policy_rig import statuses
from ros_harness import Harness
from tiny_policy import DARK
from tiny_policy import picture_of
from tiny_policy import ROBOT

from vaa_ros.ros.qos import EVENTS


def black(robot: Robot) -> Callable[[], None]:
    robot.picture = np.zeros_like(DARK)
    return lambda: setattr(robot, 'picture', DARK)


def leap(robot: Robot) -> Callable[[], None]:
    robot.position = HOME + np.eye(7)[1]
    # The camera sees it, or it would be frozen.
    return lambda: setattr(robot, 'picture', picture_of(60))


def skew(robot: Robot) -> Callable[[], None]:
    # Late by less than what counts as stale.
    robot.lag_s = {'front': 0.14, 'wrist': 0.14}
    return lambda: robot.lag_s.update(front=0.0, wrist=0.0)


def out_of_sync(robot: Robot) -> Callable[[], None]:
    robot.lag_s['wrist'] = 0.05
    return lambda: robot.lag_s.update(wrist=0.0)


def without_a_joint(robot: Robot) -> Callable[[], None]:
    robot.names = ROBOT.joint_names[:-1]
    return lambda: setattr(robot, 'names', ROBOT.joint_names)


def stamps_back(robot: Robot) -> Callable[[], None]:
    robot.echo_s = 0.1
    return lambda: setattr(robot, 'echo_s', 0.0)


FAULTS = (
    (black, 'vision/front: the picture is black'),
    (leap, 'joint_states: joint_2 moved by 1.000'),
    (skew, 'behind, or it always comes late'),
    (out_of_sync, 'pairing: no observation for'),
    (without_a_joint, 'joint_states: has no gripper; it has joint_1'),
    (stamps_back, 'of the stamps of the last second repeat or go back'),
)


def test_bad_inputs_hold_name_the_fault_and_go_on(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    # Narrow, for frames 33 ms apart always have one within 17 ms.
    activate(ros, model_path=str(model), max_skew_s=0.004, max_clock_skew_s=0.1)
    sent, said = commands(ros), statuses(ros)
    diagnostics = ros.collect(DiagnosticArray, '/diagnostics', EVENTS)
    robot.start()
    for fault, found in FAULTS:
        newest_in_state(said, 'running')
        undo = fault(robot)
        newest_in_state(said, 'holding', found)
        held = positions(sent.messages[-1])
        count = len(sent.messages)
        assert all(np.array_equal(positions(message), held)
                   for message in sent.wait(count + 3)[count:])
        undo()
    newest_in_state(said, 'running')
    # Every second, and the leap counts for one.
    diagnostics.wait_until(lambda array: any(
        status.name == 'policy: inputs' and status.level == DiagnosticStatus.ERROR
        and 'joint_2 moved' in status.message for status in array.status))


def test_an_input_that_grows_old_slows_the_arm_and_says_so(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    activate(ros, model_path=str(model), max_image_age_s=0.6, max_clock_skew_s=0.0)
    said = statuses(ros)
    robot.start()
    newest_in_state(said, 'running')
    # Younger than a chunk is long, so that there is something to slow.
    robot.lag_s = {'front': 0.48, 'wrist': 0.48}
    values = newest_in_state(said, 'running', 'slowed: vision/front: it is 0.')
    assert 'limit 0.6' in values['reason']
