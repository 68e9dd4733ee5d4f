# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The mux with every type of command, and with what is none.
"""
from __future__ import annotations

from collections.abc import Callable
import time

from geometry_msgs.msg import PoseStamped
from geometry_msgs.msg import TwistStamped
from mux_rig import PATIENT
from mux_rig import PERIOD_S
from mux_rig import Source
from mux_rig import trajectory
import numpy as np
from policy_rig import commands
from policy_rig import GOAL
from policy_rig import Robot
from processes import wait_for
import pytest
from rcl_interfaces.msg import Log
from ros_harness import Harness
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.core.robot import load_robot
from vaa_ros.nodes.command_mux import CommandMuxNode
from vaa_ros.ros.conversions import joint_trajectory_msg
from vaa_ros.ros.conversions import pose_msg
from vaa_ros.ros.conversions import positions_msg
from vaa_ros.ros.conversions import twist_msg
from vaa_ros.ros.measured_joints import MAX_JOINT_AGE_S
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import EVENTS


@pytest.mark.parametrize(('command_type', 'message'), [
    ('commands', positions_msg(GOAL)),
    ('target_pose', pose_msg([0.3, 0.0, 0.3, 1, 0, 0, 0], 'base_link', 7)),
    ('delta_twist_cmds', twist_msg([0.05, 0, 0, 0, 0, 0.1], 'base_link', 7))])
def test_every_command_type_passes(
    ros: Harness, source: Callable[..., Source], command_type: str, message: object,
) -> None:
    ros.make_node(CommandMuxNode, pause_service='', command_type=command_type, blend_s=0.0,
                  **PATIENT)
    sent = ros.collect(type(message), command_type, COMMAND)
    if command_type != 'commands':
        opening = ros.publisher(Float64MultiArray, 'policy/gripper_commands', COMMAND)
        opened = ros.collect(Float64MultiArray, 'gripper_commands', COMMAND)
        opening.publish(positions_msg([0.05]))
    policy = source('policy', message, command_type)
    policy.on = True
    if command_type == 'commands':
        sent.wait_until(lambda found: np.allclose(found.data, GOAL))
        return
    opened.wait_until(lambda found: abs(found.data[0] - 0.05) < 1e-9)
    kind = {'target_pose': PoseStamped, 'delta_twist_cmds': TwistStamped}[command_type]
    assert kind is type(sent.wait()[0])
    found = sent.messages[-1]
    assert found.header.stamp.nanosec == 7
    if command_type == 'target_pose':
        # It begins where the tool is, and goes to where it is sent.
        assert sent.messages[0].pose != message.pose
        sent.wait_until(lambda found: found.pose == message.pose)
    else:
        assert found.twist == message.twist


@pytest.mark.parametrize(('name', 'opening'), [('ur5e', None), ('vaa_arm', 0.03)])
def test_poses_pass_without_a_word_about_the_gripper(
    ros: Harness, robot: Robot, source: Callable[..., Source], name: str, opening: float | None,
) -> None:
    spec = load_robot(name)
    robot.names = spec.joint_names
    robot.position = np.array(spec.home)
    if opening is not None:
        robot.position[-1] = opening
    ros.make_node(CommandMuxNode, pause_service='', command_type='target_pose', robot=name,
                  blend_s=0.0, **PATIENT)
    sent = ros.collect(PoseStamped, 'target_pose', COMMAND)
    message = pose_msg([0.34, 0.0, 0.25, 1, 0, 0, 0], 'base_link', 7)
    opened = opening and ros.collect(Float64MultiArray, 'gripper_commands', COMMAND)
    source('policy', message, 'target_pose').on = True
    sent.wait_until(lambda found: found.pose == message.pose)
    if opened:
        assert opened.wait()[-1].data[0] == pytest.approx(opening)


def test_where_the_tool_was_long_ago_is_not_where_a_motion_begins(
    ros: Harness, robot: Robot, source: Callable[..., Source],
) -> None:
    node = ros.make_node(CommandMuxNode, pause_service='', command_type='target_pose', **PATIENT)
    sent = ros.collect(PoseStamped, 'target_pose', COMMAND)
    message = pose_msg([0.3, 0.0, 0.3, 1, 0, 0, 0], 'base_link', 7)
    ros.publisher(Float64MultiArray, 'policy/gripper_commands', COMMAND).publish(
        positions_msg([0.05]))
    wait_for(lambda: node._tool)
    robot.speaking.remove('tool')
    wait_for(lambda: time.monotonic() - node._tool[0] > MAX_JOINT_AGE_S)
    source('policy', message, 'target_pose').on = True
    wait_for(lambda: 'no fresh tool_pose' in node._trouble)
    assert sent.messages == []


def test_what_cannot_be_read_is_not_passed_on(
    ros: Harness, source: Callable[..., Source],
) -> None:
    node = ros.make_node(CommandMuxNode, pause_service='', **PATIENT)
    sent = commands(ros)
    policy = source('policy', joint_trajectory_msg(['elbow'], [0.1], PERIOD_S))
    policy.on = True
    heard = ros.collect(JointTrajectory, 'policy/joint_trajectory', COMMAND)
    heard.wait(5)
    assert (sent.messages, node._mux.source) == ([], 'hold')


@pytest.mark.parametrize(('command_type', 'message'), [
    ('joint_trajectory', trajectory(np.where(np.arange(len(GOAL)) == 1, np.nan, GOAL))),
    ('commands', positions_msg([np.inf, *GOAL[1:]])),
    ('target_pose', pose_msg([0.3, np.nan, 0.3, 1, 0, 0, 0], 'base_link', 7)),
    ('delta_twist_cmds', twist_msg([0.05, 0, 0, 0, 0, np.nan], 'base_link', 7))])
def test_a_command_with_a_number_that_is_none_is_refused_as_a_whole(
    ros: Harness, source: Callable[..., Source], command_type: str, message: object,
) -> None:
    node = ros.make_node(CommandMuxNode, pause_service='', command_type=command_type, **PATIENT)
    sent = ros.collect(type(message), command_type, COMMAND)
    opened = ros.publisher(Float64MultiArray, 'policy/gripper_commands', COMMAND) \
        if command_type in ('target_pose', 'delta_twist_cmds') else None
    if opened is not None:
        opened.publish(positions_msg([0.05]))
    logged = ros.collect(Log, 'rosout', EVENTS)
    source('policy', message, command_type).on = True
    logged.wait_until(lambda found: 'not finite' in found.msg)
    heard = ros.collect(type(message), f'policy/{command_type}', COMMAND)
    heard.wait(5)
    assert (sent.messages, node._mux.source) == ([], 'hold')
