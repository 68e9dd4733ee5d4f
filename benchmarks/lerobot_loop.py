# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
LeRobot's own loop, from the pictures of a ROS camera to a command: for ``latency.py --lerobot``.

It runs with a Python that has LeRobot 0.4.4, onnxruntime, and rclpy beside it. The torch that
LeRobot pins brings gigabytes of CUDA; its loop also runs with the torch of the CPU alone::

    python3.11 -m venv ~/lerobot
    ~/lerobot/bin/pip install torch==2.13.0 accelerate 'av<16' 'datasets<5' 'deepdiff<9' \
        'diffusers<0.36' draccus==0.10.0 'einops<0.9' 'gymnasium<2' 'huggingface-hub<0.36' \
        imageio jsonlines onnxruntime 'opencv-python-headless<4.13' pyserial 'rerun-sdk<0.27' \
        termcolor 'ros-kilted-rclpy[fastrtps]' ros-sensor-msgs ros-trajectory-msgs
    ~/lerobot/bin/pip install --no-deps lerobot==0.4.4 torchvision==0.28.0
    cat > ~/lerobot/lib/python3.11/site-packages/sitecustomize.py << END
    import torch
    for name in ('nms', 'qnms'):
        torch.library.define(f'torchvision::{name}', '(Tensor a, Tensor b, float c) -> Tensor')
    END

