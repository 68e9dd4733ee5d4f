# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The world of faults.py: an arm and two cameras, each a process, with everything that can be wrong.

    python benchmarks/fault_world.py arm
    python benchmarks/fault_world.py cameras
    python benchmarks/fault_world.py rival               # could command the arm, too
    python benchmarks/fault_world.py button              # presses the emergency stop, and stays
    python benchmarks/fault_world.py heartbeat           # says again and again that nobody does

Each line of JSON on stdin sets some of :data:`ARM` or :data:`CAMERA`; one line comes back: when
the last message went out before that (``last_ns``, monotonic clock), where the arm then was, and
how fast it was since the last answer.
The end of stdin ends the process.
"""
from __future__ import annotations

import argparse
from collections.abc import Callable
import json
import queue
import sys
import threading
import time
from typing import Any

from fault_models import BLUE
from fault_models import GREEN
from fault_models import HEIGHT
from fault_models import WIDTH
import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState as JointStateMsg
from std_msgs.msg import Bool
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.core.robot import load_robot
from vaa_ros.core.types import JointState
from vaa_ros.ros.conversions import joint_state_to_msg
from vaa_ros.ros.conversions import joint_trajectory_from_msg
from vaa_ros.ros.conversions import ns_to_stamp
from vaa_ros.ros.conversions import rgb_to_image
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import IMAGE_OUT
from vaa_ros.ros.qos import JOINTS_OUT
from vaa_ros.ros.qos import LATCHED

ROBOT = load_robot('vaa_arm')
SPEEDS = np.array([joint.velocity for joint in ROBOT.joints])
KEYS = ('front', 'wrist')
ARM_S, CAMERA_S, BEAT_S = 0.01, 1 / 30, 0.05
NS = 10**9

ARM = {
    'silent': False, 'follows': True, 'late_s': 0.0, 'echo_s': 0.0, 'repeats': False,
    'names': 'all', 'nan': False, 'leap': 0.0, 'clock_s': 0.0,
}
"""Says nothing; obeys; stamps too old by; sends another one that much older after each; stands
still on its stamp; names that it tells: all, missing, turned, more; one position is NaN; how
far joint_2 is told to be from where it is [rad]; how far /clock is ahead, None for not told."""

CAMERA = {
    'silent': False, 'late_s': 0.0, 'creep_s': 0.0, 'echo_s': 0.0, 'repeats': False,
    'frozen': False, 'look': 'live', 'encoding': 'rgb8', 'scale': 1, 'cut': False, 'order': 0,
    'frames': -1, 'loss': 0.0, 'claims': 0, 'flood': 0,
}
"""The same of both cameras, and: lateness that it gains with each frame; the same bytes with new
stamps; live, black or white; an encoding; how many times too large; data cut off; what the first
pixel asks the policy for, and for how many frames; the share of them that gets lost; rows and
columns that the header claims; how many more come with each."""


class World:
    """
    Says something again and again, and takes settings from stdin in between.

    :param settings: what can be set.
    :param period_s: time between two turns [s].
    """

    def __init__(self, settings: dict[str, Any], period_s: float) -> None:
        rclpy.init()
        self.settings = settings
        self._period_s = period_s
        self._orders: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._last_ns = 0
        threading.Thread(target=self._read, daemon=True).start()

    def run(self, turn: Callable[[int], bool], answer: Callable[[], dict[str, Any]]) -> None:
        """
        Take turns until stdin ends.

        :param turn: what to do at a time of the stamps [ns]; whether something good was said.
        :param answer: what to add to an answer.
        """
        due_s = time.monotonic()
        while True:
            while not self._orders.empty():
                order = self._orders.get()
                if order is None:
                    return
                self._obey(order)
                print(json.dumps({'last_ns': self._last_ns, **answer()}), flush=True)
            if turn(time.time_ns()):
                self._last_ns = time.monotonic_ns()
            due_s = max(due_s + self._period_s, time.monotonic() - self._period_s)
            time.sleep(max(0.0, due_s - time.monotonic()))

    def _obey(self, order: dict[str, Any]) -> None:
        unknown = set(order) - set(self.settings) - {'who'}
        if unknown:
            raise SystemExit(f'unknown: {", ".join(unknown)}; known: {", ".join(self.settings)}')
        self.settings.update(order)

    def _read(self) -> None:
        for line in sys.stdin:
            self._orders.put(json.loads(line))
        self._orders.put(None)


class Cameras(World):
    """
    Two cameras at 30 Hz, whose every picture is another one.
    """

    def __init__(self) -> None:
        super().__init__(dict(CAMERA), CAMERA_S)
        self.each = {key: dict(CAMERA) for key in KEYS}
        self._noise = np.random.default_rng(0)
        node = rclpy.create_node('cameras')
        self._publishers = {key: node.create_publisher(Image, f'vision/{key}', IMAGE_OUT)
                            for key in KEYS}
        self._pictures: dict[str, np.ndarray] = {}
        self._stamps = dict.fromkeys(KEYS, 0)

    def turn(self, now_ns: int) -> bool:
        """
        Show a picture of each.
        """
        shown = [self._show(key, now_ns) for key in KEYS]
        return all(shown)

    def _obey(self, order: dict[str, Any]) -> None:
        super()._obey(order)
        for key in KEYS:
            if order.get('who', key) == key:
                self.each[key].update(order)

    def _show(self, key: str, now_ns: int) -> bool:
        is_ = self.each[key]
        if is_['silent']:
            return False
        if not is_['repeats']:
            is_['late_s'] += is_['creep_s']
            self._stamps[key] = now_ns - round(is_['late_s'] * NS)
        if not is_['frozen']:
            self._pictures[key] = self._picture(is_)
        stamp_ns, publisher = self._stamps[key], self._publishers[key]
        message = rgb_to_image(self._pictures[key], stamp_ns, key)
        message.encoding = is_['encoding']
        if is_['cut']:
            message.data = message.data[:100]
        if is_['claims']:
            message.height = message.width = is_['claims']
            message.step = 3 * message.width
        if self._noise.random() >= is_['loss']:
            publisher.publish(message)
        for more in range(is_['flood']):
            publisher.publish(rgb_to_image(self._picture(is_), stamp_ns + more + 1, key))
        if is_['echo_s']:
            publisher.publish(rgb_to_image(
                self._picture(is_), stamp_ns - round(is_['echo_s'] * NS), key))
        if is_['frames'] >= 0:
            is_['frames'] -= 1
            if is_['frames'] < 0:
                is_['order'] = 0
        return all(is_[name] == value for name, value in CAMERA.items())

    def _picture(self, is_: dict[str, Any]) -> np.ndarray:
        shape = HEIGHT * is_['scale'], WIDTH * is_['scale'], 3
        if is_['look'] != 'live':
            return np.full(shape, 0 if is_['look'] == 'black' else 255, np.uint8)
        picture = self._noise.integers(20, 240, shape, np.uint8)
        if is_['order']:
            picture[0, 0] = is_['order'], GREEN, BLUE
        return picture


class Arm(World):
    """
    An arm that does what it is told at once, within the time that it is given, at 100 Hz.

    :param position: where it begins.
    """

    def __init__(self, position: list[float] | None = None) -> None:
        super().__init__(dict(ARM), ARM_S)
        self._node = rclpy.create_node('arm')
        self._publisher = self._node.create_publisher(JointStateMsg, 'joint_states', JOINTS_OUT)
        self._node.create_subscription(JointTrajectory, 'joint_trajectory', self._take, COMMAND)
        self._clock = self._node.create_publisher(Clock, '/clock', EVENTS)
        self.position = np.array(position or ROBOT.home)
        self._goal = self.position, 0.0
        self._moved_s = time.monotonic()
        self._stamp_ns = 0
        self._fastest = 0.0
        executor = SingleThreadedExecutor()
        executor.add_node(self._node)
        threading.Thread(target=executor.spin, daemon=True).start()

    def _take(self, message: JointTrajectory) -> None:
        names, points, times = joint_trajectory_from_msg(message)
        order = [names.index(name) for name in ROBOT.joint_names]
        self._goal = points[0][order], time.monotonic() + times[0]

    def turn(self, now_ns: int) -> bool:
        """
        Move on, and say where it is.
        """
        self._move()
        is_ = self.settings
        if is_['clock_s'] is not None:
            self._clock.publish(Clock(clock=ns_to_stamp(now_ns + round(is_['clock_s'] * NS))))
        if is_['silent']:
            return False
        if not is_['repeats']:
            self._stamp_ns = now_ns - round(is_['late_s'] * NS)
        self._publisher.publish(self._state(self._stamp_ns))
        if is_['echo_s']:
            self._publisher.publish(self._state(self._stamp_ns - round(is_['echo_s'] * NS)))
        return is_ == ARM

    def _move(self) -> None:
        now_s = time.monotonic()
        before_s, self._moved_s = self._moved_s, now_s
        goal, due_s = self._goal
        if self.settings['follows']:
            share = 1.0 if now_s >= due_s else (now_s - before_s) / (due_s - before_s)
            way = share * (goal - self.position)
            self.position = self.position + way
            if now_s > before_s:
                self._fastest = max(self._fastest, float(
                    (np.abs(way) / SPEEDS).max() / (now_s - before_s)))

    def answer(self) -> dict[str, Any]:
        """
        Say where it is, and how fast it was since the last time, as a share of its limits.
        """
        fastest, self._fastest = self._fastest, 0.0
        return {'position': self.position.tolist(), 'fastest': fastest}

    def _state(self, stamp_ns: int) -> JointStateMsg:
        is_, position = self.settings, self.position.copy()
        position[1] += is_['leap']
        position[2] = np.nan if is_['nan'] else position[2]
        names, values = list(ROBOT.joint_names), list(position)
        if is_['names'] == 'missing':
            names, values = names[:-1], values[:-1]
        elif is_['names'] == 'turned':
            names, values = names[::-1], values[::-1]
        elif is_['names'] == 'more':
            names, values = ['wheel', *names[3:], 'lift', *names[:3]], [
                9.0, *values[3:], -9.0, *values[:3]]
        return joint_state_to_msg(JointState(stamp_ns, tuple(names), np.array(values)))


def bystander(role: str) -> None:
    """
    Be a publisher that disturbs by being there.

    :param role: ``rival``, ``button`` or ``heartbeat``.
    """
    def turn(now_ns: int) -> bool:
        if role == 'heartbeat':
            publisher.publish(Bool(data=False))
        return True
    world = World({}, BEAT_S)
    node = rclpy.create_node(role)
    if role == 'rival':
        publisher = node.create_publisher(JointTrajectory, 'joint_trajectory', COMMAND)
    else:
        publisher = node.create_publisher(Bool, 'e_stop', LATCHED)
        publisher.publish(Bool(data=role == 'button'))
    world.run(turn, dict)
    node.destroy_node()


def main() -> None:
    """
    Be one of them.
    """
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('role', choices=('arm', 'cameras', 'rival', 'button',
                                         'heartbeat'))
    parser.add_argument('--at', type=json.loads, help='where the arm begins')
    args = parser.parse_args()
    if args.role == 'arm':
        arm = Arm(args.at)
        arm.run(arm.turn, arm.answer)
    elif args.role == 'cameras':
        cameras = Cameras()
        cameras.run(cameras.turn, dict)
    else:
        bystander(args.role)
    rclpy.try_shutdown()


if __name__ == '__main__':
    main()
