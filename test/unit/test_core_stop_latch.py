# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Emergency stop and deadman switch of what a person drives.
"""
from __future__ import annotations

import pytest

from vaa_ros.core.stop_latch import Deadman
from vaa_ros.core.stop_latch import LET_GO
from vaa_ros.core.stop_latch import NOT_HELD
from vaa_ros.core.stop_latch import PRESSED
from vaa_ros.core.stop_latch import Rival
from vaa_ros.core.stop_latch import StopLatch
from vaa_ros.core.stop_latch import TAKE_HOLD


def test_who_held_the_arm_at_an_emergency_stop_lets_go_first() -> None:
    latch = StopLatch()
    assert latch.bars(True) == ''
    latch.press(True)
    assert latch.bars(True) == PRESSED
    latch.press(False)
    assert latch.bars(True) == LET_GO
    assert latch.bars(False) == ''
    assert latch.bars(True) == ''


@pytest.fixture
def deadman() -> Deadman:
    return Deadman(0.2)


def test_nobody_drives_before_somebody_holds_the_switch(deadman: Deadman) -> None:
    assert deadman.bars(False, 0.0) == NOT_HELD
    deadman.told(True, 1.0)
    assert deadman.bars(True, 1.2) == ''


@pytest.mark.parametrize('let_go', [True, False])
def test_a_switch_let_go_or_silent_stops_until_the_arm_was_let_go(
    deadman: Deadman, let_go: bool,
) -> None:
    deadman.told(True, 1.0)
    assert deadman.bars(True, 1.1) == ''
    if let_go:
        deadman.told(False, 1.15)
    now_s = 1.16 if let_go else 1.21
    assert deadman.bars(True, now_s) == NOT_HELD
    deadman.told(True, 2.0)
    assert deadman.bars(True, 2.0) == TAKE_HOLD
    assert deadman.bars(False, 2.1) == ''
    assert deadman.bars(True, 2.1) == ''


def test_a_switch_let_go_while_nobody_drives_asks_for_nothing(deadman: Deadman) -> None:
    deadman.told(True, 1.0)
    assert deadman.bars(False, 1.5) == NOT_HELD
    deadman.told(True, 2.0)
    assert deadman.bars(True, 2.0) == ''


def test_a_rival_that_left_is_one_until_the_reset() -> None:
    rival = Rival()
    rival.told('', False)
    assert rival.reason == ''
    rival.told('a rival', False)
    # A reset does not send one away that is there.
    rival.reset()
    assert rival.reason == 'a rival'
    for paused in (False, False, True):
        rival.told('', paused)
        assert rival.reason == 'a rival; it is gone: reset the policy to go on'
    rival.told('another', False)
    assert rival.reason == 'another'
    rival.told('', False)
    rival.reset()
    assert rival.reason == ''


def test_whoever_commands_in_a_pause_is_no_rival_afterwards() -> None:
    rival = Rival()
    rival.told('a person with teleop', True)
    rival.told('', True)
    assert rival.reason == ''
