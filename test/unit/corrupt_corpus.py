# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Damaged recordings, and what became of each: for the tests, and for benchmarks/corrupt_bags.py.

Bits are flipped, pieces cut out, overwritten or swapped, lengths made huge, YAML values replaced,
and messages hold what their types do not promise. Every damage follows from its seed.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
import random
import shutil

from learning_bags import make_bag
from learning_bags import NAMES
from learning_bags import tick_messages
import numpy as np
from plain_sessions import TOPICS
from plain_sessions import write_plain
import yaml

from vaa_ros.core.errors import VaaError
from vaa_ros.learning.cutting import Cutting
from vaa_ros.learning.dataset import build_dataset
from vaa_ros.learning.dataset import DatasetOptions
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.plain_bags import PlainOptions
from vaa_ros.recording import messages

OPTIONS = DatasetOptions(size=(16, 12), chunk_length=4, task='reach',
                         plain=PlainOptions(cutting=Cutting('whole')))
FRAMES = 12
Stream = list[tuple[str, int, bytes]]
CHECKED = ('own',)
"""Kinds of recordings whose bytes have check sums; in others a changed pixel is just a pixel."""


def frames_of(seed: int = 0) -> Stream:
    return [item for tick in range(FRAMES) for item in tick_messages(seed, tick)]


SOURCES: dict[str, Callable[[Path], Path]] = {
    'own': lambda path: make_bag(path, frames=FRAMES),
    'mcap': lambda path: write_plain(path, frames_of()),
    'storage': lambda path: write_plain(path, frames_of(), compression='storage'),
    'sqlite3': lambda path: write_plain(path, frames_of(), 'sqlite3'),
    'message': lambda path: write_plain(path, frames_of(), compression='message'),
    'file': lambda path: write_plain(path, frames_of(), 'sqlite3', 'file')}
"""Sound recordings of the same messages."""


