# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a person did in an episode that a policy drove: the stretches between take-over and release.

``command_mux`` says on ``command_source`` who commands the arm. In such an episode the policy's
own commands are no demonstration, those of the person are: they show what to do where the policy
came to by itself (DAgger, Ross et al. 2011; with a person who decides when, HG-DAgger, Kelly et
al. 2019). Together with the demonstrations of before they make the next policy.
"""
from __future__ import annotations

from collections.abc import Iterable

from vaa_ros.core.command_mux import PERSON
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.learning.bag_topics import topics_of
from vaa_ros.learning.cutting import Span
from vaa_ros.recording.bag_reader import BagReader

SOURCE = 'command_source'
STRING = 'std_msgs/msg/String'
CORRECTIONS = 'corrections'
RELEASE_TICKS = 3
"""Commands that teleop repeats when a person lets go: a hold, and nothing to learn from."""


def corrections(bag: BagReader, dt_s: float) -> list[Span] | None:
    """
    Find when a person drove.

    :param bag: an open bag.
    :param dt_s: control period [s].
    :return: the stretches by time of arrival, in order; None for a bag that does not tell who
        drove.
    """
    topics = topics_of(bag, SOURCE, (STRING,))
    if not topics:
        return None
    told = ((log_ns, message.data) for _, log_ns, message in bag.messages(topics))
    return stretches(told, bag.stop_ns, round(RELEASE_TICKS * dt_s * NANOSECONDS))


def stretches(told: Iterable[tuple[int, str]], stop_ns: int, release_ns: int) -> list[Span]:
    """
    Cut time where the source changes, and keep what is the person's.

    :param told: times [ns] and who drives from then on, in order.
    :param stop_ns: end of the recording [ns].
    :param release_ns: what is left out at the end of each stretch that ends in a release [ns].
    :return: the person's stretches.
    """
    found: list[Span] = []
    began: int | None = None
    for at, source in told:
        if source == PERSON:
            began = at if began is None else began
        elif began is not None:
            if at - release_ns > began:
                found.append(Span(began, at - release_ns))
            began = None
    if began is not None and stop_ns > began:
        found.append(Span(began, stop_ns))
    return found
