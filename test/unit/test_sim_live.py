# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The live simulation with both clocks, without ROS.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import threading
import time

import numpy as np
from processes import wait_for
import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import SimulationError
from vaa_ros.sim.arm_controller import ArmController
from vaa_ros.sim.live import Command
from vaa_ros.sim.live import LiveSimulation
from vaa_ros.sim.live import Status
from vaa_ros.sim.live_lockstep import LockstepSimulation
from vaa_ros.sim.live_real_time import RealTimeSimulation
from vaa_ros.sim.simulation import Simulation

SIZE = (24, 32)


class Log:
    """An outlet that keeps everything."""

    def __init__(self, cameras: tuple[str, ...] = ()) -> None:
        self.joints: list[tuple[int, np.ndarray]] = []
        self.statuses: list[Status] = []
        self.images: list[tuple[str, int, np.ndarray]] = []
        self.refusals: list[tuple[str, str]] = []
        self.asked: list[str] = []
        self.cameras = cameras
        self.on_status: Callable[[Status], None] = lambda status: None

    def joint_state(self, stamp_ns: int, position: np.ndarray, velocity: np.ndarray) -> None:
        self.joints.append((stamp_ns, position))

    def status(self, status: Status) -> None:
        self.statuses.append(status)
        self.on_status(status)

    def wants(self, camera: str) -> bool:
        return camera in self.cameras

    def image(self, camera: str, stamp_ns: int, rgb: np.ndarray) -> None:
        self.images.append((camera, stamp_ns, rgb))

    def asked_for(self, instruction: str) -> None:
        self.asked.append(instruction)

    def refused(self, topic: str, reason: str) -> None:
        self.refusals.append((topic, reason))


def make(task: str) -> Simulation:
    return Simulation(task, SIZE)


@pytest.fixture
def run() -> Iterator[Callable[..., LiveSimulation]]:
    """Start simulations, and stop them after the test."""
    started: list[LiveSimulation] = []

    def start(log: Log, lockstep: bool = True, gripper: bool = False, task: str = 'reach',
              seed: int = 0) -> LiveSimulation:
        live = (LockstepSimulation(make, log, task, seed, lambda: gripper) if lockstep
                else RealTimeSimulation(make, log, task, seed, time.time_ns))
        started.append(live)
        live.start()
        return live

    yield start
    for live in started:
        live.stop()


def moving(stamp_ns: int | None, offset: float = 0.01) -> Command:
    def apply(arm: ArmController) -> None:
        goal = arm._plant.setpoint
        goal[0] += offset
        arm.move_to(goal)
    return Command('joint_trajectory', stamp_ns, apply)


def lockstep_run(ticks: int = 30) -> list[tuple[int, bytes]]:
    """Answer so many ticks of a simulation, and give its joint positions bit for bit."""
    log, finished = Log(), threading.Event()
    live = LockstepSimulation(make, log, 'reach', 5, lambda: False)

    def on_status(status: Status) -> None:
        if len({each.stamp_ns for each in log.statuses}) > ticks:
            finished.set()
        else:
            live.submit(moving(status.stamp_ns, 0.01 * np.sin(status.time_s)))
    log.on_status = on_status
    live.start()
    wait_for(finished)
    live.stop()
    return [(stamp, position.tobytes()) for stamp, position in log.joints]


def test_lockstep_gives_the_same_motion_bit_for_bit() -> None:
    first, second = lockstep_run(), lockstep_run()
    count = min(len(first), len(second))
    assert count > 100
    assert first[:count] == second[:count]


def test_lockstep_waits_and_says_the_tick_again(run: Callable[..., LiveSimulation]) -> None:
    log = Log(('front',))
    live = run(log)
    wait_for(lambda: len(log.images) >= 2)
    assert {status.stamp_ns for status in log.statuses} == {1_000_000_000}
    assert (log.images[0][2] == log.images[1][2]).all()
    assert live.repeats >= 1
    live.submit(moving(1_000_000_000))
    wait_for(lambda: log.statuses[-1].stamp_ns == 1_033_333_333)
    stamps = [stamp for stamp, _ in log.joints if stamp > 1_000_000_000]
    assert stamps[:4] == [1_010_000_000, 1_020_000_000, 1_030_000_000, 1_033_333_333]


def test_lockstep_leaves_out_what_answers_another_tick(
    run: Callable[..., LiveSimulation],
) -> None:
    log = Log()
    live = run(log)
    live.submit(moving(7))
    live.submit(moving(0))
    wait_for(lambda: live.out_of_step == 2)
    assert log.statuses[-1].stamp_ns == 1_000_000_000
    live.submit(moving(None))
    wait_for(lambda: log.statuses[-1].stamp_ns > 1_000_000_000)


