# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The live simulation in lockstep: simulated time waits for the command of every control tick.

The same commands then give the same result on a slow, busy or remote machine. Nothing depends
on the wall clock but how soon a tick is said again when no answer came.
"""
from __future__ import annotations

from collections.abc import Callable
import time

import numpy as np

from vaa_ros.core.types import NANOSECONDS
from vaa_ros.sim.live import Command
from vaa_ros.sim.live import LiveSimulation
from vaa_ros.sim.live import Outlet
from vaa_ros.sim.world import World

REPEAT_S = 0.3
START_NS = NANOSECONDS
"""Time of the first tick; not 0, since a stamp of 0 means now."""

GRIPPER = 'gripper_commands'


class LockstepSimulation(LiveSimulation):
    """
    Says a tick, waits for its command, lets one control period pass.

    A command whose stamp is another tick's is left out. One without a stamp counts for the
    present tick. With end-effector commands the gripper has a topic of its own; while anyone
    publishes there, a tick is answered once both have come.

    :param make: makes a simulation of a task.
    :param outlet: where to say what happened.
    :param task: the first task.
    :param seed: the first seed.
    :param gripper_expected: whether anyone publishes gripper commands.
    """

    def __init__(
        self, make: Callable[[str], World], outlet: Outlet, task: str, seed: int,
        gripper_expected: Callable[[], bool],
    ) -> None:
        super().__init__(make, outlet, task, seed)
        self._gripper_expected = gripper_expected
        self._tick = -1
        self.repeats = 0
        """How often a tick was said again."""
        self.out_of_step = 0
        """Commands left out because they answer another tick."""

    @property
    def tick_ns(self) -> int:
        """
        Give the time of the present tick [ns].
        """
        pace = self._simulation.pace
        return START_NS + pace.time_ns(self._tick * pace.steps_a_tick)

    def _begun(self) -> None:
        # Time never goes back: the new scene is the next tick.
        self._tick += 1
        self._fresh = True

    def _run(self) -> None:
        while not self._stopping:
            self._fresh = False
            self._pictures: dict[str, np.ndarray] = {}
            self._say_tick()
            if self._await_answer():
                self._pass_time()

    def _say_tick(self) -> None:
        stamp_ns = self.tick_ns
        self._say_joints(stamp_ns)
        self._say_status(stamp_ns)
        for camera in self._simulation.cameras:
            if self._outlet.wants(camera):
                if camera not in self._pictures:
                    self._pictures[camera] = self._simulation.render(camera)
                self._outlet.image(camera, stamp_ns, self._pictures[camera])

    def _await_answer(self) -> bool:
        """
        Wait for the commands of this tick and apply them.

        :return: False if there is a new scene or the simulation stops instead.
        """
        answers: dict[str, Command] = {}
        repeat_s = time.monotonic() + REPEAT_S
        while not self._stopping:
            with self._changed:
                if not (self._commands or self._requests or self._stopping):
                    self._changed.wait(max(0.0, repeat_s - time.monotonic()))
            self._work_requests()
            if self._fresh:
                return False
            for command in self._take_commands():
                if command.stamp_ns not in (None, self.tick_ns):
                    self.out_of_step += 1
                    continue
                answers[GRIPPER if command.topic == GRIPPER else 'arm'] = command
            if 'arm' in answers and self._complete(answers) and self._apply_all(answers):
                return True
            if time.monotonic() >= repeat_s:
                self.repeats += 1
                self._say_tick()
                repeat_s = time.monotonic() + REPEAT_S
        return False

    def _complete(self, answers: dict[str, Command]) -> bool:
        whole = answers['arm'].topic in ('joint_trajectory', 'commands', 'velocity_commands')
        return whole or GRIPPER in answers or not self._gripper_expected()

    def _apply_all(self, answers: dict[str, Command]) -> bool:
        """
        Apply the commands of a tick, always in the same order; whether none was refused.
        """
        results = [self._apply(answers[part]) for part in (GRIPPER, 'arm') if part in answers]
        good = all(results)
        if not good:
            answers.clear()
        return good

    def _pass_time(self) -> None:
        pace = self._simulation.pace
        start = self._simulation.steps
        end = start + pace.steps_a_tick
        stamp_ns = self.tick_ns
        each = pace.steps_a_joint_state
        for step in range((start // each + 1) * each, end, each):
            self._advance(step - self._simulation.steps)
            self._say_joints(stamp_ns + pace.time_ns(step - start))
        self._advance(end - self._simulation.steps)
        self._tick += 1
