# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the tests of the mux say to it.
"""
from __future__ import annotations

import threading

import numpy as np
from ros_harness import Harness
from std_msgs.msg import Bool
from tiny_policy import ROBOT
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.ros.conversions import joint_trajectory_msg
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import LATCHED

PERIOD_S = 1 / 30
# Long, for machines where everything is late.
PATIENT = {'timeout_s': 1.0}


def trajectory(goal: np.ndarray) -> JointTrajectory:
    return joint_trajectory_msg(ROBOT.joint_names, goal, PERIOD_S)


class Source:
    """
    Says one command again and again on an inner topic, while it is on.
    """

    def __init__(self, ros: Harness, prefix: str, message: object,
                 command_type: str = 'joint_trajectory') -> None:
        self.message, self.on = message, False
        if prefix == 'policy':
            # It begins when the mux is there already.
            ros.publisher(Bool, 'policy/commanding', LATCHED).publish(Bool(data=False))
        self._publisher = ros.publisher(type(message), f'{prefix}/{command_type}', COMMAND)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(PERIOD_S):
            if self.on:
                self._publisher.publish(self.message)

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()
