# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the policy's control thread does, tick by tick, without threads, clocks or ROS.

A tick asks the policy about a new observation, asks the gate whether the arm may move, takes the
setpoint that is due from the action chunks and brings it inside the safety limits. When it may
not move it says what to hold instead. Time is passed in.
"""
from __future__ import annotations

from collections.abc import Callable
import copy
from dataclasses import dataclass
from dataclasses import replace
import time
from typing import Protocol

import numpy as np

from vaa_ros.core.chunking import ChunkPlayer
from vaa_ros.core.errors import InstructionError
from vaa_ros.core.gate import ACTIVE
from vaa_ros.core.gate import Gate
from vaa_ros.core.gate import GateDecision
from vaa_ros.core.gate import GateInputs
from vaa_ros.core.gate import HOLDING
from vaa_ros.core.gate import MOVING
from vaa_ros.core.gate import PAUSED
from vaa_ros.core.gate import STOPPED
from vaa_ros.core.limited_motion import LimitedMotion
from vaa_ros.core.loop_figures import LoopFigures
from vaa_ros.core.safety import LimitResult
from vaa_ros.core.scene_watch import SceneWatch
from vaa_ros.core.scene_watch import WatchOptions
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.core.types import Observation

FAILURES_LATCHED = 3
PAUSE_HOLD_TICKS = 3


class Answers(Protocol):
    """What a tick needs of a policy."""

    def infer(self, observation: Observation) -> ActionChunk:
        """
        Answer one observation.
        """

    def reset(self) -> None:
        """
        Forget what came before.
        """


@dataclass(frozen=True, eq=False)
class TickInputs:
    """
    The facts of one tick.

    :param now_ns: a clock that does not jump, for the gate and for speed limits [ns].
    :param stamp_now_ns: the present on the clock of the observation stamps [ns].
    :param observation: the newest observation, or None before the first.
    :param fresh: whether it was not answered before.
    :param measured: where the arm is, as the command's kind has it; None while unknown.
    :param gate: what the gate has to know; the loop adds its own faults.
    :param silent: publish nothing while the gate forbids to move, not even a hold.
    :param waited_for: whether time stands still until a command comes (lockstep).
    """

    now_ns: int
    stamp_now_ns: int
    observation: Observation | None
    fresh: bool
    measured: np.ndarray | None
    gate: GateInputs
    silent: bool = False
    waited_for: bool = False


@dataclass(frozen=True, eq=False)
class Tick:
    """
    What one tick decided.

    :param decision: the gate's answer.
    :param command: what to publish, or None for nothing.
    :param moving: whether the command is a new setpoint, not a hold.
    :param stamp_ns: stamp of the observation behind the command [ns], 0 without one.
    :param fresh: whether the policy answered a new observation in this tick.
    """

    decision: GateDecision
    command: np.ndarray | None
    moving: bool
    stamp_ns: int
    fresh: bool


class ControlLoop:
    """
    Turns observations into the one command that is due.

    Not thread-safe: the control thread owns it.

    :param gate: says whether the arm may move.
    :param player: plays the action chunks.
    :param motion: brings commands inside the safety limits, one after the other.
    :param period_s: control period [s].
    :param stopwatch: gives seconds, for the inference time.
    :param watch: watches what the policy sees; None does not.
    """

    def __init__(
        self,
        gate: Gate,
        player: ChunkPlayer,
        motion: LimitedMotion,
        period_s: float,
        stopwatch: Callable[[], float] = time.perf_counter,
        watch: SceneWatch | None = None,
    ) -> None:
        self.figures = LoopFigures()
        self.sender_coasts: Callable[[], bool] = lambda: False
        """Whether what was sent for the last command, such as velocities, moves on by itself."""
        self._gate = gate
        self._player = player
        self._motion = motion
        self._period_s = period_s
        self._stopwatch = stopwatch
        self._watch = watch or SceneWatch((), WatchOptions(enabled=False))
        self._policy: Answers | None = None
        self._instruction = ''
        self._last_ns = self._stamp_ns = 0
        self._pace = (1.0, 1.0)
        self._pause_ticks = 0
        self.reset()

    def reset(self) -> None:
        """
        Start anew, as between episodes: forget the chunks, the last command and any fault.
        """
        self.release()
        self._fault: str | None = None
        self._failures_in_a_row = 0
        if self._policy is not None:
            self._policy.reset()

    def tick(self, inputs: TickInputs, policy: Answers) -> Tick:
        """
        Make one tick.

        :param inputs: the facts.
        :param policy: the policy that is active now; when it is another one than before, the
            chunks of the one before are dropped with its first answer.
        :return: what to publish, and why.
        """
        answered = self._answer(inputs, policy)
        fault = inputs.gate.fault or self._fault or self._watch.problem
        slowed = inputs.gate.slowed or (self._watch.reason if self._watch.slowed else '')
        decision = self._gate.update(
            inputs.now_ns, replace(inputs.gate, fault=fault or None, slowed=slowed))
        command = None
        if decision.may_move:
            command, problem = self._setpoint(inputs, decision)
            if problem:
                # Told as a fault, so that every way of not moving is a state of the gate.
                decision = self._gate.update(
                    inputs.now_ns, replace(inputs.gate, fault=problem))
        stamp_ns = inputs.observation.stamp_ns if inputs.observation is not None else 0
        if command is not None:
            self._was_moving = True
            self._pause_ticks = 0
            self.figures.control_ticks += 1
            self.figures.coasted_ticks += not answered
            return Tick(decision, command, True, stamp_ns, answered)
        held = None if inputs.silent else self._held(decision, inputs)
        begun = decision.state in (*MOVING, HOLDING, STOPPED)
        if held is None and not begun or inputs.silent:
            # Others may move the arm meanwhile.
            self.release()
        elif self._was_moving or self._watch.problem:
            # Chunks foresaw a motion that did not happen.
            self._player.reset()
        self._was_moving = False
        return Tick(decision, held, False, stamp_ns, answered)

    def release(self) -> None:
        """
        Let go of the arm: the next motion starts where it then is.
        """
        self._gate.begin_anew()
        self._motion.release()
        self._was_moving = False
        self._player.reset()
        self._watch.reset()

    def hold(self, dt_s: float) -> np.ndarray | None:
        """
        Give the next command that ends the motion and keeps the arm where it is.

        :param dt_s: time since the last command [s].
        :return: the last command again; for twists, less and less motion; None when nothing was
            commanded, and when the arm was released since, for others may have moved it.
        """
        return self._motion.hold(dt_s)

    @property
    def coasting(self) -> bool:
        """
        Tell whether the arm goes on moving if no further command comes.
        """
        return self._motion.moving or self.sender_coasts()

    def _answer(self, inputs: TickInputs, policy: Answers) -> bool:
        """
        Ask the policy about a new observation; whether it gave a chunk that can be used.
        """
        gate = inputs.gate
        idle = (gate.paused or gate.e_stop or gate.lifecycle != ACTIVE
                or self._gate.state == STOPPED and not gate.reset)
        if not inputs.fresh or inputs.observation is None or idle or self._latched:
            return False
        start = self._stopwatch()
        try:
            chunk = policy.infer(inputs.observation)
            if policy is not self._policy:
                self._player.reset()
                self._watch.reset()
                self._policy = policy
            if inputs.observation.instruction != self._instruction:
                # Chunks of before would pull towards what was asked for before.
                self._player.reset()
                self._instruction = inputs.observation.instruction
            self._player.add(chunk)
            self._look(inputs, chunk)
        except InstructionError as error:
            # Nothing is wrong with the policy.
            self._fault = str(error)
            return False
        except Exception as error:
            self.figures.failures += 1
            self._failures_in_a_row += 1
            self._fault = f'the policy failed: {error}'
            if self._latched:
                self._fault += (f' ({FAILURES_LATCHED} times in a row; load another model or '
                                'reset the policy)')
            return False
        self.figures.inference.add(1e3 * (self._stopwatch() - start))
        self.figures.alignment = chunk.alignment
        self._failures_in_a_row = 0
        self._fault = None
        return True

    def _look(self, inputs: TickInputs, chunk: ActionChunk) -> None:
        """
        Let the watch judge an answer of the present policy.
        """
        watch, figures = self._watch, self.figures
        watch.update(inputs.now_ns, getattr(self._policy, 'familiarity', None),
                     inputs.observation, chunk)
        figures.confidence, figures.alarms, figures.holds, figures.repeated_pictures = (
            watch.confidence, watch.alarms, watch.holds, watch.repeats)

    def ahead(self, count: int) -> np.ndarray:
        """
        Give the commands that would follow the last one, a control period apart.

        Nothing of it is remembered. In a hold there is none: the arm stays.

        :param count: how many at most.
        :return: commands (k, n) inside the limits; fewer where the chunks end earlier.
        """
        # Copies, which may forget what is over by then and remember what is only foreseen.
        player, motion = copy.copy(self._player), copy.copy(self._motion)
        found: list[np.ndarray] = []
        while self._was_moving and len(found) < count:
            due_ns = self._stamp_ns + round((len(found) + 1) * self._period_s * NANOSECONDS)
            wanted = player.setpoint(due_ns)
            if wanted is None or motion.move(
                    wanted, None, self._period_s, *self._pace).command is None:
                break
            found.append(motion.last)
        return np.array(found) if found else np.empty((0, 0))

    @property
    def _latched(self) -> bool:
        return self._failures_in_a_row >= FAILURES_LATCHED

    def _setpoint(self, inputs: TickInputs, decision: GateDecision,
                  ) -> tuple[np.ndarray | None, str]:
        """
        Give the command that is due inside the limits, or why there is none.
        """
        wanted = self._player.setpoint(inputs.stamp_now_ns)
        if wanted is None:
            return None, 'no action chunk covers the present: the observations come too late'
        starting = self._motion.last is None
        dt_s = self._period_s if starting else self._elapsed_s(inputs)
        pace = decision.speed, decision.share
        result = self._motion.move(wanted, inputs.measured, dt_s, *pace)
        if result.command is None:
            self.figures.refused += 1
            return None, f'command refused: {result.refused}'
        self._count_clamped(result)
        self._last_ns, self._stamp_ns = inputs.now_ns, inputs.stamp_now_ns
        self._pace = pace
        return result.command, ''

    def _elapsed_s(self, inputs: TickInputs) -> float:
        elapsed_s = (inputs.now_ns - self._last_ns) / NANOSECONDS
        # Stamps are whole nanoseconds and periods are not.
        regular = elapsed_s <= 0 or abs(elapsed_s - self._period_s) < 1e-6
        return self._period_s if regular else elapsed_s

    def _count_clamped(self, result: LimitResult) -> None:
        figures = self.figures
        figures.clamped += result.clamped_count > 0
        figures.clamped_in_a_row = figures.clamped_in_a_row + 1 if result.clamped_count else 0

    def _held(self, decision: GateDecision, inputs: TickInputs) -> np.ndarray | None:
        """
        Give what to publish in a state that does not move, or None for silence.
        """
        dt_s = self._elapsed_s(inputs)
        if decision.state == PAUSED:
            self._pause_ticks += 1
            if self._pause_ticks > PAUSE_HOLD_TICKS and not self.coasting:
                return None
            self._last_ns = inputs.now_ns
            return self.hold(dt_s)
        wanted = self._watch.problem or inputs.waited_for
        if decision.state == HOLDING and self._motion.last is None and wanted:
            # Nothing was commanded yet: stay where the arm is.
            self._motion.stand(inputs.measured)
        if decision.state not in (HOLDING, STOPPED) or self._motion.last is None:
            return None
        self._last_ns = inputs.now_ns
        return self.hold(dt_s)
