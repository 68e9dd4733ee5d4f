# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a verdict needs of an episode, gathered message by message while it is recorded.

Pictures are looked at and forgotten, so that an episode of any length fits into memory.
"""
from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
import struct
from typing import Any

import numpy as np

from vaa_ros.core.action_spec import VELOCITY_COMMANDS
from vaa_ros.core.images import compressed_depth
from vaa_ros.core.images import decode_compressed
from vaa_ros.core.images import decode_image
from vaa_ros.core.images import DEPTHS
from vaa_ros.core.images import ENCODINGS
from vaa_ros.core.images import measured
from vaa_ros.core.images import raw_depth
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.recording.messages import COMPRESSED_IMAGE
from vaa_ros.recording.messages import COMPRESSED_VIDEO
from vaa_ros.recording.messages import deserialize
from vaa_ros.recording.messages import FLOAT64_ARRAY
from vaa_ros.recording.messages import IMAGE
from vaa_ros.recording.messages import JOINT_STATE
from vaa_ros.recording.messages import JOINT_TRAJECTORY
from vaa_ros.recording.messages import typestore

STILLS = (IMAGE, COMPRESSED_IMAGE)
CAMERAS = (*STILLS, COMPRESSED_VIDEO)
COMMANDS = (JOINT_TRAJECTORY, FLOAT64_ARRAY)
LOOK_NS = NANOSECONDS // 2
"""How often the brightness of a camera is looked at [ns]."""
_STAMPED = (('header', 'std_msgs/msg/Header'), ('timestamp', 'builtin_interfaces/msg/Time'))
"""How messages with a stamp begin."""
_STAMP = {0: struct.Struct('>iI'), 1: struct.Struct('<iI')}


@dataclass
class Stream:
    """
    The messages of one topic.

    :param msgtype: their type.
    :param log_ns: when each was received [ns].
    :param stamp_ns: the stamp in the header of each [ns], 0 where there is none.
    :param names: joints of ``values``.
    :param values: positions of a joint state or a command, one after the other [rad or m].
    :param rows: the message, counted from 0, of each of these.
    :param same: of a camera, whether each picture is that before it, bit by bit; empty for video,
        whose packets differ though the picture stays.
    :param brightness: of a camera, mean values of some pictures, 0 to 255.
    :param encoding: of a camera, how its pictures are encoded where nothing here reads them.
    :param measured: of a depth camera, shares of the pixels that were measured.
    """

    msgtype: str
    log_ns: array[int] = field(default_factory=lambda: array('q'))
    stamp_ns: array[int] = field(default_factory=lambda: array('q'))
    names: tuple[str, ...] = ()
    values: array[float] = field(default_factory=lambda: array('d'))
    rows: array[int] = field(default_factory=lambda: array('q'))
    same: bytearray = field(default_factory=bytearray)
    brightness: list[float] = field(default_factory=list)
    measured: list[float] = field(default_factory=list)
    encoding: str = ''
    last: np.ndarray | None = None
    looked_ns: int | None = None

    def newest(self, length_s: float) -> Stream:
        """
        Copy the newest messages, also while another thread adds to them.

        Only slices are taken: an array of which a view is held cannot grow.

        :param length_s: the time before the last one [s].
        :return: they alone, with ``brightness`` and ``measured`` of all.
        """
        end = len(self.same) if self.msgtype in STILLS else len(self.stamp_ns)
        oldest_ns = self.log_ns[end - 1] - round(length_s * NANOSECONDS) if end else 0
        first = bisect_left(self.log_ns, oldest_ns, 0, end)
        names, rows = self.names, self.rows
        begin, until = bisect_left(rows, first), bisect_left(rows, end)
        values = self.values[begin * len(names):until * len(names)]
        whole = len(values) == (until - begin) * len(names)
        return Stream(
            self.msgtype, self.log_ns[first:end], self.stamp_ns[first:end], names,
            values if whole else array('d'),
            array('q', (row - first for row in rows[begin:until]) if whole else ()),
            self.same[first:end], self.brightness[:], self.measured[:], self.encoding)

    def positions(self) -> np.ndarray:
        """
        Give the positions of joint states or commands.

        :return: (N, J) float64 [rad or m].
        """
        return np.array(self.values).reshape(len(self.rows), len(self.names))

    def times_ns(self) -> np.ndarray:
        """
        Give when each message was made: its stamp, or when it came where stamps say nothing.

        :return: (N,) int64 [ns].
        """
        stamps = np.array(self.stamp_ns, dtype=np.int64)
        usable = (len(stamps) > 0 and stamps.min() > 0 and (np.diff(stamps) >= 0).all()
                  and (len(stamps) == 1 or stamps[-1] > stamps[0]))
        return stamps if usable else self.arrivals_ns()

    def arrivals_ns(self) -> np.ndarray:
        """
        Give when each message was received, never before the one before it.

        :return: (N,) int64 [ns].
        """
        return np.maximum.accumulate(np.array(self.log_ns, dtype=np.int64))


class Take:
    """
    Gathers an episode.

    :param types: message type by topic.
    """

    def __init__(self, types: Mapping[str, str]) -> None:
        self.streams: dict[str, Stream] = {}
        self.unreadable: Counter[str] = Counter()
        """Messages whose content could not be read, by topic."""
        self._stamped: set[str] = set()
        for topic, msgtype in types.items():
            self.add_topic(topic, msgtype)

    def add_topic(self, topic: str, msgtype: str) -> None:
        """
        Gather a topic, too.

        :param topic: its name.
        :param msgtype: type of its messages.
        """
        self.streams[topic] = Stream(msgtype)
        if _has_header(msgtype):
            self._stamped.add(topic)

    def newest(self, length_s: float) -> Take:
        """
        Copy the newest messages of every topic, also while another thread adds to them.

        :param length_s: the time before the last one of each [s].
        """
        copy = Take({})
        copy.unreadable = Counter(self.unreadable)
        copy.streams = {topic: stream.newest(length_s)
                        for topic, stream in dict(self.streams).items()}
        return copy

    def add(self, topic: str, log_ns: int, data: bytes) -> None:
        """
        Take one message; what cannot be read is counted, and never raises.

        :param topic: one of the topics.
        :param log_ns: when it was received [ns].
        :param data: the serialised message (CDR).
        """
        stream = self.streams[topic]
        stream.log_ns.append(log_ns)
        try:
            stamp_ns = _stamp_ns(data) if topic in self._stamped else 0
        except (struct.error, IndexError):
            stamp_ns = 0
        stream.stamp_ns.append(stamp_ns)
        try:
            self._look(stream, log_ns, data)
        except Exception:  # whatever a hostile message makes a parser raise
            self.unreadable[topic] += 1

    def _look(self, stream: Stream, log_ns: int, data: bytes) -> None:
        if stream.msgtype in STILLS:
            stream.same.append(0)
            _look_at_picture(stream, log_ns, deserialize(stream.msgtype, data))
        elif stream.msgtype == COMPRESSED_VIDEO:
            if not deserialize(stream.msgtype, data).data.size:
                raise ValueError('packet without a picture')
        elif stream.msgtype == JOINT_STATE:
            message = deserialize(stream.msgtype, data)
            _add_values(stream, message.name, message.position)
        elif stream.msgtype == JOINT_TRAJECTORY:
            message = deserialize(stream.msgtype, data)
            _add_values(stream, message.joint_names, message.points[0].positions)
        elif stream.msgtype == FLOAT64_ARRAY:
            message = deserialize(stream.msgtype, data)
            _add_values(stream, [str(index) for index in range(len(message.data))], message.data)


def take_of(types: Mapping[str, str], messages: Iterable[tuple[str, int, bytes]]) -> Take:
    """
    Gather a recorded episode.

    :param types: message type by topic.
    :param messages: (topic, log time [ns], CDR bytes) of each message.
    :return: the take.
    """
    take = Take(types)
    for topic, log_ns, data in messages:
        take.add(topic, log_ns, data)
    return take


def array_quantity(topic: str, command_type: str) -> str:
    """
    Tell what the numbers of a Float64MultiArray say of the joints.

    :param topic: its topic.
    :param command_type: the command topic of the episode, by its name in the ROS interface; empty
        where it is not known.
    :return: ``position``, ``velocity``, or '' where nothing says that it is about the joints.
    """
    name = topic.rsplit('/', 1)[-1]
    if name == VELOCITY_COMMANDS or (name, command_type) == ('commands', VELOCITY_COMMANDS):
        return 'velocity'
    return 'position' if name == 'commands' else ''


def picture_of(msgtype: str, message: Any) -> np.ndarray:
    """
    Decode an image message.

    :param msgtype: one of :data:`STILLS`.
    :param message: the message object of the rosbags library.
    :return: (H, W, 3) uint8 rgb.
    :raises ImageError: if it is no picture that is understood.
    """
    if msgtype == COMPRESSED_IMAGE:
        return decode_compressed(message.data, form=message.format)
    return decode_image(message.height, message.width, message.encoding, message.step,
                        message.data)


def _has_header(msgtype: str) -> bool:
    fields = typestore().fielddefs.get(msgtype, ((), ()))[1]
    return bool(fields) and (fields[0][0], fields[0][1][1]) in _STAMPED


def _stamp_ns(data: bytes) -> int:
    # CDR: four bytes of encapsulation, then the stamp's seconds and nanoseconds.
    seconds, nanoseconds = _STAMP[data[1] & 1].unpack_from(data, 4)
    return int(seconds) * NANOSECONDS + int(nanoseconds)


def _look_at_picture(stream: Stream, log_ns: int, message: Any) -> None:
    pixels = np.asarray(message.data)
    if stream.last is not None and np.array_equal(pixels, stream.last):
        stream.same[-1] = 1
    stream.last = pixels
    if stream.looked_ns is not None and 0 <= log_ns - stream.looked_ns < LOOK_NS:
        return
    raw = stream.msgtype == IMAGE
    encoding = message.encoding if raw else message.format.partition(';')[0]
    if raw and encoding not in ENCODINGS and encoding not in DEPTHS:
        stream.encoding = encoding or 'none'
        return
    stream.looked_ns = log_ns
    if encoding in DEPTHS:
        depth, _ = raw_depth(message.height, message.width, encoding, message.step, pixels) \
            if raw else compressed_depth(pixels, message.format)
        stream.measured.append(float(measured(depth[::8, ::8]).mean()))
        return
    picture = picture_of(stream.msgtype, message)
    stream.brightness.append(float(picture[::8, ::8].mean()))


def _add_values(stream: Stream, names: Iterable[str], values: Iterable[float]) -> None:
    given = dict(zip(names, values, strict=True))
    if not given.keys() & set(stream.names):
        # Arm and gripper may share a topic: the one with more joints is the arm.
        if len(given) <= len(stream.names):
            return
        stream.rows, stream.values, stream.names = array('q'), array('d'), tuple(given)
    row = np.array([given[name] for name in stream.names], dtype=np.float64)
    if not np.isfinite(row).all():
        raise ValueError('not finite')
    stream.values.extend(row)
    stream.rows.append(len(stream.log_ns) - 1)
