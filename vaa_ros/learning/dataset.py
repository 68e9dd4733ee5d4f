# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Recorded episodes to a dataset folder.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

import vaa_ros
from vaa_ros.core.chunking import align_signs
from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import DatasetError
from vaa_ros.core.errors import unknown_name
from vaa_ros.core.instructions import distinct
from vaa_ros.core.robot import load_robot
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import COMMAND_KINDS
from vaa_ros.core.spec import PolicySpec
from vaa_ros.learning.bag_streams import BagStreams
from vaa_ros.learning.corrections import CORRECTIONS
from vaa_ros.learning.episodes import Episode
from vaa_ros.learning.episodes import make_episode
from vaa_ros.learning.episodes import note_rate
from vaa_ros.learning.frames import DATASET_VERSION
from vaa_ros.learning.frames import DESCRIPTION
from vaa_ros.learning.frames import HELD_OUT
from vaa_ros.learning.frames import TRAIN
from vaa_ros.learning.npy_stream import column_statistics
from vaa_ros.learning.npy_stream import NpyStream
from vaa_ros.learning.plain_bags import PlainOptions
from vaa_ros.learning.plain_bags import read_takes
from vaa_ros.learning.plain_bags import Take
from vaa_ros.learning.whole_folder import whole_folder
from vaa_ros.recording.bag_reader import bag_hash
from vaa_ros.recording.bag_reader import list_episodes

POLICY_SIZE = (128, 96)
FEWEST_FRAMES = 8


@dataclass(frozen=True)
class DatasetOptions:
    """
    What to make of the bags.

    :param robot: name of the robot.
    :param task: learn only from episodes of this task; None takes the only one there is.
    :param command_type: command topic to learn from; None takes the one in the bags.
    :param cameras: camera keys, or None for those of the robot.
    :param size: width and height of the pictures [px].
    :param control_rate_hz: rate of actions [Hz].
    :param chunk_length: actions in a chunk.
    :param held_out: fraction of the episodes that training does not see.
    :param include_failed: also learn from episodes that failed.
    :param include_policy: also learn from episodes that a policy drove.
    :param only: ``corrections`` leaves out what no person did while a policy ran; None for all.
    :param max_skew_s: largest distance in time of two cameras' frames [s].
    :param plain: what to make of bags that teleop_recorder did not write.
    """

    robot: str = 'vaa_arm'
    task: str | None = None
    command_type: str | None = None
    cameras: tuple[str, ...] | None = None
    size: tuple[int, int] = POLICY_SIZE
    control_rate_hz: float = 30.0
    chunk_length: int = 24
    held_out: float = 0.08
    include_failed: bool = False
    include_policy: bool = False
    only: str | None = None
    max_skew_s: float = 0.016
    plain: PlainOptions = field(default_factory=PlainOptions)

    def __post_init__(self) -> None:
        if not 0 <= self.held_out < 1:
            raise ValueError(f'held_out is {self.held_out}, expected a fraction of the episodes, '
                             '0 to below 1')
        if self.only not in (None, CORRECTIONS):
            raise unknown_name('part to learn from', self.only, (CORRECTIONS,))


@dataclass(frozen=True)
class DatasetResult:
    """
    What came of a build.

    :param folder: the dataset folder.
    :param episodes: episodes in it.
    :param held_out: how many of them are held out.
    :param frames: frames in it.
    :param failed: episodes left out because they failed.
    :param skipped: bags left out, with the reason.
    :param dropped_frames: frames without command, at the ends of episodes or in gaps.
    :param bad_messages: messages that could not be used.
    :param notes: a line for each plain bag: how it was cut, and what stood for what.
    """

    folder: Path
    episodes: int
    held_out: int
    frames: int
    failed: int
    skipped: list[tuple[Path, str]]
    dropped_frames: int
    bad_messages: int
    notes: list[str] = field(default_factory=list)


