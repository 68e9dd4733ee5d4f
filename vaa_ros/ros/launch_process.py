# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The bond between ``ros2 launch`` and the nodes that it started: they end with it.

Launch ends its nodes when it is interrupted. When it is killed, by SIGTERM too, it leaves them
behind, and a policy would command the arm on with nobody at the terminal to stop it.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
import signal
import sys

LAUNCH_VARIABLE = 'VAA_ROS_LAUNCH_PID'
"""Environment variable with the process id of launch, set by the launch files."""
_PR_SET_PDEATHSIG = 1


def end_with_launch() -> bool:
    """
    Have this process get SIGTERM when the launch that started it dies; Linux only.

    A process that something stands between, such as a debugger as launch prefix, is left alone.

    :return: false if launch is gone already.
    """
    launch = os.environ.get(LAUNCH_VARIABLE)
    if launch is None or sys.platform != 'linux':
        return True
    if str(os.getppid()) != launch:
        return Path('/proc', launch).exists()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    return str(os.getppid()) == launch  # It may have died before the kernel knew of our wish.
