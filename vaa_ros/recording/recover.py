# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Episodes whose recorder was killed, and damaged ones, made whole again.

Every chunk that is in the file and whose sum is right is written anew, with an index and with a
metadata.yaml. The result is among the aborted episodes, for what is not whole is no demonstration.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
from dataclasses import dataclass
from dataclasses import replace
import os
from pathlib import Path
from pathlib import PurePath
import tempfile
from typing import Any

from mcap.records import Channel
from mcap.records import Schema
import yaml

from vaa_ros.core.errors import BagError
from vaa_ros.recording.bag_files import read_information
from vaa_ros.recording.bag_files import told_counts
from vaa_ros.recording.bag_information import describe
from vaa_ros.recording.bag_information import Description
from vaa_ros.recording.bag_information import qos_profile
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.episode import ABORTED
from vaa_ros.recording.episode import DISCARDED
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.episode import move_aside
from vaa_ros.recording.episode import PARTIAL_SUFFIX
from vaa_ros.recording.mcap_salvage import SalvagedFile
from vaa_ros.recording.sure_file import being_written
from vaa_ros.recording.sure_file import sync_dir

CDR = 'cdr'
CUT_OFF = 'the recorder was killed before the end; recovered from what was on the disk'
DAMAGED = 'the file was damaged; recovered from what could be read'


@dataclass(frozen=True)
class Recovered:
    """
    What became of an episode.

    :param path: the bag that was made.
    :param source: where the original is now.
    :param seconds: time from the first to the last message that is left [s].
    :param counts: messages that are left by topic.
    :param missing: messages by topic that were written and cannot be read any more.
    :param bytes_lost: bytes of the file that could not be used: the chunk that was being written,
        or damaged ones, and what :attr:`remarks` tell.
    :param metadata: whether the episode says what it was.
    :param remarks: what else was found, a line each.
    """

    path: Path
    source: Path
    seconds: float
    counts: Mapping[str, int]
    missing: Mapping[str, int]
    bytes_lost: int
    metadata: bool
    remarks: tuple[str, ...] = ()


class NothingToRecoverError(BagError):
    """
    A recording is whole.
    """


def cut_off_episodes(path: Path) -> list[Path]:
    """
    Find what must be recovered.

    :param path: one episode or .mcap file, or a folder of episodes.
    :return: the path itself if it is a bag; else every ``.partial`` episode in it.
    :raises BagError: if there is none.
    """
    path = path.resolve()  # what is beside it goes by its name
    if path.suffix == '.mcap' or (path.is_dir() and any(path.glob('*.mcap'))):
        return [path]
    if not path.is_dir():
        raise BagError(f'{path}: is no episode folder and no .mcap file; sqlite3 bags are '
                       'recovered with: ros2 bag reindex FOLDER')
    cut_off = sorted(item for item in path.glob(f'*{PARTIAL_SUFFIX}') if item.is_dir())
    if not cut_off:
        raise BagError(f'{path}: holds no episode that was cut off (a folder whose name ends in '
                       f'{PARTIAL_SUFFIX}), and no .mcap file')
    return cut_off


def recover(path: Path) -> Recovered:
    """
    Write what can be read of a cut-off or damaged recording as a valid bag.

    The bag is ``aborted/<name>`` beside the episode. A cut-off original is moved to
    ``discarded/`` when the bag is whole; a damaged one stays where it is.

    :param path: the episode's folder, or its .mcap file.
    :return: what was made of it.
    :raises NothingToRecoverError: if it is whole.
    :raises BagError: if it is being recorded at this moment, if nothing can be read, or if the
        bag cannot be written.
    """
    path = path.resolve()
    if path.parent.suffix == PARTIAL_SUFFIX:
        path = path.parent  # the file of an episode
    cut_off = path.suffix == PARTIAL_SUFFIX
    name = (path.name if path.is_dir() else path.stem).removesuffix(PARTIAL_SUFFIX)
    target = path.parent / ABORTED / name
    file = SalvagedFile(_mcap_file(path))
    try:
        if being_written(file.path):
            raise BagError(f'{path}: is being recorded now; stop the recorder first')
        seen = Counter(message.channel_id for message in file.messages())
        left, told = _Left(file, seen), _told(file)
        if not cut_off and _is_whole(path, file, left, seen, told.written):
            raise NothingToRecoverError(f'{path}: is whole, nothing to recover')
        if target.exists():
            raise BagError(f'{target} exists, and is not overwritten: {path} was recovered '
                           'before, or move it away')
        _require_messages(path, file, left)
        with tempfile.TemporaryDirectory(prefix='.recover_', dir=path.parent) as scratch:
            writer = _rewrite(file, left, told, Path(scratch) / name,
                              CUT_OFF if cut_off else DAMAGED)
            target.parent.mkdir(exist_ok=True)
            os.rename(writer.final_dir, target)
        with contextlib.suppress(OSError):  # it is there all the same
            sync_dir(target.parent)
    except OSError as error:
        raise BagError(f'{path} cannot be recovered: {error.strerror or error}') from error
    source = move_aside(path, DISCARDED) if cut_off else path
    return Recovered(target, source, writer.seconds, writer.counts, writer.metadata.dropped,
                     file.bytes_lost, told.metadata is not None, _remarks(file, left, told))


