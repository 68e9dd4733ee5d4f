# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A folder of models: what is new there is found once, and only when it is whole.
"""
from __future__ import annotations

import os
from pathlib import Path

import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.policies.model_folder import ModelFolder


def write(path: Path, content: bytes, when_ns: int) -> Path:
    path.write_bytes(content)
    os.utime(path, ns=(when_ns, when_ns))
    return path


def test_a_new_model_is_found_once_when_it_is_stable(tmp_path: Path) -> None:
    write(tmp_path / 'old.onnx', b'old', 1)
    folder = ModelFolder(tmp_path, stable_s=1.0)
    assert folder.poll(0.0) is None
    new = write(tmp_path / 'new.onnx', b'ne', 2)
    assert folder.poll(1.0) is None
    assert folder.poll(1.9) is None
    # It was still being written: the time begins again.
    write(new, b'new', 3)
    assert folder.poll(2.1) is None
    assert folder.poll(3.0) is None
    assert folder.poll(3.2) == new
    assert folder.poll(9.0) is None


def test_a_replaced_model_is_new_and_so_is_one_that_was_away(tmp_path: Path) -> None:
    path = write(tmp_path / 'policy.onnx', b'one', 1)
    folder = ModelFolder(tmp_path, stable_s=0.0)
    os.replace(write(tmp_path / 'partial', b'two', 1), path)
    folder.poll(1.0)
    assert folder.poll(2.0) == path
    path.unlink()
    folder.poll(3.0)
    write(path, b'two', 1)
    folder.poll(4.0)
    assert folder.poll(5.0) == path


def test_of_several_the_newest_is_taken_and_the_others_are_passed_over(tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path, stable_s=0.0)
    newest = write(tmp_path / 'b.onnx', b'b', 9)
    write(tmp_path / 'a.onnx', b'a', 3)
    write(tmp_path / 'c.txt', b'c', 99)
    folder.poll(0.0)
    assert folder.poll(1.0) == newest
    assert folder.poll(2.0) is None


def test_links_and_folders_are_passed_over(tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path, stable_s=0.0)
    (tmp_path / 'folder.onnx').mkdir()
    (tmp_path / 'link.onnx').symlink_to('/etc/passwd')
    for now_s in range(3):
        assert folder.poll(now_s) is None


def test_it_waits_for_the_signature_and_takes_a_new_one(tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path, stable_s=0.0, signed=True)
    path = write(tmp_path / 'policy.onnx', b'one', 1)
    for now_s in range(3):
        assert folder.poll(now_s) is None
    write(tmp_path / 'policy.onnx.minisig', b'signature', 2)
    folder.poll(4.0)
    assert folder.poll(5.0) == path
    write(tmp_path / 'policy.onnx.minisig', b'another', 3)
    folder.poll(6.0)
    assert folder.poll(7.0) == path


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='watch_models'):
        ModelFolder(tmp_path / 'none')
