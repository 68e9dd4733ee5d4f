# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The report is one file that needs nothing else, and says what was measured."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
import re

import numpy as np
import pytest

from vaa_ros.cli.report import Report
from vaa_ros.cli.results import EpisodeResult
from vaa_ros.cli.results import Summary
from vaa_ros.cli.trace import EpisodeTrace
from vaa_ros.cli.training_log import read_metrics
from vaa_ros.cli.training_log import training_curves
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import ModelError

NAMES = ('joint_1', 'joint_2', 'gripper')
VOID = {'meta', 'img', 'br', 'input', 'link', 'hr'}


class Page(HTMLParser):
    """Collects addresses and identifiers, and makes sure that every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.identifiers: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ('src', 'href', 'xlink:href', 'srcset', 'data'):
                self.addresses.append(value or '')
            if name == 'id':
                self.identifiers.append(value or '')

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def trace(seed: int, success: bool) -> EpisodeTrace:
    random = np.random.default_rng(seed)
    latencies = tuple(random.gamma(6.0, 1.0, 40).tolist())
    made = EpisodeTrace(NAMES, EpisodeResult(seed, success, 1.3, latencies, 40, 2), start_ns=0)
    for index in range(40):
        stamp_ns = index * 33_333_333
        made.add_picture('front', stamp_ns, np.full((60, 80, 3), 5 * index, np.uint8))
        made.commands.add(stamp_ns, np.sin(index / 9 + np.arange(3)))
        made.measured.add(stamp_ns, np.sin(index / 9 - 0.1 + np.arange(3)))
        made.alignment.add(stamp_ns, np.float64(0.8))
    return made


def report(**changes: object) -> Report:
    traces = [trace(7, True), trace(8, False)]
    values: dict[str, object] = {
        'title': 'reach <b>', 'subtitle': 'a & b', 'traces': traces,
        'units': ('rad', 'rad', 'm'), 'facts': [('command', 'vaa demo --task "x"')],
        'summary': Summary(tuple(t.result for t in traces if t.result))}
    return Report(**{**values, **changes})  # type: ignore[arg-type]


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    text = report().write(tmp_path / 'new' / 'report.html').read_text('utf-8')
    page = Page(text)
    assert page.tags.count('svg') == 3
    assert page.tags.count('img') == 10
    assert all(address.startswith(('data:', '#')) for address in page.addresses)
    assert not re.search(r'@import|url\((?!#)', text)
    assert 'script' not in page.tags
    assert len(page.identifiers) == len(set(page.identifiers))


def test_the_page_says_what_was_measured(tmp_path: Path) -> None:
    text = report().write(tmp_path / 'report.html').read_text('utf-8')
    assert '50 %' in text
    assert '1 of 2 episodes' in text
    assert 'reach &lt;b&gt;' in text
    assert 'a &amp; b' in text
    assert '2 / 40' in text
    assert 'joint_2 [rad]' in text
    assert 'gripper [m]' in text
    assert text.count('class="failure"') == 1
    assert 'vaa demo --task &quot;x&quot;' in text


def test_a_page_without_anything_seen(tmp_path: Path) -> None:
    empty = Report('t', 's', Summary((EpisodeResult(1, False, 3.0),)))
    page = Page(empty.write(tmp_path / 'report.html').read_text('utf-8'))
    assert 'svg' not in page.tags
    assert 'video' not in page.tags


def test_the_film_is_put_into_the_page(tmp_path: Path) -> None:
    film = tmp_path / 'film.mp4'
    film.write_bytes(b'moov')
    text = report(video=film).write(tmp_path / 'report.html').read_text('utf-8')
    assert 'src="data:video/mp4;base64,bW9vdg=="' in text


def test_a_page_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(ConfigError, match='cannot write the report'):
        report().write(tmp_path / 'file' / 'report.html')


def test_the_training_is_shown(tmp_path: Path) -> None:
    log = tmp_path / 'metrics.jsonl'
    log.write_text('{"split": "train", "step": 50, "cloning": 1.0, "align": 2.0, "nll": 0.5}\n'
                   '{"split": "held_out", "step": 60, "nll": 0.4, "l1": 0.1, "accuracy": 0.9,'
                   ' "recall_at_10": 0.3}\n'
                   '{"split": "train", "step": 100, "cloning": 0.8, "ali')
    curves = training_curves(read_metrics(log))
    assert curves['loss while training']['alignment'] == ([50.0], [2.0])
    assert curves['cloning and reconstruction while training']['cloning'] == ([50.0], [1.0])
    assert curves['recall, vision to action, held out'] == {'recall@10': ([60.0], [0.3])}
    text = report(training=curves).write(tmp_path / 'report.html').read_text('utf-8')
    assert 'How it learned' in text
    assert 'recall@10' in text


@pytest.mark.parametrize('text, match', [
    ('', 'no figures'), ('nonsense\n{"step": 1}\n', ':1: not JSON'), (None, 'cannot read')])
def test_a_bad_log_is_named(tmp_path: Path, text: str | None, match: str) -> None:
    path = tmp_path / 'metrics.jsonl'
    if text is not None:
        path.write_text(text)
    with pytest.raises(ModelError, match=match):
        read_metrics(path)
