# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The node flight_recorder: keeps the last seconds and saves them when the arm was stopped.

A hold or a stop of the policy, an emergency stop, or ``~/save`` make it write a bag of what led
there and of a moment after it. What happens while one is due or being written is told by that one
or by the next. ``python -m vaa_ros.nodes.flight_recorder``
"""
from __future__ import annotations

from datetime import datetime
from pathlib import Path
import sys
import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.node import Node
from std_msgs.msg import Bool
from std_msgs.msg import String
from std_srvs.srv import Trigger

from vaa_ros import __version__
from vaa_ros.core.errors import VaaError
from vaa_ros.core.gate import STOPPED
from vaa_ros.core.robot import load_robot
from vaa_ros.core.spec import SOURCE_KINDS
from vaa_ros.recording.bag_information import qos_profile
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.flight import flight_dir
from vaa_ros.recording.flight import FlightMemory
from vaa_ros.recording.flight import Kept
from vaa_ros.recording.flight import write_flight
from vaa_ros.recording.flight_plan import FlightPlan
from vaa_ros.recording.flight_plan import HoldWatch
from vaa_ros.ros.diagnostics import DiagnosticsPublisher
from vaa_ros.ros.diagnostics import OK
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.diagnostics import WARN
from vaa_ros.ros.parameters import declare
from vaa_ros.ros.parameters import Parameter
from vaa_ros.ros.process import run
from vaa_ros.ros.publishers import publisher_of
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import LATCHED
from vaa_ros.ros.qos import SENSOR
from vaa_ros.ros.raw_topics import RawTopics

LOOK_S = 0.1
REFRESH_S = 0.5
BESIDES = ('joint_states', 'gripper_commands', 'tool_pose', 'instruction', 'e_stop',
           'policy/status', 'policy/alignment', 'policy/confidence', 'policy/active_policy',
           'policy/commanding', 'policy/trace', 'policy/latency', 'guard/status',
           'sim_arm/task_status', 'command_source', 'command_mux/status', 'teleop/status',
           '/diagnostics')
BY_HAND = 'asked for'

PARAMETERS = (
    Parameter('robot', 'vaa_arm', 'Robot description: a name in config/robots or a YAML file.',
              read_only=True),
    Parameter('command_type', 'joint_trajectory', 'Type and topic of the commands.',
              choices=tuple(SOURCE_KINDS), read_only=True),
    Parameter('topics', (), 'Topics to keep; empty for what the policy sees (vision/<camera>), '
              'says and commands, and the joints.', read_only=True),
    Parameter('seconds', 30.0, 'How far back a flight reaches.', 's', 1.0, 600.0, read_only=True),
    Parameter('after_s', 2.0, 'How much is kept after what happened.', 's', 0.0, 60.0,
              read_only=True),
    Parameter('max_mb', 512.0, 'Most memory for messages; beyond it a flight is shorter.', 'MB',
              1.0, 65536.0, read_only=True),
    Parameter('min_gap_s', 10.0, 'Shortest time between the starts of two flights that are saved '
              'by themselves, so that an arm that is held again and again does not fill the disk. '
              'What happens meanwhile is told by the later one, after half of seconds at the '
              'latest; an emergency stop does not wait.', 's', 0.0, 3600.0, read_only=True),
    Parameter('output_dir', 'flights', 'Folder of the flights; made if need be.'),
    Parameter('min_free_gb', 1.0, 'Free disk space below which no flight is saved.', 'GB', 0.0,
              1e6),
)


class FlightRecorder(Node):
    """
    Keeps what came, and saves it when the arm was stopped.

    :param options: passed on to :class:`rclpy.node.Node`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__('flight_recorder', **options)
        declare(self, PARAMETERS)
        self._memory = FlightMemory(self._value('seconds') + self._value('after_s'),
                                    round(self._value('max_mb') * 1e6))
        self._lock = threading.Lock()
        self._types: dict[str, str] = {}
        self._topics = RawTopics(self, self._names(), self._keep)
        self._plan = FlightPlan(
            self._value('after_s'), self._value('min_gap_s'), self._value('seconds') / 2)
        self._holds, self._policy = HoldWatch(), ''
        self._pressing: set[bytes] = set()
        self._writer: threading.Thread | None = None
        self._problem = ''
        self._saved = 0
        self._says_saved = self.create_publisher(String, '~/saved', LATCHED)
        self.create_subscription(DiagnosticStatus, 'policy/status', self._on_status, EVENTS)
        for qos in (LATCHED, EVENTS, SENSOR):
            self.create_subscription(Bool, 'e_stop', self._on_e_stop, qos)
        self.create_service(Trigger, '~/save', self._on_save)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(LOOK_S, self._look, clock=steady)
        self.create_timer(REFRESH_S, self._topics.refresh, clock=steady)
        DiagnosticsPublisher(self, 'flights', self._report)

    def stop(self) -> None:
        """
        Write what is due, and wait until it is written.
        """
        if self._plan.waiting:
            self._write(self._plan.take(time.monotonic()))
        if self._writer is not None:
            self._writer.join()

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _names(self) -> list[str]:
        robot = load_robot(self._value('robot'))
        wanted = self._value('topics') or [
            *(f'vision/{camera}' for camera in robot.cameras), self._value('command_type'),
            *BESIDES]
        return [self.resolve_topic_name(name) for name in wanted]

    def _keep(self, topic: str, received_ns: int, data: bytes, sent_ns: int) -> None:
        msgtype = self._topics.type_of(topic)
        with self._lock:
            if self._types.setdefault(topic, msgtype) != msgtype:  # a bag has one of a topic
                self._types[topic] = msgtype
                self._memory.forget(topic)
            self._memory.add(Kept(topic, received_ns, bytes(data), sent_ns))

    def _on_status(self, message: DiagnosticStatus) -> None:
        values = status_values(message)
        self._policy = values.get('policy', '')
        state = values.get('state', '')
        told = self._holds.look(state, values.get('reason', ''))
        if told:
            self._happened(told, urgent=state == STOPPED)

    def _on_e_stop(self, message: Bool, info: dict[str, Any]) -> None:
        publisher = publisher_of(info)
        if message.data and publisher not in self._pressing:
            self._happened('emergency stop', urgent=True)
        (self._pressing.add if message.data else self._pressing.discard)(publisher)

    def _happened(self, reason: str, urgent: bool) -> None:
        first = not self._plan.waiting
        self._plan.happened(reason, time.monotonic(), urgent)
        if first:
            # Whoever stopped the arm may have appeared just now, with the stop as first message.
            self._topics.refresh()

    def _look(self) -> None:
        now_s, writing = time.monotonic(), self._writer is not None and self._writer.is_alive()
        if self._plan.due(now_s) and not writing:
            self._write(self._plan.take(now_s))

    def _on_save(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._write(BY_HAND)
        assert self._writer is not None
        self._writer.join()
        response.success = not self._problem
        response.message = self._problem or f'{self._path} is written'
        return response

    def _write(self, reason: str) -> None:
        """
        Write what is kept, in a thread, so that what comes meanwhile is kept too.
        """
        if self._writer is not None:
            self._writer.join()
        with self._lock:
            messages = self._memory.messages(self._topics.latched)
        types = self._topics.types
        qos = {topic: [qos_profile(*offer) for offer in self._topics.offered(topic)]
               for topic in types}
        metadata = EpisodeMetadata(
            robot=self._value('robot'), command_type=self._value('command_type'), operator=reason,
            policy=self._policy or 'unknown', started_ns=time.time_ns(), vaa_version=__version__)
        self._path = flight_dir(Path(self._value('output_dir')).expanduser().absolute(),
                                datetime.now(), reason)
        free = round(self._value('min_free_gb') * 1e9)

        def work() -> None:
            try:
                write_flight(self._path, messages, types, metadata, free, qos)
            except VaaError as error:
                self._problem = str(error)
                self.get_logger().error(self._problem)
                return
            self._problem = ''
            self._saved += 1
            self.get_logger().warning(f'flight saved ({reason}): {self._path}')
            self._says_saved.publish(String(data=str(self._path)))

        self._writer = threading.Thread(target=work, name='flight')
        self._writer.start()

    def _report(self) -> tuple[bytes, str, dict[str, object]]:
        values = {'kept_mb': self._memory.bytes / 1e6, 'saved': self._saved,
                  'waiting': self._plan.waiting, 'went_early': self._memory.short,
                  'lost': sum(self._topics.lost.values()), 'output_dir': self._value('output_dir')}
        return (WARN, self._problem, values) if self._problem else (OK, 'keeping', values)


def main() -> None:
    """
    Run the node.
    """
    sys.exit(run(FlightRecorder))


if __name__ == '__main__':
    main()
