# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import RosError
from vaa_ros.core.leader import LeaderFollow
from vaa_ros.core.leader import load_leader
from vaa_ros.core.leader import TOGETHER
from vaa_ros.core.robot import load_robot

ROBOT = load_robot('vaa_arm')
HOME = np.array(ROBOT.home)
DT_S = 1 / 30
YAML = """\
joints:
  joint_1: {name: pan, scale: -2.0, zero: 0.1, offset: 0.5}
  joint_2: {name: j2}
  joint_3: {name: j3}
  joint_4: {name: j4}
  joint_5: {name: j5}
  joint_6: {name: j6}
gripper: {name: trigger, closed: 1.0, open: -1.0}
"""
NAMES = ['trigger', 'pan', 'j2', 'j3', 'j4', 'j5', 'j6']


def written(tmp_path: Path, text: str = YAML) -> str:
    path = tmp_path / 'leader.yaml'
    path.write_text(text)
    return str(path)


def test_angles_are_scaled_turned_and_moved_and_the_trigger_opens(tmp_path: Path) -> None:
    leader = load_leader(written(tmp_path), ROBOT)
    found = leader.positions(NAMES, np.array([0.0, 0.2, 0.1, 0.2, 0.3, 0.4, 0.5]), HOME)
    assert found == pytest.approx([0.3, 0.1, 0.2, 0.3, 0.4, 0.5, 0.045])


def test_what_the_leader_wants_stays_inside_the_limits(tmp_path: Path) -> None:
    leader = load_leader(written(tmp_path), ROBOT)
    found = leader.positions(NAMES, np.array([9.0, -9.0, 9.0, 9.0, 9.0, 9.0, 9.0]), HOME)
    assert found == pytest.approx([joint.upper for joint in ROBOT.joints[:6]] + [0.0])


def test_the_same_arm_needs_no_file() -> None:
    leader = load_leader('', ROBOT)
    position = HOME + 0.01
    assert leader.positions(ROBOT.joint_names, position, HOME)[:6] == pytest.approx(position[:6])


def test_without_a_gripper_it_stays(tmp_path: Path) -> None:
    leader = load_leader(written(tmp_path, YAML[:YAML.index('gripper')]), ROBOT)
    found = leader.positions(NAMES, np.zeros(7), HOME)
    assert found[6] == HOME[6]


def test_the_files_that_ship_fit() -> None:
    aloha = load_robot('aloha')
    leader = load_leader('aloha', aloha)
    position = np.array([0.3083 if 'gripper' in name else 0.0 for name in aloha.joint_names])
    found = leader.positions(aloha.joint_names, position, np.zeros(14))
    assert found[[6, 13]] == pytest.approx([0.057, 0.057], abs=1e-4)
    with pytest.raises(ConfigError, match="'shoulder_pan'.*joint_1"):
        load_leader('so101', ROBOT)


@pytest.mark.parametrize(('change', 'says'), [
    (('joint_6: {name: j6}', ''), 'nothing leads joint_6'),
    (('joint_6:', 'joint_9:'), 'joint_9.*joint_6'),
    (('-2.0', '0.0'), 'scale'),
    (('open: -1.0', 'open: 1.0'), 'differ'),
    (('gripper:', 'grip:'), 'grip.*Known: joints, gripper'),
    (('{name: j2}', '{nome: j2}'), 'nome'),
    (('joints:', 'joints: ['), 'cannot read'),
    ((YAML, '- 1'), 'expected joints')])
def test_files_that_cannot_be_used(
    tmp_path: Path, change: tuple[str, str], says: str,
) -> None:
    with pytest.raises(ConfigError, match=says):
        load_leader(written(tmp_path, YAML.replace(*change)), ROBOT)


def test_unknown_leaders_are_listed() -> None:
    with pytest.raises(ConfigError, match='aloha.*so101'):
        load_leader('x', ROBOT)


@pytest.mark.parametrize(('names', 'value', 'says'), [
    (NAMES[:-1], 0.0, "no joint 'j6'; it has: trigger"), (NAMES, np.nan, 'is at nan')])
def test_joint_states_that_cannot_be_used(
    tmp_path: Path, names: list[str], value: float, says: str,
) -> None:
    leader = load_leader(written(tmp_path), ROBOT)
    with pytest.raises(RosError, match=says):
        leader.positions(names, np.full(len(names), value), HOME)


def test_too_far_apart_is_refused_with_the_joint() -> None:
    follow = LeaderFollow(ROBOT, 0.5, 0.0)
    with pytest.raises(RosError, match='joint_2.*at most 0.5 rad'):
        follow.begin(HOME + [0.3, -0.6, 0.0, 0.0, 0.0, 0.0, 0.0], HOME)
    assert not follow.following
    # A gripper may be anywhere: it has no way to hurt itself.
    follow.begin(HOME - [0, 0, 0, 0, 0, 0, 0.09], HOME)
    assert follow.following


def test_the_arm_is_led_slowly_to_the_leader_and_follows_then() -> None:
    follow = LeaderFollow(ROBOT, 0.5, 0.0)
    goal = HOME + [0.4, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    follow.begin(goal, HOME)
    track = [HOME]
    while not follow.together:
        track.append(follow.step(goal, DT_S))
    steps = np.abs(np.diff(track, axis=0))
    assert (steps <= 0.3 * np.array([j.velocity for j in ROBOT.joints]) * DT_S + 1e-9).all()
    assert np.abs(track[-1] - goal).max() < TOGETHER
    away = goal + [0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.0]
    assert np.array_equal(follow.step(away, DT_S), away)
    follow.let_go()
    assert not (follow.following or follow.together)


def test_following_is_smoothed_without_a_step_at_the_meeting() -> None:
    follow = LeaderFollow(ROBOT, 0.5, 0.1)
    goal = HOME + [0.4, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    follow.begin(goal, HOME)
    track = np.array([follow.step(goal, DT_S) for _ in range(60)])
    assert np.abs(np.diff(track, axis=0)).max() <= 0.3 * 2.5 * DT_S + 1e-9
    assert track[-1] == pytest.approx(goal, abs=1e-3)


def test_a_trigger_may_be_faster_than_the_gripper() -> None:
    aloha = load_robot('aloha')
    home, speed = np.array(aloha.home), np.array([joint.velocity for joint in aloha.joints])
    follow = LeaderFollow(aloha, 0.5, 0.0)
    follow.begin(home, home)
    follow.step(home, DT_S)
    pulled = home.copy()
    pulled[[6, 13]] = 0.057, 0.021
    track = np.array([home] + [follow.step(pulled, DT_S) for _ in range(20)])
    assert (np.abs(np.diff(track, axis=0)) <= speed * DT_S + 1e-9).all()
    assert track[-1] == pytest.approx(pulled)
