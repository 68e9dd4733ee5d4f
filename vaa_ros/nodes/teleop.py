# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Teleoperation: keyboard, gamepad, 3D mouse, leader arm, hand guiding or the scripted expert.

It commands on the topics that policies use.

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
from std_msgs.msg import Bool

from vaa_ros.core.control_setup import DEADMAN_AGE_S
from vaa_ros.core.control_setup import DEADMAN_TOPIC
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.robot import load_robot
from vaa_ros.core.stop_latch import Deadman
from vaa_ros.core.stop_latch import StopLatch
from vaa_ros.ros.arm_modes import HandMode
from vaa_ros.ros.arm_modes import LeaderMode
from vaa_ros.ros.command_publisher import CommandPublisher
from vaa_ros.ros.conversions import joint_state_from_msg
from vaa_ros.ros.diagnostics import DiagnosticsPublisher
from vaa_ros.ros.diagnostics import OK
from vaa_ros.ros.diagnostics import status_message
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.diagnostics import WARN
from vaa_ros.ros.emergency_stop import EmergencyStop
from vaa_ros.ros.jog_mode import JogMode
from vaa_ros.ros.limited_commands import LimitedCommands
from vaa_ros.ros.parameters import declare
from vaa_ros.ros.process import run
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import JOINTS_OUT
from vaa_ros.ros.qos import LATCHED
from vaa_ros.ros.teleop_parameters import PARAMETERS

SIMULATED_ROBOT = 'vaa_arm'
STATUS_S = 0.5


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
            self.value('stamp_commands') or self.value('lockstep'),
            measured=lambda: self._mode and self._mode.measured), self.robot)
        self._active_out = self.create_publisher(Bool, 'teleop/active', LATCHED)
        self._active: bool | None = None
        self._trouble = ''
        self.stop_latch = StopLatch()
        EmergencyStop(self, self.stop_latch.press, reset='')
        self._deadman = self._watch_deadman() if self.value('deadman') else None
        self._status_out = self.create_publisher(DiagnosticStatus, 'teleop/status', LATCHED)
        self._said: tuple[Any, ...] = ()
        self._mode: Any = None
        self.set_active(False)
        modes = {'expert': ExpertMode, 'leader': LeaderMode, 'hand': HandMode}
        self._mode = modes.get(self.value('mode'), JogMode)(self)
        self.create_timer(STATUS_S, self._say, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._say()
        DiagnosticsPublisher(self, 'driver', self._report)

    def value(self, name: str) -> Any:
        """
        Give a parameter's value.
        """
        return self.get_parameter(name).value

    def kinematics(self) -> Any:
        """
        Give the kinematics of the simulated robot, to drive its tool by joints; else None.
        """
        if self.robot.name != SIMULATED_ROBOT:
            return None
        from vaa_ros.sim.kinematics import ArmKinematics
        return ArmKinematics()

    def stop(self) -> None:
        """
        Let go of the arm.
        """
        self._mode.stop()
        if self._active:
            self.commands.come_to_rest(self.period_s)
        self.set_active(False)

    def bars(self, engaged: bool) -> str:
        """
        Say why nobody may drive, nothing if somebody may: the emergency stop, the deadman switch.

        :param engaged: whether somebody has hold of the arm, or wants to.
        :return: the reason.
        """
        switch = self._deadman.bars(engaged, time.monotonic()) if self._deadman else ''
        return self.stop_latch.bars(engaged) or switch

    def _watch_deadman(self) -> Deadman:
        if self.value('lockstep'):
            raise ConfigError('a deadman switch needs real time: set lockstep or deadman to false')
        deadman = Deadman(DEADMAN_AGE_S)
        self.create_subscription(Bool, DEADMAN_TOPIC, lambda message: deadman.told(
            message.data, time.monotonic()), EVENTS)
        return deadman

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
            self._say()

    def trouble(self, reason: str) -> None:
        """
        Say what keeps the arm from moving, not too often.

        :param reason: one line.
        """
        self._trouble = reason
        self.get_logger().warning(reason, throttle_duration_sec=2.0)

    def _say(self) -> None:
        """
        Say on ``teleop/status`` what changed, for the recorder.
        """
        if self._mode is None:
            return
        level, text, values = self._report()
        now = text, values['active'], values['moves'], values['speed']
        if now != self._said:
            self._said = now
            self._status_out.publish(status_message('teleop: driver', level, text, values))

    def _report(self) -> tuple[bytes, str, dict[str, object]]:
        mode = self._mode
        values = {'mode': self.value('mode'), 'device': mode.device, 'moves': mode.moves,
                  'speed': round(mode.speed, 3), 'active': bool(self._active),
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
        self.device, self.speed, self.moves = 'scripted expert', 1.0, 'tool'
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

    @property
    def measured(self) -> np.ndarray | None:
        """
        Give the joint positions of the tick that is answered (n,).
        """
        return self._ticks.measured

    def stop(self) -> None:
        """
        Do nothing: the expert answers only when asked.
        """

    def _on_joints(self, message: JointStateMsg) -> None:
        self._try(lambda: self._ticks.push_joints(joint_state_from_msg(message)))

    def _on_status(self, message: DiagnosticStatus) -> None:
        self._ticks.seed = self._node.value('seed')
        barred = self._node.bars(False)
        if barred:
            self._sent = self._node.commands.hold(dt_s=self._node.period_s)
            self._node.set_active(False)
            self._node.trouble(barred)
        elif self._recording:
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
                commands.again()
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


def main() -> None:
    """
    Run the node.
    """
    sys.exit(run(Teleop))


if __name__ == '__main__':
    main()
