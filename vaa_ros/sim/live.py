# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A simulation that runs by itself, in a thread of its own, and is driven by commands from others.

The thread owns everything that belongs to MuJoCo, its OpenGL context above all. What it has to
say goes to an :class:`Outlet`; commands and requests come in through a queue. How time passes is
up to the two kinds: :mod:`vaa_ros.sim.live_real_time` and :mod:`vaa_ros.sim.live_lockstep`.
"""
from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
import threading
import traceback
from typing import Protocol

import numpy as np

from vaa_ros.core.errors import SimulationError
from vaa_ros.core.errors import VaaError
from vaa_ros.sim.arm_controller import ArmController
from vaa_ros.sim.world import World

REQUEST_TIMEOUT_S = 30.0


@dataclass(frozen=True, eq=False)
class Status:
    """
    Where the episode stands at one control tick.

    :param stamp_ns: time of the tick [ns].
    :param task: name of the task.
    :param instruction: what is asked for, in words.
    :param seed: seed of the episode.
    :param episode: counts the resets.
    :param time_s: time since the reset [s].
    :param max_time_s: time limit of the episode [s].
    :param success: whether the task is done.
    :param done: whether the episode is over.
    :param objects: pose (7,) x y z qw qx qy qz of each object [m].
    :param tool_pose: pose (7,) x y z qw qx qy qz of the tool [m], or None where there is not one.
    """

    stamp_ns: int
    task: str
    instruction: str
    seed: int
    episode: int
    time_s: float
    max_time_s: float
    success: bool
    done: bool
    objects: dict[str, np.ndarray]
    tool_pose: np.ndarray | None


class Outlet(Protocol):
    """Where the simulation's thread says what happened."""

    def joint_state(self, stamp_ns: int, position: np.ndarray, velocity: np.ndarray) -> None:
        """
        Tell the measured joints.
        """

    def status(self, status: Status) -> None:
        """
        Tell where the episode stands; in lockstep also the time.
        """

    def asked_for(self, instruction: str) -> None:
        """
        Say what a new episode asks for, where its task knows several instructions.
        """

    def wants(self, camera: str) -> bool:
        """
        Tell whether anyone looks through a camera.
        """

    def image(self, camera: str, stamp_ns: int, rgb: np.ndarray) -> None:
        """
        Show a picture (H, W, 3) uint8.
        """

    def refused(self, topic: str, reason: str) -> None:
        """
        Say that a command was refused.
        """


@dataclass(frozen=True, eq=False)
class Command:
    """
    A command on its way to the arm.

    :param topic: where it came from.
    :param stamp_ns: stamp of the tick that it answers, or None where it has none [ns].
    :param apply: hands it to the controller; may raise :class:`SimulationError`.
    """

    topic: str
    stamp_ns: int | None
    apply: Callable[[ArmController], None]


class _Request:
    """Something to do in the simulation's thread, and whether it worked."""

    def __init__(self, work: Callable[[], None]) -> None:
        self.work = work
        self.finished = threading.Event()
        self.error: VaaError | None = None


