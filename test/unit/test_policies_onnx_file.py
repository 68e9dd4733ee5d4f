# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Reading an ONNX file without a runtime: never anything but an answer or a clear error.
"""
from __future__ import annotations

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from policy_models import model
from policy_models import SPEC
import pytest

from vaa_ros.core.errors import ModelError
from vaa_ros.core.spec import METADATA_KEY
from vaa_ros.core.spec import PolicySpec
from vaa_ros.policies import onnx_file
from vaa_ros.policies.onnx_file import inspect_model
from vaa_ros.policies.onnx_file import ModelContents
from vaa_ros.policies.onnx_file import read_fields
from vaa_ros.policies.onnx_file import read_varint
from vaa_ros.policies.onnx_file import with_metadata

WHOLE = model().SerializeToString()


def test_finds_metadata_and_operators() -> None:
    contents = inspect_model(WHOLE, 'x')
    assert PolicySpec.from_json(contents.metadata[METADATA_KEY]) == SPEC
    assert ('', 'ReduceSum') in contents.operators
    assert contents.functions == set()
    assert contents.external == []
    contents.check('x')


def test_a_model_without_a_graph() -> None:
    with pytest.raises(ModelError, match='it has no graph'):
        ModelContents().check('x')


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_give_contents_or_a_model_error(data: bytes) -> None:
    try:
        assert isinstance(inspect_model(data, 'x'), ModelContents)
    except ModelError as problem:
        assert 'x: not an ONNX file' in str(problem)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=8))
def test_any_damage_gives_contents_or_a_model_error(place: int, patch: bytes) -> None:
    try:
        inspect_model(WHOLE[:place] + patch + WHOLE[place + len(patch):], 'x')
    except ModelError:
        pass


def test_deep_nesting_needs_no_recursion() -> None:
    message = b''
    for _ in range(3000):
        # An attribute that holds a graph that holds a node that holds the attribute before.
        node = b'\x2a' + varint(len(message)) + message
        graph = b'\x0a' + varint(len(node)) + node
        message = b'\x32' + varint(len(graph)) + graph
    node = b'\x2a' + varint(len(message)) + message
    graph = b'\x0a' + varint(len(node)) + node
    assert inspect_model(b'\x3a' + varint(len(graph)) + graph, 'x').has_graph


def test_a_flood_of_fields_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, 'MAX_FIELDS', 100)
    with pytest.raises(ModelError, match='more than 100 fields'):
        inspect_model(b'\x08\x01' * 101, 'x')


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


@pytest.mark.parametrize('value', [0, 1, 127, 128, 300, 2**32, 2**63 + 5])
def test_varints(value: int) -> None:
    encoded = varint(value)
    assert read_varint(memoryview(encoded), 0) == (value, len(encoded))


@pytest.mark.parametrize('data', [b'\x80', b'\xff' * 11, b'\x03', b'\x00\x00', b'\x0a\x05abc',
                                  b'\x0d\x00', b'\x09\x00'])
def test_what_is_no_message(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        list(read_fields(memoryview(data)))


def test_fixed_size_fields_are_passed_over() -> None:
    fields = list(read_fields(memoryview(b'\x09' + b'8' * 8 + b'\x0d' + b'4' * 4 + b'\x08\x07')))
    assert [(number, bytes(value) if isinstance(value, memoryview) else value)
            for number, value in fields] == [(1, b'8' * 8), (1, b'4' * 4), (1, 7)]


def test_metadata_is_added_and_replaced_and_nothing_else_changes() -> None:
    once = with_metadata(WHOLE, 'note', 'é' * 200)
    assert once.startswith(WHOLE)
    assert inspect_model(once, 'x').metadata['note'] == 'é' * 200
    assert with_metadata(once, 'note', None) == with_metadata(WHOLE, 'note', None)
    twice = with_metadata(once, 'note', 'short')
    assert inspect_model(twice, 'x').metadata == {
        **inspect_model(WHOLE, 'x').metadata, 'note': 'short'}
    assert twice.startswith(WHOLE)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**63))
def test_integers_survive(value: int) -> None:
    encoded = onnx_file.varint(value)
    assert read_varint(memoryview(encoded), 0) == (value, len(encoded))


def test_metadata_is_not_put_into_damaged_files() -> None:
    with pytest.raises(ModelError, match='damaged'):
        with_metadata(WHOLE[:-1], 'note', '')
