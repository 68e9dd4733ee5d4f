# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Priority and CPU of a thread: given where the system lets, and explained where not.
"""
from __future__ import annotations

from collections.abc import Iterator
import ctypes
import os
import resource
import subprocess
import sys
import threading

from processes import ROOT
import pytest

from vaa_ros.ros.thread_rights import favour

PR_CAPBSET_DROP, CAP_SYS_NICE = 24, 23
WITHOUT_RIGHTS = """
import os, threading
from vaa_ros.ros.thread_rights import favour
from vaa_ros.ros.thread_rights import hasten_others
print(favour(threading.current_thread(), 50, -1)[0])
print(os.sched_getscheduler(0) == os.SCHED_OTHER)
other = threading.Thread(target=int)
print(hasten_others(other)[0])
"""
WITH_RIGHTS = """
import os, threading
from vaa_ros.ros.thread_rights import favour
end = threading.Event()
thread = threading.Thread(target=end.wait, name='control')
thread.start()
print(favour(thread, 10, -1))
print(os.sched_getscheduler(thread.native_id) == os.SCHED_FIFO,
      os.sched_getparam(thread.native_id).sched_priority,
      os.getpriority(os.PRIO_PROCESS, threading.main_thread().native_id))
end.set()
"""


@pytest.fixture
def thread() -> Iterator[threading.Thread]:
    end = threading.Event()
    made = threading.Thread(target=end.wait, name='control')
    made.start()
    yield made
    end.set()
    made.join()


def test_it_stays_on_its_cpu_and_the_others_do_not(thread: threading.Thread) -> None:
    mine = os.sched_getaffinity(0)
    assert favour(thread, 0, max(mine)) == []
    assert os.sched_getaffinity(thread.native_id) == {max(mine)}
    assert os.sched_getaffinity(0) == mine


def test_a_cpu_that_is_not_there_is_named_with_those_that_are(thread: threading.Thread) -> None:
    said, = favour(thread, 0, 4095)
    assert 'CPU 4095' in said and "'control'" in said
    for cpu in os.sched_getaffinity(0):
        assert str(cpu) in said


def test_without_the_right_to_a_priority_it_says_what_to_do() -> None:
    def give_rights_up() -> None:
        resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
        resource.setrlimit(resource.RLIMIT_NICE, (0, 0))
        # Even root has no more of the capability than its bounding set.
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_SYS_NICE, 0, 0, 0)

    done = subprocess.run(
        [sys.executable, '-c', WITHOUT_RIGHTS], cwd=ROOT, text=True, capture_output=True,
        preexec_fn=give_rights_up, env={**os.environ, 'PYTHONPATH': str(ROOT)}, check=True)
    said, unchanged, of_others = done.stdout.splitlines()
    assert 'without real-time priority 50: Operation not permitted' in said
    assert 'ulimit -r 50' in said and 'realtime_priority to 0' in said
    assert unchanged == 'True'
    assert 'without nice -10' in of_others and '- nice -10" in /etc' in of_others


def test_nothing_is_asked_for_by_default(thread: threading.Thread) -> None:
    before = os.sched_getaffinity(thread.native_id)
    assert favour(thread, 0, -1) == []
    assert os.sched_getaffinity(thread.native_id) == before
    assert os.sched_getscheduler(thread.native_id) == os.SCHED_OTHER


def test_where_it_may_it_comes_before_others_and_so_do_those_it_may_wait_for() -> None:
    # In a process of its own: niceness that is given up does not come back without rights.
    done = subprocess.run(
        [sys.executable, '-c', WITH_RIGHTS], cwd=ROOT, text=True, capture_output=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)}, check=True)
    problems, found = done.stdout.splitlines()
    if problems != '[]':
        pytest.skip(f'no right to a real-time priority here: {problems}')
    assert found == 'True 10 -10'
