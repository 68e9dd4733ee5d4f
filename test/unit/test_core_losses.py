# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
SequenceLosses: what came and what is counted as lost add up to what was sent.
"""
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies

from vaa_ros.core.losses import SequenceLosses


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
