# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A few of the faults of benchmarks/faults.py, in the real processes: the node, its guard, an arm and
two cameras.
"""
from __future__ import annotations

import contextlib
import json
import math
import os
from pathlib import Path
import signal
import subprocess
import sys

import fault_inputs
import fault_models
import fault_processes
import fault_reloads
import fault_rig
import faults
import lossy_network
from processes import ROOT
import pytest

FEW = ('cameras_stop', 'nan_joint', 'huge', 'stop_topic', 'policy_killed')


@pytest.fixture
def killed_processes(monkeypatch: pytest.MonkeyPatch, ros_domain: int) -> None:
    """
    Have an environment for processes that are killed.
    """
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    monkeypatch.setenv('PYTHONUNBUFFERED', '1')
    monkeypatch.setenv('FASTDDS_BUILTIN_TRANSPORTS', 'UDPv4')
    monkeypatch.delenv('FASTDDS_DEFAULT_PROFILES_FILE', raising=False)


@pytest.mark.usefixtures('killed_processes')
def test_faults_of_every_kind_end_as_promised(tmp_path: Path) -> None:
    known = {fault.name: fault for fault in (
        *fault_inputs.FAULTS, *fault_processes.FAULTS, *fault_reloads.FAULTS)}
    assert len(known) >= 50
    with fault_rig.rig(fault_models.write_all(tmp_path), patient=True) as rig:
        for name in FEW:
            # How late it is on a busy computer is for the benchmark to say.
            row = faults.attempts(rig, known[name], slack_s=math.inf)
            assert row['outcome'].startswith(faults.PASSED), (name, row)


@pytest.mark.usefixtures('killed_processes')
def test_inputs_lost_in_the_network_end_as_promised(tmp_path: Path) -> None:
    if why := lossy_network.missing():
        pytest.skip(f'packet loss needs root, ip, nft and nsenter: {why}')
    found = tmp_path / 'faults.json'
    child = subprocess.Popen([sys.executable, ROOT / 'benchmarks' / 'faults.py', '--patient',
                              '--only', 'inputs_lost', '--json', found], start_new_session=True)
    try:
        child.wait(240)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    row = json.loads(found.read_text())['inputs_lost']
    assert row['outcome'].startswith('passed'), row
