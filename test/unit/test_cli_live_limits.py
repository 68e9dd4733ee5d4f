# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
With what a real arm must not explore, and what a person is shown.
"""
from __future__ import annotations

from dataclasses import replace
import math

from learning_samples import arm_spec
import pytest

from vaa_ros.cli.live_limits import limits_text
from vaa_ros.cli.live_limits import LiveSetup
from vaa_ros.cli.live_limits import problems
from vaa_ros.cli.main import main
from vaa_ros.core.robot import load_robot
from vaa_ros.core.spec import PolicySpec
from vaa_ros.ros.policy_parameters import PARAMETERS

ROBOT = load_robot('vaa_arm')
POLICY = {item.name: item.default for item in PARAMETERS}
GUARD = {'robot': 'vaa_arm', 'command_type': 'joint_trajectory',
         'commanding_topic': 'policy/commanding', 'timeout_s': 0.2}
SETUP = LiveSetup(ROBOT, POLICY, GUARD, '/e_stop')


def loosened(name: str, **limits: float) -> LiveSetup:
    joints = tuple(replace(joint, **limits) if joint.name == name else joint
                   for joint in ROBOT.joints)
    return replace(SETUP, robot=replace(ROBOT, joints=joints))


def with_policy(**values: object) -> LiveSetup:
    return replace(SETUP, policy={**POLICY, **values})


def test_the_nodes_as_they_come_may_explore():
    assert problems(SETUP, arm_spec()) == []


@pytest.mark.parametrize('setup, spec, problem', [
    (with_policy(lockstep=True), arm_spec(), 'lockstep: a simulation'),
    (with_policy(dry_run=True), arm_spec(), 'dry_run: it commands nothing'),
    (with_policy(allow_other_publishers=True), arm_spec(), 'allow_other_publishers: others'),
    (with_policy(command_type='commands'), arm_spec(), 'the guard watches command_type'),
    (loosened('joint_4', acceleration=math.inf), arm_spec(),
     'no limit of acceleration for joint_4'),
    (loosened('joint_2', step=math.inf), arm_spec(), 'no limit of step for joint_2'),
    (replace(SETUP, robot=replace(ROBOT, workspace=None)), arm_spec('end_effector_pose'),
     'no workspace'),
    (replace(SETUP, robot=replace(ROBOT, tool_acceleration=math.inf)),
     arm_spec('end_effector_twist'), 'no tool_acceleration'),
    (replace(SETUP, robot=load_robot('ur5e')), arm_spec(), 'does not fit robot'),
])
def test_what_is_not_bounded_does_not_explore(setup: LiveSetup, spec: PolicySpec, problem: str):
    found = problems(setup, spec)
    assert len(found) == 1 and problem in found[0]


def test_a_person_sees_what_bounds_the_arm():
    text = limits_text(with_policy(speed=0.5, max_blank_s=0.0, watch_scene=False), arm_spec(),
                       [0.0123] * 7, 0.5)
    row = next(line for line in text.splitlines() if line.startswith('joint_1'))
    assert row.split() == ['joint_1', 'rad', '-2.6', '2.6', '1.25', '30', '0.25', '0.0123']
    assert 'max_blank_s, watch_scene' in text and 'root mean square 0.5' in text
    poses = limits_text(SETUP, arm_spec('end_effector_pose'), [0.01] * 8, 0.5)
    assert '(0.15, -0.4, 0.005) to (0.58, 0.4, 0.5) m' in poses and 'qw +-0.01' in poses


@pytest.mark.parametrize('options', [[], ['--resume'], ['--base', 'x', '--episodes', '3']])
def test_without_a_terminal_it_is_refused_whatever_else_is_said(capsys, monkeypatch, tmp_path,
                                                               options):
    monkeypatch.setattr('sys.stdin', open('/dev/null'))
    out = tmp_path / 'run'
    assert main(['train', '--method', 'rl', '--live', '--out', str(out), *options]) == 2
    said = capsys.readouterr().err
    assert 'e-stop' in said and 'no option stands for it' in said
    assert not out.exists()


def test_what_is_for_the_simulator_is_not_for_an_arm(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr('vaa_ros.cli.live_confirm.need_person', lambda: None)
    out = str(tmp_path / 'run')
    assert main(['train', '--method', 'rl', '--live', '--out', out, '--workers', '2']) == 2
    assert '--workers are for the simulator' in capsys.readouterr().err
    assert main(['train', '--method', 'rl', '--live', '--out', out, '--seed', '0']) == 2
    assert '--seed is for the simulator' in capsys.readouterr().err
    assert main(['train', '--method', 'rl', '--out', out, '--episodes', '2']) == 2
    assert '--episodes goes with --live' in capsys.readouterr().err