def test_lockstep_waits_for_the_gripper_where_there_is_one(
    run: Callable[..., LiveSimulation],
) -> None:
    log = Log()
    live = run(log, gripper=True)
    twist = Command('delta_twist_cmds', 1_000_000_000,
                    lambda arm: arm.drive([0.1, 0, 0, 0, 0, 0], ''))
    live.submit(twist)
    wait_for(lambda: live.repeats >= 1)
    assert log.statuses[-1].stamp_ns == 1_000_000_000
    live.submit(Command('gripper_commands', 1_000_000_000,
                        lambda arm: arm.open_gripper([0.03])))
    wait_for(lambda: log.statuses[-1].stamp_ns > 1_000_000_000)


def test_a_refused_command_is_no_answer(run: Callable[..., LiveSimulation]) -> None:
    log = Log()
    live = run(log)
    live.submit(Command('commands', None, lambda arm: arm.move_to([np.nan] * 7)))
    wait_for(lambda: log.refusals)
    wait_for(lambda: live.repeats >= 1)
    assert log.statuses[-1].stamp_ns == 1_000_000_000
    assert 'not finite' in log.refusals[0][1]


def test_reset_is_the_next_tick_of_another_scene(run: Callable[..., LiveSimulation]) -> None:
    log = Log()
    live = run(log)
    live.submit(moving(1_000_000_000))
    wait_for(lambda: log.statuses[-1].stamp_ns == 1_033_333_333)
    live.reset('push', 4)
    status = wait_for(lambda: log.statuses[-1] if log.statuses[-1].episode == 1 else None)
    assert (status.task, status.seed, status.time_s) == ('push', 4, 0.0)
    assert status.stamp_ns == 1_066_666_666


@pytest.mark.parametrize('lockstep', [True, False])
def test_a_bad_reset_is_refused_and_the_old_scene_stays(
    run: Callable[..., LiveSimulation], lockstep: bool,
) -> None:
    log = Log()
    live = run(log, lockstep)
    with pytest.raises(ConfigError, match='pick_place'):
        live.reset('jump', 0)
    with pytest.raises(SimulationError, match='seed'):
        live.reset('reach', -1)
    assert live.episode == 0
    live.reset('reach', 1)
    assert live.episode == 1


def test_an_unknown_first_task_is_told_to_the_starter(
    run: Callable[..., LiveSimulation],
) -> None:
    with pytest.raises(ConfigError, match='reach'):
        run(Log(), task='jump')


@pytest.mark.parametrize('lockstep', [True, False])
def test_pushes_are_handed_on(run: Callable[..., LiveSimulation], lockstep: bool) -> None:
    live = run(Log(), lockstep)
    live.perturb(np.full(7, 0.01))
    with pytest.raises(SimulationError):
        live.perturb(np.zeros(3))


def test_real_time_stamps_are_even_and_joints_come_with_every_picture(
    run: Callable[..., LiveSimulation],
) -> None:
    log = Log(('front', 'wrist'))
    live = run(log, lockstep=False)
    wait_for(lambda: len(log.images) >= 20)
    live.stop()
    stamps = [stamp for camera, stamp, _ in log.images if camera == 'front']
    gaps_ms = np.diff(stamps) / 1e6
    # A machine that is too slow gives time up now and then, but not at every tick.
    assert np.percentile(gaps_ms, 25) == pytest.approx(100 / 3, abs=1.0)
    assert set(stamps) <= {stamp for stamp, _ in log.joints}
    assert {stamp for camera, stamp, _ in log.images if camera == 'wrist'} <= set(stamps)
    joint_gaps_ms = np.diff([stamp for stamp, _ in log.joints]) / 1e6
    assert np.percentile(joint_gaps_ms, 50) < 10.5


def test_real_time_obeys_and_drops_what_was_for_the_old_scene(
    run: Callable[..., LiveSimulation],
) -> None:
    log = Log()
    live = run(log, lockstep=False)
    wait_for(lambda: log.statuses)
    before = log.joints[-1][1][0]
    live.submit(moving(None, 0.3))
    wait_for(lambda: log.joints[-1][1][0] > before + 0.25)
    live.reset('reach', 0)
    live.submit(moving(None, 0.3))
    wait_for(lambda: log.statuses[-1].episode == 1 and log.statuses[-1].time_s > 0.3)
    assert log.joints[-1][1][0] == pytest.approx(before, abs=0.01)


def test_a_finished_episode_obeys_no_more(run: Callable[..., LiveSimulation]) -> None:
    log = Log()
    live = run(log)
    live._simulation.done = lambda: True
    live.submit(moving(1_000_000_000, 1.0))
    status = wait_for(lambda: log.statuses[-1] if log.statuses[-1].done else None)
    assert log.joints[-1][1][0] == pytest.approx(log.joints[0][1][0], abs=1e-3)
    assert status.stamp_ns > 1_000_000_000


def test_a_crash_is_told_to_whoever_asks(run: Callable[..., LiveSimulation]) -> None:
    log = Log()

    def explode(status: Status) -> None:
        raise RuntimeError('boom')
    live = run(log, lockstep=False)
    log.on_status = explode
    wait_for(lambda: live.failure)
    assert 'boom' in live.failure
    with pytest.raises(SimulationError, match='ended'):
        live.reset('reach', 0)
