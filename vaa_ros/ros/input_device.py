# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Gamepads and 3D mice read directly from /dev/input: the one file that imports evdev.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from contextlib import closing
import select
import threading
from typing import Any

from vaa_ros.core.errors import RosError
from vaa_ros.core.input_events import EV_ABS
from vaa_ros.core.input_events import EV_KEY
from vaa_ros.core.input_events import EventLayout
from vaa_ros.core.input_events import EventState
from vaa_ros.core.input_events import GAMEPAD_EVENTS
from vaa_ros.core.input_events import SPACEMOUSE_EVENTS

AUTO = 'auto'
REPEAT_S = 0.03
LOOK_AGAIN_S = 1.0
SPACEMOUSE_MAKERS = (0x046d, 0x256f)
"""Logitech, who sold them once, and 3Dconnexion."""

OnState = Callable[[Sequence[float], Sequence[int]], None]


class InputDevice:
    """
    Tells the axes and buttons of a device again and again, from a thread of its own.

    A device that is pulled out is silent, and is taken again when it is back.

    :param kind: ``gamepad`` or ``spacemouse``.
    :param path: ``/dev/input/event*``, or ``auto`` for the first that fits.
    :param on_state: called with axes and buttons, at every change and at least every 0.03 s.
    :param on_trouble: called with a line when the device is gone.
    :raises RosError: if evdev is not installed, or there is no such device; lists what there is.
    """

    def __init__(self, kind: str, path: str, on_state: OnState,
                 on_trouble: Callable[[str], None]) -> None:
        self._kind, self._path = kind, path
        self._on_state, self._on_trouble = on_state, on_trouble
        self._layout = layout_of(kind)
        self._device = open_device(kind, path)
        self.name = str(self._device.name)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=kind, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """
        Give the device back.
        """
        self._ended.set()
        self._thread.join(1.0)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                with closing(self._device) as device:
                    self._read(device, EventState(self._layout, ranges_of(device)))
            except OSError as problem:
                self._on_trouble(f'{self._kind} {self.name} is gone: {problem}')
            while not self._ended.wait(LOOK_AGAIN_S):
                try:
                    self._device = open_device(self._kind, self._path)
                    break
                except RosError:
                    continue

    def _read(self, device: Any, state: EventState) -> None:
        while not self._ended.is_set():
            if select.select([device.fd], [], [], REPEAT_S)[0]:
                for event in device.read():
                    state.event(event.type, event.code, event.value)
            self._on_state(list(state.axes), list(state.buttons))


def layout_of(kind: str) -> EventLayout:
    """
    Give which event is which axis and button.
    """
    return GAMEPAD_EVENTS if kind == 'gamepad' else SPACEMOUSE_EVENTS


def ranges_of(device: Any) -> dict[int, tuple[float, float]]:
    """
    Give the range of each axis that tells one, by code.

    :param device: an evdev device.
    """
    axes = device.capabilities(absinfo=True).get(EV_ABS, [])
    return {code: (float(info.min), float(info.max)) for code, info in axes
            if info.max > info.min}


def fits(kind: str, device: Any) -> bool:
    """
    Tell whether a device is a gamepad or a 3D mouse.

    :param kind: which of them.
    :param device: an evdev device.
    """
    keys = device.capabilities().get(EV_KEY, [])
    if kind == 'gamepad':
        return GAMEPAD_EVENTS.buttons[0] in keys and GAMEPAD_EVENTS.buttons[4] in keys
    return (device.info.vendor in SPACEMOUSE_MAKERS
            and all(code in keys for code in SPACEMOUSE_EVENTS.buttons))


def open_device(kind: str, path: str) -> Any:
    """
    Open a device.

    :param kind: ``gamepad`` or ``spacemouse``.
    :param path: ``/dev/input/event*``, or ``auto``.
    :return: the evdev device.
    :raises RosError: if there is none; lists those that there are.
    """
    try:
        import evdev
    except ImportError:
        raise RosError(f'mode {kind} with a device of its own needs the library evdev: '
                       "pip install 'vaa_ros[teleop]', or use the topic (device empty)") from None
    there = []
    for name in [path] if path != AUTO else sorted(evdev.list_devices()):
        try:
            device = evdev.InputDevice(name)
        except OSError as problem:
            there.append(f'{name} ({problem.strerror})')
            continue
        if path != AUTO or fits(kind, device):
            return device
        there.append(f'{name} ({device.name})')
        device.close()
    raise RosError(f'no {kind} at device {path}; there is: {", ".join(there) or "none"}. '
                   'Reading /dev/input needs the group input')
