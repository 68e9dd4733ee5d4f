# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What tests with real nodes use: a test node that spins in a thread, and nodes beside it.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mux_rig import Source
from policy_rig import GOAL
from policy_rig import Robot
import pytest
from ros_harness import Harness
from tiny_policy import goal_policy


@pytest.fixture
def ros(ros_domain: int) -> Iterator[Harness]:
    """
    Give a spinning test node; everything ends with the test.
    """
    harness = Harness()
    yield harness
    harness.close()


@pytest.fixture
def make_node(ros: Harness) -> Callable[..., Any]:
    """
    Give a function that makes a node in this process, with parameters, and spins it.
    """
    return ros.make_node


@pytest.fixture
def robot(ros: Harness) -> Iterator[Robot]:
    """
    Give a robot that stands still, for a policy to look at; the test starts it.
    """
    made = Robot(ros)
    yield made
    made.stop()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """
    Give the file of a policy that always wants to be at the same place.
    """
    return goal_policy(tmp_path / 'goal.onnx', GOAL)


@pytest.fixture
def source(ros: Harness, robot: Robot) -> Iterator[Callable[..., Source]]:
    """
    Give a function that makes somebody who says a command again and again to the mux.
    """
    made: list[Source] = []
    robot.start()

    def make(*arguments: object) -> Source:
        made.append(Source(ros, *arguments))
        return made[-1]

    yield make
    for each in made:
        each.stop()
