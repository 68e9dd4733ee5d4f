# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Between ROS messages and the types of vaa_ros.core."""
from __future__ import annotations

from array import array
from collections.abc import Iterable
from collections.abc import Sequence
import functools
from typing import Any

from builtin_interfaces.msg import Duration
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped
from geometry_msgs.msg import TwistStamped
import numpy as np
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState as JointStateMsg
from std_msgs.msg import Float64MultiArray
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectory
from trajectory_msgs.msg import JointTrajectoryPoint

from vaa_ros.core.errors import ImageError
from vaa_ros.core.errors import RosError
from vaa_ros.core.images import decode_compressed
from vaa_ros.core.images import decode_image
from vaa_ros.core.images import DEPTHS
from vaa_ros.core.images import ENCODINGS
from vaa_ros.core.images import MAX_PIXELS
from vaa_ros.core.types import JointState
from vaa_ros.core.types import NANOSECONDS


def stamp_to_ns(stamp: Time) -> int:
    """
    Give a stamp in nanoseconds.

    :param stamp: the message.
    :return: time [ns].
    """
    return stamp.sec * NANOSECONDS + stamp.nanosec


def ns_to_stamp(stamp_ns: int) -> Time:
    """
    Give nanoseconds as a stamp.

    :param stamp_ns: time [ns].
    :return: the message.
    """
    return Time(sec=int(stamp_ns // NANOSECONDS), nanosec=int(stamp_ns % NANOSECONDS))


def image_to_rgb(message: Image) -> np.ndarray:
    """
    Give the picture in an Image message.

    The encodings of :mod:`vaa_ros.core.images` are decoded there, so that live and recorded
    frames are equal to the last bit; any other goes to cv_bridge where it is installed.

    :param message: the image.
    :return: rgb (H, W, 3) uint8.
    :raises ImageError: if the message does not hold what its header promises.
    """
    if message.encoding not in {**ENCODINGS, **DEPTHS} and _cv_bridge() is not None:
        try:
            return np.ascontiguousarray(_cv_bridge().imgmsg_to_cv2(message, 'rgb8'))
        except Exception as error:
            raise ImageError(f'cv_bridge cannot convert {message.encoding!r} to rgb8: '
                             f'{error}') from error
    return decode_image(message.height, message.width, message.encoding, message.step,
                        message.data)


def compressed_to_rgb(message: CompressedImage, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """
    Give the picture in a CompressedImage message.

    :param message: the image, JPEG or PNG.
    :param max_pixels: the largest picture to decode [px].
    :return: rgb (H, W, 3) uint8.
    :raises ImageError: if it cannot be decoded or is too large.
    """
    return decode_compressed(message.data, max_pixels, form=message.format)


def rgb_to_image(rgb: np.ndarray, stamp_ns: int, frame_id: str) -> Image:
    """
    Make an Image message of a picture.

    :param rgb: picture (H, W, 3) uint8.
    :param stamp_ns: capture time [ns].
    :param frame_id: frame of the camera.
    :return: the message, encoding rgb8.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ImageError(f'picture is {rgb.dtype} {rgb.shape}, expected uint8 (H, W, 3)')
    message = Image(height=rgb.shape[0], width=rgb.shape[1], encoding='rgb8',
                    step=3 * rgb.shape[1])
    message.header.stamp = ns_to_stamp(stamp_ns)
    message.header.frame_id = frame_id
    # The setter copies an array.array in one go; numpy arrays and lists go element by element.
    message.data = array('B', rgb.tobytes())
    return message


def joint_state_from_msg(message: JointStateMsg) -> JointState:
    """
    Give a JointState message as the core type.

    :param message: the message; velocities are dropped where they are not one per joint.
    :return: the joint state, in the order of the message.
    :raises RosError: if there is not one position per name.
    """
    count = len(message.name)
    if count == 0 or len(message.position) != count or len(set(message.name)) != count:
        raise RosError(f'joint state has names {list(message.name)} and '
                       f'{len(message.position)} positions, expected one position for each of '
                       'its names, no name twice')
    velocity = np.array(message.velocity) if len(message.velocity) == count else None
    return JointState(stamp_to_ns(message.header.stamp), tuple(message.name),
                      np.array(message.position), velocity)


def joint_state_to_msg(state: JointState, frame_id: str = '') -> JointStateMsg:
    """
    Make a JointState message.

    :param state: the joint state.
    :param frame_id: frame of the robot's base.
    :return: the message.
    """
    message = JointStateMsg(name=list(state.names), position=_doubles(state.position))
    message.header.stamp = ns_to_stamp(state.stamp_ns)
    message.header.frame_id = frame_id
    if state.velocity is not None:
        message.velocity = _doubles(state.velocity)
    return message


def joint_trajectory_msg(names: Sequence[str], positions: Iterable[float] | np.ndarray,
                         dt_s: float, stamp_ns: int = 0) -> JointTrajectory:
    """
    Make a JointTrajectory of points dt_s apart, the first one at dt_s.

    :param names: joint names.
    :param positions: one point (n,) or several (k, n) [rad or m].
    :param dt_s: time to the first point and between points [s].
    :param stamp_ns: start of the trajectory [ns]; 0 means on receipt.
    :return: the message.
    """
    points = np.atleast_2d(np.asarray(positions, dtype=np.float64))
    if points.shape[1] != len(names):
        raise RosError(f'positions have shape {points.shape}, expected one for each of '
                       f'{list(names)}')
    message = JointTrajectory(joint_names=list(names))
    message.header.stamp = ns_to_stamp(stamp_ns)
    for index, point in enumerate(points):
        due_ns = round((index + 1) * dt_s * NANOSECONDS)
        message.points.append(JointTrajectoryPoint(
            positions=_doubles(point),
            time_from_start=Duration(sec=due_ns // NANOSECONDS, nanosec=due_ns % NANOSECONDS)))
    return message


def joint_trajectory_from_msg(
        message: JointTrajectory) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """
    Give a JointTrajectory as arrays.

    :param message: the message.
    :return: joint names, positions (k, n) [rad or m], times from start (k,) [s].
    :raises RosError: if it has no point, a point has not one position per joint, or times do not
        increase.
    """
    names = tuple(message.joint_names)
    rows = [np.array(point.positions) for point in message.points]
    if not rows or not names or any(row.shape != (len(names),) for row in rows):
        raise RosError(f'joint trajectory has joints {list(names)} and points of '
                       f'{[len(row) for row in rows]} positions, expected at least one point '
                       'with one position for each joint')
    times = np.array([point.time_from_start.sec + point.time_from_start.nanosec / NANOSECONDS
                      for point in message.points])
    if times[0] < 0 or np.any(np.diff(times) <= 0):
        raise RosError(f'joint trajectory has times {times.tolist()} s, expected them to '
                       'increase from 0')
    return names, np.stack(rows), times


def positions_msg(values: Iterable[float]) -> Float64MultiArray:
    """
    Make a Float64MultiArray, as forward command controllers take it.

    :param values: the numbers in order.
    :return: the message.
    """
    return Float64MultiArray(data=_doubles(values))


def pose_msg(pose: Sequence[float] | np.ndarray, frame_id: str, stamp_ns: int) -> PoseStamped:
    """
    Make a PoseStamped.

    :param pose: x y z [m] qx qy qz qw (7,).
    :param frame_id: frame of the pose.
    :param stamp_ns: time [ns].
    :return: the message.
    """
    x, y, z, qx, qy, qz, qw = (float(value) for value in pose)
    message = PoseStamped()
    message.header.stamp = ns_to_stamp(stamp_ns)
    message.header.frame_id = frame_id
    position, orientation = message.pose.position, message.pose.orientation
    position.x, position.y, position.z = x, y, z
    orientation.x, orientation.y, orientation.z, orientation.w = qx, qy, qz, qw
    return message


def pose_from_msg(message: PoseStamped) -> np.ndarray:
    """
    Give a PoseStamped as an array.

    :param message: the message.
    :return: x y z [m] qx qy qz qw (7,).
    """
    position, orientation = message.pose.position, message.pose.orientation
    return np.array([position.x, position.y, position.z,
                     orientation.x, orientation.y, orientation.z, orientation.w])


def twist_msg(twist: Sequence[float] | np.ndarray, frame_id: str, stamp_ns: int) -> TwistStamped:
    """
    Make a TwistStamped.

    :param twist: vx vy vz [m/s] wx wy wz [rad/s] (6,).
    :param frame_id: frame of the twist.
    :param stamp_ns: time [ns].
    :return: the message.
    """
    message = TwistStamped()
    message.header.stamp = ns_to_stamp(stamp_ns)
    message.header.frame_id = frame_id
    linear, angular = message.twist.linear, message.twist.angular
    linear.x, linear.y, linear.z, angular.x, angular.y, angular.z = (
        float(value) for value in twist)
    return message


def twist_from_msg(message: TwistStamped) -> np.ndarray:
    """
    Give a TwistStamped as an array.

    :param message: the message.
    :return: vx vy vz [m/s] wx wy wz [rad/s] (6,).
    """
    linear, angular = message.twist.linear, message.twist.angular
    return np.array([linear.x, linear.y, linear.z, angular.x, angular.y, angular.z])


def still_message(message: Any, stamp_ns: int, since_ns: int = 0) -> Any:
    """
    Make the command that keeps the arm where a command of positions, or a twist, sent it.

    :param message: a command of any type, such as the last one that came.
    :param stamp_ns: the present [ns].
    :param since_ns: how long ago it came [ns].
    :return: the same target again, of a trajectory the point that is due; no motion for a twist.
    """
    if isinstance(message, TwistStamped):
        return twist_msg(np.zeros(6), message.header.frame_id, stamp_ns)
    if isinstance(message, PoseStamped):
        return pose_msg(pose_from_msg(message), message.header.frame_id, stamp_ns)
    if isinstance(message, JointTrajectory):
        begun_ns = stamp_to_ns(message.header.stamp)
        # A stamp of zero means now; one from the past would have the point be over already.
        return JointTrajectory(
            header=Header(frame_id=message.header.frame_id), joint_names=message.joint_names,
            points=_point_due(message.points, stamp_ns - begun_ns if begun_ns else since_ns))
    return message


def _point_due(points: Sequence[JointTrajectoryPoint], since_ns: int,
               ) -> list[JointTrajectoryPoint]:
    """
    Give the point that the arm is on its way to, or the last one, as one to stop at.

    :param points: the points of a trajectory.
    :param since_ns: time since its start [ns].
    :return: that point, to be reached in the time from the one before, so that the arm gets no
        faster than it was told; none where there are none.
    """
    before_ns = 0
    for point in points:
        due_ns = stamp_to_ns(point.time_from_start)
        if due_ns >= since_ns or point is points[-1]:
            way_ns = due_ns - before_ns
            return [JointTrajectoryPoint(positions=point.positions, time_from_start=Duration(
                sec=way_ns // NANOSECONDS, nanosec=way_ns % NANOSECONDS))]
        before_ns = due_ns
    return []


def _doubles(values: Any) -> array:
    return array('d', (float(value) for value in values))


@functools.lru_cache(maxsize=1)
def _cv_bridge() -> Any:
    """
    Give a CvBridge, or None where it is missing or built for another numpy.

    :return: the bridge.
    """
    try:
        from cv_bridge import CvBridge
        return CvBridge()
    except Exception:
        return None
