# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Keys and sticks to jogs.
"""
from __future__ import annotations

import itertools
import math
from pathlib import Path
import sys
import threading

import numpy as np
import pytest

from vaa_ros.core.teleop_mapping import GAMEPAD_HELP
from vaa_ros.core.teleop_mapping import GAMEPAD_JOINT_HELP
from vaa_ros.core.teleop_mapping import GamepadJog
from vaa_ros.core.teleop_mapping import GamepadLayout
from vaa_ros.core.teleop_mapping import GRIPPER_KEYS
from vaa_ros.core.teleop_mapping import JOINT_KEYS
from vaa_ros.core.teleop_mapping import KEY_HELP
from vaa_ros.core.teleop_mapping import KEY_HOLD_S
from vaa_ros.core.teleop_mapping import KeyboardJog
from vaa_ros.core.teleop_mapping import TOOL_KEYS

DEADMAN = [0, 0, 0, 0, 1, 0, 0, 0]


def axes(**values: float) -> list[float]:
    result = [0.0] * 8
    for name, value in values.items():
        result[int(name[1:])] = value
    return result


@pytest.mark.parametrize('key', TOOL_KEYS)
def test_a_tool_key_moves_one_axis_while_it_is_held(key: str) -> None:
    keys = KeyboardJog()
    keys.press(key, 1.0)
    jog = keys.jog(1.1)
    axis, sign = TOOL_KEYS[key]
    assert jog.engaged
    assert jog.tool[axis] == sign
    assert np.count_nonzero(jog.tool) == 1
    later = keys.jog(1.0 + KEY_HOLD_S + 0.01)
    assert not later.tool.any()
    assert later.engaged, 'the arm stays held, and is told to stay'


def test_joints_gripper_and_home() -> None:
    keys = KeyboardJog()
    keys.press('2', 0.0)
    keys.press('$', 0.0)
    keys.press('[', 0.0)
    keys.press('h', 0.0)
    jog = keys.jog(0.0)
    assert jog.joints == {1: 1.0, 3: -1.0}
    assert jog.gripper == -1.0
    assert jog.home


def test_a_key_pressed_since_the_tick_began_counts() -> None:
    keys = KeyboardJog()
    keys.press('w', 1.000001)
    assert keys.jog(1.0).tool[0] == 1.0


def test_keys_may_be_pressed_by_one_thread_and_asked_for_by_another() -> None:
    keys, ended = KeyboardJog(), threading.Event()

    def press() -> None:
        for key in itertools.cycle([*TOOL_KEYS, ' ']):
            if ended.is_set():
                return
            keys.press(key, 0.0)

    thread, interval = threading.Thread(target=press), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread.start()
    try:
        for _ in range(3000):
            assert np.abs(keys.jog(0.0).tool).max() <= 1.0
    finally:
        ended.set()
        thread.join()
        sys.setswitchinterval(interval)


def test_opposite_keys_cancel() -> None:
    keys = KeyboardJog()
    keys.press('w', 0.0)
    keys.press('s', 0.0)
    assert not keys.jog(0.0).tool.any()


@pytest.mark.parametrize('key', [' ', 'x'])
def test_stop_lets_go_at_once(key: str) -> None:
    keys = KeyboardJog()
    keys.press('w', 0.0)
    keys.press(key, 0.01)
    jog = keys.jog(0.02)
    assert not jog.engaged
    assert not jog.tool.any()


@pytest.mark.parametrize('key', ['q', '\x03', '\x04'])
def test_quit(key: str) -> None:
    keys = KeyboardJog()
    assert not keys.quit
    keys.press(key, 0.0)
    assert keys.quit


def test_speed_stays_within_bounds() -> None:
    keys = KeyboardJog()
    for _ in range(50):
        keys.press('-', 0.0)
    keys.press('w', 0.0)
    assert keys.jog(0.0).tool[0] == pytest.approx(0.05)
    for _ in range(50):
        keys.press('+', 0.0)
    keys.press('w', 1.0)
    assert keys.jog(1.0).tool[0] == 1.0


def test_unknown_keys_do_nothing() -> None:
    keys = KeyboardJog()
    for key in ('z', '\x1b[A', 'ß', ''):
        keys.press(key, 0.0)
    assert not keys.jog(0.0).engaged


def test_the_help_names_every_letter() -> None:
    for key in [*TOOL_KEYS, *GRIPPER_KEYS, 'h', 'q']:
        assert f' {key} ' in f'{KEY_HELP} '.replace('\n', ' ')
    assert '1' in JOINT_KEYS


def test_no_motion_without_the_deadman_button() -> None:
    pad = GamepadJog()
    pad.update(axes(a1=1.0), [0] * 8, 0.0)
    jog = pad.jog(0.0)
    assert not jog.engaged
    assert not jog.tool.any()


def test_sticks_move_the_tool_beyond_the_dead_zone() -> None:
    pad = GamepadJog()
    pad.update(axes(a1=1.0, a0=-0.05, a4=-0.5), DEADMAN, 0.0)
    jog = pad.jog(0.1)
    assert jog.engaged
    assert jog.tool[0] == 1.0
    assert jog.tool[1] == 0.0
    assert -0.5 < jog.tool[2] < -0.3


def test_lets_go_when_messages_stop() -> None:
    pad = GamepadJog(timeout_s=0.3)
    pad.update(axes(a1=1.0), DEADMAN, 0.0)
    assert pad.jog(0.3).engaged
    assert not pad.jog(0.31).engaged


def test_a_message_that_came_since_the_tick_began_counts() -> None:
    pad = GamepadJog()
    pad.update(axes(a1=1.0), DEADMAN, 1.000001)
    assert pad.jog(1.0).tool[0] == 1.0


def test_releasing_the_deadman_lets_go() -> None:
    pad = GamepadJog()
    pad.update(axes(a1=1.0), DEADMAN, 0.0)
    pad.update(axes(a1=1.0), [0] * 8, 0.01)
    assert not pad.jog(0.01).engaged


@pytest.mark.parametrize(('sticks', 'buttons'), [
    ([], []), ([1.0], []), ([math.nan] * 8, DEADMAN), ([math.inf] * 8, DEADMAN),
    ([9.0] * 8, DEADMAN)])
def test_odd_messages_never_move_faster_than_full(sticks: list, buttons: list) -> None:
    pad = GamepadJog()
    pad.update(sticks, buttons, 0.0)
    tool = pad.jog(0.0).tool
    assert np.isfinite(tool).all()
    assert np.abs(tool).max() <= 1.0


def test_gripper_buttons_and_home() -> None:
    pad = GamepadJog()
    pad.update(axes(), [1, 0, 0, 0, 1, 0, 0, 1], 0.0)
    assert pad.jog(0.0).gripper == -1.0
    assert pad.jog(0.0).home
    pad.update(axes(), [0, 1, 0, 0, 1, 0, 0, 0], 0.0)
    assert pad.jog(0.0).gripper == 1.0


def test_without_kinematics_sticks_move_a_pair_of_joints() -> None:
    pad = GamepadJog(joints=(0, 1, 2, 4, 5))
    assert pad.selected == (0, 1)
    pad.update(axes(a1=1.0, a4=-1.0, a0=1.0, a3=1.0), DEADMAN, 0.0)
    jog = pad.jog(0.0)
    assert jog.joints == {0: 1.0, 1: -1.0}
    assert not jog.tool.any() and jog.engaged
    pad.update(axes(a1=1.0), [0] * 8, 0.0)
    assert not pad.jog(0.0).engaged, 'the deadman holds for joints too'


@pytest.mark.parametrize(('pushes', 'selected'), [
    ([-1], (2, 4)), ([-1, -1], (5,)), ([-1, -1, -1], (0, 1)), ([1], (5,)), ([-1, 1], (0, 1))])
def test_the_cross_selects_the_pair_once_for_each_push(
    pushes: list[float], selected: tuple[int, ...],
) -> None:
    pad = GamepadJog(joints=(0, 1, 2, 4, 5))
    for side in pushes:
        for _ in range(3):  # joy_node repeats what is held
            pad.update(axes(a6=side), [0] * 8, 0.0)
        pad.update(axes(), [0] * 8, 0.0)
    assert pad.selected == selected
    pad.update(axes(a1=1.0, a4=1.0), DEADMAN, 0.0)
    assert pad.jog(0.0).joints == dict.fromkeys(selected, 1.0)


def test_the_pair_does_not_change_under_a_moving_stick() -> None:
    pad = GamepadJog(joints=(0, 1, 2, 3))
    pad.update(axes(a1=1.0, a6=-1.0), DEADMAN, 0.0)
    assert pad.selected == (0, 1)


def test_with_kinematics_no_joints_are_selected() -> None:
    assert GamepadJog().selected == ()


@pytest.mark.parametrize('layout', [KEY_HELP, GAMEPAD_HELP, GAMEPAD_JOINT_HELP],
                         ids=['keys', 'gamepad', 'gamepad joints'])
def test_the_document_shows_the_layouts_as_they_are(layout: str) -> None:
    root = Path(__file__).resolve().parents[2]
    assert layout in (root / 'doc' / 'teleoperation.md').read_text(encoding='utf-8')
    assert '(doc/teleoperation.md)' in (root / 'README.md').read_text(encoding='utf-8')


def test_the_gamepad_help_names_the_buttons_of_the_layout() -> None:
    xbox = {0: 'A', 1: 'B', 4: 'LB', 7: 'start'}
    layout = GamepadLayout()
    for help_text in (GAMEPAD_HELP, GAMEPAD_JOINT_HELP):
        assert f'{xbox[layout.deadman]}            hold' in help_text
        assert f'{xbox[layout.close]} {xbox[layout.open]}           close, open' in help_text
        assert f'{xbox[layout.home]}         home' in help_text


def test_buttons_change_the_speed_once_a_press() -> None:
    pad = GamepadJog()
    forwards = axes(a1=1.0)

    def press(button: int | None = None) -> float:
        buttons = [*DEADMAN]
        if button is not None:
            buttons[button] = 1
        pad.update(forwards, buttons, 0.0)
        return float(pad.jog(0.0).tool[0])

    assert press() == 1.0
    assert press(2) == press(2) == pytest.approx(0.8)
    press()
    assert press(2) == pytest.approx(0.64)
    press()
    assert press(3) == pytest.approx(0.8)
    for _ in range(50):
        press()
        press(2)
    assert pad.speed == 0.05
    for _ in range(50):
        press()
        press(3)
    assert pad.speed == 1.0


def test_a_button_swaps_tool_and_joints_with_the_sticks_at_rest() -> None:
    pad = GamepadJog(joints=(0, 1, 2), tool=True)
    back = [*DEADMAN]
    back[6] = 1
    forwards = axes(a1=1.0)
    pad.update(forwards, DEADMAN, 0.0)
    assert pad.jog(0.0).tool[0] == 1.0 and pad.selected == ()
    pad.update(forwards, back, 0.0)
    assert pad.selected == ()
    pad.update(axes(), DEADMAN, 0.0)
    pad.update(axes(), back, 0.0)
    assert pad.selected == (0, 1)
    pad.update(forwards, back, 0.0)
    assert pad.jog(0.0).joints == {0: 1.0}
    assert not pad.jog(0.0).tool.any()
    only = GamepadJog(joints=(0, 1))
    only.update(axes(), back, 0.0)
    assert only.selected == (0, 1)
