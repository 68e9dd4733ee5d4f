# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Model files that mean harm, or are broken, for whatever policy spec and cameras they pretend to.
"""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import helper
from onnx import TensorProto
from onnx_parts import constant
from onnx_parts import looping

from vaa_ros.core.spec import METADATA_KEY
from vaa_ros.core.spec import PolicySpec

GIGABYTE = 10**9
HOSTILE = {
    'truncated': 'cut off or damaged',
    'wrong shape': r'actions is tensor\(float\)',
    'shape known only when run': 'has shape',
    'not finite': 'not finite',
    'external data': 'weights in other files',
    'custom domain': 'operators outside the ONNX standard',
    'unknown operator': 'refuses the model',
    'too slow': 'ms for an answer, the limit is',
    'endless loop': 'processor time and was ended|gave no answer within',
    'memory bomb': 'inference failed|refuses the model|memory',
    'no model': 'not an ONNX file',
    'no spec': 'no policy spec',
    'empty': 'is empty',
    'two gigabytes of nothing': 'larger than',
}
"""Every kind of bad model, and what is said about it."""


def actions_of(state_sum: str, shape: tuple[int, ...]) -> list[onnx.NodeProto]:
    """
    Compute actions of zero that need a scalar first.
    """
    return [constant('still', np.zeros(shape, np.float32)), constant('none', np.float32(0.0)),
            helper.make_node('Mul', [state_sum, 'none'], ['nothing']),
            helper.make_node('Add', ['still', 'nothing'], ['actions'])]


def endless() -> list[onnx.NodeProto]:
    """
    Hand the state's sum on 2^62 times.
    """
    return [constant('rounds', np.int64(2**62)), looping('rounds', 'sum', 'looped')]


def slow(size: int = 1500, times: int = 8) -> list[onnx.NodeProto]:
    """
    Multiply matrices made of the state, so large that no computer does it in time: 54 GFLOP.
    """
    nodes = [constant('size', np.array([size, size])),
             helper.make_node('Expand', ['sum', 'size'], ['matrix_0'])]
    nodes += [helper.make_node('MatMul', [f'matrix_{index}'] * 2, [f'matrix_{index + 1}'])
              for index in range(times)]
    return [*nodes, constant('low', np.float32(0.0)), constant('high', np.float32(1.0)),
            helper.make_node('Clip', [f'matrix_{times}', 'low', 'high'], ['clipped']),
            helper.make_node('ReduceMean', ['clipped'], ['slowed'], keepdims=0)]


def bomb() -> list[onnx.NodeProto]:
    """
    Ask for 20 GB while running.
    """
    return [constant('shape', np.array([20 * GIGABYTE // 4])),
            helper.make_node('ConstantOfShape', ['shape'], ['huge'],
                             value=helper.make_tensor('value', TensorProto.FLOAT, [1], [1.0])),
            helper.make_node('Mul', ['huge', 'sum'], ['larger']),
            helper.make_node('ReduceSum', ['larger'], ['exploded'], keepdims=0)]


def graph_nodes(kind: str, shape: tuple[int, ...]) -> list[onnx.NodeProto]:
    """
    Give the nodes that compute ``actions`` from ``sum``, the sum of the state.
    """
    _, length, width = shape
    if kind == 'endless loop':
        return [*endless(), *actions_of('looped', shape)]
    if kind == 'too slow':
        return [*slow(), *actions_of('slowed', shape)]
    if kind == 'memory bomb':
        return [*bomb(), *actions_of('exploded', shape)]
    if kind == 'custom domain':
        return [helper.make_node('Evil', ['sum'], ['cracked'], domain='com.evil'),
                *actions_of('cracked', shape)]
    if kind == 'unknown operator':
        return [helper.make_node('NoSuchOperator', ['sum'], ['odd']), *actions_of('odd', shape)]
    if kind == 'not finite':
        return [constant('nan', np.full(shape, np.nan, np.float32)),
                helper.make_node('Add', ['nan', 'sum'], ['actions'])]
    if kind == 'wrong shape':
        return [*actions_of('sum', (1, length, width + 1))]
    if kind == 'shape known only when run':
        return [constant('more', np.ones(length + 1, np.float32)),
                constant('one', np.float32(1.0)), constant('limit', np.float32(2.0)),
                helper.make_node('Mul', ['sum', 'zero'], ['no']),
                constant('longer', np.zeros((1, length + 1, width), np.float32)),
                helper.make_node('Add', ['more', 'no'], ['known']),
                helper.make_node('Less', ['known', 'limit'], ['keep']),
                helper.make_node('Compress', ['longer', 'keep'], ['actions'], axis=1),
                ]
    return actions_of('sum', shape)


def write_hostile(path: Path, kind: str, spec: PolicySpec) -> Path:
    """
    Write a bad model.

    :param path: the file to write.
    :param kind: a key of :data:`HOSTILE`.
    :param spec: the spec that it pretends to fulfil.
    :return: the file.
    """
    special: dict[str, Callable[[Path], object]] = {
        'no model': lambda place: place.write_bytes(b'\x80\x04this is no model'),
        'empty': lambda place: place.write_bytes(b''),
        'two gigabytes of nothing': sparse}
    if kind in special:
        special[kind](path)
        return path
    shape = (1, spec.chunk_length, len(spec.action.names))
    open_shape = [1, 'steps', shape[2]] if kind == 'shape known only when run' else list(shape)
    if kind == 'wrong shape':
        open_shape = [1, shape[1], shape[2] + 1]
    inputs = [helper.make_tensor_value_info(
        f'image_{camera.key}', TensorProto.UINT8, [1, camera.height, camera.width, 3])
        for camera in spec.cameras]
    inputs.append(helper.make_tensor_value_info(
        'state', TensorProto.FLOAT, [1, len(spec.joints)]))
    nodes = [helper.make_node('ReduceSum', ['state'], ['sum'], keepdims=0),
             constant('zero', np.float32(0.0)), *graph_nodes(kind, shape)]
    graph = helper.make_graph(nodes, 'hostile', inputs, [
        helper.make_tensor_value_info('actions', TensorProto.FLOAT, open_shape)])
    if kind == 'external data':
        weight = TensorProto(name='stolen', data_type=TensorProto.FLOAT, dims=[1],
                             data_location=TensorProto.EXTERNAL)
        weight.external_data.add(key='location', value='/etc/passwd')
        graph.initializer.append(weight)
    made = helper.make_model(graph, ir_version=9, opset_imports=[
        helper.make_opsetid('', 17), helper.make_opsetid('com.evil', 1)])
    if kind != 'no spec':
        helper.set_model_props(made, {METADATA_KEY: spec.to_json()})
    data = made.SerializeToString()
    path.write_bytes(data[:-len(data) // 3] if kind == 'truncated' else data)
    return path


def sparse(path: Path) -> None:
    with path.open('wb') as stream:
        stream.truncate(2 * GIGABYTE)
