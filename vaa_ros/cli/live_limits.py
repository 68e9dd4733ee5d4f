# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What bounds a real arm while a policy explores: said to a person, refused where it is off."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
import math
from typing import Any

from vaa_ros.cli.output import table
from vaa_ros.core.errors import VaaError
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.robot_defaults import defaults_text
from vaa_ros.core.spec import PolicySpec

GUARD_PARAMETERS = ('robot', 'command_type', 'commanding_topic', 'timeout_s')
AROUND = {
    'dry_run': 'it commands nothing',
    'lockstep': 'a simulation, whose inputs nobody judges and whose guard sees nothing',
    'allow_other_publishers': 'others may command the arm past its limits'}
"""Parameters of the policy node with which the safety core is not what moves the arm."""
CHECKS = ('max_clock_skew_s', 'max_clock_jump_s', 'max_disorder', 'max_blank_s',
          'max_joints_missing_s', 'max_joint_speed', 'max_unpaired_s', 'watch_scene',
          'rearm_after_s')
"""Its checks of inputs and holds, which a person may have switched off (0, or false)."""
POSE, TWIST = 'end_effector_pose', 'end_effector_twist'


@dataclass(frozen=True)
class LiveSetup:
    """
    How the nodes run that stand between the policy and the arm.

    :param robot: the robot description of the policy node.
    :param policy: its parameters.
    :param guard: those of the guard.
    :param e_stop: full name of the topic of the e-stop.
    """

    robot: RobotSpec
    policy: Mapping[str, Any]
    guard: Mapping[str, Any]
    e_stop: str

    def differences(self, other: LiveSetup) -> list[str]:
        """Say what is otherwise there; which model is loaded, and asked for what, may differ."""
        free = ('model_path', 'instruction')
        found = [f'{owner}: {name} was {mine!r}, is {theirs.get(name)!r}'
                 for owner, ours, theirs in (('policy', self.policy, other.policy),
                                             ('guard', self.guard, other.guard))
                 for name, mine in ours.items()
                 if name not in free and theirs.get(name) != mine]
        return found + ['the robot description'] * (self.robot != other.robot)


def problems(setup: LiveSetup, spec: PolicySpec) -> list[str]:
    """
    Find what must not be when a real arm explores.

    :param setup: how the nodes run.
    :param spec: the policy.
    :return: a sentence each; empty where nothing is against it.
    """
    robot, policy, guard = setup.robot, setup.policy, setup.guard
    found = [f'the policy node runs with {name}: {why}' for name, why in AROUND.items()
             if policy[name]]
    for key in ('acceleration', 'step', 'velocity'):
        names = [joint.name for joint in robot.joints
                 if not math.isfinite(getattr(joint, key))]
        if names:
            found.append(f'{robot.name} has no limit of {key} for {", ".join(names)}')
    if spec.action.kind == POSE and robot.workspace is None:
        found.append(f'{robot.name} has no workspace, and the policy commands poses')
    if spec.action.kind == TWIST and not math.isfinite(robot.tool_acceleration):
        found.append(f'{robot.name} has no tool_acceleration, and the policy commands twists')
    for name in ('robot', 'command_type'):
        if guard[name] != policy[name]:
            found.append(f'the guard watches {name} {guard[name]!r}, the policy node has '
                         f'{policy[name]!r}')
    try:
        spec.check_robot(robot)
    except VaaError as problem:
        found.append(str(problem))
    return found


def limits_text(setup: LiveSetup, spec: PolicySpec, bound: Sequence[float], noise: float) -> str:
    """
    Say what bounds the arm, for a person to judge.

    :param setup: how the nodes run.
    :param spec: the policy.
    :param bound: how far the residual may move each element of an action [its unit].
    :param noise: exploration, as part of the bound.
    """
    robot, speed = setup.robot, float(setup.policy['speed'])
    own = dict(zip(spec.action.names, bound, strict=True))
    of_joints = spec.action.kind not in (POSE, TWIST)
    joints = [(joint.name + ' (gripper)' * (joint.name == robot.gripper), joint.unit,
               joint.lower, joint.upper, joint.velocity * speed, joint.acceleration, joint.step,
               *([own[joint.name]] if of_joints else []))
              for joint in robot.joints]
    header = ['joint', 'unit', 'lower', 'upper', 'per s', 'per s2', 'step',
              *(['explores +-'] if of_joints else [])]
    rows = [('commands', f'{setup.policy["command_type"]}, speeds times {speed:g}'),
            ('end effector', f'{robot.tool_speed * speed:g} m/s, '
                             f'{robot.tool_acceleration:g} m/s2'),
            ('box', _box(robot, spec))]
    if not of_joints:
        rows.append(('explores', ', '.join(
            f'{name} +-{value:.3g}' for name, value in own.items())))
    rows += [('noise', f'root mean square {noise:g} of that, one way for a whole episode'),
             ('guard', f'stops the arm {setup.guard["timeout_s"]:g} s after the policy node '
                       'falls silent'),
             ('e-stop', f'{setup.e_stop}; ' + (
                 f'{setup.policy["e_stop_silence_s"]:g} s of silence stop, too'
                 if setup.policy['e_stop_silence_s'] else 'its silence stops nothing')),
             ('deadman', 'asked for' if setup.policy['deadman'] else 'not asked for')]
    off = [name for name in CHECKS if not setup.policy[name]]
    rows.append(('checks that are off', ', '.join(off) or 'none'))
    if robot.defaults:
        rows.append(('not in the robot file', f'{defaults_text(robot)}: defaults'))
    return f'{table(joints, header, f"what bounds {robot.name}")}\n\n{table(rows)}'


def _box(robot: RobotSpec, spec: PolicySpec) -> str:
    box = 'none' if robot.workspace is None else ' to '.join(
        f'({", ".join(f"{value:g}" for value in corner)})' for corner in robot.workspace) + ' m'
    if spec.action.kind == POSE or robot.workspace is None:
        return box
    if spec.action.kind != TWIST and robot.urdf:
        return f'{box}; it bounds joints where the policy node finds Pinocchio, else it warns'
    return f'{box}, but it bounds no {spec.action.kind} commands; the limits above do'
