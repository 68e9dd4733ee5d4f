# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The policy spec: there and back through JSON, and what it refuses.
"""
from __future__ import annotations

import copy
from dataclasses import replace
import json
import math

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from policy_models import POSE
from policy_models import ROBOT
from policy_models import SPEC
from policy_models import TWIST
import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import SpecError
from vaa_ros.core.spec import ACTION_KINDS
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import COMMAND_KINDS
from vaa_ros.core.spec import MAX_CHUNK_LENGTH
from vaa_ros.core.spec import MAX_SIDE
from vaa_ros.core.spec import PolicySpec


def places(value: object, here: tuple = ()) -> list[tuple]:
    found = [here] if here else []
    items = value.items() if isinstance(value, dict) else (
        enumerate(value) if isinstance(value, list) else ())
    for key, item in items:
        found += places(item, (*here, key))
    return found


def with_value(place: tuple, value: object) -> dict:
    plain = copy.deepcopy(SPEC.to_dict())
    inner = plain
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return plain


@pytest.mark.parametrize('spec', [SPEC, TWIST, POSE, replace(
    SPEC, cameras=(CameraSpec('front', 128, 96, (0.1, 0.0, 0.5, 1.0)),),
    instructions=('pick', '拿起'), normalisation={'mean': [1.0, 2.0]}, parity={'max': 1e-6})])
def test_there_and_back_through_json(spec: PolicySpec) -> None:
    assert PolicySpec.from_json(spec.to_json()) == spec
    assert isinstance(json.loads(spec.to_json()), dict)


def test_an_infinite_acceleration_survives_json() -> None:
    assert SPEC.joints[0].acceleration == math.inf
    assert 'Infinity' not in SPEC.to_json()
    assert PolicySpec.from_json(SPEC.to_json()).joints[0].acceleration == math.inf


def test_derived_values() -> None:
    assert SPEC.camera_keys == ('front', 'wrist')
    assert SPEC.joint_names == ('turn', 'gripper')
    assert SPEC.dt_s == pytest.approx(1 / 30)
    assert SPEC.camera('wrist').width == 4


def test_an_unknown_camera_lists_those_there_are() -> None:
    with pytest.raises(ConfigError, match='Available: front, wrist'):
        SPEC.camera('side')


@pytest.mark.parametrize('text', ['', '{', '[]', 'null', '5', '"x"', '[' * 100_000,
                                  '{"name": NaN}', '{"chunk_length": Infinity}'])
def test_text_that_is_no_spec(text: str) -> None:
    with pytest.raises(SpecError, match='policy.onnx'):
        PolicySpec.from_json(text, 'policy.onnx')


@pytest.mark.parametrize('version', [0, 2, '1', None, -1])
def test_another_schema_version_says_what_is_read(version: object) -> None:
    with pytest.raises(SpecError, match=f'schema_version {version}, this vaa_ros reads 1'):
        PolicySpec.from_dict({**SPEC.to_dict(), 'schema_version': version})


def test_a_newer_version_is_named_before_its_unknown_keys() -> None:
    with pytest.raises(SpecError, match='schema_version 2'):
        PolicySpec.from_dict({'schema_version': 2, 'something_new': 1})


def test_unknown_and_missing_keys_are_named() -> None:
    plain = SPEC.to_dict()
    with pytest.raises(SpecError, match='unknown key colour'):
        PolicySpec.from_dict({**plain, 'colour': 1})
    del plain['task']
    with pytest.raises(SpecError, match='missing key task'):
        PolicySpec.from_dict(plain)


@pytest.mark.parametrize(('place', 'value', 'match'), [
    (('cameras',), [], 'at least one'), (('cameras',), None, 'expected a list'),
    (('cameras', 0, 'width'), 0, 'size 0x6'), (('cameras', 0, 'width'), 8.5, 'a whole number'),
    (('cameras', 0, 'height'), MAX_SIDE + 1, f'expected 1x1 to {MAX_SIDE}x{MAX_SIDE}'),
    (('cameras', 1, 'key'), 'front', 'no key twice'),
    (('cameras', 0, 'crop'), [0, 0, 1], 'expected x, y, width, height'),
    (('cameras', 0, 'crop'), [0.5, 0, 0.6, 1], 'leaves the picture'),
    (('cameras', 0, 'crop'), [0, 0, 0, 1], 'leaves the picture'),
    (('cameras', 0, 'crop'), [-0.1, 0, 1, 1], 'leaves the picture'),
    (('joints',), [], 'at least one'), (('joints', 1, 'name'), 'turn', 'no name twice'),
    (('joints', 0, 'upper'), -1, 'not below upper'),
    (('action', 'kind'), 'torque', "action kind 'torque', expected one of"),
    (('action', 'names'), [], 'action names are empty'),
    (('action', 'names'), ['turn', 'elbow'], 'are not all joints'),
    (('control_rate_hz',), 0, 'control_rate_hz'), (('control_rate_hz',), 1001, 'control_rate_hz'),
    (('chunk_length',), 0, 'chunk_length'), (('chunk_length',), 2.5, 'a whole number'),
    (('chunk_length',), MAX_CHUNK_LENGTH + 1, 'chunk_length'),
    (('embedding_size',), -1, 'embedding_size'), (('embedding_size',), None, 'embedding_size'),
    (('observation_history',), 4, 'observation_history 4, expected 1 to 3'),
    (('observation_history',), 0, 'observation_history 0, expected 1 to 3'),
    (('history_stride',), 0, 'history_stride 0, expected at least 1'),
    (('instructions',), 'pick', 'a list, each item text'), (('name',), 5, 'name is 5'),
])
def test_values_that_are_wrong_are_named(place: tuple, value: object, match: str) -> None:
    with pytest.raises(SpecError, match=match):
        PolicySpec.from_dict(with_value(place, value))


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3),
    st.lists(st.integers(), max_size=2), st.just({}), st.just({'a': 1}), st.just(10**400))


@settings(max_examples=300, deadline=None)
@given(place=st.sampled_from(places(SPEC.to_dict())), value=ODD)
def test_any_change_gives_a_spec_error_or_a_spec_that_holds(place: tuple, value: object) -> None:
    try:
        spec = PolicySpec.from_dict(with_value(place, value))
    except SpecError as problem:
        assert len(str(problem)) < 1000
        return
    assert all(isinstance(name, str) for name in (*spec.camera_keys, *spec.joint_names))
    assert isinstance(spec.chunk_length, int)
    assert spec.dt_s > 0


@pytest.mark.parametrize('kind', ['end_effector_pose', 'end_effector_twist'])
def test_end_effector_actions_have_fixed_names(kind: str) -> None:
    action = ActionSpec.for_robot(kind, ROBOT)
    assert action.names[-1] == 'gripper'
    with pytest.raises(ValueError, match='action names'):
        ActionSpec(kind, action.names[:-1])


def test_joint_actions_take_the_robots_joints() -> None:
    assert ActionSpec.for_robot('joint_position', ROBOT).names == ('turn', 'gripper')


def test_every_command_carries_a_known_kind() -> None:
    assert set(COMMAND_KINDS.values()) == set(ACTION_KINDS)


# --- against a robot --------------------------------------------------------------------------

def differs(spec: PolicySpec, match: str, **change: object) -> None:
    with pytest.raises(SpecError, match=match):
        spec.check_robot(replace(ROBOT, **change))


def test_the_robot_it_was_made_for() -> None:
    for spec in (SPEC, TWIST, POSE):
        spec.check_robot(ROBOT)


def test_other_joints_order_or_units_are_named() -> None:
    turn, gripper = ROBOT.joints
    differs(SPEC, r"joints: policy \['turn', 'gripper'\], robot \['gripper', 'turn'\]",
            joints=(gripper, turn), home=(0.05, 0.0))
    differs(SPEC, 'joints: policy', joints=(turn,), home=(0.0,), gripper=None)
    differs(SPEC, 'joint turn: policy uses rad, robot m',
            joints=(replace(turn, unit='m'), gripper))


def test_frames_matter_to_end_effector_actions_alone() -> None:
    SPEC.check_robot(replace(ROBOT, base_frame='world'))
    differs(TWIST, "base_frame: policy 'base_link', robot 'world'; end_effector_frame: policy "
            "'tool0', robot 'hand'", base_frame='world', end_effector_frame='hand')
