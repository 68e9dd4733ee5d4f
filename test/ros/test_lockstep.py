# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Lockstep with real nodes: the same result every time, and tasks done through topics.
"""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
from processes import NodeProcess
from processes import wait_for
import pytest
from ros_harness import Harness
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger
from tiny_policy import goal_policy
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.core.control_setup import ControlOptions
from vaa_ros.core.gate import Gate
from vaa_ros.core.gate import GateInputs
from vaa_ros.core.limited_motion import LimitedMotion
from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.robot import load_robot
from vaa_ros.core.safety import CommandLimiter
from vaa_ros.core.spec import SOURCE_KINDS
from vaa_ros.nodes.sim_arm import SimArm
from vaa_ros.nodes.teleop import Teleop
from vaa_ros.ros.conversions import stamp_to_ns
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import JOINTS_OUT
from vaa_ros.ros.qos import LATCHED
from vaa_ros.sim.expert import ExpertInput
from vaa_ros.sim.expert import make_expert
from vaa_ros.sim.simulation import Simulation

GOAL = [0.3, 0.1, 1.3, 0.1, 1.0, 0.2, 0.05]
REMAP = ['--ros-args', '-r', 'task_status:=sim_arm/task_status']


class Lockstep:
    """A simulation in lockstep and what it says."""

    def __init__(self, ros: Harness, task: str = 'reach', seed: int = 3) -> None:
        self.ros = ros
        self.node = ros.make_node(SimArm, task=task, seed=seed, clock='lockstep')
        self.joints = ros.collect(JointState, 'joint_states', JOINTS_OUT)
        self.status = ros.collect(DiagnosticStatus, 'sim_arm/task_status', LATCHED)

    def motion(self, episode: int, ticks: int) -> list[bytes]:
        """Give the joint positions of the first ticks of an episode, bit for bit."""
        def stamps() -> list[int]:
            found = {int(values['stamp_ns']) for values in map(status_values,
                                                               list(self.status.messages))
                     if values['episode'] == str(episode)}
            return sorted(found)
        wait_for(lambda: len(stamps()) > ticks, 60.0, f'{ticks} ticks of episode {episode}')
        wanted = stamps()[:ticks]

        def positions() -> dict[int, bytes]:
            # The first of a stamp: a tick may be said again.
            return {stamp_to_ns(message.header.stamp): bytes(message.position)
                    for message in reversed(list(self.joints.messages))}
        # Another topic: on a busy machine the statuses may be ahead of the joints.
        wait_for(lambda: positions().keys() >= set(wanted), 10.0, 'the joints of these ticks')
        heard = positions()
        return [heard[stamp] for stamp in wanted]

    def wait_done(self, episode: int = 0) -> dict[str, str]:
        return status_values(self.status.wait_until(
            lambda message: status_values(message)['episode'] == str(episode)
            and status_values(message)['done'] == 'true', 60.0))


def expert(ros: Harness, **parameters: Any) -> Any:
    def make(**options: Any) -> Teleop:
        return Teleop(cli_args=REMAP, **options)
    return ros.make_node(make, mode='expert', lockstep=True, **parameters)


@pytest.mark.parametrize('command_type', SOURCE_KINDS)
def test_the_expert_does_the_task_through_topics(ros: Harness, command_type: str) -> None:
    arm = Lockstep(ros)
    clock = ros.collect(Clock, '/clock', COMMAND)
    expert(ros, command_type=command_type)
    active = ros.collect(Bool, 'teleop/active', LATCHED)
    active.wait_until(lambda message: message.data)
    status = arm.wait_done()
    assert status['success'] == 'true'
    active.wait_until(lambda message: not message.data)
    ticks = {int(status_values(message)['stamp_ns']) for message in arm.status.messages}
    assert {stamp_to_ns(message.clock) for message in clock.messages} <= ticks


def test_two_runs_are_the_same_bit_for_bit(ros: Harness) -> None:
    arm = Lockstep(ros)
    expert(ros)
    arm.wait_done()
    runs = [arm.motion(0, 25)]
    assert ros.call(Trigger, 'sim_arm/reset').success
    arm.wait_done(1)
    runs.append(arm.motion(1, 25))
    assert runs[0] == runs[1]
    ros.set_parameters('/sim_arm', seed=4)
    assert ros.call(Trigger, 'sim_arm/reset').success
    assert arm.motion(2, 25) != runs[0]


def test_topics_give_the_same_motion_as_the_simulation_in_process(ros: Harness) -> None:
    arm = Lockstep(ros, seed=7)
    expert(ros)
    simulation, driver = Simulation('reach'), make_expert('reach', 7)
    simulation.reset(7)
    alone = []
    while not simulation.done():
        alone.append(simulation.joint_position.tobytes())
        simulation.set_targets(driver.act(ExpertInput(
            simulation.time_s, simulation.joint_position, simulation.objects())))
        simulation.step()
    assert arm.motion(0, len(alone)) == alone


def test_time_never_goes_back_over_a_reset(ros: Harness) -> None:
    arm = Lockstep(ros)
    expert(ros)
    arm.motion(0, 5)
    ros.call(Trigger, 'sim_arm/reset')
    arm.motion(1, 5)
    stamps = [int(status_values(message)['stamp_ns']) for message in arm.status.messages]
    assert stamps == sorted(stamps)
    # The joints carry the stamp of every tick too: a status of depth 1 may be missed on the way.
    stamps += [stamp_to_ns(message.header.stamp) for message in arm.joints.messages]
    assert np.diff(sorted(set(stamps))).max() <= 33_333_334


def test_waiting_for_the_recorder_loses_no_tick(ros: Harness) -> None:
    arm = Lockstep(ros)
    recording = ros.node.create_publisher(Bool, 'is_recording', LATCHED)
    recording.publish(Bool(data=False))
    expert(ros, wait_for_recording=True)
    sent = ros.collect(JointTrajectory, 'joint_trajectory', COMMAND)
    arm.status.wait(3)
    assert {status_values(m)['time_s'] for m in arm.status.messages} == {'0.0'}
    assert sent.messages == []
    recording.publish(Bool(data=True))
    arm.motion(0, 5)
    assert stamp_to_ns(sent.messages[0].header.stamp) == 1_000_000_000
    recording.publish(Bool(data=False))
    # Time stands still: the same tick is said again and again.
    wait_for(lambda: len({status_values(message)['stamp_ns']
                          for message in arm.status.messages[-3:]}) == 1)
    assert float(status_values(arm.status.messages[-1])['time_s']) > 0


@pytest.fixture
def policy_processes(
    start_process: Callable[..., NodeProcess], tmp_path: Path,
) -> Callable[[], None]:
    def start() -> None:
        model = goal_policy(tmp_path / 'goal.onnx', GOAL)
        start_process('vaa_ros.nodes.camera_subscriber', '--ros-args', '-p',
                      f'model_path:={model}')
        start_process('vaa_ros.nodes.policy', '--ros-args', '-p', f'model_path:={model}',
                      '-p', 'lockstep:=true')
    return start


def test_a_policy_gives_the_same_motion_every_episode(
    ros: Harness, policy_processes: Callable[[], None],
) -> None:
    arm = Lockstep(ros)
    policy_processes()
    arm.motion(0, 3)
    runs = []
    for episode in (1, 2):
        assert ros.call(SetBool, 'policy/pause', SetBool.Request(data=True)).success
        assert ros.call(Trigger, 'sim_arm/reset').success
        assert ros.call(Trigger, 'policy/reset_policy').success
        assert ros.call(SetBool, 'policy/pause', SetBool.Request(data=False)).success
        runs.append(arm.motion(episode, 20))
    assert runs[0] == runs[1]
    assert runs[0] == in_process(seed=3, ticks=20)


def in_process(seed: int, ticks: int) -> list[bytes]:
    """Give the joint positions of the goal policy without ROS, bit for bit."""
    robot = load_robot('vaa_arm')
    simulation = Simulation('reach')
    simulation.reset(seed)
    motion = LimitedMotion(CommandLimiter(SafetyLimits.from_robot(robot)))
    start = simulation.joint_position.astype(np.float32)
    gate = Gate({}, ramp_s=ControlOptions(1 / 30).ramp_s)
    positions = []
    for _ in range(ticks):
        positions.append(simulation.joint_position.tobytes())
        begun = gate.update(simulation.time_ns, GateInputs())
        command = motion.move(
            np.array(GOAL, np.float32), start, 1 / 30, begun.speed, begun.share).command
        simulation.set_targets(command)
        simulation.step()
    return positions
