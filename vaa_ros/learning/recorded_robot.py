# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The robot that a recording names and describes, beside the one that it is read as.
"""
from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields
import itertools
from pathlib import Path

from vaa_ros.core.errors import VaaError
from vaa_ros.core.robot import JointSpec
from vaa_ros.core.robot import load_robot
from vaa_ros.core.robot import robot_from_mapping
from vaa_ros.core.robot import robot_names
from vaa_ros.core.robot import RobotSpec
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.messages import JOINT_STATE
from vaa_ros.recording.recorded_spec import robot_name

LOOKED_AT = 100
"""Joint states that tell which joints a bag has."""


def recorded_robot(bags: Iterable[Path]) -> RobotSpec | None:
    """
    Give the robot that the first bag names which names one.

    :param bags: bags, also such as cannot be read.
    :return: the robot of that name, or where there is none, as the bag describes it; None where
        no bag does.
    """
    for path in bags:
        with suppress(VaaError), BagReader(path) as bag:
            known = bag.metadata
            if known is None or not robot_name(known):
                continue
            if robot_name(known) in robot_names():
                return load_robot(robot_name(known))
            return robot_from_mapping(known.spec.get('robot'), f'{path}: spec.robot')
    return None


def refuse_robot(bag: BagReader, robot: RobotSpec, given: bool) -> str:
    """
    Say why a bag of another robot cannot be read as one of this, '' if it can.

    :param bag: an open bag that names its robot, or none.
    :param robot: the robot that it is read as.
    :param given: whether people say so: then its joints must be there, whatever it is called.
    """
    name = robot_name(bag.metadata) if bag.metadata is not None else ''
    if not name or name == robot.name:
        return ''
    told = f'recorded with robot {name!r}, not {robot.name!r}'
    if not given:
        return f'{told}: say --robot {name}, or the file of that robot'
    found = joints_in(bag)
    if set(robot.joint_names) <= set(found):
        return ''
    return (f'{told}: its joint states have {", ".join(found) or "no joints"}, expected '
            f'{", ".join(robot.joint_names)}')


def joints_in(bag: BagReader) -> list[str]:
    """
    List the joints that the first joint states of a bag name.
    """
    topics = [topic for topic, kind in bag.topics.items()
              if kind == JOINT_STATE and bag.counts.get(topic)]
    read = itertools.islice(bag.messages(topics), LOOKED_AT) if topics else ()
    return list(dict.fromkeys(name for _, _, message in read for name in message.name))


def other_robot(known: EpisodeMetadata | None, robot: RobotSpec) -> str:
    """
    Say in what a robot differs from the one that was recorded, '' for nothing.

    :param known: what was recorded; None for a foreign bag.
    :param robot: the robot that the bag is read as.
    :return: the other name, or the first joint or limit that differs.
    """
    name = robot_name(known) if known is not None else ''
    if name and name != robot.name:
        return f'recorded with robot {name!r}, and read as {robot.name!r}, as was asked for'
    try:
        before = robot_from_mapping(known.spec['robot'], 'spec') if known is not None else robot
    except (VaaError, KeyError, TypeError, ValueError):  # people may have changed it
        return ''
    if before.joint_names != robot.joint_names:
        return (f'{robot.name} had the joints {", ".join(before.joint_names)} when it was '
                f'recorded; it is read as one of {", ".join(robot.joint_names)}')
    for was, now in zip(before.joints, robot.joints, strict=True):
        for item in fields(JointSpec):
            if getattr(was, item.name) != getattr(now, item.name):
                return (f'{item.name} of {now.name} was {getattr(was, item.name)} when '
                        f'{robot.name} was recorded, and is {getattr(now, item.name)} now: it '
                        'is read as the robot is now')
    return ''
