# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Small ONNX policies for the tests, whole and broken in one place each.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import helper
from onnx import TensorProto
from onnx_parts import constant

from vaa_ros.core.robot import JointSpec
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import METADATA_KEY
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import Observation

JOINTS = (JointSpec('turn', 'rad', -1.0, 1.0, 2.0), JointSpec('gripper', 'm', 0.0, 0.09, 0.2))
SPEC = PolicySpec(
    name='tiny', task='reach', robot='two', joints=JOINTS,
    cameras=(CameraSpec('front', 8, 6), CameraSpec('wrist', 4, 4)),
    action=ActionSpec('joint_position', ('turn', 'gripper')),
    control_rate_hz=30.0, chunk_length=5, embedding_size=3)
ROBOT = RobotSpec('two', JOINTS, (0.0, 0.05), ('front', 'wrist'), gripper='gripper')
TWIST = replace(SPEC, action=ActionSpec.for_robot('end_effector_twist', ROBOT))
POSE = replace(SPEC, action=ActionSpec.for_robot('end_effector_pose', ROBOT))


def observation(spec: PolicySpec = SPEC, state: object = (0.25, 0.05), **change: object,
                ) -> Observation:
    images = {camera.key: np.full((camera.height, camera.width, 3), 7, np.uint8)
              for camera in spec.cameras}
    images.update(change)
    images = {key: image for key, image in images.items() if image is not None}
    return Observation(1_000, images, np.array(state, dtype=np.float32))


def answer_nodes(shapes: dict[str, tuple[int, ...]], offset: float, reads_state: bool,
                 open_outputs: bool) -> list[onnx.NodeProto]:
    """
    Make the nodes that compute every output.
    """
    _, length, width = shapes['actions']
    # The state times zero, so that the answer depends on an input, whatever its width.
    nodes = [constant('offset', np.full((1, length, width), offset, np.float32)),
             constant('zero', np.float32(0.0)),
             helper.make_node('ReduceSum', ['state_in'], ['sum'], keepdims=0),
             helper.make_node('Mul', ['sum', 'zero'], ['nothing']),
             helper.make_node('Add', ['offset', 'nothing'],
                              ['closed' if open_outputs else 'actions'])]
    if open_outputs:
        # A length that only running the graph tells.
        nodes += [constant('zeros', np.zeros(length, np.float32)),
                  constant('one', np.float32(1.0)),
                  helper.make_node('Add', ['zeros', 'nothing'], ['lows']),
                  helper.make_node('Less', ['lows', 'one'], ['keep']),
                  helper.make_node('Compress', ['closed', 'keep'], ['actions'], axis=1)]
    if reads_state:
        nodes.insert(2, helper.make_node('Identity', ['state'], ['state_in']))
    else:
        nodes.insert(2, constant('state_in', np.zeros((1, 2), np.float32)))
    for name in ('scale', 'z_vision', 'z_action'):
        value = np.full(shapes[name], 0.5, np.float32)
        if name.startswith('z_') and shapes[name][1]:
            value = np.eye(1, shapes[name][1], dtype=np.float32)
        nodes.append(constant(name, value))
    return nodes


def model(
    spec: PolicySpec | None = SPEC,
    graph_spec: PolicySpec | None = None,
    offset: float = 0.0,
    outputs: tuple[str, ...] = ('actions', 'scale', 'z_vision', 'z_action'),
    input_changes: dict[str, tuple[int, list] | None] | None = None,
    extra_nodes: tuple[onnx.NodeProto, ...] = (),
    open_outputs: bool = False,
    metadata: dict[str, str] | None = None,
) -> onnx.ModelProto:
    """
    Make a policy that answers with the state plus an offset, ``T`` times.

    :param spec: the spec to write into the file, or None for no metadata.
    :param graph_spec: the spec that the graph follows, where it differs.
    :param offset: added to every action.
    :param outputs: which outputs the graph has.
    :param input_changes: type and shape by input to use instead; None leaves the input out.
    :param extra_nodes: nodes to append.
    :param open_outputs: declare the outputs' sizes as symbols, and hide the length of actions.
    :param metadata: metadata to write instead of the spec.
    :return: the model.
    """
    spec_of_graph = graph_spec or spec or SPEC
    length, width = spec_of_graph.chunk_length, len(spec_of_graph.action.names)
    inputs = {f'image_{camera.key}': (TensorProto.UINT8, [1, camera.height, camera.width, 3])
              for camera in spec_of_graph.cameras}
    inputs['state'] = (TensorProto.FLOAT, [1, len(spec_of_graph.joints)])
    inputs.update(input_changes or {})
    inputs = {name: item for name, item in inputs.items() if item is not None}
    size = spec_of_graph.embedding_size
    shapes = {'actions': (1, length, width), 'scale': (1, length, width),
              'z_vision': (1, size), 'z_action': (1, size)}
    reads_state = 'state' in inputs and inputs['state'][0] == TensorProto.FLOAT
    nodes = answer_nodes(shapes, offset, reads_state, open_outputs)
    nodes = [node for node in nodes if node.output[0] not in
             {'scale', 'z_vision', 'z_action'} - set(outputs)]
    graph = helper.make_graph(
        [*nodes, *extra_nodes], 'tiny',
        [helper.make_tensor_value_info(name, *item) for name, item in inputs.items()],
        [helper.make_tensor_value_info(
            name, TensorProto.FLOAT,
            [f'{name}_{axis}' for axis in range(len(shapes[name]))] if open_outputs
            else shapes[name]) for name in outputs])
    made = helper.make_model(graph, opset_imports=[
        helper.make_opsetid('', 17), helper.make_opsetid('com.microsoft', 1)], ir_version=9)
    if metadata is None:
        metadata = {METADATA_KEY: spec.to_json()} if spec is not None else {}
    helper.set_model_props(made, metadata)
    return made


def save(made: onnx.ModelProto, folder: Path, name: str = 'policy.onnx') -> Path:
    path = folder / name
    path.write_bytes(made.SerializeToString())
    return path
