# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Freed memory goes back to the system before a model is loaded and after an episode.
"""
from __future__ import annotations

from collections.abc import Iterator
import ctypes
from pathlib import Path
import resource
import sys

import pytest
from recording_bags import METADATA
from recording_bags import stream
from test_recording_session import Source

from vaa_ros.core import freed_memory
from vaa_ros.core.paths import model_file
from vaa_ros.policies.onnx_policy import OnnxPolicy
from vaa_ros.recording.session import Disk
from vaa_ros.recording.session import RecordingSession

BLOCK, COUNT = 64_000, 2000


def resident() -> int:
    with open('/proc/self/statm', encoding='ascii') as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@pytest.fixture
def kept() -> Iterator[int]:
    """What the process holds [bytes], with so many freed blocks that the C library keeps."""
    library = ctypes.CDLL(None)
    if not sys.platform.startswith('linux') or not hasattr(library, 'malloc_trim'):
        pytest.skip('needs /proc and a C library with malloc_trim')
    library.malloc.restype = ctypes.c_void_p
    library.malloc.argtypes = [ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    OnnxPolicy(model_file('pick_place'))
    blocks = [library.malloc(BLOCK) for _ in range(COUNT)]
    for block in blocks:
        ctypes.memset(block, 1, BLOCK)
    # The last one stays, and keeps the C library from giving back those before it by itself.
    for block in blocks[:-1]:
        library.free(block)
    yield resident()
    library.free(blocks[-1])


def test_loading_a_model_gives_back_what_was_freed(kept: int) -> None:
    OnnxPolicy(model_file('pick_place'))
    assert kept - resident() > BLOCK * COUNT // 2


def test_an_episode_gives_back_what_was_freed(kept: int, tmp_path: Path) -> None:
    source = Source()
    session = RecordingSession(source, list(source.types))
    session.start(Disk(tmp_path), METADATA)
    for topic, log_ns, data in stream(3):
        session.put(topic, log_ns, data, log_ns)
    session.stop(True)
    assert kept - resident() > BLOCK * COUNT // 2


def test_another_c_library_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freed_memory.ctypes, 'CDLL', lambda _name: object())
    assert freed_memory.give_back() is False
