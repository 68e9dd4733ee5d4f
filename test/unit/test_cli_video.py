# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The film can be played by a browser, and its captions say what is seen."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from vaa_ros.cli.results import EpisodeResult
from vaa_ros.cli.trace import END_FRAMES
from vaa_ros.cli.trace import EpisodeTrace
from vaa_ros.cli.trace import film
from vaa_ros.cli.video import CAPTION
from vaa_ros.cli.video import compose
from vaa_ros.cli.video import HEIGHT
from vaa_ros.cli.video import VideoWriter
from vaa_ros.cli.video import WIDTH
from vaa_ros.core.errors import ConfigError


def picture(level: int, height: int = 60, width: int = 80) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def episode(seed: int, frames: int) -> EpisodeTrace:
    trace = EpisodeTrace(('a',), EpisodeResult(seed, seed % 2 == 0, frames / 30), start_ns=0)
    for index in range(frames):
        stamp_ns = index * 33_333_333
        trace.add_picture('front', stamp_ns, picture(40 + 10 * index))
        if index % 2 == 0:
            trace.add_picture('wrist', stamp_ns, picture(200))
    return trace


def test_the_film_is_what_browsers_play(tmp_path: Path) -> None:
    path = tmp_path / 'new' / 'film.mp4'
    done: list[int] = []
    frames = film([episode(1, 6), episode(2, 4)], path, ('front', 'wrist'),
                  lambda: done.append(1))
    assert frames == 6 + 4 + 2 * END_FRAMES
    assert len(done) == 2
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == 'h264'
        assert stream.codec_context.pix_fmt == 'yuv420p'
        assert float(stream.average_rate) == 30
        seen = [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)]
    assert len(seen) == frames
    assert seen[0].shape == (HEIGHT + CAPTION, WIDTH, 3)
    brightness = [frame[300:500, 100:300].mean() for frame in seen]
    assert brightness[0] == pytest.approx(40, abs=6)
    assert brightness[5] == pytest.approx(90, abs=6)
    # the index stands before the pictures, so that it plays while it loads
    data = path.read_bytes()
    assert data.index(b'moov') < data.index(b'mdat')


def test_a_film_of_nothing_is_no_file(tmp_path: Path) -> None:
    assert film([EpisodeTrace(('a',))], tmp_path / 'film.mp4', ('front',)) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_film_that_fails_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        with VideoWriter(tmp_path / 'film.mp4') as video:
            video.write(compose(picture(3), None, 'x'))
            raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_film_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(ConfigError, match='cannot write the video'):
        VideoWriter(tmp_path / 'file' / 'film.mp4')


def test_the_caption_shows_the_verdict() -> None:
    plain = compose(picture(0), None, 'episode 1', '1.0 s')
    good = compose(picture(0), None, 'episode 1', '1.0 s', 'success')
    bad = compose(picture(0), None, 'episode 1', '1.0 s', 'failure')
    assert np.array_equal(plain[:HEIGHT], good[:HEIGHT])
    green = good[HEIGHT:].reshape(-1, 3).astype(int)
    red = bad[HEIGHT:].reshape(-1, 3).astype(int)
    assert ((green[:, 1] > green[:, 0] + 60) & (green[:, 1] > 180)).sum() > 500
    assert ((red[:, 0] > red[:, 1] + 60) & (red[:, 0] > 180)).sum() > 500
    assert not np.array_equal(plain[HEIGHT:], compose(picture(0), None, 'x', '1.0 s')[HEIGHT:])


@pytest.mark.parametrize('height, width', [(48, 64), (480, 640), (600, 800)])
def test_every_picture_size_fits(height: int, width: int) -> None:
    frame = compose(picture(100, height, width), picture(200, height, width), 'x')
    assert frame.shape == (HEIGHT + CAPTION, WIDTH, 3)
    assert frame[40, WIDTH - 60].mean() == pytest.approx(200, abs=2)
    assert frame[HEIGHT - 20, 20].mean() == pytest.approx(100, abs=2)


def test_a_strip_is_spread_over_the_episode() -> None:
    trace = episode(1, 20)
    strip = trace.strip('front', 5, 40)
    assert len(strip) == 5
    assert all(data.startswith(b'\xff\xd8') for data in strip)
    assert trace.strip('side') == []
    assert len(episode(1, 2).strip('front', 5)) == 2