class LiveSimulation:
    """
    The parts that both clocks share.

    :param make: makes a simulation of a task; called in the thread.
    :param outlet: where to say what happened.
    :param task: the first task.
    :param seed: the first seed.
    """

    def __init__(
        self, make: Callable[[str], World], outlet: Outlet, task: str, seed: int,
    ) -> None:
        self._make = make
        self._outlet = outlet
        self._task = task
        self._seed = seed
        self.episode = 0
        self.failure: str | None = None
        """Why the thread ended by itself, or None."""
        self._changed = threading.Condition()
        self._commands: deque[Command] = deque(maxlen=64)
        self._requests: deque[_Request] = deque()
        self._stopping = False
        self._holding = False
        self._thread = threading.Thread(target=self._main, name='simulation', daemon=True)

    def start(self) -> None:
        """
        Start the thread and wait until the first scene stands.

        :raises VaaError: if the simulation cannot start.
        """
        ready = _Request(lambda: None)
        self._requests.append(ready)
        self._thread.start()
        self._wait(ready)

    def stop(self) -> None:
        """
        End the thread.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=10.0)

    def submit(self, command: Command) -> None:
        """
        Hand in a command.

        :param command: the command; it is applied in the simulation's thread.
        """
        with self._changed:
            self._commands.append(command)
            self._changed.notify_all()

    def reset(self, task: str, seed: int) -> None:
        """
        Start the next episode and wait until its scene stands.

        :param task: name of the task.
        :param seed: seed of the scene.
        :raises VaaError: if the task or the seed is refused; the old scene then stays.
        """
        self._ask(lambda: self._begin(task, seed))

    def ask_for(self, instruction: str) -> None:
        """
        Ask for something else in the present episode.

        :param instruction: one of the task's instructions.
        :raises InstructionError: if it is none of them; lists them.
        """
        self._ask(lambda: self._simulation.set_instruction(instruction))

    def perturb(self, offsets: np.ndarray) -> None:
        """
        Push the joints aside for a moment.

        :param offsets: one for each joint (n,) [rad or m].
        :raises SimulationError: if they are refused.
        """
        self._ask(lambda: self._controller.perturb(offsets))

    def _ask(self, work: Callable[[], None]) -> None:
        if self.failure is not None:
            raise SimulationError(f'the simulation has ended: {self.failure}')
        request = _Request(work)
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
        self._wait(request)

    def _wait(self, request: _Request) -> None:
        if not request.finished.wait(REQUEST_TIMEOUT_S):
            raise SimulationError(f'the simulation did not answer within {REQUEST_TIMEOUT_S:g} s')
        if request.error is not None:
            raise request.error

    def _main(self) -> None:
        try:
            self._open(self._task)
            self._begin(self._task, self._seed, first=True)
            for camera in self._simulation.cameras[:1]:
                self._simulation.render(camera)
            self._run()
        except VaaError as error:
            self._fail(error)
        except Exception:
            self._fail(SimulationError(f'the simulation ended:\n{traceback.format_exc()}'))
        finally:
            if hasattr(self, '_simulation'):
                self._simulation.close()

    def _fail(self, error: VaaError) -> None:
        self.failure = str(error)
        with self._changed:
            requests = list(self._requests)
        for request in requests:
            request.error = error
            request.finished.set()

    def _run(self) -> None:
        raise NotImplementedError

    def _open(self, task: str) -> None:
        simulation = self._make(task)
        if hasattr(self, '_simulation'):
            self._simulation.close()
        self._simulation = simulation
        self._task = task
        self._controller = ArmController(
            simulation, simulation.kinematics(), simulation.pace.tick_s)

    def _begin(self, task: str, seed: int, first: bool = False) -> None:
        if task != self._task:
            self._open(task)
        self._simulation.reset(seed)
        self._controller.reset()
        self._seed = seed
        self._holding = False
        self.episode += not first
        with self._changed:
            self._commands.clear()
        if len(self._simulation.instructions) > 1:
            self._outlet.asked_for(self._simulation.instruction)
        self._begun()

    def _begun(self) -> None:
        """
        Do what a clock has to do after a reset.
        """

    def _work_requests(self) -> None:
        while self._requests:
            request = self._requests.popleft()
            try:
                request.work()
            except VaaError as error:
                request.error = error
            finally:
                request.finished.set()

    def _take_commands(self) -> list[Command]:
        with self._changed:
            commands = list(self._commands)
            self._commands.clear()
        return commands

    def _apply(self, command: Command) -> bool:
        """
        Hand a command to the arm, unless the episode is over; whether it was not refused.
        """
        if self._simulation.done():
            return True
        try:
            command.apply(self._controller)
        except SimulationError as error:
            self._outlet.refused(command.topic, str(error))
            return False
        return True

    def _advance(self, steps: int) -> None:
        """
        Let physics go on, with the controller asked in between while a twist drives the arm.
        """
        done = 0
        while done < steps:
            self._controller.update()
            part = steps - done
            if self._controller.driving:
                part = min(self._simulation.pace.steps_an_update, part)
            self._simulation.advance(part)
            done += part
        if self._simulation.done() and not self._holding:
            self._holding = True
            self._controller.hold()

    def _say_joints(self, stamp_ns: int) -> None:
        self._outlet.joint_state(
            stamp_ns, self._simulation.joint_position, self._simulation.joint_velocity)

    def _say_status(self, stamp_ns: int) -> None:
        simulation = self._simulation
        self._outlet.status(Status(
            stamp_ns, self._task, simulation.instruction, self._seed, self.episode,
            simulation.time_s, simulation.max_time_s, simulation.success(), simulation.done(),
            simulation.objects(), simulation.tool_pose()))
