# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
ROS 2 messages without ROS: build, serialise and describe them from their definitions.

Message types are named as in a bag: ``sensor_msgs/msg/Image``.
"""
from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
import functools
from typing import Any

import numpy as np
from rosbags.typesys import get_types_from_msg
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores
from rosbags.typesys.store import Typestore

from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import unknown_name
from vaa_ros.core.types import JointState
from vaa_ros.core.types import NANOSECONDS

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage'
COMPRESSED_VIDEO = 'foxglove_msgs/msg/CompressedVideo'
BOOL = 'std_msgs/msg/Bool'
STRING = 'std_msgs/msg/String'
JOINT_STATE = 'sensor_msgs/msg/JointState'
JOINT_TRAJECTORY = 'trajectory_msgs/msg/JointTrajectory'
FLOAT64_ARRAY = 'std_msgs/msg/Float64MultiArray'
POSE_STAMPED = 'geometry_msgs/msg/PoseStamped'
TWIST_STAMPED = 'geometry_msgs/msg/TwistStamped'
DIAGNOSTIC_STATUS = 'diagnostic_msgs/msg/DiagnosticStatus'

COMMAND_TYPES = {
    'joint_trajectory': JOINT_TRAJECTORY,
    'commands': FLOAT64_ARRAY,
    'target_pose': POSE_STAMPED,
    'delta_twist_cmds': TWIST_STAMPED,
}
"""The message type of each command topic."""
READ_TYPES = frozenset({IMAGE, COMPRESSED_IMAGE, COMPRESSED_VIDEO, BOOL, STRING, JOINT_STATE,
                        DIAGNOSTIC_STATUS, *COMMAND_TYPES.values()})
"""Message types whose fields this package reads."""

_COMPRESSED_VIDEO = """builtin_interfaces/Time timestamp
string frame_id
uint8[] data
string format
"""
_BASE, _NAME, _ARRAY, _SEQUENCE = 1, 2, 3, 4
_NUMPY = {'bool': np.bool_, 'byte': np.uint8, 'octet': np.uint8, 'char': np.uint8}


@functools.lru_cache(maxsize=1)
def typestore() -> Typestore:
    """
    Give the store of message definitions of ROS 2 Kilted, with the types that were registered.

    :return: the one store of this process.
    """
    store = get_typestore(Stores.ROS2_KILTED)
    store.register(get_types_from_msg(_COMPRESSED_VIDEO, COMPRESSED_VIDEO))
    return store


def register_type(msgtype: str, definition: str) -> None:
    """
    Add a message type that does not come with the store.

    :param msgtype: its name, ``package/msg/Name``.
    :param definition: its .msg text, dependencies after ``===`` lines.
    :raises BagError: if the text is not a message definition.
    """
    try:
        found = get_types_from_msg(definition, msgtype)
        known = typestore().fielddefs
        typestore().register({name: fields for name, fields in found.items()
                              if name not in known})
    except Exception as error:
        raise BagError(f'the definition of {msgtype} cannot be used: {error}') from error


@functools.lru_cache(maxsize=256)
def schema(msgtype: str) -> tuple[str, str]:
    """
    Describe a message type as rosbag2 does.

    :param msgtype: name of the type.
    :return: the .msg text with its dependencies, and the RIHS01 hash.
    :raises BagError: if the type is unknown.
    """
    _fields(msgtype)
    try:
        text, _ = typestore().generate_msgdef(msgtype, ros_version=2)
        return text, typestore().hash_rihs01(msgtype)
    except Exception as error:
        raise BagError(f'the definition of {msgtype} is incomplete: {error}') from error


def warm_up() -> None:
    """Load and describe the usual message types now, so that no episode waits for it."""
    for msgtype in (IMAGE, COMPRESSED_IMAGE, JOINT_STATE, DIAGNOSTIC_STATUS, STRING, BOOL,
                    *COMMAND_TYPES.values()):
        schema(msgtype)


def make(msgtype: str, fields: Mapping[str, Any] | None = None) -> Any:
    """
    Build a message from plain values.

    :param msgtype: name of the type.
    :param fields: values by field name; nested messages as mappings; what is missing is zero.
    :return: the message object of the rosbags library.
    :raises BagError: if the type or a field does not exist.
    """
    given = dict(fields or {})
    definition = _fields(msgtype)
    names = [name for name, _ in definition if name != 'structure_needs_at_least_one_member']
    for name in given:
        if name not in names:
            raise BagError(f'{msgtype}: {unknown_name("field", name, names)}')
    return typestore().types[msgtype](
        **{name: _value(kind, given.get(name)) for name, kind in definition})


def serialize(msgtype: str, fields: Mapping[str, Any] | Any) -> bytes:
    """
    Serialise a message to CDR.

    :param msgtype: name of the type.
    :param fields: plain values as for :func:`make`, or a message object of the rosbags library.
    :return: the bytes that rosbag2 stores.
    :raises BagError: if a value does not fit its field.
    """
    plain = fields is None or isinstance(fields, Mapping)
    message = make(msgtype, fields) if plain else fields
    try:
        return bytes(typestore().serialize_cdr(message, msgtype))
    except Exception as error:
        raise BagError(f'{msgtype}: a value does not fit its field: {error}') from error


def deserialize(msgtype: str, data: bytes) -> Any:
    """
    Read a message from CDR.

    :param msgtype: name of the type.
    :param data: the serialised message.
    :return: the message object of the rosbags library.
    :raises BagError: if the bytes are not such a message.
    """
    try:
        return typestore().deserialize_cdr(data, msgtype)
    except Exception as error:
        raise BagError(f'{len(data)} bytes are not a {msgtype}: {error}') from error


def header(stamp_ns: int, frame_id: str = '') -> dict[str, Any]:
    """
    Give a std_msgs/Header as plain values.

    :param stamp_ns: stamp [ns].
    :param frame_id: frame.
    :return: values for :func:`make`.
    """
    return {'stamp': {'sec': stamp_ns // NANOSECONDS, 'nanosec': stamp_ns % NANOSECONDS},
            'frame_id': frame_id}


def header_stamp_ns(message: Any) -> int | None:
    """
    Give the stamp of a message's header.

    :param message: a message object of the rosbags library.
    :return: stamp [ns], or None for a message without header; Foxglove's messages have a
        timestamp instead.
    """
    head = getattr(message, 'header', None)
    stamp = getattr(message, 'timestamp', None) if head is None else head.stamp
    return None if stamp is None else stamp.sec * NANOSECONDS + stamp.nanosec


def image(rgb: np.ndarray, stamp_ns: int, frame_id: str = '') -> bytes:
    """
    Serialise an rgb8 Image.

    :param rgb: picture (H, W, 3) uint8.
    :param stamp_ns: capture time [ns].
    :param frame_id: frame of the camera.
    :return: CDR bytes of a sensor_msgs/Image.
    """
    height, width = rgb.shape[:2]
    return serialize(IMAGE, {
        'header': header(stamp_ns, frame_id), 'height': height, 'width': width,
        'encoding': 'rgb8', 'step': 3 * width, 'data': np.ascontiguousarray(rgb).reshape(-1)})


def joint_state(state: JointState, frame_id: str = '') -> bytes:
    """
    Serialise a joint state.

    :param state: the joint state.
    :param frame_id: frame of the base.
    :return: CDR bytes of a sensor_msgs/JointState.
    """
    return serialize(JOINT_STATE, {
        'header': header(state.stamp_ns, frame_id), 'name': list(state.names),
        'position': state.position,
        'velocity': () if state.velocity is None else state.velocity})


def joint_trajectory(names: Sequence[str], positions: Sequence[float] | np.ndarray, dt_s: float,
                     stamp_ns: int = 0) -> bytes:
    """
    Serialise a JointTrajectory of one point.

    :param names: joint names.
    :param positions: the point (n,) [rad or m].
    :param dt_s: time from start [s].
    :param stamp_ns: header stamp [ns].
    :return: CDR bytes of a trajectory_msgs/JointTrajectory.
    """
    due_ns = round(dt_s * NANOSECONDS)
    return serialize(JOINT_TRAJECTORY, {
        'header': header(stamp_ns), 'joint_names': list(names),
        'points': [{'positions': positions, 'time_from_start': {
            'sec': due_ns // NANOSECONDS, 'nanosec': due_ns % NANOSECONDS}}]})


def diagnostic_status(name: str, message: str, values: Mapping[str, str],
                      level: int = 0) -> bytes:
    """
    Serialise a DiagnosticStatus.

    :param name: what it is about.
    :param message: one line.
    :param values: keys and values.
    :param level: 0 ok, 1 warning, 2 error, 3 stale.
    :return: CDR bytes of a diagnostic_msgs/DiagnosticStatus.
    """
    return serialize(DIAGNOSTIC_STATUS, {
        'level': level, 'name': name, 'message': message,
        'values': [{'key': key, 'value': value} for key, value in values.items()]})


def _fields(msgtype: str) -> list[tuple[str, Any]]:
    known = typestore().fielddefs
    if msgtype not in known:
        package = msgtype.split('/')[0]
        near = [name for name in known if name.split('/')[0] == package]
        raise BagError(str(unknown_name('message type', msgtype, near)))
    fields = known[msgtype][1]
    return fields or [('structure_needs_at_least_one_member', (_BASE, ('uint8', 0)))]


def _value(kind: Any, given: Any) -> Any:
    node, detail = kind
    if node == _BASE:
        return _scalar(detail[0], given)
    if node == _NAME:
        return given if _is_message(given) else make(detail, given)
    (item_node, item), count = detail
    length = count if node == _ARRAY else 0
    if item_node == _NAME:
        return [_value((item_node, item), each)
                for each in (given if given is not None else [None] * length)]
    if item[0] in ('string', 'wstring'):
        return list(given) if given is not None else [''] * length
    dtype = _NUMPY.get(item[0]) or np.dtype(item[0])
    return np.asarray(given if given is not None else np.zeros(length), dtype=dtype)


def _scalar(name: str, given: Any) -> Any:
    if name in ('string', 'wstring'):
        return '' if given is None else str(given)
    if name == 'bool':
        return bool(given)
    if name.startswith('float'):
        return float(given or 0.0)
    return int(given or 0)


def _is_message(given: Any) -> bool:
    return given is not None and hasattr(given, '__msgtype__')
