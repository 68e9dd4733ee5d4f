# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Each command of the policy node is joined to the frames it came from, and every stage is timed.
"""
from __future__ import annotations

import json
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from policy_rig import activate
from policy_rig import commands
from policy_rig import newest_in_state
from policy_rig import positions
from policy_rig import Robot
from policy_rig import statuses
from processes import wait_for
from ros_harness import Harness
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from vaa_ros.core.stage_times import STAGES
from vaa_ros.ros.conversions import stamp_to_ns
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import IMAGE_OUT
from vaa_ros.ros.qos import JOINTS_OUT


def test_every_command_has_a_trace_to_its_frames_and_every_stage_a_time(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    robot.lag_s['wrist'] = 0.005
    activate(ros, model_path=str(model))
    inputs = {topic: ros.collect(kind, topic, qos) for topic, kind, qos in (
        ('vision/front', Image, IMAGE_OUT), ('vision/wrist', Image, IMAGE_OUT),
        ('joint_states', JointState, JOINTS_OUT))}
    traces, sent, said = ros.collect(String, 'policy/trace', EVENTS), commands(ros), statuses(ros)
    diagnostics = ros.collect(DiagnosticArray, '/diagnostics', EVENTS)
    latency = ros.collect(DiagnosticStatus, 'policy/latency', EVENTS)
    robot.start()
    sent.wait(20)
    robot.speaking.discard('wrist')
    newest_in_state(said, 'holding')
    told = [json.loads(message.data) for message in traces.wait(20)]
    assert [each['id'] for each in told] == list(range(1, len(told) + 1))
    # Joined by value, as in a recording.
    by_value = {tuple(positions(message)) for message in sent.messages}
    assert sum(tuple(each['command']) in by_value for each in told) >= 20
    stamps = {topic: {stamp_to_ns(message.header.stamp) for message in found.messages}
              for topic, found in inputs.items()}
    moving = [each for each in told if each['moving']]
    assert moving and moving[0]['policy'] == 'goal'
    for each in moving:
        assert set(each['frames_ns']) == set(stamps)
        assert each['frames_ns']['vision/front'] == each['observation_ns']
        assert each['frames_ns']['vision/wrist'] == each['observation_ns'] - 5_000_000
        assert all(each['frames_ns'][topic] in stamps[topic] for topic in stamps)
    timed = [each['stages_ms'] for each in moving if each['stages_ms']]
    assert all(set(each) == set(STAGES) and min(each.values()) >= 0 for each in timed)
    assert len({each['observation_ns'] for each in moving}) == len(timed)
    held = wait_for(lambda: [each for each in map(
        json.loads, (message.data for message in traces.messages)) if each['state'] == 'holding'])
    assert all(each['frames_ns'] == {} and not each['moving'] for each in held)
    values = status_values(latency.messages[-1])
    counts = [int(values[key]) for key in values if ' le ' in key]
    assert counts == sorted(counts) and len(counts) == 11
    assert counts[-1] > 0
    for stage in STAGES:
        assert 0 <= float(values[f'{stage}_ms_p50']) <= float(values[f'{stage}_ms_max'])
    diagnostics.wait_until(lambda array: any(
        each.name == 'policy: latency' and each.message.startswith('capture to command: median')
        for each in array.status))
