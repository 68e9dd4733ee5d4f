# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
From the last good frame to the hold: a camera stops while the arm moves, again and again.

    python benchmarks/time_to_hold.py                       # 50 times with each limit
    python benchmarks/time_to_hold.py --stops 10 --ages 0.1 --json out/time_to_hold.json

Processes: the driver of ``latency.py`` (two cameras of 640x480 at 30 Hz, joints at 100 Hz),
``camera_subscriber``, ``policy`` at its control rate of 30 Hz, and this one. At random moments
``camera_subscriber`` is stopped (SIGSTOP), so that no picture comes any more while joint states
do; 0.6 s later it goes on. The time is from the stamp of the last picture that was there to the
first command that holds, by the policy's own trace. Limits are ``max_image_age_s``: 0.2 s is the
default. A false hold is one while nothing was stopped. The last row is what is asked for: two
camera periods and a tick.
"""
from __future__ import annotations

import json
import os
from pathlib import Path
import random
import signal
import sys
import time

from bench import make_parser
from bench import running
from bench import show
from bench import Spinning
import numpy as np

CAMERA_S = TICK_S = 1 / 30
STOPPED_S = 0.6
BETWEEN_S = 2.0
"""Time to go on: inputs have to be good for a while, and the motion begins slowly."""
START_S = 30.0
NODE = [sys.executable, '-m']


class Listener(Spinning):
    """
    Receives the small pictures and the traces of the policy node.
    """

    def __init__(self) -> None:
        from rclpy.qos import qos_profile_sensor_data
        from sensor_msgs.msg import Image
        from std_msgs.msg import String
        super().__init__('listener')
        self.traces: list[tuple[float, str]] = []
        """When each command left [s], and the state of the gate."""
        self.pictures: list[float] = []
        """The stamp of each picture of the first camera [s]."""
        self.node.create_subscription(String, 'policy/trace', self._on_trace, 100)
        self.node.create_subscription(
            Image, 'vision/front', lambda message: self.pictures.append(
                message.header.stamp.sec + message.header.stamp.nanosec / 1e9),
            qos_profile_sensor_data)
        self.spin()

    def wait_running(self) -> None:
        """
        Wait until the arm is commanded to move.
        """
        end_s = time.monotonic() + START_S
        while not (self.traces and self.traces[-1][1] == 'running'):
            if time.monotonic() > end_s:
                raise SystemExit(f'the policy does not run: {self.traces[-1:]}')
            time.sleep(0.05)

    def _on_trace(self, message: object) -> None:
        told = json.loads(message.data)
        self.traces.append((told['sent_ns'] / 1e9, told['state']))


def first_hold(traces: list[tuple[float, str]], since_s: float) -> float | None:
    """
    Give when the first command of a hold left after a time [s], None for none.
    """
    return next((at_s for at_s, state in traces if at_s > since_s and state == 'holding'), None)


def measure(model: Path, max_age_s: float, stops: int) -> dict[str, object]:
    """
    Stop the cameras with one limit.

    :param model: the ONNX file.
    :param max_age_s: the limit [s].
    :param stops: how often.
    :return: the figures of one row.
    """
    driver = str(Path(__file__).with_name('latency.py'))
    chain = [
        [sys.executable, driver, '--role', 'driver'],
        [*NODE, 'vaa_ros.nodes.policy', '--ros-args', '-p', f'model_path:={model}', '-p',
         f'max_image_age_s:={max_age_s}', '-p', 'autostart:=true'],
        [*NODE, 'vaa_ros.nodes.camera_subscriber', '--ros-args', '-p', f'model_path:={model}']]
    rng = random.Random(0)
    took_ms, free_s, false = [], 0.0, 0
    with running(chain) as processes:
        listener = Listener()
        for _ in range(stops):
            listener.wait_running()
            began_s = time.time()
            time.sleep(BETWEEN_S + rng.uniform(0, 2 * CAMERA_S))
            stopped_s = time.time()
            false += any(began_s < at_s < stopped_s and state == 'holding'
                         for at_s, state in listener.traces)
            free_s += stopped_s - began_s
            processes[-1].send_signal(signal.SIGSTOP)
            time.sleep(STOPPED_S)
            last_s, held_s = listener.pictures[-1], first_hold(listener.traces, stopped_s)
            processes[-1].send_signal(signal.SIGCONT)
            if held_s is None:
                raise SystemExit('the camera was stopped and the arm not held')
            took_ms.append(1e3 * (held_s - last_s))
        listener.close()
    p50, p99 = np.percentile(took_ms, [50, 99])
    return {'stops': stops, 'to_hold_ms_p50': round(p50, 1), 'p99': round(p99, 1),
            'max': round(max(took_ms), 1), 'false_holds': false, 'in_s': round(free_s)}


def main() -> None:
    """
    Measure with each limit, and print one table.
    """
    parser = make_parser(__doc__)
    parser.add_argument('--model', default='pick_place', help='model name or ONNX file')
    parser.add_argument('--stops', type=int, default=50, help='how often each (default: 50)')
    parser.add_argument('--ages', type=float, nargs='+', default=[0.2, 0.1, 0.07],
                        metavar='SECONDS', help='limits (default: 0.2 0.1 0.07)')
    args = parser.parse_args()
    from vaa_ros.core.paths import config_file
    from vaa_ros.core.paths import model_file
    os.environ.update(ROS_DOMAIN_ID=os.environ.get('ROS_DOMAIN_ID', '93'),
                      ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST',
                      FASTDDS_DEFAULT_PROFILES_FILE=str(config_file('fastdds.xml')))
    rows = {f'max_image_age_s {age_s:g}': measure(model_file(args.model), age_s, args.stops)
            for age_s in args.ages}
    rows['asked for: two camera periods and a tick'] = {
        'to_hold_ms_p50': round(1e3 * (2 * CAMERA_S + TICK_S), 1), 'false_holds': 0}
    show('a camera stops while the arm moves', rows, args.json)


if __name__ == '__main__':
    main()
