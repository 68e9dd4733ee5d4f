# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
ONNX policies: what runs, and every way in which a file or an observation is refused.
"""
from __future__ import annotations

from dataclasses import replace
import hashlib
import json
from pathlib import Path
import threading

import numpy as np
from onnx import helper
from onnx import TensorProto
from policy_models import constant
from policy_models import model
from policy_models import observation
from policy_models import save
from policy_models import SPEC
import pytest

from vaa_ros.core.errors import ModelError
from vaa_ros.core.spec import METADATA_KEY
from vaa_ros.core.types import Observation
from vaa_ros.policies.base import Policy
from vaa_ros.policies.onnx_policy import OnnxPolicy


def refused(path: Path, **options: int) -> str:
    with pytest.raises(ModelError) as caught:
        OnnxPolicy(path, **options)
    message = str(caught.value)
    assert str(path) in message
    return message


@pytest.fixture()
def policy(tmp_path: Path) -> OnnxPolicy:
    return OnnxPolicy(save(model(offset=0.5), tmp_path))


# --- a good one -------------------------------------------------------------------------------

def test_answers_with_a_chunk(policy: OnnxPolicy) -> None:
    assert isinstance(policy, Policy)
    chunk = policy.infer(observation())
    assert chunk.stamp_ns == 1_000
    assert chunk.dt_s == pytest.approx(1 / 30)
    assert chunk.actions.shape == (5, 2)
    assert chunk.actions.dtype == np.float32
    assert (chunk.actions == 0.5).all()
    assert chunk.scale.shape == (5, 2)
    assert chunk.z_vision.shape == chunk.z_action.shape == (3,)
    assert chunk.alignment == pytest.approx(1.0)


def test_carries_its_spec_and_its_hash(tmp_path: Path) -> None:
    path = save(model(), tmp_path)
    policy = OnnxPolicy(str(path))
    assert policy.spec == SPEC
    assert policy.path == path
    assert policy.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    policy.reset()


def test_runs_with_one_thread_that_does_not_spin(policy: OnnxPolicy) -> None:
    options = policy._session.get_session_options()
    assert options.intra_op_num_threads == 1
    assert options.inter_op_num_threads == 1
    assert options.get_session_config_entry('session.intra_op.allow_spinning') == '0'


def test_takes_images_that_are_views(policy: OnnxPolicy) -> None:
    big = np.zeros((12, 16, 3), np.uint8)
    assert policy.infer(observation(front=big[::2, ::2])).actions.shape == (5, 2)


def test_embeddings_and_scale_are_optional(tmp_path: Path) -> None:
    chunk = OnnxPolicy(save(model(outputs=('actions',)), tmp_path)).infer(observation())
    assert chunk.scale is None
    assert np.isnan(chunk.alignment)


def test_open_output_sizes_are_measured_in_each_answer(tmp_path: Path) -> None:
    right = OnnxPolicy(save(model(open_outputs=True), tmp_path))
    assert right.infer(observation()).actions.shape == (5, 2)
    longer = replace(SPEC, chunk_length=6)
    wrong = OnnxPolicy(
        save(model(SPEC, longer, open_outputs=True, outputs=('actions',)), tmp_path))
    with pytest.raises(ModelError, match=r'actions has shape \(1, 6, 2\), expected \(1, 5, 2\)'):
        wrong.infer(observation())


# --- files ------------------------------------------------------------------------------------

def test_a_missing_file(tmp_path: Path) -> None:
    assert 'does not exist' in refused(tmp_path / 'none.onnx')


def test_a_folder(tmp_path: Path) -> None:
    assert 'is not a file' in refused(tmp_path)


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / 'empty.onnx'
    path.touch()
    assert 'is empty' in refused(path)


def test_a_file_over_the_cap(tmp_path: Path) -> None:
    path = save(model(), tmp_path)
    assert 'larger than' in refused(path, max_bytes=path.stat().st_size - 1)
    OnnxPolicy(path, max_bytes=path.stat().st_size)


@pytest.mark.parametrize('content', [
    b'garbage', b'\x00' * 100, b'\xff' * 100, b'PK\x03\x04' + b'x' * 500, b'\n', b'{"a": 1}',
    bytes(range(256)) * 20, b'ORTM' * 40, '这不是模型'.encode()])
def test_garbage(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'garbage.onnx'
    path.write_bytes(content)
    assert 'not an ONNX' in refused(path)


def test_a_file_cut_off_anywhere(tmp_path: Path) -> None:
    whole = save(model(), tmp_path).read_bytes()
    path = tmp_path / 'cut.onnx'
    for size in {*range(1, len(whole), max(1, len(whole) // 80)), len(whole) - 1}:
        path.write_bytes(whole[:size])
        refused(path)


def test_a_damaged_file_is_refused_or_still_the_same_policy(tmp_path: Path) -> None:
    whole = save(model(), tmp_path).read_bytes()
    random = np.random.default_rng(0)
    path = tmp_path / 'damaged.onnx'
    for place in random.integers(0, len(whole), 60):
        broken = bytearray(whole)
        broken[place] ^= 1 << int(random.integers(8))
        path.write_bytes(bytes(broken))
        try:
            chunk = OnnxPolicy(path).infer(observation())
        except ModelError:
            continue
        assert np.isfinite(chunk.actions).all()


def test_no_spec_lists_the_metadata_there_is(tmp_path: Path) -> None:
    message = refused(save(model(metadata={'author': 'somebody'}), tmp_path))
    assert "no policy spec; expected the metadata key 'vaa_policy_spec', found: author" in message
    assert 'found: none' in refused(save(model(None), tmp_path))


@pytest.mark.parametrize(('text', 'expected'), [
    ('not json', 'not JSON'), ('[]', 'expected a mapping'), ('{}', 'cameras'),
    ('{"schema_version": 99}', 'schema_version 99, this vaa_ros reads 1')])
def test_a_foreign_spec(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in refused(save(model(metadata={METADATA_KEY: text}), tmp_path))


def test_a_spec_with_an_unknown_key(tmp_path: Path) -> None:
    text = json.dumps({**SPEC.to_dict(), 'colour': 'red'})
    assert 'unknown key colour' in refused(save(model(metadata={METADATA_KEY: text}), tmp_path))


# --- graphs -----------------------------------------------------------------------------------

@pytest.mark.parametrize(('changes', 'expected'), [
    ({'state': None}, 'state is missing'),
    ({'image_wrist': None}, 'image_wrist is missing'),
    ({'image_side': (TensorProto.UINT8, [1, 2, 2, 3])}, 'image_side is not in the spec'),
    ({'state': (TensorProto.FLOAT, [1, 3])}, r'state is tensor(float) [1, 3], expected'),
    ({'state': (TensorProto.FLOAT, ['batch', 2])}, "state is tensor(float) ['batch', 2]"),
    ({'state': (TensorProto.DOUBLE, [1, 2])}, 'state is tensor(double)'),
    ({'image_front': (TensorProto.FLOAT, [1, 6, 8, 3])}, 'image_front is tensor(float)'),
    ({'image_front': (TensorProto.UINT8, [1, 3, 6, 8])}, 'image_front is tensor(uint8) [1, 3'),
    ({'image_front': (TensorProto.UINT8, [1, 8, 6, 3])}, 'expected tensor(uint8) [1, 6, 8, 3]'),
])
def test_inputs_that_are_not_those_of_the_spec(
    tmp_path: Path, changes: dict, expected: str,
) -> None:
    message = refused(save(model(input_changes=changes), tmp_path))
    assert 'inputs do not fit its policy spec' in message
    assert expected in message


@pytest.mark.parametrize(('change', 'expected'), [
    ({'chunk_length': 6}, 'actions is tensor(float) [1, 6, 2], expected tensor(float) [1, 5, 2]'),
    ({'embedding_size': 4}, 'z_vision is tensor(float) [1, 4], expected tensor(float) [1, 3]')])
def test_outputs_that_are_not_those_of_the_spec(
    tmp_path: Path, change: dict, expected: str,
) -> None:
    message = refused(save(model(SPEC, replace(SPEC, **change)), tmp_path))
    assert 'outputs do not fit its policy spec' in message
    assert expected in message


def test_no_actions(tmp_path: Path) -> None:
    message = refused(save(model(outputs=('scale', 'z_vision')), tmp_path))
    assert 'actions is missing' in message
    assert 'Found: scale, z_vision' in message


def test_an_unknown_operator(tmp_path: Path) -> None:
    node = helper.make_node('NoSuchThing', ['state'], ['nowhere'])
    assert 'refuses the model' in refused(save(model(extra_nodes=(node,)), tmp_path))


@pytest.mark.parametrize('domain', ['com.microsoft', 'evil.custom'])
def test_operators_outside_the_standard(tmp_path: Path, domain: str) -> None:
    node = helper.make_node('EPContext', ['state'], ['nowhere'], domain=domain)
    assert f'{domain}::EPContext' in refused(save(model(extra_nodes=(node,)), tmp_path))


def test_operators_hidden_in_a_branch(tmp_path: Path) -> None:
    node = helper.make_node('EPContext', [], ['inner'], domain='com.microsoft')
    branch = helper.make_graph(
        [node], 'branch', [], [helper.make_tensor_value_info('inner', TensorProto.FLOAT, [1])])
    outer = helper.make_node('If', ['yes'], ['nowhere'], then_branch=branch, else_branch=branch)
    made = model(extra_nodes=(constant('yes', np.array(True)), outer))
    assert 'com.microsoft::EPContext' in refused(save(made, tmp_path))


def test_functions_that_the_file_defines_itself_are_allowed(tmp_path: Path) -> None:
    made = model()
    made.functions.append(helper.make_function(
        'pkg.local', 'Same', ['x'], ['y'], [helper.make_node('Identity', ['x'], ['y'])],
        [helper.make_opsetid('', 17)]))
    made.opset_import.append(helper.make_opsetid('pkg.local', 1))
    made.graph.node.append(helper.make_node('Same', ['state'], ['spare'], domain='pkg.local'))
    assert OnnxPolicy(save(made, tmp_path)).infer(observation()).actions.shape == (5, 2)


@pytest.mark.parametrize('where', ['initializer', 'attribute'])
@pytest.mark.parametrize('sign', ['location', 'entries', 'both'])
def test_weights_in_another_file(tmp_path: Path, where: str, sign: str) -> None:
    made = model()
    tensor = TensorProto(name='secret', data_type=TensorProto.FLOAT, dims=[2])
    if sign != 'entries':
        tensor.data_location = TensorProto.EXTERNAL
    if sign != 'location':
        tensor.external_data.add(key='location', value='../../etc/passwd')
    if where == 'initializer':
        made.graph.initializer.append(tensor)
    else:
        made.graph.node.append(helper.make_node('Constant', [], ['spare'], value=tensor))
    assert 'weights in other files are refused: secret' in refused(save(made, tmp_path))


def test_threads_must_be_positive(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match='threads is 0'):
        OnnxPolicy(save(model(), tmp_path), threads=0)


# --- answers and observations -----------------------------------------------------------------

@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_answers_that_are_not_finite(tmp_path: Path, bad: float) -> None:
    policy = OnnxPolicy(save(model(offset=bad), tmp_path))
    with pytest.raises(ModelError, match=r'output actions is not finite: element \(0, 0\)'):
        policy.infer(observation())


BAD_IMAGES = {
    'missing': None,
    'float': np.zeros((6, 8, 3), np.float32),
    'size': np.zeros((8, 6, 3), np.uint8),
    'grey': np.zeros((6, 8), np.uint8),
    'empty': np.zeros((0, 0, 3), np.uint8),
    'list': [[[0, 0, 0]]],
}


@pytest.mark.parametrize('name', list(BAD_IMAGES))
def test_images_that_do_not_fit(policy: OnnxPolicy, name: str) -> None:
    with pytest.raises(ModelError, match="camera 'front'"):
        policy.infer(observation(front=BAD_IMAGES[name]))


def test_a_missing_image_lists_those_there_are(policy: OnnxPolicy) -> None:
    with pytest.raises(ModelError, match='it has: wrist'):
        policy.infer(observation(front=None))


@pytest.mark.parametrize('state', [[0.0], [0.0, 0.0, 0.0], [[0.0, 0.0]], []])
def test_states_of_another_shape(policy: OnnxPolicy, state: list) -> None:
    with pytest.raises(ModelError, match='for the joints turn, gripper'):
        policy.infer(observation(state=state))


def test_states_that_are_not_finite_name_the_joint(policy: OnnxPolicy) -> None:
    with pytest.raises(ModelError, match='gripper is nan'):
        policy.infer(observation(state=[0.0, np.nan]))


def test_states_of_integers(policy: OnnxPolicy) -> None:
    good = observation()
    with pytest.raises(ModelError, match='state is int64'):
        policy.infer(Observation(0, good.images, np.zeros(2, np.int64)))


def test_an_answer_under_way_can_be_ended_from_another_thread(policy: OnnxPolicy) -> None:
    policy.interrupt()  # nothing is under way
    assert policy.infer(observation()).actions.shape == (5, 2)
    run = policy._session.run

    def interrupted(*args: object) -> list[np.ndarray]:
        other = threading.Thread(target=policy.interrupt)
        other.start()
        other.join()
        return run(*args)

    session = policy._session
    session.run = interrupted
    with pytest.raises(ModelError, match='inference failed.*terminate'):
        policy.infer(observation())
    session.run = run
    assert policy.infer(observation()).actions.shape == (5, 2), 'the next one is not affected'
