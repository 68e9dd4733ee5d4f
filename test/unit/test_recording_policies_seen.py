# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which policies an episode names, and which of them drove.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from learning_bags import LOG_NS
from learning_bags import LOG_TICK_NS
from learning_bags import make_bag
from learning_bags import METADATA
from learning_bags import Stream
import pytest

from vaa_ros.core.errors import DatasetError
from vaa_ros.learning.dataset import build_dataset
from vaa_ros.learning.dataset import DatasetOptions
from vaa_ros.recording import messages
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.policies_seen import policies_in
from vaa_ros.recording.policies_seen import PolicyWatch

ACTIVE, COMMANDING = '/left/policy/active_policy', '/left/policy/commanding'
MORE = {ACTIVE: messages.DIAGNOSTIC_STATUS, COMMANDING: messages.BOOL}
LOADED = {'name': 'a', 'path': '/m/a.onnx', 'sha256': 'a' * 64}
OPTIONS = DatasetOptions(size=(16, 12), chunk_length=4)


def load(name: str) -> tuple[str, bytes]:
    return ACTIVE, messages.diagnostic_status('policy: active policy', name, {
        'name': name, 'path': f'/m/{name}.onnx', 'sha256': name * 64})


def drive(yes: bool) -> tuple[str, bytes]:
    return COMMANDING, messages.serialize(messages.BOOL, {'data': yes})


@pytest.mark.parametrize(('said', 'seen'), [
    ([load('a')], {'a': None}),
    ([load('a'), drive(False)], {'a': False}),
    ([drive(False), load('a'), drive(True), drive(False)], {'a': True}),
    ([load('a'), drive(True), load('b'), load('a')], {'a': True, 'b': True}),
    ([load('a'), drive(True), drive(False), load('b')], {'a': True, 'b': False}),
    ([drive(True)], {'': True}),
    ([drive(False)], {}),
    ([(ACTIVE, b'\0\1\0\0 nonsense'), load('a')], {'a': None}),
])
def test_a_policy_drove_when_it_was_at_work_while_one_commanded(said, seen):
    watch = PolicyWatch()
    for topic, data in said:
        watch.take(topic, MORE[topic], data)
    assert {policy.name: policy.commanded for policy in watch.seen} == seen


def bag_with(path: Path, said: list[tuple[str, bytes]], **known: object) -> Path:
    def change(stream: Stream) -> Stream:
        return stream + [(topic, LOG_NS + number * LOG_TICK_NS, data)
                         for number, (topic, data) in enumerate(said)]
    return make_bag(path / 'bags' / 'episode_000000', change=change, more_topics=MORE,
                    metadata=replace(METADATA, **known))


def test_every_policy_of_an_episode_is_listed(tmp_path):
    bag = bag_with(tmp_path, [load('a'), drive(True), load('b')], active_policy=LOADED)
    with BagReader(bag) as reader:
        assert [str(policy) for policy in policies_in(reader)] == [f'a {"a" * 12}',
                                                                   f'b {"b" * 12}']


def test_an_episode_in_which_a_policy_commanded_is_no_demonstration(tmp_path):
    bag = bag_with(tmp_path, [load('a'), drive(True)], active_policy=LOADED)
    with pytest.raises(DatasetError, match="driven by policy 'a aaaaaaaaaaaa', no demonstration"):
        build_dataset(bag, tmp_path / 'data', OPTIONS)
    told = build_dataset(bag, tmp_path / 'data', replace(OPTIONS, include_policy=True))
    assert told.episodes == 1


def test_a_policy_that_was_loaded_and_may_have_driven_is_noted(tmp_path):
    doubtful = bag_with(tmp_path / '1', [], active_policy=LOADED)
    told = build_dataset(doubtful, tmp_path / 'a', OPTIONS)
    assert told.notes == [
        f'{doubtful}: policy a aaaaaaaaaaaa was loaded, and nothing says whether it drove the '
        'arm: taken as a demonstration']
    certain = bag_with(tmp_path / '2', [load('a'), drive(False)], active_policy=LOADED)
    assert build_dataset(certain, tmp_path / 'b', OPTIONS).notes == []