@dataclass(frozen=True)
class _Told:
    """
    What is said of a recording, in its file and in the metadata.yaml beside it.

    :param metadata: what vaa_ros recorded; None where nothing of it can be read.
    :param written: messages that were written by topic; empty where nothing says.
    :param remark: why that file says nothing of this one, or less; empty if it does.
    """

    metadata: EpisodeMetadata | None
    written: Mapping[str, int]
    remark: str = ''


def _told(file: SalvagedFile) -> _Told:
    """Read what is said of a file; its own counts, which only a whole one has, go first."""
    metadata = file.metadata
    written = metadata.counts if metadata is not None else {}
    try:
        information = read_information(file.path.parent)
        names = information.get('relative_file_paths')
        listed = [PurePath(str(name)).name for name in names] if isinstance(names, list) else []
        if file.path.name not in listed:
            return _Told(metadata, written)
        custom = information.get('custom_data')
        if isinstance(custom, Mapping) and 'vaa_version' in custom:
            metadata = EpisodeMetadata.from_custom_data(custom)
        if len(listed) > 1:
            return _Told(metadata, written, 'metadata.yaml tells of several files together, so '
                         'how many messages of this one are missing is not known')
        return _Told(metadata, written or told_counts(information))
    except (BagError, OSError) as error:
        return _Told(metadata, written, f'what it was cannot be read beside it: {error}')


def _is_whole(path: Path, file: SalvagedFile, left: _Left, seen: Mapping[int, int],
              written: Mapping[str, int]) -> bool:
    """Tell whether the index of a file leads to every message, and none was lost since."""
    described = path.is_file() or (path / 'metadata.yaml').is_file()
    if file.bytes_lost or left.without or file.contradicts_itself or not (
            file.indexed and described):
        return False
    found: Counter[str] = Counter()
    for number, count in seen.items():
        found[left.channels[number]] += count
    if written and +Counter(written) != found:
        return False
    try:
        with BagReader(path) as bag:
            return Counter(topic for topic, _, _ in bag.raw_messages()) == found
    except BagError:
        return False


class _Left:
    """
    What can be kept of a file: the messages that something describes.

    :param file: the file, read to its end.
    :param seen: messages that are whole by channel.
    """

    def __init__(self, file: SalvagedFile, seen: Mapping[int, int]) -> None:
        self.channels: dict[int, str] = {}
        """Topic by channel."""
        self.types: dict[str, str] = {}
        self.described: dict[str, Description] = {}
        self.without: Counter[str] = Counter()
        """Messages that nothing describes, by topic, or by channel where that is not known."""
        known = file.channels
        for number in sorted({*known, *seen}):
            channel = known.get(number)
            schema = None if channel is None else file.schema_of(channel)
            topic = f'channel {number}' if channel is None else channel.topic
            found = None if channel is None or schema is None else _description(
                channel, schema, file.is_sure(channel))
            if schema is None or found is None:
                self.without[topic] += seen.get(number, 0)
                continue
            first = self.described.setdefault(topic, found)
            # A topic has one type in a bag.
            if (self.types.setdefault(topic, schema.name), first.text) != (schema.name,
                                                                           found.text):
                self.without[topic] += seen.get(number, 0)
                continue
            self.channels[number] = topic
        self.without = +self.without
        self.messages = sum(seen.get(number, 0) for number in self.channels)


def _description(channel: Channel, schema: Schema, sure: bool) -> Description | None:
    """Describe messages as the file does; None where it cannot be text."""
    digest = channel.metadata.get('topic_type_hash', '')
    encoding = channel.message_encoding if sure else CDR  # there is no other in rosbag2
    with contextlib.suppress(BagError):
        known = describe(schema.name)
        if known.digest == digest:  # the same, whatever became of the text in the file
            return replace(known, encoding=encoding)
    try:
        schema.data.decode()
    except UnicodeDecodeError:
        return None
    return Description(schema.data, digest, schema.encoding, encoding)


