# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Look into an ONNX file before anything runs it.

A model file is data from elsewhere. It is read here without a runtime and without the ``onnx``
package: it must be one regular file of bounded size, hold all its weights itself (a reference to
another file could name any path), and use only the standard operators or functions that it
defines from them.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
import os
from pathlib import Path

from vaa_ros.core.errors import ModelError

MAX_BYTES = 512 * 2**20
MAX_FIELDS = 2_000_000
STANDARD_DOMAINS = frozenset({'', 'ai.onnx', 'ai.onnx.ml'})

# Field numbers of onnx.proto: the message kinds that can hold nodes or tensors, and where.
NESTED = {
    'model': {7: 'graph', 14: 'property', 20: 'training', 25: 'function'},
    'training': {1: 'graph', 2: 'graph'},
    'graph': {1: 'node', 5: 'tensor', 15: 'sparse'},
    'function': {7: 'node', 11: 'attribute'},
    'node': {5: 'attribute'},
    'attribute': {5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse'},
    'sparse': {1: 'tensor', 2: 'tensor'},
}
TEXTS = {
    'property': {1: 'key', 2: 'value'},
    'node': {4: 'name', 7: 'domain'},
    'function': {1: 'name', 10: 'domain'},
    'tensor': {8: 'name'},
}
EXTERNAL_DATA, DATA_LOCATION = 13, 14
PROPERTY = 14


@dataclass
class ModelContents:
    """
    What a model file holds, as far as trust needs it.

    :param metadata: the file's metadata texts.
    :param operators: every (domain, name) that a node uses.
    :param functions: every (domain, name) that the file defines.
    :param external: names of tensors that live in other files.
    :param has_graph: whether there is a graph at all.
    """

    metadata: dict[str, str] = field(default_factory=dict)
    operators: set[tuple[str, str]] = field(default_factory=set)
    functions: set[tuple[str, str]] = field(default_factory=set)
    external: list[str] = field(default_factory=list)
    has_graph: bool = False

    def check(self, where: str) -> None:
        """
        Refuse a model that reaches outside its file.

        :param where: the file's name, for errors.
        :raises ModelError: naming the tensors or operators.
        """
        if not self.has_graph:
            raise ModelError(f'{where}: not an ONNX model, it has no graph')
        if self.external:
            raise ModelError(f'{where}: weights in other files are refused: '
                             f'{", ".join(self.external[:5])}; export with the weights inside')
        foreign = sorted(f'{domain}::{name}' for domain, name in self.operators - self.functions
                         if domain not in STANDARD_DOMAINS)
        if foreign:
            raise ModelError(f'{where}: operators outside the ONNX standard are refused: '
                             f'{", ".join(foreign[:5])}')


def read_model_bytes(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """
    Read a model file.

    :param path: the file.
    :param max_bytes: the largest size accepted.
    :return: its contents.
    :raises ModelError: if it is missing, no regular file, empty, too large or unreadable.
    """
    if not path.exists():
        raise ModelError(f'model {path} does not exist; give the path of an .onnx file made by '
                         '`vaa export`')
    if not path.is_file():
        raise ModelError(f'model {path} is not a file; give the path of an .onnx file')
    try:
        with path.open('rb') as stream:
            # Not read to the limit first: that takes memory and time beside a running arm.
            too_large = os.fstat(stream.fileno()).st_size > max_bytes
            data = b'' if too_large else stream.read(max_bytes + 1)
    except OSError as problem:
        raise ModelError(f'cannot read the model {path}: {problem}') from problem
    if too_large or len(data) > max_bytes:
        raise ModelError(f'model {path} is larger than the {max_bytes / 2**20:.0f} MiB allowed')
    if not data:
        raise ModelError(f'model {path} is empty')
    return data


def inspect_model(data: bytes, where: str) -> ModelContents:
    """
    Walk through a model file without running it.

    :param data: the file's contents.
    :param where: the file's name, for errors.
    :return: what it holds.
    :raises ModelError: if it is not a whole ONNX file.
    """
    contents = ModelContents()
    stack: list[tuple[str, memoryview]] = [('model', memoryview(data))]
    budget = MAX_FIELDS
    try:
        while stack:
            kind, message = stack.pop()
            texts = {'domain': '', 'name': '', 'key': '', 'value': ''}
            external = False
            for number, value in read_fields(message):
                budget -= 1
                if budget < 0:
                    raise ValueError(f'more than {MAX_FIELDS} fields')
                if isinstance(value, memoryview):
                    if number in NESTED.get(kind, {}):
                        stack.append((NESTED[kind][number], value))
                    elif number in TEXTS.get(kind, {}):
                        texts[TEXTS[kind][number]] = str(value, 'utf-8')
                    external |= kind == 'tensor' and number == EXTERNAL_DATA
                external |= kind == 'tensor' and number == DATA_LOCATION and value == 1
            _note(contents, kind, texts, external)
    except ValueError as problem:
        raise ModelError(f'{where}: not an ONNX file, or cut off or damaged ({problem}); copy or '
                         'export it again') from problem
    return contents


def _note(contents: ModelContents, kind: str, texts: dict[str, str], external: bool) -> None:
    if kind == 'graph':
        contents.has_graph = True
    elif kind == 'property':
        contents.metadata[texts['key']] = texts['value']
    elif kind == 'node':
        contents.operators.add((texts['domain'], texts['name']))
    elif kind == 'function':
        contents.functions.add((texts['domain'], texts['name']))
    elif kind == 'tensor' and external:
        contents.external.append(texts['name'] or 'unnamed')


def read_fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """
    Read the fields of one protobuf message.

    :param message: the encoded message.
    :return: field numbers with values: int for varints, bytes for everything else.
    :raises ValueError: if it is cut off or not protobuf.
    """
    place, end = 0, len(message)
    while place < end:
        tag, place = read_varint(message, place)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise ValueError('field number 0')
        if wire == 0:
            value, place = read_varint(message, place)
            yield number, value
            continue
        if wire == 2:
            size, place = read_varint(message, place)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f'wire type {wire}')
        if size > end - place:
            raise ValueError(f'{size} bytes promised, {end - place} left')
        yield number, message[place:place + size]
        place += size


def with_metadata(data: bytes, key: str, text: str | None) -> bytes:
    """
    Put one metadata text into a model file, or take it out; all else in it stays as it is.

    :param data: the file's contents.
    :param key: the metadata's key; a text that is there under it already is replaced.
    :param text: the text, or None to leave it out.
    :return: the new contents.
    :raises ModelError: if it is not a whole ONNX file.
    """
    kept = []
    try:
        for number, value in read_fields(memoryview(data)):
            if isinstance(value, int):
                kept.append(varint(number << 3) + varint(value))
            elif number != PROPERTY or key_of(value) != key:
                kept.append(field_bytes(number, value))
    except ValueError as problem:
        raise ModelError(f'not an ONNX file, or cut off or damaged ({problem})') from problem
    if text is None:
        return b''.join(kept)
    entry = field_bytes(1, key.encode()) + field_bytes(2, text.encode())
    return b''.join([*kept, field_bytes(PROPERTY, entry)])


def key_of(entry: memoryview) -> str:
    """
    Give the key of an encoded metadata entry, empty where it has none.
    """
    return next((str(value, 'utf-8') for number, value in read_fields(entry)
                 if number == 1 and isinstance(value, memoryview)), '')


def field_bytes(number: int, value: bytes | memoryview) -> bytes:
    """
    Encode a field of protobuf that holds bytes.
    """
    return varint(number << 3 | 2) + varint(len(value)) + bytes(value)


def varint(value: int) -> bytes:
    """
    Encode an integer of variable length, not negative.
    """
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def read_varint(message: memoryview, place: int) -> tuple[int, int]:
    """
    Read one variable-length integer.

    :param message: the encoded message.
    :param place: where it starts.
    :return: the integer, and the place after it.
    :raises ValueError: if it is cut off or longer than 64 bits.
    """
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise ValueError('cut off within a number')
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError('a number of more than 64 bits')
