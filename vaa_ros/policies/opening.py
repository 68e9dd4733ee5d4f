# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
From a name to a policy, and whether it can take over from another while the arm is moving.
"""
from __future__ import annotations

import hashlib
import math

from vaa_ros.core.errors import ModelError
from vaa_ros.core.paths import model_file
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import PolicySpec
from vaa_ros.policies.base import Policy
from vaa_ros.policies.hold_policy import HoldPolicy

HOLD = 'hold'
HOLD_CAMERA_SIZE = (128, 96)
HOLD_RATE_HZ = 30.0
HOLD_CHUNK_LENGTH = 24


def open_policy(name: str, robot: RobotSpec, kind: str) -> Policy:
    """
    Make the policy that a name stands for.

    :param name: ``hold``, the name of a model in ``models/``, or the path of an ``.onnx`` file.
    :param robot: the robot; ``hold`` is made for it.
    :param kind: the action kind; ``hold`` is made for it, and an end-effector policy answers with
        joint positions where they are asked for.
    :return: the policy, not yet checked against the robot.
    :raises VaaError: if there is no such model, or it cannot be used.
    """
    if name == HOLD:
        return HoldPolicy(hold_spec(robot, kind))
    from vaa_ros.policies.joint_space import for_commands
    from vaa_ros.policies.onnx_policy import OnnxPolicy
    return for_commands(OnnxPolicy(model_file(name)), robot, kind)


def in_joint_space(spec: PolicySpec, kind: str | None) -> bool:
    """
    Tell whether a policy has to be brought to joint space for commands of a kind.

    :param spec: the policy's spec.
    :param kind: the action kind that the commands are made from, or None for any.
    """
    return kind == 'joint_position' != spec.action.kind


def hold_spec(robot: RobotSpec, kind: str) -> PolicySpec:
    """
    Make the spec of the policy that stays where it is.

    :param robot: the robot.
    :param kind: the action kind.
    :return: the spec, with every camera of the robot.
    """
    width, height = HOLD_CAMERA_SIZE
    return PolicySpec(
        name=HOLD, task='', robot=robot.name,
        cameras=tuple(CameraSpec(key, width, height) for key in robot.cameras),
        joints=robot.joints, action=ActionSpec.for_robot(kind, robot),
        control_rate_hz=HOLD_RATE_HZ, chunk_length=HOLD_CHUNK_LENGTH,
        base_frame=robot.base_frame, end_effector_frame=robot.end_effector_frame)


def check_takeover(old: PolicySpec, new: PolicySpec) -> None:
    """
    Refuse a policy that cannot work on what is connected for another one.

    :param old: spec of the policy that the node was configured with.
    :param new: spec of the policy that is to take over.
    :raises ModelError: naming each field that differs.
    """
    differences = []
    if set(old.cameras) != set(new.cameras) or old.camera_keys[0] != new.camera_keys[0]:
        differences.append(f'cameras: {_cameras(old)} now, {_cameras(new)} in the new one')
    for name in ('joint_names', 'action'):
        if getattr(old, name) != getattr(new, name):
            differences.append(f'{name}: {getattr(old, name)} now, {getattr(new, name)} in the '
                               'new one')
    if not math.isclose(old.control_rate_hz, new.control_rate_hz, rel_tol=1e-6):
        differences.append(f'control_rate_hz: {old.control_rate_hz} now, {new.control_rate_hz} '
                           'in the new one')
    if differences:
        raise ModelError(f'policy {new.name!r} cannot take over from {old.name!r} while running: '
                         f'{"; ".join(differences)}. Clean up and configure the node to change '
                         'them')


def policy_file(policy: Policy) -> tuple[str, str]:
    """
    Say which file a policy came from.

    :param policy: the policy.
    :return: path and SHA-256 of the file; for a policy without one its name and the SHA-256 of
        its spec.
    """
    path = getattr(policy, 'path', None)
    if path is not None:
        return str(path), policy.sha256
    spec = policy.spec.to_json().encode()
    return policy.spec.name, hashlib.sha256(spec).hexdigest()


def _cameras(spec: PolicySpec) -> str:
    return ', '.join(
        f'{camera.key} {camera.width}x{camera.height}'
        + (f' crop {camera.crop}' if camera.crop else '') for camera in spec.cameras)
