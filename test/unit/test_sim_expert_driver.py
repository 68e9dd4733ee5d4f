# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The expert behind topics: pairing by stamp, repeats, episodes, every kind of command.
"""
from __future__ import annotations

from dataclasses import replace
import json

import numpy as np
import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import SimulationError
from vaa_ros.core.robot import load_robot
from vaa_ros.core.types import JointState
from vaa_ros.sim.arm_controller import ArmController
from vaa_ros.sim.expert_driver import ExpertDriver
from vaa_ros.sim.expert_driver import ExpertTicks
from vaa_ros.sim.expert_driver import TaskStatus
from vaa_ros.sim.kinematics import ArmKinematics
from vaa_ros.sim.simulation import Simulation

ROBOT = load_robot('vaa_arm')
TARGET = {'target': np.array([0.4, 0.0, 0.1, 1.0, 0.0, 0.0, 0.0])}
STATUS = TaskStatus(1000, 'reach', '', 3, 0, 0.0, False, TARGET)


def joints(stamp_ns: int) -> JointState:
    return JointState(stamp_ns, ROBOT.joint_names, np.array(ROBOT.home))


def ticks(**options: object) -> ExpertTicks:
    return ExpertTicks(ExpertDriver('joint_position', ROBOT.joint_names), **options)


def test_answers_when_both_are_there_in_either_order() -> None:
    first, second = ticks(), ticks()
    assert first.push_status(STATUS) is None
    one = first.push_joints(joints(1000))
    assert second.push_joints(joints(1000)) is None
    two = second.push_status(STATUS)
    assert one.command == pytest.approx(two.command)
    assert one.start == pytest.approx(ROBOT.home)


def test_the_joints_of_another_tick_do_not_answer() -> None:
    expert = ticks()
    assert expert.push_joints(joints(990)) is None
    assert expert.push_status(STATUS) is None
    assert expert.push_joints(joints(1001)) is None


def test_a_tick_said_again_is_a_repeat_once() -> None:
    expert = ticks()
    expert.push_joints(joints(1000))
    assert not expert.push_status(STATUS).repeat
    assert expert.push_joints(joints(1000)) is None
    assert expert.push_status(STATUS).repeat


def test_a_new_episode_starts_anew_and_a_finished_one_stays_put() -> None:
    expert = ticks()
    expert.push_joints(joints(1000))
    expert.push_status(STATUS)
    expert.push_joints(joints(1033))
    going = expert.push_status(replace(STATUS, stamp_ns=1033))
    assert going.start is None and going.command is not None
    expert.push_joints(joints(1066))
    assert expert.push_status(replace(STATUS, stamp_ns=1066, done=True)).command is None
    expert.push_joints(joints(1100))
    assert expert.push_status(replace(STATUS, stamp_ns=1100, episode=1)).start is not None


def test_skipped_ticks_are_not_answered() -> None:
    expert = ticks()
    expert.push_status(STATUS)
    expert.skip()
    assert expert.push_joints(joints(1000)) is None


def test_another_task_is_refused() -> None:
    expert = ticks(task='push')
    expert.push_joints(joints(1000))
    with pytest.raises(ConfigError, match='push'):
        expert.push_status(STATUS)


def test_missing_joints_are_named() -> None:
    expert = ticks()
    expert.push_joints(JointState(1000, ('joint_1',), np.zeros(1)))
    with pytest.raises(SimulationError, match='joint_2'):
        expert.push_status(STATUS)


def test_a_status_message_is_read_exactly() -> None:
    values = {'stamp_ns': '5', 'task': 'reach', 'instruction': '', 'seed': '7', 'episode': '2',
              'time_s': repr(1 / 30), 'done': 'true', 'success': 'true',
              'objects': json.dumps({'target': [0.1] * 7})}
    status = TaskStatus.from_values(values)
    assert (status.stamp_ns, status.seed, status.episode, status.done) == (5, 7, 2, True)
    assert status.time_s == 1 / 30
    assert status.objects['target'].tolist() == [0.1] * 7


@pytest.mark.parametrize(('change', 'word'), [
    ({'seed': None}, 'seed'), ({'objects': '{'}, 'malformed'), ({'objects': '[]'}, 'malformed'),
    ({'seed': 'x'}, 'malformed')])
def test_a_bad_status_is_refused(change: dict, word: str) -> None:
    values = {'stamp_ns': '5', 'task': 'reach', 'instruction': '', 'seed': '7', 'episode': '2',
              'time_s': '0.1', 'done': 'false', 'objects': '{}', **change}
    with pytest.raises(SimulationError, match=word):
        TaskStatus.from_values({key: value for key, value in values.items() if value is not None})


@pytest.mark.parametrize('task', ['reach', 'push', 'pick_place', 'sort', 'insert'])
@pytest.mark.parametrize('kind', ['end_effector_pose', 'end_effector_twist'])
def test_end_effector_commands_do_the_task(kind: str, task: str) -> None:
    simulation = Simulation(task)
    controller = ArmController(simulation, ArmKinematics(), 1 / 30)
    driver = ExpertDriver(kind, ROBOT.joint_names)
    for seed in (11,):
        simulation.reset(seed)
        controller.reset()
        while not simulation.done():
            state = JointState(0, ROBOT.joint_names, simulation.joint_position)
            status = TaskStatus(0, task, simulation.instruction, seed, seed,
                                simulation.time_s, False, simulation.objects())
            command = driver.answer(status, state)
            controller.open_gripper(command[-1:])
            if kind == 'end_effector_pose':
                controller.reach(command[:7], 'base_link')
            else:
                controller.drive(command[:6], 'base_link')
            for _ in range(10):
                controller.update()
                simulation.advance(2)
        assert simulation.success(), f'seed {seed}'
