# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Run one module as a child process that cannot outlive the command that started it.

``python -m vaa_ros.cli.child PARENT_PID MODULE [ARGUMENT ...]``
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import runpy
import signal
import sys
import termios

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Ask the kernel for SIGTERM at the parent's death, then become the module."""
    parent, module = int(arguments[0]), arguments[1]
    if sys.platform == 'linux':
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        return  # the parent died before the kernel knew of our wish
    if os.isatty(0) and os.getsid(0) == os.getpid():
        # A terminal that was made for this child becomes its own, so that it may read keys.
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # A shell starts background jobs with SIGINT ignored, which children inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = [module, *arguments[2:]]
    runpy.run_module(module, run_name='__main__', alter_sys=True)


if __name__ == '__main__':
    main(sys.argv[1:])
