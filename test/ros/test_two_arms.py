# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Two arms with their policies in one ROS domain, apart by namespace alone.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from policy_rig import GOAL
from policy_rig import OTHER
from processes import wait_for
from ros_harness import Collector
from ros_harness import Harness
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from tiny_policy import goal_policy

from vaa_ros.nodes.camera_subscriber import CameraSubscriber
from vaa_ros.nodes.policy import PolicyNode
from vaa_ros.nodes.sim_arm import SimArm
from vaa_ros.ros.qos import JOINTS_OUT
from vaa_ros.ros.qos import LATCHED


class Side:
    """
    An arm, its cameras and its policy in a namespace.
    """

    def __init__(self, ros: Harness, name: str, model: Path) -> None:
        def inside(kind: type) -> Any:
            return lambda **options: kind(namespace=name, **options)
        self.name = name
        ros.make_node(inside(SimArm), task='reach', image_width=64, image_height=48,
                      max_time_s=600.0)
        ros.make_node(inside(CameraSubscriber), model_path=str(model))
        self.policy = ros.make_node(inside(PolicyNode), model_path=str(model), discovery_s=0.0,
                                    max_image_age_s=1.0, max_joint_age_s=1.0, max_skew_s=0.3)
        self.joints: Collector = ros.collect(JointState, f'/{name}/joint_states', JOINTS_OUT)

    @property
    def turn(self) -> float:
        message = self.joints.messages[-1]
        return message.position[message.name.index('joint_1')]


def test_each_policy_moves_its_own_arm(ros: Harness, tmp_path: Path) -> None:
    left = Side(ros, 'left', goal_policy(tmp_path / 'left.onnx', GOAL, 'to the left'))
    right = Side(ros, 'right', goal_policy(tmp_path / 'right.onnx', OTHER, 'to the right'))
    for side in (left, right):
        side.policy.trigger_configure()
        side.joints.wait()
    stays = right.turn
    left.policy.trigger_activate()
    wait_for(lambda: abs(left.turn - GOAL[0]) < 0.02, 30.0, 'the left arm at its goal')
    assert abs(right.turn - stays) < 1e-3
    right.policy.trigger_activate()
    wait_for(lambda: abs(right.turn - OTHER[0]) < 0.02, 30.0, 'the right arm at its goal')
    assert abs(left.turn - GOAL[0]) < 0.02
    # An emergency stop stops the arm of its namespace.
    stop = ros.publisher(Bool, '/left/e_stop', LATCHED)
    stop.publish(Bool(data=True))
    wait_for(lambda: left.policy._thread.decision.state == 'stopped')
    assert right.policy._thread.decision.state == 'running'
    def others() -> set[str]:
        names = {name for name, _ in ros.node.get_topic_names_and_types()}
        return {name for name in names if not name.startswith(('/left/', '/right/'))}

    # Those of the test before are still being forgotten.
    wait_for(lambda: others() <= {'/diagnostics', '/tf', '/rosout', '/parameter_events'})
    assert np.isfinite([left.turn, right.turn]).all()
