# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the policy's control thread does, tick by tick, without threads, clocks or ROS.

A tick takes in what the policy answered, asks the gate whether the arm may move, takes the
setpoint that is due from the action chunks and brings it inside the safety limits. When it may
not move it says what to hold instead. Time is passed in.
"""
from __future__ import annotations

from collections.abc import Callable
import copy
from dataclasses import replace

import numpy as np

from vaa_ros.core.errors import InstructionError
from vaa_ros.core.errors import LateError
from vaa_ros.core.gate import ACTIVE
from vaa_ros.core.gate import Gate
from vaa_ros.core.gate import GateDecision
from vaa_ros.core.gate import GateInputs
from vaa_ros.core.gate import HOLDING
from vaa_ros.core.gate import MOVING
from vaa_ros.core.gate import PAUSED
from vaa_ros.core.gate import STOPPED
from vaa_ros.core.inference import Answer
from vaa_ros.core.inference import Answers
from vaa_ros.core.inference import ask
from vaa_ros.core.limited_motion import gap_s
from vaa_ros.core.limited_motion import LimitedMotion
from vaa_ros.core.loop_figures import LoopFigures
from vaa_ros.core.plan import Plan
from vaa_ros.core.scene_watch import SceneWatch
from vaa_ros.core.scene_watch import WatchOptions
from vaa_ros.core.tick import Tick
from vaa_ros.core.tick import TickInputs
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.core.types import Observation

FAILURES_LATCHED = 3
PAUSE_HOLD_TICKS = 3


class ControlLoop:
    """
    Turns the policy's answers into the one command that is due.

    Not thread-safe: the control thread owns it.

    :param gate: says whether the arm may move.
    :param plan: keeps the action chunks, and gives the setpoint that is wanted.
    :param motion: brings commands inside the safety limits, one after the other.
    :param period_s: control period [s].
    :param watch: watches what the policy sees; None does not.
    """

    def __init__(
        self,
        gate: Gate,
        plan: Plan,
        motion: LimitedMotion,
        period_s: float,
        watch: SceneWatch | None = None,
    ) -> None:
        self.figures = LoopFigures()
        self.sender_coasts: Callable[[], bool] = lambda: False
        """Whether what was sent for the last command, such as velocities, moves on by itself."""
        self.sender_led_on: Callable[[], np.ndarray | None] = lambda: None
        """Gives the last two commands (2, n) of a plan that was sent, if it led beyond the first.
        """
        self.lasts_s = gate.lasts_s
        """Tells for how long the arm may go on moving if nothing comes any more."""
        self.step = motion.step
        """Tells the time and the speeds of the last command."""
        self._gate, self._plan, self._motion = gate, plan, motion
        self._period_s = period_s
        self._watch = watch or SceneWatch((), WatchOptions(enabled=False))
        self._policy: Answers | None = None
        self._failed: Answers | None = None
        self._instruction = self._meant_wrong = ''
        self._last_ns = self._stamp_ns = self._behind_ns = self._pause_ticks = 0
        self._pace = (1.0, 1.0)
        self.reset()

    def reset(self) -> None:
        """
        Start anew, as between episodes: forget the chunks, the last command and any fault.
        """
        self.release()
        self._fault: str | None = None
        self._failures_in_a_row = 0
        self._anew = True

    def asks(self, gate: GateInputs, policy: Answers) -> bool:
        """
        Tell whether a policy is to be asked at all.

        :param gate: what the gate is about to be told.
        :param policy: the policy that is at work now.
        """
        idle = (gate.paused or gate.e_stop or gate.lifecycle != ACTIVE
                or self._gate.state == STOPPED and not gate.reset)
        given_up = self._failures_in_a_row >= FAILURES_LATCHED and policy is self._failed
        return not idle and not given_up

    def ask(self, gate: GateInputs, policy: Answers, observation: Observation) -> Answer | None:
        """
        Ask the policy here and now, where time waits for it: in lockstep and in replays.

        :param gate: what the gate is about to be told.
        :param policy: the policy that is active now.
        :param observation: a new observation.
        :return: what came of it, for the next tick; None where it is not to be asked.
        """
        if not self.asks(gate, policy):
            return None
        anew, self._anew = self._anew, False
        return ask(policy, observation, anew)

    def tick(self, inputs: TickInputs) -> Tick:
        """
        Make one tick.

        :param inputs: the facts; when another policy answered than before, the chunks of the one
            before are dropped.
        :return: what to publish, and why.
        """
        answered, self._meant_wrong = self._take(inputs), ''
        if not inputs.waited_for:
            self._catch_up(inputs)
        fault = inputs.gate.fault or self._fault or self._watch.problem
        slowed = inputs.gate.slowed or (self._watch.reason if self._watch.slowed else '')
        decision = self._gate.update(inputs.now_ns, replace(
            inputs.gate, fault=fault or None, slowed=slowed,
            awaited='' if self._begun else 'the first answer of the policy',
            unresolved=self._unresolved))
        command = None
        if decision.may_move:
            command, self._unresolved = self._setpoint(inputs, decision)
            if self._unresolved:
                # Told as a fault, so that every way of not moving is a state of the gate.
                decision = self._gate.update(
                    inputs.now_ns, replace(inputs.gate, fault=self._unresolved))
        stamp_ns = inputs.observation.stamp_ns if inputs.observation is not None else 0
        if command is not None:
            stamp_ns = self._behind_ns
            self._was_moving = True
            self._pause_ticks = 0
            self.figures.control_ticks += 1
            self.figures.coasted_ticks += not answered
            return Tick(decision, command, True, stamp_ns, answered)
        silent = inputs.silent and not self.coasting
        held = None if silent else self._held(decision, inputs)
        begun = decision.state in (*MOVING, HOLDING, STOPPED)
        if held is None and not begun or silent:
            # Others may move the arm meanwhile.
            self.release()
        elif self._was_moving or self._watch.problem:
            # Chunks foresaw a motion that did not happen.
            self._plan.reset()
        self._was_moving = False
        return Tick(decision, held, False, stamp_ns, answered, self._meant_wrong)

    def _catch_up(self, inputs: TickInputs) -> None:
        """
        Take note of what became of the arm where this tick is late.
        """
        led = self.sender_led_on() if self._was_moving else None
        if self._elapsed_s(inputs) > gap_s(self._period_s):
            # Whoever watches this process has stopped it meanwhile, on a plan nobody knows where.
            (self._motion.rest if led is None else self._motion.release)()
        elif led is not None:
            # It is not where the last command sent it.
            self._motion.lead(led, self._period_s)
            self._last_ns = inputs.now_ns - round(self._period_s * NANOSECONDS)

    def release(self) -> None:
        """
        Let go of the arm: the next motion starts where it then is.
        """
        self._gate.begin_anew()
        self._motion.release()
        self._was_moving = self._begun = False
        self._unresolved = ''
        self._plan.reset()
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

    def _take(self, inputs: TickInputs) -> bool:
        """
        Take in what the policy answered; whether it gave a chunk that can be used.
        """
        answer, figures = inputs.answer, self.figures
        if answer is None or not self.asks(inputs.gate, answer.policy):
            return False
        try:
            if answer.problem is not None:
                raise answer.problem
            self._follow(answer, inputs)
        except LateError as error:
            figures.late_answers += 1
            self._fault = str(error)
            return False
        except InstructionError as error:
            self._instruction, self._fault = answer.observation.instruction, str(error)
            return False
        except Exception as error:
            figures.failures += 1
            in_a_row = self._failures_in_a_row if answer.policy is self._failed else 0
            self._failures_in_a_row, self._failed = in_a_row + 1, answer.policy
            self._fault = f'the policy failed: {error}'
            if self._failures_in_a_row >= FAILURES_LATCHED:
                self._fault += (f' ({FAILURES_LATCHED} times in a row; load another model or '
                                'reset the policy)')
            return False
        figures.inference.add(1e3 * answer.took_s)
        figures.alignment = answer.chunk.alignment
        self._failures_in_a_row = 0
        self._fault = None
        self._behind_ns, self._begun = answer.observation.stamp_ns, True
        return True

    def _follow(self, answer: Answer, inputs: TickInputs) -> None:
        """
        Plan with a chunk, and let the watch judge it.
        """
        observation, chunk = answer.observation, answer.chunk
        if answer.policy is not self._policy:
            self._plan.take_over(answer.policy)
            self._watch.reset()
            if not getattr(answer.policy, 'by_itself', False):
                self._gate.rearm()
            self._policy = answer.policy
        if observation.instruction != self._instruction:
            # Chunks of before would pull towards what was asked for before.
            self._plan.reset()
            self._gate.rearm()
            self._instruction = observation.instruction
        self._plan.add(chunk, inputs.stamp_now_ns, answer.seam_s)
        watch, figures = self._watch, self.figures
        watch.update(inputs.now_ns, getattr(self._policy, 'familiarity', None), observation, chunk)
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
        plan, motion = self._plan.copy(), copy.copy(self._motion)
        found: list[np.ndarray] = []
        while self._was_moving and len(found) < count:
            later_ns = round((len(found) + 1) * self._period_s * NANOSECONDS)
            wanted = plan.wanted(self._last_ns + later_ns, self._stamp_ns + later_ns)
            if wanted is None or motion.move(
                    wanted, None, self._period_s, *self._pace).command is None:
                break
            found.append(motion.last)
        return np.array(found) if found else np.empty((0, 0))

    def _setpoint(self, inputs: TickInputs, decision: GateDecision,
                  ) -> tuple[np.ndarray | None, str]:
        """
        Give the command that is due inside the limits, or why there is none.
        """
        starting = self._motion.last is None
        if not self._was_moving:
            self._plan.start(inputs.measured if starting else self._motion.last)
        wanted = self._plan.wanted(inputs.now_ns, inputs.stamp_now_ns)
        if wanted is None:
            return None, ('no action chunk covers the present: the observations, or the answers '
                          'to them, come too late')
        dt_s = self._period_s if starting else self._elapsed_s(inputs)
        pace = decision.speed, decision.share
        result = self._motion.move(wanted, inputs.measured, dt_s, *pace)
        if result.command is None:
            self.figures.refused += 1
            # From the last command the policy itself led on; where it began, the arm was.
            self._meant_wrong = '' if starting and result.by_start else result.refused
            return None, f'command refused: {result.refused}'
        figures, clamped = self.figures, result.clamped_count > 0
        figures.clamped += clamped
        figures.clamped_in_a_row = figures.clamped_in_a_row + 1 if clamped else 0
        self._last_ns, self._stamp_ns, self._pace = inputs.now_ns, inputs.stamp_now_ns, pace
        return result.command, ''

    def _elapsed_s(self, inputs: TickInputs) -> float:
        elapsed_s = (inputs.now_ns - self._last_ns) / NANOSECONDS
        # Stamps are whole nanoseconds and periods are not.
        regular = elapsed_s <= 0 or abs(elapsed_s - self._period_s) < 1e-6
        return self._period_s if regular else elapsed_s

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
        if decision.state == HOLDING and self._motion.last is None and inputs.waited_for:
            # Nothing was commanded yet, and time waits for a command: stay where the arm is.
            self._motion.stand(inputs.measured)
        # What moves on by itself is braked in every state.
        holds = decision.state in (HOLDING, STOPPED) or self.coasting and not inputs.waited_for
        if not holds or self._motion.last is None:
            return None
        self._last_ns = inputs.now_ns
        return self.hold(dt_s)
