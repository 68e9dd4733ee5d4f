# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the tests of the policy node share: a robot that stands still, and what the node says.
"""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
import numpy as np
from processes import wait_for
from rclpy.lifecycle import TransitionCallbackReturn
from ros_harness import Collector
from ros_harness import Harness
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState as JointStateMsg
from tiny_policy import DARK
from tiny_policy import ROBOT
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.core.types import JointState
from vaa_ros.nodes.policy import PolicyNode
from vaa_ros.ros.conversions import joint_state_to_msg
from vaa_ros.ros.conversions import pose_msg
from vaa_ros.ros.conversions import rgb_to_image
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import IMAGE_OUT
from vaa_ros.ros.qos import JOINTS_OUT

MODULE = 'vaa_ros.nodes.policy'
HOME = np.array(ROBOT.home)
GOAL = HOME + [0.3, 0.0, 0.0, 0.0, 0.0, 0.0, -0.04]
OTHER = HOME + [-0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
PERIOD_S = 1 / 30


class Robot:
    """
    A robot that stands still: two cameras at 30 Hz and its joints, each of which can be stopped.
    """

    def __init__(self, ros: Harness) -> None:
        self.images = {key: ros.node.create_publisher(Image, f'vision/{key}', IMAGE_OUT)
                       for key in ('front', 'wrist')}
        self.joints = ros.node.create_publisher(JointStateMsg, 'joint_states', JOINTS_OUT)
        self.tool = ros.node.create_publisher(PoseStamped, 'tool_pose', JOINTS_OUT)
        self.speaking = {'front', 'wrist', 'joints', 'tool'}
        self.lag_s = {'front': 0.0, 'wrist': 0.0}
        self.names = ROBOT.joint_names
        self.position = HOME.copy()
        self.echo_s = 0.0
        """How old another joint state is that comes with each, if any."""
        self.picture = DARK
        self.now_ns: Callable[[], int] = time.time_ns
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def wait_connected(self) -> None:
        publishers = [*self.images.values(), self.joints]
        wait_for(lambda: all(each.get_subscription_count() for each in publishers))

    def say(self, stamp_ns: int) -> None:
        if 'joints' in self.speaking:
            for age_s in {0.0, self.echo_s}:
                self.joints.publish(joint_state_to_msg(JointState(
                    stamp_ns - round(age_s * 1e9), self.names, self.position[:len(self.names)])))
        if {'joints', 'tool'} <= self.speaking:
            self.tool.publish(pose_msg([0.33, 0, 0.24, 1, 0, 0, 0], 'base_link', stamp_ns))
        for key, publisher in self.images.items():
            if key in self.speaking:
                lag_ns = round(self.lag_s[key] * 1e9)
                publisher.publish(rgb_to_image(self.picture, stamp_ns - lag_ns, key))

    def _run(self) -> None:
        while not self._ended.wait(PERIOD_S):
            self.say(self.now_ns())


def activate(ros: Harness, **parameters: Any) -> Any:
    # Whoever could be found was found when the test began. How long a hold lasts here depends on
    # how busy the computer is.
    usual = {'discovery_s': 0.0, 'rearm_after_s': 0.0}
    node = ros.make_node(PolicyNode, **{**usual, **parameters})
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    return node


def commands(ros: Harness) -> Collector:
    return ros.collect(JointTrajectory, 'joint_trajectory', COMMAND)


def positions(message: JointTrajectory) -> np.ndarray:
    return np.array(message.points[0].positions)


def statuses(ros: Harness) -> Collector:
    return ros.collect(DiagnosticStatus, 'policy/status', EVENTS)


def begin(ros: Harness, robot: Robot, model: Path, **parameters: Any,
          ) -> tuple[Collector, Collector]:
    """Put a policy to work on the robot; gives the node's commands and statuses."""
    activate(ros, model_path=str(model), **parameters)
    heard = commands(ros), statuses(ros)
    robot.start()
    return heard


def in_state(state: str, part: str = '') -> Callable[[DiagnosticStatus], bool]:
    def fits(message: DiagnosticStatus) -> bool:
        values = status_values(message)
        return values['state'] == state and part in values['reason']
    return fits


def newest_in_state(said: Collector, state: str, part: str = '') -> dict[str, str]:
    count = len(said.messages)
    fits = in_state(state, part)
    message = wait_for(lambda: next(
        (m for m in said.messages[count:] if fits(m)), None), message=f'{state}: {part}')
    return status_values(message)


def near(goal: np.ndarray) -> Callable[[JointTrajectory], bool]:
    return lambda message: bool(np.abs(positions(message) - goal).max() < 1e-6)
