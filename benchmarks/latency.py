# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Camera stamp to command received, over real ROS 2 topics between separate processes.

    python benchmarks/latency.py                     # the shipped policy, two 640x480 cameras
    python benchmarks/latency.py --cameras 1         # one camera, the small configuration
    python benchmarks/latency.py --seconds 60 --json out/latency.json
    python benchmarks/latency.py --lerobot ~/lerobot/bin/python    # and LeRobot's own loop

Processes: a camera driver (640x480 rgb8 at 30 Hz, joints at 100 Hz: the expert at work, there
and back), ``camera_subscriber``, ``policy`` with its defaults, and this one, which receives the
commands; a chain whose policy does not run at the end is refused. The baseline, measured in the
same run, is the shortest chain that does the job at all: one plain rclpy node that subscribes to
the cameras, resizes, runs the same ONNX file and publishes, with no checks of any kind.
``--lerobot`` adds the loop that LeRobot itself runs policies in, with the same cameras and the
same ONNX file, by a Python that has LeRobot; ``lerobot_loop.py`` says how to make one. With one
camera the policy is the small configuration with the weights it begins with: they do not change
the time.
"""
from __future__ import annotations

import argparse
import array
from dataclasses import replace
import json
import os
from pathlib import Path
import subprocess
import sys
import tempfile
import time

from bench import make_parser
from bench import running
from bench import show
import numpy as np

CAMERAS = ('front', 'wrist')
WIDTH, HEIGHT, RATE_HZ = 640, 480, 30
WARM_UP_S = 4.0
FILM = 45
"""Pictures of each camera that the driver has."""


def untrained_policy(cameras: tuple[str, ...], folder: Path) -> Path:
    """
    Export the small configuration as it is before training.

    :param cameras: keys of its cameras.
    :param folder: where to put the file.
    :return: the ONNX file.
    """
    from vaa_ros.alignment.config import LossConfig
    from vaa_ros.alignment.config import ModelConfig
    from vaa_ros.alignment.model import AlignedPolicy
    from vaa_ros.core.paths import model_file
    from vaa_ros.learning.export import export_policy
    from vaa_ros.policies.onnx_policy import OnnxPolicy
    shipped = OnnxPolicy(model_file('pick_place')).spec
    spec = replace(shipped, name='untrained', calibration={}, cameras=tuple(
        camera for camera in shipped.cameras if camera.key in cameras))
    policy = AlignedPolicy(spec, ModelConfig(), LossConfig())
    return export_policy(policy, spec, folder / 'untrained.onnx').path


def drive_cameras(cameras: tuple[str, ...]) -> None:
    """
    Publish pictures and joint states as a driver would, until interrupted.

    :param cameras: keys of the cameras.
    """
    import rclpy
    from rclpy.qos import QoSProfile
    from rclpy.qos import ReliabilityPolicy
    from sensor_msgs.msg import Image
    from sensor_msgs.msg import JointState

    from vaa_ros.core.robot import load_robot
    robot = load_robot('vaa_arm')
    rclpy.init()
    node = rclpy.create_node('driver')
    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    images = {key: node.create_publisher(Image, f'{key}/image_raw', best_effort)
              for key in cameras}
    joints = node.create_publisher(JointState, 'joint_states', 10)
    pictures, positions = film(cameras)
    message = Image(height=HEIGHT, width=WIDTH, encoding='rgb8', step=WIDTH * 3)
    state = JointState(name=list(robot.joint_names))
    step_s, tick, start = 1 / 300, 0, time.monotonic()
    while rclpy.ok():
        time.sleep(max(0.0, start + tick * step_s - time.monotonic()))
        now = node.get_clock().now().to_msg()
        # There and back again, so that the arm does not leap.
        place = FILM - 1 - abs(FILM - 1 - tick / 10 % (2 * FILM - 2))
        if tick % 3 == 0:
            state.header.stamp = now
            state.position = [float(np.interp(place, np.arange(FILM), joint))
                              for joint in positions.T]
            joints.publish(state)
        if tick % 10 == 0:
            message.header.stamp = now
            for key in cameras:
                message.data = pictures[key][round(place)]
                message.header.frame_id = f'{key}_optical'
                images[key].publish(message)
        tick += 1


def film(cameras: tuple[str, ...]) -> tuple[dict[str, list[array.array]], np.ndarray]:
    """
    Let the expert work in the simulator, and take pictures.

    :param cameras: keys of the cameras.
    :return: the data of :data:`FILM` pictures of each, and the joints at each (FILM, D) [rad, m].
    """
    from vaa_ros.sim.expert import ExpertInput
    from vaa_ros.sim.expert import make_expert
    from vaa_ros.sim.simulation import Simulation
    sim, expert = Simulation('pick_place', (HEIGHT, WIDTH)), make_expert('pick_place', 0)
    pictures: dict[str, list[array.array]] = {key: [] for key in cameras}
    positions = []
    for _ in range(FILM):
        for key in cameras:
            pictures[key].append(array.array('B', sim.render(key).tobytes()))
        positions.append(sim.joint_position)
        sim.set_targets(expert.act(ExpertInput(sim.time_s, sim.joint_position, sim.objects())))
        sim.step()
    sim.close()
    return pictures, np.array(positions)


def run_bare(model: str) -> None:
    """
    Be the baseline: one node, cameras to command, nothing checked.

    :param model: the ONNX file.
    """
    import cv2
    import onnxruntime
    import rclpy
    from rclpy.qos import QoSProfile
    from rclpy.qos import ReliabilityPolicy
    from sensor_msgs.msg import Image
    from sensor_msgs.msg import JointState
    from trajectory_msgs.msg import JointTrajectory
    from trajectory_msgs.msg import JointTrajectoryPoint
    cv2.setNumThreads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    session = onnxruntime.InferenceSession(model, options, providers=['CPUExecutionProvider'])
    spec = json.loads(session.get_modelmeta().custom_metadata_map['vaa_policy_spec'])
    size = (spec['cameras'][0]['width'], spec['cameras'][0]['height'])
    cameras = [camera['key'] for camera in spec['cameras']]
    names = [joint['name'] for joint in spec['joints']]
    rclpy.init()
    node = rclpy.create_node('bare')
    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    publisher = node.create_publisher(JointTrajectory, 'joint_trajectory', 1)
    held: dict[str, object] = {}

    def on_image(key: str, message: Image) -> None:
        picture = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
        held[key] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        if key != cameras[-1] or len(held) < len(cameras) + 1:
            return
        inputs = {f'image_{key}': held[key][None] for key in cameras}
        inputs['state'] = np.array([held['state']], np.float32)
        actions = session.run(['actions'], inputs)[0][0]
        command = JointTrajectory(joint_names=names)
        command.header.stamp = message.header.stamp
        command.points = [JointTrajectoryPoint(positions=actions[0].astype(float).tolist())]
        publisher.publish(command)

    for key in cameras:
        node.create_subscription(
            Image, f'{key}/image_raw', lambda message, key=key: on_image(key, message),
            best_effort)
    node.create_subscription(
        JointState, 'joint_states', lambda message: held.update(state=message.position), 10)
    rclpy.spin(node)


def receive(seconds: float) -> tuple[np.ndarray, int]:
    """
    Receive commands for a while.

    :param seconds: how long to measure after the warm-up [s].
    :return: latencies of first commands of each frame (n,) [ms], and commands received.
    :raises SystemExit: if a policy node did not run: holds answer no frames.
    """
    from diagnostic_msgs.msg import DiagnosticStatus
    import rclpy
    from trajectory_msgs.msg import JointTrajectory
    rclpy.init()
    node = rclpy.create_node('receiver')
    said: list[str] = []
    latency: dict[int, float] = {}
    count = 0
    begin: float | None = None

    def on_command(message: JointTrajectory) -> None:
        nonlocal begin, count
        now = time.time_ns()
        begin = begin or time.monotonic()
        stamp = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
        if time.monotonic() - begin < WARM_UP_S:
            return
        count += 1
        latency.setdefault(stamp, (now - stamp) / 1e6)

    node.create_subscription(JointTrajectory, 'joint_trajectory', on_command, 1)
    node.create_subscription(DiagnosticStatus, 'policy/status',
                             lambda message: said.append(message.message), 10)
    deadline = time.monotonic() + seconds + WARM_UP_S + 60  # LeRobot starts slowly.
    while time.monotonic() < (deadline if begin is None else begin + WARM_UP_S + seconds):
        rclpy.spin_once(node, timeout_sec=0.1)
        if begin is None and time.monotonic() > deadline:
            break
    rclpy.try_shutdown()
    if said and said[-1] != 'running':
        raise SystemExit(f'the policy did not run at the end: {said[-1]}')
    return np.array(sorted(latency.values())), count


def measure(chain: list[list[str]], seconds: float, env: dict[str, str]) -> dict[str, float]:
    """
    Run a chain of processes and receive its commands.

    :param chain: command lines to start, in order.
    :param seconds: how long to measure [s].
    :param env: environment of the processes.
    :return: the figures of one row.
    """
    with running(chain, env):
        latency, count = receive(seconds)
    if not len(latency):
        raise SystemExit(f'no command came from: {" | ".join(map(" ".join, chain))}')
    p50, p99 = np.percentile(latency, [50, 99])
    return {'p50_ms': round(p50, 2), 'p99_ms': round(p99, 2), 'max_ms': round(latency[-1], 2),
            'frames_answered': len(latency), 'frames_sent': round(seconds * RATE_HZ),
            'commands': count}


def lerobot_version(python: Path) -> str:
    """
    Ask a Python for the version of its LeRobot.

    :param python: that Python.
    :return: the version.
    :raises SystemExit: if it has none.
    """
    ask = "import importlib.metadata as m; print(m.version('lerobot'))"
    done = subprocess.run([python, '-c', ask], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f'{python} has no LeRobot; benchmarks/lerobot_loop.py says how to make '
                         'a Python that has')
    return done.stdout.strip()


def compare(model: Path, cameras: tuple[str, ...], seconds: float,
            lerobot: Path | None = None) -> dict[str, dict]:
    """
    Measure the chains in turn.

    :param model: the ONNX file.
    :param cameras: keys of the cameras.
    :param seconds: how long to measure each [s].
    :param lerobot: a Python with LeRobot, or None to leave its loop out.
    :return: the rows of the table.
    """
    me = [sys.executable, __file__, '--cameras', str(len(cameras)), '--model', str(model),
          '--role']
    node = [sys.executable, '-m']
    chains = {
        'vaa_ros: driver, camera_subscriber, policy': [
            [*me, 'driver'],
            [*node, 'vaa_ros.nodes.camera_subscriber', '--ros-args', '-p',
             f'cameras:=[{",".join(cameras)}]', '-p', f'model_path:={model}'],
            [*node, 'vaa_ros.nodes.policy', '--ros-args', '-p', f'model_path:={model}',
             '-p', 'stamp_commands:=true', '-p', 'autostart:=true']],
        'baseline: driver, one bare node, no checks': [[*me, 'driver'], [*me, 'bare']],
    }
    if lerobot:
        version = lerobot_version(lerobot)
        theirs = [str(lerobot), str(Path(__file__).with_name('lerobot_loop.py')), '--model',
                  str(model), '--read']
        for read in ('read_latest', 'async_read'):
            chains[f"LeRobot {version}'s own loop: driver, record_loop, {read}"] = [
                [*me, 'driver'], [*theirs, read]]
    env = dict(os.environ)  # Before rclpy, which names the libraries of this Python in it.
    return {name: measure(chain, seconds, env) for name, chain in chains.items()}


def main() -> None:
    """
    Measure the chains in turn and print one table.
    """
    parser = make_parser(__doc__)
    parser.add_argument('--model', help='model name or ONNX file (default: pick_place, or with '
                                        'one camera the untrained small configuration)')
    parser.add_argument('--cameras', type=int, choices=(1, 2), default=2,
                        help='how many cameras (default: 2)')
    parser.add_argument('--seconds', type=float, default=30.0, help='time a chain [s]')
    parser.add_argument('--lerobot', type=Path, metavar='PYTHON',
                        help='a Python with LeRobot; without it its loop is left out')
    parser.add_argument('--role', choices=('driver', 'bare'), help=argparse.SUPPRESS)
    args = parser.parse_args()
    cameras = CAMERAS[:args.cameras]
    if args.role:
        return drive_cameras(cameras) if args.role == 'driver' else run_bare(args.model)
    from vaa_ros.core.paths import config_file
    from vaa_ros.core.paths import model_file
    os.environ.update(ROS_DOMAIN_ID=os.environ.get('ROS_DOMAIN_ID', '97'),
                      ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST',
                      FASTDDS_DEFAULT_PROFILES_FILE=str(config_file('fastdds.xml')))
    with tempfile.TemporaryDirectory() as folder:
        if args.model is None and args.cameras == 1:
            model = untrained_policy(cameras, Path(folder))
        else:
            model = model_file(args.model or 'pick_place')
        rows = compare(model, cameras, args.seconds, args.lerobot)
    count = 'one camera' if args.cameras == 1 else f'{args.cameras} cameras'
    show(f'chain, {count} 640x480 at 30 Hz', rows, args.json)


if __name__ == '__main__':
    main()
