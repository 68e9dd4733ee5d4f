# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The policy node with a policy that knows several instructions.
"""
from __future__ import annotations

from pathlib import Path

import numpy as np
from policy_rig import activate
from policy_rig import begin
from policy_rig import commands
from policy_rig import GOAL
from policy_rig import near
from policy_rig import newest_in_state
from policy_rig import OTHER
from policy_rig import positions
from policy_rig import Robot
import pytest
from ros_harness import Harness
from std_msgs.msg import String
from tiny_policy import goal_policy

from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import LATCHED

KNOWN = {'go to the goal': GOAL, 'go to the other place': OTHER}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """
    A policy whose goal is what was asked for.
    """
    return goal_policy(tmp_path / 'asked.onnx', GOAL, goals=KNOWN)


def test_it_waits_for_an_instruction_and_follows_another(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    sent, said = begin(ros, robot, model)
    values = newest_in_state(said, 'holding', 'waiting for an instruction')
    assert all(each in values['reason'] for each in KNOWN)
    asks = ros.publisher(String, 'instruction', EVENTS)
    asks.publish(String(data='Go to the GOAL!'))
    sent.wait_until(near(GOAL.astype(np.float32)))
    assert newest_in_state(said, 'running')['instruction'] == 'Go to the GOAL!'
    asks.publish(String(data='go to the other place'))
    sent.wait_until(near(OTHER.astype(np.float32)))
    turned = [positions(each)[0] for each in sent.messages]
    assert any(OTHER[0] + 0.01 < angle < GOAL[0] - 0.01 for angle in turned), 'a jump'
    asks.publish(String(data='go home'))
    values = newest_in_state(said, 'holding', "'go home' is not known")
    assert all(each in values['reason'] for each in KNOWN)
    asks.publish(String(data='go to the goal'))
    newest_in_state(said, 'running')


def test_an_instruction_from_before_and_the_parameter_are_obeyed(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    ros.node.create_publisher(String, 'instruction', LATCHED).publish(
        String(data='go to the other place'))
    activate(ros, model_path=str(model))
    sent = commands(ros)
    robot.start()
    sent.wait_until(near(OTHER.astype(np.float32)))
    assert ros.set_parameters('policy', instruction='go to the goal')[0].successful
    sent.wait_until(near(GOAL.astype(np.float32)))
