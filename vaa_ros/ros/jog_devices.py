# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a person jogs with: keys of a terminal, a gamepad, a 3D mouse; by topic or read directly.
"""
from __future__ import annotations

from collections.abc import Callable
import time
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import Joy

from vaa_ros.core.errors import RosError
from vaa_ros.core.spacemouse import SPACEMOUSE_HELP
from vaa_ros.core.spacemouse import SpaceMouseJog
from vaa_ros.core.teleop_mapping import GAMEPAD_HELP
from vaa_ros.core.teleop_mapping import GAMEPAD_JOINT_HELP
from vaa_ros.core.teleop_mapping import GamepadJog
from vaa_ros.core.teleop_mapping import Jog
from vaa_ros.core.teleop_mapping import KEY_HELP
from vaa_ros.core.teleop_mapping import KeyboardJog
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.terminal import TerminalKeys


class JogDevice:
    """
    A device and its mapping.

    :param name: what it is, for the status.
    :param mapping: what its keys, sticks and buttons mean.
    :param stop: gives it back.
    """

    def __init__(self, name: str, mapping: Any,
                 stop: Callable[[], object] = lambda: None) -> None:
        self.name = name
        self.stop = stop
        self._mapping = mapping

    @property
    def speed(self) -> float:
        """
        Give the fraction of the speed that was chosen on the device.
        """
        return self._mapping.speed

    @property
    def moves(self) -> str:
        """
        Say what it moves: ``tool`` or ``joints``.
        """
        return 'joints' if getattr(self._mapping, 'selected', ()) else 'tool'

    def jog(self, now_s: float) -> Jog:
        """
        Give what the person asks for now.

        :param now_s: the present [s].
        """
        return self._mapping.jog(now_s)


def open_keyboard(node: Any) -> JogDevice:
    """
    Read the keys of the terminal that the node runs in.

    :raises RosError: where there is none.
    """
    keys = KeyboardJog()

    def on_key(key: str) -> None:
        keys.press(key, time.monotonic())
        if keys.quit:
            node.finished.set()

    reader = TerminalKeys(on_key)
    if not reader.start():
        raise RosError('mode keyboard needs a terminal, and standard input is none; start '
                       'teleop in a terminal of its own, or use mode:=gamepad')
    node.get_logger().info(f'keys:\n{KEY_HELP}')
    return JogDevice('keyboard', keys, reader.stop)


def open_gamepad(node: Any, joints: tuple[int, ...], tool: bool) -> JogDevice:
    """
    Take a gamepad from the topic ``joy``, or read it directly.

    :param node: the node.
    :param joints: indices of the joints that it may move two at a time.
    :param tool: whether it may move the tool.
    """
    pad = GamepadJog(node.value('joy_timeout_s'), joints=joints, tool=tool)
    names = node.robot.joint_names

    def tell() -> None:
        moved = [f'{stick} stick: {names[joint]}'
                 for stick, joint in zip(('left', 'right'), pad.selected, strict=False)]
        node.get_logger().info(', '.join(moved) or 'sticks: the tool')

    def update(axes: Any, buttons: Any) -> None:
        before = pad.selected
        pad.update(axes, buttons, time.monotonic())
        if pad.selected != before:
            tell()

    node.get_logger().info(f'gamepad:\n{GAMEPAD_JOINT_HELP if not tool else GAMEPAD_HELP}')
    tell()
    return _joy(node, 'gamepad', 'joy', pad, update)


def open_spacemouse(node: Any) -> JogDevice:
    """
    Take a 3D mouse from the topic ``spacenav/joy``, or read it directly.
    """
    mouse = SpaceMouseJog(node.value('joy_timeout_s'))
    node.get_logger().info(f'3D mouse:\n{SPACEMOUSE_HELP}')
    return _joy(node, 'spacemouse', 'spacenav/joy', mouse,
                lambda axes, buttons: mouse.update(axes, buttons, time.monotonic()))


def _joy(node: Node, kind: str, topic: str, mapping: Any,
         update: Callable[[Any, Any], None]) -> JogDevice:
    path = node.value('device')
    if not path:
        node.create_subscription(
            Joy, topic, lambda message: update(message.axes, message.buttons), EVENTS)
        return JogDevice(f'{kind} on {topic}', mapping)
    from vaa_ros.ros.input_device import InputDevice
    device = InputDevice(kind, path, update, node.trouble)
    return JogDevice(f'{kind} {device.name}', mapping, device.stop)
