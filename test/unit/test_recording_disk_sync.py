# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Tests of what a power cut would cost, with a disk that takes its time.
"""
from __future__ import annotations

from collections.abc import Iterator
import os
from pathlib import Path
import threading
import time

import pytest

from vaa_ros.core.types import NANOSECONDS
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.disk_sync import DiskSync
from vaa_ros.recording.episode import EpisodeMetadata

PATIENCE_S = 10.0
TOPIC = 'joint_states'


class SlowDisk:
    """
    A real bag whose disk confirms when it is told to.
    """

    def __init__(self, folder: Path) -> None:
        self.writer = BagWriter(folder / 'bag', {TOPIC: 'std_msgs/msg/String'}, EpisodeMetadata())
        self.asked = threading.Semaphore(0)
        self._confirmed = threading.Semaphore(0)
        really = self.writer.sync

        def sync() -> None:
            self.asked.release()
            assert self._confirmed.acquire(timeout=PATIENCE_S)
            really()

        self.writer.sync = sync
        self.sync = DiskSync(self.writer, 0)

    def put(self, second: float) -> None:
        """
        Write a message, and hand it to the operating system.
        """
        time_ns = round(second * NANOSECONDS)
        self.sync.told(time_ns)
        self.writer.write(TOPIC, time_ns, b'\0\1\0\0\1\0\0\0\0')
        self.writer.flush()

    def confirm(self, until: float | None = None) -> None:
        """
        Let the disk confirm what it was asked for, and wait until the message of a second is safe.
        """
        self._confirmed.release()
        end_s = time.monotonic() + PATIENCE_S
        while until is not None and self.sync.safe_ns != round(until * NANOSECONDS):
            assert time.monotonic() < end_s
            time.sleep(0.001)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SlowDisk]:
    """
    Give a disk, and end its thread.
    """
    made = SlowDisk(tmp_path)
    yield made
    end(made)


def end(disk: SlowDisk) -> None:
    disk.sync.end()
    for _ in range(10):
        disk.confirm()
    disk.sync.join()
    disk.writer.abort('the test is over')


def test_what_is_not_confirmed_is_at_risk(disk: SlowDisk) -> None:
    disk.put(100.0)
    assert disk.asked.acquire(timeout=PATIENCE_S)
    disk.put(103.0)
    disk.confirm(until=100.0)
    assert disk.sync.at_risk_s == pytest.approx(3.0)
    assert disk.asked.acquire(timeout=PATIENCE_S)


def test_what_is_confirmed_is_safe_from_the_first_message_on(disk: SlowDisk) -> None:
    for second in (100.0, 101.0, 102.0):
        disk.put(second)
        assert disk.asked.acquire(timeout=PATIENCE_S)
        disk.confirm(until=second)
    assert disk.sync.at_risk_s == pytest.approx(1.0)


def test_a_disk_that_has_all_is_not_asked_again(disk: SlowDisk) -> None:
    disk.put(100.0)
    assert disk.asked.acquire(timeout=PATIENCE_S)
    disk.confirm(until=100.0)
    assert not disk.asked.acquire(timeout=0.5)


def test_the_names_of_a_new_episode_reach_the_disk_before_its_messages_and_delay_nobody(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []
    really = os.fsync

    def fsync(descriptor: int) -> None:
        path = os.readlink(f'/proc/self/fd/{descriptor}')
        asked.append((threading.current_thread().name, os.path.relpath(path, tmp_path)))
        really(descriptor)

    monkeypatch.setattr(os, 'fsync', fsync)
    (tmp_path / 'new').mkdir()
    disk = SlowDisk(tmp_path / 'new')
    disk.put(100.0)
    assert disk.asked.acquire(timeout=PATIENCE_S)
    disk.confirm(until=100.0)
    end(disk)
    assert asked[:4] == [('disk', name) for name in (
        'new/bag.partial', 'new', '.', 'new/bag.partial/bag_0.mcap')]


def test_a_full_disk_is_a_problem(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / 'bag', {TOPIC: 'std_msgs/msg/String'}, EpisodeMetadata())
    sync = DiskSync(writer, 10**18)
    sync.join()
    assert 'free' in str(sync.problem)
    writer.abort('the test is over')
