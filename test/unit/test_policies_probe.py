# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Models are tried out in a process of their own: bad ones do harm there alone, and it is said why.
"""
from __future__ import annotations

from dataclasses import replace
import hashlib
from pathlib import Path

from hostile_models import constant
from hostile_models import HOSTILE
from hostile_models import write_hostile
import numpy as np
from onnx import helper
from onnx import TensorProto
from policy_models import JOINTS
from policy_models import model
from policy_models import observation
from policy_models import ROBOT
from policy_models import save
from policy_models import SPEC
from policy_models import TWIST
import pytest

from vaa_ros.core.errors import ModelError
from vaa_ros.core.errors import VaaError
from vaa_ros.policies.loading import check_checksum
from vaa_ros.policies.loading import ModelLoader
from vaa_ros.policies.loading import Trust
from vaa_ros.policies.probe import probe
from vaa_ros.policies.probe import ProbeLimits
from vaa_ros.policies.probe import run_child

PLAIN = replace(SPEC, embedding_size=0)
LIMITS = ProbeLimits(timeout_s=60.0)


def test_a_good_model_is_tried_out_on_what_was_seen_too(tmp_path: Path) -> None:
    path = save(model(offset=0.1), tmp_path)
    bare = probe(path, path.read_bytes(), LIMITS, 0.0, ROBOT, 'joint_position', SPEC)
    assert bare.name == 'tiny'
    assert bare.answers >= 20
    assert 0 <= bare.mean_ms < 33
    seen = [observation(), observation(state=(0.5, 0.01))]
    more = probe(path, path.read_bytes(), LIMITS, 0.0, ROBOT, 'joint_position', SPEC, seen)
    assert more.answers == bare.answers + 2


@pytest.mark.parametrize('kind', HOSTILE)
def test_a_bad_model_is_refused_with_the_reason(tmp_path: Path, kind: str) -> None:
    path = write_hostile(tmp_path / 'bad.onnx', kind, PLAIN)
    limits = ProbeLimits(timeout_s=1.5) if kind == 'endless loop' else LIMITS
    loader = ModelLoader(ROBOT, 'joint_position', Trust(limits=limits))
    with pytest.raises(ModelError, match=HOSTILE[kind]):
        loader.open(str(path), PLAIN)


@pytest.mark.parametrize(('change', 'match'), [
    ({'robot': replace(ROBOT, joints=JOINTS[:1], home=(0.0,), gripper=None)}, 'gripper'),
    ({'kind': 'end_effector_twist'}, 'gives joint_position actions'),
    ({'running': TWIST}, 'cannot take over'),
])
def test_a_model_that_does_not_fit_is_refused(
    tmp_path: Path, change: dict[str, object], match: str,
) -> None:
    path = save(model(), tmp_path)
    wanted = {'robot': ROBOT, 'kind': 'joint_position', 'running': SPEC, **change}
    with pytest.raises(VaaError, match=match):
        probe(path, path.read_bytes(), LIMITS, 0.0, **wanted)


def test_a_file_that_changes_between_two_looks_is_refused(tmp_path: Path) -> None:
    path = save(model(), tmp_path)
    before = path.read_bytes()
    save(model(offset=0.2), tmp_path)
    with pytest.raises(ModelError, match='changed while it was read'):
        probe(path, before, LIMITS)


def test_a_checksum_beside_the_model_must_be_its_own(tmp_path: Path) -> None:
    path = save(model(), tmp_path)
    place = tmp_path / 'policy.onnx.sha256'
    check_checksum(path, path.read_bytes())
    place.write_text(f'{"0" * 64}  policy.onnx\n')
    with pytest.raises(ModelError, match=r'policy.onnx.sha256 beside it says 000'):
        check_checksum(path, path.read_bytes())
    place.write_text(f'{hashlib.sha256(path.read_bytes()).hexdigest()}  policy.onnx\n')
    check_checksum(path, path.read_bytes())


def test_a_child_that_crashes_or_says_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match='exit status 1'):
        run_child(b'no json\n', tmp_path, LIMITS)


def test_an_answer_that_only_what_was_seen_provokes_is_found(tmp_path: Path) -> None:
    # Not a number where the mean of the first picture is seven, as it is in the stored one.
    made = model(offset=0.1)
    for node in made.graph.node:
        for index, name in enumerate(node.output):
            if name == 'actions':
                node.output[index] = 'calm'
    made.graph.node.extend([
        helper.make_node('Cast', ['image_front'], ['seen'], to=TensorProto.FLOAT),
        helper.make_node('ReduceMean', ['seen'], ['bright'], keepdims=0),
        constant('seven', np.float32(7.0)), constant('bad', np.float32('nan')),
        constant('good', np.float32(0.0)),
        helper.make_node('Equal', ['bright', 'seven'], ['there']),
        helper.make_node('Where', ['there', 'bad', 'good'], ['added']),
        helper.make_node('Add', ['calm', 'added'], ['actions'])])
    path = save(made, tmp_path)
    probe(path, path.read_bytes(), LIMITS, 0.0, ROBOT)
    with pytest.raises(ModelError, match='not finite'):
        probe(path, path.read_bytes(), LIMITS, 0.0, ROBOT, seen=[observation()])
