# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The policy's control loop on recorded inputs, with recorded time: what would it have commanded.

The parts are those of the live node: :class:`~vaa_ros.core.input_buffer.InputBuffer` pairs the
inputs, :class:`~vaa_ros.core.tick_schedule.TickSchedule` says when a tick is due and
:class:`~vaa_ros.core.control_loop.ControlLoop` makes it. Only the waiting is left out. Inference
takes no time here, so the same inputs and policy give the same commands to the last bit. Ticks
come at the policy's own rate: setpoints between (``control_rate_hz``) and the velocities that are
made of positions (``velocity_commands``) are left out.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
import hashlib

import numpy as np

from vaa_ros.core.control_loop import ControlLoop
from vaa_ros.core.gate import GateInputs
from vaa_ros.core.inference import Answers
from vaa_ros.core.input_buffer import InputBuffer
from vaa_ros.core.tick import Tick
from vaa_ros.core.tick import TickInputs
from vaa_ros.core.tick_schedule import TickSchedule
from vaa_ros.core.types import JointState
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.core.types import Observation


@dataclass(frozen=True, eq=False)
class Arrival:
    """
    An input as it came.

    :param at_ns: when it came, on the clock of the stamps [ns].
    :param source: a camera's key, ``joint_states`` or ``instruction``.
    :param stamp_ns: its stamp [ns].
    :param value: a picture at policy size (H, W, 3) uint8, the joint state, or what is asked for
        from then on.
    """

    at_ns: int
    source: str
    stamp_ns: int
    value: np.ndarray | JointState | str


@dataclass(frozen=True, eq=False)
class ReplayedTick:
    """
    One tick of a replay.

    :param at_ns: when, on the clock of the stamps [ns].
    :param tick: what the loop decided.
    """

    at_ns: int
    tick: Tick


class Replay:
    """
    Feeds a control loop with recorded inputs.

    :param loop: the loop; it is reset.
    :param inputs: pairs the inputs; is it for lockstep, every complete observation is one tick.
    :param policy: the policy to ask.
    :param measured: where the arm is at an observation, as the command's kind has it.
    :param period_s: control period [s].
    :param lockstep: whether the inputs were recorded from a simulation in lockstep; must be that
        of ``inputs``.
    """

    def __init__(
        self, loop: ControlLoop, inputs: InputBuffer, policy: Answers,
        measured: Callable[[Observation], np.ndarray | None], period_s: float,
        lockstep: bool = False,
    ) -> None:
        self._loop = loop
        self._inputs = inputs
        self._policy = policy
        self._measured = measured
        self._schedule = TickSchedule(round(period_s * NANOSECONDS))
        self._lockstep = lockstep
        self._ticks: list[ReplayedTick] = []

    def run(self, arrivals: Iterable[Arrival]) -> list[ReplayedTick]:
        """
        Replay.

        :param arrivals: the inputs in the order in which they came.
        :return: every tick.
        :raises ValueError: if a picture is not of the policy's size, or the order is wrong.
        """
        self._loop.reset()
        self._inputs.reset()
        self._ticks = []
        now_ns: int | None = None
        for arrival in arrivals:
            if now_ns is not None and arrival.at_ns < now_ns:
                raise ValueError(f'{arrival.source} came {now_ns - arrival.at_ns} ns before what '
                                 'came before it')
            if not self._lockstep and now_ns is not None:
                self._tick_until(now_ns, arrival.at_ns)
            now_ns = arrival.at_ns
            self._push(arrival)
            if self._lockstep and self._inputs.ready():
                self._tick_lockstep()
        if not self._lockstep and now_ns is not None:
            self._tick_until(now_ns, now_ns + 1)
        return self._ticks

    def _push(self, arrival: Arrival) -> None:
        if isinstance(arrival.value, str):
            self._inputs.instruction = arrival.value
        elif isinstance(arrival.value, JointState):
            self._inputs.push_joints(arrival.value, arrival.at_ns, arrival.at_ns)
        else:
            self._inputs.push_image(
                arrival.source, arrival.stamp_ns, arrival.value, arrival.at_ns, arrival.at_ns)

    def _tick_until(self, now_ns: int, end_ns: int) -> None:
        """
        Make every tick that is due from now on and before the end.
        """
        while True:
            now_ns = max(now_ns, self._schedule.due_ns(self._inputs.ready()))
            if now_ns >= end_ns:
                return
            observation, fresh = self._inputs.take()
            ages_s = self._inputs.ages_s(now_ns, now_ns)
            tick = self._tick(now_ns, observation, fresh, ages_s)
            self._loop.figures.missed_ticks += self._schedule.ticked(now_ns, tick.moving)

    def _tick_lockstep(self) -> None:
        observation, _ = self._inputs.take()
        assert observation is not None
        ages_s = dict.fromkeys(self._inputs.ages_s(0, 0), 0.0)
        if not self._ticks or self._ticks[-1].tick.stamp_ns != observation.stamp_ns:
            self._tick(observation.stamp_ns, observation, True, ages_s)

    def _tick(self, now_ns: int, observation: Observation | None, fresh: bool,
              ages_s: dict[str, float | None]) -> Tick:
        measured = None if observation is None else self._measured(observation)
        judged = self._inputs.judge(now_ns, now_ns)
        gate = GateInputs('active', ages_s, self._inputs.trouble() or None, unfit=judged.hold,
                          slowed=judged.slow)
        answer = self._loop.ask(gate, self._policy, observation) if fresh else None
        tick = self._loop.tick(TickInputs(now_ns, now_ns, observation, measured, gate, answer,
                                          waited_for=self._lockstep))
        self._ticks.append(ReplayedTick(now_ns, tick))
        return tick


