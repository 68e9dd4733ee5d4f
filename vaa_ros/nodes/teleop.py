# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Teleoperation: keyboard, gamepad or the scripted expert, on the command topics that policies use.

``python -m vaa_ros.nodes.teleop --ros-args -p mode:=expert -r task_status:=sim_arm/task_status``
"""
from __future__ import annotations

from collections.abc import Callable
import sys
import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.node import Node
from sensor_msgs.msg import JointState as JointStateMsg
from sensor_msgs.msg import Joy
from std_msgs.msg import Bool

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import RosError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.jogging import JogSession
from vaa_ros.core.jogging import JogTarget
from vaa_ros.core.robot import load_robot
from vaa_ros.core.teleop_mapping import GAMEPAD_HELP
from vaa_ros.core.teleop_mapping import GAMEPAD_JOINT_HELP
from vaa_ros.core.teleop_mapping import GamepadJog
from vaa_ros.core.teleop_mapping import KEY_HELP
from vaa_ros.core.teleop_mapping import KeyboardJog
from vaa_ros.ros.command_publisher import CommandPublisher
from vaa_ros.ros.conversions import joint_state_from_msg
from vaa_ros.ros.diagnostics import DiagnosticsPublisher
from vaa_ros.ros.diagnostics import OK
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.diagnostics import WARN
from vaa_ros.ros.limited_commands import LimitedCommands
from vaa_ros.ros.parameters import declare
from vaa_ros.ros.process import run
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import JOINTS
from vaa_ros.ros.qos import JOINTS_OUT
from vaa_ros.ros.qos import LATCHED
from vaa_ros.ros.teleop_parameters import PARAMETERS
from vaa_ros.ros.terminal import TerminalKeys

SIMULATED_ROBOT = 'vaa_arm'
HOLDS_ON_RELEASE = 3


class Teleop(Node):
    """
    Sends what a driver wants, inside the robot's limits.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__('teleop', **options)
        declare(self, PARAMETERS)
        self.finished = threading.Event()
        self.robot = load_robot(self.value('robot'))
        self.period_s = 1.0 / self.value('control_rate_hz')
        self.commands = LimitedCommands(CommandPublisher(
            self, self.value('command_type'), self.robot, self.period_s,
            self.value('stamp_commands') or self.value('lockstep')), self.robot)
        self._active_out = self.create_publisher(Bool, 'teleop/active', LATCHED)
        self._active: bool | None = None
        self._trouble = ''
        self.set_active(False)
        modes = {'expert': ExpertMode, 'keyboard': KeyboardMode, 'gamepad': GamepadMode}
        self._mode = modes[self.value('mode')](self)
        DiagnosticsPublisher(self, 'driver', self._report)

    def value(self, name: str) -> Any:
        """
        Give a parameter's value.
        """
        return self.get_parameter(name).value

    def stop(self) -> None:
        """
        Let go of the arm.
        """
        self._mode.stop()
        if self._active:
            self.commands.hold()
            while self.commands.coasting:
                time.sleep(self.period_s)
                self.commands.hold(dt_s=self.period_s)
        self.set_active(False)

    def set_active(self, active: bool) -> None:
        """
        Say whether someone drives.

        :param active: whether commands are being sent.
        """
        if active:
            self._trouble = ''
        if active != self._active:
            self._active = active
            self._active_out.publish(Bool(data=active))

    def trouble(self, reason: str) -> None:
        """
        Say what keeps the arm from moving, not too often.

        :param reason: one line.
        """
        self._trouble = reason
        self.get_logger().warning(reason, throttle_duration_sec=2.0)

    def _report(self) -> tuple[bytes, str, dict[str, object]]:
        values = {'mode': self.value('mode'), 'active': bool(self._active),
                  'refused': self.commands.refused}
        if self._trouble:
            return WARN, self._trouble, values
        return OK, 'driving' if self._active else 'idle', values


class ExpertMode:
    """
    The scripted expert answers every task_status, once per message.

    :param node: the node to send through.
    :raises ConfigError: for a robot that is not the simulated one.
    """

    def __init__(self, node: Teleop) -> None:
        if node.robot.name != SIMULATED_ROBOT:
            raise ConfigError(f'mode expert drives the simulated robot {SIMULATED_ROBOT!r} '
                              f'alone, robot is {node.robot.name!r}')
        from vaa_ros.sim.expert_driver import ExpertDriver
        from vaa_ros.sim.expert_driver import ExpertTicks
        from vaa_ros.sim.expert_driver import TaskStatus
        self._node = node
        self._read = TaskStatus.from_values
        driver = ExpertDriver(node.commands.kind, node.robot.joint_names)
        self._ticks = ExpertTicks(driver, node.value('task'), node.value('seed'))
        self._sent: np.ndarray | None = None
        self._recording = not node.value('wait_for_recording')
        node.create_subscription(JointStateMsg, 'joint_states', self._on_joints, JOINTS_OUT)
        node.create_subscription(DiagnosticStatus, 'task_status', self._on_status, EVENTS)
        if not self._recording:
            node.create_subscription(Bool, 'is_recording', self._on_recording, LATCHED)

    def stop(self) -> None:
        """
        Do nothing: the expert answers only when asked.
        """

    def _on_joints(self, message: JointStateMsg) -> None:
        self._try(lambda: self._ticks.push_joints(joint_state_from_msg(message)))

    def _on_status(self, message: DiagnosticStatus) -> None:
        self._ticks.seed = self._node.value('seed')
        if self._recording:
            self._try(lambda: self._ticks.push_status(self._read(status_values(message))))
        else:
            self._node.set_active(False)

    def _on_recording(self, message: Bool) -> None:
        # The tick said before it is not in the bag: the answer waits for the next one.
        self._recording = message.data
        self._ticks.skip()

    def _try(self, answer: Callable[[], Any]) -> None:
        try:
            found = answer()
            if found is not None:
                self._send(found)
        except VaaError as error:
            self._node.trouble(str(error))

    def _send(self, answer: Any) -> None:
        node, commands = self._node, self._node.commands
        if answer.repeat:
            if self._sent is not None:
                commands.again(self._sent, answer.stamp_ns)
        elif answer.command is None:
            node.set_active(False)
            self._sent = commands.hold(answer.stamp_ns, self._node.period_s)
        else:
            start = answer.start
            if start is not None:
                start = commands.measured(start, self._ticks.driver.tool(start))
            self._sent = None
            self._sent = commands.send(answer.command, start, node.period_s, answer.stamp_ns)
            node.set_active(True)


