# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a person's keys, sticks and buttons mean: directions to jog the arm in.

Values are fractions of the jog speeds, from -1 to 1; the robot's limits are applied later.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
import math

import numpy as np

KEY_HOLD_S = 0.25
"""How long a key counts as held: longer than a terminal's repeat period of about 0.03 s."""

DEAD_ZONE = 0.12

TOOL_KEYS = {
    'w': (0, 1), 's': (0, -1), 'a': (1, 1), 'd': (1, -1), 'r': (2, 1), 'f': (2, -1),
    'u': (3, 1), 'o': (3, -1), 'i': (4, 1), 'k': (4, -1), 'j': (5, 1), 'l': (5, -1),
}
JOINT_KEYS = {
    key: (joint, sign) for sign, keys in ((1, '12345678'), (-1, '!@#$%^&*'))
    for joint, key in enumerate(keys)
}
GRIPPER_KEYS = {'[': -1, ']': 1}
HOME_KEY = 'h'
STOP_KEYS = (' ', 'x')
QUIT_KEYS = ('q', '\x03', '\x04')

KEY_HELP = """\
  w s   tool forwards, back (x)        u o   roll
  a d   tool left, right (y)           i k   pitch
  r f   tool up, down (z)              j l   yaw
  1-6   joint onwards                  !-^   joint back (shift)
  [ ]   close, open the gripper        h     home
  + -   faster, slower                 space stop and let go
  q     quit"""

GAMEPAD_HELP = """\
  LB            hold for any motion (deadman)
  left stick    tool forwards, back; left, right
  right stick   tool up, down; yaw
  cross         roll (left, right), pitch (up, down)
  A B           close, open the gripper
  X Y           slower, faster
  back          sticks move joints instead of the tool, and back (with both at rest)
  start         home"""

GAMEPAD_JOINT_HELP = """\
  LB            hold for any motion (deadman)
  left stick    first joint of the pair: up onwards, down back
  right stick   second joint of the pair: up onwards, down back
  cross         left, right: the pair before, the next pair (with both sticks at rest)
  A B           close, open the gripper
  X Y           slower, faster
  start         home"""

SPEED_STEP = 1.25
SLOWEST = 0.05


def change_speed(speed: float, steps: int) -> float:
    """
    Make a speed faster or slower, from a twentieth to all of it.

    :param speed: the fraction of the speed.
    :param steps: how many steps faster; below 0 slower.
    :return: the new fraction.
    """
    return min(max(speed * SPEED_STEP ** steps, SLOWEST), 1.0)


@dataclass(frozen=True, eq=False)
class Jog:
    """
    Where to go, as fractions of the jog speeds.

    :param tool: vx vy vz wx wy wz (6,) in the base frame.
    :param joints: a direction for some joints by index.
    :param gripper: below 0 closes, above 0 opens.
    :param home: go home instead.
    :param engaged: whether a person has hold of the arm at all.
    """

    tool: np.ndarray = field(default_factory=lambda: np.zeros(6))
    joints: dict[int, float] = field(default_factory=dict)
    gripper: float = 0.0
    home: bool = False
    engaged: bool = False


class KeyboardJog:
    """
    Keys of a terminal, which tells presses but no releases.

    The first motion key takes hold of the arm; space or x lets go. One thread may press while
    another asks for the jog: what is pressed is replaced, never changed.
    """

    def __init__(self) -> None:
        self.speed = 1.0
        self.quit = False
        self._pressed: dict[str, float] = {}
        self._engaged = False

    def press(self, key: str, now_s: float) -> None:
        """
        Take a key press.

        :param key: one character.
        :param now_s: the present [s].
        """
        if key in QUIT_KEYS:
            self.quit = True
        elif key in STOP_KEYS:
            self._pressed, self._engaged = {}, False
        elif key in ('+', '='):
            self.speed = change_speed(self.speed, 1)
        elif key in ('-', '_'):
            self.speed = change_speed(self.speed, -1)
        elif key in TOOL_KEYS or key in JOINT_KEYS or key in GRIPPER_KEYS or key == HOME_KEY:
            self._pressed, self._engaged = {**self._pressed, key: now_s}, True

    def jog(self, now_s: float) -> Jog:
        """
        Give what the keys held now ask for.

        :param now_s: the present [s].
        :return: the jog.
        """
        held = [key for key, at_s in self._pressed.items() if now_s - at_s < KEY_HOLD_S]
        tool = np.zeros(6)
        joints: dict[int, float] = {}
        gripper = 0.0
        for key in held:
            if key in TOOL_KEYS:
                axis, sign = TOOL_KEYS[key]
                tool[axis] += sign * self.speed
            elif key in JOINT_KEYS:
                joint, sign = JOINT_KEYS[key]
                joints[joint] = joints.get(joint, 0.0) + sign * self.speed
            else:
                gripper += GRIPPER_KEYS.get(key, 0) * self.speed
        return Jog(tool, joints, gripper, HOME_KEY in held, self._engaged)


