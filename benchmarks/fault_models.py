# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Small policies made on the spot, for faults.py.

One moves the arm round and round, and goes wrong when it is told to; the others must never get to
command anything. The first pixel of the camera ``front`` tells that one what to do wrong, so that
a camera can provoke it at any moment.

    python benchmarks/fault_models.py FOLDER
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
import sys
import time

import numpy as np
import onnx
from onnx import helper
from onnx import TensorProto
from onnx_parts import constant
from onnx_parts import looping

from vaa_ros.core.robot import load_robot
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import METADATA_KEY
from vaa_ros.core.spec import PolicySpec

ROBOT = load_robot('vaa_arm')
CAMERAS = ('front', 'wrist')
WIDTH, HEIGHT = 32, 24
RATE_HZ, LENGTH = 30.0, 24
CIRCLE = (0, 3)
"""The joints whose angles go round."""
RADIUS, SPEED, LEAD = 0.4, 0.8, 2
"""Of that circle [rad], round it [rad/s], and how far ahead of the arm the first action is
[steps]."""

OBEY, NAN, HUGE, SLOW, STUCK, MEMORY, OTHER_NAN = range(7)
"""What the first pixel asks for, by its red; green and blue say that it asks."""
GREEN, BLUE = 7, 201
ASKED = 256 * GREEN + 65536 * BLUE
BRIEF, FOREVER = 100_000, 2**40
"""Turns of a loop that takes a moment, and of one that does not end."""


def spec_of(name: str) -> PolicySpec:
    """
    Give the spec of the policies here.

    :param name: the policy's name.
    """
    return PolicySpec(
        name=name, task='reach', robot=ROBOT.name,
        cameras=tuple(CameraSpec(key, WIDTH, HEIGHT) for key in CAMERAS), joints=ROBOT.joints,
        action=ActionSpec.for_robot('joint_position', ROBOT), control_rate_hz=RATE_HZ,
        chunk_length=LENGTH)


def spec_of_another() -> PolicySpec:
    """
    Give the same of a robot that is alike, but whose joints have other names.
    """
    joints = tuple(replace(joint, name=f'another_{joint.name}') for joint in ROBOT.joints)
    spec = spec_of('another')
    return replace(spec, robot='another', joints=joints, action=replace(
        spec.action, names=tuple(joint.name for joint in joints)))


def circling() -> list[onnx.NodeProto]:
    """
    Make the nodes of ``round``: from where the arm is, on round the circle (1, L, D).
    """
    turn = SPEED / RADIUS * (np.arange(LENGTH) + LEAD) / RATE_HZ
    across, up = np.zeros((2, 1, LENGTH, len(ROBOT.joints)), np.float32)
    across[0, :, CIRCLE[0]], across[0, :, CIRCLE[1]] = RADIUS * np.cos(turn), RADIUS * np.sin(turn)
    up[0, :, CIRCLE[0]], up[0, :, CIRCLE[1]] = -RADIUS * np.sin(turn), RADIUS * np.cos(turn)
    home = np.array(ROBOT.home, np.float32)
    return [
        constant('across', across), constant('up', up), constant('home', home[None, None]),
        constant('joints', np.array(CIRCLE)), constant('centre', home[list(CIRCLE)][None] - 1e-3),
        helper.make_node('Gather', ['state', 'joints'], ['place'], axis=1),
        helper.make_node('Sub', ['place', 'centre'], ['way']),
        helper.make_node('ReduceL2', ['way'], ['length'], axes=[1], keepdims=1),
        helper.make_node('Div', ['way', 'length'], ['unit']),
        helper.make_node('Split', ['unit'], ['unit_x', 'unit_y'], axis=1),
        helper.make_node('Mul', ['unit_x', 'across'], ['part_x']),
        helper.make_node('Mul', ['unit_y', 'up'], ['part_y']),
        helper.make_node('Add', ['part_x', 'part_y'], ['circle']),
        helper.make_node('Add', ['circle', 'home'], ['round']),
    ]


