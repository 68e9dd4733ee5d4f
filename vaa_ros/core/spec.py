# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The policy spec: what a policy sees, what it does, and where it came from.

It travels inside the ONNX file as JSON under the metadata key ``vaa_policy_spec``, so that one
file is the whole policy. Training writes it, export stores it, the policy node obeys it.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
import json
import math
from typing import Any

from vaa_ros.core.action_spec import ACTION_KINDS
from vaa_ros.core.action_spec import ActionSpec
from vaa_ros.core.action_spec import COMMAND_KINDS
from vaa_ros.core.action_spec import SOURCE_KINDS
from vaa_ros.core.errors import SpecError
from vaa_ros.core.errors import unknown_name
from vaa_ros.core.records import from_mapping
from vaa_ros.core.records import to_plain
from vaa_ros.core.robot import JointSpec
from vaa_ros.core.robot import load_robot
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.types import NANOSECONDS

__all__ = [
    'ACTION_KINDS', 'ActionSpec', 'CameraSpec', 'COMMAND_KINDS', 'JointSpec', 'METADATA_KEY',
    'PolicySpec', 'RobotSpec', 'SCHEMA_VERSION', 'SOURCE_KINDS', 'load_robot',
]

SCHEMA_VERSION = 1
METADATA_KEY = 'vaa_policy_spec'

MAX_SIDE = 4096
MAX_CHUNK_LENGTH = 10_000
MAX_HISTORY = 3
MAX_HISTORY_S = 0.5
"""How far back the frames of history may reach [s]; frames as old are kept while running."""


@dataclass(frozen=True)
class CameraSpec:
    """
    One camera as the policy sees it.

    :param key: the camera's name; its topics start with it.
    :param width: width of the picture that the policy gets [px].
    :param height: height of that picture [px].
    :param crop: part of the source picture to keep, (x, y, width, height) as fractions of the
        source size, or None for all of it.
    """

    key: str
    width: int
    height: int
    crop: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not (1 <= self.width <= MAX_SIDE and 1 <= self.height <= MAX_SIDE):
            raise ValueError(f'camera {self.key}: size {self.width}x{self.height}, expected 1x1 '
                             f'to {MAX_SIDE}x{MAX_SIDE}')
        if self.crop is None:
            return
        object.__setattr__(self, 'crop', tuple(float(value) for value in self.crop))
        if len(self.crop) != 4:
            raise ValueError(f'camera {self.key}: crop {self.crop}, expected x, y, width, height')
        x, y, width, height = self.crop
        if not (x >= 0 and y >= 0 and width > 0 and height > 0
                and x + width <= 1 + 1e-9 and y + height <= 1 + 1e-9):
            raise ValueError(f'camera {self.key}: crop {self.crop} leaves the picture; expected '
                             'fractions with x + width <= 1 and y + height <= 1')


