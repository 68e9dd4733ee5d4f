# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Instructions in words: which of those that are known is meant.

Training, the policy node and the simulator read an instruction alike, so that capitals, spaces
and punctuation never make a difference.
"""
from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
import re
import unicodedata

from vaa_ros.core.errors import InstructionError

_NOT_A_WORD = re.compile(r"[^\w']+", re.UNICODE)


def words(text: str) -> tuple[str, ...]:
    """
    Split an instruction into its words, in small letters.

    :param text: what a person wrote.
    :return: the words in order; none for a text without any.
    """
    plain = unicodedata.normalize('NFKC', text).casefold()
    return tuple(_NOT_A_WORD.sub(' ', plain).split())


def distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """
    Give every instruction once, as it was first written; none for texts without words.

    :param texts: instructions.
    :return: those that differ in their words, in order.
    """
    found: dict[tuple[str, ...], str] = {}
    for text in texts:
        if words(text):
            found.setdefault(words(text), text)
    return tuple(found.values())


def instruction_index(text: str, known: Sequence[str]) -> int:
    """
    Find the known instruction that a text means.

    :param text: what a person wrote.
    :param known: the instructions that are known.
    :return: its place among them.
    :raises InstructionError: if it is none of them; lists them.
    """
    wanted = words(text)
    listed = '; '.join(known) or 'none'
    if not wanted:
        raise InstructionError(f'waiting for an instruction; known: {listed}')
    for index, each in enumerate(known):
        if words(each) == wanted:
            return index
    raise InstructionError(f'instruction {text!r} is not known; known: {listed}')
