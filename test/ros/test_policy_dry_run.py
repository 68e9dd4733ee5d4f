# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
In a dry run the policy node does everything but command the arm.
"""
from __future__ import annotations

from pathlib import Path

from geometry_msgs.msg import TwistStamped
import numpy as np
from policy_rig import activate
from policy_rig import GOAL
from policy_rig import HOME
from policy_rig import near
from policy_rig import Robot
from policy_rig import statuses
from processes import wait_for
import pytest
from ros_harness import Harness
from std_msgs.msg import Bool
from tiny_policy import goal_policy
from tiny_policy import ROBOT
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.ros.conversions import joint_trajectory_msg
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import LATCHED


def test_nothing_is_commanded_and_what_would_have_been_is_compared(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    node = activate(ros, model_path=str(model), dry_run=True)
    said = statuses(ros)
    would = ros.collect(JointTrajectory, 'policy/would_command', COMMAND)
    claims = ros.collect(Bool, 'policy/commanding', LATCHED)
    robot.start()
    would.wait_until(near(GOAL.astype(np.float32)))
    # Not silent: without a publisher at all, so that nothing can slip through.
    assert node.get_publishers_info_by_topic('/joint_trajectory') == []
    message = said.wait_until(lambda each: status_values(each).get('compared', '0') != '0'
                              and each.message.startswith('dry run: running'))
    values = status_values(message)
    assert values['dry_run'] == 'true'
    assert values['compared_with'] == 'measured joints'
    message = said.wait_until(lambda each: float(
        status_values(each).get('difference_largest', 0)) == pytest.approx(0.3, abs=1e-5))
    assert status_values(message)['difference_largest_of'] == ROBOT.joint_names[0]
    claims.wait(3)
    assert not any(each.data for each in claims.messages)


def test_it_is_compared_with_the_commands_of_whoever_moves_the_arm(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    activate(ros, model_path=str(model), dry_run=True)
    said = statuses(ros)
    arm = ros.publisher(JointTrajectory, 'joint_trajectory', COMMAND)
    robot.start()
    names = ROBOT.joint_names[::-1]

    def compared() -> bool:
        arm.publish(joint_trajectory_msg(names, (HOME + 0.125)[::-1], 0.1))
        found = [status_values(each) for each in said.messages]
        # Another publisher on the command topic is what a dry run is for.
        return any(values.get('compared_with') == 'commands' and values['state'] == 'running'
                   and float(values['difference_mean']) > 0.05 for values in found)
    wait_for(compared)


def test_a_dry_run_of_twists(ros: Harness, robot: Robot, tmp_path: Path) -> None:
    twist = goal_policy(tmp_path / 'twist.onnx', [0.01, 0, 0, 0, 0, 0, 0.05],
                        kind='end_effector_twist')
    node = activate(ros, model_path=str(twist), dry_run=True, command_type='delta_twist_cmds')
    would = ros.collect(TwistStamped, 'policy/would_command', COMMAND)
    robot.start()
    would.wait_until(lambda message: message.twist.linear.x > 0)
    for topic in ('/delta_twist_cmds', '/gripper_commands'):
        assert node.get_publishers_info_by_topic(topic) == []
