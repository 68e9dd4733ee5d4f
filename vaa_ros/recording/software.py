# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Versions of what records, for the metadata of episodes and bags.
"""
from __future__ import annotations

import functools
from importlib import metadata
import os
import platform
import re

from vaa_ros import __version__

UNKNOWN = 'unknown'


@functools.lru_cache(maxsize=2)
def software_versions(middleware: str = '') -> dict[str, str]:
    """
    Tell what records here.

    :param middleware: the implementation that messages come through, as rclpy names it; empty for
        that of the environment.
    :return: versions of this package, Python, the bag library, the system, and of ROS and its
        middleware where the environment or installed packages tell them.
    """
    rmw = middleware or os.environ.get('RMW_IMPLEMENTATION', '')
    return {'vaa_ros': __version__, 'python': platform.python_version(),
            'mcap': metadata.version('mcap'),
            'system': f'{platform.system()} {platform.release()} {platform.machine()}',
            'ros_distro': ros_distro(), 'rclpy': _version('rclpy') or UNKNOWN,
            'rmw': f'{rmw} {_version(f"ros-{rmw}")}'.strip() if rmw else UNKNOWN}


@functools.lru_cache(maxsize=1)
def ros_distro() -> str:
    """
    Name the distribution of ROS: that of the environment, or of wheels that pip installed.

    :return: for example ``jazzy``; ``unknown`` where there is none.
    """
    return os.environ.get('ROS_DISTRO') or _distro_of_wheels() or UNKNOWN


def _distro_of_wheels() -> str:
    try:
        beside = metadata.distribution('ros-rclpy').locate_file('')
        names = os.listdir(str(beside))
    except (metadata.PackageNotFoundError, OSError):
        return ''
    # The names of the folders: to ask each package for its own takes half a second.
    found = sorted(match[1] for name in names
                   if (match := re.match(r'ros_([a-z]+)_rclpy-.*\.dist-info$', name)))
    return found[0] if len(found) == 1 else ''


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ''
