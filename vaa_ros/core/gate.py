# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
May the arm be commanded now, and if not, why.

A pure state machine: time and facts are passed in, a decision comes out. An emergency stop wins
over everything and stays until it is reset. It is no safety function: certified stops belong to
the robot's own hardware.
"""
from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
import math

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.types import NANOSECONDS

UNCONFIGURED = 'unconfigured'
INACTIVE = 'inactive'
WAITING = 'waiting'
RAMPING = 'ramping in'
RUNNING = 'running'
HOLDING = 'holding'
PAUSED = 'paused'
STOPPED = 'stopped'
STATES = (UNCONFIGURED, INACTIVE, WAITING, RAMPING, RUNNING, HOLDING, PAUSED, STOPPED)
MOVING = (RAMPING, RUNNING)

ACTIVE = 'active'
LIFECYCLES = (UNCONFIGURED, INACTIVE, ACTIVE)

LOG_LENGTH = 100
RAMP_FROM = 0.1
"""Fraction of the speed limits at which a motion begins."""


@dataclass(frozen=True)
class GateInputs:
    """
    The facts of one instant.

    :param lifecycle: ``unconfigured``, ``inactive`` or ``active``.
    :param ages_s: age of the newest message of each topic [s]; None where none came yet, infinite
        for a switch that was let go.
    :param fault: what else forbids to move (inference failed, second publisher), or None.
    :param unfit: why the inputs cannot be relied on although they came, or nothing.
    :param slowed: why the arm may only move slowly, or nothing.
    :param paused: whether a person asked for a pause.
    :param e_stop: whether the emergency stop is pressed.
    :param reset: whether a person asks for the latched stop, or a hold, to be released, now.
    :param awaited: what has to come, besides messages, before there is a motion to make.
    :param unresolved: why the last command that was due could not be given, or nothing; told while
        a hold is about to end, for it may be just as bad at the next try.
    """

    lifecycle: str = ACTIVE
    ages_s: Mapping[str, float | None] = field(default_factory=dict)
    fault: str | None = None
    paused: bool = False
    e_stop: bool = False
    reset: bool = False
    unfit: str = ''
    slowed: str = ''
    awaited: str = ''
    unresolved: str = ''


@dataclass(frozen=True)
class GateDecision:
    """
    What the gate answers.

    :param state: one of :data:`STATES`.
    :param may_move: whether a new setpoint may be sent; otherwise the last one is held.
    :param reason: a sentence for a person, empty while running.
    :param ramp: how far the begin of a motion has come, from 0 to 1.
    :param pace: fraction of the speed limits to allow once it has begun.
    """

    state: str
    may_move: bool
    reason: str
    ramp: float = 1.0
    pace: float = 1.0

    @property
    def speed(self) -> float:
        """
        Give the fraction of the speed limits to allow.
        """
        return (RAMP_FROM + (1 - RAMP_FROM) * self.ramp) * self.pace

    @property
    def share(self) -> float:
        """
        Give the part of the way to what is wanted to go: from 0 to 1, without a jolt.
        """
        return self.ramp * self.ramp * (3 - 2 * self.ramp)


BY_REQUEST = 'paused by request; resume with the pause service (data: false)'
NOT_ACTIVE = GateDecision(INACTIVE, False, 'the node is inactive; activate it to move')
IN_PAUSE = GateDecision(PAUSED, False, BY_REQUEST)


@dataclass(frozen=True)
class Transition:
    """
    One change of state.

    :param stamp_ns: when [ns].
    :param before: the state left.
    :param after: the state entered.
    :param reason: why.
    """

    stamp_ns: int
    before: str
    after: str
    reason: str


class Gate:
    """
    Decides, tick by tick, whether the arm may be commanded.

    :param max_age_s: highest age of each topic that the policy needs [s].
    :param resume_after_s: how long every input must be good again before a hold ends [s].
    :param future_tolerance_s: how far a stamp may be ahead of the clock [s].
    :param ramp_s: how long each motion takes to begin [s]; 0 for at once.
    :param slow_factor: fraction of the speed limits to allow while the arm is slowed.
    :param rearm_after_s: how long a motion may be held and still go on by itself [s]; after a
        longer hold nobody expects the arm to move, so it waits for a reset or :meth:`rearm`. 0
        for ever.
    :raises ConfigError: if a limit is not a positive time.
    """

    def __init__(
        self,
        max_age_s: Mapping[str, float],
        resume_after_s: float = 0.1,
        future_tolerance_s: float = 0.05,
        ramp_s: float = 0.0,
        slow_factor: float = 0.2,
        rearm_after_s: float = 0.0,
    ) -> None:
        for topic, limit in max_age_s.items():
            if not 0 < limit < math.inf:
                raise ConfigError(f'maximum age of {topic} is {limit}, expected a positive time '
                                  'in seconds')
        for name, value in (('resume_after_s', resume_after_s),
                            ('future_tolerance_s', future_tolerance_s), ('ramp_s', ramp_s),
                            ('rearm_after_s', rearm_after_s)):
            if not 0 <= value < math.inf:
                raise ConfigError(f'{name} is {value}, expected 0 or a time in seconds')
        self._max_age_s = dict(max_age_s)
        self._resume_after_ns = round(resume_after_s * NANOSECONDS)
        self._future_tolerance_s = future_tolerance_s
        self._ramp_ms = ramp_s * 1e3
        self._slow_factor = slow_factor
        self._rearm_after_ns = round(rearm_after_s * NANOSECONDS) or math.inf
        self._held_since_ns: int | None = None
        self._held_why = ''
        self._moving_since_ns: int | None = None
        self._state = UNCONFIGURED
        self._latched = False
        self._good_since_ns: int | None = None
        self._log: deque[Transition] = deque(maxlen=LOG_LENGTH)

    @property
    def state(self) -> str:
        """
        Give the present state.
        """
        return self._state

    @property
    def transitions(self) -> tuple[Transition, ...]:
        """
        Give the latest changes of state, oldest first.
        """
        return tuple(self._log)

    def begin_anew(self) -> None:
        """
        Begin the next motion slowly, for it does not go on from the one before.
        """
        self._moving_since_ns = None

    def rearm(self) -> None:
        """
        Let the hold end by itself however long it lasted: somebody asked for something new.
        """
        self._held_since_ns = None

    def lasts_s(self, ages_s: Mapping[str, float | None], others_s: float = math.inf) -> float:
        """
        Tell for how long the arm may go on moving if nothing comes any more.

        :param ages_s: age of the newest message of each topic [s].
        :param others_s: the same for what does not show in the ages [s].
        :return: time until the first input is too old, below 0 where one is already; infinite
            while the arm does not move [s].
        """
        if self._state not in MOVING:
            return math.inf
        known = [(limit_s, ages_s.get(topic)) for topic, limit_s in self._max_age_s.items()]
        return min([others_s, *(limit_s - age_s for limit_s, age_s in known
                                if age_s is not None and not math.isnan(age_s))])

    def update(self, now_ns: int, inputs: GateInputs) -> GateDecision:
        """
        Decide for this instant.

        :param now_ns: a clock that does not jump, such as the monotonic one [ns].
        :param inputs: the facts.
        :return: the decision.
        :raises ConfigError: if the lifecycle state is not one of :data:`LIFECYCLES`.
        """
        if inputs.reset:
            self.rearm()
        state, reason = self._next(now_ns, inputs)
        ramp = 1.0
        if state == RUNNING:
            ramp = self._ramp(now_ns)
            state = RAMPING if ramp < 1 else RUNNING
        self._note_hold(now_ns, state, reason)
        if state != self._state:
            self._log.append(Transition(now_ns, self._state, state, reason))
        self._state = state
        if state in MOVING and inputs.slowed:
            return GateDecision(state, True, f'slowed: {inputs.slowed}', ramp, self._slow_factor)
        return GateDecision(state, state in MOVING, reason, ramp)

    def _ramp(self, now_ns: int) -> float:
        """
        Give how far the begin of a motion has come.
        """
        since_ns = self._moving_since_ns
        if self._state not in MOVING or since_ns is None or now_ns < since_ns:
            since_ns = self._moving_since_ns = now_ns
        if self._ramp_ms == 0:
            return 1.0
        # In whole milliseconds: stamps of the same period differ by a nanosecond.
        return min(round((now_ns - since_ns) / 1e6) / self._ramp_ms, 1.0)

    def _note_hold(self, now_ns: int, state: str, reason: str) -> None:
        """
        Remember since when, and why, a motion is held.
        """
        if state not in (HOLDING, *MOVING):
            self._held_since_ns = None
        # A motion that ends at the instant of its begin gave no command: the hold goes on, or is
        # the first one, in which people bring an arm nearer that is too far away to begin.
        elif state == HOLDING and self._state in MOVING and (
                self._moving_since_ns != now_ns or self._held_since_ns is None):
            self._held_since_ns, self._held_why = now_ns, reason

    def _next(self, now_ns: int, inputs: GateInputs) -> tuple[str, str]:
        if inputs.lifecycle not in LIFECYCLES:
            raise ConfigError(f'lifecycle is {inputs.lifecycle!r}, expected one of '
                              f'{", ".join(LIFECYCLES)}')
        stopped = self._stop(inputs)
        if stopped:
            return STOPPED, stopped
        if inputs.lifecycle != ACTIVE:
            return inputs.lifecycle, f'the node is {inputs.lifecycle}; activate it to move'
        if inputs.paused:
            return PAUSED, BY_REQUEST
        trouble = self._trouble(inputs)
        if trouble:
            self._good_since_ns = None
            # Before the first motion there is nothing to hold yet.
            begun = self._state in (*MOVING, HOLDING) and not inputs.reset
            state = HOLDING if begun or inputs.fault else WAITING
            return state, trouble
        return self._good(now_ns, inputs)

    def _stop(self, inputs: GateInputs) -> str:
        if inputs.e_stop:
            self._latched = True
            return 'emergency stop is pressed; release it, then reset the policy'
        if self._latched and not inputs.reset:
            return 'emergency stop was pressed; reset the policy to move again'
        self._latched = False
        return ''

    def _trouble(self, inputs: GateInputs) -> str:
        problems = [inputs.fault, inputs.unfit, *(
            self._stale(topic, inputs.ages_s.get(topic)) for topic in self._max_age_s)]
        missing = '; '.join(problem for problem in problems if problem)
        return missing or inputs.awaited and f'waiting for {inputs.awaited}'

    def _stale(self, topic: str, age_s: float | None) -> str:
        limit_s = self._max_age_s[topic]
        if age_s is None:
            return f'waiting for {topic}: nothing received yet'
        if math.isnan(age_s):
            return f'{topic} has no valid stamp'
        if age_s == math.inf:
            return f'{topic} is released: hold it to go on'
        if age_s > limit_s:
            return f'{topic} is stale: {age_s:.2f} s old, limit {limit_s:.2f} s'
        if age_s < -self._future_tolerance_s:
            return (f'{topic} is stamped {-age_s:.2f} s in the future, limit '
                    f'{self._future_tolerance_s:.2f} s; check the clocks')
        return ''

    def _good(self, now_ns: int, inputs: GateInputs) -> tuple[str, str]:
        # Whoever resets begins anew: a hold of the episode before is over.
        if self._state != HOLDING or inputs.reset:
            return RUNNING, ''
        if self._good_since_ns is None or now_ns < self._good_since_ns:
            self._good_since_ns = now_ns
        good_ns = now_ns - self._good_since_ns
        if good_ns >= self._resume_after_ns:
            held_ns = 0 if self._held_since_ns is None else \
                self._good_since_ns - self._held_since_ns
            if held_ns < self._rearm_after_ns:
                return RUNNING, ''
            return HOLDING, (f'held for {held_ns / NANOSECONDS:.1f} s, too long to go on by '
                             f'itself ({self._held_why}): reset the policy to go on')
        return HOLDING, inputs.unresolved or (
            f'inputs are good again for {good_ns / NANOSECONDS:.2f} s, resuming '
            f'after {self._resume_after_ns / NANOSECONDS:.2f} s')
