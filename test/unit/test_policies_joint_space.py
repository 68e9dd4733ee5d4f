# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Policies in poses and twists on joint commands: the same way of the tool, the task done.
"""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.poses import move_pose
from vaa_ros.core.robot import load_robot
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.learning.evaluate import Driver
from vaa_ros.policies.opening import hold_spec
from vaa_ros.sim.expert_driver import ExpertDriver
from vaa_ros.sim.expert_driver import TaskStatus
from vaa_ros.sim.kinematics import ArmKinematics
from vaa_ros.sim.simulation import Simulation

pytest.importorskip('pinocchio')
from vaa_ros.policies.joint_space import for_commands
from vaa_ros.policies.joint_space import JointSpacePolicy

ROBOT = load_robot('vaa_arm')
HOME = np.array(ROBOT.home)
W_LAST = [0, 1, 2, 4, 5, 6, 3]
POSE = ArmKinematics().forward(HOME)[W_LAST]


class Always:
    """
    Answers with the same chunk.
    """

    sha256 = 'of its file'

    def __init__(self, kind: str, actions: np.ndarray) -> None:
        self.spec = replace(hold_spec(ROBOT, kind), chunk_length=len(actions))
        self.actions = actions
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1

    def infer(self, observation: Observation) -> ActionChunk:
        return ActionChunk(observation.stamp_ns, self.actions, self.spec.dt_s,
                           z_vision=np.ones(1), z_action=np.ones(1))


class Watcher:
    """
    The scripted expert as a policy of a kind, with a look at the simulation for the objects.
    """

    def __init__(self, kind: str, simulation: Simulation) -> None:
        self.spec = replace(hold_spec(ROBOT, kind), chunk_length=1, cameras=hold_spec(
            ROBOT, kind).cameras[:1])
        self.simulation = simulation
        self.driver = ExpertDriver(kind, ROBOT.joint_names)
        self.episode = 0

    def reset(self) -> None:
        self.episode += 1

    def infer(self, observation: Observation) -> ActionChunk:
        from vaa_ros.core.types import JointState
        sim = self.simulation
        # From where the tool is, not from where it was to be: every motion begins slowly.
        self.driver._target = None
        action = self.driver.answer(
            TaskStatus(observation.stamp_ns, sim.task.name, sim.instruction, sim.seed,
                       self.episode, sim.time_s, False, sim.objects()),
            JointState(observation.stamp_ns, ROBOT.joint_names, sim.joint_position))
        return ActionChunk(observation.stamp_ns, action[None], self.spec.dt_s)


def tools(actions: np.ndarray) -> np.ndarray:
    return np.array([ArmKinematics().forward(action)[W_LAST] for action in actions])


def observation() -> Observation:
    return Observation(5, {}, HOME.astype(np.float32))


def test_poses_become_joints_that_put_the_tool_there() -> None:
    way = np.linspace(0, 0.08, 24)
    poses = np.tile(np.append(POSE, 0.03), (24, 1))
    poses[:, 1] += way
    policy = JointSpacePolicy(Always('end_effector_pose', poses), ROBOT)
    chunk = policy.infer(observation())
    assert policy.spec.action.names == ROBOT.joint_names
    assert (chunk.stamp_ns, chunk.alignment, policy.sha256) == (5, 1.0, 'of its file')
    np.testing.assert_allclose(tools(chunk.actions)[:, :3], poses[:, :3], atol=2e-4)
    np.testing.assert_allclose(chunk.actions[:, 6], 0.03)
    assert policy.speed_left == 1.0


def test_twists_become_the_way_that_they_drive() -> None:
    twist = np.array([0.05, -0.1, 0.0, 0.0, 0.0, 0.2, 0.06])
    policy = JointSpacePolicy(Always('end_effector_twist', np.tile(twist, (12, 1))), ROBOT)
    found, pose = tools(policy.infer(observation()).actions), POSE
    for index in range(12):
        pose = move_pose(pose, twist[:6], policy.spec.dt_s)
        np.testing.assert_allclose(found[index, :3], pose[:3], atol=3e-4)
        assert abs(found[index, 3:] @ pose[3:]) > 1 - 1e-5


def test_a_far_pose_is_approached_at_the_speed_of_the_joints() -> None:
    far = np.append(POSE + [0.0, 0.3, 0, 0, 0, 0, 0], 0.0)
    actions = JointSpacePolicy(Always('end_effector_pose', np.tile(far, (6, 1))),
                               ROBOT).infer(observation()).actions
    steps = np.abs(np.diff(np.vstack([HOME, actions]), axis=0))[:, :6]
    limits = np.array([joint.velocity for joint in ROBOT.joints[:6]]) / 30
    assert (steps <= limits + 1e-6).all() and steps.max() > 0.05


@pytest.mark.parametrize(('pose', 'says'), [
    (POSE * [1, 1, 1, 0, 0, 0, 0], 'quaternion of length 0.000'),
    (POSE * [1, 1, 1, 2, 2, 2, 2], 'quaternion of length 2.000'),
    (POSE + [np.nan, 0, 0, 0, 0, 0, 0], 'is not finite'),
    (POSE + [0, 0, 0, np.nan, 0, 0, 0], 'quaternion of length nan')])
def test_a_pose_that_is_none_is_refused(pose: np.ndarray, says: str) -> None:
    policy = JointSpacePolicy(Always('end_effector_pose', np.append(pose, 0.03)[None]), ROBOT)
    with pytest.raises(ModelError, match=says):
        policy.infer(observation())


@pytest.mark.parametrize('kind', ['end_effector_pose', 'end_effector_twist'])
def test_the_tool_stays_in_its_box_and_below_its_speed(kind: str) -> None:
    robot = replace(ROBOT, workspace=((0.15, -0.05, 0.005), (0.58, 0.05, 0.5)), tool_speed=0.2)
    policy = JointSpacePolicy(Always(kind, np.tile(
        [0.0, 0.19, 0.0, 0.0, 0.0, 0.0, 0.03] if kind == 'end_effector_twist'
        else np.append(POSE + [0.0, 0.2, 0, 0, 0, 0, 0], 0.03), (20, 1))), robot)
    way = np.vstack([POSE, tools(policy.infer(observation()).actions)])[:, :3]
    steps = np.linalg.norm(np.diff(way, axis=0), axis=1)
    assert steps.max() < 0.2 * policy.spec.dt_s + 2e-4
    assert 0.045 < way[-1, 1] < 0.0505 and way[:, 1].max() < 0.0505


def test_a_tool_outside_its_box_is_led_back_slowly() -> None:
    robot = replace(ROBOT, workspace=((0.15, 0.05, 0.005), (0.58, 0.4, 0.5)), tool_speed=0.2)
    poses = np.tile(np.append(POSE - [0.0, 0.1, 0, 0, 0, 0, 0], 0.03), (20, 1))
    policy = JointSpacePolicy(Always('end_effector_pose', poses), robot)
    way = np.vstack([POSE, tools(policy.infer(observation()).actions)])[:, 1]
    assert abs(np.diff(way)).max() < 0.2 * policy.spec.dt_s + 2e-4
    assert abs(way[-1] - 0.05) < 1e-3


def test_only_what_has_to_is_brought_to_joint_space() -> None:
    inner = Always('end_effector_twist', np.zeros((2, 7)))
    assert for_commands(inner, ROBOT, 'end_effector_twist') is inner
    wrapped = for_commands(inner, ROBOT, 'joint_position')
    wrapped.reset()
    assert inner.resets == 1 and isinstance(wrapped, JointSpacePolicy)
    with pytest.raises(AttributeError):
        _ = wrapped.nothing
    with pytest.raises(ConfigError, match='names no URDF'):
        for_commands(inner, replace(ROBOT, urdf=''), 'joint_position')


@pytest.mark.parametrize('kind', ['end_effector_pose', 'end_effector_twist'])
def test_the_task_is_done_through_inverse_kinematics(kind: str) -> None:
    simulation = Simulation('reach', (16, 16))
    policy = JointSpacePolicy(Watcher(kind, simulation), ROBOT)
    driver = Driver(simulation, policy)
    rollouts = [driver.episode(seed) for seed in (0, 1)]
    simulation.close()
    assert [rollout.success for rollout in rollouts] == [True, True]
