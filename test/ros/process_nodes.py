# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Small nodes run as processes by test_process.py; the name comes first on the command line.
"""
from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle import LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from std_msgs.msg import String

from vaa_ros.core.errors import ModelError
from vaa_ros.nodes.policy import PolicyNode
from vaa_ros.ros.parameters import declare
from vaa_ros.ros.parameters import Parameter
from vaa_ros.ros.process import run
from vaa_ros.ros.process import transition
from vaa_ros.ros.qos import COMMAND

PARAMETERS = (Parameter('autostart', True, 'Start by itself.'),
              Parameter('rate', 30.0, 'Rate.', 'Hz', 1.0, 100.0),
              Parameter('places', (), 'Places.', element=float))


class Arm(Node):
    """Publishes its last words when it is stopped."""

    def __init__(self) -> None:
        super().__init__('arm')
        declare(self, PARAMETERS)
        rate, places = self.get_parameter('rate').value, self.get_parameter('places').value
        self._commands = self.create_publisher(String, 'commands', COMMAND)
        self.create_subscription(String, 'orders', self._obey, 10)
        self.get_logger().info(f'up: {rate} {list(places)}')

    def _obey(self, order: String) -> None:
        if order.data == 'fail':
            raise ValueError('this was ordered')
        if order.data == 'sleep':
            time.sleep(0.6)
        if order.data in ('answer', 'last'):
            self._commands.publish(order)

    def stop(self) -> None:
        self._commands.publish(String(data='hold'))


class TolerantArm(Arm):
    def fault(self, reason: str) -> None:
        self._commands.publish(String(data=f'fault: {reason}'))


class EndingArm(Arm):
    def __init__(self) -> None:
        super().__init__()
        self.finished = threading.Event()
        self.finished.set()


class RefusedPolicy(PolicyNode):
    """May not command the arm, which it learns when its inputs have begun to come."""

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        result = super().on_configure(state)
        self._commands.rivals = self._rivals
        return result

    def _rivals(self, allowed: bool, **_: object) -> str:
        while None in self._thread.ages_s().values():
            time.sleep(0.01)
        return 'a rival'


class BrokenArm(Arm):
    def stop(self) -> None:
        self._commands.publish(String(data='hold'))
        raise RuntimeError('stop failed')


class Teller(Node):
    """Says something, in all ways there are, and comes to the end that is wanted."""

    def __init__(self) -> None:
        super().__init__('teller')
        print('a terminal' if sys.stdout.isatty() else 'no terminal')
        for number in range(0, 300, 3):
            print(f'saying {number}')
            self.get_logger().warning(f'saying {number + 1}')
            print(f'saying {number + 2}', file=sys.stderr)
        LIBC.perror(b'a C library')
        ENDS[os.environ.get('END', 'signal')]()


LIBC = ctypes.CDLL(None)
ENDS = {'signal': lambda: None, 'kill': lambda: os.kill(os.getpid(), signal.SIGKILL),
        'abort': os.abort, 'crash': lambda: ctypes.string_at(0),
        'error': lambda: sys.exit('an error')}


class NoModel(Node):
    def __init__(self) -> None:
        super().__init__('no_model')
        raise ModelError('model x does not exist')


class Bug(Node):
    def __init__(self) -> None:
        super().__init__('bug')
        raise KeyError('a bug')


class Cycle(LifecycleNode):
    problem: Exception | None = None

    def __init__(self) -> None:
        super().__init__('cycle')
        declare(self, PARAMETERS)

    @transition
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        if self.problem is not None:
            raise self.problem
        return TransitionCallbackReturn.SUCCESS

    @transition
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.get_logger().info('active')
        return TransitionCallbackReturn.SUCCESS


class CycleWithoutModel(Cycle):
    problem = ModelError('model x does not exist')


class CycleWithBug(Cycle):
    problem = KeyError('a bug')


if __name__ == '__main__':
    sys.exit(run(globals()[sys.argv[1]], sys.argv[2:]))
