# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Damaged recordings are refused, or give the frames of the sound one: never a crash or a lie.

benchmarks/corrupt_bags.py does the same with many more.
"""
from __future__ import annotations

from collections import Counter
from pathlib import Path

from corrupt_corpus import build
from corrupt_corpus import corpus
from corrupt_corpus import outcome
from corrupt_corpus import SOURCES
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import pytest

from vaa_ros.core.errors import BagError
from vaa_ros.recording.bag_files import check_information
from vaa_ros.recording.episode import EpisodeMetadata


def test_damaged_recordings_are_refused_or_give_right_frames(tmp_path: Path) -> None:
    found: Counter[str] = Counter()
    sound = {}
    for damage in corpus(tmp_path, 60, first=20_000):
        if damage.source not in sound:
            sound[damage.source] = build(tmp_path / 'sound' / damage.source,
                                         tmp_path / f'sound_{damage.source}')
        result = outcome(damage, sound[damage.source], tmp_path / 'data')
        assert result != 'silently wrong', damage
        found[result] += 1
    assert set(sound) == set(SOURCES)
    assert found['refused'] > 15 and found['same'] > 5, 'the damage is too much or too little'


KEYS = list(EpisodeMetadata().to_custom_data())
VALUES = st.text(max_size=20) | st.sampled_from(['true', 'unknown', '{}', '[]', '{"a": 1}', '1'])


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_any_metadata_is_read_or_refused(data: dict[str, str]) -> None:
    try:
        metadata = EpisodeMetadata.from_custom_data(data)
    except BagError as error:
        assert any(key in str(error) for key in data)
        return
    assert EpisodeMetadata.from_custom_data(metadata.to_custom_data()) == metadata


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from([
                        'topic_metadata', 'name', 'message_count', 'x']), inner, max_size=3))


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_any_list_of_topics_is_read_or_refused(topics: object) -> None:
    with pytest.raises(BagError, match='metadata.yaml'):
        check_information({'topics_with_message_count': topics}, {'/front': 3})
