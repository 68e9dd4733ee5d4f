# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A policy that answers with poses brings an arm there that takes joint commands alone.
"""
from __future__ import annotations

from pathlib import Path

from geometry_msgs.msg import PoseStamped
import numpy as np
from processes import wait_for
import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from ros_harness import Harness
from tiny_policy import goal_policy
from tiny_policy import ROBOT

from vaa_ros.nodes.camera_subscriber import CameraSubscriber
from vaa_ros.nodes.policy import PolicyNode
from vaa_ros.nodes.sim_arm import SimArm
from vaa_ros.ros.conversions import pose_from_msg
from vaa_ros.ros.qos import JOINTS_OUT
from vaa_ros.sim.kinematics import ArmKinematics

W_LAST = [0, 1, 2, 4, 5, 6, 3]


@pytest.mark.parametrize('command_type', ['joint_trajectory', 'velocity_commands'])
def test_poses_move_an_arm_of_joints(ros: Harness, tmp_path: Path, command_type: str) -> None:
    pose = ArmKinematics().forward(np.array(ROBOT.home))[W_LAST]
    goal = pose + [0.06, 0.12, -0.03, 0, 0, 0, 0]
    model = goal_policy(tmp_path / 'pose.onnx', [*goal, 0.05], kind='end_effector_pose')
    ros.make_node(SimArm, task='reach', image_width=64, image_height=48, max_time_s=600.0)
    ros.make_node(CameraSubscriber, model_path=str(model))
    node = ros.make_node(PolicyNode, model_path=str(model), discovery_s=0.0,
                         command_type=command_type,
                         trajectory_points=8, max_image_age_s=1.0, max_joint_age_s=1.0,
                         max_skew_s=0.3)
    tool = ros.collect(PoseStamped, 'tool_pose', JOINTS_OUT)
    # A busy machine may take longer for the trial answer than a policy is allowed.
    wait_for(lambda: node.trigger_configure() == TransitionCallbackReturn.SUCCESS)
    node.trigger_activate()

    def left() -> float:
        return float(np.linalg.norm(pose_from_msg(tool.messages[-1])[:3] - goal[:3]))
    tool.wait()
    assert left() > 0.1
    wait_for(lambda: left() < 0.004, 30.0, 'the tool at its goal')
    here = pose_from_msg(tool.messages[-1])
    assert abs(here[3:] @ goal[3:]) > 1 - 1e-4