@dataclass(frozen=True)
class PolicySpec:
    """
    What a policy needs and gives.

    :param name: the policy's name.
    :param task: the task that it was trained for.
    :param robot: name of the robot.
    :param cameras: the cameras, reference camera first; its stamps are the observation's.
    :param joints: the joints of the state, in order, with their limits.
    :param action: what one action is.
    :param control_rate_hz: rate of actions, within a chunk and live [Hz].
    :param chunk_length: actions in a chunk.
    :param base_frame: frame of end-effector actions.
    :param end_effector_frame: frame that end-effector actions move.
    :param instructions: instructions that the policy was trained with.
    :param observation_history: frames that it sees, 1 to 3; 1 is the present one alone.
    :param history_stride: control ticks between two of them, see :mod:`vaa_ros.core.history`.
    :param embedding_size: dimension of the shared space, 0 for a policy without one.
    :param normalisation: statistics inside the graph, kept here to be read by people.
    :param calibration: thresholds of the alignment measured on held-out demonstrations.
    :param provenance: bags (with hashes), configuration and code that it came from.
    :param parity: how far the exported graph is from the trained model.
    :param schema_version: version of this layout.
    """

    name: str
    task: str
    robot: str
    cameras: tuple[CameraSpec, ...]
    joints: tuple[JointSpec, ...]
    action: ActionSpec
    control_rate_hz: float
    chunk_length: int
    base_frame: str = 'base_link'
    end_effector_frame: str = 'tool0'
    instructions: tuple[str, ...] = ()
    observation_history: int = 1
    history_stride: int = 3
    embedding_size: int = 0
    normalisation: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    parity: Mapping[str, Any] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        object.__setattr__(self, 'instructions', tuple(self.instructions))
        if self.schema_version != SCHEMA_VERSION:
            raise ValueError(f'schema_version {self.schema_version}, this vaa_ros reads '
                             f'{SCHEMA_VERSION}; use the vaa_ros that wrote it or export again')
        keys = self.camera_keys
        if not keys or len(set(keys)) != len(keys):
            raise ValueError(f'cameras are {keys}, expected at least one and no key twice')
        names = self.joint_names
        if not names or len(set(names)) != len(names):
            raise ValueError(f'joints are {names}, expected at least one and no name twice')
        if self.action.kind == 'joint_position' and not set(self.action.names) <= set(names):
            raise ValueError(f'action names {self.action.names} are not all joints {names}')
        if not 0 < self.control_rate_hz <= 1000:
            raise ValueError(f'control_rate_hz {self.control_rate_hz}, expected 0 to 1000')
        if not 1 <= self.chunk_length <= MAX_CHUNK_LENGTH:
            raise ValueError(f'chunk_length {self.chunk_length}, expected 1 to '
                             f'{MAX_CHUNK_LENGTH}')
        if self.embedding_size < 0:
            raise ValueError(f'embedding_size {self.embedding_size}, expected 0 or more')
        self._check_history()

    def _check_history(self) -> None:
        frames, stride = self.observation_history, self.history_stride
        if not 1 <= frames <= MAX_HISTORY:
            raise ValueError(f'observation_history {frames}, expected 1 to {MAX_HISTORY}')
        if stride < 1:
            raise ValueError(f'history_stride {stride}, expected at least 1')
        # The oldest frame may come half a stride early.
        reach_s = (frames - 0.5) * stride * self.dt_s
        if frames > 1 and reach_s > MAX_HISTORY_S:
            raise ValueError(f'observation_history {frames} with history_stride {stride} at '
                             f'{self.control_rate_hz} Hz reaches back {reach_s:.3f} s, expected '
                             f'at most {MAX_HISTORY_S} s; use a smaller history_stride')
        names = [self.picture_input(key, age) for key in self.camera_keys for age in range(frames)]
        if len(set(names)) != len(names):
            raise ValueError(f'cameras {self.camera_keys} give the inputs {names}, two of them '
                             'alike; rename a camera')

    @property
    def camera_keys(self) -> tuple[str, ...]:
        """
        Give the camera keys, reference camera first.
        """
        return tuple(camera.key for camera in self.cameras)

    @property
    def joint_names(self) -> tuple[str, ...]:
        """
        Give the joint names of the state in order.
        """
        return tuple(joint.name for joint in self.joints)

    @property
    def conditioned(self) -> bool:
        """
        Tell whether what the policy does depends on an instruction: whether it knows several.
        """
        return len(self.instructions) > 1

    @property
    def dt_s(self) -> float:
        """
        Give the time between two actions [s].
        """
        return 1.0 / self.control_rate_hz

    @property
    def history_stride_ns(self) -> int:
        """
        Give the time between two frames of history [ns].
        """
        return round(self.history_stride * self.dt_s * NANOSECONDS)

    @staticmethod
    def picture_input(key: str, age: int = 0) -> str:
        """
        Give the name of the network's input for a camera's picture.

        :param key: the camera's key.
        :param age: 0 for the present frame, 1 for the one before ...
        :return: the name.
        """
        return f'image_{key}' if age == 0 else f'image_{key}_earlier_{age}'

    def camera(self, key: str) -> CameraSpec:
        """
        Find a camera by key.

        :param key: the camera's key.
        :return: its spec.
        :raises ConfigError: if the policy has no such camera; lists those it has.
        """
        if key not in self.camera_keys:
            raise unknown_name('camera', key, self.camera_keys)
        return self.cameras[self.camera_keys.index(key)]

    def to_dict(self) -> dict[str, Any]:
        """
        Give the spec as plain dicts, lists and scalars, for YAML and JSON.
        """
        plain = to_plain(self)
        plain['joints'] = [
            {key: value for key, value in joint.items() if value != math.inf}
            for joint in plain['joints']
        ]
        return plain

    def to_json(self) -> str:
        """
        Give the spec as JSON, as it is stored in the ONNX file.
        """
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_dict(cls, values: Any, where: str = 'policy spec') -> PolicySpec:
        """
        Read a spec from plain values.

        :param values: what :meth:`to_dict` gave.
        :param where: the file that it came from, for errors.
        :return: the spec.
        :raises SpecError: naming the key that is wrong.
        """
        if not isinstance(values, Mapping):
            raise SpecError(f'{where}: found {type(values).__name__}, expected a mapping')
        version = values.get('schema_version', SCHEMA_VERSION)
        if version != SCHEMA_VERSION:
            raise SpecError(f'{where}: schema_version {version}, this vaa_ros reads '
                            f'{SCHEMA_VERSION}; use the vaa_ros that wrote it or export again')
        plain = dict(values)
        for key, cls_item in (('cameras', CameraSpec), ('joints', JointSpec)):
            if not isinstance(plain.get(key), (list, tuple)):
                raise SpecError(f'{where}: {key} is {plain.get(key)!r}, expected a list')
            plain[key] = tuple(
                from_mapping(cls_item, item, f'{where}: {key}[{index}]', SpecError)
                for index, item in enumerate(plain[key])
            )
        plain['action'] = from_mapping(
            ActionSpec, plain.get('action'), f'{where}: action', SpecError)
        return from_mapping(cls, plain, where, SpecError)

    @classmethod
    def from_json(cls, text: str, where: str = 'policy spec') -> PolicySpec:
        """
        Read a spec from JSON.

        :param text: what :meth:`to_json` gave.
        :param where: the file that it came from, for errors.
        :return: the spec.
        :raises SpecError: if it is not JSON, or not a spec.
        """
        try:
            values = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as problem:
            raise SpecError(f'{where}: not JSON: {problem}') from problem
        return cls.from_dict(values, where)

    def check_robot(self, robot: RobotSpec) -> None:
        """
        Refuse a robot that this policy was not made for.

        :param robot: the robot's own description.
        :raises SpecError: naming each field that differs.
        """
        differences = []
        if self.joint_names != robot.joint_names:
            differences.append(f'joints: policy {list(self.joint_names)}, robot '
                               f'{list(robot.joint_names)}')
        else:
            for mine, theirs in zip(self.joints, robot.joints, strict=True):
                if mine.unit != theirs.unit:
                    differences.append(f'joint {mine.name}: policy uses {mine.unit}, robot '
                                       f'{theirs.unit}')
        if self.action.kind != 'joint_position':
            for name in ('base_frame', 'end_effector_frame'):
                if getattr(self, name) != getattr(robot, name):
                    differences.append(f'{name}: policy {getattr(self, name)!r}, robot '
                                       f'{getattr(robot, name)!r}')
        if differences:
            raise SpecError(f'policy {self.name!r} does not fit robot {robot.name!r}: '
                            + '; '.join(differences))


def _refuse_constant(name: str) -> None:
    raise ValueError(f'{name} is not a number')
