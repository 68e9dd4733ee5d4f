# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.smoothing import JogSmoother
from vaa_ros.core.smoothing import Smoother
from vaa_ros.core.teleop_mapping import Jog

DT_S = 0.001


def test_a_slow_motion_comes_later_by_the_latency_that_is_stated() -> None:
    smoother = Smoother(0.1)
    smoother.reset(np.zeros(1))
    for tick in range(1, 2001):
        out = smoother.step(np.array([tick * DT_S]), DT_S)
    assert 2.0 - out[0] == pytest.approx(0.1, abs=0.002)


def test_a_step_is_nearly_there_when_the_text_says() -> None:
    smoother = Smoother(0.1)
    smoother.reset(np.zeros(1))
    track = [smoother.step(np.ones(1), DT_S)[0] for _ in range(400)]
    reached_s = next(tick for tick, value in enumerate(track) if value > 0.9) * DT_S
    assert reached_s == pytest.approx(0.19, abs=0.01)
    assert max(track) <= 1.0
    # No step in the slope: the first difference grows from nothing.
    assert track[0] < 0.01 * max(np.diff(track)) / DT_S


def test_without_latency_everything_passes() -> None:
    smoother = Smoother(0.0)
    assert smoother.step(np.array([1.0]), DT_S) == 1.0
    assert smoother.step(np.array([-3.0]), DT_S) == -3.0
    with pytest.raises(ConfigError, match='smoothing_s'):
        Smoother(-1.0)


def test_taking_hold_begins_at_rest_and_letting_go_is_at_once() -> None:
    smoother = JogSmoother(0.1, 3)
    full = Jog(tool=np.ones(6), joints={1: 1.0}, gripper=1.0, engaged=True)
    assert not smoother.step(Jog(), DT_S).engaged
    first = smoother.step(full, DT_S)
    assert first.tool.max() < 0.01 and first.gripper == 1.0
    for _ in range(1000):
        held = smoother.step(full, DT_S)
    assert held.tool == pytest.approx(np.ones(6), abs=1e-3)
    assert held.joints == {1: pytest.approx(1.0, abs=1e-3)}
    assert not smoother.step(Jog(), DT_S).engaged
    assert smoother.step(full, DT_S).tool.max() < 0.01


def test_a_joint_that_the_robot_lacks_is_left_out() -> None:
    smoother = JogSmoother(0.0, 2)
    assert smoother.step(Jog(joints={7: 1.0}, engaged=True), DT_S).joints == {}
