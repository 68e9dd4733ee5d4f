# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Bags to datasets: what goes in, what is left out, and that it is whole or not there.
"""
from __future__ import annotations

from dataclasses import replace
import json
import os
from pathlib import Path

from learning_bags import make_bag
from learning_bags import METADATA
from learning_bags import NAMES
import numpy as np
import pytest

from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import DatasetError
from vaa_ros.core.robot import load_robot
from vaa_ros.learning.dataset import build_dataset
from vaa_ros.learning.dataset import DatasetOptions
from vaa_ros.learning.frames import Frames
from vaa_ros.recording.episode import recording_spec

OPTIONS = DatasetOptions(size=(32, 24), chunk_length=4)


def build(tmp_path: Path, **changes: object):
    return build_dataset(tmp_path / 'bags', tmp_path / 'data', replace(OPTIONS, **changes))


def test_episodes_become_frames_with_their_actions(tmp_path):
    for seed in range(3):
        make_bag(tmp_path / 'bags' / f'episode_00000{seed}', seed=seed, frames=12)
    result = build(tmp_path)
    assert (result.episodes, result.frames, result.failed, result.skipped) == (3, 36, 0, [])
    frames = Frames(result.folder)
    assert frames.spec.joint_names == NAMES and frames.spec.task == 'reach'
    assert frames.spec.instructions == ('touch it',)
    # make_bag commands, at tick k of seed s, joint_1 = s + k / 100.
    assert frames.action[:, 0] == pytest.approx(
        np.concatenate([s + np.arange(12) / 100 for s in range(3)]))
    assert frames.state[13, 0] == pytest.approx(1 + 0.5 * 1 / 100)
    assert [item['seed'] for item in frames.episodes] == [0, 1, 2]
    assert sum(item['split'] == 'held_out' for item in frames.episodes) == result.held_out == 1


def test_the_folder_says_where_it_came_from(tmp_path):
    bag = make_bag(tmp_path / 'bags' / 'episode_000000')
    build(tmp_path)
    description = json.loads((tmp_path / 'data' / 'dataset.json').read_text())
    assert description['episodes'][0]['bag'] == str(bag)
    assert len(description['episodes'][0]['sha256']) == 64
    assert description['command_type'] == 'joint_trajectory'
    action = np.load(tmp_path / 'data' / 'action.npy')
    assert description['normalisation']['action']['mean'] == pytest.approx(action.mean(0))


def test_failed_episodes_are_left_out_and_counted(tmp_path):
    make_bag(tmp_path / 'bags' / 'episode_000000')
    make_bag(tmp_path / 'bags' / 'episode_000001', success=False)
    make_bag(tmp_path / 'bags' / 'episode_000002', success=None)
    result = build(tmp_path)
    assert (result.episodes, result.failed) == (2, 1)
    again = build_dataset(tmp_path / 'bags', tmp_path / 'all',
                          replace(OPTIONS, include_failed=True))
    assert (again.episodes, again.failed) == (3, 0)


def test_what_cannot_be_used_is_skipped_with_its_reason(tmp_path):
    bags = tmp_path / 'bags'
    make_bag(bags / 'episode_000000')
    make_bag(bags / 'episode_000001', leave_out=('/wrist/image_raw',))
    make_bag(bags / 'episode_000002', leave_out=('/joint_trajectory',))
    make_bag(bags / 'episode_000003', metadata=replace(METADATA, robot='other_arm'))
    make_bag(bags / 'episode_000004', metadata=replace(METADATA, policy='p.onnx'))
    make_bag(bags / 'episode_000005', frames=3)
    make_bag(bags / 'episode_000006', bad_pictures=True)
    (bags / 'episode_000007.partial').mkdir()
    cut = make_bag(bags / 'episode_000008')
    mcap = next(cut.glob('*.mcap'))
    mcap.write_bytes(mcap.read_bytes()[:3000])
    result = build(tmp_path)
    reasons = {path.name: reason for path, reason in result.skipped}
    assert result.episodes == 1
    assert 'no message on wrist/image_raw' in reasons['episode_000001']
    assert '/front/image_raw' in reasons['episode_000001']
    assert 'joint_trajectory' in reasons['episode_000002']
    assert "robot 'other_arm'" in reasons['episode_000003']
    assert 'say --robot other_arm' in reasons['episode_000003']
    assert 'no demonstration' in reasons['episode_000004']
    assert 'only 3 frames' in reasons['episode_000005']
    assert 'step' in reasons['episode_000006']
    assert {'episode_000007.partial', 'episode_000008'} <= reasons.keys()


def test_a_robot_that_was_recorded_as_a_path_is_known_by_its_description(tmp_path):
    spec = recording_spec(load_robot('vaa_arm'), {}, 'joint_trajectory', 30.0)
    known = replace(METADATA, robot='robots/my_arm.yaml', spec=spec)
    make_bag(tmp_path / 'bags' / 'episode_000000', metadata=known)
    assert build(tmp_path).skipped == []


def test_the_robot_is_the_one_that_the_bags_describe(tmp_path):
    own = replace(load_robot('vaa_arm'), name='my_arm')
    known = replace(METADATA, robot='robots/my_arm.yaml', spec=recording_spec(
        own, {}, 'joint_trajectory', 30.0))
    (tmp_path / 'bags' / 'episode_000000').mkdir(parents=True)
    (tmp_path / 'bags' / 'episode_000000' / 'episode_000000_0.mcap').write_bytes(b'no bag')
    for seed in (1, 2):
        make_bag(tmp_path / 'bags' / f'episode_00000{seed}', seed, metadata=known)
    make_bag(tmp_path / 'bags' / 'episode_000003', 3)
    result = build(tmp_path)
    assert result.episodes == 2
    assert Frames(result.folder).spec.robot == 'my_arm'
    reasons = {path.name: reason for path, reason in result.skipped}
    assert "recorded with robot 'vaa_arm', not 'my_arm'" in reasons['episode_000003']
    other = build_dataset(tmp_path / 'bags', tmp_path / 'other', replace(OPTIONS, robot='vaa_arm'))
    assert other.episodes == 3
    assert ("recorded with robot 'my_arm', and read as 'vaa_arm', as was asked for"
            in ' '.join(other.notes))


def test_nothing_usable_is_an_error_and_leaves_nothing(tmp_path):
    make_bag(tmp_path / 'bags' / 'episode_000000', success=False)
    make_bag(tmp_path / 'bags' / 'episode_000001', frames=2)
    with pytest.raises(DatasetError, match='no usable episode.*1 failed.*only 2 frames'):
        build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ['bags']


def test_no_bags_are_an_error(tmp_path):
    (tmp_path / 'bags').mkdir()
    with pytest.raises(BagError, match='holds no bags'):
        build(tmp_path)
    with pytest.raises(BagError, match='no such folder'):
        build_dataset(tmp_path / 'nowhere', tmp_path / 'data')


def test_trouble_half_way_leaves_nothing_behind(tmp_path):
    make_bag(tmp_path / 'bags' / 'episode_000000')
    make_bag(tmp_path / 'bags' / 'episode_000001', metadata=replace(METADATA, task='push'))
    with pytest.raises(DatasetError, match="task 'push', the episodes before it have 'reach'"):
        build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ['bags']
    assert build(tmp_path, task='push').episodes == 1


def test_only_a_dataset_is_ever_overwritten(tmp_path):
    make_bag(tmp_path / 'bags' / 'episode_000000')
    build(tmp_path)
    with pytest.raises(DatasetError, match='exists already'):
        build(tmp_path)
    make_bag(tmp_path / 'bags' / 'episode_000001')
    again = build_dataset(tmp_path / 'bags', tmp_path / 'data', OPTIONS, overwrite=True)
    assert again.episodes == len(Frames(tmp_path / 'data').episodes) == 2
    with pytest.raises(DatasetError, match='exists already'):
        build_dataset(tmp_path / 'bags', tmp_path / 'bags', OPTIONS, overwrite=True)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    make_bag(tmp_path / 'bags' / 'episode_000000')
    (tmp_path / 'file').write_text('')
    with pytest.raises(DatasetError, match='cannot write the dataset'):
        build_dataset(tmp_path / 'bags', tmp_path / 'file' / 'data', OPTIONS)


def test_what_cannot_be_looked_into_is_left_out_and_said(tmp_path, monkeypatch):
    make_bag(tmp_path / 'bags' / 'episode_000000')
    for name in ('lost+found', 'episode_000001'):
        (tmp_path / 'bags' / name).mkdir()
    forbid(monkeypatch, tmp_path / 'bags' / 'lost+found', tmp_path / 'bags' / 'episode_000001')
    result = build(tmp_path)
    assert result.episodes == 1
    assert [path.name for path, _ in result.skipped] == ['episode_000001', 'lost+found']
    assert all('cannot be read' in reason and 'Permission denied' in reason
               for _, reason in result.skipped)
    with pytest.raises(BagError, match='lost.found: cannot be read: Permission denied'):
        build_dataset(tmp_path / 'bags' / 'lost+found', tmp_path / 'other', OPTIONS)


def test_a_bag_that_the_disk_cannot_read_is_named_and_left_out(tmp_path, monkeypatch):
    make_bag(tmp_path / 'bags' / 'episode_000000')
    broken = make_bag(tmp_path / 'bags' / 'episode_000001', seed=1)
    real_open = Path.open

    def open_(self, *arguments, **options):
        if self.parent == broken and arguments == ('rb',) and self.suffix == '.yaml':
            raise OSError(5, 'Input/output error', str(self))
        return real_open(self, *arguments, **options)

    monkeypatch.setattr(Path, 'open', open_)
    result = build(tmp_path)
    assert [(path, f'{broken / "metadata.yaml"}: cannot be read: Input/output error' in reason)
            for path, reason in result.skipped] == [(broken, True)]


def forbid(monkeypatch, *folders):
    """Let the system refuse to look into folders, as it does to everybody but root."""
    def replace_by_guarded(name):
        real = getattr(os, name)

        def look(path='.', *arguments, **options):
            asked = Path(path) if isinstance(path, (str, os.PathLike)) else None
            if asked is not None and (asked.parent if name == 'stat' else asked) in folders:
                raise PermissionError(13, 'Permission denied', str(path))
            return real(path, *arguments, **options)

        monkeypatch.setattr(os, name, look)

    for name in ('listdir', 'scandir', 'stat'):
        replace_by_guarded(name)


def test_unknown_robot_and_command_type_list_what_there_is(tmp_path):
    make_bag(tmp_path / 'bags' / 'episode_000000')
    with pytest.raises(ConfigError, match="robot 'ur5'.*vaa_arm"):
        build(tmp_path, robot='ur5')
    with pytest.raises(ConfigError, match="command type 'torque'.*joint_trajectory"):
        build(tmp_path, command_type='torque')


def test_a_chunk_that_no_episode_fills_is_noted(tmp_path):
    make_bag(tmp_path / 'bags' / 'episode_000000')
    assert not build(tmp_path).notes
    long = build_dataset(tmp_path / 'bags', tmp_path / 'long', replace(OPTIONS, chunk_length=200))
    assert 'steps of a chunk are shown by hardly any frame' in long.notes[0]


def test_progress_is_told(tmp_path):
    bags = [make_bag(tmp_path / 'bags' / f'episode_00000{index}') for index in range(2)]
    seen = []
    build_dataset(tmp_path / 'bags', tmp_path / 'data', OPTIONS,
                  on_bag=lambda *told: seen.append(told))
    assert seen == [(0, 2, bags[0]), (1, 2, bags[1])]


def test_single_bags_can_be_named(tmp_path):
    bags = [make_bag(tmp_path / 'bags' / f'episode_00000{index}', seed=index)
            for index in range(3)]
    result = build_dataset([bags[0], bags[2]], tmp_path / 'data', OPTIONS)
    assert [item['seed'] for item in Frames(result.folder).episodes] == [0, 2]
