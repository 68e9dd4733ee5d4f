# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The last seconds in memory, and the bag that they become.
"""
from __future__ import annotations

from datetime import datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies
import numpy as np
import pytest

from vaa_ros.core.errors import BagError
from vaa_ros.core.types import JointState
from vaa_ros.recording import messages as made
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.flight import flight_dir
from vaa_ros.recording.flight import FlightMemory
from vaa_ros.recording.flight import Kept
from vaa_ros.recording.flight import write_flight

SECOND = 1_000_000_000


def message(at_s: float, size: int = 10, topic: str = '/a') -> Kept:
    return Kept(topic, round(at_s * SECOND), bytes(size), round(at_s * SECOND))


@given(strategies.lists(strategies.tuples(strategies.floats(0, 5), strategies.integers(0, 300)),
                        max_size=60))
def test_it_keeps_the_last_seconds_and_no_more_than_there_is_room_for(
    steps: list[tuple[float, int]],
) -> None:
    memory, now, every = FlightMemory(3.0, 1000), 0.0, []
    for step, size in steps:
        now += step
        every.append(message(now, size))
        memory.add(every[-1])
    # A second implementation: from the newest back until time or room is used up.
    expected, room = [], 1000
    for each in reversed(every):
        room -= len(each.data)
        if each.log_ns < every[-1].log_ns - 3 * SECOND or room < 0:
            break
        expected.insert(0, each)
    assert memory.messages({}) == expected
    assert memory.bytes == sum(len(each.data) for each in expected) <= 1000


def test_a_topic_can_be_forgotten() -> None:
    memory = FlightMemory(100.0, 1000)
    for at_s, topic in enumerate(('/a', '/b', '/a', '/c')):
        memory.add(message(at_s, topic=topic))
    memory.forget('/a')
    assert memory.messages({}) == [message(1, topic='/b'), message(3, topic='/c')]
    assert memory.bytes == 20


def test_what_went_early_is_counted() -> None:
    memory = FlightMemory(100.0, 25)
    for at_s in range(4):
        memory.add(message(at_s))
    assert memory.short == 2


def test_the_last_of_a_latched_topic_is_there_however_old() -> None:
    memory = FlightMemory(1.0, 1000)
    memory.add(message(0.0, topic='/latched'))
    memory.add(message(10.0))
    found = memory.messages({'/latched': (b'x', 7), '/a': (b'y', 8)})
    assert [(each.topic, each.data) for each in found] == [('/latched', b'x'), ('/a', bytes(10))]
    assert found[0].log_ns == found[1].log_ns and found[0].sent_ns == 7
    assert FlightMemory(1.0, 10).messages({'/latched': (b'x', 7)}) == []


def test_a_flight_is_a_bag_that_is_no_demonstration(tmp_path: Path) -> None:
    data = made.joint_state(JointState(5, ('a',), np.array([0.5])))
    path = write_flight(
        tmp_path / 'flight', [Kept('/joint_states', 5, data, 4)],
        {'/joint_states': made.JOINT_STATE, '/never': made.JOINT_STATE},
        EpisodeMetadata(policy='p', operator='why'), 0)
    with BagReader(path) as bag:
        assert bag.metadata.policy == 'p' and bag.metadata.operator == 'why'
        (topic, log_ns, read), = bag.messages()
        assert (topic, log_ns, list(read.position)) == ('/joint_states', 5, [0.5])


def test_nothing_is_written_without_messages_or_room(tmp_path: Path) -> None:
    with pytest.raises(BagError, match='no message came yet'):
        write_flight(tmp_path / 'flight', [], {}, EpisodeMetadata(), 0)
    with pytest.raises(BagError, match='GB are free'):
        write_flight(tmp_path / 'flight', [message(0)], {}, EpisodeMetadata(), 10**18)
    (tmp_path / 'file').touch()
    with pytest.raises(BagError, match='cannot write to'):
        write_flight(tmp_path / 'file' / 'flight', [message(0)], {}, EpisodeMetadata(), 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['file']


def test_names_say_when_and_why(tmp_path: Path) -> None:
    when = datetime(2026, 1, 2, 3, 4, 5)
    first = flight_dir(tmp_path, when, 'holding: vision/front is 0.31 s old!')
    assert first.name == 'flight_20260102_030405_holding_vision_front_is_0'
    first.mkdir()
    assert flight_dir(tmp_path, when, 'holding: vision/front is 0.31 s old!').name == \
        f'{first.name}_2'
    assert flight_dir(tmp_path, when, '').name.endswith('_flight')
