# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What ``vaa inspect`` shows of one recording: what is known of it, its verdict, robot, topics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

from vaa_ros.cli.output import table
from vaa_ros.core.errors import VaaError

if TYPE_CHECKING:
    from vaa_ros.recording.bag_reader import BagReader
    from vaa_ros.recording.verdict import Limits

HIDDEN = ('counts', 'dropped', 'spec', 'software', 'active_policy', 'verdict')
"""What is not shown of an episode's metadata as one line each."""
EMPTY = ('', '{}', 'false')
"""Values that say nothing: no policy, not broken off, pictures as they came."""
UNITS = {'_s': 's', '_ms': 'ms', '_hz': 'Hz', '_share': 'of 1', 'messages': 'messages',
         'unreadable': 'messages'}
"""The unit of a figure by the end of its name."""


def show_episode(path: Path, limits: Mapping[str, Limits] | None,
                 contact_sheet: Path | None) -> Mapping[str, object]:
    """
    Print what a recording holds.

    :param path: the bag.
    :param limits: thresholds to judge it anew by; None shows the verdict that was recorded.
    :param contact_sheet: where to draw pictures of it; None for nowhere.
    :return: the same for machines.
    """
    from vaa_ros.cli.contact_sheet import draw_sheet
    from vaa_ros.cli.contact_sheet import film_strips
    from vaa_ros.recording.bag_reader import BagReader
    with BagReader(path) as bag:
        seconds, metadata, verdict = bag.seconds, bag.metadata, verdict_of(bag, limits)
        if contact_sheet is not None:
            draw_sheet(contact_sheet, [(row_of(bag, verdict), film_strips(bag))])
        topics = [(topic, kind, bag.counts.get(topic, 0))
                  for topic, kind in sorted(bag.topics.items())]
    facts = metadata.to_custom_data() if metadata is not None else {}
    spec = dict(metadata.spec) if metadata is not None else {}
    shown = {key: value for key, value in facts.items()
             if key not in HIDDEN and (value not in EMPTY or key == 'success')}
    print(table([('bag', str(path)), ('length', f'{seconds:.1f} s'), *shown.items()]))
    if metadata is None:
        print('(no vaa_ros metadata: recorded by something else)')
    _print_verdict(verdict)
    if spec:
        print()
        _robot(spec)
    print()
    print(table([(*topic, topic[2] / seconds if seconds > 0 else None) for topic in topics],
                header=('topic', 'type', 'messages', 'per second')))
    return {'kind': 'episode', 'path': path, 'seconds': seconds, 'metadata': facts, 'spec': spec,
            'verdict': verdict,
            'active_policy': dict(metadata.active_policy) if metadata is not None else {},
            'topics': [dict(zip(('topic', 'type', 'messages'), topic, strict=True))
                       for topic in topics]}


def row_of(bag: BagReader, verdict: Mapping[str, Any]) -> dict[str, Any]:
    """
    Give what a table and a contact sheet tell of an episode.
    """
    known = bag.metadata
    return {
        'episode': bag.path.name, 'task': known.task if known else None,
        'seed': known.seed if known else None, 'success': known.success if known else None,
        'operator': known.operator if known else None, 'seconds': round(bag.seconds, 2),
        'messages': sum(bag.counts.values()),
        'dropped': sum(known.dropped.values()) if known else None,
        'verdict': verdict.get('judgement'),
        'reasons': [*aside_of(bag), *verdict.get('reasons', [])]}


def aside_of(bag: BagReader) -> list[str]:
    """
    Say why an episode is not learned from by its own word; empty if it is.
    """
    known = bag.metadata
    if known is None:
        return []
    return ([f'broken off: {known.aborted}'] if known.aborted else []) + (
        ['thrown away'] if known.discarded else [])


def verdict_of(bag: BagReader, limits: Mapping[str, Limits] | None) -> Mapping[str, Any]:
    """
    Give the verdict on a bag as it was recorded, or anew by thresholds.
    """
    from vaa_ros.recording.episode import EpisodeMetadata
    known = bag.metadata or EpisodeMetadata()
    if limits is None:
        return known.verdict
    from vaa_ros.recording.take import take_of
    from vaa_ros.recording.take_figures import figures_of
    from vaa_ros.recording.verdict import judge
    take = take_of(bag.topics, bag.raw_messages())
    return judge(figures_of(take, known, _required(bag)), limits).to_mapping()


def _required(bag: BagReader) -> list[str]:
    """Say which topics a recording of ours must have: an arm led by hand has no commands."""
    from vaa_ros.recording.image_encoder import topic_in_bag
    from vaa_ros.recording.messages import JOINT_STATE
    from vaa_ros.recording.recorded_spec import camera_topics_of
    from vaa_ros.recording.recorded_spec import topics_told
    known = bag.metadata
    if known is None or not isinstance(known.spec.get('cameras'), Mapping):
        return []
    named = list(topics_told(known.spec).values()) or [
        topic for topic in bag.topics
        if topic.rsplit('/', 1)[-1] in ('joint_states', known.command_type)]
    if JOINT_STATE not in bag.topics.values():
        named.append('/joint_states')
    cameras = [topic_in_bag(topic, bag.counts) for topic in camera_topics_of(known.spec).values()]
    return list(dict.fromkeys([*cameras, *named]))


def _print_verdict(verdict: Mapping[str, Any]) -> None:
    if not verdict:
        print('(not judged when it was recorded: --judge does it now)')
        return
    print()
    print('; '.join([f'verdict: {verdict.get("judgement")}', *verdict.get('reasons', ())]))
    print(table([(name, subject, value, unit_of(name))
                 for name, values in verdict.get('figures', {}).items()
                 for subject, value in values.items()], header=('figure', 'of', 'value', 'unit')))


def unit_of(figure: str) -> str:
    """
    Give the unit of a figure of a verdict.
    """
    if figure == 'jerk':
        return 'rad/s^3 or m/s^3'
    return next((unit for end, unit in UNITS.items() if figure.endswith(end)), '')


def _robot(spec: Mapping[str, Any]) -> None:
    """Print what the robot of an episode was."""
    from vaa_ros.core.robot import robot_from_mapping
    try:
        robot = robot_from_mapping(spec['robot'], 'custom_data: spec')
        cameras = ', '.join(f'{name} ({topic})' for name, topic in spec['cameras'].items())
        rate_hz = float(spec['control_rate_hz'])
    except (VaaError, KeyError, TypeError, ValueError, AttributeError) as error:
        print(f'(its description of the robot cannot be read: {error!r})')
        return
    print(table([('cameras', cameras or 'none'),
                 ('control rate', f'{rate_hz:g} Hz' if rate_hz else 'unknown')]))
    print()
    print(table([(joint.name, joint.unit, joint.lower, joint.upper, joint.velocity,
                  joint.acceleration) for joint in robot.joints],
                header=('joint', 'unit', 'lower', 'upper', 'per s', 'per s2')))
