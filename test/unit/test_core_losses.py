# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What came and what is counted as lost add up to what was sent; what comes twice is taken once.
"""
from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies

from vaa_ros.core.losses import SequenceLosses
from vaa_ros.core.losses import TakenOnce


@given(strategies.sets(strategies.tuples(strategies.sampled_from('ab'),
                                         strategies.integers(1, 300))))
def test_came_and_lost_are_all_from_the_first_to_the_last(came: set[tuple[str, int]]) -> None:
    losses = SequenceLosses()
    for publisher, number in sorted(came, key=lambda item: item[1]):
        losses.add('/t', publisher.encode(), number)
    spans = [[number for name, number in came if name == publisher] for publisher in 'ab']
    sent = sum(max(span) - min(span) + 1 for span in spans if span)
    assert len(came) + losses.lost['/t'] == sent


def test_what_comes_again_is_not_lost() -> None:
    losses = SequenceLosses()
    for number in (4, 5, 4, 5, 6):
        losses.add('/t', b'a', number)
    assert losses.lost['/t'] == 0


@given(start=strategies.integers(0, 20), end=strategies.integers(0, 20),
       ahead=strategies.integers(0, 5), order=strategies.randoms(use_true_random=False))
def test_what_comes_to_two_subscriptions_is_taken_once(start: int, end: int, ahead: int,
                                                       order: random.Random) -> None:
    """The old one has 1 to 40 + end, the new one 40 - start and later; both are read in turns."""
    once, taken = TakenOnce(), []
    last = 40 + end

    def take(number: int) -> None:
        if once.first('/a', b'p', number):
            taken.append(number)

    for number in range(1, 41):
        take(number)
    once.begin('/a')
    old, new = list(range(41, last + 1)), list(range(41 - start, last + 1 - min(ahead, end)))
    while old or new:
        take((old if old and (not new or order.random() < 0.5) else new).pop(0))
    once.end('/a')
    for number in range(last + 1 - min(ahead, end), last + 50):
        take(number)
    assert sorted(taken) == list(range(1, last + 50))
    assert len(set(taken)) == len(taken)


def test_a_clock_that_is_set_back_loses_nothing() -> None:
    once = TakenOnce()
    assert once.first('/a', b'p', 1000)
    once.begin('/a')
    once.end('/a')
    assert [once.first('/a', b'p', number) for number in (1000, 1001, 5, 6)] == [
        False, True, True, True]
    assert once.first('/a', b'p', 0)
