# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The node command_mux: lets a person take over from a running policy, and give the arm back.

Policy and teleop publish on inner topics (``policy/<command_type>``, ``teleop/<command_type>``);
the mux alone commands the arm, and says on the latched topic ``command_source`` who drives.
``python -m vaa_ros.nodes.command_mux``
"""
from __future__ import annotations

from functools import partial
import sys
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
import numpy as np
from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.node import Node
from std_msgs.msg import Bool
from std_msgs.msg import String
from std_srvs.srv import Trigger

from vaa_ros.core.command_mux import Blend
from vaa_ros.core.command_mux import CommandMux
from vaa_ros.core.command_mux import HOLD
from vaa_ros.core.command_mux import PERSON
from vaa_ros.core.command_mux import POLICY
from vaa_ros.core.errors import RosError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.robot import load_robot
from vaa_ros.core.spec import COMMAND_KINDS
from vaa_ros.ros.command_publisher import CommandPublisher
from vaa_ros.ros.command_reader import CommandReader
from vaa_ros.ros.conversions import pose_from_msg
from vaa_ros.ros.diagnostics import DiagnosticsPublisher
from vaa_ros.ros.diagnostics import OK
from vaa_ros.ros.diagnostics import status_message
from vaa_ros.ros.diagnostics import WARN
from vaa_ros.ros.emergency_stop import EmergencyStop
from vaa_ros.ros.limited_commands import LimitedCommands
from vaa_ros.ros.measured_joints import MAX_JOINT_AGE_S
from vaa_ros.ros.measured_joints import MeasuredJoints
from vaa_ros.ros.parameters import declare
from vaa_ros.ros.parameters import Parameter
from vaa_ros.ros.policy_pause import PolicyPause
from vaa_ros.ros.process import run
from vaa_ros.ros.qos import JOINTS
from vaa_ros.ros.qos import LATCHED

CHECK_S = 0.02
SAY_S = 0.5
HOLD_TICKS = 3
GAP_PERIODS = 2.5

PARAMETERS = (
    Parameter('command_type', 'joint_trajectory', 'Type and topic of the commands.',
              choices=tuple(COMMAND_KINDS), read_only=True),
    Parameter('robot', 'vaa_arm', 'Robot description: a name in config/robots or a YAML file.',
              read_only=True),
    Parameter('control_rate_hz', 30.0, 'Rate of the commands of policy and teleop.', 'Hz', 1.0,
              500.0, read_only=True),
    Parameter('timeout_s', 0.2, 'Silence after which whoever drives counts as gone; well above '
              'the control period.', 's', 0.02, 10.0, read_only=True),
    Parameter('blend_s', 0.3, 'How long the commands take to go from one source over to the '
              'next.', 's', 0.0, 10.0, read_only=True),
    Parameter('pause_service', 'policy/pause', 'SetBool service that keeps the policy waiting '
              'while a person drives, so that it begins again where the arm then is; empty for '
              'none.', read_only=True),
)


class CommandMuxNode(Node):
    """
    Passes on the commands of one source, inside the robot's limits.

    :param options: passed on to :class:`rclpy.node.Node`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__('command_mux', **options)
        declare(self, PARAMETERS)
        self._robot = load_robot(self._value('robot'))
        self._period_s = 1.0 / self._value('control_rate_hz')
        command_type = self._value('command_type')
        self._publisher = CommandPublisher(self, command_type, self._robot, self._period_s, True)
        self._commands = LimitedCommands(self._publisher, self._robot)
        self._mux = CommandMux(self._value('timeout_s'))
        self._blend = Blend(self._commands.kind, self._value('blend_s'))
        self._said = self._said_source = ''
        self._others = ''
        self._trouble = ''
        self._commanding = False
        self._holds = 0
        self._sent: np.ndarray | None = None
        self._tool: tuple[float, np.ndarray] | None = None
        self._sent_s = self._say_s = -1e9
        self._pause = PolicyPause(self, self._value('pause_service'))
        self._source_out = self.create_publisher(String, 'command_source', LATCHED)
        self._commanding_out = self.create_publisher(Bool, '~/commanding', LATCHED)
        self._status_out = self.create_publisher(DiagnosticStatus, '~/status', LATCHED)
        for source, prefix in ((POLICY, 'policy'), (PERSON, 'teleop')):
            CommandReader(self, prefix, command_type, self._robot, self._period_s,
                          partial(self._on_command, source))
        self._stop = EmergencyStop(self, self._on_e_stop, '~/resume')
        self.create_subscription(Bool, 'teleop/active', self._on_active, LATCHED)
        self.create_subscription(Bool, 'policy/commanding', self._on_policy, LATCHED)
        self._measured = MeasuredJoints(self, self._robot, self._warn)
        if self._commands.kind == 'end_effector_pose':
            self.create_subscription(PoseStamped, 'tool_pose', self._on_tool, JOINTS)
        self.create_service(Trigger, '~/resume', self._on_resume)
        self.create_timer(CHECK_S, self._check, clock=Clock(clock_type=ClockType.STEADY_TIME))
        DiagnosticsPublisher(self, 'commands', self._report)
        self._look_for_others()
        self._say()

    def stop(self) -> None:
        """
        Hold the arm before the process ends.
        """
        if self._commanding:
            self._commands.come_to_rest(self._period_s)
        self._announce(False)

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _warn(self, reason: str) -> None:
        self._trouble = reason
        self.get_logger().warning(reason, throttle_duration_sec=2.0)

    def _on_tool(self, message: PoseStamped) -> None:
        self._tool = time.monotonic(), pose_from_msg(message)

    def _on_active(self, message: Bool) -> None:
        self._mux.person(message.data)
        self._say()

    def _on_policy(self, message: Bool) -> None:
        self._mux.policy(message.data)
        self._say()

    def _on_e_stop(self, pressed: bool) -> None:
        self._mux.e_stop(pressed)
        self._say()

    def _on_command(self, source: str, vector: np.ndarray, stamp_ns: int) -> None:
        before, now_s = self._mux.source, time.monotonic()
        chosen = self._mux.command(source, now_s)
        self._say()
        if not chosen or self._others:
            return
        try:
            # Others may have moved the arm while nobody here commanded it.
            start = None if self._commanding else self._where(vector)
            if before != source or start is not None:
                self._blend.begin(self._sent if start is None else start, now_s)
            wanted = self._blend.mix(self._filled(vector, start), now_s)
            dt_s = self._period_s if start is not None else max(now_s - self._sent_s, 1e-3)
            self._sent = self._commands.send(wanted, start, dt_s, stamp_ns)
        except VaaError as error:
            self._warn(f'{source}: {error}')
            return
        self._trouble = ''
        self._sent_s, self._holds = now_s, HOLD_TICKS
        self._announce(True)

    def _where(self, wanted: np.ndarray) -> np.ndarray:
        """
        Give where the arm is, as the command's kind has it.

        :raises RosError: while that is not known.
        """
        # Where nobody says where the tool is, whoever commands poses began at the arm's.
        at_s, tool = self._tool or (time.monotonic(), wanted[:7])
        if time.monotonic() - at_s > MAX_JOINT_AGE_S:
            raise RosError('cannot take hold of the arm: no fresh tool_pose')
        return self._commands.measured(self._measured.fresh(), tool)

    def _filled(self, vector: np.ndarray, start: np.ndarray | None) -> np.ndarray:
        """
        Let what a command leaves out stay where it was sent, or is.
        """
        last = self._sent if start is None else start
        return np.where(np.isnan(vector), last, vector)

    def _check(self) -> None:
        now_s = time.monotonic()
        self._mux.check(now_s)
        if now_s - self._say_s >= SAY_S:
            self._say_s = now_s
            self._look_for_others(wait=False)
            self._announce(self._commanding, again=True)
        if self._others and not self._commands.coasting:
            self._announce(False)
        if self._commanding:
            self._fill_gap(now_s)
        self._say()

    def _fill_gap(self, now_s: float) -> None:
        """
        Hold where no command comes: the guard takes silence for a process that is gone.
        """
        if self._mux.source != HOLD:
            if now_s - self._sent_s > GAP_PERIODS * self._period_s:
                self._sent = self._commands.hold(dt_s=CHECK_S)
            return
        self._sent = self._commands.hold(dt_s=CHECK_S)
        self._holds -= 1
        if self._holds <= 0 and not self._commands.coasting:
            self._announce(False)

    def _look_for_others(self, wait: bool = True) -> None:
        names = self._publisher.others(wait)
        self._others = '' if not names else (
            f'{" or ".join(self._publisher.topics)} has another publisher: {", ".join(names)}; '
            'remap it to policy/ or teleop/, or stop it')
        if names:
            self._mux.rival()

    def _on_resume(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._stop.release()
        problem = self._pause.bars() or self._mux.resume()
        if not problem:
            self._pause.go_on()
        response.success = not problem
        response.message = problem or (
            f'the policy goes on with its next command{self._stop.forgotten}')
        self._say()
        return response

    def _say(self) -> None:
        """
        Tell changes: to the policy, the recorder and the guard.
        """
        self._pause.look(self._mux.keeps_policy_waiting)
        if self._mux.source != self._said_source:
            self._said_source = self._mux.source
            self._source_out.publish(String(data=self._mux.source))
        level, message, values = self._report()
        if message == self._said:
            return
        self._said = message
        self._status_out.publish(status_message('command_mux: commands', level, message, values))
        self.get_logger().info(message)

    def _announce(self, commanding: bool, again: bool = False) -> None:
        if commanding != self._commanding or again:
            self._commanding = commanding
            self._commanding_out.publish(Bool(data=commanding))

    def _report(self) -> tuple[bytes, str, dict[str, object]]:
        mux = self._mux
        trouble = self._others or self._trouble or self._pause.trouble
        text = f'{mux.source}: {mux.reason}' if mux.reason else mux.source
        return WARN if trouble else OK, trouble or text, {
            'source': mux.source, 'reason': mux.reason, 'takeovers': mux.takeovers,
            'refused': self._commands.refused, 'policy_waits': mux.keeps_policy_waiting}


def main() -> None:
    """
    Run the node.
    """
    sys.exit(run(CommandMuxNode))


if __name__ == '__main__':
    main()
