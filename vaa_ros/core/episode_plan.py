# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How a session of demonstrations shall go, and what its episodes shall show in turn.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Wanted:
    """
    What the next episode shall show; empty for what the recorder knows anyway.

    :param task: name of the task.
    :param instruction: what is asked for, in words.
    """

    task: str = ''
    instruction: str = ''

    def __str__(self) -> str:
        return ': '.join(text for text in (self.task, self.instruction) if text)


@dataclass(frozen=True)
class FlowSettings:
    """
    How a session goes.

    :param countdown_s: from the start to the first message [s].
    :param reset_s: from the end of an episode to the next start, which comes by itself; 0 waits
        for a person [s].
    :param episodes: successes after which the session is done; 0 for no end.
    :param plan: what the episodes show, in turn; empty for always the same.
    """

    countdown_s: float = 0.0
    reset_s: float = 0.0
    episodes: int = 0
    plan: Sequence[Wanted] = ()


def plan_of(lines: Sequence[str]) -> tuple[Wanted, ...]:
    """
    Read what the episodes shall show.

    :param lines: an instruction each, which may begin with its task, as in
        ``sort: put the red cube to the left``.
    :return: the plan.
    """
    plan = []
    for line in lines:
        task, colon, instruction = line.partition(': ')
        # A task is one word; a colon further on belongs to the instruction.
        named = colon and task.strip() and not any(char.isspace() for char in task.strip())
        plan.append(Wanted(task.strip(), instruction.strip()) if named
                    else Wanted('', line.strip()))
    return tuple(plan)
