# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Messages built and serialised without ROS are what ROS reads.
"""
from __future__ import annotations

import numpy as np
import pytest

from vaa_ros.core.errors import BagError
from vaa_ros.core.types import JointState
from vaa_ros.recording import messages

STAMP_NS = 1_700_000_000_987_654_321


def test_image_round_trip() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    message = messages.deserialize(messages.IMAGE, messages.image(rgb, STAMP_NS, 'front'))
    assert messages.header_stamp_ns(message) == STAMP_NS
    assert (message.width, message.height, message.step) == (7, 5, 21)
    assert (message.encoding, message.header.frame_id) == ('rgb8', 'front')
    np.testing.assert_array_equal(message.data.reshape(5, 7, 3), rgb)


def test_joint_state_round_trip() -> None:
    state = JointState(STAMP_NS, ('a', 'b'), [1.5, -2.5], [0.1, 0.2])
    message = messages.deserialize(messages.JOINT_STATE, messages.joint_state(state, 'base'))
    assert message.name == ['a', 'b']
    assert message.position.tolist() == [1.5, -2.5]
    assert message.velocity.tolist() == [0.1, 0.2]
    no_velocity = messages.joint_state(JointState(STAMP_NS, ('a',), [1.0]))
    assert messages.deserialize(messages.JOINT_STATE, no_velocity).velocity.size == 0


def test_joint_trajectory_and_status_round_trip() -> None:
    data = messages.joint_trajectory(['a'], [0.5], 1 / 30, STAMP_NS)
    point = messages.deserialize(messages.JOINT_TRAJECTORY, data).points[0]
    assert point.positions.tolist() == [0.5]
    assert (point.time_from_start.sec, point.time_from_start.nanosec) == (0, 33_333_333)
    status = messages.deserialize(
        messages.DIAGNOSTIC_STATUS,
        messages.diagnostic_status('sim', 'reach', {'success': 'true'}, 1))
    assert (status.level, status.values[0].key, status.values[0].value) == (1, 'success', 'true')


@pytest.mark.parametrize('msgtype', sorted({
    *messages.COMMAND_TYPES.values(), messages.COMPRESSED_IMAGE, 'sensor_msgs/msg/Joy',
    'std_msgs/msg/Empty', 'std_msgs/msg/Bool', 'geometry_msgs/msg/PoseWithCovariance',
    'tf2_msgs/msg/TFMessage'}))
def test_missing_fields_are_zero(msgtype: str) -> None:
    data = messages.serialize(msgtype, {})
    assert bytes(messages.serialize(msgtype, messages.deserialize(msgtype, data))) == data


def test_rclpy_reads_the_same() -> None:
    serialization = pytest.importorskip('rclpy.serialization')
    from geometry_msgs.msg import TwistStamped
    from trajectory_msgs.msg import JointTrajectory
    data = messages.serialize(messages.TWIST_STAMPED, {
        'header': messages.header(STAMP_NS, 'base_link'), 'twist': {'linear': {'x': 0.25}}})
    twist = serialization.deserialize_message(data, TwistStamped)
    assert (twist.header.stamp.sec, twist.header.stamp.nanosec) == divmod(STAMP_NS, 10**9)
    assert (twist.header.frame_id, twist.twist.linear.x) == ('base_link', 0.25)
    trajectory = serialization.deserialize_message(
        messages.joint_trajectory(['a', 'b'], [1.0, 2.0], 0.5), JointTrajectory)
    assert list(trajectory.points[0].positions) == [1.0, 2.0]


@pytest.mark.parametrize(('call', 'words'), [
    (lambda: messages.make('sensor_msgs/msg/Imag'), "Did you mean 'sensor_msgs/msg/Image'"),
    (lambda: messages.make(messages.IMAGE, {'widht': 3}), "Did you mean 'width'"),
    (lambda: messages.serialize(messages.IMAGE, {'width': -1}), 'does not fit'),
    (lambda: messages.deserialize(messages.IMAGE, b''), 'are not a sensor_msgs/msg/Image'),
    (lambda: messages.deserialize(messages.IMAGE, b'\0\1\0\0abc'), 'are not a'),
    (lambda: messages.schema('foo/msg/Bar'), "unknown message type 'foo/msg/Bar'"),
    (lambda: messages.register_type('foo/msg/Bar', 'float64 3x = ?'), 'cannot be used'),
])
def test_errors_name_what_is_wrong(call, words: str) -> None:
    with pytest.raises(BagError, match=words):
        call()


def test_schema_is_what_ros_says() -> None:
    text, digest = messages.schema(messages.JOINT_STATE)
    assert text.startswith('std_msgs/Header header\nstring[] name\nfloat64[] position\n')
    assert f'{"=" * 80}\nMSG: std_msgs/Header\n' in text
    # rosidl's own hash of this type (sensor_msgs/msg/JointState.json of ROS 2).
    assert digest == ('RIHS01_'
                      'a13ee3a330e346c9d87b5aa18d24e11690752bd33a0350f11c5882bc9179260e')


def test_a_registered_type_can_be_written() -> None:
    messages.register_type('my_msgs/msg/Touch', 'std_msgs/Header header\nfloat64[<=3] force\n'
                           f'{"=" * 80}\nMSG: std_msgs/Header\n'
                           'builtin_interfaces/Time stamp\nstring frame_id\n')
    data = messages.serialize('my_msgs/msg/Touch', {'force': [1.0, 2.0]})
    assert messages.deserialize('my_msgs/msg/Touch', data).force.tolist() == [1.0, 2.0]