def going_wrong(nan_at: Sequence[int], brief: int, always: int) -> list[onnx.NodeProto]:
    """
    Make the nodes of ``wrong``: 0, or what the first pixel asks for.

    :param nan_at: the orders that make it NaN.
    :param brief: turns of the loop that takes a moment.
    :param always: the order that it follows whatever it sees; 0 for those of the pixel.
    """
    nodes = [constant('nothing', np.float32(0)), constant('huge', np.float32(1e9)),
             constant('nan', np.float32('nan')), constant('nans', np.array(nan_at) + ASKED),
             constant('first', np.arange(3)), constant('digits', np.array([1, 256, 65536])),
             constant('brief', np.array(brief)), constant('forever', np.array(FOREVER)),
             constant('petabytes', np.array([2**50])),
             helper.make_node('Reshape', ['image_front', 'flat'], ['pixels']),
             constant('flat', np.array([-1])),
             helper.make_node('Gather', ['pixels', 'first'], ['pixel']),
             helper.make_node('Cast', ['pixel'], ['colours'], to=TensorProto.INT64),
             helper.make_node('Mul', ['colours', 'digits'], ['parts']),
             constant('nought', np.array([0])),
             helper.make_node('ReduceSum', ['parts', 'nought'], ['asked'], keepdims=1),
             # Not a constant, which would be worked out while the model is loaded.
             constant('counts', np.array([int(not always)])),
             constant('always', np.array([ASKED + always if always else 0])),
             helper.make_node('Mul', ['asked', 'counts'], ['heard']),
             helper.make_node('Add', ['heard', 'always'], ['order']),
             helper.make_node('Equal', ['order', 'nans'], ['is_nan'])]
    for name, value in (('huge', HUGE), ('slow', SLOW), ('stuck', STUCK), ('greedy', MEMORY)):
        nodes += [constant(f'order_{name}', np.array([value + ASKED])),
                  helper.make_node('Equal', ['order', f'order_{name}'], [f'is_{name}']),
                  helper.make_node('Cast', [f'is_{name}'], [f'many_{name}'], to=TensorProto.INT64)]
    return [
        *nodes,
        helper.make_node('Where', ['is_nan', 'nan', 'nothing'], ['some_nan']),
        helper.make_node('ReduceSum', ['some_nan'], ['a_nan'], keepdims=0),
        helper.make_node('Where', ['is_huge', 'huge', 'nothing'], ['some_huge']),
        helper.make_node('ReduceSum', ['some_huge'], ['a_huge'], keepdims=0),
        helper.make_node('Mul', ['many_slow', 'brief'], ['turns_slow']),
        helper.make_node('Mul', ['many_stuck', 'forever'], ['turns_stuck']),
        helper.make_node('Add', ['turns_slow', 'turns_stuck'], ['turns_both']),
        helper.make_node('ReduceSum', ['turns_both'], ['turns'], keepdims=0),
        looping('turns', 'nothing', 'looped'),
        helper.make_node('Mul', ['many_greedy', 'petabytes'], ['size']),
        helper.make_node('ConstantOfShape', ['size'], ['much']),
        helper.make_node('ReduceSum', ['much'], ['taken'], keepdims=0),
        helper.make_node('Sum', ['a_nan', 'a_huge', 'looped', 'taken'], ['wrong']),
    ]


