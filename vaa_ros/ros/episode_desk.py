# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Where people start and end episodes: services, keys, gamepad buttons and a foot pedal.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import wait
from pathlib import Path
import queue
import time
from typing import Any
from typing import TypeVar

from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Joy
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger

from vaa_ros.core.episode_buttons import bindings
from vaa_ros.core.episode_buttons import joy_bindings
from vaa_ros.core.episode_buttons import KEY_HELP
from vaa_ros.core.episode_buttons import KEYS
from vaa_ros.core.episode_buttons import Presses
from vaa_ros.core.episode_flow import EpisodeFlow
from vaa_ros.core.episode_flow import Phase
from vaa_ros.core.episode_flow import Takes
from vaa_ros.core.episode_plan import FlowSettings
from vaa_ros.core.episode_plan import plan_of
from vaa_ros.core.episode_plan import Wanted
from vaa_ros.core.errors import VaaError
from vaa_ros.ros.cues import Cues
from vaa_ros.ros.input_device import FootPedal
from vaa_ros.ros.input_device import key_codes
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.terminal import TerminalKeys

TICK_S = 0.05
QUIT = 'q'
COUNTED = frozenset({'episodes', 'output_dir', 'task', 'instructions'})
"""Parameters that say which episodes count."""
COUNT_WAIT_S = 2.0
"""How long a change of these waits between episodes, so that a start after it knows them [s]."""
Count = Callable[[Collection[str]], Future[Any]]
Response = TypeVar('Response', Trigger.Response, SetBool.Response)


