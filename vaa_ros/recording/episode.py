# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Episodes on disk: what is known of one, and where the next one goes.

``<output>/episode_000012`` is a finished demonstration. While it is written its name ends in
``.partial``; ``discarded/`` and ``aborted/`` beside it hold what must not be learned from.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
import json
import os
from pathlib import Path
import re
import shutil
import tempfile
from typing import Any

from vaa_ros.core.errors import BagError
from vaa_ros.core.robot import robot_to_mapping
from vaa_ros.core.robot import RobotSpec
from vaa_ros.recording.verdict import Verdict

PARTIAL_SUFFIX = '.partial'
DISCARDED = 'discarded'
ABORTED = 'aborted'
_NAME = re.compile(r'episode_(\d+)(\.partial)?')
_UNKNOWN = 'unknown'
_JSON = 'an object in JSON'
_EXPECTED = {'success': 'true, false or unknown', 'teacher': 'true or false',
             'discarded': 'true or false',
             'seed': 'a whole number or unknown',
             'started_ns': 'a whole number', 'stopped_ns': 'a whole number',
             'counts': 'an object of whole numbers in JSON',
             'dropped': 'an object of whole numbers in JSON',
             **dict.fromkeys(('spec', 'software', 'active_policy', 'verdict',
                              'image_compression'), _JSON)}


