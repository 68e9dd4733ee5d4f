# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Recorded episodes to a dataset folder.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
import shutil
from typing import Any

import numpy as np

from vaa_ros.core.blending import align_signs
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import DatasetError
from vaa_ros.core.errors import unknown_name
from vaa_ros.core.robot import DEFAULT_ROBOT
from vaa_ros.core.robot import load_robot
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import COMMAND_KINDS
from vaa_ros.core.spec import PolicySpec
from vaa_ros.learning.bag_workers import read_bags
from vaa_ros.learning.corrections import CORRECTIONS
from vaa_ros.learning.dataset_files import describe
from vaa_ros.learning.dataset_files import hold_out
from vaa_ros.learning.dataset_files import origin
from vaa_ros.learning.dataset_result import by_topic
from vaa_ros.learning.dataset_result import DatasetResult
from vaa_ros.learning.episodes import Episode
from vaa_ros.learning.frames import chunk_table
from vaa_ros.learning.frames import DESCRIPTION
from vaa_ros.learning.frames import TRAIN
from vaa_ros.learning.npy_stream import NpyStream
from vaa_ros.learning.pieces import episode_arrays
from vaa_ros.learning.pieces import prepare
from vaa_ros.learning.pieces import Prepared
from vaa_ros.learning.pieces import prune
from vaa_ros.learning.plain_bags import PlainOptions
from vaa_ros.learning.plain_bags import Take
from vaa_ros.learning.reading import Reading
from vaa_ros.learning.recorded_robot import recorded_robot
from vaa_ros.learning.unshown import unshown_steps
from vaa_ros.learning.whole_folder import whole_folder
from vaa_ros.recording.bag_folders import find_bags
from vaa_ros.recording.bag_reader import bag_hash
from vaa_ros.recording.episode import EpisodeMetadata

POLICY_SIZE = (128, 96)
FEWEST_FRAMES = 8
CACHE_BYTES = 20 * 1024**3
"""What the cache of pieces may take; those used longest ago go first [bytes]."""


@dataclass(frozen=True)
class DatasetOptions:
    """
    What to make of the bags.

    :param robot: name of the robot, or its file; None for the one that the bags name.
    :param task: learn only from episodes of this task; None takes the only one there is.
    :param command_type: command topic to learn from; None takes the one in the bags.
    :param cameras: camera keys, or None for those of the robot.
    :param size: width and height of the pictures [px].
    :param control_rate_hz: rate of actions [Hz].
    :param chunk_length: actions in a chunk.
    :param held_out: fraction of the recordings that training does not see.
    :param include_failed: also learn from episodes that failed, were broken off or were thrown
        away.
    :param include_policy: also learn from episodes that a policy drove.
    :param only: ``corrections`` leaves out what no person did while a policy ran; None for all.
    :param max_skew_s: largest distance in time of two cameras' frames [s].
    :param plain: what people say of the bags: which topic is what, and how plain ones are cut.
    """

    robot: str | None = None
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
            raise ValueError(f'held_out is {self.held_out}, expected a fraction, 0 to below '
                             '1')
        if self.only not in (None, CORRECTIONS):
            raise unknown_name('part to learn from', self.only, (CORRECTIONS,))


def build_dataset(bags: str | Path | Sequence[str | Path], output: str | Path,
                  options: DatasetOptions | None = None, overwrite: bool = False,
                  on_bag: Callable[[int, int, Path], None] | None = None, workers: int = 1,
                  cache: Path | None = None) -> DatasetResult:
    """
    Make a dataset folder from bags; it appears whole or not at all.

    The same bags and options give the same bytes, whatever ``workers`` and ``cache`` are.

    :param bags: a folder of episodes, a bag, or several of these.
    :param output: the folder to write.
    :param options: what to make of them.
    :param overwrite: replace an existing dataset.
    :param on_bag: called before each bag with its number, their count and its path.
    :param workers: processes that read bags; 1 reads in this one.
    :param cache: folder of what was read, by content: what is there is not read again. None keeps
        nothing.
    :return: what came of it.
    :raises BagError: if a folder does not exist or holds no bags.
    :raises DatasetError: if nothing usable is left, episodes do not fit together, or the folder
        cannot be written.
    """
    options = options or DatasetOptions()
    target = Path(output)
    with whole_folder(target, DESCRIPTION if overwrite else None) as partial:
        skipped: list[tuple[Path, str]] = []
        found = [path for folder in ([bags] if isinstance(bags, (str, Path)) else bags)
                 for path in find_bags(folder, skipped)]
        builder = Builder(options, partial, skipped,
                          None if options.robot else recorded_robot(found))
        store = cache or partial / 'pieces'
        store.mkdir(parents=True, exist_ok=True)
        pieces = read_bags(found, builder.reading(), store, workers)
        with contextlib.closing(pieces):
            for number, path in enumerate(found):
                if on_bag is not None:
                    on_bag(number, len(found), path)
                builder.add(next(pieces))
        if cache is None:
            shutil.rmtree(store)
        else:
            prune(cache, CACHE_BYTES)
        return builder.finish(target)


