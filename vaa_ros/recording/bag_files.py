# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What lies under a recording: its storage files, their check sums, and definitions of messages.

Here rosbags is told to read recordings that it would refuse as a whole: a folder without
metadata.yaml, a topic whose message type nobody can describe.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import functools
from pathlib import Path
from pathlib import PurePath
import re
import shutil
import struct
import tempfile
from typing import Any
import zlib

from mcap.reader import make_reader
from rosbags.interfaces import MessageDefinition
from rosbags.interfaces import MessageDefinitionFormat
from rosbags.rosbag2 import storage_mcap
from rosbags.rosbag2 import storage_sqlite3
from rosbags.typesys import get_types_from_idl
from rosbags.typesys import get_types_from_msg
from rosbags.typesys.store import Typestore
import yaml

from vaa_ros.core.errors import BagError
from vaa_ros.recording.bag_writer import METADATA_RECORD
from vaa_ros.recording.mcap_chunks import messages_of

STORAGES = ('.mcap', '.db3')
PACKED = ('.zstd', '.zst')
ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'
MOST_UNPACKED = 1000
"""Largest ratio of a file to its compressed form; more is no recording."""

_WITHOUT = 'If it is the file that is wrong, remove it: the bag is read without it'
_Loader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)
_BLOCK = 1 << 20
_FOOTER = struct.Struct('<BQQQI8s')
_NO_DEFINITION = MessageDefinition(MessageDefinitionFormat.NONE, '')
_definition = storage_mcap.get_msgdef
_MOST_STORES = 32
_stores: dict[frozenset[tuple[Any, ...]], Typestore] = {}
_HIDE = """CREATE TEMP VIEW message_definitions AS SELECT * FROM main.message_definitions
           WHERE encoding IN ('ros2msg', 'ros2idl') AND topic_type NOT LIKE '%/srv/%'
           AND can_be_read(topic_type, encoding, encoded_message_definition)"""


def storage_suffix(path: Path) -> str:
    """
    Give ``.mcap`` or ``.db3`` for a storage file, compressed or not, and '' for any other.
    """
    name = path.with_suffix('') if path.suffix in PACKED else path
    return name.suffix if name.suffix in STORAGES else ''


def storage_files(folder: Path) -> list[Path]:
    """
    List the storage files of a folder in the order of their numbers.

    :raises BagError: if some are of one kind and some of another.
    """
    found = [path for path in folder.iterdir() if path.is_file() and storage_suffix(path)]
    if len({storage_suffix(path) for path in found}) > 1:
        raise BagError(f'{folder}: has no metadata.yaml, and both .mcap and .db3 files; open the '
                       'files one by one')
    return sorted(found, key=lambda path: [
        int(part) if part.isdigit() else part for part in re.split(r'(\d+)', path.name)])


def read_information(folder: Path) -> dict[str, Any]:
    """
    Read the metadata.yaml of a folder.

    :return: what rosbag2 says about the recording; empty where there is no such file.
    :raises BagError: if it is malformed.
    """
    file = folder / 'metadata.yaml'
    if not file.is_file():
        return {}
    try:
        found = yaml.load(file.read_text('utf-8'), Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise BagError(f'{file.name} is no YAML: {problem}. {_WITHOUT}') from problem
    information = found.get('rosbag2_bagfile_information') if isinstance(found, dict) else None
    if not isinstance(information, dict):
        raise BagError(f'{file.name} cannot be read: it has no rosbag2_bagfile_information. '
                       f'{_WITHOUT}')
    return information


def listed_files(folder: Path, information: Mapping[str, Any]) -> list[Path]:
    """
    Give the storage files of a bag: those that metadata.yaml lists, or all without it.

    :raises BagError: if one is missing.
    """
    if not information:
        return storage_files(folder)
    names = information.get('relative_file_paths')
    if not isinstance(names, list) or not names:
        raise BagError(f'metadata.yaml: relative_file_paths is {names!r}, expected a list of '
                       f'files. {_WITHOUT}')
    files = [folder / PurePath(str(name)).name for name in names]
    # Some versions of rosbag2 name a file as it was before it was packed.
    files = [file if file.is_file() else file.with_name(f'{file.name}.zstd') for file in files]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise BagError(f'files are missing: {", ".join(missing)}')
    return files


def told_counts(information: Mapping[str, Any]) -> Counter[str]:
    """
    Give how many messages of each topic metadata.yaml says there are.

    :raises BagError: if it is malformed.
    """
    told = Counter[str]()
    try:
        for item in information['topics_with_message_count']:
            told[item['topic_metadata']['name']] += item['message_count']
    except (KeyError, TypeError) as problem:
        raise BagError(f'metadata.yaml: topics_with_message_count is malformed: {problem!r}. '
                       f'{_WITHOUT}') from problem
    return told


def check_information(information: Mapping[str, Any], counts: Mapping[str, int]) -> None:
    """
    Compare metadata.yaml with what the files hold.

    :param information: what it says; empty for nothing.
    :param counts: messages in the files by topic.
    :raises BagError: if they do not hold the same messages.
    """
    if not information:
        return
    told = told_counts(information)
    for topic in sorted({*told, *counts}):
        if told[topic] != counts.get(topic, 0):
            raise BagError(f'metadata.yaml says {told[topic]} messages on {topic}, the files hold '
                           f'{counts.get(topic, 0)}. {_WITHOUT}')


def is_one_bag(folder: Path) -> bool:
    """
    Tell whether the storage files of a folder are one recording by their names.

    Those are FOLDER_0.mcap ..., or after the folder was renamed NAME_0.mcap ... without a gap.
    """
    found = [re.fullmatch(r'(.+)_(\d+)\.[\w.]+', path.name) for path in folder.iterdir()
             if path.is_file() and storage_suffix(path)]
    named = [(match[1], match[2]) for match in found if match]
    if not named or len(named) < len(found) or len({name for name, _ in named}) > 1:
        return False
    numbers = {number for _, number in named}
    return named[0][0] == folder.name or numbers == {str(place) for place in range(len(named))}


def unpacked(path: Path, stack: contextlib.ExitStack) -> Path:
    """
    Give a storage file that can be read as it is.

    :param path: a storage file.
    :param stack: removes what was unpacked.
    :return: the file itself, or what it holds in a temporary folder.
    :raises BagError: if it unpacks to more than a recording can.
    """
    if path.suffix not in PACKED:
        return path
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix='vaa_bag_'))
    target, left = Path(folder) / path.stem, MOST_UNPACKED * path.stat().st_size
    with storage_mcap.zstd.open(path, 'rb') as packed, target.open('wb') as plain:
        for block in iter(lambda: packed.read(_BLOCK), b''):
            left -= len(block)
            if left < 0 or shutil.disk_usage(folder).free < 2 * _BLOCK:
                raise BagError(f'unpacks to more than {MOST_UNPACKED} times its size, or than '
                               f'the disk of {folder} holds')
            plain.write(block)
    return target


