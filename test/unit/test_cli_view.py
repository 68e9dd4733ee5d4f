# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`vaa view`: what it writes is read back by others, and is whole or not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
import json
import math
import os
from pathlib import Path
import resource
import subprocess
import sys
from typing import Any

import cv2
from learning_bags import LOG_NS
from learning_bags import LOG_TICK_NS
from learning_bags import make_bag
from learning_bags import METADATA
from learning_bags import NAMES
from learning_bags import picture
from learning_bags import START_NS
from learning_bags import Stream
from learning_bags import TICK_NS
import numpy as np
from plain_sessions import session
from plain_sessions import write_plain
import pytest
from test_learning_any_bag import video_stream

from vaa_ros.cli.main import main
from vaa_ros.cli.view_items import BagItems
from vaa_ros.core.robot import load_robot
from vaa_ros.recording import messages
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.episode import recording_spec

chunks = pytest.importorskip('rerun.chunk', reason='older releases cannot read files back')

FRAMES = 12
FLOAT, WRENCH = 'std_msgs/msg/Float64', 'geometry_msgs/msg/WrenchStamped'
MORE = {'/policy/confidence': FLOAT, '/policy/status': messages.DIAGNOSTIC_STATUS,
        '/teleop/active': messages.BOOL, '/wrench': WRENCH, '/commands': messages.FLOAT64_ARRAY,
        '/side/image_raw/compressed': messages.COMPRESSED_IMAGE, '/depth': messages.IMAGE,
        '/tf': 'tf2_msgs/msg/TFMessage'}
JPEG = cv2.imencode('.jpg', np.full((20, 40, 3), 90, np.uint8))[1]
DEPTH = np.arange(30, dtype='<u2').reshape(5, 6)


