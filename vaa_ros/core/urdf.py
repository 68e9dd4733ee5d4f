# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a URDF says about joints, without any library of ROS.
"""
from __future__ import annotations

from dataclasses import dataclass
import math
import os
from pathlib import Path
from xml.etree import ElementTree

from vaa_ros.core.errors import SpecError

PACKAGE_SCHEME = 'package://'


@dataclass(frozen=True)
class UrdfLimits:
    """
    The limits of a joint; infinite where the URDF names none.

    :param lower: lowest position [rad or m].
    :param upper: highest position [rad or m].
    :param velocity: highest speed [rad/s or m/s].
    """

    lower: float = -math.inf
    upper: float = math.inf
    velocity: float = math.inf


def urdf_path(text: str, folder: Path) -> Path:
    """
    Find a URDF file.

    :param text: a path, or ``package://<package>/<path>`` of a ROS package that is sourced.
    :param folder: what a relative path starts from.
    :return: the absolute path.
    :raises SpecError: if there is no such file or package; lists where it was looked for.
    """
    if text.startswith(PACKAGE_SCHEME):
        package, _, inside = text.removeprefix(PACKAGE_SCHEME).partition('/')
        prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
        places = [Path(prefix, 'share', package, inside) for prefix in prefixes if prefix]
    else:
        places = [folder / Path(text).expanduser()]
    for place in places:
        if place.is_file():
            return place.resolve()
    looked = ', '.join(map(str, places)) or 'nothing: no ROS workspace is sourced'
    raise SpecError(f'no URDF {text}; looked at {looked}. A .xacro file is made a URDF by: xacro '
                    'FILE.xacro > FILE.urdf')


def read_limits(path: Path) -> dict[str, UrdfLimits]:
    """
    Read the limits of every joint that moves.

    :param path: the URDF file.
    :return: limits by joint name; a continuous joint has a speed limit alone.
    :raises SpecError: if it is no URDF, or a limit is no number.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as problem:
        raise SpecError(f'cannot read the URDF {path}: {problem}') from problem
    if root.tag != 'robot':
        raise SpecError(f'{path} is no URDF: its root is <{root.tag}>, expected <robot>')
    return {joint.get('name', ''): _limits(joint, path) for joint in root.findall('joint')
            if joint.get('type') in ('revolute', 'continuous', 'prismatic')}


def _limits(joint: ElementTree.Element, path: Path) -> UrdfLimits:
    given = joint.find('limit')
    if given is None:
        return UrdfLimits()
    names = ('velocity',) if joint.get('type') == 'continuous' else ('lower', 'upper', 'velocity')
    try:
        values = {name: float(given.get(name, 'nan')) for name in names}
    except ValueError as problem:
        raise SpecError(f'{path}: limit of joint {joint.get("name")}: {problem}') from problem
    return UrdfLimits(**{name: value for name, value in values.items() if not math.isnan(value)})
