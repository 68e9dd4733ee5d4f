# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A control loop for a policy and a robot, put together from a few options.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vaa_ros.core.blending import quaternion
from vaa_ros.core.chunking import ChunkPlayer
from vaa_ros.core.chunking import DEFAULT_COEFFICIENT
from vaa_ros.core.chunking import ENSEMBLES
from vaa_ros.core.control_loop import ControlLoop
from vaa_ros.core.errors import ModelError
from vaa_ros.core.gate import Gate
from vaa_ros.core.input_findings import JudgeOptions
from vaa_ros.core.input_judge import InputJudge
from vaa_ros.core.interpolation import SetpointInterpolator
from vaa_ros.core.limited_motion import LimitedMotion
from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.plan import Plan
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.safety import CommandLimiter
from vaa_ros.core.scene_watch import SceneWatch
from vaa_ros.core.scene_watch import WatchOptions
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import Observation
from vaa_ros.core.workspace import Kinematics
from vaa_ros.core.workspace import Workspace

JOINTS_TOPIC = 'joint_states'
DEADMAN_TOPIC = 'deadman'
DEADMAN_AGE_S = 0.2
"""Longest silence of a deadman switch that still counts as held."""
AUTO = 'auto'
ENSEMBLE_CHOICES = (AUTO, *ENSEMBLES)
SEVERAL_WAYS = ('mixture', 'flow')
"""Action decoders that choose one of several ways: an average of two of their answers is none."""


@dataclass(frozen=True)
class ControlOptions:
    """
    What a person may choose about the control loop.

    :param period_s: control period [s]; where it is shorter than the policy's, setpoints are
        interpolated with ``interpolate``.
    :param ensemble: how overlapping chunks are combined, one of :data:`ENSEMBLE_CHOICES`.
    :param coefficient: decay of the votes from the oldest chunk to the newest.
    :param max_image_age_s: age of a picture above which the arm holds [s].
    :param max_joint_age_s: age of the joint states above which the arm holds [s].
    :param resume_after_s: how long every input must be good before a hold ends [s].
    :param rearm_after_s: how long a motion may be held and still go on by itself [s]; 0 for ever.
        With a deadman switch it does not matter: whoever holds that expects the arm to move.
    :param speed: fraction of the robot's speed limits to allow.
    :param ramp_s: how long each motion takes to begin [s].
    :param max_jump: part of a joint's range that a wish may lie from the last command.
    :param deadman: whether the arm may only move while somebody holds the deadman switch.
    :param watch: how the scene is watched.
    :param interpolate: whether setpoints lead smoothly from one of the policy's to the next.
    """

    period_s: float
    ensemble: str = AUTO
    coefficient: float = DEFAULT_COEFFICIENT
    max_image_age_s: float = 0.2
    max_joint_age_s: float = 0.2
    resume_after_s: float = 0.1
    rearm_after_s: float = 0.0
    speed: float = 1.0
    ramp_s: float = 0.3
    max_jump: float = 0.5
    deadman: bool = False
    watch: WatchOptions = WatchOptions()
    interpolate: bool = False


def camera_topic(key: str) -> str:
    """
    Give the topic of a camera's pictures at policy size.
    """
    return f'vision/{key}'


def choose_ensemble(spec: PolicySpec, wanted: str) -> str:
    """
    Choose how overlapping chunks are combined.

    :param spec: the policy's spec; its provenance names the action decoder.
    :param wanted: one of :data:`ENSEMBLE_CHOICES`.
    :return: ``temporal`` or ``none``; for ``auto`` none where the decoder knows several ways.
    """
    if wanted != AUTO:
        return wanted
    return 'none' if spec.provenance.get('decoder') in SEVERAL_WAYS else 'temporal'


def make_control_loop(spec: PolicySpec, robot: RobotSpec, options: ControlOptions,
                      kinematics: Kinematics | None = None) -> ControlLoop:
    """
    Make the loop that turns a policy's answers into a robot's commands.

    :param spec: the policy's spec.
    :param robot: the robot.
    :param options: what was chosen.
    :param kinematics: of the arm, to keep its end effector in the workspace where the commands are
        joint positions; None does not.
    :return: the loop.
    :raises ModelError: if the policy does not command every joint of the robot.
    :raises ConfigError: if an option is out of range.
    """
    kind = spec.action.kind
    if kind == 'joint_position' and spec.action.names != robot.joint_names:
        raise ModelError(f'policy {spec.name!r} commands {", ".join(spec.action.names)}; expected '
                         f'every joint of {robot.name!r}: {", ".join(robot.joint_names)}')
    ages = {camera_topic(key): options.max_image_age_s for key in spec.camera_keys}
    ages[JOINTS_TOPIC] = options.max_joint_age_s
    if options.deadman:
        ages[DEADMAN_TOPIC] = DEADMAN_AGE_S
    gripper = robot.gripper if kind == 'joint_position' else 'gripper'
    player = ChunkPlayer.for_action(
        spec.action, spec.dt_s, choose_ensemble(spec, options.ensemble), options.coefficient,
        gripper)
    interpolator = SetpointInterpolator(
        spec.dt_s, options.period_s, quaternion(spec)) if options.interpolate else None
    limits = SafetyLimits.from_robot(robot, options.speed, max_jump=options.max_jump)
    turning = [index for index, joint in enumerate(spec.joints) if joint.unit == 'rad']
    return ControlLoop(
        Gate(ages, options.resume_after_s, ramp_s=options.ramp_s,
             slow_factor=options.watch.slow_factor,
             rearm_after_s=0.0 if options.deadman else options.rearm_after_s),
        Plan(player, interpolator, lambda policy: choose_ensemble(
            getattr(policy, 'spec', spec), options.ensemble)),
        LimitedMotion(CommandLimiter(limits, kind), kinematics and Workspace(
            kinematics, limits.workspace_lower, limits.workspace_upper)), options.period_s,
        watch=SceneWatch(turning, options.watch))


def make_judge(spec: PolicySpec, robot: RobotSpec, options: JudgeOptions | None = None,
               simulated: bool = False) -> InputJudge:
    """
    Make the judge of a policy's inputs.

    :param spec: the policy's spec; says which inputs there are.
    :param robot: the robot; says how fast its joints can move.
    :param options: what is still good enough.
    :param simulated: whether the ROS clock is that of a simulation.
    :return: the judge.
    """
    known = {joint.name: joint for joint in robot.joints}
    return InputJudge([camera_topic(key) for key in spec.camera_keys], JOINTS_TOPIC,
                      [known.get(joint.name, joint) for joint in spec.joints], options, simulated,
                      robot.gripper)


def measured_command(spec: PolicySpec, robot: RobotSpec, observation: Observation,
                     tool_pose: np.ndarray | None) -> np.ndarray | None:
    """
    Give where the arm is, as a command that would keep it there.

    :param spec: the policy's spec; says which kind of command.
    :param robot: the robot.
    :param observation: the present observation.
    :param tool_pose: pose of the tool x y z qx qy qz qw (7,), or None while unknown.
    :return: joint positions; zero twist and gripper opening; or tool pose and gripper opening,
        None while the tool's pose is unknown.
    """
    if spec.action.kind == 'joint_position':
        return observation.state
    opening = 0.0
    if robot.gripper in spec.joint_names:
        opening = observation.state[spec.joint_names.index(robot.gripper)]
    if spec.action.kind == 'end_effector_twist':
        return np.append(np.zeros(6), opening)
    return None if tool_pose is None else np.append(tool_pose, opening)
