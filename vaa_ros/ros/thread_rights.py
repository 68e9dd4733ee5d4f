# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A thread that comes before others: real-time priority, and a CPU of its own.
"""
from __future__ import annotations

import os
import threading


def favour(thread: threading.Thread, priority: int, cpu: int) -> list[str]:
    """
    Give a running thread its priority and its CPU, as far as the system lets.

    :param thread: the thread.
    :param priority: real-time priority (``SCHED_FIFO``), 1 to 99; 0 leaves it as it is.
    :param cpu: the CPU to stay on; below 0 leaves it free.
    :return: what could not be done, why, and what to do about it.
    """
    problems = []
    if priority > 0:
        try:
            os.sched_setscheduler(
                thread.native_id, os.SCHED_FIFO, os.sched_param(priority))
        except OSError as error:
            problems.append(
                f'the thread {thread.name!r} goes on without real-time priority {priority}: '
                f'{error.strerror}. Allow it (`ulimit -r {priority}`, or the line '
                f'"{user_name()} - rtprio {priority}" in /etc/security/limits.conf and a new '
                'login; in a container `--cap-add SYS_NICE`), or set realtime_priority to 0')
    if cpu >= 0:
        try:
            os.sched_setaffinity(thread.native_id, {cpu})
        except OSError as error:
            problems.append(
                f'the thread {thread.name!r} stays on any CPU: CPU {cpu}: {error.strerror}. '
                f'This process may use {", ".join(map(str, sorted(os.sched_getaffinity(0))))}; '
                'set control_cpu to one of them, or to -1')
    return problems


def user_name() -> str:
    """
    Give the name of who runs this, or a number where there is no name.
    """
    import pwd
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
