# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
import pytest

from vaa_ros.core.input_events import EV_ABS
from vaa_ros.core.input_events import EV_KEY
from vaa_ros.core.input_events import EV_REL
from vaa_ros.core.input_events import EventState
from vaa_ros.core.input_events import GAMEPAD_EVENTS
from vaa_ros.core.input_events import SPACEMOUSE_EVENTS
from vaa_ros.core.teleop_mapping import GamepadJog
from vaa_ros.core.teleop_mapping import GamepadLayout

STICK = (-32768.0, 32767.0)
RANGES = {0: STICK, 1: STICK, 2: (0.0, 255.0), 3: STICK, 4: STICK, 5: (0.0, 255.0),
          16: (-1.0, 1.0), 17: (-1.0, 1.0)}
ABS_Y, ABS_RY, BTN_A, BTN_LB, BTN_START = 1, 4, 304, 310, 315


def test_a_pad_read_directly_drives_as_one_behind_joy() -> None:
    pad, state = GamepadJog(), EventState(GAMEPAD_EVENTS, RANGES)
    state.event(EV_KEY, BTN_LB, 1)
    state.event(EV_ABS, ABS_Y, -32768)
    state.event(EV_ABS, ABS_RY, 32767)
    state.event(EV_KEY, BTN_A, 1)
    pad.update(state.axes, state.buttons, 0.0)
    jog = pad.jog(0.0)
    assert jog.engaged
    assert jog.tool == pytest.approx([1, 0, -1, 0, 0, 0], abs=1e-3)
    assert jog.gripper == -1.0
    state.event(EV_KEY, BTN_LB, 0)
    pad.update(state.axes, state.buttons, 0.1)
    assert not pad.jog(0.1).engaged


def test_every_button_of_the_layout_is_there() -> None:
    state = EventState(GAMEPAD_EVENTS, RANGES)
    state.event(EV_KEY, BTN_START, 1)
    assert state.buttons[GamepadLayout().home] == 1


def test_a_spacemouse_is_turned_to_forwards_left_up() -> None:
    state = EventState(SPACEMOUSE_EVENTS, {})
    for code, value in ((1, -350), (0, -175), (2, -350), (4, -350), (3, -175), (5, -35)):
        state.event(EV_REL, code, value)
    assert state.axes == pytest.approx([1.0, 0.5, 1.0, 1.0, 0.5, 0.1])
    state.event(EV_KEY, 257, 1)
    assert state.buttons == [0, 1]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 400), st.integers(-2**31, 2**31))))
def test_no_event_leads_out_of_range(events: list[tuple[int, int, int]]) -> None:
    for layout, ranges in ((GAMEPAD_EVENTS, RANGES), (SPACEMOUSE_EVENTS, {})):
        state = EventState(layout, ranges)
        for event in events:
            state.event(*event)
        assert all(-1.0 <= value <= 1.0 for value in state.axes)
        assert set(state.buttons) <= {0, 1}
