# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Commands of every type, out to the arm and in again: the one place that knows their messages.

``gripper_commands`` goes beside the end-effector types, whose messages have no room for it.
Float64MultiArray has no stamp; where one is wanted it goes into the label of its dimension,
which controllers ignore.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
import math
import time
from typing import Any

from geometry_msgs.msg import PoseStamped
from geometry_msgs.msg import TwistStamped
import numpy as np
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray
from std_msgs.msg import MultiArrayDimension
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.core.errors import unknown_name
from vaa_ros.core.limited_motion import gap_s
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import SOURCE_KINDS
from vaa_ros.core.velocity_servo import VelocityServo
from vaa_ros.ros.conversions import joint_trajectory_msg
from vaa_ros.ros.conversions import pose_msg
from vaa_ros.ros.conversions import positions_msg
from vaa_ros.ros.conversions import twist_msg
from vaa_ros.ros.qos import COMMAND_OUT

COMMAND_MESSAGES: dict[str, type] = {
    'joint_trajectory': JointTrajectory,
    'commands': Float64MultiArray,
    'velocity_commands': Float64MultiArray,
    'target_pose': PoseStamped,
    'delta_twist_cmds': TwistStamped,
}
"""The message of each command type; its topic has the name of the type."""

Ahead = Callable[[int], np.ndarray]
Measured = Callable[[], 'np.ndarray | None']

GRIPPER_TOPIC = 'gripper_commands'
GUARD = 'guard'
"""Name of the node that may publish beside whoever commands the arm."""

STAMP_LABEL = 'stamp_ns='

E_STOP = 'e_stop'
NO_GUARD = ' (which publishes no e_stop, as the guard does)'
SECOND_GUARD = ' (a second one, or one that was killed less than 20 s ago)'
ALONE = 'none: nobody stops the arm when this process is killed or stuck'
UNKNOWN = '_NODE_NAME_UNKNOWN_'
NAME_WAIT_S = 1.0
NAME_POLL_S = 0.02


def gripper_topic_of(robot: RobotSpec, command_type: str) -> str:
    """
    Give the topic of the gripper's own commands.

    :param robot: the robot.
    :param command_type: how the arm is told.
    :return: the topic; empty without a gripper and where the commands of the arm hold it.
    """
    if robot.gripper is None or robot.gripper_topic:
        return robot.gripper_topic
    return '' if SOURCE_KINDS[command_type] == 'joint_position' else GRIPPER_TOPIC


