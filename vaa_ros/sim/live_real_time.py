# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The live simulation in real time, paced by the monotonic clock.
"""
from __future__ import annotations

from collections.abc import Callable
import time

from vaa_ros.core.types import NANOSECONDS
from vaa_ros.sim.live import LiveSimulation
from vaa_ros.sim.live import Outlet
from vaa_ros.sim.pace import Pace
from vaa_ros.sim.world import World

MAX_LAG_S = 0.1


class RealTimeSimulation(LiveSimulation):
    """
    Joint states at 100 Hz, pictures and status at 30 Hz, physics up to the instant of a command.

    What is published is stamped with the time at which its state was due. When the machine
    cannot keep up, simulated time is given up, so that there is no burst afterwards.

    :param make: makes a simulation of a task.
    :param outlet: where to say what happened.
    :param task: the first task.
    :param seed: the first seed.
    :param now_ns: the clock of the stamps [ns].
    """

    def __init__(
        self, make: Callable[[str], World], outlet: Outlet, task: str, seed: int,
        now_ns: Callable[[], int],
    ) -> None:
        super().__init__(make, outlet, task, seed)
        self._now_ns = now_ns
        self.lost_s = 0.0
        """Simulated time given up because the machine was too slow [s]."""

    def _begun(self) -> None:
        self._origin_s = time.monotonic()
        self._next_step = self._simulation.pace.steps_a_joint_state
        # Commands that were under way during the reset are for a scene that is gone: they are
        # dropped until the first status of the new one is out. Before the first scene nobody
        # could send any.
        self._listening = self.episode == 0

    def _run(self) -> None:
        while not self._stopping:
            due_s = self._origin_s + self._next_step / self._simulation.pace.step_hz
            with self._changed:
                left_s = due_s - time.monotonic()
                if left_s > 0 and not (self._commands or self._requests or self._stopping):
                    self._changed.wait(left_s)
            self._work_requests()
            self._catch_up()
            for command in self._take_commands():
                if self._listening:
                    self._apply(command)
            if self._simulation.steps >= self._next_step:
                self._event()

    def _catch_up(self) -> None:
        elapsed_s = time.monotonic() - self._origin_s
        target = min(self._next_step, int(elapsed_s * self._simulation.pace.step_hz))
        self._advance(max(0, target - self._simulation.steps))
        lag_s = elapsed_s - self._next_step / self._simulation.pace.step_hz
        if lag_s > MAX_LAG_S:
            self._origin_s += lag_s
            self.lost_s += lag_s

    def _event(self) -> None:
        step = self._simulation.steps
        late_s = time.monotonic() - self._origin_s - step / self._simulation.pace.step_hz
        stamp_ns = self._now_ns() - round(late_s * NANOSECONDS)
        self._next_step = _next_event(step, self._simulation.pace)
        self._say_joints(stamp_ns)
        if step % self._simulation.pace.steps_a_tick:
            return
        self._say_status(stamp_ns)
        self._listening = True
        for camera in self._simulation.cameras:
            if self._outlet.wants(camera):
                self._outlet.image(camera, stamp_ns, self._simulation.render(camera))


def _next_event(step: int, pace: Pace) -> int:
    """
    Give the next physics step at which something is published.
    """
    return min((step // each + 1) * each
               for each in (pace.steps_a_joint_state, pace.steps_a_tick))
