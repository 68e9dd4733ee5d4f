# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The process in which a model runs before it may run beside an arm; started by ``probe.py``.

Whatever the model does, it does it here: with little memory, for a limited time, at the lowest
priority, without a file that it could write. A line of JSON on standard input says what to try,
observations (npz) may follow; a line of JSON on standard output says what came of it.
"""
from __future__ import annotations

from dataclasses import replace
import hashlib
import io
import json
import os
from pathlib import Path
import resource
import signal
import sys
import time
from typing import Any

import numpy as np

from vaa_ros.core.errors import ModelError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.robot import robot_from_mapping
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import Observation
from vaa_ros.policies.base import Policy
from vaa_ros.policies.base import synthetic_observations
from vaa_ros.policies.onnx_file import read_model_bytes
from vaa_ros.policies.onnx_policy import OnnxPolicy
from vaa_ros.policies.onnx_policy import runtime_version
from vaa_ros.policies.opening import check_takeover
from vaa_ros.policies.opening import in_joint_space
from vaa_ros.policies.slot import answer
from vaa_ros.policies.slot import check_chunk
from vaa_ros.policies.slot import check_kind

NICE = 10
RANDOM = 20
WARM_UP = 2
MAX_INSTRUCTIONS = 16


def limit(memory_bytes: int, cpu_s: int) -> None:
    """
    Take away what a model has no use for.

    :param memory_bytes: address space beyond what the empty runtime has [bytes].
    :param cpu_s: processor time from now on [s].
    """
    pages = int(Path('/proc/self/statm').read_text(encoding='ascii').split()[0])
    space = pages * os.sysconf('SC_PAGE_SIZE') + memory_bytes
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + cpu_s + 1
    for kind, value in ((resource.RLIMIT_AS, space), (resource.RLIMIT_CPU, seconds),
                        (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        resource.setrlimit(kind, (value, value))
    # Should the process that waits for this one be gone, nobody ends it but itself.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(2 * cpu_s + 60)


def trial_observations(spec: PolicySpec, stored: bytes) -> list[Observation]:
    """
    Give what to show a model: what was seen lately, and what never is.

    :param spec: what the policy sees.
    :param stored: observations of :func:`~vaa_ros.policies.probe.pack`, or nothing.
    :return: for every instruction black, white and noise; random ones; the stored ones that fit.
    """
    found = [replace(each, instruction=text)
             for text in (spec.instructions or ('',))[:MAX_INSTRUCTIONS]
             for each in synthetic_observations(spec)]
    random = np.random.default_rng(0)
    lower = np.array([joint.lower for joint in spec.joints])
    upper = np.array([joint.upper for joint in spec.joints])
    asked = spec.instructions[0] if spec.instructions else ''
    for index in range(RANDOM):
        noise = synthetic_observations(spec, seed=1 + index)[-1]
        found.append(replace(noise, state=random.uniform(lower, upper).astype(np.float32),
                             instruction=asked))
    if not stored:
        return found
    with np.load(io.BytesIO(stored), allow_pickle=False) as arrays:
        shapes = {key: (len(arrays['state']), height, width, 3) for key, height, width in
                  ((camera.key, camera.height, camera.width) for camera in spec.cameras)}
        if any(arrays.get(f'image_{key}', np.empty(0)).shape != shape
               for key, shape in shapes.items()):
            return found
        images = {key: arrays[f'image_{key}'] for key in shapes}
        return found + [
            Observation(index, {key: each[index] for key, each in images.items()}, state,
                        instruction=asked) for index, state in enumerate(arrays['state'])]


def try_out(policy: Policy, observations: list[Observation], budget_s: float) -> dict[str, Any]:
    """
    Ask a policy about every observation.

    :param policy: the policy.
    :param observations: what to show it.
    :param budget_s: the longest that an answer may take in the mean [s].
    :return: how many answers, mean and longest processor time of one [ms].
    :raises VaaError: if an answer is not what the spec promises, or takes too long.
    """
    times_s: list[float] = []
    counted = len(observations) - WARM_UP
    for number, observation in enumerate(observations):
        # Processor time: what the neighbours on a busy computer take is not the model's fault.
        # Its clock is coarse on some computers, so that only the sum is told exactly.
        start_s = time.process_time()
        chunk = answer(policy, observation)
        check_chunk(policy, chunk)
        if number >= WARM_UP:
            times_s.append(time.process_time() - start_s)
        if sum(times_s) > counted * budget_s:
            mean_ms = 1e3 * sum(times_s) / len(times_s)
            raise ModelError(f'policy {policy.spec.name!r} needs {mean_ms:.1f} ms for an answer, '
                             f'the limit is {budget_s * 1e3:.1f} ms; use a smaller model or a '
                             'lower control rate')
    return {'answers': len(observations), 'mean_ms': 1e3 * sum(times_s) / counted,
            'longest_ms': 1e3 * max(times_s)}


def examine(wanted: dict[str, Any], stored: bytes) -> dict[str, Any]:
    """
    Load a model and try it out.

    :param wanted: the request of :func:`~vaa_ros.policies.probe.probe`.
    :param stored: observations to show it, or nothing.
    :return: what came of it.
    :raises VaaError: saying why the model must not be used.
    """
    path = Path(wanted['path'])
    data = read_model_bytes(path)
    if hashlib.sha256(data).hexdigest() != wanted['sha256']:
        raise ModelError(f'model {path} changed while it was read; load it when it is complete')
    policy = OnnxPolicy(path, data=data)
    if wanted['robot'] is not None:
        policy.spec.check_robot(robot_from_mapping(wanted['robot'], 'the robot'))
    # What is brought to joint space by inverse kinematics is judged as that, by who does it.
    converted = wanted['kinematics'] and in_joint_space(policy.spec, wanted['kind'])
    if not converted:
        check_kind(policy, wanted['kind'])
    if wanted['running'] is not None and not converted:
        check_takeover(PolicySpec.from_json(wanted['running'], 'the running policy'), policy.spec)
    budget_s = wanted['budget_s'] or policy.spec.dt_s
    found = try_out(policy, trial_observations(policy.spec, stored), budget_s)
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {**found, 'name': policy.spec.name, 'peak_mb': peak_kib / 1024}


def main() -> None:
    """
    Read the request, and answer it.
    """
    # Not os.nice: who starts this may come before ordinary processes, which is not for a trial.
    os.setpriority(os.PRIO_PROCESS, 0, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    wanted = json.loads(sys.stdin.buffer.readline())
    stored = sys.stdin.buffer.read()
    # Before the limits, which are for the model.
    runtime_version()
    limit(wanted['memory_bytes'], wanted['cpu_s'])
    try:
        found = examine(wanted, stored)
    except VaaError as problem:
        found = {'problem': str(problem)}
    except MemoryError:
        found = {'problem': f'model {wanted["path"]} needs more than the '
                            f'{wanted["memory_bytes"] / 2**20:.0f} MiB of memory allowed'}
    sys.stdout.write(json.dumps(found) + '\n')


if __name__ == '__main__':
    main()
