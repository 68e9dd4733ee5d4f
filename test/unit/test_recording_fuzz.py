# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Fuzz target of the bag reader: whatever bytes are in a file and its metadata, no crash and no lie.

A few hundred examples in every test run; for an hour of them:

    VAA_FUZZ_EXAMPLES=100000 pytest test/unit/test_recording_fuzz.py
"""
from __future__ import annotations

from functools import cache
import os
from pathlib import Path
import tempfile

from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis import strategies as st
from recording_bags import stream
from recording_bags import write_bag

from vaa_ros.core.errors import VaaError
from vaa_ros.recording.bag_reader import BagReader

FRAMES = 6
SENT = {(topic, log_ns, data) for topic, log_ns, data in stream(FRAMES)}
EXAMPLES = int(os.environ.get('VAA_FUZZ_EXAMPLES', '150'))
FUZZ = settings(max_examples=EXAMPLES, deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

# Where (as a part of the file), how many bytes go, and what comes instead.
EDITS = st.lists(st.tuples(
    st.floats(0, 1, exclude_max=True), st.sampled_from([0, 1, 2, 8, 64, 4096, 10**9]),
    st.binary(max_size=16)), min_size=1, max_size=4)


@cache
def sound(compression: str) -> tuple[bytes, bytes]:
    """The storage file and the metadata.yaml of a bag."""
    with tempfile.TemporaryDirectory() as folder:
        bag = write_bag(Path(folder) / 'bag', FRAMES, compression)
        return (bag / 'bag_0.mcap').read_bytes(), (bag / 'metadata.yaml').read_bytes()


def edited(data: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for share, gone, instead in edits:
        place = int(share * len(data))
        data = data[:place] + instead + data[place + gone:]
    return data


def read(storage: bytes, information: bytes) -> set[tuple[str, int, bytes]] | None:
    """What the reader gives, or None where it refuses."""
    with tempfile.TemporaryDirectory() as folder:
        bag = Path(folder) / 'bag'
        bag.mkdir()
        (bag / 'bag_0.mcap').write_bytes(storage)
        (bag / 'metadata.yaml').write_bytes(information)
        try:
            with BagReader(bag) as reader:
                return set(reader.raw_messages())
        except VaaError as error:
            assert 'bag' in str(error), 'it has to name the file'
            return None


@FUZZ
@given(st.sampled_from(['zstd', 'none']), EDITS)
def test_whatever_the_file_holds_is_refused_or_right(
        compression: str, edits: list[tuple[float, int, bytes]]) -> None:
    storage, information = sound(compression)
    damaged = edited(storage, edits)
    found = read(damaged, information)
    if damaged == storage:
        assert found == SENT
    elif found is not None:
        assert {data for _, _, data in found} <= {data for _, _, data in SENT}


@FUZZ
@given(EDITS)
def test_whatever_the_metadata_holds_is_refused_or_right(
        edits: list[tuple[float, int, bytes]]) -> None:
    storage, information = sound('zstd')
    found = read(storage, edited(information, edits))
    assert found is None or found <= SENT


@FUZZ
@given(st.binary(max_size=400))
def test_anything_at_all_is_refused(data: bytes) -> None:
    assert read(data, sound('zstd')[1]) is None