def _require_messages(path: Path, file: SalvagedFile, left: _Left) -> None:
    if left.messages:
        return
    if left.without:
        raise BagError(f'{path}: nothing says what its {left.without.total()} messages are '
                       f'({", ".join(sorted(left.without))}); it is left as it is')
    if file.bytes_lost:
        raise BagError(f'{path}: not one message of it can be read; {file.bytes_lost} bytes are '
                       'no whole record. It is left as it is')
    raise BagError(f'{path}: not one message of it reached the disk; it can be removed')


def _remarks(file: SalvagedFile, left: _Left, told: _Told) -> tuple[str, ...]:
    remarks = [told.remark] if told.remark else []
    known = told.metadata or EpisodeMetadata()
    if known.success is not None:
        word = 'a success' if known.success else 'a failure'
        remarks.append(f'the operator had stopped it as {word}')
    if known.verdict:
        remarks.append(f'the verdict on all of it was {known.verdict.get("judgement")}')
    if file.zeros:
        remarks.append(f'its last {file.zeros} bytes are zeros, as a power cut leaves them')
    if file.trailing:
        remarks.append(f'{file.trailing} bytes follow after its end')
    if left.without:
        remarks.append(f'{left.without.total()} messages are left out, since nothing says of '
                       f'what type they are: {", ".join(sorted(left.without))}')
    if not (told.written or known.vaa_version or told.remark):
        remarks.append('nothing says how many messages there were')
    return tuple(remarks)


def _rewrite(file: SalvagedFile, left: _Left, told: _Told, target: Path,
             reason: str) -> BagWriter:
    """Write every message of a file as a bag of its own."""
    known = told.metadata or EpisodeMetadata()
    metadata = replace(known, aborted=known.aborted or reason, success=None, verdict={})
    numbers: dict[str, list[int]] = {topic: [] for topic in left.types}
    with BagWriter(target, left.types, metadata, qos=_offered(file.channels),
                   described=left.described) as writer:
        for message in file.messages():
            topic = left.channels.get(message.channel_id)
            if topic is not None:
                writer.write(topic, message.log_time, message.data, message.publish_time)
                numbers[topic].append(message.sequence)
        missing = Counter(known.dropped) + _missing(told, numbers, left.without)
        whole = missing == Counter(known.dropped) and not file.bytes_lost
        # What the operator and the verdict said was said of all of it.
        writer.close(replace(metadata, dropped=dict(missing),
                             success=known.success if whole else None,
                             verdict=known.verdict if whole else {}))
    return writer


def _missing(told: _Told, numbers: Mapping[str, Sequence[int]],
             without: Mapping[str, int]) -> Counter[str]:
    """Tell what was written and is not left: our writer numbers the messages of a topic from 0."""
    missing, written = Counter(without), told.written
    if written:  # which tells of every topic, also of those that nothing else does
        missing = Counter({topic: count for topic, count in without.items() if topic in written})
    elif told.metadata is None or not told.metadata.vaa_version:
        return missing
    for topic in {*numbers, *written}:
        found = numbers.get(topic, ())
        count = written.get(topic, 0 if written else max(found, default=-1) + 1)
        missing[topic] = max(count - len(found), missing[topic])
    return +missing


def _offered(channels: Mapping[int, Channel]) -> dict[str, list[dict[str, Any]]]:
    offered = {}
    for channel in channels.values():
        try:
            profiles = yaml.safe_load(channel.metadata.get('offered_qos_profiles', ''))
        except yaml.YAMLError:
            continue
        if isinstance(profiles, list) and all(_same_kind(each, qos_profile())
                                              for each in profiles):
            offered[channel.topic] = profiles
    return offered


def _same_kind(found: Any, wanted: Any) -> bool:
    """Tell whether a value has the keys, and its values the types, of another one."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and found.keys() == wanted.keys() and all(
            _same_kind(found[key], wanted[key]) for key in wanted)
    # Before version 9 of the metadata, names were numbers.
    return isinstance(found, (str, int) if isinstance(wanted, str) else type(wanted))


def _mcap_file(path: Path) -> Path:
    files = [path] if path.is_file() else sorted(path.glob('*.mcap'))
    if len(files) != 1:
        raise BagError(f'{path}: holds {len(files)} .mcap files, expected one. Recover them one '
                       'by one, by the name of the file')
    return files[0]
