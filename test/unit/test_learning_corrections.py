# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
import json
from pathlib import Path

from learning_bags import command
from learning_bags import LOG_NS
from learning_bags import LOG_TICK_NS
from learning_bags import make_bag
from learning_bags import METADATA
from learning_bags import position
from learning_bags import Stream
import numpy as np
import pytest

from vaa_ros.cli.main import main
from vaa_ros.core.errors import DatasetError
from vaa_ros.core.errors import VaaError
from vaa_ros.learning.corrections import stretches
from vaa_ros.learning.cutting import Span
from vaa_ros.learning.dataset import build_dataset
from vaa_ros.learning.dataset import DatasetOptions
from vaa_ros.learning.plain_bags import PlainOptions
from vaa_ros.recording import messages

SOURCE = '/command_source'
STRING = 'std_msgs/msg/String'
TICKS_LEFT_OUT = 5
"""Three control periods of 1/30 s last five of the recorder's ticks of these bags."""


def takeover(path: Path, told: Sequence[tuple[int, str]], frames: int = 40,
             policy: str = 'weak.onnx') -> Path:
    """Write an episode in which ``told`` says from which tick on who drives."""
    def with_sources(stream: Stream) -> Stream:
        return stream + [(SOURCE, LOG_NS + tick * LOG_TICK_NS - 1,
                          messages.serialize(STRING, {'data': who})) for tick, who in told]

    return make_bag(path, frames=frames, metadata=replace(METADATA, policy=policy),
                    change=with_sources, more_topics={SOURCE: STRING})


def build(tmp_path: Path, **options: object) -> tuple[object, np.ndarray, list[dict]]:
    made = build_dataset(tmp_path / 'bags', tmp_path / 'data', DatasetOptions(**options))
    told = json.loads((tmp_path / 'data' / 'dataset.json').read_text(encoding='utf-8'))
    return made, np.load(tmp_path / 'data' / 'action.npy'), told['episodes']


def test_what_the_person_did_is_learned_and_nothing_of_the_policy(tmp_path: Path) -> None:
    takeover(tmp_path / 'bags' / 'episode_000000',
             [(0, 'policy'), (10, 'person'), (25, 'hold'), (28, 'policy'), (32, 'person')])
    made, actions, episodes = build(tmp_path)
    first, second = range(10, 25 - TICKS_LEFT_OUT), range(32, 40)
    assert [item['frames'] for item in episodes] == [len(first), len(second)]
    assert actions == pytest.approx(
        np.array([command(0, tick) for tick in (*first, *second)]), abs=1e-6)
    assert episodes[0]['cut']['rule'] == 'corrections'
    assert made.skipped == []


def test_demonstrations_come_whole_unless_only_corrections_are_wanted(tmp_path: Path) -> None:
    make_bag(tmp_path / 'bags' / 'episode_000000')
    takeover(tmp_path / 'bags' / 'episode_000001', [(0, 'person')])
    both, _, _ = build(tmp_path)
    assert both.episodes == 2
    only = build_dataset(tmp_path / 'bags', tmp_path / 'only', DatasetOptions(only='corrections'))
    assert only.episodes == 1
    assert 'command_source' in only.skipped[0][1]


def test_an_episode_without_a_takeover_says_so(tmp_path: Path) -> None:
    takeover(tmp_path / 'bags' / 'episode_000000', [(0, 'policy')])
    with pytest.raises(DatasetError, match='no person took over'):
        build(tmp_path)


def test_stretches() -> None:
    told = [(0, 'policy'), (10, 'person'), (20, 'person'), (30, 'hold'), (40, 'person'),
            (42, 'policy'), (50, 'person')]
    assert stretches(told, 60, 3) == [Span(10, 27), Span(50, 60)]
    assert stretches([], 60, 3) == stretches([(0, 'policy')], 60, 3) == []
    assert stretches([(60, 'person')], 60, 3) == []


def test_other_parts_are_refused() -> None:
    with pytest.raises(VaaError, match='corrections'):
        DatasetOptions(only='mistakes')


def test_an_arm_that_was_led_by_hand_needs_no_commands(tmp_path: Path) -> None:
    make_bag(tmp_path / 'bags' / 'episode_000000', leave_out=['/joint_trajectory'],
             metadata=replace(METADATA, command_type=''))
    with pytest.raises(DatasetError, match='no message on joint_trajectory'):
        build(tmp_path)
    made, actions, _ = build(tmp_path, plain=PlainOptions(measured=True))
    assert made.episodes == 1
    assert actions == pytest.approx(
        np.array([position(0, tick + 1) for tick in range(len(actions))]), abs=1e-6)


def test_the_command_line(tmp_path: Path) -> None:
    make_bag(tmp_path / 'bags' / 'episode_000000')
    takeover(tmp_path / 'bags' / 'episode_000001', [(0, 'policy'), (10, 'person')])
    assert main(['dataset', str(tmp_path / 'bags'), '--out', str(tmp_path / 'data'), '--only',
                 'corrections', '--json', str(tmp_path / 'figures.json')]) == 0
    figures = json.loads((tmp_path / 'figures.json').read_text(encoding='utf-8'))
    assert (figures['episodes'], figures['frames']) == (1, 30)