def flip(data: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data


def cut(data: bytearray, chance: random.Random) -> bytearray:
    return data[:chance.randrange(len(data))]


def cut_out(data: bytearray, chance: random.Random) -> bytearray:
    start = chance.randrange(len(data))
    del data[start:start + chance.choice((1, 7, 64, 4096))]
    return data


def overwrite(data: bytearray, chance: random.Random) -> bytearray:
    start, size = chance.randrange(len(data)), chance.choice((16, 512, 4096))
    filling = chance.choice((bytes(size), b'\xff' * size, chance.randbytes(size)))
    data[start:start + size] = filling[:len(data) - start]
    return data


def huge_length(data: bytearray, chance: random.Random) -> bytearray:
    start, size = chance.randrange(len(data) - 8), chance.choice((4, 8))
    data[start:start + size] = chance.choice((
        b'\xff' * size, (1 << 30).to_bytes(size, 'little'), (1 << 31).to_bytes(size, 'little')))
    return data


def swap(data: bytearray, chance: random.Random) -> bytearray:
    size = min(chance.choice((8, 256, 2048)), len(data) // 2)
    one, two = (chance.randrange(len(data) - size) for _ in range(2))
    data[one:one + size], data[two:two + size] = data[two:two + size], data[one:one + size]
    return data


def append(data: bytearray, chance: random.Random) -> bytearray:
    return data + chance.randbytes(chance.choice((1, 100, 5000)))


BYTES = (flip, flip, flip, cut, cut_out, overwrite, huge_length, swap, append)
SCALARS = (None, -1, 2**70, 1e308, '', 'x', [], {}, True, [1, 2], '\x00', '../../etc/passwd')


def damage_yaml(file: Path, chance: random.Random) -> None:
    """Replace one value, however deep it lies, by one of another type."""
    tree = yaml.safe_load(file.read_text())
    node, key = tree, 'rosbag2_bagfile_information'
    while isinstance(node[key], (dict, list)) and node[key] and chance.random() < 0.9:
        node = node[key]
        key = chance.choice(list(node) if isinstance(node, dict) else range(len(node)))
    node[key] = chance.choice(SCALARS)
    file.write_text(yaml.safe_dump(tree))


def wrong_message(kind: str, data: bytes, chance: random.Random) -> bytes:
    """Make a message that is not what its type promises."""
    choice = chance.randrange(5)
    if choice == 0:
        return data[:chance.randrange(len(data))]
    if choice == 1:
        return bytes(flip(bytearray(data), chance))
    if choice == 2:
        return messages.serialize(messages.BOOL, {'data': True})
    message = messages.deserialize(kind, data)
    if choice == 3 and hasattr(message, 'header'):
        message.header.stamp.sec = chance.choice((-2**31, 2**31 - 1, 0))
        message.header.stamp.nanosec = chance.choice((0, 2**32 - 1))
    elif kind == messages.IMAGE:
        name, value = chance.choice([
            ('height', 2**32 - 1), ('width', 0), ('step', 1), ('step', 2**32 - 1),
            ('encoding', 'rgb64'), ('encoding', '32FC1'), ('data', np.zeros(0, np.uint8))])
        setattr(message, name, value)
    elif kind == messages.JOINT_STATE:
        name, value = chance.choice([
            ('name', []), ('name', [NAMES[0]] * len(NAMES)), ('position', np.zeros(2)),
            ('position', np.full(len(NAMES), np.nan)), ('position', np.full(len(NAMES), np.inf))])
        setattr(message, name, value)
    else:
        name, value = chance.choice([
            ('points', []), ('joint_names', []), ('joint_names', ['a', 'b']),
            ('joint_names', [NAMES[0]] * len(NAMES))])
        setattr(message, name, value)
    return messages.serialize(kind, message)


def wrong_types(path: Path, source: str, chance: random.Random) -> str:
    """Record messages of which some hold the wrong thing, or a topic the wrong type."""
    stream, kinds, what = frames_of(), {}, 'wrong messages'
    if chance.random() < 0.2:
        topic = chance.choice(list(TOPICS))
        kinds[topic] = chance.choice([kind for kind in (*TOPICS.values(), messages.BOOL)
                                      if kind != TOPICS[topic]])
        what = f'{topic} as {kinds[topic]}'
    else:
        for _ in range(chance.choice((1, 3, 20, len(stream)))):
            number = chance.randrange(len(stream))
            topic, at, data = stream[number]
            try:
                stream[number] = (topic, at, wrong_message(TOPICS[topic], data, chance))
            except (VaaError, ValueError):
                continue  # it was damaged before, beyond reading
    storage = 'sqlite3' if source in ('sqlite3', 'file') else 'mcap'
    write_plain(path, stream, storage, topics=kinds)
    return what


@dataclass(frozen=True)
class Damage:
    """
    One damaged recording.

    :param seed: what it follows from.
    :param source: which sound recording it was.
    :param what: what was done to it.
    :param path: where it is.
    """

    seed: int
    source: str
    what: str
    path: Path


def corpus(folder: Path, count: int, first: int = 0) -> Iterator[Damage]:
    """
    Make damaged recordings, one after the other; each is removed before the next.

    :param folder: where to; the sound ones stay in it.
    :param count: how many.
    :param first: seed of the first one.
    """
    sound = {name: make(folder / 'sound' / name) for name, make in SOURCES.items()}
    for seed in range(first, first + count):
        chance = random.Random(seed)
        source, path = chance.choice(list(sound)), folder / f'damaged_{seed}'
        if chance.random() < 0.25:
            what = wrong_types(path, source, chance)
        else:
            shutil.copytree(sound[source], path)
            file = chance.choice(sorted(path.iterdir()))
            if file.suffix == '.yaml' and chance.random() < 0.7:
                damage_yaml(file, chance)
                what = 'other value in metadata.yaml'
            else:
                change = chance.choice(BYTES)
                file.write_bytes(change(bytearray(file.read_bytes()), chance))
                what = f'{change.__name__} in {file.name}'
        yield Damage(seed, source, what, path)
        shutil.rmtree(path)


def build(bag: Path, out: Path) -> tuple[Frames, int]:
    """Give the frames of a bag, and how many remarks were made about it."""
    result = build_dataset(bag, out, replace(OPTIONS), overwrite=True)
    remarks = result.bad_messages + result.dropped_frames + len(result.skipped) \
        + len(result.notes)
    return Frames(out), remarks


def outcome(damage: Damage, sound: tuple[Frames, int], out: Path) -> str:
    """
    Read a damaged recording.

    :param damage: the recording.
    :param sound: the frames of the sound one, and the remarks made about it.
    :param out: folder for the dataset.
    :return: ``refused``, with a reason; ``same``: the very frames of the sound one; ``less``: some
        of them, and something was said; ``other``: frames that hold something else, where nothing
        could tell; or ``silently wrong``.
    :raises Exception: any that is no VaaError is a crash.
    """
    try:
        found, remarks = build(damage.path, out)
    except VaaError as error:
        assert 'damaged_' in str(error) or str(out) in str(error), f'names no file: {error}'
        return 'refused'
    wanted = {int(stamp): row for row, stamp in enumerate(sound[0].stamp)}
    rows = [wanted.get(int(stamp), -1) for stamp in found.stamp]
    equal = -1 not in rows and all([
        np.array_equal(getattr(found, name), getattr(sound[0], name)[rows])
        for name in ('state', 'action')] + [
        np.array_equal(found.images[key], sound[0].images[key][rows]) for key in found.images])
    if equal and len(found) == len(sound[0]):
        return 'same'
    if equal and remarks > sound[1]:
        return 'less'
    by_bytes = ' in ' in damage.what
    if equal or (by_bytes and damage.source in CHECKED):
        return 'silently wrong'
    return 'other'
