# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The thread that commands the arm: paced by the monotonic clock, woken by observations.

Callbacks of the executor only put what came in; everything else happens here. In lockstep the
observations alone decide when a tick is, and nothing depends on the wall clock.
"""
from __future__ import annotations

import threading
import time
import traceback

import numpy as np

from vaa_ros.core.control_loop import ControlLoop
from vaa_ros.core.control_loop import Tick
from vaa_ros.core.control_loop import TickInputs
from vaa_ros.core.control_setup import DEADMAN_TOPIC
from vaa_ros.core.gate import GateDecision
from vaa_ros.core.gate import GateInputs
from vaa_ros.core.gate import INACTIVE
from vaa_ros.core.gate import PAUSED
from vaa_ros.core.gate import STOPPED
from vaa_ros.core.gate import WAITING
from vaa_ros.core.input_buffer import InputBuffer
from vaa_ros.core.input_findings import Judgement
from vaa_ros.core.input_findings import NOTHING_FOUND
from vaa_ros.core.tick_schedule import TickSchedule
from vaa_ros.core.types import JointState
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.core.types import Observation
from vaa_ros.ros.control_wiring import Wiring

SETTLE_S = 1.0
HOLD_TIMES, MOST_HOLDS = 3, 200
HOLD_GAP_S = 0.01
NOT_ACTIVE = GateDecision(INACTIVE, False, 'the node is inactive; activate it to move')
IN_PAUSE = GateDecision(PAUSED, False, 'paused by request; resume with the pause service '
                        '(data: false)')


class ControlThread:
    """
    Runs a control loop in real time or in lockstep.

    :param loop: what a tick does.
    :param inputs: puts the inputs together; its lockstep must be that of this thread.
    :param wiring: what it is connected to.
    :param period_s: control period [s].
    :param lockstep: tick once for every complete observation.
    """

    def __init__(
        self, loop: ControlLoop, inputs: InputBuffer, wiring: Wiring, period_s: float,
        lockstep: bool = False,
    ) -> None:
        self._loop = loop
        self._inputs = inputs
        self._wiring = wiring
        self._period_ns = round(period_s * NANOSECONDS)
        self._lockstep = lockstep
        self._decision = NOT_ACTIVE
        self._changed = threading.Condition()
        self._paused = self._e_stop = False
        self._switches: dict[str, int | None] = {}
        self._other_publisher = self._bug = ''
        self._wake = self._resetting = self._released = self._stopping = False
        self._settled = threading.Event()
        self._sent: tuple[int, np.ndarray] | None = None
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

    @property
    def other_publisher(self) -> str:
        """
        Say who else commands the arm, or nothing.
        """
        return self._other_publisher

    def start(self) -> None:
        """
        Begin to tick; the first motion starts where the arm is.
        """
        self._loop.reset()
        self._decision = GateDecision(WAITING, False, '')
        self._stopping = False
        self._thread = threading.Thread(target=self._main, name='control', daemon=True)
        self._thread.start()

    def halt(self) -> None:
        """
        End the ticks and publish the hold as the last word; in lockstep time just stands still.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        thread.join(timeout=5.0)
        self._decision = NOT_ACTIVE
        silent = self._lockstep or self._paused or self._other_publisher or thread.is_alive()
        stamp_ns = self._sent[0] if self._sent is not None else 0
        for turn in range(MOST_HOLDS):
            gap_s = self._period_ns / NANOSECONDS if self._loop.coasting else HOLD_GAP_S
            held = self._loop.hold(gap_s)
            if held is None or silent or turn >= HOLD_TIMES and not self._loop.coasting:
                return
            self._wiring.publish(held, stamp_ns, False)
            time.sleep(gap_s)

    def push_image(self, key: str, stamp_ns: int, rgb: np.ndarray) -> None:
        """
        Take a picture.

        :param key: the camera's key.
        :param stamp_ns: its capture time [ns].
        :param rgb: the picture at policy size (H, W, 3) uint8.
        :raises ValueError: if the size is not the policy's.
        """
        with self._changed:
            self._inputs.push_image(
                key, stamp_ns, rgb, time.monotonic_ns(), self._wiring.ros_now_ns())
            if self._inputs.ready():
                self._changed.notify_all()

    def push_joints(self, state: JointState) -> None:
        """
        Take a joint state.

        :param state: the state, in any order.
        """
        with self._changed:
            self._inputs.push_joints(state, time.monotonic_ns(), self._wiring.ros_now_ns())
            # In real time it is the pictures that complete an observation.
            if self._lockstep and self._inputs.ready():
                self._changed.notify_all()

    def problem(self, topic: str, reason: str) -> None:
        """
        Note that an input came which cannot be used.

        :param topic: the topic.
        :param reason: what is wrong with it.
        """
        with self._changed:
            self._inputs.problem(topic, reason)

    def set_instruction(self, text: str) -> None:
        """
        Ask for something, from the next observation on.

        :param text: what is asked for.
        """
        with self._changed:
            self._inputs.instruction = text

    def set_e_stop(self, pressed: bool) -> None:
        """
        Take note of the emergency stop, and act at once.

        :param pressed: whether it is pressed.
        """
        with self._changed:
            self._e_stop = pressed
            self._wake = True
            self._changed.notify_all()

    def set_deadman(self, held: bool) -> None:
        """
        Take note of a deadman switch, and act at once when it is let go.

        :param held: whether somebody holds it.
        """
        with self._changed:
            self._switches[DEADMAN_TOPIC] = time.monotonic_ns() if held else None
            self._wake |= not held
            self._changed.notify_all()

    def set_other_publisher(self, reason: str) -> None:
        """
        Take note that someone else commands the arm.

        :param reason: who, or an empty string for nobody.
        """
        with self._changed:
            self._other_publisher = reason

    def pause(self, paused: bool) -> bool:
        """
        Pause, and wait until the arm was told to hold; or go on.

        :param paused: whether to pause.
        :return: whether it took effect.
        """
        self._settled.clear()
        with self._changed:
            self._paused = paused
            self._wake = True
            self._changed.notify_all()
        return self._thread is None or not paused or self._settled.wait(SETTLE_S)

    def reset(self) -> bool:
        """
        Forget chunks, inputs, faults and a released emergency stop, and wait for it.

        :return: whether it took effect.
        """
        if self._thread is None:
            with self._changed:
                self._do_reset()
            return True
        self._settled.clear()
        with self._changed:
            self._resetting = True
            self._changed.notify_all()
        return self._settled.wait(SETTLE_S)

    def ages_s(self) -> dict[str, float | None]:
        """
        Give the age of every input by topic [s].
        """
        with self._changed:
            return self._ages_s(time.monotonic_ns(), self._wiring.ros_now_ns())

    def judged(self) -> tuple[Judgement, dict[str, int]]:
        """
        Give what is found about the inputs now, and what was counted.
        """
        with self._changed:
            judged = self._inputs.judge(time.monotonic_ns(), self._wiring.ros_now_ns())
            return judged, self._inputs.counts()

    def _ages_s(self, now_ns: int, ros_ns: int) -> dict[str, float | None]:
        return {**self._inputs.ages_s(now_ns, ros_ns),
                **{topic: None if held_ns is None else (now_ns - held_ns) / NANOSECONDS
                   for topic, held_ns in self._switches.items()}}

    def _main(self) -> None:
        while not self._stopping:
            try:
                if self._lockstep:
                    self._run_lockstep()
                else:
                    self._run_real_time()
            except Exception:
                # A bug must not end the thread silently while the arm is moving.
                self._bug = f'bug in the control thread: {traceback.format_exc()}'
                time.sleep(self._period_ns / NANOSECONDS)

    def _run_real_time(self) -> None:
        schedule = TickSchedule(self._period_ns)
        while True:
            with self._changed:
                while not (self._stopping or self._resetting or self._wake):
                    left_ns = schedule.due_ns(self._inputs.ready()) - time.monotonic_ns()
                    if left_ns <= 0:
                        break
                    self._changed.wait(left_ns / NANOSECONDS)
                if self._stopping:
                    return
                if self._resetting:
                    self._do_reset()
                self._wake = False
                observation, fresh = self._inputs.take()
                ros_ns = self._wiring.ros_now_ns()
                now_ns = time.monotonic_ns()
                gate = self._gate(self._ages_s(now_ns, ros_ns), self._inputs.judge(now_ns, ros_ns))
            tick = self._tick(time.monotonic_ns(), ros_ns, observation, fresh, gate)
            self._loop.figures.missed_ticks += schedule.ticked(time.monotonic_ns(), tick.moving)
            if tick.moving and tick.fresh:
                late_ns = self._wiring.ros_now_ns() - tick.stamp_ns
                self._loop.figures.latency.add(late_ns / 1e6)
            quiet = tick.decision.state == PAUSED and tick.command is None
            if quiet or tick.decision.state == STOPPED:
                self._settled.set()
            self._wiring.after(tick)

    def _run_lockstep(self) -> None:
        while True:
            with self._changed:
                while not (self._stopping or self._resetting
                           or self._inputs.ready() and not self._paused):
                    if self._paused:
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
                gate = self._gate(dict.fromkeys(self._ages_s(0, 0), 0.0))
            if self._sent is not None and self._sent[0] == observation.stamp_ns:
                self._wiring.again()
                continue
            now_ns = observation.stamp_ns
            self._wiring.after(self._tick(now_ns, now_ns, observation, True, gate))

    def _tick(self, now_ns: int, stamp_now_ns: int, observation: Observation | None, fresh: bool,
              gate: GateInputs) -> Tick:
        measured = None if observation is None else self._wiring.measured(observation)
        tick = self._loop.tick(
            TickInputs(now_ns, stamp_now_ns, observation, fresh, measured, gate,
                       silent=bool(self._other_publisher), waited_for=self._lockstep),
            self._wiring.policy())
        if tick.command is not None:
            self._wiring.publish(tick.command, tick.stamp_ns, tick.moving)
            self._sent = (tick.stamp_ns, tick.command)
        self._decision = tick.decision
        return tick

    def _gate(self, ages_s: dict[str, float | None], judged: Judgement = NOTHING_FOUND,
              ) -> GateInputs:
        fault = self._other_publisher or self._bug or self._inputs.trouble()
        reset, self._released = self._released, False
        return GateInputs('active', ages_s, fault or None, self._paused, self._e_stop, reset,
                          judged.hold, judged.slow)

    def _do_reset(self) -> None:
        self._resetting = False
        self._loop.reset()
        self._inputs.reset()
        self._sent, self._bug = None, ''
        self._released = True
        self._settled.set()