def enriched(stream: Stream) -> Stream:
    """Add confidence, events, a force, a command without names, JPEG and depth to every tick."""
    stream = list(stream)
    for tick in range(FRAMES):
        at, stamp = LOG_NS + tick * LOG_TICK_NS + 3, messages.header(START_NS + tick * TICK_NS)
        image = {'header': stamp, 'height': 5, 'width': 6, 'encoding': '16UC1', 'step': 12,
                 'data': DEPTH.view(np.uint8).reshape(-1)}
        stream += [(topic, at, messages.serialize(MORE[topic], fields)) for topic, fields in {
            '/policy/confidence': {'data': 0.5 + tick / 100},
            '/policy/status': {'name': 'gate', 'level': tick // 6, 'message': 'held' * (tick > 5)},
            '/teleop/active': {'data': tick >= 4},
            '/wrench': {'header': stamp, 'wrench': {'force': {'z': -1.5 * tick}}},
            '/commands': {'data': np.arange(7) + tick},
            '/side/image_raw/compressed': {'header': stamp, 'format': 'jpeg',
                                           'data': JPEG if tick else JPEG[:9]},
            '/depth': image, '/tf': {}}.items()]
    return stream


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    spec = recording_spec(load_robot('vaa_arm'), {}, 'joint_trajectory', 30)
    return make_bag(tmp_path / 'episode_000000', frames=FRAMES, change=enriched, more_topics=MORE,
                    metadata=replace(METADATA, spec=spec))


def test_arrays_are_drawn_as_what_they_are(tmp_path: Path) -> None:
    topics = dict.fromkeys(('/commands', '/velocity_commands', '/other'), messages.FLOAT64_ARRAY)
    data = messages.serialize(messages.FLOAT64_ARRAY, {'data': np.arange(7.0)})
    spec = recording_spec(load_robot('vaa_arm'), {}, 'velocity_commands', 30)
    path = make_bag(tmp_path / 'bag', change=lambda stream: [
        *stream, *((topic, LOG_NS, data) for topic in topics)], more_topics=topics,
        metadata=replace(METADATA, spec=spec))
    with BagReader(path) as bag:
        curves = {item.topic: list(item.curves) for item in BagItems(bag).read(list(topics))}
    assert curves == {'/commands': [f'/{name}/position' for name in NAMES],
                      '/velocity_commands': [f'/{name}/velocity' for name in NAMES],
                      '/other': [f'/{number}' for number in range(7)]}


def test_a_wrong_time_makes_no_endless_film(tmp_path: Path,
                                            capsys: pytest.CaptureFixture[str]) -> None:
    path = make_bag(tmp_path / 'bag', change=lambda stream: [
        (stream[0][0], LOG_NS + 10**18, stream[0][2]), *stream])
    assert main(['view', str(path), '--mp4', str(tmp_path / 'film.mp4')]) == 2
    assert 'received at a wrong time' in capsys.readouterr().err
    assert not (tmp_path / 'film.mp4').exists()


def read_rrd(path: Path) -> dict[str, dict[str, list[Any]]]:
    """Read a recording back: columns by entity, in order of arrival."""
    found: dict[str, dict[str, list[Any]]] = {}
    for chunk in chunks.RrdReader(path).stream():
        entity = found.setdefault(chunk.entity_path, {})
        batch = chunk.to_record_batch()
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            values = column.cast('int64') if name in ('received', 'stamp') else column
            entity.setdefault(name, []).extend(values.to_pylist())
    return found


def scalars(found: dict[str, dict[str, list[Any]]], entity: str) -> list[float]:
    return [value for row in found[entity]['Scalars:scalars'] for value in row]


def test_everything_is_in_the_rrd_with_both_its_times(
        bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, figures = tmp_path / 'new' / 'look.rrd', tmp_path / 'figures.json'
    assert main(['view', str(bag), '--rrd', str(path), '--lossless', '--json', str(figures)]) == 0
    verified = subprocess.run([sys.executable, '-m', 'rerun', 'rrd', 'verify', str(path)],
                              capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stderr
    found = read_rrd(path)
    ticks = np.arange(FRAMES)
    front = found['/front/image_raw']
    assert front['received'] == list(LOG_NS + ticks * LOG_TICK_NS + 1)
    assert front['stamp'] == list(START_NS + ticks * TICK_NS)
    for tick, (blob,) in enumerate(front['EncodedImage:blob']):
        seen = cv2.imdecode(np.array(blob, np.uint8), cv2.IMREAD_COLOR)
        np.testing.assert_array_equal(seen[:, :, ::-1], picture(0, tick, 0))
    for joint, name in enumerate(NAMES):
        assert len(scalars(found, f'/joint_states/{name}/position')) == FRAMES
        assert scalars(found, f'/commands/{name}/position') == list(ticks + float(joint))
    assert scalars(found, f'/joint_trajectory/{NAMES[0]}/position') == list(ticks / 100)
    assert scalars(found, '/wrench/wrench/force/z') == list(-1.5 * ticks)
    # Without a stamp of its own: where its arrival is among the stamps.
    confidence = found['/policy/confidence']
    assert scalars(found, '/policy/confidence') == list(0.5 + ticks / 100)
    np.testing.assert_allclose(confidence['stamp'], START_NS + ticks * TICK_NS, atol=100)
    assert json.loads(figures.read_text())['unshown'] == {'/tf': 'tf2_msgs/msg/TFMessage'}
    assert 'not shown: /tf' in capsys.readouterr().out
    assert sorted(os.listdir(path.parent)) == ['look.rrd']


def test_events_are_told_once_and_pictures_stay_as_they_are(bag: Path, tmp_path: Path) -> None:
    assert main(['view', str(bag), '--rrd', str(tmp_path / 'look.rrd')]) == 0
    found = read_rrd(tmp_path / 'look.rrd')

    def said(topic: str) -> list[tuple[str, str, int]]:
        events = found[f'/events{topic}']
        return [(text, level, (at - LOG_NS) // LOG_TICK_NS) for (text,), (level,), at in zip(
            events['TextLog:text'], events['TextLog:level'], events['received'], strict=True)]

    assert said('/policy/status') == [('gate: ', 'INFO', 0), ('gate: held', 'WARN', 6)]
    assert said('/teleop/active') == [('/teleop/active: false', 'INFO', 0),
                                      ('/teleop/active: true', 'INFO', 4)]
    (text, level, tick), = said('/side/image_raw/compressed')
    assert ('cut off' in text, level, tick) == (True, 'ERROR', 0)
    side = found['/side/image_raw/compressed']['EncodedImage:blob']
    assert [bytes(blob) for blob, in side] == [JPEG.tobytes()] * (FRAMES - 1)
    depth = found['/depth']
    assert bytes(depth['DepthImage:buffer'][-1][0]) == DEPTH.tobytes()
    assert depth['DepthImage:meter'] == [[1000.0]]
    assert 'touch it' in found['/episode']['TextDocument:text'][0][0]


def test_the_film_shows_cameras_side_by_side_and_the_time(bag: Path, tmp_path: Path) -> None:
    path = tmp_path / 'film.mp4'
    assert main(['view', str(bag), '--mp4', str(path)]) == 0
    film = cv2.VideoCapture(str(path))
    assert film.get(cv2.CAP_PROP_FPS) == 30
    frames = list(frames_of(film))
    with BagReader(bag) as read:
        assert len(frames) == math.ceil(read.seconds * 30)
    # Two of 4:3 and one of 2:1, all 360 high; the strip of curves is 240 high.
    assert frames[0].shape == (600, 480 + 480 + 720, 3)
    # The last frame is that of 0.2 s, when picture 9 of 50 a second was the newest.
    for index, camera in enumerate((0, 2)):
        tile = frames[-1][:360, camera * 600:camera * 600 + 480]
        wanted = cv2.resize(picture(0, 9, index)[:, :, ::-1], (480, 360))
        assert np.corrcoef(tile.reshape(-1), wanted.reshape(-1))[0, 1] > 0.8
    cursors = [int(np.argmax((frame[380:580, 20:].astype(int) @ [-1, -1, 2]).sum(axis=0)))
               for frame in (frames[0], frames[-1])]
    assert cursors[1] - cursors[0] > 1000


def frames_of(film: cv2.VideoCapture) -> Iterator[np.ndarray]:
    while True:
        more, frame = film.read()
        if not more:
            return
        yield frame


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_bags_of_others_are_shown(tmp_path: Path, storage: str) -> None:
    plain = write_plain(tmp_path / 'plain', session(1), storage)
    file = next(item for item in plain.iterdir() if item.suffix in ('.mcap', '.db3'))
    assert main(['view', str(file), '--rrd', str(tmp_path / 'a.rrd')]) == 0
    found = read_rrd(tmp_path / 'a.rrd')
    with BagReader(plain) as bag:
        assert len(found['/wrist/image_raw']['received']) == bag.counts['/wrist/image_raw']
        assert len(scalars(found, '/joint_states/gripper/position')) == bag.counts['/joint_states']


def test_video_stays_as_it_is_and_is_filmed(tmp_path: Path) -> None:
    stream = video_stream('h264')
    bag = write_plain(tmp_path / 'video', stream, topics={
        '/front/video': messages.COMPRESSED_VIDEO}, store=messages.typestore())
    rrd, mp4 = tmp_path / 'a.rrd', tmp_path / 'a.mp4'
    assert main(['view', str(bag), '--rrd', str(rrd), '--mp4', str(mp4)]) == 0
    video = read_rrd(rrd)['/front/video']
    packets = [messages.deserialize(messages.COMPRESSED_VIDEO, data).data.tobytes()
               for topic, _, data in stream if topic == '/front/video']
    assert [bytes(sample) for sample, in video['VideoStream:sample']] == packets
    frames = list(frames_of(cv2.VideoCapture(str(mp4))))
    assert frames[60][:360, :480].mean() > frames[6][:360, :480].mean() + 40


def test_rerun_reads_our_mcap_without_us(bag: Path) -> None:
    """An independent reader of MCAP and of ros2msg schemas, as Foxglove is one."""
    rows: Counter[str] = Counter()
    seen: list[bytes] = []
    for chunk in chunks.McapReader(next(bag.glob('*.mcap'))).stream():
        if not chunk.is_static:
            rows[chunk.entity_path] += chunk.num_rows
        if chunk.entity_path == '/front/image_raw' and not chunk.is_static:
            seen += [bytes(row[0]) for row in
                     chunk.to_record_batch().column('Image:buffer').to_pylist()]
    with BagReader(bag) as read:
        assert {topic: rows[topic] for topic in read.counts} == read.counts
    assert rows['/joint_states/position'] == FRAMES
    assert seen == [picture(0, tick, 0).tobytes() for tick in range(FRAMES)]


def test_without_a_display_a_file_is_written(bag: Path, tmp_path: Path,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv('DISPLAY', raising=False)
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(['view', str(bag)]) == 0
    assert (tmp_path / 'episode_000000.rrd').is_file()


@pytest.mark.parametrize('option', ['--mp4', '--rrd'])
def test_a_file_is_replaced_only_when_asked(bag: Path, tmp_path: Path, option: str,
                                            capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f'mine.{option[2:]}'
    path.write_bytes(b'mine')
    assert main(['view', str(bag), option, str(path)]) == 2
    assert 'mine.' in (told := capsys.readouterr().err) and '--overwrite' in told
    assert path.read_bytes() == b'mine'
    assert main(['view', str(bag), option, str(path), '--overwrite']) == 0
    assert path.stat().st_size > 100


def test_a_viewer_that_cannot_start_is_an_error(bag: Path, capfd: pytest.CaptureFixture[str],
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('DISPLAY', ':4711')
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    assert main(['view', str(bag)]) == 2
    assert 'Write a file instead' in capfd.readouterr().err


def limit_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


@pytest.mark.parametrize(('name', 'more'), [('look.rrd', ['--lossless']), ('film.mp4', [])])
def test_a_full_disk_leaves_nothing(bag: Path, tmp_path: Path, name: str,
                                    more: list[str]) -> None:
    out = tmp_path / 'out'
    done = subprocess.run(
        [sys.executable, '-m', 'vaa_ros.cli.main', 'view', str(bag), *more,
         f'--{name[-3:]}', str(out / name)],
        capture_output=True, text=True, check=False, preexec_fn=limit_files)
    assert done.returncode == 2, done.stderr
    assert f'{out / name}: ' in done.stderr
    assert 'Traceback' not in done.stderr
    assert os.listdir(out) == []


@pytest.mark.parametrize(('change', 'said'), [
    (lambda stream: stream[:-9] + [(stream[-1][0], LOG_NS * 2, b'\0\1\0\0')], 'damaged'),
    (lambda stream: [item for item in stream if 'image' not in item[0]], 'no camera')])
def test_bad_bags_leave_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                change: Any, said: str) -> None:
    bag = make_bag(tmp_path / 'episode', change=change)
    (tmp_path / 'out').mkdir()
    assert main(['view', str(bag), '--mp4', str(tmp_path / 'out' / 'a.mp4')]) == 2
    assert said in capsys.readouterr().err
    assert os.listdir(tmp_path / 'out') == []


def test_wrong_calls_say_what_to_do(bag: Path, tmp_path: Path,
                                    capsys: pytest.CaptureFixture[str]) -> None:
    make_bag(tmp_path / 'episode_000001')
    assert main(['view', str(tmp_path)]) == 2
    assert 'Name it: episode_000000, episode_000001' in capsys.readouterr().err
    assert main(['view', str(bag), '--rrd', 'film.mp4']) == 2
    assert 'ends in .rrd' in capsys.readouterr().err
