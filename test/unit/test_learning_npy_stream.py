# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Files that grow are plain .npy files at the end.
"""
from __future__ import annotations

import numpy as np
import pytest

from vaa_ros.learning.npy_stream import NpyStream


def test_what_was_appended_is_read_back(tmp_path):
    path = tmp_path / 'a.npy'
    parts = [np.arange(n * 6, dtype=np.uint8).reshape(n, 2, 3) for n in (1, 4, 2)]
    stream = NpyStream(path, np.uint8, (2, 3))
    for part in parts:
        stream.append(part)
    stream.close()
    stream.close()
    assert np.array_equal(np.load(path), np.concatenate(parts))
    mapped = np.load(path, mmap_mode='r')
    assert np.array_equal(mapped[3], np.concatenate(parts)[3])


@pytest.mark.parametrize('dtype', [np.float32, np.int64, np.int32])
def test_scalars_can_be_items_and_none_too(tmp_path, dtype):
    stream = NpyStream(tmp_path / 'a.npy', dtype, ())
    stream.close()
    assert np.load(tmp_path / 'a.npy').shape == (0,)


def test_other_items_are_refused(tmp_path):
    stream = NpyStream(tmp_path / 'a.npy', np.uint8, (2,))
    with pytest.raises(ValueError, match='expected uint8'):
        stream.append(np.zeros((1, 3), np.uint8))
    with pytest.raises(ValueError, match='items are float64'):
        stream.append(np.zeros((1, 2)))
