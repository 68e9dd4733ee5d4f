# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Putting the control loop together.
"""
from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from vaa_ros.core.control_loop import ControlLoop
from vaa_ros.core.control_setup import camera_topic
from vaa_ros.core.control_setup import choose_ensemble
from vaa_ros.core.control_setup import ControlOptions
from vaa_ros.core.control_setup import make_control_loop
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.robot import load_robot
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import PolicySpec

ROBOT = load_robot('vaa_arm')
SPEC = PolicySpec(
    name='p', task='t', robot=ROBOT.name, cameras=(CameraSpec('front', 8, 6),),
    joints=ROBOT.joints, control_rate_hz=30.0, chunk_length=4,
    action=ActionSpec.for_robot('joint_position', ROBOT))


@pytest.mark.parametrize('kind', ['joint_position', 'end_effector_pose', 'end_effector_twist'])
def test_every_kind_gets_a_loop(kind: str) -> None:
    spec = replace(SPEC, action=ActionSpec.for_robot(kind, ROBOT))
    assert isinstance(make_control_loop(spec, ROBOT, ControlOptions(1 / 30)), ControlLoop)


def test_several_ways_are_not_averaged() -> None:
    for decoder, wanted in (('laplace', 'temporal'), ('mixture', 'none'), ('flow', 'none')):
        spec = replace(SPEC, provenance={'decoder': decoder})
        assert choose_ensemble(spec, 'auto') == wanted
        assert choose_ensemble(spec, 'temporal') == 'temporal'
    assert choose_ensemble(SPEC, 'auto') == 'temporal'


def test_a_policy_for_some_of_the_joints_is_refused() -> None:
    spec = replace(SPEC, action=ActionSpec('joint_position', ROBOT.joint_names[:3]))
    with pytest.raises(ModelError, match='every joint'):
        make_control_loop(spec, ROBOT, ControlOptions(1 / 30))


@pytest.mark.parametrize('change', [
    {'ensemble': 'mean'}, {'speed': 0.0}, {'max_image_age_s': 0.0}, {'resume_after_s': -1.0}])
def test_bad_options_are_refused(change: dict) -> None:
    with pytest.raises(ConfigError):
        make_control_loop(SPEC, ROBOT, ControlOptions(1 / 30, **change))


def test_topics_of_cameras() -> None:
    assert camera_topic('front') == 'vision/front'


def test_each_policy_that_takes_over_is_combined_its_own_way() -> None:
    loop = make_control_loop(SPEC, ROBOT, ControlOptions(1 / 30))
    for decoder, wanted in (('mixture', 'none'), ('laplace', 'temporal'), ('flow', 'none')):
        loop._plan.take_over(SimpleNamespace(spec=replace(SPEC, provenance={'decoder': decoder})))
        assert loop._plan._player.ensemble == wanted
