# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Gamepads, 3D mice and foot pedals read directly from /dev/input: the one file that imports evdev.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import closing
import select
import threading
from typing import Any

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import RosError
from vaa_ros.core.input_events import EV_ABS
from vaa_ros.core.input_events import EV_KEY
from vaa_ros.core.input_events import EventLayout
from vaa_ros.core.input_events import EventState
from vaa_ros.core.input_events import GAMEPAD_EVENTS
from vaa_ros.core.input_events import SPACEMOUSE_EVENTS

AUTO = 'auto'
PRESSED = 1
"""The value of a key event; 0 is released, 2 repeated."""
STICKS = ('gamepad', 'spacemouse')
"""Devices that may come over a topic instead."""
REPEAT_S = 0.03
LOOK_AGAIN_S = 1.0
SPACEMOUSE_MAKERS = (0x046d, 0x256f)
"""Logitech, who sold them once, and 3Dconnexion."""

OnState = Callable[[Sequence[float], Sequence[int]], None]


class DeviceReader:
    """
    Reads one device in a thread of its own.

    A device that is pulled out is silent, and is taken again when it is back.

    :param kind: ``gamepad``, ``spacemouse`` or ``foot pedal``.
    :param path: ``/dev/input/event*``, or ``auto`` for the first that fits.
    :param on_trouble: called with a line when the device is gone.
    :raises RosError: if evdev is not installed, or there is no such device; lists what there is.
    """

    def __init__(self, kind: str, path: str, on_trouble: Callable[[str], None]) -> None:
        self._kind, self._path = kind, path
        self._on_trouble = on_trouble
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
                    self._read(device)
            except OSError as problem:
                self._on_trouble(f'{self._kind} {self.name} is gone: {problem}')
            while not self._ended.wait(LOOK_AGAIN_S):
                try:
                    self._device = open_device(self._kind, self._path)
                    break
                except RosError:
                    continue

    def _read(self, device: Any) -> None:
        raise NotImplementedError


class InputDevice(DeviceReader):
    """
    Tells the axes and buttons of a gamepad or 3D mouse again and again.

    :param kind: ``gamepad`` or ``spacemouse``.
    :param path: ``/dev/input/event*``, or ``auto`` for the first that fits.
    :param on_state: called with axes and buttons, at every change and at least every 0.03 s.
    :param on_trouble: called with a line when the device is gone.
    :raises RosError: if evdev is not installed, or there is no such device; lists what there is.
    """

    def __init__(self, kind: str, path: str, on_state: OnState,
                 on_trouble: Callable[[str], None]) -> None:
        self._on_state, self._layout = on_state, layout_of(kind)
        super().__init__(kind, path, on_trouble)

    def _read(self, device: Any) -> None:
        state = EventState(self._layout, ranges_of(device))
        while not self._ended.is_set():
            if select.select([device.fd], [], [], REPEAT_S)[0]:
                for event in device.read():
                    state.event(event.type, event.code, event.value)
            self._on_state(list(state.axes), list(state.buttons))


class FootPedal(DeviceReader):
    """
    Tells which keys of a device are pressed: a foot pedal, or anything else with keys.

    What it types goes nowhere else, since pedals type letters. A gamepad is left to others too.

    :param path: ``/dev/input/event*``, or a link to it below ``/dev/input/by-id``.
    :param on_press: called with the code of the key, once a press.
    :param on_trouble: called with a line when the device is gone.
    :raises RosError: if evdev is not installed, or there is no such device; lists what there is.
    """

    def __init__(self, path: str, on_press: Callable[[int], None],
                 on_trouble: Callable[[str], None]) -> None:
        self._on_press = on_press
        super().__init__('foot pedal', path, on_trouble)

    def _read(self, device: Any) -> None:
        if not fits('gamepad', device):
            device.grab()
        while not self._ended.is_set():
            if select.select([device.fd], [], [], LOOK_AGAIN_S / 10)[0]:
                for event in device.read():
                    if event.type == EV_KEY and event.value == PRESSED:
                        self._on_press(event.code)


def key_codes(actions: Mapping[str, str], where: str) -> dict[int, str]:
    """
    Turn names of keys into their codes.

    :param actions: action by name, such as ``KEY_B`` or ``BTN_TR``.
    :param where: the parameter, for errors.
    :return: action by code.
    :raises ConfigError: if there is no such key.
    :raises RosError: if evdev is not installed.
    """
    codes = library('foot pedal').ecodes.ecodes
    for name in actions:
        if name not in codes or not name.startswith(('KEY_', 'BTN_')):
            raise ConfigError(f'{where}: there is no key {name}. Names are those of '
                              'linux/input-event-codes.h, such as KEY_B or BTN_TR; evtest shows '
                              'what a device sends')
    return {int(codes[name]): action for name, action in actions.items()}


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
    evdev = library(kind)
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


def library(kind: str) -> Any:
    """
    Give the module evdev.

    :param kind: what it is needed for.
    :raises RosError: if it is not installed.
    """
    try:
        import evdev
    except ImportError:
        besides = ', or use the topic (device empty)' if kind in STICKS else ''
        raise RosError(f'a {kind} that is read directly needs the library evdev: pip install '
                       f"'vaa_ros[teleop]'{besides}") from None
    return evdev
