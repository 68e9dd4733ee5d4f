# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The simulated arm: joint targets in; joint states, pictures and object poses out.
"""
from __future__ import annotations

import math

import mujoco
import numpy as np

from vaa_ros.core.errors import SimulationError
from vaa_ros.core.errors import unknown_name
from vaa_ros.core.instructions import instruction_index
from vaa_ros.core.spec import load_robot
from vaa_ros.sim.dressing import dress
from vaa_ros.sim.dressing import FINGERS
from vaa_ros.sim.dressing import load_model
from vaa_ros.sim.dressing import place
from vaa_ros.sim.dressing import relight
from vaa_ros.sim.kinematics import ARM_JOINTS
from vaa_ros.sim.kinematics import ArmKinematics
from vaa_ros.sim.kinematics import TOOL_SITE
from vaa_ros.sim.pace import ARM_PACE
from vaa_ros.sim.pace import CONTROL_HZ
from vaa_ros.sim.pace import PHYSICS_HZ
from vaa_ros.sim.rendering import CameraRenderer
from vaa_ros.sim.rendering import Thing
from vaa_ros.sim.setpoints import SetpointRamp
from vaa_ros.sim.tasks import make_task

_RULE_EVERY = 6  # physics steps between two looks at the success rule: 100 Hz


class Simulation:
    """
    One arm, one task, stepped by its caller.

    The same seed and the same commands give the same episode, bit for bit. Joint arrays are
    (7,): joint_1 to joint_6 [rad] and the gripper's opening [m]. Poses are (7,) arrays
    x y z qw qx qy qz in the base frame [m]. One instance belongs to one thread.

    :param task: name of the task.
    :param image_size: height and width of the pictures [px].
    :param robot: name of the robot, whose velocity limits the servos obey.
    :raises ConfigError: for an unknown task; lists those that exist.
    """

    pace = ARM_PACE
    kinematics = ArmKinematics

    def __init__(self, task: str = 'pick_place', image_size: tuple[int, int] = (240, 320),
                 robot: str = 'vaa_arm') -> None:
        self.task = make_task(task)
        self.robot = load_robot(robot)
        self._model = load_model(self.task)
        self._data = mujoco.MjData(self._model)
        self._image_size = image_size
        self._renderer: CameraRenderer | None = None
        self._find_addresses()
        self._ramp = SetpointRamp.for_robot(self.robot, 1.0 / PHYSICS_HZ)
        # ctrl = setpoint + lead * its velocity cancels the lag that the servo's damping makes.
        self._lead = -self._model.actuator_biasprm[:, 2] / self._model.actuator_gainprm[:, 0]
        self.cameras = tuple(self._model.camera(i).name for i in range(self._model.ncam))
        self.reset(0)

    def reset(self, seed: int) -> None:
        """
        Start the episode of a seed.

        :param seed: not negative; it alone decides object poses, colours, light and the arm's
            start.
        :raises SimulationError: for a negative seed.
        """
        if seed < 0:
            raise SimulationError(f'seed is {seed}, expected 0 or more')
        self.seed = int(seed)
        start = self.task.sample(np.random.default_rng(self.seed))
        self._instruction = start.instruction or self.task.instructions[0]
        mujoco.mj_resetData(self._model, self._data)
        home = np.array(self.robot.home)
        home[:6] += start.joint_noise
        home[6] = start.opening
        self._data.qpos[self._arm_qpos] = home[:6]
        self._data.qpos[self._finger_qpos] = home[6] / 2
        for name, pose in start.poses.items():
            place(self._model, self._data, self._bodies[name], pose)
        dress(self._model, start.appearance)
        self._steps = 0
        self._rule_steps = 0
        self._success_step: int | None = None
        self._perturbation = np.zeros(7)
        self._perturbation_end = 0
        self.things: tuple[Thing, ...] = ()
        self._ramp.reset(home)
        self._data.ctrl[:] = home
        mujoco.mj_forward(self._model, self._data)

    def set_targets(self, q: np.ndarray, duration_s: float = 1.0 / CONTROL_HZ) -> None:
        """
        Command joint positions; the setpoint goes there in a straight line.

        Targets beyond the joint limits are taken to the limit, and the setpoint never moves
        faster than the joints may.

        :param q: wanted joint positions (7,) [rad, m].
        :param duration_s: when to be there [s].
        :raises SimulationError: if ``q`` has the wrong size or is not finite.
        """
        self.set_trajectory(np.array([duration_s]), np.asarray(q, dtype=np.float64)[None])

    def set_trajectory(self, times_s: np.ndarray, points: np.ndarray) -> None:
        """
        Command a joint trajectory, which replaces the present one.

        :param times_s: time of each point from now (K,), growing [s].
        :param points: joint positions (K, 7) [rad, m].
        :raises SimulationError: if sizes do not fit, times do not grow or a value is not finite.
        """
        self._ramp.follow(times_s, points)

    def perturb(self, offsets: np.ndarray, duration_s: float = 0.2) -> None:
        """
        Push the joint targets aside for a moment, as a disturbance.

        :param offsets: added to the setpoint (7,) [rad, m].
        :param duration_s: for how long [s].
        :raises SimulationError: if ``offsets`` has the wrong size or is not finite.
        """
        offsets = np.asarray(offsets, dtype=np.float64)
        if offsets.shape != (7,) or not np.all(np.isfinite(offsets)):
            raise SimulationError(f'perturbation is {offsets}, expected 7 finite offsets')
        self._perturbation = offsets.copy()
        self._perturbation_end = self._steps + round(duration_s * PHYSICS_HZ)

    def relight(self, light: float, ambient: float) -> None:
        """
        Set the brightness of the main light and of that from everywhere, 1 as usual, until reset.
        """
        relight(self._model, light, ambient)

    def step(self, seconds: float = 1.0 / CONTROL_HZ) -> None:
        """
        Let time pass.

        :param seconds: rounded to whole physics steps [s].
        """
        self.advance(round(seconds * PHYSICS_HZ))

    def advance(self, steps: int) -> None:
        """
        Let time pass.

        :param steps: physics steps of 1 / :data:`PHYSICS_HZ` seconds.
        """
        data, model = self._data, self._model
        for _ in range(steps):
            setpoint, velocity = self._ramp.advance()
            ctrl = setpoint + self._lead * velocity
            if self._steps < self._perturbation_end:
                ctrl = ctrl + self._perturbation
            data.ctrl[:] = ctrl
            mujoco.mj_step(model, data)
            self._steps += 1
            if self._steps % _RULE_EVERY == 0:
                self._look_at_rule()
        # mj_step leaves positions of bodies and lights one step behind; neither call changes
        # what the next step does.
        mujoco.mj_kinematics(model, data)
        mujoco.mj_camlight(model, data)

    @property
    def steps(self) -> int:
        """
        Give the physics steps since the reset.
        """
        return self._steps

    @property
    def time_s(self) -> float:
        """
        Give the time since the reset [s].
        """
        return self._steps / PHYSICS_HZ

    @property
    def time_ns(self) -> int:
        """
        Give the time since the reset [ns].
        """
        return self._steps * 1_000_000_000 // PHYSICS_HZ

    @property
    def joint_position(self) -> np.ndarray:
        """
        Give the measured joint positions (7,) [rad, m].
        """
        qpos = self._data.qpos
        return np.append(qpos[self._arm_qpos], qpos[self._finger_qpos].sum())

    @property
    def joint_velocity(self) -> np.ndarray:
        """
        Give the measured joint velocities (7,) [rad/s, m/s].
        """
        qvel = self._data.qvel
        return np.append(qvel[self._arm_dofs], qvel[self._finger_dofs].sum())

    @property
    def setpoint(self) -> np.ndarray:
        """
        Give where the servos are told to be right now (7,) [rad, m].
        """
        return self._ramp.position.copy()

    @property
    def instruction(self) -> str:
        """
        Give what is asked for, in words.
        """
        return self._instruction

    @property
    def instructions(self) -> tuple[str, ...]:
        """
        Give everything that may be asked for.
        """
        return self.task.instructions

    def set_instruction(self, text: str) -> None:
        """
        Ask for something else in the present episode, which is judged by it from now on.

        :param text: one of the task's instructions.
        :raises InstructionError: if it is none of them; lists them.
        """
        self._instruction = self.instructions[instruction_index(text, self.instructions)]
        self._rule_steps = 0

    @property
    def max_time_s(self) -> float:
        """
        Give the time limit of an episode [s].
        """
        return self.task.max_time_s

    def success(self) -> bool:
        """
        Say whether the task's rule has held for its settle time since the reset.
        """
        return self._success_step is not None

    def timed_out(self) -> bool:
        """
        Say whether the time limit has passed without success.
        """
        return not self.success() and self.time_s >= self.task.max_time_s - 1e-9

    def done(self) -> bool:
        """
        Say whether the episode is over, by success or by its time limit.
        """
        return self.success() or self.timed_out()

    def render(self, camera: str) -> np.ndarray:
        """
        Take a picture.

        :param camera: name of the camera.
        :return: (height, width, 3) uint8 rgb.
        :raises ConfigError: for an unknown camera; lists those that exist.
        :raises SimulationError: if no OpenGL backend works.
        """
        if camera not in self.cameras:
            raise unknown_name('camera', camera, self.cameras)
        if self._renderer is None:
            self._renderer = CameraRenderer(self._model, self._image_size)
        return self._renderer.render(self._data, camera, self.things)

    def objects(self) -> dict[str, np.ndarray]:
        """
        Give the pose (7,) of every object of the task by name.
        """
        return {name: self.object_pose(name) for name in self.task.objects}

    def object_pose(self, name: str) -> np.ndarray:
        """
        Give the pose (7,) of one object.
        """
        body = self._bodies[name]
        return np.concatenate([self._data.xpos[body], self._data.xquat[body]])

    def object_speed(self, name: str) -> float:
        """
        Give the speed of one object's centre [m/s].
        """
        dof = self._free_dofs.get(name)
        return 0.0 if dof is None else float(np.linalg.norm(self._data.qvel[dof:dof + 3]))

    def tool_pose(self) -> np.ndarray:
        """
        Give the pose (7,) of tool0, between the fingertips.
        """
        pose = np.empty(7)
        pose[:3] = self._data.site_xpos[self._site]
        mujoco.mju_mat2Quat(pose[3:], self._data.site_xmat[self._site])
        return pose

    def gripper_opening(self) -> float:
        """
        Give the opening of the gripper [m].
        """
        return float(self._data.qpos[self._finger_qpos].sum())

    def close(self) -> None:
        """
        Free the renderer, if there is one.
        """
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _find_addresses(self) -> None:
        model = self._model
        arm = [model.joint(name) for name in ARM_JOINTS]
        fingers = [model.joint(name) for name in FINGERS]
        self._arm_qpos = np.array([joint.qposadr[0] for joint in arm])
        self._arm_dofs = np.array([joint.dofadr[0] for joint in arm])
        self._finger_qpos = np.array([joint.qposadr[0] for joint in fingers])
        self._finger_dofs = np.array([joint.dofadr[0] for joint in fingers])
        self._site = model.site(TOOL_SITE).id
        self._bodies = {name: model.body(name).id for name in self.task.objects}
        self._free_dofs: dict[str, int] = {}
        for name, body in self._bodies.items():
            joint = model.body_jntadr[body]
            if joint >= 0:
                self._free_dofs[name] = int(model.jnt_dofadr[joint])

    def _look_at_rule(self) -> None:
        if self._success_step is not None:
            return
        mujoco.mj_kinematics(self._model, self._data)
        self._rule_steps = self._rule_steps + _RULE_EVERY if self.task.rule(self) else 0
        if self._rule_steps >= math.ceil(self.task.settle_s * PHYSICS_HZ):
            self._success_step = self._steps
