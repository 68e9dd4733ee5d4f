# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What tests with real nodes use: a test node that spins in a thread, and nodes beside it.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest
from ros_harness import Harness


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
