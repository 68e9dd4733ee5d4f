# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The thread that commands the arm: when it ticks, and what a stop does to a reset.
"""
from __future__ import annotations

from collections.abc import Iterator
import threading
import time

import numpy as np
from policy_models import ROBOT
from policy_models import SPEC
from processes import wait_for
import pytest

from vaa_ros.core.control_setup import ControlOptions
from vaa_ros.core.control_setup import make_control_loop
from vaa_ros.core.errors import RosError
from vaa_ros.core.input_buffer import InputBuffer
from vaa_ros.core.pacing import Pacing
from vaa_ros.core.sync import ObservationSync
from vaa_ros.core.tick import Tick
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import JointState
from vaa_ros.core.types import Observation
from vaa_ros.ros.control_thread import ControlThread
from vaa_ros.ros.control_wiring import Wiring

PERIOD_S = 1 / 30
SUBSCRIPTIONS = 3
"""Each message on e_stop is heard so many times."""


class Line:
    """A policy that wants one place."""

    def reset(self) -> None:
        pass

    def infer(self, seen: Observation) -> ActionChunk:
        return ActionChunk(seen.stamp_ns, np.tile(np.float32([0.4, 0.05]), (24, 1)), PERIOD_S)


class Rig:
    """The real thread, fed at 30 Hz, whose arm coasts while it is told to."""

    def __init__(self, period_s: float = PERIOD_S) -> None:
        self.ticks: list[tuple[float, Tick]] = []
        self.coasting, self.held = False, True
        loop = make_control_loop(SPEC, ROBOT, ControlOptions(period_s, deadman=True))
        loop.sender_coasts = lambda: self.coasting
        policy = Line()
        self.thread = ControlThread(
            loop, InputBuffer(ObservationSync(SPEC)),
            Wiring(lambda: policy, lambda *_: None, lambda: None,
                   lambda tick: self.ticks.append((time.monotonic(), tick)), time.time_ns,
                   lambda seen: seen.state), Pacing(period_s, period_s, False, 1.0))
        self._ended = threading.Event()
        self._feeder = threading.Thread(target=self._feed, daemon=True)
        self.thread.start()
        self._feeder.start()

    def _feed(self) -> None:
        while not self._ended.wait(PERIOD_S):
            if self.held:
                self.thread.set_deadman(True)
            now_ns = time.time_ns()
            self.thread.push_joints(JointState(now_ns, ROBOT.joint_names, np.array([0.1, 0.05])))
            for camera in SPEC.cameras:
                self.thread.push_image(camera.key, now_ns, np.zeros(
                    (camera.height, camera.width, 3), np.uint8))

    def wait_state(self, state: str) -> None:
        wait_for(lambda: self.thread.decision.state == state, message=state)

    def gaps_s(self, count: int) -> np.ndarray:
        first = len(self.ticks)
        wait_for(lambda: len(self.ticks) >= first + count)
        return np.diff([at_s for at_s, _ in self.ticks[first:first + count]])

    def end(self) -> None:
        self.coasting = False
        self._ended.set()
        self._feeder.join()
        self.thread.halt(lambda: None)


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.end()


def test_a_button_that_says_again_and_again_that_it_is_released_makes_no_ticks(
    rig: Rig,
) -> None:
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(0.02):
            for _ in range(SUBSCRIPTIONS):
                rig.thread.set_e_stop(False)

    rig.wait_state('running')
    beats = threading.Thread(target=beat)
    beats.start()
    gaps_s = rig.gaps_s(20)
    ended.set()
    beats.join()
    # No tick is ever due sooner; a busy computer can only make it later.
    assert gaps_s.min() > 0.7 * PERIOD_S


@pytest.mark.parametrize('state', ['holding', 'stopped'])
def test_a_press_and_a_switch_that_is_let_go_do_not_wait_for_a_tick(state: str) -> None:
    rig = Rig(period_s=15.0)
    wait_for(lambda: rig.ticks)
    begun_s = time.monotonic()
    # The next tick is due 11 s after the first, or later.
    if state == 'stopped':
        rig.thread.set_e_stop(True)
    else:
        rig.held = False
        for held in (True, False):
            rig.thread.set_deadman(held)
    wait_for(lambda: len(rig.ticks) > 1)
    assert time.monotonic() - begun_s < 5.0
    rig.end()


@pytest.mark.parametrize(('said', 'state'), [('deadman', 'holding'), ('e_stop', 'stopped')])
def test_what_is_said_again_and_again_makes_one_tick(rig: Rig, said: str, state: str) -> None:
    rig.wait_state('running')
    rig.held = said != 'deadman'
    say = {'deadman': lambda: rig.thread.set_deadman(False),
           'e_stop': lambda: rig.thread.set_e_stop(True)}[said]
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(0.005):
            say()

    beats = threading.Thread(target=beat)
    beats.start()
    rig.wait_state(state)
    gaps_s = rig.gaps_s(20)
    ended.set()
    beats.join()
    assert gaps_s.min() > 0.7 * PERIOD_S


def test_a_press_that_ends_before_a_tick_latches(rig: Rig) -> None:
    rig.wait_state('running')
    with rig.thread._changed:  # no tick begins meanwhile
        for pressed in (True, False):
            rig.thread.set_e_stop(pressed)
    rig.wait_state('stopped')
    rig.gaps_s(3)
    assert rig.thread.decision.reason.startswith('emergency stop was pressed')


def test_a_stop_that_is_pressed_while_a_reset_waits_stays(rig: Rig) -> None:
    rig.wait_state('running')
    rig.coasting = True
    rig.thread.set_e_stop(True)
    rig.wait_state('stopped')
    rig.thread.set_e_stop(False)
    answers: list[str] = []

    def reset() -> None:
        try:
            answers.append(rig.thread.reset())
        except RosError as error:
            answers.append(str(error))

    asking = threading.Thread(target=reset)
    asking.start()
    rig.gaps_s(3)
    assert not answers, 'the arm is not braked yet'
    for pressed in (True, False):
        rig.thread.set_e_stop(pressed)
    asking.join(5.0)
    assert answers == ['not reset: a stop was pressed meanwhile']
    rig.coasting = False
    rig.gaps_s(5)
    assert rig.thread.decision.state == 'stopped'
    assert 'forgotten' in rig.thread.reset()
    rig.wait_state('running')
