# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The story keeps its time, goes on where it ended, and refuses to mix two stories."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
import time

import pytest

from vaa_ros.cli import story
from vaa_ros.cli.story import Ledger
from vaa_ros.cli.story import training_minutes
from vaa_ros.core.errors import ConfigError


def test_training_gets_what_is_left_of_the_time() -> None:
    minutes = training_minutes(25.0, 300.0, 10)
    assert minutes == pytest.approx(25.0 - 5.0 - 1.0 - 1.5)
    assert training_minutes(25.0, 24 * 60.0, 10) == story.LEAST_TRAINING_MINUTES


def test_stages_add_up_over_runs_even_when_interrupted(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(0, 1000, 10))
    monkeypatch.setattr(time, 'monotonic', lambda: float(next(now)))
    first = Ledger.open(tmp_path, {'task': 'reach'})
    with pytest.raises(KeyboardInterrupt):
        with first.stage('record'):
            raise KeyboardInterrupt
    assert first.times == {'record': 10.0}
    second = Ledger.open(tmp_path, {'task': 'reach'})
    with second.stage('record'):
        pass
    assert second.times['record'] == 20.0
    assert second.seconds == 20.0


def test_another_story_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    Ledger.open(tmp_path, {'task': 'reach', 'demonstrations': 60}).save()
    with pytest.raises(ConfigError, match="task 'reach', now 'push'.*another --out"):
        Ledger.open(tmp_path, {'task': 'push', 'demonstrations': 60})


@pytest.mark.parametrize('text', ['nonsense', '[]', '{"times": {"a": "b"}}', '{}'])
def test_a_broken_ledger_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / 'story.json').write_text(text)
    with pytest.raises(ConfigError, match='story.json'):
        Ledger.open(tmp_path, {'task': 'reach'})


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace every stage by one that says its name and leaves a file."""
    done: list[str] = []
    monkeypatch.setattr(story, '_record', lambda args, episodes: done.append('record'))
    monkeypatch.setattr(story, '_dataset', lambda episodes, out: done.append('dataset'))
    monkeypatch.setattr(story, '_export', lambda task, run, model: done.append('export'))
    monkeypatch.setattr(story, '_show', lambda args, ledger, model: done.append('run'))
    return done


def arguments(out: Path) -> argparse.Namespace:
    return argparse.Namespace(out=out, task='reach', demonstrations=3, config='tiny',
                              minutes=5.0, pushes=0.0, episodes=2)


def test_the_stages_in_order(tmp_path: Path, stages: list[str], monkeypatch: pytest.MonkeyPatch,
                             capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(story, '_train',
                        lambda args, ledger, dataset, run: stages.append('train') or True)
    assert story.tell(arguments(tmp_path)) == 0
    assert stages == ['record', 'dataset', 'train', 'export', 'run']
    assert list(json.loads((tmp_path / 'story.json').read_text())['times']) == stages
    assert 'in all' in capsys.readouterr().out


def test_ctrl_c_in_training_ends_the_story_for_now(
        tmp_path: Path, stages: list[str], monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(story, '_train', lambda args, ledger, dataset, run: False)
    assert story.tell(arguments(tmp_path)) == 130
    assert stages == ['record', 'dataset']
    assert 'goes on from here' in capsys.readouterr().err
