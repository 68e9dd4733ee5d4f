# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The thread that commands the arm, paced by the monotonic clock.

Callbacks of the executor only put what came in, and a thread of its own asks the policy; nothing
that takes long happens here. In lockstep the observations alone decide when a tick is, the policy
is asked in the tick, and nothing depends on the wall clock.
"""
from __future__ import annotations

from collections.abc import Callable
import threading
import time
import traceback

from vaa_ros.core.control_loop import ControlLoop
from vaa_ros.core.errors import RosError
from vaa_ros.core.gate import GateDecision
from vaa_ros.core.gate import GateInputs
from vaa_ros.core.gate import HOLDING
from vaa_ros.core.gate import IN_PAUSE
from vaa_ros.core.gate import NOT_ACTIVE
from vaa_ros.core.gate import PAUSED
from vaa_ros.core.gate import STOPPED
from vaa_ros.core.gate import WAITING
from vaa_ros.core.inference import Answer
from vaa_ros.core.input_buffer import InputBuffer
from vaa_ros.core.input_findings import Judgement
from vaa_ros.core.input_findings import NOTHING_FOUND
from vaa_ros.core.pacing import Pacing
from vaa_ros.core.stop_latch import Rival
from vaa_ros.core.tick import Tick
from vaa_ros.core.tick import TickInputs
from vaa_ros.core.tick_budget import TickBudget
from vaa_ros.core.tick_schedule import Schedule
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.core.types import Observation
from vaa_ros.ros.control_wiring import Wiring
from vaa_ros.ros.inference_thread import InferenceThread
from vaa_ros.ros.input_feed import InputFeed
from vaa_ros.ros.last_words import publish_last_words
from vaa_ros.ros.thread_rights import favour

SETTLE_S = 3.0
"""Longest time to wait for a pause or reset [s]: what moves on by itself is braked before."""
AFTER_S = 1e-4
"""So much later an input is too old without doubt [s]."""
PERSON = 'a person'
RESETTING = 'the arm is braked before the reset'
RESET = 'chunks, faults and stops are forgotten'
WITHDRAWN = 'not reset: a stop was pressed meanwhile'
UNANSWERED = 'the control thread did not answer'


class ControlThread(InputFeed):
    """
    Runs a control loop in real time or in lockstep.

    :param loop: what a tick does.
    :param inputs: puts the inputs together; its lockstep must be that of the pacing.
    :param wiring: what it is connected to.
    :param pacing: how time is kept; in lockstep, one tick for every complete observation.
    """

    def __init__(
        self, loop: ControlLoop, inputs: InputBuffer, wiring: Wiring, pacing: Pacing,
    ) -> None:
        super().__init__(inputs, wiring.ros_now_ns, pacing.lockstep)
        self._loop = loop
        self._wiring = wiring
        self._pacing = pacing
        self._decision = NOT_ACTIVE
        self._inference = InferenceThread(self._changed, inputs, wiring.policy, pacing)
        self._budget = TickBudget(round(pacing.period_s * NANOSECONDS))
        self.paused_by = ''
        """Whose pause stands; changed by :meth:`pause` alone."""
        # A pulse is a press since the last tick: a short one latches, too.
        self._e_stop = self._taken_over = self._pulse = False
        self._rival, self._bug = Rival(), ''
        self._resetting = self._released = self._stopping = False
        self._resets = 0
        self._settled = threading.Event()
        self._sent_ns: int | None = None
        self._thread: threading.Thread | None = None

    @property
    def decision(self) -> GateDecision:
        """
        Give the gate's newest decision.
        """
        decision = self._decision
        if decision.state == WAITING and not decision.reason:
            with self._changed:
                return GateDecision(WAITING, False, self._inputs.waiting_for())
        return decision

    def start(self) -> list[str]:
        """
        Begin to tick; the first motion starts where the arm is.

        :return: what the system did not allow, and what to do about it.
        """
        self._loop.reset()
        self._rival.reset()
        self._decision = GateDecision(WAITING, False, '')
        self._stopping = False
        if not self._lockstep:
            self._inference.forget(anew=True)
            self._inference.start()
        self._thread = threading.Thread(target=self._main, name='control', daemon=True)
        self._thread.start()
        return favour(self._thread, self._pacing.realtime_priority, self._pacing.cpu)

    def halt(self, let_go: Callable[[], object]) -> None:
        """
        End the ticks and publish the hold as the last word; in lockstep time just stands still.

        :param let_go: called after the last word. An answer under way is waited for only after
            that: it takes longer than whoever watches the commands allows a silence to be.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            let_go()
            return
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        thread.join(timeout=5.0)
        self._decision = NOT_ACTIVE
        left = self.paused_by or self._rival.reason
        if not (self._lockstep or left and not self._loop.coasting or thread.is_alive()):
            publish_last_words(
                self._loop, self._wiring, self._sent_ns or 0, self._pacing.period_s)
        let_go()
        self._inference.stop()

    def set_e_stop(self, pressed: bool, taken_over: bool = False) -> None:
        """
        Take note of the emergency stop, and act at once when it is pressed.

        A press withdraws a reset that waits; what is said again changes nothing.

        :param pressed: whether it is pressed.
        :param taken_over: whether somebody else holds the arm from now on, until a reset.
        """
        with self._changed:
            self._wake |= (pressed and not self._e_stop
                           or taken_over and not self._taken_over)
            self._e_stop = pressed
            self._taken_over |= taken_over
            self._pulse |= pressed
            self._resetting &= not pressed
            self._changed.notify_all()

    def set_other_publisher(self, reason: str) -> None:
        """
        Take note that someone else commands the arm; once gone, that holds until a reset.

        :param reason: who, or an empty string for nobody.
        """
        with self._changed:
            self._rival.told(reason, self._decision.state == PAUSED)

    def pause(self, paused: bool, owner: str = PERSON) -> None:
        """
        Pause, or go on; the newest pause takes the place of the one before.

        :param paused: whether to pause.
        :param owner: who asks; the pause of another one stays.
        """
        self._settled.clear()
        with self._changed:
            if paused or self.paused_by == owner:
                self.paused_by = owner * paused
            self._wake = True
            self._changed.notify_all()

    def settled(self) -> bool:
        """
        Wait until a pause, if there is one, took effect; say whether it did.
        """
        return self._thread is None or not self.paused_by or self._settled.wait(SETTLE_S)

    def reset(self) -> str:
        """
        Forget chunks, inputs, faults and a released emergency stop, and wait for it.

        :return: what was done.
        :raises RosError: if it was not, nor will be: a stop was pressed meanwhile, or the thread
            did not come to it.
        """
        with self._changed:
            if self._thread is None:
                self._do_reset()
                return RESET
            self._resetting, before = True, self._resets
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._resetting or self._stopping, SETTLE_S)
            unanswered, self._resetting = self._resetting, False
            if self._resets == before:
                raise RosError(UNANSWERED if unanswered else WITHDRAWN)
        return RESET

    def figures(self) -> dict[str, object]:
        """
        Give what a status has to say about time.
        """
        return {} if self._lockstep else {**self._budget.values(), **self._inference.figures()}

    def _main(self) -> None:
        while not self._stopping:
            try:
                (self._run_lockstep if self._lockstep else self._run_real_time)()
            except Exception:
                # A bug must not end the thread silently while the arm is moving.
                self._bug = f'bug in the control thread: {traceback.format_exc()}'
                self._hold_without_tick()
                time.sleep(self._pacing.period_s)

    def _hold_without_tick(self) -> None:
        """
        Hold, or go on braking, where a tick failed: the next one may fail, too.
        """
        self._decision = GateDecision(HOLDING, False, self._bug)
        others = self.paused_by or self._taken_over or self._rival.reason
        try:
            if not (self._lockstep or others and not self._loop.coasting):
                held = self._loop.hold(self._pacing.period_s)
                if held is not None:
                    self._wiring.publish(held, self._sent_ns or 0, False)
        except Exception:
            # Then there is silence, and whoever watches the commands stops the arm.
            self._bug += f'and in the hold after it: {traceback.format_exc()}'

    def _run_real_time(self) -> None:
        schedule, budget = self._pacing.schedule(), self._budget
        while True:
            with self._changed:
                due_ns = self._wait(schedule)
                if self._stopping:
                    return
                begin_ns = time.monotonic_ns()
                budget.begin(due_ns or begin_ns, begin_ns, scheduled=due_ns > 0)
                if self._resetting and not self._loop.coasting:
                    self._do_reset()
                self._wake = False
                ros_ns = self._ros_now_ns()
                gate = self._gate(self._inputs.ages_s(begin_ns, ros_ns),
                                  self._inputs.judge(begin_ns, ros_ns))
                self._inference.allow(self._loop.asks(gate, self._wiring.policy()))
                self._inference.expire(begin_ns)
                answer = self._inference.take()
                observation = self._inputs.newest()
            now_ns = time.monotonic_ns()
            budget.mark(now_ns)
            tick = self._decide(now_ns, ros_ns, observation, answer, gate)
            budget.mark(time.monotonic_ns())
            self._publish(tick)
            published_ns = time.monotonic_ns()
            budget.mark(published_ns)
            self._loop.figures.missed_ticks += schedule.ticked(published_ns, tick.moving)
            if tick.moving and tick.fresh:
                late_ns = self._ros_now_ns() - tick.stamp_ns
                self._loop.figures.latency.add(late_ns / 1e6)
            quiet = tick.decision.state == PAUSED and tick.command is None
            if quiet or tick.decision.state == STOPPED:
                self._settled.set()
            self._wiring.after(tick)
            budget.end(time.monotonic_ns())

    def _wait(self, schedule: Schedule) -> int:
        """
        Wait for the next tick, the condition held; give when it was due [ns], 0 for just now.
        """
        while not (self._stopping or self._wake
                   or self._resetting and not self._loop.coasting):
            due_ns, now_ns = schedule.due_ns(self._inference.answered), time.monotonic_ns()
            left_s = (due_ns - now_ns) / NANOSECONDS
            if left_s <= 0:
                return due_ns if self._pacing.steady else 0
            # An input that becomes too old ends the motion then, not at the next tick.
            lasts_s = AFTER_S + self._loop.lasts_s(
                self._inputs.ages_s(now_ns, self._ros_now_ns()), self._inputs.lasts_s(now_ns))
            if lasts_s <= 0:
                return 0
            self._changed.wait(min(left_s, lasts_s))
        return 0

    def _run_lockstep(self) -> None:
        while True:
            with self._changed:
                while not (self._stopping or self._resetting
                           or self._inputs.ready() and not self.paused_by):
                    if self.paused_by:
                        self._loop.release()
                        self._decision = IN_PAUSE
                        self._settled.set()
                    elif self._decision is IN_PAUSE:
                        self._decision = GateDecision(WAITING, False, '')
                    self._changed.wait()
                if self._stopping:
                    return
                if self._resetting:
                    self._do_reset()
                    continue
                observation, _ = self._inputs.take()
                gate = self._gate(dict.fromkeys(self._inputs.ages_s(0, 0), 0.0))
            if self._sent_ns == observation.stamp_ns:
                self._wiring.again()
                continue
            now_ns = observation.stamp_ns
            answer = self._loop.ask(gate, self._wiring.policy(), observation)
            tick = self._decide(now_ns, now_ns, observation, answer, gate)
            self._publish(tick)
            self._wiring.after(tick)

    def _decide(self, now_ns: int, stamp_now_ns: int, observation: Observation | None,
                answer: Answer | None, gate: GateInputs) -> Tick:
        measured = None if observation is None else self._wiring.measured(observation)
        tick = self._loop.tick(TickInputs(
            now_ns, stamp_now_ns, observation, measured, gate, answer,
            silent=self._taken_over or bool(self._rival.reason), waited_for=self._lockstep))
        self._decision = tick.decision
        return tick

    def _publish(self, tick: Tick) -> None:
        if tick.command is not None:
            self._wiring.publish(tick.command, tick.stamp_ns, tick.moving)
            self._sent_ns = tick.stamp_ns

    def _gate(self, ages_s: dict[str, float | None], judged: Judgement = NOTHING_FOUND,
              ) -> GateInputs:
        fault = (self._rival.reason or self._bug or self._inputs.trouble()
                 or self._resetting and RESETTING)
        reset, self._released = self._released, False
        pressed, self._pulse = self._e_stop or self._pulse, False
        return GateInputs('active', ages_s, fault or None, bool(self.paused_by), pressed, reset,
                          judged.hold, judged.slow)

    def _do_reset(self) -> None:
        self._resetting, self._resets = False, self._resets + 1
        self._loop.reset()
        self._inference.forget(anew=True)
        self._inputs.reset()
        self._rival.reset()
        self._sent_ns, self._bug = None, ''
        self._released, self._pulse, self._taken_over = True, False, False
        self._changed.notify_all()
