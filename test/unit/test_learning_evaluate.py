# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Closed-loop evaluation: what a policy is given, what it causes, and the figures.
"""
from __future__ import annotations

from dataclasses import replace
import math

from learning_samples import arm_spec
import numpy as np
import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import InstructionError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.errors import SpecError
from vaa_ros.core.instructions import instruction_index
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.learning.evaluate import Driver
from vaa_ros.learning.evaluate import evaluate
from vaa_ros.learning.evaluate import Evaluation
from vaa_ros.learning.evaluate import rms_jerk
from vaa_ros.learning.evaluate import Rollout
from vaa_ros.learning.evaluate import wilson_interval
from vaa_ros.policies.hold_policy import HoldPolicy
from vaa_ros.sim.expert import ExpertInput
from vaa_ros.sim.expert import make_expert
from vaa_ros.sim.simulation import Simulation

SPEC = replace(arm_spec(), task='reach')


class ExpertPolicy:
    """The scripted expert as a policy: one action at a time."""

    def __init__(self, simulation: Simulation, kind: str = 'joint_position') -> None:
        self.spec = replace(arm_spec(kind), task='reach', chunk_length=1)
        self.simulation, self.seen = simulation, []
        self.reset()

    def reset(self) -> None:
        self.expert = make_expert('reach', 0)

    def infer(self, observation: Observation) -> ActionChunk:
        self.seen.append(observation)
        q = self.expert.act(ExpertInput(self.simulation.time_s, self.simulation.joint_position,
                                        self.simulation.objects()))
        tool = self.expert.tool
        actions = {'joint_position': q,
                   'end_effector_pose': [*tool.pose[[0, 1, 2, 4, 5, 6, 3]], tool.gripper],
                   'end_effector_twist': [*tool.twist, tool.gripper]}
        return ActionChunk(observation.stamp_ns, np.array([actions[self.spec.action.kind]]),
                           1 / 30)


class Student(HoldPolicy):
    """Knows some instructions alone, as an exported policy does."""

    def infer(self, observation: Observation) -> ActionChunk:
        instruction_index(observation.instruction, self.spec.instructions)
        return super().infer(observation)


class Broken(HoldPolicy):
    def infer(self, observation: Observation) -> ActionChunk:
        chunk = super().infer(observation)
        return replace(chunk, actions=np.full_like(chunk.actions, np.nan))


@pytest.fixture(scope='module')
def simulation():
    made = Simulation('reach')
    yield made
    made.close()


@pytest.mark.parametrize('kind', ['joint_position', 'end_effector_pose', 'end_effector_twist'])
def test_the_expert_succeeds_through_the_same_loop(simulation, kind):
    policy = ExpertPolicy(simulation, kind)
    rollout = Driver(simulation, policy).episode(3)
    assert rollout.success and rollout.time_s < simulation.max_time_s
    assert rollout.control_ticks == len(policy.seen)
    assert policy.seen[0].images['front'].shape == (96, 128, 3)
    assert np.diff([item.stamp_ns for item in policy.seen]) == pytest.approx(1e9 / 30, abs=2)


def test_holding_does_not_touch_the_target():
    told = []
    found = evaluate(HoldPolicy(replace(SPEC, chunk_length=1)), 'reach', range(2),
                     on_rollout=told.append)
    figures = found.figures()
    assert told == list(found.rollouts) and figures['successes'] == 0
    assert figures['episodes'] == 2 and figures['failed_seeds'] == [0, 1]
    assert math.isnan(figures['episode_time_s']) and figures['rms_jerk'] < 20


def test_the_same_seed_is_the_same_episode(simulation):
    driver = Driver(simulation, ExpertPolicy(simulation))
    assert driver.episode(5) == pytest.approx(driver.episode(5), nan_ok=True)


def test_an_answer_that_is_not_finite_stops_the_evaluation(simulation):
    with pytest.raises(ModelError, match='not finite'):
        Driver(simulation, Broken(SPEC)).episode(0)


def test_a_policy_for_another_robot_is_refused(simulation):
    spec = replace(SPEC, joints=tuple(reversed(SPEC.joints)))
    with pytest.raises(SpecError, match='joints'):
        Driver(simulation, HoldPolicy(spec))


def test_a_policy_of_another_rate_is_refused(simulation):
    with pytest.raises(ModelError, match='20.0 Hz'):
        Driver(simulation, HoldPolicy(replace(SPEC, control_rate_hz=20.0)))


def test_an_unknown_task_and_a_missing_model_are_named(tmp_path):
    with pytest.raises(ConfigError, match="'stack'.*pick_place"):
        evaluate(HoldPolicy(SPEC), 'stack', [0])
    with pytest.raises(ModelError, match='does not exist'):
        evaluate(tmp_path / 'no.onnx', 'reach', [0])


@pytest.mark.parametrize('wins, count, low, high', [
    (0, 0, 0.0, 1.0), (0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (190, 200, 0.910, 0.973)])
def test_the_interval_is_that_of_wilson(wins, count, low, high):
    assert wilson_interval(wins, count) == pytest.approx((low, high), abs=1e-3)


def test_jerk_of_a_known_motion():
    times = np.arange(200) / 30
    assert rms_jerk((2.0 * times ** 3)[:, None], 1 / 30) == pytest.approx(12.0)
    assert rms_jerk(np.ones((50, 6)), 1 / 30) == 0.0
    assert math.isnan(rms_jerk(np.ones((3, 6)), 1 / 30))


def test_figures_of_an_evaluation():
    rollouts = tuple(Rollout(seed, seed != 1, 2.0 + seed, 60, 1, 10.0, math.nan)
                     for seed in range(4))
    figures = Evaluation('reach', rollouts).figures()
    assert figures['success_rate'] == 0.75 and figures['episode_time_s'] == 4.0
    assert figures['failed_seeds'] == [1] and figures['clamped'] == 4
    assert figures['success_interval'] == list(wilson_interval(3, 4))
    assert len(figures['per_episode']) == 4 and math.isnan(figures['alignment'])


def test_an_instruction_that_the_policy_does_not_know_is_a_lost_episode() -> None:
    spec = replace(arm_spec(), task='sort')
    known = 'Put the blue cube in the left tray!'  # what seed 0 asks for
    rollouts = evaluate(Student(replace(spec, instructions=(known,))), 'sort', range(2)).rollouts
    assert [each.refused for each in rollouts] == [False, True]
    assert [each.instruction for each in rollouts] == [
        'put the blue cube in the left tray', 'put the red cube in the right tray']
    assert not rollouts[1].success and rollouts[1].control_ticks == 0 < rollouts[0].control_ticks
    with pytest.raises(InstructionError, match='known: dance'):
        evaluate(Student(replace(spec, instructions=('dance',))), 'sort', range(2))
