# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The faults of system clocks that faults.py tries: libfaketime sets that of a driver's process.

Monotonic clocks stay as they are, as they do when a person or NTP sets the clock of a computer. It
needs ``faketime`` and a C compiler. The clocks of the policy node and its guard are left alone.

Imported by it; it does nothing by itself.
"""
from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
import os
from pathlib import Path
import subprocess
import time

from bench import not_installed
from fault_inputs import Fault
from fault_inputs import MOVES
from fault_inputs import Seen
from fault_observer import NS
from fault_rig import Rig
from fault_rig import rig as plain_rig

TOOLS = 'cc', 'faketime'
ROLES = ('arm', 'cameras')
AHEAD_S = 3600
SLEEP = """
#define _GNU_SOURCE
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until,
                    struct timespec *left)
{
    return syscall(SYS_clock_nanosleep, clock, flags, until, left) ? errno : 0;
}
"""
"""In place of that of libfaketime 0.9.10, which fails until a time of the monotonic clock that it
is told to leave alone, and with it Python's time.sleep."""


def library() -> str:
    """
    Give what the loader has to load before the C library.
    """
    return subprocess.run(['faketime', '-m', '-f', '+0', 'printenv', 'LD_PRELOAD'],
                          capture_output=True, text=True, check=True).stdout.strip()


def missing() -> str:
    """
    Say what is missing for these faults, nothing where they can be tried.
    """
    if absent := not_installed(TOOLS):
        return absent
    try:
        return '' if library() else 'faketime loads no library'
    except subprocess.CalledProcessError as error:
        return f'faketime: {error.stderr.strip()}'


class Clocks:
    """
    The clock of every process.

    :param folder: for the files that say how far each is ahead.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        sleep = folder / 'sleep.so'
        subprocess.run(['cc', '-shared', '-fPIC', '-x', 'c', '-', '-o', sleep], input=SLEEP,
                       text=True, check=True)
        self._libraries = f'{sleep}:{library()}'
        self.set(0, *ROLES)

    def _file(self, role: str) -> Path:
        return self._folder / f'{role}.clock'

    def set(self, ahead_s: float, *roles: str) -> int:
        """
        Set clocks to so much ahead of the true time [s]; gives when [ns].
        """
        for role in roles:
            new = self._file(role).with_suffix('.new')
            new.write_text(f'{ahead_s:+g}s\n')
            os.replace(new, self._file(role))
        return time.monotonic_ns()

    def before(self, role: str) -> list[str]:
        """
        Give the command that runs a role with a clock of its own.
        """
        return [] if role not in ROLES else [
            'env', f'LD_PRELOAD={self._libraries}', 'FAKETIME_NO_CACHE=1',
            'FAKETIME_DONT_FAKE_MONOTONIC=1', f'FAKETIME_TIMESTAMP_FILE={self._file(role)}']


class ClockRig(Rig):
    """
    The same with clocks that can be set.
    """

    clocks: Clocks


@contextmanager
def rig(folder: Path, patient: bool = False) -> Iterator[ClockRig]:
    """
    Run the processes with clocks of their own, and end them.

    :param folder: where the models are.
    :param patient: whether the computer may be so busy that everything is late.
    """
    clocks = Clocks(folder)
    with plain_rig(folder, patient, clocks.before) as made:
        made.clocks = clocks
        yield made


def clock_set(rig: ClockRig, role: str, ahead_s: float, match: str) -> Seen:
    """
    Set the clock of one process: the arm holds, and goes on once it is right again.
    """
    at_ns = rig.clocks.set(ahead_s, role)
    try:
        hold_ns, reason = rig.hears.said('holding', at_ns, match)
        rig.still(hold_ns + NS // 10)
        rig.hears.said('holding', time.monotonic_ns())
    finally:
        mended_ns = rig.clocks.set(0, role)
    rig.hears.said(MOVES, mended_ns)
    rig.moving()
    return Seen(f'held: {reason}', (hold_ns - at_ns) / NS)


WRONG = 'hold, say why, go on when it is right'


def one(name: str, who: str, role: str, ahead_s: float, match: str) -> Fault:
    """
    Make a fault of one process's clock.
    """
    way = 'forward' if ahead_s > 0 else 'back'
    return Fault(name, f'the clock of {who} set {way} by an hour, and right again', WRONG,
                 partial(clock_set, role=role, ahead_s=ahead_s, match=match))


FAULTS = (
    one('cameras_clock_forward', 'the cameras', 'cameras', AHEAD_S, 'set forward|future'),
    one('cameras_clock_back', 'the cameras', 'cameras', -AHEAD_S, 'set back|stale'),
    one('arm_clock_forward', 'the arm\'s driver', 'arm', AHEAD_S, 'set forward|future'),
    one('arm_clock_back', 'the arm\'s driver', 'arm', -AHEAD_S, 'set back|stale'),
)


if __name__ == '__main__':
    argparse.ArgumentParser(description=__doc__).parse_args()
