# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The policy node keeps its times with real topics: setpoints go on whatever the policy does.
"""
from __future__ import annotations

from pathlib import Path
import re
import threading
import time

import numpy as np
from policy_rig import activate
from policy_rig import begin
from policy_rig import commands
from policy_rig import GOAL
from policy_rig import HOME
from policy_rig import near
from policy_rig import newest_in_state
from policy_rig import PERIOD_S
from policy_rig import positions
from policy_rig import Robot
from policy_rig import statuses
from processes import wait_for
import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from ros_harness import Harness
from tiny_policy import goal_policy
from tiny_policy import ROBOT

from vaa_ros.ros.diagnostics import status_values

STUCK = HOME[0] - 0.05


def test_setpoints_lead_at_the_arm_s_rate_along_one_answer(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    activate(ros, model_path=str(model), control_rate_hz=100.0, max_image_age_s=10.0,
             max_joint_age_s=10.0)
    sent = commands(ros)
    robot.wait_connected()
    robot.say(time.time_ns())  # once: nothing more is seen, and nothing more is asked
    sent.wait_until(near(GOAL.astype(np.float32)))
    track = np.array([positions(message) for message in sent.messages])
    way = track[:, 0] - HOME[0]
    assert (np.diff(way) >= -1e-9).all()
    assert len({round(float(value), 6) for value in way}) > 0.3 / (3.0 * PERIOD_S), (
        'more setpoints than the fastest joint would have with one a policy period')
    assert sent.messages[0].points[0].time_from_start.nanosec == 10_000_000
    speed = np.array([joint.velocity for joint in ROBOT.joints])
    assert np.abs(track[0] - HOME).max() <= speed.max() * 0.01 + 1e-9
    said = statuses(ros)
    values = status_values(said.wait()[-1])
    assert int(values['control_ticks']) > 10 and values['replan'] == 'always'
    assert {'tick_late_ms_p99', 'over_budget_ticks', 'over_budget_stages'} <= set(values)


def test_it_holds_as_soon_as_an_input_is_too_old_not_at_the_next_tick(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    # Ticks are 3 s apart or more.
    sent, said = begin(ros, robot, model, control_rate_hz=0.25, max_clock_skew_s=0.0)
    sent.wait(2)
    robot.speaking.remove('wrist')
    reason = newest_in_state(said, 'holding', 'vision/wrist is stale')['reason']
    found = re.search(r'stale: ([0-9.]+) s old, limit 0.20 s', reason)
    assert found and float(found[1]) < 1.5, reason


def test_it_lets_go_right_after_its_last_words_whatever_is_computed(
    ros: Harness, robot: Robot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = goal_policy(tmp_path / 'stuck.onnx', GOAL, stuck_near=STUCK)
    node = activate(ros, model_path=str(model))
    said = statuses(ros)
    robot.start()
    newest_in_state(said, 'running')
    robot.position[0] = STUCK
    inference = node._thread._inference
    wait_for(lambda: inference._asked is not None
             and time.monotonic_ns() - inference._asked[0] > 0.5e9, message='a stuck answer')
    thread, seen = inference._thread, []
    announce = node._announce

    def announcing(commanding: bool) -> None:
        announce(commanding)
        seen.append((commanding, thread.is_alive()))
    monkeypatch.setattr(node, '_announce', announcing)
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert (False, True) in seen and not thread.is_alive()


@pytest.mark.parametrize('rate_hz', [0.0, 100.0])
def test_an_answer_that_does_not_come_stops_nothing_but_the_arm(
    ros: Harness, robot: Robot, tmp_path: Path, rate_hz: float,
) -> None:
    model = goal_policy(tmp_path / 'stuck.onnx', GOAL, stuck_near=STUCK)
    sent, said = begin(ros, robot, model, control_rate_hz=rate_hz, inference_deadline_s=1.0)
    newest_in_state(said, 'running')
    robot.position[0] = STUCK
    # The chunk of before goes on, and ends in a hold; both are said tick by tick.
    late = newest_in_state(said, 'holding', 'no answer within its deadline of 1.00 s')
    assert int(late['late_answers']) >= 1 and late['failures'] == '0'
    held = len(sent.messages)
    sent.wait(held + 5)
    assert positions(sent.messages[-1]) == pytest.approx(positions(sent.messages[held]))
    robot.position[0] = HOME[0]
    newest_in_state(said, 'running')


def test_a_stop_ends_an_answer_that_does_not_come(
    ros: Harness, robot: Robot, tmp_path: Path,
) -> None:
    model = goal_policy(tmp_path / 'stuck.onnx', GOAL, stuck_near=STUCK)
    node = activate(ros, model_path=str(model), inference_deadline_s=60.0)
    robot.start()
    newest_in_state(statuses(ros), 'running')
    robot.position[0] = STUCK
    newest_in_state(statuses(ros), 'holding', 'no action chunk covers the present')
    node.trigger_deactivate()
    wait_for(lambda: not any(each.name == 'inference' for each in threading.enumerate()))