def write_policy(path: Path, name: str = '', nan_at: Sequence[int] = (NAN,),
                 spec: PolicySpec | None = None, width: int = 0, brief: int = BRIEF,
                 always: int = OBEY) -> Path:
    """
    Write the policy that goes round.

    :param path: the file to write.
    :param name: the policy's name; empty for that of the file.
    :param nan_at: the orders that make it answer NaN.
    :param spec: what it says of itself; None for the truth.
    :param width: how many action elements too many it has.
    :param brief: turns of the loop that takes a moment.
    :param always: the order that it follows whatever it sees.
    :return: the file.
    """
    spec = spec or spec_of(name or path.stem)
    joints = len(ROBOT.joints)
    nodes = [*circling(), *going_wrong(nan_at, brief, always),
             helper.make_node('Add', ['round', 'wrong'], ['answer']),
             constant('padding', np.array([0, 0, 0, 0, 0, width])),
             helper.make_node('Pad', ['answer', 'padding'], ['actions'])]
    inputs = [helper.make_tensor_value_info(f'image_{key}', TensorProto.UINT8,
                                            [1, HEIGHT, WIDTH, 3]) for key in CAMERAS]
    inputs.append(helper.make_tensor_value_info('state', TensorProto.FLOAT, [1, joints]))
    graph = helper.make_graph(nodes, 'round', inputs, [helper.make_tensor_value_info(
        'actions', TensorProto.FLOAT, [1, LENGTH, joints + width])])
    return save(path, graph, spec)


def save(path: Path, graph: onnx.GraphProto, spec: PolicySpec) -> Path:
    """
    Write a graph and its spec in one step, for whoever watches the file.
    """
    # In the order in which they are used, which the checker wants.
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)
    order(made.graph)
    helper.set_model_props(made, {METADATA_KEY: spec.to_json()})
    onnx.checker.check_model(made)
    partial = path.with_suffix('.partial')
    partial.write_bytes(made.SerializeToString())
    return partial.rename(path)


def order(graph: onnx.GraphProto) -> None:
    """
    Put constants first: whatever uses them then comes later.
    """
    nodes = sorted(graph.node, key=lambda node: node.op_type != 'Constant')
    del graph.node[:]
    graph.node.extend(nodes)


def write_bad(folder: Path) -> dict[str, Path]:
    """
    Write files that a reload must refuse.

    :param folder: where.
    :return: the files by kind.
    """
    found = {
        'fails': write_policy(folder / 'fails.onnx', nan_at=(NAN, OTHER_NAN)),
        'greedy': write_policy(folder / 'greedy.onnx', always=MEMORY),
        'endless': write_policy(folder / 'endless.onnx', always=STUCK),
        'nan': write_policy(folder / 'nan.onnx', always=NAN),
        'shape': write_policy(folder / 'shape.onnx', width=1),
        'robot': write_policy(folder / 'robot.onnx', spec=spec_of_another()),
    }
    whole = write_policy(folder / 'whole.onnx').read_bytes()
    found['cut'] = folder / 'cut.onnx'
    found['cut'].write_bytes(whole[:len(whole) // 2])
    return found


def write_all(folder: Path) -> Path:
    """
    Write every file that faults.py uses.

    :param folder: where.
    :return: the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_policy(folder / 'round.onnx', brief=turns_in(folder, 0.3))
    write_bad(folder)
    return folder


def turns_in(folder: Path, time_s: float) -> int:
    """
    Measure how many turns of the loop this computer makes.

    :param folder: for the model that is measured with.
    :param time_s: within this time [s].
    """
    import onnxruntime
    session = onnxruntime.InferenceSession(write_policy(folder / 'timed.onnx', brief=100_000))
    picture = np.full((1, HEIGHT, WIDTH, 3), (SLOW, GREEN, BLUE), np.uint8)
    begin_s = time.monotonic()
    session.run(['actions'], {'image_front': picture, 'image_wrist': picture,
                              'state': np.array([ROBOT.home], np.float32)})
    return round(100_000 * time_s / (time.monotonic() - begin_s))


def main() -> None:
    """
    Write all of them into a folder, to look at.
    """
    if len(sys.argv) != 2 or sys.argv[1].startswith('-'):
        print(__doc__)
        raise SystemExit(0 if sys.argv[1:] == ['--help'] else 2)
    print(*write_all(Path(sys.argv[1])).glob('*.onnx'), sep='\n')


if __name__ == '__main__':
    main()
