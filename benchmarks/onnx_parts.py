# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Parts of small ONNX graphs, for the policies that benchmarks and tests make on the spot.
"""
from __future__ import annotations

import numpy as np
import onnx
from onnx import helper
from onnx import numpy_helper
from onnx import TensorProto


def constant(name: str, value: object) -> onnx.NodeProto:
    """
    Make a constant.

    :param name: of its output.
    :param value: whatever numpy makes an array of.
    """
    return helper.make_node(
        'Constant', [], [name], value=numpy_helper.from_array(np.asarray(value), name))


def looping(turns: str, value: str, result: str) -> onnx.NodeProto:
    """
    Make a loop that does nothing but take time.

    :param turns: the tensor that says how often, int64.
    :param value: the scalar float32 that it hands on.
    :param result: the name of that scalar after the loop.
    """
    body = helper.make_graph(
        [helper.make_node('Identity', ['on'], ['still_on']),
         helper.make_node('Identity', ['before'], ['after'])], 'turn',
        [helper.make_tensor_value_info('turn', TensorProto.INT64, []),
         helper.make_tensor_value_info('on', TensorProto.BOOL, []),
         helper.make_tensor_value_info('before', TensorProto.FLOAT, [])],
        [helper.make_tensor_value_info('still_on', TensorProto.BOOL, []),
         helper.make_tensor_value_info('after', TensorProto.FLOAT, [])])
    return helper.make_node('Loop', [turns, '', value], [result], body=body)
