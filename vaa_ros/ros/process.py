# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The life of a node process: start, spin, and a stop whose last commands still leave.

rclpy's own signal handlers shut the context down before Python code runs, so that a hold command
published on Ctrl-C would never leave. Here the context lives until the node has been stopped.
"""
from __future__ import annotations

from collections.abc import Callable
import functools
import os
import signal
import sys
import threading
import time
import traceback
from typing import Any

import rclpy
from rclpy.duration import Duration
from rclpy.exceptions import ParameterException
from rclpy.executors import Executor
from rclpy.executors import ExternalShutdownException
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle import LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args

from vaa_ros.core.errors import RosError
from vaa_ros.core.errors import VaaError
from vaa_ros.ros.launch_process import end_with_launch
from vaa_ros.ros.node_output import NodeOutput

EXIT_OK = 0
EXIT_BUG = 1
EXIT_ERROR = 2

_POLL_S = 0.05
_ACKNOWLEDGE_S = 0.2
_SECOND_SIGNAL_S = 2.0
_WIND_DOWN_S = 1.5

Transition = Callable[[Any, LifecycleState], TransitionCallbackReturn]


class StopSignals:
    """
    Turns SIGINT, SIGTERM and SIGHUP into an event, and gives the old handlers back at the end.

    A signal repeated more than 2 s after the first ends the process at once.
    """

    def __init__(self) -> None:
        self.event = threading.Event()
        self._first: float | None = None
        self._old: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                self._old[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: object) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = now
        elif now - self._first > _SECOND_SIGNAL_S:
            os._exit(128 + number)
        self.event.set()


def run(factory: Callable[[], Node], args: list[str] | None = None) -> int:
    """
    Run one node until a signal ends it.

    The node may have ``wind_down()``, called again and again at the end while its callbacks still
    run, until it says that no answer is awaited any more; ``stop()``, called once after that while
    its publishers still work; ``finished``, a ``threading.Event`` that ends the process from
    within; and ``fault(reason)``, called with an exception that escaped a callback (without it
    such an exception ends the process).
    A lifecycle node whose parameter ``autostart`` is true is configured and activated.

    :param factory: makes the node, after rclpy was initialised.
    :param args: command line without the program name; None for that of the process.
    :return: exit status: 0 ended by a signal, 1 a bug, 2 an error that the user can mend.
    """
    args = sys.argv[1:] if args is None else list(args)
    node: Node | None = None
    with StopSignals() as signals, NodeOutput():
        if not end_with_launch():
            return EXIT_OK
        try:
            _initialise(args)
            node = factory()
            _autostart(node)
            return _spin(node, signals.event)
        except (VaaError, ParameterException) as error:
            _complain(str(error))
            return EXIT_ERROR
        except (KeyboardInterrupt, ExternalShutdownException):
            return EXIT_OK
        except Exception:
            traceback.print_exc()
            return EXIT_BUG
        finally:
            _close(node)


def transition(step: Transition) -> Transition:
    """
    Decorate a lifecycle callback, so that its errors are said before rclpy swallows them.

    :param step: ``on_configure`` or a sibling; may raise :class:`VaaError`, which means FAILURE
        (the node stays where it was), or anything else, which means ERROR.
    :return: the callback that rclpy may call.
    """
    @functools.wraps(step)
    def guarded(node: Any, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return step(node, state)
        except VaaError as error:
            node.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        except Exception:
            node.get_logger().error(f'{step.__name__} failed:\n{traceback.format_exc()}')
            return TransitionCallbackReturn.ERROR
    return guarded


def _initialise(args: list[str]) -> None:
    program = os.path.basename(sys.argv[0]) or 'node'
    try:
        stray = remove_ros_args([program, *args])[1:]
        if not stray:
            rclpy.init(args=[program, *args], signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:
        raise RosError(f'cannot start ROS 2 with arguments {args}: {error}') from error
    if stray:
        raise RosError(f'unknown argument {stray[0]!r}: a node takes ROS arguments only, for '
                       'example: --ros-args -p name:=value --params-file FILE -r old:=new')


def _autostart(node: Node) -> None:
    if not isinstance(node, LifecycleNode) or not node.has_parameter('autostart'):
        return
    if not node.get_parameter('autostart').value:
        return
    for name in ('configure', 'activate'):
        if getattr(node, f'trigger_{name}')() != TransitionCallbackReturn.SUCCESS:
            # Threads that it has started already would keep the process from ending.
            _stop(node)
            raise RosError(f'{node.get_name()}: autostart could not {name} the node; '
                           'the reason is in the line above')


def _spin(node: Node, stop: threading.Event) -> int:
    executor = SingleThreadedExecutor()
    finished = getattr(node, 'finished', None) or threading.Event()
    executor.add_node(node)
    try:
        while not stop.is_set() and not finished.is_set() and rclpy.ok():
            _spin_once(executor, node)
    finally:
        _wind_down(executor, node)
        _stop(node)
        executor.remove_node(node)
        executor.shutdown(timeout_sec=0.5)
    return EXIT_OK


def _spin_once(executor: Executor, node: Node) -> None:
    try:
        executor.spin_once(timeout_sec=_POLL_S)
    except (KeyboardInterrupt, ExternalShutdownException):
        raise
    except Exception as error:
        fault = getattr(node, 'fault', None)
        if fault is None:
            raise
        node.get_logger().error(f'a callback failed:\n{traceback.format_exc()}',
                                throttle_duration_sec=1.0)
        fault(f'a callback failed: {type(error).__name__}: {error}')


def _wind_down(executor: Executor, node: Node) -> None:
    """
    Let the node give up what others have to confirm, while it still hears their answers.
    """
    over = getattr(node, 'wind_down', None)
    end_s = time.monotonic() + _WIND_DOWN_S
    while over is not None and rclpy.ok() and not over() and time.monotonic() < end_s:
        _spin_once(executor, node)


def _stop(node: Node) -> None:
    """
    Let the node say its last words, and wait until reliable subscribers have them.

    :param node: the node, its context still valid.
    """
    stop = getattr(node, 'stop', None)
    if stop is not None:
        try:
            stop()
        except Exception:
            node.get_logger().error(f'stop() failed:\n{traceback.format_exc()}')
    deadline = time.monotonic() + _ACKNOWLEDGE_S
    for publisher in list(node.publishers):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            publisher.wait_for_all_acked(Duration(seconds=left))
        except Exception:
            continue


def _close(node: Node | None) -> None:
    if node is not None:
        try:
            node.destroy_node()
        except Exception:
            traceback.print_exc()
    try:
        rclpy.try_shutdown()
    except Exception:
        traceback.print_exc()


def _complain(text: str) -> None:
    sys.stderr.write(f'error: {text}\n')
    sys.stderr.flush()