def build_dataset(bags: str | Path | Sequence[str | Path], output: str | Path,
                  options: DatasetOptions | None = None, overwrite: bool = False,
                  on_bag: Callable[[int, int, Path], None] | None = None) -> DatasetResult:
    """
    Make a dataset folder from bags; it appears whole or not at all.

    :param bags: a folder of episodes, a bag, or several of these.
    :param output: the folder to write.
    :param options: what to make of them.
    :param overwrite: replace an existing dataset.
    :param on_bag: called before each bag with its number, their count and its path.
    :return: what came of it.
    :raises BagError: if a folder does not exist or holds no bags.
    :raises DatasetError: if nothing usable is left, episodes do not fit together, or the folder
        cannot be written.
    """
    options = options or DatasetOptions()
    target = Path(output)
    with whole_folder(target, DESCRIPTION if overwrite else None) as partial:
        found: list[Path] = []
        skipped: list[tuple[Path, str]] = []
        for folder in [bags] if isinstance(bags, (str, Path)) else bags:
            good, bad = list_episodes(folder)
            found += good
            skipped += bad
        builder = Builder(options, partial, skipped)
        for number, path in enumerate(found):
            if on_bag is not None:
                on_bag(number, len(found), path)
            builder.add(path)
        return builder.finish(target)


