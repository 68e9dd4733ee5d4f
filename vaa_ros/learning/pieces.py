# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
One bag to the pieces of a dataset that it gives, each of which is kept by what it was made of.

A piece depends on the bytes of its bag and on how it is read, on nothing else: not on the other
bags, the order in which they are read, or how many processes do it. So it may be taken from an
earlier run, and the dataset is the same to the last byte.
"""
from __future__ import annotations

from collections.abc import Mapping
import contextlib
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
import json
import os
from pathlib import Path
import re
import shutil
import time
import zipfile

import numpy as np

from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import DatasetError
from vaa_ros.core.records import to_plain
from vaa_ros.core.spec import CameraSpec
from vaa_ros.learning.episodes import Episode
from vaa_ros.learning.episodes import make_episode
from vaa_ros.learning.episodes import note_rate
from vaa_ros.learning.plain_bags import note
from vaa_ros.learning.plain_bags import read_takes
from vaa_ros.learning.plain_bags import Take
from vaa_ros.learning.reading import Reading
from vaa_ros.learning.recorded_robot import other_robot
from vaa_ros.recording.bag_reader import bag_hash
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.episode import EpisodeMetadata

INDEX = 'index.json'
PIECE_NAME = r'[0-9a-f]{64}|\.[0-9a-f]{64}\.\d+'
"""What finished pieces are called, and those that are being made."""
STALE_S = 86400.0
"""Age at which an unfinished piece is one that was given up [s]."""


@dataclass(frozen=True)
class Piece:
    """
    One episode, its arrays in a file.

    :param file: a .npz file; None for an episode without frames.
    :param frames: frames in it.
    :param dropped: pictures that gave no frame, by reason.
    :param bad: messages left out, by reason.
    :param rule: the rule by which it was cut, '' for an episode of teleop_recorder.
    :param start_s: where it begins, from the start of the bag [s].
    :param stop_s: where it ends [s].
    :param by_arrival: whether times of arrival stood for stamps.
    """

    file: str
    frames: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    bad: Mapping[str, int] = field(default_factory=dict)
    rule: str = ''
    start_s: float = 0.0
    stop_s: float = 0.0
    by_arrival: bool = False

    @property
    def name(self) -> str:
        """Say where in its bag it lies, '' where it is all of it."""
        return f'{self.rule}, {self.start_s:.2f} to {self.stop_s:.2f} s' if self.rule else ''


@dataclass(frozen=True)
class Prepared:
    """
    What came of one bag.

    :param path: the bag.
    :param reading: how it was read.
    :param folder: where the files of its pieces are.
    :param sha256: hash of the bag.
    :param known: what vaa_ros recorded about it; None for a foreign bag.
    :param command_type: the command topic that was read.
    :param pieces: its episodes.
    :param notes: what is to be said of it; ``{bag}`` stands for its path.
    :param problem: why it gives nothing, '' if it does.
    :param unclear: whether the problem is that it is not clear which topic is what.
    :param failed: whether it was left out because it failed.
    :param cached: whether an earlier run had read it.
    """

    path: Path
    reading: Reading
    folder: Path = Path()
    sha256: str = ''
    known: EpisodeMetadata | None = None
    command_type: str = ''
    pieces: tuple[Piece, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ''
    unclear: bool = False
    failed: bool = False
    cached: bool = False

    def arrays(self, piece: Piece) -> dict[str, np.ndarray]:
        """
        Load the frames of a piece.
        """
        with np.load(self.folder / piece.file, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}


def prepare(path: Path, reading: Reading, store: Path) -> Prepared:
    """
    Read a bag, or find what an earlier run made of it.

    :param path: the bag.
    :param reading: how to read it.
    :param store: folder of pieces.
    :return: what came of it; a problem is told there.
    :raises DatasetError: if the folder of pieces cannot be written.
    """
    result = Prepared(path, reading)
    try:
        with BagReader(path) as bag:
            known = bag.metadata
            refused = reading.refuse(bag)
            if refused:
                return replace(result, problem=refused)
            if known is not None and known.success is False and not reading.include_failed:
                return replace(result, failed=True)
            sha256 = bag_hash(path)
            result = replace(result, folder=store / reading.key(sha256), sha256=sha256,
                             known=known)
            return load(result) or make(result, bag)
    except OSError as problem:  # reading gives a BagError
        raise DatasetError(f'cannot write {store}, the folder of what was read: '
                           f'{problem.strerror or problem}. Free some space there, or choose '
                           'another folder with --cache') from problem
    except (BagError, ConfigError) as problem:
        return replace(result, problem=str(problem).removeprefix(f'{path}: '),
                       unclear=isinstance(problem, ConfigError))


def make(result: Prepared, bag: BagReader) -> Prepared:
    """
    Read the episodes of a bag into files.

    :param result: how, and where to.
    :param bag: the open bag.
    :return: the same with its pieces.
    """
    reading, notes, pieces = result.reading, [], []
    partial = result.folder.with_name(f'.{result.folder.name}.{os.getpid()}')
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        note(notes, bag.path, reading.doubt(bag))
        note(notes, bag.path, other_robot(bag.metadata, reading.robot))
        for take in read_takes(bag, reading.robot, reading.cameras,
                               1.0 / reading.control_rate_hz, reading.command_type,
                               reading.plain, notes, reading.only_corrections):
            note_rate(take.streams, reading.control_rate_hz, notes)
            command_type = take.streams.command_type
            episode = make_episode(take.streams, reading.spec(command_type), reading.max_skew_s)
            pieces.append(write_piece(partial, len(pieces), episode, take, reading.cameras))
        told = {'command_type': command_type, 'pieces': to_plain(pieces), 'notes': [
            text.replace(str(bag.path), '{bag}') for text in notes]}
        (partial / INDEX).write_text(json.dumps(told), encoding='utf-8')
        if load(result) is None:  # a bag of the same content may have been read meanwhile
            shutil.rmtree(result.folder, ignore_errors=True)
            with contextlib.suppress(FileExistsError):
                os.rename(partial, result.folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return replace(result, command_type=command_type, pieces=tuple(pieces),
                   notes=tuple(told['notes']))


def write_piece(folder: Path, number: int, episode: Episode, take: Take,
                cameras: tuple[CameraSpec, ...]) -> Piece:
    """
    Write the frames of an episode.
    """
    count = len(episode.observations)
    piece = Piece(f'{number}.npz' if count else '', count, episode.dropped,
                  dict(take.streams.bad.most_common()), take.rule, take.start_s, take.stop_s,
                  take.streams.by_arrival)
    if count:
        np.savez(folder / piece.file, **episode_arrays(episode, cameras))
    return piece


def episode_arrays(episode: Episode, cameras: tuple[CameraSpec, ...]) -> dict[str, np.ndarray]:
    """
    Give the frames of an episode as arrays, by their names in a dataset.
    """
    items = episode.observations
    return {'state': np.stack([item.state for item in items]), 'action': episode.actions,
            'stamp': np.array([item.stamp_ns for item in items], np.int64),
            **{f'images_{camera.key}': np.stack([item.images[camera.key] for item in items])
               for camera in cameras}}


def load(result: Prepared) -> Prepared | None:
    """
    Find what an earlier run made of a bag.

    :param result: which bag, and where from.
    :return: the same with its pieces; None if they are not there, or damaged.
    """
    try:
        told = json.loads((result.folder / INDEX).read_text(encoding='utf-8'))
        pieces = tuple(Piece(**item) for item in told['pieces'])
        for piece in pieces:
            if piece.file:
                with zipfile.ZipFile(result.folder / piece.file) as file:
                    if file.testzip():
                        return None
        os.utime(result.folder)
        return replace(result, command_type=told['command_type'], pieces=pieces,
                       notes=tuple(told['notes']), cached=True)
    except Exception:  # a damaged file can raise nearly anything in a parser
        return None


def is_piece(folder: Path) -> bool:
    """
    Tell whether a folder is one of :func:`prepare`, finished or given up, by its name.
    """
    return re.fullmatch(PIECE_NAME, folder.name) is not None and folder.is_dir()


def prune(store: Path, most_bytes: int) -> None:
    """
    Remove the pieces that were not used for longest until the rest fits.

    :param store: folder of pieces; what is no piece stays, for people choose this folder.
    :param most_bytes: what they may take [bytes].
    """
    found = []
    for folder in filter(is_piece, store.iterdir()):
        try:
            used_s = folder.stat().st_mtime
            size = sum(file.stat().st_size for file in folder.iterdir())
        except OSError:
            continue  # another run removes it at this moment
        if folder.name.startswith('.'):
            if time.time() - used_s > STALE_S:
                shutil.rmtree(folder, ignore_errors=True)
        else:
            found.append((used_s, size, folder))
    left = sum(size for _, size, _ in found)
    for _, size, folder in sorted(found, key=lambda item: item[0]):
        if left <= most_bytes:
            return
        shutil.rmtree(folder, ignore_errors=True)
        left -= size
