# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What people say of topics wins over what teleop_recorder recorded, and what cannot apply is said.
"""
from __future__ import annotations

from pathlib import Path

from learning_bags import command
from learning_bags import LOG_NS
from learning_bags import LOG_TICK_NS
from learning_bags import make_bag
from learning_bags import NAMES
from learning_bags import position
from learning_bags import START_NS
from learning_bags import Stream
from learning_bags import TICK_NS
import numpy as np
import pytest

from vaa_ros.cli.main import main
from vaa_ros.core.types import JointState
from vaa_ros.learning.frames import read_description
from vaa_ros.recording import messages

FRAMES = 12
LEADER, OTHER = '/leader/states', '/other/states'


def with_others(stream: Stream) -> Stream:
    """Add a leader arm, whose joints stand 0.01 from the commands, and other joint states."""
    added = []
    for tick in range(FRAMES):
        stamp_ns, log_ns = START_NS + tick * TICK_NS, LOG_NS + tick * LOG_TICK_NS
        added += [(LEADER, log_ns + 9, messages.joint_state(
            JointState(stamp_ns, NAMES, command(0, tick) + 0.01))),
            (OTHER, log_ns, messages.joint_state(
                JointState(stamp_ns, NAMES, position(0, tick) + 0.02)))]
    return stream + added


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return make_bag(tmp_path / 'bags' / 'episode_000000', frames=FRAMES, change=with_others,
                    more_topics={LEADER: messages.JOINT_STATE, OTHER: messages.JOINT_STATE})


SHOWN = ('--chunk', '12')
"""A chunk of which the episode shows every step."""


def build(bag: Path, *options: str) -> tuple[dict[str, object], Path]:
    out = bag.parent.parent / 'data'
    assert main(['dataset', str(bag.parent), '--out', str(out), '--no-cache', '--workers', '1',
                 *options]) == 0
    return read_description(out), out


def test_a_camera_is_the_topic_that_is_named(bag):
    told, out = build(bag, '--camera', 'cam=/wrist/image_raw')
    assert [camera['key'] for camera in told['spec']['cameras']] == ['cam']
    seen = np.load(out / 'images_cam.npy')
    _, other = build(bag, '--overwrite')
    np.testing.assert_array_equal(seen, np.load(other / 'images_wrist.npy'))


def test_joints_and_commands_are_the_topics_that_are_named(bag):
    _, out = build(bag, '--joints', OTHER, '--commands', LEADER)
    count = len(np.load(out / 'action.npy'))
    assert count >= 8
    np.testing.assert_allclose(np.load(out / 'action.npy'),
                               [command(0, tick) + 0.01 for tick in range(count)], rtol=1e-5)
    np.testing.assert_allclose(np.load(out / 'state.npy'),
                               [position(0, tick) + 0.02 for tick in range(count)], rtol=1e-5)


def test_a_topic_that_this_bag_does_not_have_is_said(bag, capsys):
    told, _ = build(bag, '--camera', 'front=/cam/raw', '--commands', '/cam/cmds', '--joints',
                    '/cam/joints')
    for topic, taken in (('/cam/raw', '/front/image_raw'), ('/cam/cmds', '/joint_trajectory'),
                         ('/cam/joints', '/joint_states')):
        assert [note for note in told['notes'] if note.startswith(f'{bag}: ') and note.endswith(
            f' on {topic}; {taken} is taken, as it was recorded')], topic
    capsys.readouterr()
    assert main(['dataset', str(bag.parent), '--out', str(bag.parent / 'x'), '--no-cache',
                 '--camera', 'top=/cam/raw']) != 0
    problem = capsys.readouterr().err
    assert 'top: /cam/raw is not in the bag' in problem
    assert '/front/image_raw, /wrist/image_raw' in problem
    assert f'{bag}: {bag}' not in problem


def test_one_topic_is_not_two_things(bag, capsys):
    assert main(['dataset', str(bag.parent), '--out', str(bag.parent / 'x'), '--no-cache',
                 '--joints', OTHER, '--commands', OTHER]) != 0
    assert f'{OTHER} cannot be the commands and something else' in capsys.readouterr().err


def test_an_instruction_that_is_given_stands_and_the_bag_is_named(bag):
    told, _ = build(bag, '--instruction', 'push it', *SHOWN)
    assert [item['instruction'] for item in told['episodes']] == ['push it']
    assert told['notes'] == [f"{bag}: its instruction was 'touch it'; what was given stands now"]


def test_an_episode_is_not_cut_and_says_so(bag, capsys):
    told, _ = build(bag, '--cut', 'length', '--length', '0.1', *SHOWN)
    assert len(told['episodes']) == 1
    assert told['notes'] == [f'{bag}: --cut length does not apply: it was recorded as one episode']
    assert main(['dataset', str(bag.parent), '--out', 'x', '--length', '20']) != 0
    assert '--length goes with --cut length' in capsys.readouterr().err
