# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Render one picture without a screen; exit 1 with the reason where that fails.

``make setup`` calls it to find out whether the system's OpenGL libraries are there.
"""

from __future__ import annotations

import os
import subprocess
import sys

SCENE = '<mujoco><worldbody><light pos="0 0 2"/><geom size="1"/></worldbody></mujoco>'


def render() -> None:
    """
    Draw a sphere with MuJoCo and see that something was drawn.

    :raises RuntimeError: when the picture is empty.
    """
    import mujoco

    model = mujoco.MjModel.from_xml_string(SCENE)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    renderer = mujoco.Renderer(model, 32, 32)
    renderer.update_scene(data)
    picture = renderer.render()
    renderer.close()
    if not picture.any():
        raise RuntimeError('the picture is black')


def main() -> int:
    """
    Render in a process of its own: a broken driver may end it without a Python error.
    """
    if sys.argv[1:] == ['--here']:
        render()
        return 0
    environment = {'MUJOCO_GL': 'egl', **os.environ}
    child = subprocess.run([sys.executable, __file__, '--here'], env=environment, text=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if child.returncode:
        reason = (child.stderr.strip() or f'exit status {child.returncode}').splitlines()[-1]
        print(f'MUJOCO_GL={environment["MUJOCO_GL"]} does not render: {reason}', file=sys.stderr)
    return 1 if child.returncode else 0


if __name__ == '__main__':
    sys.exit(main())
