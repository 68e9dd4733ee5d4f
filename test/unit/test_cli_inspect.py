# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`vaa inspect` says what a file is, whatever it is."""

from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path

from mcap.reader import make_reader
import numpy as np
from plain_sessions import session
from plain_sessions import write_plain
import pytest

from vaa_ros.cli.contact_sheet import LABEL_WIDTH
from vaa_ros.cli.main import main
from vaa_ros.core.images import decode_compressed
from vaa_ros.core.robot import load_robot
from vaa_ros.core.types import JointState
from vaa_ros.recording import messages
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.episode import next_episode_dir
from vaa_ros.recording.episode import recording_spec

TOPICS = {'/front/image_raw': messages.IMAGE, '/joint_states': messages.JOINT_STATE}


SPEC = recording_spec(load_robot('vaa_arm'), {'front': '/front/image_raw'}, 'joint_trajectory', 30)


def record(folder: Path, seed: int, success: bool, spec: dict | None = None) -> Path:
    metadata = EpisodeMetadata(task='reach', instruction='touch it', seed=seed, operator='expert',
                               robot='vaa_arm', command_type='joint_trajectory',
                               vaa_version='0.1.0', spec=spec or {})
    with BagWriter(next_episode_dir(folder), TOPICS, metadata) as bag:
        for index in range(5):
            stamp_ns = 1_000_000_000 + index * 100_000_000
            bag.write('/front/image_raw', stamp_ns,
                      messages.image(np.zeros((4, 6, 3), np.uint8), stamp_ns))
            bag.write('/joint_states', stamp_ns, messages.joint_state(
                JointState(stamp_ns, ('a',), np.zeros(1), None)))
        return bag.close(replace(metadata, success=success))


def inspect(path: Path, tmp_path: Path) -> dict[str, object]:
    figures = tmp_path / 'figures.json'
    assert main(['inspect', str(path), '--json', str(figures)]) == 0
    return json.loads(figures.read_text())