def check_summary(path: Path) -> None:
    """
    Check the sum over the index of an MCAP file; rosbags checks those of the chunks alone.

    :param path: a storage file; other kinds have no such sum.
    :raises BagError: if the index is damaged.
    """
    size = path.stat().st_size
    if path.suffix != '.mcap' or size < _FOOTER.size:
        return
    with path.open('rb') as stream:
        stream.seek(size - _FOOTER.size)
        start, expected = _FOOTER.unpack(stream.read())[2:5:2]
        if not start or not expected or not 0 < start < size - _FOOTER.size:
            return  # none was written, or the reader will say what is wrong
        stream.seek(start)
        found, left = 0, size - start - 12
        while left > 0:
            block = stream.read(min(left, _BLOCK))
            found, left = zlib.crc32(block, found), left - len(block)
    if found != expected:
        raise BagError('its index is damaged: the check sum is wrong')


def metadata_record(path: Path) -> dict[str, str]:
    """
    Give what vaa_ros recorded about an episode inside an MCAP file.

    :param path: a storage file.
    :return: the newest record; empty where there is none.
    """
    if path.suffix != '.mcap':
        return {}
    with path.open('rb') as stream:
        records = [record.metadata for record in make_reader(stream).iter_metadata()
                   if record.name == METADATA_RECORD]
    return dict(records[-1]) if records else {}


@functools.lru_cache(maxsize=512)
def can_be_read(name: str, encoding: str, text: str) -> bool:
    """
    Tell whether the definition of a message type can be used.
    """
    try:
        if encoding == 'ros2msg':
            get_types_from_msg(text, name)
        elif encoding in ('ros2idl', 'omgidl') and not text.startswith('='):
            get_types_from_idl(text)
    except Exception:
        return False
    return encoding in ('ros2msg', 'ros2idl', 'omgidl', '')


# rosbag2 names the encoding of a service event "unknown" or gives its .srv text, on which rosbags
# would refuse the whole bag; so it does on a definition that it cannot parse. Here they are none.
def _known_definition(schema: Any) -> MessageDefinition:
    if schema is not None and ('/srv/' in schema.name or not can_be_read(
            schema.name, schema.encoding, schema.data)):
        return _NO_DEFINITION
    return _definition(schema)


def _hide_unknown_definitions(connection: Any) -> None:
    connection.create_scalar_function('can_be_read', can_be_read, 3)
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    if ('message_definitions',) in tables:
        connection.execute(_HIDE)


@contextlib.contextmanager
def unknown_definitions_hidden() -> Iterator[None]:
    """
    Let sqlite3 bags be opened whose topics have types that nobody can describe.
    """
    hooks = storage_sqlite3.apsw.connection_hooks
    hooks.append(_hide_unknown_definitions)
    try:
        yield
    finally:
        hooks.remove(_hide_unknown_definitions)


def same_types(connections: Iterable[Any], store: Typestore) -> Typestore:
    """
    Give the types of an earlier bag that describes its messages alike: they are compiled already.

    :param connections: the connections of a bag.
    :param store: its types.
    :return: types of the same definitions.
    """
    key = frozenset((item.msgtype, item.msgdef.format, item.msgdef.data) for item in connections)
    if len(_stores) > _MOST_STORES:
        _stores.clear()
    return _stores.setdefault(key, store)


storage_mcap.get_msgdef = _known_definition
# The bags of a folder say the same of their topics; parsing it takes longer than a picture does.
storage_mcap.get_qos = functools.lru_cache(maxsize=512)(storage_mcap.get_qos)
storage_mcap.msgsrc = messages_of
