# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A policy at 30 Hz, setpoints at 100 Hz: ticks missed, jitter, and steps of the velocity.

    python benchmarks/control_ticks.py                       # one minute each
    python benchmarks/control_ticks.py --seconds 3600 --baseline-seconds 300 --priority 50

Processes: the simulated arm with two cameras, ``camera_subscriber``, ``policy``, and this one,
which receives the commands; every ten seconds the arm begins anew. The baseline, measured in the
same run, is what is written first: one plain rclpy node with a timer at 100 Hz whose callback asks
the same ONNX file when there are new pictures, and publishes the point of the chunk that is due,
interpolated between two actions, with no checks of any kind. Both use one inference thread.

An interval is the time between two commands as their publisher stamped them, jitter is how far it
is from 10 ms, and a missed tick is one that is missing in an interval. A velocity is the way from
one command to the next in 10 ms, and its step the change from one to the next, largest joint, the
gripper left out. What falls within a second after the arm began anew is left out. Memory and
threads are those of the node's process, after a tenth of the time and at the end.
"""
from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
import sys
import time
from typing import Any

from bench import held_by
from bench import make_parser
from bench import running
from bench import show
from bench import Spinning
import numpy as np

RATE_HZ = 100.0
PERIOD_S = 1.0 / RATE_HZ
EPISODE_S, SETTLE_S = 10.0, 1.0
WARM_UP_S = 5.0
START_S = 60.0
NODE = [sys.executable, '-m']


class Bare:
    """
    The baseline: one node whose timer asks the policy and publishes.

    :param model: the ONNX file.
    """

    def __init__(self, model: str) -> None:
        import onnxruntime
        import rclpy
        from rclpy.qos import QoSProfile
        from rclpy.qos import ReliabilityPolicy
        from sensor_msgs.msg import Image
        from sensor_msgs.msg import JointState
        from trajectory_msgs.msg import JointTrajectory
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            model, options, providers=['CPUExecutionProvider'])
        metadata = self._session.get_modelmeta().custom_metadata_map
        spec = json.loads(metadata['vaa_policy_spec'])
        self._size = (spec['cameras'][0]['width'], spec['cameras'][0]['height'])
        self._cameras = [camera['key'] for camera in spec['cameras']]
        self._names = [joint['name'] for joint in spec['joints']]
        self._dt_s = 1.0 / spec['control_rate_hz']
        self._seen: dict[str, Any] = {}
        self._stamp_s = self._asked_s = 0.0
        self._actions: np.ndarray | None = None
        self.node = rclpy.create_node('bare')
        self._publisher = self.node.create_publisher(JointTrajectory, 'joint_trajectory', 1)
        best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        for key in self._cameras:
            self.node.create_subscription(
                Image, f'{key}/image_raw', lambda message, key=key: self._on_image(key, message),
                best_effort)
        self.node.create_subscription(
            JointState, 'joint_states',
            lambda message: self._seen.update(state=message.position), 1)
        self.node.create_timer(PERIOD_S, self._on_timer)

    def _on_image(self, key: str, message: Any) -> None:
        import cv2
        picture = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
        self._seen[key] = cv2.resize(picture, self._size, interpolation=cv2.INTER_AREA)
        self._stamp_s = message.header.stamp.sec + message.header.stamp.nanosec / 1e9

    def _on_timer(self) -> None:
        from trajectory_msgs.msg import JointTrajectory
        from trajectory_msgs.msg import JointTrajectoryPoint
        if len(self._seen) <= len(self._cameras):
            return
        if self._stamp_s > self._asked_s:
            inputs = {f'image_{key}': self._seen[key][None] for key in self._cameras}
            inputs['state'] = np.array([self._seen['state']], np.float32)
            self._actions = self._session.run(['actions'], inputs)[0][0]
            self._asked_s = self._stamp_s
        place = min((time.time() - self._asked_s) / self._dt_s, len(self._actions) - 1.001)
        index = max(int(place), 0)
        before, after = self._actions[index], self._actions[index + 1]
        point = JointTrajectoryPoint(
            positions=(before + (place - index) * (after - before)).astype(float).tolist())
        point.time_from_start.nanosec = round(PERIOD_S * 1e9)
        self._publisher.publish(JointTrajectory(joint_names=self._names, points=[point]))


class Listener(Spinning):
    """
    Receives the commands, begins episodes, and asks the policy node what it counted.
    """

    def __init__(self) -> None:
        from diagnostic_msgs.msg import DiagnosticStatus
        from rclpy.qos import QoSProfile
        from std_srvs.srv import Trigger
        from trajectory_msgs.msg import JointTrajectory

        from vaa_ros.ros.diagnostics import status_values
        super().__init__('listener')
        self.commands: list[tuple[float, np.ndarray]] = []
        self.begun: list[float] = []
        self.status: dict[str, str] = {}

        def on_command(message: JointTrajectory, info: dict[str, Any]) -> None:
            self.commands.append((info['source_timestamp'] / 1e9,
                                  np.array(message.points[0].positions)))

        self.node.create_subscription(
            JointTrajectory, 'joint_trajectory', on_command, QoSProfile(depth=1000))
        self.node.create_subscription(
            DiagnosticStatus, 'policy/status',
            lambda message: setattr(self, 'status', status_values(message)), 10)
        self._request = Trigger.Request
        self._services = [self.node.create_client(Trigger, name)
                          for name in ('sim_arm/reset', 'policy/reset_policy')]
        self.spin()

    def begin(self) -> None:
        """
        Let the arm begin anew.
        """
        self.begun.append(time.time())
        for service in self._services:
            if service.service_is_ready():
                service.call_async(self._request())

    def run(self, seconds: float, node: int) -> dict[str, float]:
        """
        Wait for the first command, then receive for a while.

        :param seconds: how long, after a warm-up [s].
        :param node: process id of the node that commands.
        :return: its memory [MB] and threads, after a tenth of the time and at the end.
        """
        deadline_s = time.monotonic() + START_S
        while not self.commands:
            if time.monotonic() > deadline_s:
                raise SystemExit(f'no command came within {START_S:g} s; the policy node said: '
                                 f'{self.status}')
            time.sleep(0.1)
        time.sleep(WARM_UP_S)
        self.commands.clear()
        end_s = time.monotonic() + seconds
        early: dict[str, float] = {}
        while (left_s := end_s - time.monotonic()) > 0:
            if not early and left_s <= 0.9 * seconds:
                early = held_by(node)
            self.begin()
            time.sleep(min(EPISODE_S, left_s))
        late = held_by(node)
        return {f'{key}_{when}': value for when, values in (('early', early), ('end', late))
                for key, value in values.items()}


def figures(commands: list[tuple[float, np.ndarray]], begun: list[float], joints: int,
            ) -> dict[str, object]:
    """
    Say how regular and how smooth commands were.

    :param commands: when each was published [s], and the positions (n,) [rad or m].
    :param begun: when the arm began anew [s].
    :param joints: how many of the positions are joints.
    :return: the figures of one row.
    """
    times = np.array([time_s for time_s, _ in commands])
    track = np.array([position[:joints] for _, position in commands])
    since_s = times - np.array(begun)[np.searchsorted(begun, times).clip(1) - 1]
    kept = since_s > SETTLE_S
    intervals = np.diff(times)[kept[1:] & kept[:-1]]
    jitter = np.abs(intervals - PERIOD_S) * 1e3
    steps = np.abs(np.diff(track, 2, axis=0) / PERIOD_S).max(axis=1)[kept[2:] & kept[:-2]]
    p50, p99 = np.percentile(jitter, [50, 99])
    return {
        'commands': int(kept.sum()),
        'missed': int(np.maximum(np.round(intervals / PERIOD_S) - 1, 0).sum()),
        'jitter_ms_p50': round(p50, 2), 'jitter_ms_p99': round(p99, 2),
        'jitter_ms_max': round(jitter.max(), 2),
        'velocity_step_p99': round(float(np.percentile(steps, 99)), 3),
        'velocity_step_max': round(float(steps.max()), 3)}


def measure(chain: list[list[str]], task: str, seconds: float) -> dict[str, object]:
    """
    Measure one way to command the arm.

    :param chain: the processes beside the arm.
    :param task: the task of the arm.
    :param seconds: how long [s].
    :return: the figures of one row.
    """
    from vaa_ros.core.robot import load_robot
    joints = len(load_robot('vaa_arm').joints) - 1
    arm = [*NODE, 'vaa_ros.nodes.sim_arm', '--ros-args', '-p', f'task:={task}', '-p',
           'max_time_s:=3600.0']
    with running([arm, *chain]) as processes:
        listener = Listener()
        held = listener.run(seconds, processes[-1].pid)
        listener.close()
    said = {f'node_{key}': listener.status.get(key, '') for key in (
        'control_ticks', 'missed_ticks', 'over_budget_ticks', 'over_budget_stages',
        'tick_late_ms_p99', 'inference_ms_p50')}
    return {**figures(listener.commands, listener.begun, joints), **held, **said}


def main() -> None:
    """
    Measure both in turn, and print one table.
    """
    parser = make_parser(__doc__)
    parser.add_argument('--model', default='pick_place', help='model name or ONNX file')
    parser.add_argument('--task', default='pick_place', help='task of the simulated arm')
    parser.add_argument('--seconds', type=float, default=60.0, help='time each (default: 60)')
    parser.add_argument('--baseline-seconds', type=float,
                        help='time of the baseline (default: the same)')
    parser.add_argument('--priority', type=int, default=0, help='realtime_priority of the node')
    parser.add_argument('--role', choices=('bare',), help=argparse.SUPPRESS)
    args = parser.parse_args()
    from vaa_ros.core.paths import config_file
    from vaa_ros.core.paths import model_file
    model = model_file(args.model)
    if args.role:
        import rclpy
        rclpy.init()
        rclpy.spin(Bare(str(model)).node)
        return
    os.environ.update(ROS_DOMAIN_ID=os.environ.get('ROS_DOMAIN_ID', '96'),
                      ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST',
                      FASTDDS_DEFAULT_PROFILES_FILE=str(config_file('fastdds.xml')))
    own = [
        [*NODE, 'vaa_ros.nodes.camera_subscriber', '--ros-args', '-p', f'model_path:={model}'],
        [*NODE, 'vaa_ros.nodes.policy', '--ros-args', '-p', f'model_path:={model}', '-p',
         f'control_rate_hz:={RATE_HZ}', '-p', f'realtime_priority:={args.priority}', '-p',
         'watch_scene:=false', '-p', 'autostart:=true']]
    bare = [[sys.executable, str(Path(__file__)), '--model', str(model), '--role', 'bare']]
    rows = {'vaa_ros: control thread, inference thread': measure(own, args.task, args.seconds),
            'baseline: rclpy timer that infers in its callback':
                measure(bare, args.task, args.baseline_seconds or args.seconds)}
    show(f'{args.seconds:g} s of setpoints at {RATE_HZ:g} Hz', rows, args.json)


if __name__ == '__main__':
    main()