class Builder:
    """
    Writes episodes one by one.

    :param options: what to make of the bags.
    :param folder: where to write.
    :param skipped: bags left out so far; more are added.
    :param robot: the robot, where the options name none.
    """

    def __init__(self, options: DatasetOptions, folder: Path, skipped: list[tuple[Path, str]],
                 robot: RobotSpec | None = None) -> None:
        self.options, self.folder, self.skipped = options, folder, skipped
        self.robot = robot or load_robot(options.robot or DEFAULT_ROBOT)
        self.spec: PolicySpec | None = None
        self.command_type = options.command_type
        if self.command_type is not None and self.command_type not in COMMAND_KINDS:
            raise unknown_name('command type', self.command_type, COMMAND_KINDS)
        self.cameras = tuple(CameraSpec(key, *options.size)
                             for key in options.cameras or options.plain.mapping.cameras
                             or self.robot.cameras)
        self.episodes: list[dict[str, Any]] = []
        self.failed = self.frames = 0
        self.dropped, self.bad = Counter[str](), Counter[str]()
        self.notes: list[str] = []
        self._hashes: dict[Path, str] = {}
        self._out: dict[str, NpyStream] = {}
        self._reference: np.ndarray | None = None

    def reading(self) -> Reading:
        """
        Say how bags are to be read.
        """
        options = self.options
        return Reading(self.robot, self.cameras, options.control_rate_hz, options.max_skew_s,
                       self.command_type, options.plain, options.task, options.include_failed,
                       options.include_policy, options.only == CORRECTIONS,
                       options.robot is not None)

    def add(self, found: Prepared) -> None:
        """
        Add the episodes of a bag, or note why not.

        :param found: what came of the bag.
        :raises DatasetError: if one does not fit those before it.
        :raises ConfigError: if it is not clear which topic is what.
        """
        told, asked = found.command_type, found.reading.command_type
        if self.command_type and not asked and (
                found.unclear or told and told != self.command_type):
            # The episodes before it say which commands are learned from.
            found = prepare(found.path, self.reading(), found.folder.parent)
        if found.unclear:
            raise ConfigError(f'{found.path}: {found.problem}')
        self.failed += found.failed
        if found.problem:
            self.skipped.append((found.path, found.problem))
        for text in found.notes:
            text = text.replace('{bag}', str(found.path))
            if text not in self.notes:
                self.notes.append(text)
        for piece in found.pieces:
            spec = self.spec_for(found.path, found.known, found.command_type)
            self.bad.update(piece.bad)
            self.dropped.update(piece.dropped)
            if piece.frames < FEWEST_FRAMES:
                why = [f'{item.topic}: {item.reason}' for item in by_topic(piece.bad)]
                self._skip_short(found.path, piece.frames, piece.name, why or piece.dropped)
                continue
            self.spec, self.command_type = spec, found.command_type
            facts = {'sha256': found.sha256}
            if piece.rule:
                facts['cut'] = {'rule': piece.rule, 'start_s': piece.start_s,
                                'stop_s': piece.stop_s}
            if piece.by_arrival:
                facts['clock'] = 'arrival'
            self._write(found.path, found.arrays(piece), found.known, facts)

    def keep(self, path: Path, episode: Episode, take: Take, spec: PolicySpec,
             part: int | None = None, cut_from: str = '') -> None:
        """
        Write an episode that does not come from a bag, or note that it is too short.

        :param path: where it comes from.
        :param episode: its frames.
        :param take: what else is known of it.
        :param spec: what the policy sees and does.
        :param part: its number in there, where many recordings come from one place.
        :param cut_from: the recording that it was cut from before, where that is known.
        """
        self.dropped.update(episode.dropped)
        if len(episode.observations) < FEWEST_FRAMES:
            self._skip_short(path, len(episode.observations), take.name, ())
            return
        self.spec, self.command_type = spec, take.streams.command_type
        if path not in self._hashes:
            self._hashes[path] = bag_hash(path)
        self._write(path, episode_arrays(episode, self.cameras), take.streams.metadata,
                    {'sha256': self._hashes[path]} | ({} if part is None else {'part': part})
                    | ({'cut_from': cut_from} if cut_from else {}))

    def _skip_short(self, path: Path, frames: int, name: str, why: Iterable[str]) -> None:
        self.skipped.append((path, f'{name}{": " if name else ""}only {frames} frames have both '
                             f'an observation and a command, at least {FEWEST_FRAMES} are '
                             f'needed{"".join(f"; {text}" for text in why)}'))

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
        held = hold_out(self.episodes, self.options.held_out)
        if not held and self.options.held_out and count > 1:
            self.notes.append('nothing is held out: no recording can be spared')
        stamp, episode = (np.load(self.folder / f'{name}.npy') for name in ('stamp', 'episode'))
        unshown = unshown_steps(stamp, episode, chunk_table(
            stamp, episode, self.spec.dt_s, self.spec.chunk_length)[1], self.spec)
        self.notes += [unshown] if unshown else []
        self.spec = describe(self.folder, self.spec, self.command_type, self.episodes, {
            'failed': self.failed, 'notes': self.notes,
            'skipped': [[str(path), reason] for path, reason in self.skipped]})
        return DatasetResult(target, count, held, self.frames, self.failed, self.skipped,
                             self.dropped, self.bad, self.notes)

    def spec_for(self, path: Path, known: EpisodeMetadata | None,
                 command_type: str) -> PolicySpec:
        """
        Give the spec of the dataset with an episode in it.

        :param path: where the episode comes from.
        :param known: what was recorded about it.
        :param command_type: the command topic's name in the ROS interface.
        :return: the spec.
        :raises DatasetError: if the task is not that of the episodes before.
        """
        options = self.options
        task = known.task if known is not None else options.task or ''
        task = task or options.plain.mapping.task
        if self.spec is None:
            return self.reading().spec(command_type, task, options.chunk_length)
        if task != self.spec.task:
            raise DatasetError(f'{path}: task {task!r}, the episodes before it have '
                               f'{self.spec.task!r}; choose one task')
        return self.spec

    def _write(self, path: Path, arrays: Mapping[str, np.ndarray],
               known: EpisodeMetadata | None, facts: Mapping[str, Any]) -> None:
        actions, count = arrays['action'], len(arrays['action'])
        if self.spec.action.kind == 'end_effector_pose':
            # q and -q are one rotation: keep all of them in one hemisphere.
            if self._reference is None:
                self._reference = actions[0, 3:7].copy()
            align_signs(actions[:, 3:7], self._reference)
        arrays = {**arrays, 'action': actions.astype(np.float32),
                  'episode': np.full(count, len(self.episodes), np.int32)}
        for name, array in arrays.items():
            if name not in self._out:
                self._out[name] = NpyStream(self.folder / f'{name}.npy', array.dtype,
                                            array.shape[1:])
            self._out[name].append(array)
        self.frames += count
        told = {'bag': str(path), 'sha256': '', 'frames': count, 'split': TRAIN,
                'task': self.spec.task, 'instruction': self.options.plain.mapping.instruction,
                'seed': None, 'success': None}
        if known is not None:
            told |= {'instruction': self._instruction(path, known), 'seed': known.seed,
                     'success': known.success, **origin(known)}
        self.episodes.append({**told, **facts})

    def _instruction(self, path: Path, known: EpisodeMetadata) -> str:
        asked = self.options.plain.mapping.instruction
        if asked and known.instruction not in ('', asked):
            text = f'{path}: its instruction was {known.instruction!r}; what was given stands now'
            self.notes += [] if text in self.notes else [text]
        return asked or known.instruction