@dataclass(frozen=True, eq=False)
class Comparison:
    """
    Replayed commands beside recorded ones.

    :param times_ns: when each replayed command was due (N,) [ns].
    :param replayed: what the policy would have commanded (N, D).
    :param recorded: what was commanded (N, D); NaN where nothing was, or an element was left out.
    """

    times_ns: np.ndarray
    replayed: np.ndarray
    recorded: np.ndarray

    @property
    def matched(self) -> np.ndarray:
        """
        Tell which replayed commands have a recorded one (N,) bool.
        """
        return np.isfinite(self.recorded).any(axis=1)

    @property
    def identical(self) -> int:
        """
        Count the commands that are the recorded ones to the last bit.
        """
        same = (self.replayed == self.recorded) | np.isnan(self.recorded)
        return int((same.all(axis=1) & self.matched).sum())

    def errors(self) -> np.ndarray:
        """
        Give the absolute differences (M, D) of the commands that have a recorded one.
        """
        return np.abs(self.replayed - self.recorded)[self.matched]


def compare(ticks: Sequence[ReplayedTick], stamps_ns: Sequence[int], commands: np.ndarray,
            tolerance_ns: int, by_stamp: bool) -> Comparison:
    """
    Find what was commanded at every replayed command.

    :param ticks: the replay.
    :param stamps_ns: time of each recorded command, growing [ns]: the stamp of the observation
        that it answers, or when it came.
    :param commands: the recorded commands (K, D), NaN where an element was left out.
    :param tolerance_ns: how much later a recorded command may have come; not used by stamp.
    :param by_stamp: whether the times are the stamps of the observations.
    :return: the pairs, for ticks with a new setpoint.
    """
    moving = [each for each in ticks if each.tick.moving]
    replayed = np.array([each.tick.command for each in moving]).reshape(-1, commands.shape[1])
    recorded = np.full_like(replayed, np.nan)
    times = np.asarray(stamps_ns, dtype=np.int64)
    for row, each in enumerate(moving):
        wanted_ns = each.tick.stamp_ns if by_stamp else each.at_ns
        place = int(np.searchsorted(times, wanted_ns))
        latest_ns = wanted_ns if by_stamp else wanted_ns + tolerance_ns
        if place < len(times) and times[place] <= latest_ns:
            recorded[row] = commands[place]
    when = np.array([each.at_ns for each in moving], dtype=np.int64)
    return Comparison(when, replayed, recorded)


def digest(ticks: Iterable[ReplayedTick]) -> str:
    """
    Give a checksum of every command of a replay, to tell two replays apart.

    :param ticks: the replay.
    :return: SHA-256 in hexadecimal.
    """
    sums = hashlib.sha256()
    for each in ticks:
        command = each.tick.command
        sums.update(each.at_ns.to_bytes(8, 'little', signed=True))
        sums.update(b'' if command is None else np.ascontiguousarray(command, '<f8').tobytes())
    return sums.hexdigest()


def holds(ticks: Iterable[ReplayedTick]) -> list[tuple[int, str]]:
    """
    List when the gate stopped the motion, and why.

    :param ticks: the replay.
    :return: time [ns] and reason of each first tick that does not move after one that did.
    """
    found, moving = [], False
    for each in ticks:
        if moving and not each.tick.moving:
            found.append((each.at_ns, each.tick.decision.reason))
        moving = each.tick.moving
    return found

