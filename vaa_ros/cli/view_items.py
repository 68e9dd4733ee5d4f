# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What can be seen of a bag: pictures, curves and events, each with its two times."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import numpy as np

from vaa_ros.core.errors import VaaError
from vaa_ros.core.robot import robot_from_mapping
from vaa_ros.learning.bag_pictures import PICTURES
from vaa_ros.learning.bag_streams import message_stamp_ns
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.messages import BOOL
from vaa_ros.recording.messages import DIAGNOSTIC_STATUS
from vaa_ros.recording.messages import FLOAT64_ARRAY
from vaa_ros.recording.messages import JOINT_STATE
from vaa_ros.recording.messages import JOINT_TRAJECTORY
from vaa_ros.recording.messages import STRING
from vaa_ros.recording.take import array_quantity

POSITION = '/position'
"""How the curve of a joint's position ends, measured or commanded."""
LOG, DIAGNOSTIC_ARRAY = 'rcl_interfaces/msg/Log', 'diagnostic_msgs/msg/DiagnosticArray'
NO_CURVES = (LOG, DIAGNOSTIC_ARRAY, DIAGNOSTIC_STATUS, 'rcl_interfaces/msg/ParameterEvent',
             'rosgraph_msgs/msg/Clock', 'sensor_msgs/msg/CameraInfo')
"""Types with numbers that say nothing as curves."""
LONGEST_ARRAY = 16
"""The longest array whose values are curves of their own: no grid, scan or covariance."""
DEEPEST = 4
LEVELS = {0: 'INFO', 1: 'WARN', 2: 'ERROR', 3: 'WARN'}
"""DiagnosticStatus: ok, warning, error, stale."""
LOG_LEVELS = {10: 'DEBUG', 20: 'INFO', 30: 'WARN', 40: 'ERROR', 50: 'CRITICAL'}
SERVICE_EVENTS = ('request sent', 'request received', 'response sent', 'response received')


Event = tuple[str, str]
"""What happened, and its level."""


@dataclass(frozen=True)
class Item:
    """
    What one message shows.

    :param topic: where it came from.
    :param log_ns: when it was received [ns].
    :param stamp_ns: the stamp in its header [ns]. A message without one gets the stamp that a
        message of the same arrival would have: its arrival less the delay of the one before it.
    :param curves: name below the topic to value; the name is '' or begins with a slash.
    :param events: what happened, each with its level.
    :param picture: the message, where it holds a picture.
    """

    topic: str
    log_ns: int
    stamp_ns: int
    curves: Mapping[str, float] = field(default_factory=dict)
    events: Sequence[Event] = ()
    picture: Any = None


class BagItems:
    """
    Reads a bag as items.

    :param bag: an open bag.
    """

    def __init__(self, bag: BagReader) -> None:
        self.bag = bag
        self._joints = _joint_names(bag)
        self._command_type = bag.metadata.command_type if bag.metadata is not None else ''
        self._shown: set[str] = set()
        self._said: dict[tuple[str, str], Event] = {}
        self._delay_ns = 0

    @property
    def unshown(self) -> dict[str, str]:
        """Give the type by topic of those that had nothing to show in what was read."""
        return {topic: kind for topic, kind in sorted(self.bag.topics.items())
                if self.bag.counts.get(topic) and topic not in self._shown}

    def read(self, topics: Collection[str] | None = None) -> Iterator[Item]:
        """
        Read what messages show, in the order in which they were received.

        :param topics: the topics wanted; None for all whose type is known.
        :return: one item a message, also of one that shows nothing.
        :raises BagError: if a topic is missing, or the recording is damaged.
        """
        for topic, log_ns, message in self.bag.messages(topics):
            stamp_ns = message_stamp_ns(message)
            if stamp_ns:
                self._delay_ns = log_ns - stamp_ns
            else:
                stamp_ns = log_ns - self._delay_ns
            item = Item(topic, log_ns, stamp_ns, *self._content(topic, message))
            if item.curves or item.events or item.picture is not None:
                self._shown.add(topic)
            yield item

    def _content(self, topic: str, message: Any) -> tuple[dict[str, float], list[Event], Any]:
        kind = self.bag.topics[topic]
        if kind in PICTURES:
            return {}, [], message
        curves = {} if kind in NO_CURVES or _is_service(kind) else self._curves(
            topic, kind, message)
        events = [event for key, event in _events(kind, topic, message)
                  if self._is_news(topic, key, event)]
        return curves, events, None

    def _is_news(self, topic: str, key: str, event: Event) -> bool:
        # A state that is repeated thirty times a second is one event.
        before = self._said.get((topic, key))
        self._said[topic, key] = event
        return not key or event != before

    def _curves(self, topic: str, kind: str, message: Any) -> dict[str, float]:
        if kind == JOINT_STATE:
            return _joint_curves(message.name, message)
        if kind == JOINT_TRAJECTORY:
            return _joint_curves(message.joint_names, message.points[0]) if len(
                message.points) else {}
        quantity = array_quantity(topic, self._command_type) if kind == FLOAT64_ARRAY else ''
        if quantity and len(self._joints) == len(message.data):
            return {f'/{name}/{quantity}': float(value)
                    for name, value in zip(self._joints, message.data, strict=True)}
        return dict(_numbers(message, ''))