def test_an_episode(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = record(tmp_path / 'episodes', 7, True)
    found = inspect(bag, tmp_path)
    said = capsys.readouterr().out
    assert 'touch it' in said
    assert '/front/image_raw' in said
    assert found['kind'] == 'episode'
    assert found['seconds'] == pytest.approx(0.4)
    assert found['topics'] == [
        {'topic': '/front/image_raw', 'type': 'sensor_msgs/msg/Image', 'messages': 5},
        {'topic': '/joint_states', 'type': 'sensor_msgs/msg/JointState', 'messages': 5}]


def test_what_the_robot_of_an_episode_was(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = inspect(record(tmp_path / 'episodes', 7, True, SPEC), tmp_path)
    said = capsys.readouterr().out
    assert found['spec'] == SPEC
    lines = [line.split() for line in said.splitlines()]
    assert ['joint_2', 'rad', '-1.2', '1.9', '2.5', '30'] in lines
    assert ['cameras', 'front', '(/front/image_raw)'] in lines
    assert ['control', 'rate', '30', 'Hz'] in lines
    assert 'velocity":' not in said, 'the JSON is for machines'


def test_episodes_without_a_readable_robot_are_shown_all_the_same(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert inspect(record(tmp_path / 'before', 7, True), tmp_path)['spec'] == {}
    assert 'cameras' not in capsys.readouterr().out
    inspect(record(tmp_path / 'odd', 7, True, {'robot': {'joints': 5}}), tmp_path)
    assert 'cannot be read' in capsys.readouterr().out


def test_a_folder_of_episodes_names_what_it_skips(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / 'episodes'
    record(folder, 7, True)
    record(folder, 8, False)
    broken = record(folder, 9, True)
    next(broken.glob('*.mcap')).write_bytes(b'nothing')
    found = inspect(folder, tmp_path)
    said = capsys.readouterr().out
    assert [(e['seed'], e['success']) for e in found['episodes']] == [(7, True), (8, False)]
    assert '2 episodes, 1 of them successes' in said
    assert len(found['skipped']) == 1
    assert f'skipped {broken}' in said


def test_what_is_damaged_inside_is_listed_as_skipped(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, figures = tmp_path / 'episodes', tmp_path / 'figures.json'
    record(folder, 7, True)
    broken = record(folder, 8, True)
    record(folder, 9, True)
    file = next(broken.glob('*.mcap'))
    with file.open('rb') as stream:
        chunk = make_reader(stream).get_summary().chunk_indexes[0]
    data = bytearray(file.read_bytes())
    data[chunk.chunk_start_offset + chunk.chunk_length - 5] ^= 0xff
    file.write_bytes(data)
    assert main(['inspect', str(folder), '--judge', '--json', str(figures), '--contact-sheet',
                 str(tmp_path / 'sheet.png')]) == 0
    found = json.loads(figures.read_text())
    assert [entry['seed'] for entry in found['episodes']] == [7, 9]
    assert [item['path'] for item in found['skipped']] == [str(broken)]
    assert f'skipped {broken}' in capsys.readouterr().out


def test_a_camera_that_is_missing_is_found(tmp_path: Path) -> None:
    spec = recording_spec(load_robot('vaa_arm'), {
        'front': '/front/image_raw', 'wrist': '/wrist/image_raw'}, 'joint_trajectory', 30)
    bag = record(tmp_path / 'episodes', 7, True, spec)
    figures = tmp_path / 'figures.json'
    assert main(['inspect', str(bag), '--judge', '--json', str(figures)]) == 0
    verdict = json.loads(figures.read_text())['verdict']
    assert verdict['judgement'] == 'discard'
    missing = [reason for reason in verdict['reasons'] if reason.startswith('0 messages')]
    assert [reason.split()[3] for reason in missing] == ['/wrist/image_raw']


def test_a_packed_file(tmp_path: Path) -> None:
    packed, = write_plain(tmp_path / 'bag', session(), compression='file').glob('*.zstd')
    assert inspect(packed, tmp_path)['kind'] == 'episode'


def test_a_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / 'dataset.json').write_text(json.dumps({'episodes': [
        {'bag': '/x/episode_000000', 'task': 'reach', 'seed': 3, 'success': True, 'frames': 40,
         'split': 'train'},
        {'bag': '/x/episode_000001', 'task': 'reach', 'seed': 0, 'success': True, 'frames': 20,
         'split': 'held_out'}]}))
    assert inspect(tmp_path, tmp_path)['frames'] == {'train': 40, 'held_out': 20}
    said = capsys.readouterr().out
    assert 'episode_000001  reach     0  yes          20  held_out' in said
    assert '2 episodes' in said


def test_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / 'run'
    run.mkdir()
    (run / 'metrics.jsonl').write_text('{"split": "held_out", "step": 9, "l1": 0.25}\n')
    assert inspect(run, tmp_path)['last'] == {'split': 'held_out', 'step': 9, 'l1': 0.25}
    assert '0.25' in capsys.readouterr().out


@pytest.mark.parametrize('name, content, match', [
    ('dataset.json', '{"episodes": [{"bag": 1}]}', 'cannot be read as a dataset'),
    ('dataset.json', 'nonsense', 'cannot be read as a dataset'),
    ('metadata.yaml', 'nonsense', 'cannot be read'),
    ('notes.txt', 'hello', 'holds no bags'),
])
def test_a_bad_folder_is_named(tmp_path: Path, name: str, content: str, match: str,
                               capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_text(content)
    assert main(['inspect', str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert match in said
    assert str(tmp_path) in said


@pytest.mark.parametrize('name, content', [
    ('a.onnx', b''), ('a.onnx', b'\x08\x01garbage'), ('a.mcap', b''), ('a.db3', b'x'),
    ('a.txt', b'hello')])
def test_a_bad_file_is_named(tmp_path: Path, name: str, content: bytes,
                             capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert main(['inspect', str(path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith('vaa: error: ')
    assert name in said


def test_an_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['inspect', str(tmp_path)]) == 2
    assert 'the folder is empty' in capsys.readouterr().err


def test_a_folder_with_verdicts_and_a_contact_sheet(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, sheet = tmp_path / 'episodes', tmp_path / 'sheet.png'
    for seed in range(2):
        record(folder, seed, True, SPEC)
    assert main(['inspect', str(folder), '--contact-sheet', str(sheet)]) == 0
    assert 'discard' not in capsys.readouterr().out
    figures = tmp_path / 'figures.json'
    assert main(['inspect', str(folder), '--judge', '--json', str(figures),
                 '--contact-sheet', str(sheet)]) == 0
    said = capsys.readouterr().out
    assert said.count('/front/image_raw: 100% of the pictures are dark') == 2
    found = json.loads(figures.read_text())['episodes']
    assert [entry['verdict'] for entry in found] == ['discard', 'discard']
    picture = decode_compressed(sheet.read_bytes())
    # A strip of black pictures for each episode, beside its label.
    strips = (picture[:, LABEL_WIDTH:].reshape(len(picture), -1) < 10).mean(axis=1) > 0.9
    assert np.flatnonzero(np.diff(strips.astype(int))).size >= 3
    assert main(['inspect', str(folder), '--contact-sheet', 'sheet.xyz']) == 2
    assert 'ends in .png' in capsys.readouterr().err


def test_the_verdict_of_an_episode_is_shown_and_made_anew(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = record(tmp_path / 'episodes', 7, True, SPEC)
    inspect(bag, tmp_path)
    assert 'not judged when it was recorded' in capsys.readouterr().out
    thresholds = tmp_path / 'mine.yaml'
    thresholds.write_text('length_s: {look: 10}\n')
    assert main(['inspect', str(bag), '--judge', '--thresholds', str(thresholds)]) == 0
    said = capsys.readouterr().out
    assert 'verdict: look; episode is 0.40 s long (limit 10)' in said
    assert 'dark_share' in said


def test_why_takes_were_put_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, changes in (('aborted', {'aborted': 'the disk is full'}),
                            ('discarded', {'discarded': True})):
        with BagWriter(next_episode_dir(tmp_path / folder), TOPICS, EpisodeMetadata(
                vaa_version='0.1.0', **changes)) as bag:
            bag.write('/joint_states', 1, messages.joint_state(
                JointState(1, ('a',), np.zeros(1), None)))
            bag.close()
    found, = inspect(tmp_path / 'aborted', tmp_path)['episodes']
    assert found['reasons'] == ['broken off: the disk is full']
    assert 'broken off: the disk is full' in capsys.readouterr().out
    found, = inspect(tmp_path / 'discarded', tmp_path)['episodes']
    assert found['reasons'] == ['thrown away']