class EpisodeDesk:
    """
    Takes what people want, and lets the flow of episodes decide.

    :param node: the recorder, whose parameters it reads.
    :param takes: who records.
    :param report: shows a problem.
    :param show: called when the session is somewhere else.
    :param quit_: called when a person wants to end the process.
    """

    def __init__(self, node: Node, takes: Takes, report: Callable[[str], None],
                 show: Callable[[], None], quit_: Callable[[], None]) -> None:
        self._node, self._report, self._show, self._quit = node, report, show, quit_
        self._open = False
        self._recorded: Count | None = None
        self._last: Callable[[], Path | None] = lambda: None
        self._counting: Future[Any] | None = None
        self._before = (0, 0)
        self._cues = Cues(node, str(self._value('cues')))
        self.flow = EpisodeFlow(takes, self._settings, self._cues.tell)
        self._phase = self.flow.phase
        self._buttons: Presses | None = None
        self._pedal: FootPedal | None = None
        self._pressed: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._guard = node.create_guard_condition(self._on_pressed)
        self._terminal = TerminalKeys(lambda key: self._ask(KEYS.get(key, key)))
        self._actions: dict[str, Callable[[], str]] = {
            'toggle': lambda: self.flow.toggle(time.monotonic()),
            'start': lambda: self.flow.start(time.monotonic()),
            'success': lambda: self.flow.stop(True, time.monotonic()),
            'failure': lambda: self.flow.stop(False, time.monotonic()),
            'discard': lambda: self.flow.discard(time.monotonic()),
            'redo': lambda: self.flow.redo(time.monotonic())}
        for name in ('start', 'discard', 'redo'):
            node.create_service(Trigger, f'~/{name}_episode', self._trigger(name))
        node.create_service(SetBool, '~/stop_episode', self._on_stop)
        node.create_subscription(Joy, 'joy', self._on_joy, EVENTS)
        node.add_post_set_parameters_callback(self._on_parameters)
        node.create_timer(TICK_S, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def open(self, recorded: Count, last: Callable[[], Path | None]) -> None:
        """
        Begin a session, or go on with it: listen to keys and buttons.

        :param recorded: counts the successes and failures of some tasks that are there already,
            and says where they are.
        :param last: says where the take is that redo throws away.
        :raises ConfigError: if a button is bound to what is no action.
        :raises RosError: if there is no such foot pedal.
        """
        buttons = Presses(joy_bindings(self._value('joy_actions') or (), 'joy_actions'))
        if self._value('pedal'):
            keys = bindings(self._value('pedal_actions') or (), 'pedal_actions')
            feet = Presses(key_codes(keys, 'pedal_actions'))
            self._pedal = FootPedal(
                self._value('pedal'), lambda code: self._ask(feet.press(code, time.monotonic())),
                self._node.get_logger().warning)
            self._node.get_logger().info(f'foot pedal: {self._pedal.name}')
        self._recorded, self._last = recorded, last
        self._buttons, self._open = buttons, True
        self._count()
        if self._value('keys') and self._terminal.start():
            self._node.get_logger().info(KEY_HELP)

    def _count(self) -> None:
        """Count what is there, in the background: a large folder takes seconds."""
        self._counting, self.flow.counting = None, False
        if not self._value('episodes') or self._recorded is None:
            self.flow.announce()
            return
        tasks = {wanted.task or self._value('task') for wanted in self._plan() or [Wanted()]}
        self._before = (self.flow.successes, self.flow.failures)
        self._counting, self.flow.counting = self._recorded(tasks), True
        if self.flow.phase is not Phase.RECORDING:  # then nothing is lost by waiting a little
            wait([self._counting], COUNT_WAIT_S)
        self._take_count()

    def _take_count(self) -> None:
        counting = self._counting
        if counting is None or not counting.done():
            return
        if self._before != (self.flow.successes, self.flow.failures):
            self._count()  # a take ended meanwhile, which may have been counted or not
            return
        self._counting, self.flow.counting = None, False
        try:
            successes, failures, paths = counting.result()
        except OSError as error:
            self._report(f'the episodes that are there cannot be counted: {error}')
        else:
            self.flow.counted(successes, failures, self._last() in paths)
            self._node.get_logger().info(f'{successes} of {self._value("episodes")} episodes are '
                                         'there already')
        self.flow.announce()

    def _on_parameters(self, changed: Sequence[Parameter]) -> None:
        if self._open and COUNTED.intersection(parameter.name for parameter in changed):
            self._count()

    def close(self) -> None:
        """End the session, and give the terminal back."""
        self._open, self._buttons = False, None
        self._counting, self.flow.counting = None, False
        self.flow.end()
        if self._pedal is not None:
            self._pedal.stop()
            self._pedal = None
        self._terminal.stop()

    def warn(self, text: str) -> None:
        """
        Tell of something that goes wrong, in the log too.

        :param text: one line.
        """
        self._cues.warn(text)

    def values(self) -> dict[str, object]:
        """Give what a status tells of the session."""
        return {'phase': self.flow.phase.value, 'left_s': self.flow.left_s(time.monotonic()),
                'successes': self.flow.successes, 'failures': self.flow.failures,
                'wanted': self._value('episodes')}

    def _value(self, name: str) -> Any:
        return self._node.get_parameter(name).value

    def _settings(self) -> FlowSettings:
        if not self._open:  # nothing begins by itself; the recorder says that it is not active
            return FlowSettings()
        return FlowSettings(self._value('countdown_s'), self._value('reset_s'),
                            self._value('episodes'), self._plan())

    def _plan(self) -> tuple[Wanted, ...]:
        return plan_of(self._value('instructions') or ())

    def _trigger(self, action: str) -> Callable[[Any, Trigger.Response], Trigger.Response]:
        return lambda _, response: self._answer(response, self._actions[action])

    def _on_stop(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        return self._answer(response, self._actions['success' if request.data else 'failure'])

    def _answer(self, response: Response, action: Callable[[], str]) -> Response:
        try:
            response.message = action()
            response.success = True
        except VaaError as error:
            response.success = False
            response.message = str(error)
            self._report(str(error))
        self._changed()
        return response

    def _on_joy(self, message: Joy) -> None:
        if self._buttons is not None:
            self._do(self._buttons.update(message.buttons, time.monotonic()))

    def _ask(self, action: str) -> None:
        # Called by the threads of terminal and pedal; episodes are the executor's business.
        if action:
            self._pressed.put(action)
            self._guard.trigger()

    def _on_pressed(self) -> None:
        while not self._pressed.empty():
            action = self._pressed.get()
            if action == QUIT:
                self._quit()
            elif action in self._actions:
                self._do(action)
            else:
                self._node.get_logger().info(KEY_HELP)

    def _do(self, action: str) -> None:
        if action:
            self._guarded(self._actions[action])

    def _tick(self) -> None:
        if self._open:
            self._take_count()
            self._guarded(lambda: self.flow.tick(time.monotonic()))

    def _guarded(self, action: Callable[[], object]) -> None:
        try:
            action()
        except VaaError as error:
            self._report(str(error))
        self._changed()

    def _changed(self) -> None:
        if self.flow.phase is not self._phase:
            self._phase = self.flow.phase
            if self._phase is not Phase.RECORDING:  # of which the recorder tells itself
                self._show()