def _joint_names(bag: BagReader) -> tuple[str, ...]:
    """Give the joints of the robot that was recorded, in order; none where it is unknown."""
    if bag.metadata is None or not bag.metadata.spec:
        return ()
    try:
        return robot_from_mapping(bag.metadata.spec['robot'], 'custom_data: spec').joint_names
    except (VaaError, KeyError, TypeError):
        return ()


def _joint_curves(names: Sequence[str], values: Any) -> dict[str, float]:
    """Read positions, and what else is told of every joint."""
    found = {}
    for quantity in ('positions', 'velocities', 'accelerations', 'effort', 'position',
                     'velocity'):
        told = getattr(values, quantity, ())
        if len(told) == len(names):
            one = {'positions': 'position', 'velocities': 'velocity',
                   'accelerations': 'acceleration'}.get(quantity, quantity)
            found.update({f'/{name}/{one}': float(value)
                          for name, value in zip(names, told, strict=True)})
    return found


def _numbers(message: Any, name: str, depth: int = 0) -> Iterator[tuple[str, float]]:
    """Walk through the numbers of any message, header and large arrays left out."""
    for part in dataclasses.fields(message):
        value = getattr(message, part.name)
        # The only field of a std_msgs type needs no name.
        path = name if part.name == 'data' and not depth else f'{name}/{part.name}'
        if part.name in ('header', 'layout') or isinstance(value, str):
            continue
        if dataclasses.is_dataclass(value):
            if depth < DEEPEST and not value.__msgtype__.startswith('builtin_interfaces/'):
                yield from _numbers(value, path, depth + 1)
        elif isinstance(value, (bool, int, float)):
            yield path, float(value)
        elif isinstance(value, np.ndarray) and value.size <= LONGEST_ARRAY:
            yield from ((f'{path}/{index}', float(each)) for index, each in enumerate(value))


def _events(kind: str, topic: str, message: Any) -> Iterator[tuple[str, Event]]:
    """Tell what a message says, with a key; with the key '' it is said every time."""
    if kind == LOG:
        yield '', (f'{message.name}: {message.msg}', LOG_LEVELS.get(message.level, 'INFO'))
    elif kind == DIAGNOSTIC_ARRAY:
        for status in message.status:
            yield status.name, _status(status)
    elif kind == DIAGNOSTIC_STATUS:
        yield message.name, _status(message)
    elif kind in (BOOL, STRING):
        said = message.data if kind == STRING else str(message.data).lower()
        yield 'data', (f'{topic}: {said}', 'INFO')
    elif _is_service(kind):
        yield '', (f'{topic.removesuffix("/_service_event")}: '
                   f'{SERVICE_EVENTS[message.info.event_type % len(SERVICE_EVENTS)]}', 'INFO')


def _is_service(kind: str) -> bool:
    return kind.endswith('_Event') and '/srv/' in kind


def _status(status: Any) -> Event:
    return f'{status.name}: {status.message}', LEVELS.get(int(status.level), 'INFO')
