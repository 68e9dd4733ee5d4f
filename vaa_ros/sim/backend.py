# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Choosing the OpenGL backend that MuJoCo draws with.

MuJoCo reads ``MUJOCO_GL`` once, when it is imported, so the choice has to come before that.
"""
from __future__ import annotations

import ctypes
import os
import sys

APT_PACKAGES = 'libegl1 libgl1 libosmesa6'

_EGL_PLATFORM_DEVICE_EXT = 0x313F


def choose_backend() -> str:
    """
    Set ``MUJOCO_GL`` to a backend that works without a screen, unless it is set already.

    EGL is tried first, then OSMesa. Where neither works, or MuJoCo is imported already, the
    variable is left unset: physics still runs, and the first picture fails with an error that
    says what to do.

    :return: the value of ``MUJOCO_GL`` afterwards, ``''`` for unset.
    """
    chosen = os.environ.get('MUJOCO_GL', '')
    if chosen or not sys.platform.startswith('linux') or 'mujoco' in sys.modules:
        return chosen  # Imported MuJoCo has made its choice: setting it now would only confuse.
    if _egl_works():
        chosen = 'egl'
    elif _loads('libOSMesa.so.8', 'libOSMesa.so.6', 'libOSMesa.so'):
        chosen = 'osmesa'
    if chosen:
        os.environ['MUJOCO_GL'] = chosen
    return chosen


def no_backend_message(problem: object) -> str:
    """
    Say why no picture can be drawn and what to do.

    :param problem: what MuJoCo or OpenGL said.
    :return: one line for a person.
    """
    found = os.environ.get('MUJOCO_GL', '') or 'unset'
    return (f'the simulator cannot draw pictures with MUJOCO_GL={found}: {problem}. Install a '
            f'software renderer (apt-get install {APT_PACKAGES}) and unset MUJOCO_GL, or set it '
            'to egl, osmesa or glfw before Python starts; where mujoco is imported before '
            'vaa_ros.sim, change the order or set MUJOCO_GL=egl')


def _loads(*names: str) -> bool:
    for name in names:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def _egl_works() -> bool:
    # A library that loads is not enough: containers ship libEGL without any driver. This asks
    # for a display on any device, which is what MuJoCo does when it is imported.
    try:
        egl = ctypes.CDLL('libEGL.so.1')
        find = egl.eglGetProcAddress
    except (OSError, AttributeError):
        return False
    find.restype = ctypes.c_void_p
    find.argtypes = [ctypes.c_char_p]
    addresses = [find(name) for name in (b'eglQueryDevicesEXT', b'eglGetPlatformDisplayEXT')]
    if not all(addresses):
        return False
    pointer = ctypes.c_void_p
    query = ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_int32, ctypes.POINTER(pointer),
                             ctypes.POINTER(ctypes.c_int32))(addresses[0])
    display_of = ctypes.CFUNCTYPE(pointer, ctypes.c_uint, pointer, pointer)(addresses[1])
    egl.eglInitialize.argtypes = [pointer, pointer, pointer]
    devices = (pointer * 16)()
    count = ctypes.c_int32()
    if not query(len(devices), devices, ctypes.byref(count)):
        return False
    for device in devices[:count.value]:
        display = display_of(_EGL_PLATFORM_DEVICE_EXT, device, None)
        if display and egl.eglInitialize(display, None, None):
            return True
    return False
