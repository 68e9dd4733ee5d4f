# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A policy for the simulated arm as a tiny ONNX file: it always wants the same joint positions.
"""
from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import helper
from onnx import TensorProto
from onnx_parts import constant
from onnx_parts import looping

from vaa_ros.core.familiarity import Familiarity
from vaa_ros.core.familiarity import METADATA_KEY as FAMILIARITY_KEY
from vaa_ros.core.robot import load_robot
from vaa_ros.core.scene_views import views
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import METADATA_KEY
from vaa_ros.core.spec import PolicySpec

LENGTH = 24
WIDTH, HEIGHT = 32, 24
ROBOT = load_robot('vaa_arm')
OUTPUTS = ('actions', 'scale', 'z_vision', 'z_action')


def picture_of(level: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """
    Give a picture of one brightness, but for its first quarter: no live camera shows one colour.

    :return: the picture (height, width, 3) uint8.
    """
    picture = np.full((height, width, 3), level, np.uint8)
    picture[:, :width // 4] = 128
    return picture


DARK = picture_of(0)


def spec_of(
    name: str, cameras: Sequence[str] = ('front', 'wrist'), kind: str = 'joint_position',
    sees_change: bool = False, instructions: Sequence[str] = (),
) -> PolicySpec:
    """
    Give the spec of a tiny policy.
    """
    return PolicySpec(
        name=name, task='reach', robot=ROBOT.name,
        cameras=tuple(CameraSpec(key, WIDTH, HEIGHT) for key in cameras),
        joints=ROBOT.joints, action=ActionSpec.for_robot(kind, ROBOT), control_rate_hz=30.0,
        chunk_length=LENGTH, embedding_size=4, observation_history=1 + sees_change,
        instructions=tuple(instructions))


def goal_policy(
    path: Path, goal: Sequence[float], name: str = 'goal', cameras: Sequence[str] = ('front',
                                                                                     'wrist'),
    kind: str = 'joint_position', fails_near: float = 1e9, knows_dark: bool = False,
    sees_change: bool = False, goals: Mapping[str, Sequence[float]] | None = None,
    stuck_near: float | None = None,
) -> Path:
    """
    Write a policy whose every action is a goal.

    :param path: the file to write.
    :param goal: the action.
    :param name: the policy's name.
    :param cameras: the cameras it wants.
    :param kind: its action kind.
    :param fails_near: answer NaN when the first joint is within 0.01 of this [rad].
    :param knows_dark: embed the brightness of the first camera, and know dark pictures alone.
    :param sees_change: see two frames, and embed how much brighter the present one is.
    :param goals: the goal of each instruction that it knows, instead of the one goal.
    :param stuck_near: compute for ever when the first joint is within 0.01 of this [rad].
    :return: the file.
    """
    spec = spec_of(name, cameras, kind, sees_change, tuple(goals or ()))
    values = {
        'actions': np.tile(np.array(goal, np.float32), (1, LENGTH, 1)),
        'scale': np.full((1, LENGTH, len(goal)), 0.1, np.float32),
        'z_vision': np.array([[1.0, 0.0, 0.0, 0.0]], np.float32),
        'z_action': np.array([[0.6, 0.8, 0.0, 0.0]], np.float32),
    }
    inner = {'actions': 'wanted', 'z_vision': 'z_dark'}
    constants = {inner.get(output, output): value for output, value in values.items()}
    place = fails_near if stuck_near is None else stuck_near
    constants.update(first=np.array([0]), place=np.float32(place), margin=np.float32(0.01),
                     nan=np.float32('nan'), nothing=np.float32(0.0),
                     light=np.array([[0.0, (knows_dark or sees_change) / 255, 0.0, 0.0]],
                                    np.float32))
    if goals is not None:
        del constants['wanted']
        constants['goals'] = np.repeat([*goals.values()], LENGTH, 0).astype(np.float32).reshape(
            len(goals), LENGTH, -1)
    nodes = [constant(key, value) for key, value in constants.items()]
    if goals is not None:
        nodes.append(helper.make_node('Gather', ['goals', 'instruction'], ['wanted'], axis=0))
    nodes += answering(cameras[0], spec.picture_input(cameras[0], 1) if sees_change else '',
                       stuck_near is not None)
    graph = helper.make_graph(nodes, name, inputs_of(spec), [
        helper.make_tensor_value_info(output, TensorProto.FLOAT, list(values[output].shape))
        for output in OUTPUTS])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)
    known = {FAMILIARITY_KEY: known_dark(cameras, values['z_vision'][0]).to_json()}
    helper.set_model_props(model, {METADATA_KEY: spec.to_json(), **(known if knows_dark else {})})
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def inputs_of(spec: PolicySpec) -> list[onnx.ValueInfoProto]:
    """
    Make the inputs that a spec asks for.
    """
    inputs = [helper.make_tensor_value_info(spec.picture_input(key, age), TensorProto.UINT8,
                                            [1, HEIGHT, WIDTH, 3])
              for key in spec.camera_keys for age in range(spec.observation_history)]
    inputs.append(helper.make_tensor_value_info(
        'state', TensorProto.FLOAT, [1, len(ROBOT.joints)]))
    if spec.conditioned:
        inputs.append(helper.make_tensor_value_info('instruction', TensorProto.INT64, [1]))
    return inputs


def known_dark(cameras: Sequence[str], z_vision: np.ndarray) -> Familiarity:
    """
    Make statistics for which the second element of the embedding alone counts.
    """
    seen = z_vision + [0, DARK.mean(dtype=np.float32) * np.float32(1 / 255), 0, 0]
    whole, parts, hues = views([DARK] * len(cameras), seen, np.zeros(len(ROBOT.joints)))
    matrix = np.zeros((len(parts), len(parts)))
    place = len(parts) - len(ROBOT.joints) - len(z_vision) + 1
    matrix[place, place] = 5.0
    return Familiarity(tuple(cameras), whole, np.zeros((len(whole), len(whole))), parts, matrix,
                       np.ones_like(hues), [0.0, 0.5, 1.0], 1.0, 0.1, 1.0, 100, 4, 'the dark')


def turning_forever() -> list[onnx.NodeProto]:
    """
    Make the nodes that add nothing, after 2^40 turns where ``there`` is true, else at once.
    """
    return [
        helper.make_node('Cast', ['there'], ['one'], to=TensorProto.INT64),
        helper.make_node('ReduceMax', ['one'], ['stuck'], keepdims=0),
        constant('turns', 2**40),
        helper.make_node('Mul', ['stuck', 'turns'], ['trips']),
        looping('trips', 'nothing', 'still_nothing'),
        helper.make_node('Unsqueeze', ['still_nothing', 'first'], ['spread']),
    ]


def failing() -> list[onnx.NodeProto]:
    """
    Make the nodes that add nothing, but NaN where ``there`` is true.
    """
    return [
        helper.make_node('Where', ['there', 'nan', 'nothing'], ['added']),
        helper.make_node('Unsqueeze', ['added', 'first'], ['spread']),
    ]


def answering(camera: str, earlier: str, stuck: bool) -> list[onnx.NodeProto]:
    """
    Make the nodes behind the constants: actions that may fail, an embedding that sees light.

    :param camera: the camera whose light it sees.
    :param earlier: the input to compare it with, if any.
    :param stuck: whether they compute for ever where they would otherwise fail.
    """
    compared = [
        helper.make_node('Cast', [earlier], ['before'], to=TensorProto.FLOAT),
        helper.make_node('ReduceMean', ['before'], ['dark'], keepdims=0),
        helper.make_node('Sub', ['bright', 'dark'], ['brightness']),
    ] if earlier else [helper.make_node('Identity', ['bright'], ['brightness'])]
    return [
        helper.make_node('Gather', ['state', 'first'], ['joint'], axis=1),
        helper.make_node('Sub', ['joint', 'place'], ['way']),
        helper.make_node('Abs', ['way'], ['distance']),
        helper.make_node('Less', ['distance', 'margin'], ['there']),
        *(turning_forever() if stuck else failing()),
        helper.make_node('Add', ['wanted', 'spread'], ['actions']),
        helper.make_node('Cast', [f'image_{camera}'], ['picture'], to=TensorProto.FLOAT),
        helper.make_node('ReduceMean', ['picture'], ['bright'], keepdims=0),
        *compared,
        helper.make_node('Mul', ['light', 'brightness'], ['seen']),
        helper.make_node('Add', ['z_dark', 'seen'], ['z_vision']),
    ]
