# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Messages to core types and back.
"""
from __future__ import annotations

import numpy as np
import pytest
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState as JointStateMsg
from trajectory_msgs.msg import JointTrajectory
from trajectory_msgs.msg import JointTrajectoryPoint

from vaa_ros.core.errors import ImageError
from vaa_ros.core.errors import RosError
from vaa_ros.core.images import ENCODINGS
from vaa_ros.core.types import JointState
from vaa_ros.ros import conversions

STAMP_NS = 1_700_000_000_999_999_999


@pytest.mark.parametrize('stamp_ns', [0, 1, 999_999_999, 10**9, STAMP_NS, -1])
def test_stamps(stamp_ns: int) -> None:
    assert conversions.stamp_to_ns(conversions.ns_to_stamp(stamp_ns)) == stamp_ns


def test_images() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    message = conversions.rgb_to_image(rgb[:, ::-1], STAMP_NS, 'front')
    np.testing.assert_array_equal(conversions.image_to_rgb(message), rgb[:, ::-1])
    assert conversions.stamp_to_ns(message.header.stamp) == STAMP_NS
    with pytest.raises(ImageError, match='expected uint8'):
        conversions.rgb_to_image(rgb.astype(np.float32), 0, '')
    message.step = 3
    with pytest.raises(ImageError, match='step'):
        conversions.image_to_rgb(message)


@pytest.mark.parametrize('encoding', sorted(ENCODINGS))
def test_cv_bridge_gives_the_same_pictures(encoding: str) -> None:
    bridge = pytest.importorskip('cv_bridge').CvBridge()
    size = ENCODINGS[encoding][0]
    data = np.random.default_rng(0).integers(0, 256, 8 * 6 * size, dtype=np.uint8).tobytes()
    message = Image(height=6, width=8, encoding=encoding, step=8 * size, data=data)
    try:
        wanted = bridge.imgmsg_to_cv2(message, 'rgb8')
    except Exception as error:
        pytest.skip(f'cv_bridge does not know {encoding}: {error}')
    np.testing.assert_array_equal(conversions.image_to_rgb(message), wanted)


def test_joint_states() -> None:
    state = JointState(STAMP_NS, ('b', 'a'), [1.0, -2.0], [0.5, 0.25])
    back = conversions.joint_state_from_msg(conversions.joint_state_to_msg(state, 'base'))
    assert (back.stamp_ns, back.names) == (STAMP_NS, ('b', 'a'))
    assert back.position.tolist() == [1.0, -2.0] and back.velocity.tolist() == [0.5, 0.25]
    message = conversions.joint_state_to_msg(state)
    message.velocity = [1.0]
    assert conversions.joint_state_from_msg(message).velocity is None


@pytest.mark.parametrize('fields', [
    {'name': ['a', 'b'], 'position': [1.0]}, {'name': [], 'position': []},
    {'name': ['a', 'a'], 'position': [1.0, 2.0]}])
def test_bad_joint_states(fields: dict[str, list]) -> None:
    with pytest.raises(RosError, match='expected one position for each'):
        conversions.joint_state_from_msg(JointStateMsg(**fields))


def test_joint_trajectories() -> None:
    message = conversions.joint_trajectory_msg(['a', 'b'], [[1, 2], [3, 4]], 0.75, STAMP_NS)
    names, positions, times = conversions.joint_trajectory_from_msg(message)
    assert names == ('a', 'b')
    assert positions.tolist() == [[1, 2], [3, 4]] and times.tolist() == [0.75, 1.5]
    assert conversions.stamp_to_ns(message.header.stamp) == STAMP_NS
    with pytest.raises(RosError, match='expected one for each'):
        conversions.joint_trajectory_msg(['a'], [1, 2], 0.1)


def test_bad_joint_trajectories() -> None:
    point = JointTrajectoryPoint(positions=[1.0])
    for message in (JointTrajectory(), JointTrajectory(joint_names=['a']),
                    JointTrajectory(joint_names=['a', 'b'], points=[point]),
                    JointTrajectory(joint_names=['a'], points=[point, point])):
        with pytest.raises(RosError, match='joint trajectory has'):
            conversions.joint_trajectory_from_msg(message)


def test_poses_twists_and_arrays() -> None:
    pose = [0.1, 0.2, 0.3, 0.0, 0.6, 0.0, 0.8]
    message = conversions.pose_msg(pose, 'base_link', STAMP_NS)
    assert conversions.pose_from_msg(message).tolist() == pose
    twist = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    message = conversions.twist_msg(np.array(twist), 'base_link', STAMP_NS)
    assert conversions.twist_from_msg(message).tolist() == twist
    assert message.header.frame_id == 'base_link'
    assert list(conversions.positions_msg(np.arange(3)).data) == [0.0, 1.0, 2.0]
