# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Freed memory goes back to the system before a model is loaded.
"""
from __future__ import annotations

import ctypes
import resource
import sys

import pytest

from vaa_ros.core.paths import model_file
from vaa_ros.policies import freed_memory
from vaa_ros.policies.onnx_policy import OnnxPolicy

BLOCK, COUNT = 64_000, 2000


def resident() -> int:
    with open('/proc/self/statm', encoding='ascii') as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='reads /proc')
def test_loading_a_model_gives_back_what_was_freed() -> None:
    library = ctypes.CDLL(None)
    if not hasattr(library, 'malloc_trim'):
        pytest.skip('a C library without malloc_trim')
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
    kept = resident()
    OnnxPolicy(model_file('pick_place'))
    assert kept - resident() > BLOCK * COUNT // 2
    library.free(blocks[-1])


def test_another_c_library_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freed_memory.ctypes, 'CDLL', lambda _name: object())
    assert freed_memory.give_back() is False
