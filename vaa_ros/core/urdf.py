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


def is_xml(text: str) -> bool:
    """
    Tell a URDF itself from the path of one.
    """
    return text.lstrip().startswith('<')


def read_urdf(path: Path) -> str:
    """
    Read a URDF file.

    :param path: the file, UTF-8.
    :return: the text.
    :raises SpecError: if it cannot be read.
    """
    try:
        return path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as problem:
        raise SpecError(f'cannot read the URDF {path}: {problem}') from problem


def parse_limits(text: str, where: str) -> dict[str, UrdfLimits]:
    """
    Read the limits of every joint that moves: the stricter of ``limit`` and ``safety_controller``.

    :param text: the URDF, such as the parameter ``robot_description`` holds. A document type is
        refused before anything is parsed: no URDF needs one, and entities are how XML does harm.
    :param where: where it came from, for messages.
    :return: limits by joint name; a continuous joint has a speed limit alone.
    :raises SpecError: if it is no URDF, or a limit is no number.
    """
    if '<!' in text.replace('<!--', '').replace('<![CDATA[', ''):
        raise SpecError(f'{where} declares a document type or entities (<!...>), expected plain '
                        'XML: a URDF needs neither')
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as problem:
        raise SpecError(f'cannot read the URDF {where}: {problem}') from problem
    if root.tag != 'robot':
        raise SpecError(f'{where} is no URDF: its root is <{root.tag}>, expected <robot>')
    return {joint.get('name', ''): _limits(joint, where) for joint in root.findall('joint')
            if joint.get('type') in ('revolute', 'continuous', 'prismatic')}


def _limits(joint: ElementTree.Element, where: str) -> UrdfLimits:
    turning = joint.get('type') == 'continuous'
    try:
        hard = _numbers(joint.find('limit'), ('lower', 'upper', 'velocity'))
        soft = _numbers(joint.find('safety_controller'),
                        ('soft_lower_limit', 'soft_upper_limit'))
    except ValueError as problem:
        raise SpecError(f'{where}: limit of joint {joint.get("name")}: {problem}') from problem
    velocity = hard.get('velocity', math.inf)
    if turning:
        return UrdfLimits(velocity=velocity)
    return UrdfLimits(
        max(hard.get('lower', -math.inf), soft.get('soft_lower_limit', -math.inf)),
        min(hard.get('upper', math.inf), soft.get('soft_upper_limit', math.inf)), velocity)


def _numbers(element: ElementTree.Element | None, names: tuple[str, ...]) -> dict[str, float]:
    """
    Give the attributes that are there as numbers.
    """
    if element is None:
        return {}
    values = {name: float(element.attrib[name]) for name in names if name in element.attrib}
    for name, value in values.items():
        if math.isnan(value):
            raise ValueError(f'{name} is nan, expected a number')
    return values
