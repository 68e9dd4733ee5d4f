# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A thread that comes before others: real-time priority, and a CPU of its own.
"""
from __future__ import annotations

from contextlib import suppress
import os
from pathlib import Path
import threading

OTHERS_NICE = -10
"""Of the process's other threads: one that holds the interpreter shall not wait for the system."""


def favour(thread: threading.Thread, priority: int, cpu: int) -> list[str]:
    """
    Give a running thread its priority and its CPU, as far as the system lets.

    With a priority the process's other threads come before those of other processes, too: Python
    runs one thread at a time, and the thread would wait for one of them that waits for a CPU.

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
            problems += hasten_others(thread)
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


def hasten_others(thread: threading.Thread) -> list[str]:
    """
    Let the other threads of this process come before ordinary ones, as far as the system lets.

    Those that were told to come after ordinary ones, as a policy's in shadow, stay there.

    :param thread: the one that is left out.
    :return: what could not be done, and what to do about it.
    """
    try:
        for task in Path('/proc/self/task').iterdir():
            # One that has just ended needs nothing. Linux takes a thread's id, setpriority(2).
            with suppress(ProcessLookupError):
                if int(task.name) != thread.native_id and (
                        os.getpriority(os.PRIO_PROCESS, int(task.name)) <= 0):
                    os.setpriority(os.PRIO_PROCESS, int(task.name), OTHERS_NICE)
    except OSError as error:
        return [f'the other threads of this process go on without nice {OTHERS_NICE}, and the '
                f'thread {thread.name!r} may have to wait for them: {error.strerror}. Allow it '
                f'(the line "{user_name()} - nice {OTHERS_NICE}" in /etc/security/limits.conf and '
                'a new login)']
    return []


def user_name() -> str:
    """
    Give the name of who runs this, or a number where there is no name.
    """
    import pwd
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
