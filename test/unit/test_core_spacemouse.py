# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from pathlib import Path

import pytest

from vaa_ros.core.spacemouse import LET_GO_S
from vaa_ros.core.spacemouse import SPACEMOUSE_HELP
from vaa_ros.core.spacemouse import SpaceMouseJog

REST = [0.0] * 6


def test_the_puck_moves_the_tool_and_lets_go_when_it_rests() -> None:
    mouse = SpaceMouseJog(1.0)
    assert not mouse.jog(0.0).engaged
    mouse.update([1.0, 0, -1.0, 0, 0, 0.05], [0, 0], 0.0)
    jog = mouse.jog(0.0)
    assert jog.engaged and jog.tool == pytest.approx([1, 0, -1, 0, 0, 0])
    mouse.update(REST, [0, 0], 0.1)
    assert mouse.jog(0.1).engaged and not mouse.jog(0.1).tool.any()
    assert not mouse.jog(0.1 + LET_GO_S).engaged


def test_buttons_move_the_gripper() -> None:
    mouse = SpaceMouseJog()
    mouse.update(REST, [1, 0], 0.0)
    assert (mouse.jog(0.0).gripper, mouse.jog(0.0).engaged) == (-1.0, True)
    mouse.update(REST, [0, 1], 0.0)
    assert mouse.jog(0.0).gripper == 1.0


def test_a_message_that_came_since_the_tick_began_counts() -> None:
    mouse = SpaceMouseJog()
    mouse.update([1.0, 0, 0, 0, 0, 0], [0, 0], 1.000001)
    assert mouse.jog(1.0).tool[0] == 1.0


def test_silence_and_nonsense_move_nothing() -> None:
    mouse = SpaceMouseJog(0.3)
    mouse.update([1.0, 0, 0, 0, 0, 0], [0, 0], 0.0)
    assert not mouse.jog(0.31).engaged
    mouse.update([math.nan, math.inf, 5.0], [], 1.0)
    assert mouse.jog(1.0).tool.tolist() == [0, 0, 1, 0, 0, 0]


def test_the_document_shows_it() -> None:
    text = (Path(__file__).resolve().parents[2] / 'doc' / 'teleoperation.md').read_text()
    assert SPACEMOUSE_HELP in text
