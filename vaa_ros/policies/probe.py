# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Try a model out in a process of its own, which may crash, hang or be ended without harm.

ONNX Runtime is not made for models of strangers: a file of 200 bytes can ask for 160 GB or never
come back, and a crafted graph can end the process. So a model first runs in a child with limits.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import hashlib
import io
import json
import math
import os
from pathlib import Path
import signal
import subprocess
import sys
from typing import Any

import numpy as np

from vaa_ros.core.errors import ModelError
from vaa_ros.core.robot import robot_to_mapping
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import Observation

CHILD = 'vaa_ros.policies.probe_child'
ROOT = Path(__file__).resolve().parents[2]
ONE_THREAD = dict.fromkeys(('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'), '1')


@dataclass(frozen=True)
class ProbeLimits:
    """
    What a model may take while it is tried out.

    :param memory_mb: memory beyond that of the empty runtime [MiB].
    :param timeout_s: time, and processor time, for all of it [s].
    """

    memory_mb: float = 2048.0
    timeout_s: float = 30.0


@dataclass(frozen=True)
class ProbeReport:
    """
    What a model showed.

    :param name: the policy's name.
    :param answers: observations that it answered.
    :param mean_ms: processor time of an answer in the mean [ms].
    :param longest_ms: that of the longest [ms]; coarse on some computers.
    :param peak_mb: largest memory of the child [MiB].
    """

    name: str
    answers: int
    mean_ms: float
    longest_ms: float
    peak_mb: float


def probe(
    path: Path, data: bytes, limits: ProbeLimits, budget_s: float = 0.0,
    robot: RobotSpec | None = None, kind: str | None = None, running: PolicySpec | None = None,
    seen: Sequence[Observation] = (),
) -> ProbeReport:
    """
    Try a model file out in a child process.

    :param path: the ``.onnx`` file.
    :param data: its contents as they were read; the child takes no others.
    :param limits: what it may take.
    :param budget_s: longest answer in the mean [s]; 0 takes the policy's own control period.
    :param robot: the robot that it has to fit, or None.
    :param kind: the action kind that the commands carry, or None.
    :param running: spec of the policy that it shall take over from, or None.
    :param seen: observations of late, which it has to answer too where they fit.
    :return: what it showed.
    :raises ModelError: saying why it must not be used.
    """
    request = {
        'path': str(path.resolve()), 'sha256': hashlib.sha256(data).hexdigest(),
        'memory_bytes': round(limits.memory_mb * 2**20), 'cpu_s': math.ceil(limits.timeout_s),
        'budget_s': budget_s, 'robot': None if robot is None else robot_to_mapping(robot),
        'kind': kind, 'kinematics': robot is not None and bool(robot.urdf),
        'running': None if running is None else running.to_json()}
    found = run_child(json.dumps(request).encode() + b'\n' + pack(seen), path, limits)
    if 'problem' in found:
        raise ModelError(found['problem'])
    return ProbeReport(**found)


def run_child(request: bytes, path: Path, limits: ProbeLimits) -> dict[str, Any]:
    """
    Start the child, wait for its answer, and end it when none comes.

    :param request: what it reads.
    :param path: the model file, for errors.
    :param limits: how long to wait; how much memory it was given.
    :return: what it answered.
    :raises ModelError: if it ended without an answer, or was ended.
    """
    environment = {**os.environ, **ONE_THREAD, 'PYTHONDONTWRITEBYTECODE': '1'}
    # From its own folder: nothing that lies where the node was started is imported.
    with subprocess.Popen(
            [sys.executable, '-m', CHILD], cwd=ROOT, env=environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        try:
            out, errors = child.communicate(request, timeout=limits.timeout_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            raise ModelError(f'model {path} gave no answer within {limits.timeout_s:g} s of trial '
                             'and was ended; an endless loop, or much too large') from None
        finally:
            child.kill()
    lines = out.decode('utf-8', 'replace').splitlines()
    if child.returncode == 0 and lines:
        return json.loads(lines[-1])
    last = (errors.decode('utf-8', 'replace').strip().splitlines() or ['it said nothing'])[-1]
    raise ModelError(f'model {path} {_ending(child.returncode, limits)}; {last}')


def pack(seen: Sequence[Observation]) -> bytes:
    """
    Write observations as arrays (npz, nothing that could be code).

    :param seen: observations of the same cameras.
    :return: the file's contents; nothing for no observations.
    """
    if not seen:
        return b''
    stream = io.BytesIO()
    np.savez(stream, state=np.stack([each.state for each in seen]), **{
        f'image_{key}': np.stack([each.images[key] for each in seen]) for key in seen[0].images})
    return stream.getvalue()


def _ending(code: int, limits: ProbeLimits) -> str:
    if code == -signal.SIGXCPU:
        return f'used more than {limits.timeout_s:g} s of processor time and was ended'
    if code < 0:
        return (f'crashed on trial ({signal.Signals(-code).name}), perhaps for want of more than '
                f'{limits.memory_mb:g} MiB of memory')
    return f'ended the process of its trial (exit status {code})'