@dataclass(frozen=True)
class GamepadLayout:
    """
    Which axis and button of a Joy message does what; the default fits Xbox pads under Linux.

    :param x: axis of tool x; sticks count up and left as positive.
    :param y: axis of tool y.
    :param z: axis of tool z.
    :param roll: axis of roll.
    :param pitch: axis of pitch.
    :param yaw: axis of yaw.
    :param deadman: button to be held for any motion.
    :param close: button that closes the gripper.
    :param open: button that opens it.
    :param slower: button that slows every motion.
    :param faster: button that hastens it.
    :param swap: button that changes between the tool and the joints.
    :param home: button that goes home.
    """

    x: int = 1
    y: int = 0
    z: int = 4
    yaw: int = 3
    roll: int = 6
    pitch: int = 7
    deadman: int = 4
    close: int = 0
    open: int = 1
    slower: int = 2
    faster: int = 3
    swap: int = 6
    home: int = 7


class GamepadJog:
    """
    A gamepad with a deadman button; lets go when its messages stop.

    :param timeout_s: how old the newest message may be [s].
    :param layout: which axis and button does what.
    :param joints: indices of the joints that may be moved, two at a time.
    :param tool: whether the tool may be moved, which comes first then; not on arms without
        kinematics. None means: if there are no joints.
    """

    def __init__(self, timeout_s: float = 0.3, layout: GamepadLayout | None = None,
                 joints: Sequence[int] = (), tool: bool | None = None) -> None:
        self.speed = 1.0
        """Fraction of the speed, chosen by buttons."""
        self._timeout_s = timeout_s
        self._layout = layout or GamepadLayout()
        self._jog = Jog()
        self._at_s = -math.inf
        self._pairs = [tuple(joints[i:i + 2]) for i in range(0, len(joints), 2)]
        self._pair = 0
        self._side = 0.0
        tool = not self._pairs if tool is None else tool
        self._may_swap = tool and bool(self._pairs)
        self._by_joint = not tool
        self._before: dict[str, bool] = {}

    @property
    def selected(self) -> tuple[int, ...]:
        """
        Give the joints that the sticks move: left, right; none where they move the tool.
        """
        return self._pairs[self._pair] if self._by_joint and self._pairs else ()

    def update(self, axes: Sequence[float], buttons: Sequence[int], now_s: float) -> None:
        """
        Take a Joy message.

        :param axes: stick positions, -1 to 1.
        :param buttons: 1 where pressed.
        :param now_s: the present [s].
        """
        layout = self._layout

        def axis(index: int) -> float:
            value = float(axes[index]) if index < len(axes) else 0.0
            if not math.isfinite(value) or abs(value) < DEAD_ZONE:
                return 0.0
            return min(max((abs(value) - DEAD_ZONE) / (1.0 - DEAD_ZONE), 0.0), 1.0) * (
                1.0 if value > 0 else -1.0)

        def button(index: int) -> bool:
            return index < len(buttons) and bool(buttons[index])

        sticks = axis(layout.x), axis(layout.z)
        pressed = {name: button(getattr(layout, name)) for name in ('slower', 'faster', 'swap')}
        new = {name for name, now in pressed.items() if now and not self._before.get(name)}
        self._before = pressed
        self.speed = change_speed(self.speed, ('faster' in new) - ('slower' in new))
        if 'swap' in new and self._may_swap and not any(sticks):
            self._by_joint = not self._by_joint
        if self._by_joint:
            self._select(axis(layout.roll), any(sticks))
        self._jog = self._asked(axis, button, sticks) if button(layout.deadman) else Jog()
        # Last: another thread may ask meanwhile, and what was old stays so until it is replaced.
        self._at_s = now_s

    def _asked(self, axis: Callable[[int], float], button: Callable[[int], bool],
               sticks: tuple[float, float]) -> Jog:
        """
        Give what is asked for while the deadman button is held.
        """
        layout = self._layout
        tool, joints = np.zeros(6), {}
        if self._by_joint:
            joints = {joint: part * self.speed
                      for joint, part in zip(self.selected, sticks, strict=False) if part}
        else:
            tool = self.speed * np.array([axis(getattr(layout, name)) for name in (
                'x', 'y', 'z', 'roll', 'pitch', 'yaw')])
        gripper = self.speed * (float(button(layout.open)) - float(button(layout.close)))
        return Jog(tool, joints, gripper, button(layout.home), True)

    def _select(self, side: float, moving: bool) -> None:
        """
        Take the next pair of joints for each push of the cross to the right, but not in motion.
        """
        before, self._side = self._side, side
        if side and not before and not moving and self._pairs:
            self._pair = (self._pair + (1 if side < 0 else -1)) % len(self._pairs)

    def jog(self, now_s: float) -> Jog:
        """
        Give what the gamepad asks for now.

        :param now_s: the present [s].
        :return: the jog; not engaged when the newest message is too old.
        """
        return self._jog if now_s - self._at_s <= self._timeout_s else Jog()
