# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The flight recorder beside a policy that is stopped.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from policy_rig import activate
from policy_rig import commands
from policy_rig import newest_in_state
from policy_rig import Robot
from policy_rig import statuses
from processes import NodeProcess
from processes import wait_for
import pytest
from ros_harness import Collector
from ros_harness import Harness
from std_msgs.msg import Bool
from std_msgs.msg import String
from std_srvs.srv import Trigger

from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import LATCHED

HEARD = ('policy/trace', 'policy/latency')
"""Topics that nobody but the recorder subscribes to here."""


@pytest.fixture
def saved(ros: Harness, robot: Robot, model: Path, tmp_path: Path,
          start_process: Callable[..., NodeProcess]) -> Collector:
    """
    What a recorder says that listens to a running policy.
    """
    activate(ros, model_path=str(model))
    # Its own process: in this one its start would keep the inputs from the policy for a while.
    start_process('vaa_ros.nodes.flight_recorder', '--ros-args',
                  '-p', f'output_dir:={tmp_path / "flights"}', '-p', 'after_s:=1.0',
                  '-p', 'min_free_gb:=0.0')
    heard = ros.collect(String, 'flight_recorder/saved', LATCHED)
    said, sent = statuses(ros), commands(ros)
    robot.start()
    wait_for(lambda: all(ros.node.count_subscribers(topic) for topic in HEARD))
    newest_in_state(said, 'running')
    count = len(sent.messages)
    sent.wait(count + 20)
    return heard


def counts(path: str) -> Counter[str]:
    with BagReader(Path(path)) as bag:
        return Counter(topic for topic, _, _ in bag.messages())


def test_a_stale_camera_and_a_stop_are_saved_with_what_led_there(
    ros: Harness, robot: Robot, saved: Collector,
) -> None:
    robot.speaking.discard('wrist')
    path = saved.wait()[0].data
    assert 'holding' in path and 'vision_wrist' in path
    found = counts(path)
    for topic in ('/vision/front', '/vision/wrist', '/joint_states', '/joint_trajectory',
                  '/policy/status', '/policy/trace', '/policy/latency'):
        assert found[topic] > 0, topic
    with BagReader(Path(path)) as bag:
        states = [status_values(message)['state']
                  for topic, _, message in bag.messages(['/policy/status'])]
        assert bag.metadata.policy == 'goal' and 'vision/wrist' in bag.metadata.operator
    assert 'running' in states and states[-1] == 'holding'


def test_an_emergency_stop_is_saved(ros: Harness, saved: Collector) -> None:
    ros.publisher(Bool, 'e_stop', LATCHED, subscribers=2).publish(Bool(data=True))
    path = saved.wait()[0].data
    assert 'emergency_stop' in path
    assert counts(path)['/e_stop'] == 1


def test_what_happens_soon_after_a_flight_is_saved_too(
    ros: Harness, robot: Robot, saved: Collector,
) -> None:
    robot.speaking.discard('wrist')
    saved.wait()
    # Within min_gap_s: a stop does not wait, and tells of the hold before it.
    ros.publisher(Bool, 'e_stop', EVENTS, subscribers=2).publish(Bool(data=True))
    path = saved.wait(2)[1].data
    assert 'emergency_stop' in path
    with BagReader(Path(path)) as bag:
        states = [status_values(message)['state']
                  for _, _, message in bag.messages(['/policy/status'])]
    assert states[-1] == 'stopped'


def test_a_person_may_ask_for_it(ros: Harness, saved: Collector, tmp_path: Path) -> None:
    answer = ros.call(Trigger, 'flight_recorder/save')
    assert answer.success and str(tmp_path) in answer.message
    assert counts(saved.wait()[0].data)['/joint_trajectory'] > 0
