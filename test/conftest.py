# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What every test may use: a ROS domain of its own, and node processes that end with the test.
"""
from __future__ import annotations

import atexit
from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import os
import shutil
import signal
import tempfile
from typing import Any

from processes import NodeProcess
from processes import ROOT
import pytest

# Processes that the tests start shall obey SIGINT also where the test run itself is a background
# job of a script, which ignores it.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.setdefault('MUJOCO_GL', 'egl')
if 'PYTEST_XDIST_WORKER' in os.environ:
    # Each worker has a core: torch shall not start a thread for every one of them.
    os.environ.setdefault('OMP_NUM_THREADS', '1')
# No test may find in the cache of `vaa dataset` what another one, or its user, left there.
os.environ['VAA_CACHE'] = tempfile.mkdtemp(prefix='vaa_cache_')
atexit.register(shutil.rmtree, os.environ['VAA_CACHE'], ignore_errors=True)
os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
os.environ.setdefault('FASTDDS_DEFAULT_PROFILES_FILE', str(ROOT / 'config' / 'fastdds.xml'))


@pytest.fixture(scope='session')
def ros_domain() -> Iterator[int]:
    """
    Give this test run a ROS domain of its own, here and in the processes that it starts.
    """
    given = os.environ.get('ROS_DOMAIN_ID')
    with contextlib.ExitStack() as stack:
        if given is None:
            coordinator = pytest.importorskip('domain_coordinator')
            os.environ['ROS_DOMAIN_ID'] = str(stack.enter_context(coordinator.domain_id()))
        yield int(os.environ['ROS_DOMAIN_ID'])
    if given is None:
        del os.environ['ROS_DOMAIN_ID']


@pytest.fixture
def start_process(ros_domain: int) -> Iterator[Callable[..., NodeProcess]]:
    """
    Give a function that starts node processes, and end them all after the test.
    """
    started: list[NodeProcess] = []

    def start(module: str, *arguments: str, **options: Any) -> NodeProcess:
        process = NodeProcess(module, *arguments, **options)
        started.append(process)
        return process

    yield start
    for process in started:
        process.end()
