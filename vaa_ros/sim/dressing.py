# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How a scene begins: its MuJoCo model, and in it the places of objects, colours and light.
"""
from __future__ import annotations

import mujoco
import numpy as np

from vaa_ros.sim.kinematics import ASSETS
from vaa_ros.sim.scenes import Appearance
from vaa_ros.sim.scenes import OPEN
from vaa_ros.sim.scenes import Task

FINGERS = ('finger_left', 'finger_right')

_HEADLIGHT_AMBIENT = np.array([0.38, 0.38, 0.40])
_KEY_LIGHT = np.array([0.52, 0.51, 0.49])


def load_model(task: Task) -> mujoco.MjModel:
    """
    Build the scene of a task.

    A gripper that opens less than usual has a stop: the fingers cannot be told or pushed to go
    farther.

    :param task: the task.
    :return: its model.
    """
    model = mujoco.MjModel.from_xml_path(str(ASSETS / f'{task.scene or task.name}.xml'))
    if task.widest < OPEN:
        for name in FINGERS:
            model.joint(name).range[1] = task.widest / 2
        model.actuator('gripper').ctrlrange[1] = task.widest
    return model


def dress(model: mujoco.MjModel, look: Appearance) -> None:
    """
    Give a scene the look of an episode.

    :param model: the model of the scene; changed.
    :param look: colours by geom, and the light.
    """
    for name, colour in look.colours.items():
        geom = model.geom(name)
        material = int(geom.matid[0])
        target = geom.rgba if material < 0 else model.mat_rgba[material]
        target[:3] = np.clip(colour, 0.0, 1.0)
    model.light_dir[0] = look.light_direction / np.linalg.norm(look.light_direction)
    relight(model, look.light, look.ambient)


def relight(model: mujoco.MjModel, light: float, ambient: float) -> None:
    """
    Set the brightness of the main light and of that from everywhere, 1 as usual.

    :param model: the model of the scene; changed.
    :param light: of the main light.
    :param ambient: of the light from everywhere.
    """
    model.light_diffuse[0] = light * _KEY_LIGHT
    model.vis.headlight.ambient = ambient * _HEADLIGHT_AMBIENT


def place(model: mujoco.MjModel, data: mujoco.MjData, body: int, pose: np.ndarray) -> None:
    """
    Put an object somewhere.

    :param model: the model of the scene.
    :param data: its state; changed.
    :param body: the object's body, free or moved by hand (mocap).
    :param pose: x y z qw qx qy qz (7,) [m].
    """
    joint = model.body_jntadr[body]
    if joint >= 0:
        start = model.jnt_qposadr[joint]
        data.qpos[start:start + 7] = pose
        return
    mocap = model.body_mocapid[body]
    data.mocap_pos[mocap], data.mocap_quat[mocap] = pose[:3], pose[3:]