class Builder:
    """
    Writes episodes one by one.

    :param options: what to make of the bags.
    :param folder: where to write.
    :param skipped: bags left out so far; more are added.
    """

    def __init__(self, options: DatasetOptions, folder: Path,
                 skipped: list[tuple[Path, str]]) -> None:
        self.options, self.folder, self.skipped = options, folder, skipped
        self.robot = load_robot(options.robot)
        self.spec: PolicySpec | None = None
        self.command_type = options.command_type
        if self.command_type is not None and self.command_type not in COMMAND_KINDS:
            raise unknown_name('command type', self.command_type, COMMAND_KINDS)
        self.cameras = tuple(CameraSpec(key, *options.size)
                             for key in options.cameras or options.plain.mapping.cameras
                             or self.robot.cameras)
        self.episodes: list[dict[str, Any]] = []
        self.failed = self.dropped = self.bad = self.frames = 0
        self.notes: list[str] = []
        self._hashes: dict[Path, str] = {}
        self._out: dict[str, NpyStream] = {}
        self._reference: np.ndarray | None = None

    def add(self, path: Path) -> None:
        """
        Add the episodes of a bag, or note why not.

        :param path: the bag.
        :raises DatasetError: if one does not fit those before it.
        :raises ConfigError: if it is not clear which topic is what.
        """
        try:
            for take in read_takes(path, self.robot, self.cameras, self._dt_s, self.command_type,
                                   self.options.plain, self.notes, bool(self.options.only)):
                self._add(path, take)
        except BagError as problem:
            self.skipped.append((path, str(problem)))

    def _add(self, path: Path, take: Take) -> None:
        streams = take.streams
        reason = self._refuse(take)
        if reason:
            self.skipped.append((path, reason))
            return
        known = streams.metadata
        if known is not None and known.success is False and not self.options.include_failed:
            self.failed += 1
            return
        spec = self.spec_for(path, streams)
        self.bad += streams.bad.total()
        note_rate(streams, self.options.control_rate_hz, self.notes)
        self.keep(path, make_episode(streams, spec, self.options.max_skew_s), take, spec)

    def keep(self, path: Path, episode: Episode, take: Take, spec: PolicySpec) -> None:
        """
        Write an episode, or note that it is too short.

        :param path: where it comes from.
        :param episode: its frames.
        :param take: what else is known of it.
        :param spec: what the policy sees and does.
        """
        self.dropped += episode.dropped
        if len(episode.observations) < FEWEST_FRAMES:
            where = f'{take.name}: ' if take.name else ''
            bad = take.streams.bad
            why = f'; {bad.most_common(1)[0][0]}' if bad else ''
            self.skipped.append((path, f'{where}only {len(episode.observations)} frames have both '
                                 f'an observation and a command, at least {FEWEST_FRAMES} are '
                                 f'needed{why}'))
            return
        self.spec, self.command_type = spec, take.streams.command_type
        self._write(path, episode, take)

    def finish(self, target: Path) -> DatasetResult:
        """
        Write the description.

        :param target: the name that the folder will have.
        :return: what came of it.
        :raises DatasetError: if there is no episode.
        """
        for stream in self._out.values():
            stream.close()
        if not self.episodes:
            reasons = '; '.join(f'{path}: {reason}' for path, reason in self.skipped[:5])
            failed = f'{self.failed} failed episodes were left out. ' if self.failed else ''
            raise DatasetError(f'no usable episode, nothing written to {target}. {failed}'
                               f'{reasons}')
        count = len(self.episodes)
        held = min(count - 1, max(1, round(self.options.held_out * count))) \
            if self.options.held_out > 0 else 0
        for number in range(held):
            self.episodes[int((number + 0.5) * count / held)]['split'] = HELD_OUT
        instructions = distinct(item['instruction'] for item in self.episodes)
        self.spec = replace(self.spec, instructions=instructions, provenance={
            'episodes': count, 'frames': self.frames, 'seeds': [
                item['seed'] for item in self.episodes],
            'bags_sha256': hashlib.sha256(''.join(
                item['sha256'] for item in self.episodes).encode()).hexdigest()})
        description = {
            'version': DATASET_VERSION, 'vaa_version': vaa_ros.__version__,
            'command_type': self.command_type, 'spec': self.spec.to_dict(),
            'episodes': self.episodes, 'failed': self.failed,
            'skipped': [[str(path), reason] for path, reason in self.skipped],
            'notes': self.notes,
            'normalisation': {name: column_statistics(self.folder / f'{name}.npy')
                              for name in ('state', 'action')}}
        (self.folder / DESCRIPTION).write_text(json.dumps(description, indent=1),
                                               encoding='utf-8')
        return DatasetResult(target, count, held, self.frames, self.failed, self.skipped,
                             self.dropped, self.bad, self.notes)

    @property
    def _dt_s(self) -> float:
        return 1.0 / self.options.control_rate_hz

    def _refuse(self, take: Take) -> str:
        """
        Say why an episode is not to be learned from, '' if it is.
        """
        known = take.streams.metadata
        if known is None:
            return ''
        if known.robot and known.robot != self.robot.name:
            return f'recorded with robot {known.robot!r}, not {self.robot.name!r}'
        if self.options.task is not None and known.task != self.options.task:
            return f'task {known.task!r}, not {self.options.task!r}'
        if known.policy and take.rule != CORRECTIONS and not self.options.include_policy:
            return f'driven by policy {known.policy!r}, no demonstration'
        return ''

    def spec_for(self, path: Path, streams: BagStreams) -> PolicySpec:
        """
        Give the spec of the dataset with an episode in it.

        :param path: where the episode comes from.
        :param streams: what is known of it.
        :return: the spec.
        :raises DatasetError: if the task is not that of the episodes before.
        """
        known, options = streams.metadata, self.options
        task = known.task if known is not None else options.task or options.plain.mapping.task
        if self.spec is None:
            kind = COMMAND_KINDS[streams.command_type]
            return PolicySpec(
                name=task or 'policy', task=task, robot=self.robot.name, cameras=self.cameras,
                joints=self.robot.joints, action=ActionSpec.for_robot(kind, self.robot),
                control_rate_hz=options.control_rate_hz, chunk_length=options.chunk_length,
                base_frame=self.robot.base_frame,
                end_effector_frame=self.robot.end_effector_frame)
        if task != self.spec.task:
            raise DatasetError(f'{path}: task {task!r}, the episodes before it have '
                               f'{self.spec.task!r}; choose one task')
        return self.spec

    def _write(self, path: Path, episode: Episode, take: Take) -> None:
        actions = episode.actions
        if self.spec.action.kind == 'end_effector_pose':
            # q and -q are one rotation: keep all of them in one hemisphere.
            if self._reference is None:
                self._reference = actions[0, 3:7].copy()
            align_signs(actions[:, 3:7], self._reference)
        count = len(episode.observations)
        arrays = {
            'state': np.stack([item.state for item in episode.observations]),
            'action': actions.astype(np.float32),
            'stamp': np.array([item.stamp_ns for item in episode.observations], np.int64),
            'episode': np.full(count, len(self.episodes), np.int32)}
        for camera in self.cameras:
            arrays[f'images_{camera.key}'] = np.stack(
                [item.images[camera.key] for item in episode.observations])
        for name, array in arrays.items():
            if name not in self._out:
                self._out[name] = NpyStream(self.folder / f'{name}.npy', array.dtype,
                                            array.shape[1:])
            self._out[name].append(array)
        known = take.streams.metadata
        self.frames += count
        if path not in self._hashes:
            self._hashes[path] = bag_hash(path)
        facts = {'bag': str(path), 'sha256': self._hashes[path], 'frames': count, 'split': TRAIN,
                 'task': self.spec.task, 'instruction': self.options.plain.mapping.instruction,
                 'seed': None, 'success': None}
        if known is not None:
            facts |= {'instruction': known.instruction, 'seed': known.seed,
                      'success': known.success}
        if take.rule:
            facts['cut'] = {'rule': take.rule, 'start_s': take.start_s, 'stop_s': take.stop_s}
        self.episodes.append(facts)