class CommandPublisher:
    """
    Publishes action vectors as messages of one command type.

    :param node: the node that speaks.
    :param command_type: one of :data:`COMMAND_MESSAGES`.
    :param robot: the robot: joint names and base frame.
    :param period_s: control period: when a trajectory's point is to be reached [s].
    :param stamped: put the stamp of the observation into every message; otherwise trajectories
        say "now" (0) and poses and twists carry the time of publishing.
    :param points: points of a trajectory: the command and, where ``ahead`` knows them, those
        that follow it, a control period apart.
    :param ahead: gives so many commands (k, n) that follow the present one.
    :param measured: gives the measured joint positions (n,), for velocities, which drift off
        without; the same array again is no new measurement.
    :param topic: the topic, if it is not that of the command type.
    :param gripper_topic: the topic of the gripper's own commands, if it is not that of the robot.
    :raises ConfigError: if the command type is unknown.
    """

    def __init__(
        self, node: Node, command_type: str, robot: RobotSpec, period_s: float, stamped: bool,
        points: int = 1, ahead: Ahead | None = None, measured: Measured | None = None,
        topic: str = '', gripper_topic: str = '',
    ) -> None:
        if command_type not in COMMAND_MESSAGES:
            raise unknown_name('command type', command_type, COMMAND_MESSAGES)
        self.kind = SOURCE_KINDS[command_type]
        self._node = node
        self._robot = robot
        self._period_s = period_s
        self._stamped = stamped
        self._publisher = node.create_publisher(
            COMMAND_MESSAGES[command_type], topic or command_type, COMMAND_OUT)
        self._ahead = ahead if points > 1 else None
        self._points = points
        self._measured = measured
        self._servo = VelocityServo(robot, period_s)
        self.step: Callable[[], tuple[float, np.ndarray | None]] = lambda: (period_s, None)
        """Gives the time since the last command [s], and the highest speeds (n,), for velocities.
        """
        self._moving = self._guarded = False
        self._plan: np.ndarray = np.empty((0, 0))
        self._made_s = time.monotonic()
        self._unnamed_s = math.inf
        self._sent_s = -math.inf
        self._sent: list[tuple[Any, Any]] = []
        self._joints = [robot.joint_names.index(name) for name in robot.commanded_joints]
        self._gripper = self._gripper_publisher(command_type, gripper_topic)
        makers: dict[str, Callable[[np.ndarray, int], Any]] = {
            'joint_trajectory': self._trajectory, 'commands': self._positions,
            'velocity_commands': self._velocities, 'target_pose': self._pose,
            'delta_twist_cmds': self._twist}
        self._make = makers[command_type]

    def _gripper_publisher(self, command_type: str, topic: str) -> Any:
        """
        Make the publisher of a gripper that the commands of the arm have no room for.
        """
        robot = self._robot
        own = gripper_topic_of(robot, command_type)
        if not own:
            return None
        self._gripper_index = -1 if self.kind != 'joint_position' else (
            robot.joint_names.index(robot.gripper))
        self._gripper_kind = robot.gripper_type if robot.gripper_topic else 'commands'
        # Relative, and remapped like any other name.
        return self._node.create_publisher(
            COMMAND_MESSAGES[self._gripper_kind], topic or own, COMMAND_OUT)

    @property
    def topic(self) -> str:
        """
        Give the full name of the command topic.
        """
        return self._publisher.topic_name

    @property
    def topics(self) -> list[str]:
        """
        Give the full names of the command topic and, if it has its own, that of the gripper.
        """
        return [publisher.topic_name for publisher in (self._publisher, self._gripper)
                if publisher is not None]

    def publish(self, command: np.ndarray, stamp_ns: int, moving: bool = True) -> None:
        """
        Publish one command.

        :param command: the action vector of the kind.
        :param stamp_ns: stamp of the observation behind it [ns].
        :param moving: whether it moves the arm; otherwise it holds it.
        """
        self._sent = []
        if self._gripper is not None:
            self._sent.append((self._gripper, self._gripper_message(
                command[self._gripper_index], stamp_ns)))
        self._moving = moving
        if self.long_silent:
            # Whoever watches this process has stopped the arm meanwhile.
            self._servo.rest()
        self._sent_s = time.monotonic()
        self._sent.append((self._publisher, self._make(command, stamp_ns)))
        self.again()

    def again(self) -> None:
        """
        Publish the last command once more, such as one that was lost on the way.
        """
        for publisher, message in self._sent:
            publisher.publish(message)

    @property
    def long_silent(self) -> bool:
        """
        Tell whether so little was sent lately that the velocity of before does not count any more.
        """
        return not self._stamped and time.monotonic() - self._sent_s > gap_s(self._period_s)

    def coasts(self) -> bool:
        """
        Tell whether the arm goes on moving with what was sent: velocities, or points that follow.
        """
        left_s = self._period_s * len(self._plan) - (time.monotonic() - self._sent_s)
        return self._servo.moving or len(self._plan) > 1 and left_s > 0

    def led_on(self) -> np.ndarray | None:
        """
        Give the last two points (2, n) that the arm was led to, if not only to the first.
        """
        passed = round((time.monotonic() - self._sent_s) / self._period_s)
        until = min(passed, len(self._plan))
        return self._plan[until - 2:until] if until > 1 else None

    def others(self, wait: bool = True, discovery_s: float = 0.0) -> list[str]:
        """
        Find who else publishes on the command topic, or on that of the gripper.

        :param wait: wait a moment for the names of nodes that were only just discovered; otherwise
            they are left out until they had that moment.
        :param discovery_s: how long after this publisher was made nobody may be discovered yet,
            so that waiting for somebody is worth it [s].
        :return: full names of the other publishers' nodes, the guard of this namespace left out.
        """
        names = self._look()
        while wait and time.monotonic() < self._look_until_s(names, discovery_s):
            time.sleep(NAME_POLL_S)
            names = self._look()
        if not wait and time.monotonic() - self._unnamed_s < NAME_WAIT_S:
            names = [name for name in names if not _unclear(name)]
        return names

    def _look(self) -> list[str]:
        names = self._strangers()
        # Publishers are discovered before the names of their nodes, and one before another.
        unclear = any(map(_unclear, names))
        self._unnamed_s = min(self._unnamed_s, time.monotonic()) if unclear else math.inf
        return names

    def _look_until_s(self, names: Sequence[str], discovery_s: float) -> float:
        """
        Give how long to look for others, once these names are known [s].
        """
        if any(map(_unclear, names)):
            return self._unnamed_s + NAME_WAIT_S
        return -math.inf if names else self._made_s + discovery_s

    def _strangers(self) -> list[str]:
        """
        Name all but this publisher and the guard, which presses e_stop before it commands.
        """
        left = []
        for topic in self.topics:
            names = self._publishers(topic)
            if (own := self._node.get_fully_qualified_name()) in names:
                names.remove(own)
            left += names
        guard = f'{self._node.get_namespace().rstrip("/")}/{GUARD}'
        if self._guarded and guard not in left:
            self._node.get_logger().warning(f'guard: {ALONE}')
        self._guarded = guard in left
        if self._guarded:
            left.remove(guard)
            left = [f'{name}{SECOND_GUARD}' if name == guard else name for name in left]
            if guard not in self._publishers(E_STOP):
                left.append(f'{guard}{NO_GUARD}')
        return sorted(left)

    def rivals(self, allowed: bool, wait: bool = True, discovery_s: float = 0.0) -> str:
        """
        Say who else publishes on the command topic and what to do, or nothing.

        :param allowed: whether others may, which is nothing to say.
        :param wait: as for :meth:`others`, like what follows.
        :param discovery_s: how long others may take to be discovered [s].
        """
        names = '' if allowed else ', '.join(self.others(wait, discovery_s))
        return names and (f'{" or ".join(self.topics)} has another publisher: {names}; stop it, '
                          'or set allow_other_publishers')

    def figures(self) -> dict[str, object]:
        """
        Give what a status has to say about the commands.
        """
        return {'guard': 'there' if self._guarded else ALONE}

    def _publishers(self, topic: str) -> list[str]:
        found = self._node.get_publishers_info_by_topic(topic)
        return [f'{info.node_namespace.rstrip("/")}/{info.node_name}' for info in found]

    def close(self) -> None:
        """
        Give the publishers back.
        """
        self._node.destroy_publisher(self._publisher)
        if self._gripper is not None:
            self._node.destroy_publisher(self._gripper)

    def _trajectory(self, command: np.ndarray, stamp_ns: int) -> JointTrajectory:
        points = np.asarray(command)[None]
        if self._ahead is not None:
            following = self._ahead(self._points - 1) if self._moving else ()
            points = np.concatenate([points, following]) if len(following) else points
            self._plan = points
        return joint_trajectory_msg(self._robot.commanded_joints, points[:, self._joints],
                                    self._period_s, stamp_ns if self._stamped else 0)

    def _positions(self, command: np.ndarray, stamp_ns: int) -> Float64MultiArray:
        return self._array(np.asarray(command)[self._joints], stamp_ns)

    def _velocities(self, command: np.ndarray, stamp_ns: int) -> Float64MultiArray:
        measured = None if self._measured is None else self._measured()
        velocity = self._servo.velocity(command, measured, self._moving, *self.step())
        return self._array(velocity[self._joints], stamp_ns)

    def _gripper_message(self, opening: float, stamp_ns: int) -> Any:
        if self._gripper_kind == 'joint_trajectory':
            return joint_trajectory_msg([self._robot.gripper], [opening], self._period_s,
                                        stamp_ns if self._stamped else 0)
        return self._array([opening], stamp_ns)

    def _pose(self, command: np.ndarray, stamp_ns: int) -> PoseStamped:
        return pose_msg(command[:7], self._robot.base_frame, self._time(stamp_ns))

    def _twist(self, command: np.ndarray, stamp_ns: int) -> TwistStamped:
        return twist_msg(command[:6], self._robot.base_frame, self._time(stamp_ns))

    def _time(self, stamp_ns: int) -> int:
        return stamp_ns if self._stamped else self._node.get_clock().now().nanoseconds

    def _array(self, values: Sequence[float] | np.ndarray, stamp_ns: int) -> Float64MultiArray:
        message = positions_msg(values)
        if self._stamped:
            size = len(values)
            message.layout.dim = [MultiArrayDimension(
                label=f'{STAMP_LABEL}{stamp_ns}', size=size, stride=size)]
        return message


def _unclear(name: str) -> bool:
    return UNKNOWN in name or name.endswith(NO_GUARD)


def array_stamp_ns(message: Float64MultiArray) -> int | None:
    """
    Give the stamp that :class:`CommandPublisher` put into an array.

    :param message: the message.
    :return: the stamp [ns], or None where it has none.
    """
    label = message.layout.dim[0].label if message.layout.dim else ''
    text = label[len(STAMP_LABEL):] if label.startswith(STAMP_LABEL) else ''
    return int(text) if text.isdecimal() else None