class JogMode:
    """
    A person steers a target; a timer sends it at the control rate while the arm is held.

    :param node: the node to send through.
    :raises ConfigError: in lockstep, which has no pace of its own.
    """

    def __init__(self, node: Teleop) -> None:
        if node.value('lockstep'):
            raise ConfigError(f'mode {node.value("mode")} needs real time: set lockstep to false')
        self._node = node
        kinematics = None
        if node.robot.name == SIMULATED_ROBOT:
            from vaa_ros.sim.kinematics import ArmKinematics
            kinematics = ArmKinematics()
        self._session = JogSession(JogTarget(
            node.robot, node.commands.kind, kinematics, node.value('speed')))
        robot, kind = node.robot, node.commands.kind
        self._joints = () if kinematics is not None or kind != 'joint_position' else tuple(
            index for index, name in enumerate(robot.joint_names) if name != robot.gripper)
        self._measured: np.ndarray | None = None
        self._measured_at_s = self._last_s = time.monotonic()
        self._holds = 0
        self._device = self._open()
        node.create_subscription(JointStateMsg, 'joint_states', self._on_joints, JOINTS)
        node.create_timer(node.period_s, self._tick,
                          clock=Clock(clock_type=ClockType.STEADY_TIME))

    def stop(self) -> None:
        """
        Give the device back.
        """

    def _open(self) -> KeyboardJog | GamepadJog:
        raise NotImplementedError

    def _on_joints(self, message: JointStateMsg) -> None:
        try:
            state = joint_state_from_msg(message)
            order = [state.names.index(name) for name in self._node.robot.joint_names]
        except (VaaError, ValueError) as error:
            self._node.trouble(f'joint_states: {error}')
            return
        self._measured, self._measured_at_s = state.position[order], time.monotonic()

    def _tick(self) -> None:
        now_s = time.monotonic()
        dt_s = min(max(now_s - self._last_s, 1e-3), 2 * self._node.period_s)
        self._last_s = now_s
        try:
            self._step(now_s, dt_s)
        except VaaError as error:
            self._node.trouble(str(error))
            self._release()

    def _step(self, now_s: float, dt_s: float) -> None:
        session, commands = self._session, self._node.commands
        wanted = session.step(self._device.jog(now_s), self._measured,
                              now_s - self._measured_at_s, dt_s)
        if wanted is None:
            self._release()
            return
        start = None
        if session.starting:
            start = commands.measured(self._measured, session.target.tool_at(self._measured))
        commands.send(wanted, start, dt_s)
        self._node.set_active(True)
        self._holds = HOLDS_ON_RELEASE

    def _release(self) -> None:
        if self._holds > 0 or self._node.commands.coasting:
            self._holds = max(self._holds - 1, 0)
            self._node.commands.hold(dt_s=self._node.period_s)
        if self._holds == 0 and not self._node.commands.coasting:
            self._node.set_active(False)


class KeyboardMode(JogMode):
    """
    Keys of the terminal that the node runs in.
    """

    def _open(self) -> KeyboardJog:
        keys = KeyboardJog()
        self._reader = TerminalKeys(lambda key: self._on_key(keys, key))
        if not self._reader.start():
            raise RosError('mode keyboard needs a terminal, and standard input is none; start '
                           'teleop in a terminal of its own, or use mode:=gamepad')
        self._node.get_logger().info(f'keys:\n{KEY_HELP}')
        return keys

    def stop(self) -> None:
        """
        Give the terminal back.
        """
        self._reader.stop()

    def _on_key(self, keys: KeyboardJog, key: str) -> None:
        keys.press(key, time.monotonic())
        if keys.quit:
            self._node.finished.set()


class GamepadMode(JogMode):
    """
    A gamepad behind the topic ``joy``.
    """

    def _open(self) -> GamepadJog:
        pad = GamepadJog(self._node.value('joy_timeout_s'), joints=self._joints)
        self._node.create_subscription(
            Joy, 'joy', lambda message: self._on_joy(pad, message), EVENTS)
        self._node.get_logger().info(
            f'gamepad:\n{GAMEPAD_JOINT_HELP if self._joints else GAMEPAD_HELP}')
        self._tell(pad)
        return pad

    def _on_joy(self, pad: GamepadJog, message: Joy) -> None:
        before = pad.selected
        pad.update(message.axes, message.buttons, time.monotonic())
        if pad.selected != before:
            self._tell(pad)

    def _tell(self, pad: GamepadJog) -> None:
        names = self._node.robot.joint_names
        moved = [f'{stick} stick: {names[joint]}'
                 for stick, joint in zip(('left', 'right'), pad.selected, strict=False)]
        if moved:
            self._node.get_logger().info(', '.join(moved))


def main() -> None:
    """
    Run the node.
    """
    sys.exit(run(Teleop))


if __name__ == '__main__':
    main()