(torch from https://download.pytorch.org/whl/cpu if pip finds one with CUDA first.) The last step
declares two operators that this torchvision looks for when it is imported, and that come with
CUDA alone; the loop uses nothing of torchvision.

Each tick of ``lerobot.scripts.lerobot_record.record_loop``, which ``lerobot-record`` runs a policy
with, reads the joints and the pictures, makes tensors of them, asks the policy, sends one action
and sleeps for what is left of 1/30 s. Nothing aligns the ticks with the cameras, so the age of a
picture wanders between nothing and a camera period. What was chosen, for the good of LeRobot
wherever there was a choice:

* 30 ticks a second: the policy was trained at that rate, and one action is sent a tick.
* It predicts at every tick, with one thread, and needs no normalisation: pre- and postprocessor
  have no steps.
* Cameras do what its own (``OpenCVCamera``) do: a thread in the background keeps the newest
  picture; ``read_latest``, which all its robots use, gives that at once, ``async_read`` waits for
  one that it did not give before. One thread serves all cameras, takes the pixels from the bytes
  of the message (rclpy would convert them for 3 ms), and makes pictures as small as the policy
  wants them, which otherwise were the tick's work.
* Joints are those that came last, at no cost; its own arms ask their bus in the tick.
* Nothing is recorded, although its loop cannot run a policy without: the data set drops frames.
* A command has the stamp of the newest picture that it was made from.
"""
from __future__ import annotations

import argparse
from contextlib import suppress
import json
from pathlib import Path
import struct
import tempfile
import threading
import time
from types import SimpleNamespace
from typing import Any

import cv2
from lerobot.cameras import Camera
from lerobot.cameras import CameraConfig
from lerobot.datasets.pipeline_features import aggregate_pipeline_dataset_features
from lerobot.datasets.pipeline_features import create_initial_features
from lerobot.datasets.utils import combine_feature_dicts
from lerobot.processor import make_default_processors
from lerobot.processor import PolicyProcessorPipeline
from lerobot.processor.converters import policy_action_to_transition
from lerobot.processor.converters import transition_to_policy_action
from lerobot.robots import Robot
from lerobot.robots import RobotConfig
from lerobot.scripts.lerobot_record import record_loop
import numpy as np
import onnxruntime
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState
import torch
from trajectory_msgs.msg import JointTrajectory
from trajectory_msgs.msg import JointTrajectoryPoint

WIDTH, HEIGHT, RATE_HZ = 640, 480, 30


class TopicCamera(Camera):
    """
    LeRobot's OpenCVCamera, its hardware being a topic.

    :param config: rate and the size that pictures are made.
    :param node: what subscribes.
    :param topic: the camera's Image topic, 640x480 rgb8.
    """

    def __init__(self, config: CameraConfig, node: Node, topic: str) -> None:
        super().__init__(config)
        self.frame_lock = threading.Lock()
        self.new_frame_event = threading.Event()
        self.latest_frame: np.ndarray | None = None
        self.latest_timestamp = 0.0
        self.latest_stamp = self.stamp = (0, 0)
        self._node, self._topic = node, topic

    @property
    def is_connected(self) -> bool:
        """Tell whether a picture came."""
        return self.latest_frame is not None

    @staticmethod
    def find_cameras() -> list[dict[str, Any]]:
        """Find none: the topic is given."""
        return []

    def connect(self, warmup: bool = True) -> None:
        """Subscribe."""
        best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._node.create_subscription(Image, self._topic, self._on_image, best_effort, raw=True)

    def _on_image(self, message: bytes) -> None:
        pixels = np.frombuffer(message, np.uint8)[-HEIGHT * WIDTH * 3:]
        frame = cv2.resize(pixels.reshape(HEIGHT, WIDTH, 3), (self.width, self.height),
                           interpolation=cv2.INTER_AREA)
        with self.frame_lock:
            self.latest_frame = frame
            self.latest_timestamp = time.perf_counter()
            self.latest_stamp = struct.unpack_from('<iI', message, 4)
        self.new_frame_event.set()

    def read(self) -> np.ndarray:
        """Wait for the next picture."""
        self.new_frame_event.clear()
        return self.async_read(timeout_ms=10_000)

    def async_read(self, timeout_ms: float = 200) -> np.ndarray:
        """
        Give the newest picture that was not given here before, waiting for it if need be.

        :param timeout_ms: longest wait [ms].
        :return: rgb (height, width, 3) uint8.
        :raises TimeoutError: if none came.
        """
        if not self.new_frame_event.wait(timeout=timeout_ms / 1000):
            raise TimeoutError(f'no picture of {self._topic} within {timeout_ms} ms')
        with self.frame_lock:
            frame, self.stamp = self.latest_frame, self.latest_stamp
            self.new_frame_event.clear()
        return frame

    def read_latest(self, max_age_ms: int = 500) -> np.ndarray:
        """
        Give the newest picture at once.

        :param max_age_ms: greatest age since it came [ms].
        :return: rgb (height, width, 3) uint8.
        :raises TimeoutError: if it is older.
        """
        with self.frame_lock:
            frame, self.stamp = self.latest_frame, self.latest_stamp
            timestamp = self.latest_timestamp
        if (time.perf_counter() - timestamp) * 1e3 > max_age_ms:
            raise TimeoutError(f'the picture of {self._topic} is older than {max_age_ms} ms')
        return frame

    def disconnect(self) -> None:
        """Leave the subscription to the node."""


class TopicRobot(Robot):
    """
    A LeRobot robot whose joints, cameras and commands are topics.

    :param config: where LeRobot keeps calibrations.
    :param spec: the policy's spec: cameras and joints.
    :param read: the method of a camera that gives a picture.
    """

    config_class = RobotConfig
    name = 'topics'
    is_calibrated = True

    def __init__(self, config: RobotConfig, spec: dict[str, Any], read: str) -> None:
        super().__init__(config)
        self._node = rclpy.create_node('lerobot')
        self._read = read
        self._names = [joint['name'] for joint in spec['joints']]
        self._joints: JointState | None = None
        self.cameras = {camera['key']: TopicCamera(
            CameraConfig(fps=RATE_HZ, width=camera['width'], height=camera['height']),
            self._node, f'{camera["key"]}/image_raw') for camera in spec['cameras']}
        self._publisher = self._node.create_publisher(JointTrajectory, 'joint_trajectory', 1)
        self._thread = threading.Thread(target=self._receive)

    def _receive(self) -> None:
        with suppress(ExternalShutdownException):
            rclpy.spin(self._node)

    @property
    def observation_features(self) -> dict[str, Any]:
        """Name joints and cameras as LeRobot's arms do."""
        return {**self.action_features, **{key: (camera.height, camera.width, 3)
                                           for key, camera in self.cameras.items()}}

    @property
    def action_features(self) -> dict[str, type]:
        """Name the joints."""
        return {f'{name}.pos': float for name in self._names}

    @property
    def is_connected(self) -> bool:
        """Tell whether joints and pictures came."""
        return self._joints is not None and all(
            camera.is_connected for camera in self.cameras.values())

    def connect(self, calibrate: bool = True) -> None:
        """Subscribe, receive in the background, and wait for joints and pictures."""
        self._node.create_subscription(
            JointState, 'joint_states', lambda message: setattr(self, '_joints', message), 10)
        for camera in self.cameras.values():
            camera.connect()
        self._thread.start()
        while not self.is_connected:
            time.sleep(0.01)

    def calibrate(self) -> None:
        """Nothing to calibrate."""

    def configure(self) -> None:
        """Nothing to configure."""

    def get_observation(self) -> dict[str, Any]:
        """
        Read joints and pictures, in LeRobot's order.

        :return: position of each joint [rad], picture of each camera.
        """
        positions = dict(zip(self._joints.name, self._joints.position, strict=True))
        observation = {f'{name}.pos': positions[name] for name in self._names}
        for key, camera in self.cameras.items():
            observation[key] = getattr(camera, self._read)()
        return observation

    def send_action(self, action: dict[str, float]) -> dict[str, float]:
        """
        Publish a command with the stamp of the newest picture that was read.

        :param action: position of each joint [rad].
        :return: the same.
        """
        command = JointTrajectory(joint_names=self._names)
        command.header.stamp.sec, command.header.stamp.nanosec = max(
            camera.stamp for camera in self.cameras.values())
        command.points = [JointTrajectoryPoint(
            positions=[action[f'{name}.pos'] for name in self._names])]
        self._publisher.publish(command)
        return action

    def disconnect(self) -> None:
        """Receive no more."""
        rclpy.try_shutdown()
        self._thread.join()


class FilePolicy:
    """
    The ONNX file, with what the loop asks of a policy; predicts whenever it is asked.

    :param model: the file.
    """

    config = SimpleNamespace(device='cpu', use_amp=False)

    def __init__(self, model: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        self._session = onnxruntime.InferenceSession(model, options,
                                                     providers=['CPUExecutionProvider'])
        self.spec = json.loads(
            self._session.get_modelmeta().custom_metadata_map['vaa_policy_spec'])

    def reset(self) -> None:
        """Nothing to forget."""

    def select_action(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """
        Predict.

        :param batch: the state (1, joints) [rad], pictures (1, 3, height, width) from 0 to 1.
        :return: the action of this tick (1, joints) [rad].
        """
        inputs = {'state': batch['observation.state'].numpy()}
        for camera in self.spec['cameras']:
            picture = batch[f'observation.images.{camera["key"]}'] * 255
            inputs[f'image_{camera["key"]}'] = np.ascontiguousarray(
                picture.round_().to(torch.uint8).permute(0, 2, 3, 1).numpy())
        return torch.from_numpy(self._session.run(['actions'], inputs)[0][:, 0])


def drive(robot: TopicRobot, policy: FilePolicy) -> None:
    """
    Run LeRobot's loop, set up as ``lerobot-record`` does, until interrupted.

    :param robot: the robot.
    :param policy: the policy.
    """
    teleop_processor, action_processor, observation_processor = make_default_processors()
    features = combine_feature_dicts(
        aggregate_pipeline_dataset_features(
            teleop_processor, create_initial_features(action=robot.action_features)),
        aggregate_pipeline_dataset_features(
            observation_processor,
            create_initial_features(observation=robot.observation_features)))
    robot.connect()
    with suppress(KeyboardInterrupt):
        record_loop(
            robot=robot, fps=RATE_HZ, policy=policy, control_time_s=float('inf'),
            events={'exit_early': False, 'stop_recording': False, 'rerecord_episode': False},
            teleop_action_processor=teleop_processor, robot_action_processor=action_processor,
            robot_observation_processor=observation_processor,
            dataset=SimpleNamespace(fps=RATE_HZ, features=features, add_frame=lambda frame: None),
            preprocessor=PolicyProcessorPipeline(steps=[]),
            postprocessor=PolicyProcessorPipeline(
                steps=[], to_transition=policy_action_to_transition,
                to_output=transition_to_policy_action))
    robot.disconnect()


def main() -> None:
    """
    Be one of the processes of ``latency.py``.
    """
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--model', type=Path, required=True, help='the ONNX file')
    parser.add_argument('--read', choices=('read_latest', 'async_read'), default='read_latest',
                        help='how the cameras are read (default: read_latest)')
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    policy = FilePolicy(args.model)
    with tempfile.TemporaryDirectory() as folder:
        drive(TopicRobot(RobotConfig(calibration_dir=Path(folder)), policy.spec, args.read),
              policy)


if __name__ == '__main__':
    main()