@dataclass(frozen=True)
class EpisodeMetadata:
    """
    What is known of an episode besides its messages.

    :param task: name of the task.
    :param instruction: what was asked for, in words.
    :param seed: seed of the scene, or None where there is none.
    :param success: verdict of the operator, or None while there is none.
    :param operator: who or what drove the arm.
    :param robot: name of the robot.
    :param command_type: topic of the commands, for example ``joint_trajectory``.
    :param policy: the policy that drove the arm, empty for a demonstration by a person or expert.
    :param teacher: whether that policy was asked to demonstrate, so that others learn from it.
    :param started_ns: wall-clock time of the start [ns].
    :param stopped_ns: by the same clock as the messages, as ``started_ns`` then is, when it was
        stopped; 0 where nobody stopped it [ns].
    :param vaa_version: version of vaa_ros that recorded it.
    :param software: versions of what recorded it, by name (:mod:`vaa_ros.recording.software`).
    :param active_policy: name, path and SHA-256 of the policy that a policy node had loaded at
        the start, whether or not it drove the arm; empty where there was none.
    :param verdict: whether the take is worth keeping, as judgement, reasons and figures
        (:mod:`vaa_ros.recording.verdict`); empty where nobody judged.
    :param aborted: why the recording broke off, empty if it did not.
    :param discarded: whether it was thrown away, and must not be learned from.
    :param counts: messages written by topic.
    :param dropped: messages that are not in the bag by topic: lost on their way to the recorder,
        or dropped because the disk was too slow.
    :param image_compression: how raw pictures are stored: ``format``, ``quality`` of JPEG, and in
        ``raw`` the topics, with the reason, of pictures that are stored as they came; empty where
        all are.
    :param spec: what the robot was (:func:`recording_spec`); empty in bags from before there was
        one.
    """

    task: str = ''
    instruction: str = ''
    seed: int | None = None
    success: bool | None = None
    operator: str = ''
    robot: str = ''
    command_type: str = ''
    policy: str = ''
    teacher: bool = False
    started_ns: int = 0
    stopped_ns: int = 0
    vaa_version: str = ''
    aborted: str = ''
    discarded: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    software: Mapping[str, str] = field(default_factory=dict)
    active_policy: Mapping[str, str] = field(default_factory=dict)
    verdict: Mapping[str, Any] = field(default_factory=dict)
    image_compression: Mapping[str, Any] = field(default_factory=dict)

    def to_custom_data(self) -> dict[str, str]:
        """
        Give the strings that go into ``custom_data`` of metadata.yaml.

        :return: one string per field.
        """
        return {item.name: _to_text(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def from_custom_data(cls, data: Mapping[str, str]) -> EpisodeMetadata:
        """
        Read what :meth:`to_custom_data` wrote; keys of others are ignored.

        :param data: ``custom_data`` of a bag.
        :return: the metadata.
        :raises BagError: if a value cannot be read.
        """
        values = {}
        for item in fields(cls):
            if item.name not in data:
                continue
            text = custom_text(data[item.name])
            try:
                values[item.name] = _from_text(item.name, text)
            except (ValueError, TypeError, OverflowError, RecursionError):
                raise BagError(f'custom_data: {item.name} is {text!r}, which cannot be read; '
                               f'expected {_EXPECTED[item.name]}') from None
        return cls(**values)


@dataclass(frozen=True)
class RecordedEpisode:
    """
    What became of an episode.

    :param path: where it is now.
    :param seconds: time from its first to its last message [s].
    :param counts: messages written by topic.
    :param dropped: messages that are not in the bag by topic: lost on their way to the recorder,
        or dropped because the disk was too slow.
    :param verdict: whether the take is worth keeping; None where nobody judged.
    :param warning: what is doubtful about it though it is complete; empty for nothing.
    :param success: verdict of the operator; None for one that was discarded or aborted.
    :param aborted: why it was broken off; empty if it was not.
    """

    path: Path
    seconds: float
    counts: Mapping[str, int]
    dropped: Mapping[str, int]
    verdict: Verdict | None = None
    warning: str = ''
    success: bool | None = None
    aborted: str = ''

    @property
    def messages(self) -> int:
        """Give the number of messages written."""
        return sum(self.counts.values())

    def to_json(self) -> str:
        """
        Describe the episode in one line for people and programs.

        :return: JSON with path, seconds, messages and dropped, with verdict and reasons where
            somebody judged, and with warning where there is one.
        """
        judged = {} if self.verdict is None else {
            'verdict': self.verdict.judgement, 'reasons': list(self.verdict.reasons)}
        if self.warning:
            judged['warning'] = self.warning
        return json.dumps({'path': str(self.path), 'seconds': round(self.seconds, 3),
                           'messages': self.messages, 'dropped': sum(self.dropped.values()),
                           **judged})


def recording_spec(robot: RobotSpec, cameras: Mapping[str, str], command_type: str,
                   control_rate_hz: float,
                   topics: Mapping[str, str] | None = None) -> dict[str, Any]:
    """
    Describe a robot for the metadata, so that a bag can be read whatever its file says later.

    :param robot: joints with units and limits, gripper, frames, workspace.
    :param cameras: topic of each camera that is recorded.
    :param command_type: topic of the commands, by its name in the ROS interface.
    :param control_rate_hz: rate of the commands, 0 where it is not known [Hz].
    :param topics: topic of ``joint_states``, ``commands`` and ``gripper``, where there is one.
    :return: a mapping that JSON can hold; ``robot`` is what ``config/robots`` holds.
    """
    return {'robot': robot_to_mapping(robot), 'cameras': dict(cameras),
            'command_type': command_type, 'control_rate_hz': float(control_rate_hz),
            'topics': dict(topics or {})}


def next_episode_dir(output_dir: Path) -> Path:
    """
    Name the next episode, after every number that was ever used in the folder.

    :param output_dir: folder of the episodes; may not exist yet.
    :return: a path that does not exist.
    """
    used = [-1]
    for folder in (output_dir, output_dir / DISCARDED, output_dir / ABORTED):
        for path in folder.glob('episode_*'):
            match = _NAME.match(path.name)
            if match:
                used.append(int(match.group(1)))
    return output_dir / f'episode_{max(used) + 1:06d}'


def check_output_dir(output_dir: Path, min_free_bytes: int = 0) -> None:
    """
    Make sure that episodes can be written, and make the folder.

    :param output_dir: folder of the episodes.
    :param min_free_bytes: space that must be free [bytes].
    :raises BagError: if the folder cannot be made or written to, or the disk is nearly full.
    """
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output_dir):
            pass
    except OSError as error:
        raise BagError(f'cannot write to {output_dir}: {error.strerror or error}. Choose another '
                       'output_dir, or give this user permission to write there') from error
    check_free_space(output_dir, min_free_bytes)


def check_free_space(folder: Path, min_free_bytes: int) -> None:
    """
    Make sure that there is room on the disk of a folder.

    :param folder: the folder.
    :param min_free_bytes: space that must be free [bytes].
    :raises BagError: if there is less.
    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise BagError(f'{folder}: the free space of its disk is not known: '
                       f'{error.strerror or error}') from error
    if free < min_free_bytes:
        raise BagError(f'{folder}: {free / 1e9:.2f} GB free on the disk, expected at least '
                       f'{min_free_bytes / 1e9:.2f} GB. Free some space, choose another '
                       'output_dir, or lower min_free_gb')


def move_aside(bag: Path, folder: str) -> Path:
    """
    Move a bag out of the demonstrations, into a folder beside them, or give it its name there.

    :param bag: the episode's folder.
    :param folder: ``discarded``, ``aborted``, or empty for where it is.
    :return: where it is now.
    :raises BagError: if it cannot be moved; what is there is not overwritten.
    """
    target = bag.parent / folder / bag.name.removesuffix(PARTIAL_SUFFIX)
    try:
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            raise FileExistsError(f'{target} exists, and is not overwritten')
        os.rename(bag, target)
    except OSError as error:
        raise BagError(f'cannot move {bag} to {target}: {error}') from error
    return target


def custom_text(value: object) -> str:
    """
    Give a value of ``custom_data`` as the text that it was.

    Texts that are also values of YAML (``true``, ``12``) come as these where somebody, or a tool
    of rosbag2, wrote them without quotes.

    :param value: what a YAML reader made of it.
    """
    if value is None:
        return ''
    if isinstance(value, Mapping | list):
        return json.dumps(value, default=str, skipkeys=True)
    return _to_text(value)


def _to_text(value: object) -> str:
    if value is None:
        return _UNKNOWN
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, Mapping):
        return json.dumps(dict(value), sort_keys=True)
    return str(value)


def _from_text(name: str, text: str) -> object:
    if name in ('seed', 'success') and text in (_UNKNOWN, ''):
        return None
    if name in ('seed', 'started_ns', 'stopped_ns'):
        return int(text)
    if name in ('success', 'teacher', 'discarded'):
        if text not in ('true', 'false'):
            raise ValueError(text)
        return text == 'true'
    if name in ('counts', 'dropped'):
        values = json.loads(text)
        return {str(topic): int(count) for topic, count in dict(values).items()}
    if _EXPECTED.get(name) == _JSON:
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError(text)
        return values
    return text
