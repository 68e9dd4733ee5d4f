# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The node guard: stops the arm when the process that commands it was killed or is stuck.

It runs beside the policy as a process of its own and watches the command topic while
``policy/commanding`` is true. ``python -m vaa_ros.nodes.guard``
"""
from __future__ import annotations

import sys
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.node import Node
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from vaa_ros.core.command_guard import CommandGuard
from vaa_ros.core.command_guard import IDLE
from vaa_ros.core.command_guard import STOPPED
from vaa_ros.core.robot import load_robot
from vaa_ros.core.spec import SOURCE_KINDS
from vaa_ros.ros.command_publisher import COMMAND_MESSAGES
from vaa_ros.ros.command_publisher import GUARD
from vaa_ros.ros.diagnostics import DiagnosticsPublisher
from vaa_ros.ros.diagnostics import ERROR
from vaa_ros.ros.diagnostics import OK
from vaa_ros.ros.diagnostics import status_message
from vaa_ros.ros.parameters import declare
from vaa_ros.ros.parameters import Parameter
from vaa_ros.ros.process import run
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import COMMAND_OUT
from vaa_ros.ros.qos import LATCHED
from vaa_ros.ros.stopping import StopCommands

CHECK_S = 0.01
REPEAT_S = 0.05
HEARD_NS = 1_000_000_000
PRESS_S = 0.5  # from one press to the next, later, for who was out of reach

PARAMETERS = (
    Parameter('robot', 'vaa_arm', 'Robot description: a name in config/robots or a YAML file; '
              'velocities are braked within its accelerations.', read_only=True),
    Parameter('command_type', 'joint_trajectory', 'Type and topic of the commands.',
              choices=tuple(SOURCE_KINDS), read_only=True),
    Parameter('commanding_topic', 'policy/commanding', 'Where the process that commands the arm '
              'says (latched Bool) when it begins and when it lets go.', read_only=True),
    Parameter('timeout_s', 0.2, 'Longest silence of the process that commands the arm; well '
              'above its control period.', 's', 0.02, 10.0, read_only=True),
    Parameter('repeat_for_s', 2.0, 'How long the stop command is repeated.', 's', 0.0, 3600.0,
              read_only=True),
)


class GuardNode(Node):
    """
    Watches the command topic and stops the arm in the place of who went silent.

    :param options: passed on to :class:`rclpy.node.Node`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(GUARD, **options)
        declare(self, PARAMETERS)
        topic = self._value('command_type')
        kind = COMMAND_MESSAGES[topic]
        self._guard = CommandGuard(self._value('timeout_s'))
        self._stop = StopCommands(load_robot(self._value('robot')), topic)
        self._last: Any = None
        self._last_ns = 0
        self._repeat_until = 0.0
        self._repeated = self._pressed = 0.0
        # Made now, for when it is needed there is no time to be discovered.
        self._publisher = self.create_publisher(kind, topic, COMMAND_OUT)
        self._e_stop = self.create_publisher(Bool, 'e_stop', LATCHED)
        self._status = self.create_publisher(DiagnosticStatus, '~/status', LATCHED)
        self.create_subscription(kind, topic, self._on_command, COMMAND)
        self.create_subscription(Bool, self._value('commanding_topic'), self._on_commanding,
                                 LATCHED)
        self.create_service(Trigger, '~/reset', self._on_reset)
        self.create_timer(CHECK_S, self._check, clock=Clock(clock_type=ClockType.STEADY_TIME))
        DiagnosticsPublisher(self, 'commands', self._report)
        self._show()

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _on_commanding(self, message: Bool) -> None:
        self._guard.commanding(message.data)
        if trouble := self._trouble():
            self.get_logger().error(trouble, throttle_duration_sec=10.0)
        self._show()

    def _trouble(self) -> str:
        """
        Say why nothing is watched although the arm is commanded, nothing where that is well.
        """
        said, topic = self._value('commanding_topic'), self._publisher.topic_name
        if self._guard.deaf:
            return (f'{said} says that the arm is commanded, and nothing comes on {topic}: this '
                    'guard cannot stop it; give it the command_type and the remappings of who '
                    'commands')
        heard = self._last is not None and time.monotonic_ns() - self._last_ns < HEARD_NS
        if heard and self._guard.state == IDLE and not self.count_publishers(said):
            return (f'commands come on {topic}, and nobody publishes {said}: this guard watches '
                    'nobody; set commanding_topic to that of who commands')
        return ''

    def _on_command(self, message: Any) -> None:
        now_ns = time.monotonic_ns()
        if self._guard.state != STOPPED:
            self._last, self._last_ns = message, now_ns
        self._guard.command(now_ns)

    def _check(self) -> None:
        now_s = time.monotonic()
        if self._guard.check(time.monotonic_ns()):
            self._repeat_until = now_s + self._value('repeat_for_s')
            self._stop.begin(self._last, self.get_clock().now().nanoseconds,
                             time.monotonic_ns() - self._last_ns)
            self._repeated = now_s - CHECK_S
            self._press(now_s)
            self._say_still(now_s)
            self.get_logger().error(f'stopped the arm: {self._guard.reason}; mend it, then call '
                                    '~/reset')
            self._show()
        elif self._guard.state == STOPPED:
            if self._stop.moving or self._repeated + REPEAT_S <= now_s < self._repeat_until:
                self._say_still(now_s)
            every_s = REPEAT_S if now_s < self._repeat_until else PRESS_S
            if self._pressed + every_s <= now_s:
                # Once may be lost where the network was, and DDS says it again seconds later.
                self._press(now_s)

    def _press(self, now_s: float) -> None:
        self._pressed = now_s
        self._e_stop.publish(Bool(data=True))

    def _say_still(self, now_s: float) -> None:
        # A guard that was late does not brake harder for it.
        dt_s, self._repeated = min(now_s - self._repeated, REPEAT_S), now_s
        self._publisher.publish(self._stop.next(dt_s, self.get_clock().now().nanoseconds))

    def stop(self) -> None:
        """
        Brake to the end what is being braked, before the process goes.
        """
        while self._guard.state == STOPPED and self._stop.moving:
            self._say_still(time.monotonic())
            time.sleep(CHECK_S)

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = True
        if self._guard.state != STOPPED:
            response.message = 'nothing to reset: the arm was not stopped'
            return response
        if self._stop.moving:
            response.success = False
            response.message = 'not reset: the arm is still braked'
            return response
        self._guard.reset()
        self._e_stop.publish(Bool(data=False))
        response.message = 'e_stop is released; ~/reset_policy of the policy lets it go on'
        self._show()
        return response

    def _report(self) -> tuple[bytes, str, dict[str, object]]:
        guard = self._guard
        reason = guard.reason or self._trouble()
        return ERROR if reason else OK, f'{guard.state}: {reason}' if reason else guard.state, {
            'state': guard.state, 'reason': reason, 'stops': guard.stops,
            'longest_silence_s': guard.longest_s, 'timeout_s': guard.timeout_s}

    def _show(self) -> None:
        self._status.publish(status_message('guard: commands', *self._report()))


def main() -> None:
    """
    Run the node.
    """
    sys.exit(run(GuardNode))


if __name__ == '__main__':
    main()
