# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
An episode in which a policy drove says so by itself, with all policies that did, and how sure.
"""
from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
from policy_rig import activate
from policy_rig import commands
from policy_rig import GOAL
from policy_rig import near
from policy_rig import OTHER
from policy_rig import Robot
from processes import wait_for
from ros_harness import Harness
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger
from tiny_policy import goal_policy
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.cli.main import main
from vaa_ros.cli.view_items import BagItems
from vaa_ros.nodes.teleop_recorder import TeleopRecorder
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import LATCHED

TOPICS = ['vision/front', 'vision/wrist', 'joint_states', 'joint_trajectory']
SAYS = ('/policy/confidence', '/policy/alignment', '/policy/status', '/policy/commanding')


def start(ros: Harness, folder: Path) -> TeleopRecorder:
    node = ros.make_node(TeleopRecorder, output_dir=str(folder), task='reach', min_free_gb=0.0,
                         topics=TOPICS)
    node.trigger_configure()
    node.trigger_activate()
    wait_for(lambda: set(SAYS) <= set(node._topics.types) and {
        '/policy/active_policy', '/policy/commanding'} <= set(node._topics.latched),
        message='what the policy says')
    answer = ros.call(Trigger, 'teleop_recorder/start_episode')
    assert answer.success, answer.message
    return node


def stop(ros: Harness) -> Path:
    answer = ros.call(SetBool, 'teleop_recorder/stop_episode', SetBool.Request(data=True))
    assert answer.success, answer.message
    return Path(json.loads(answer.message)['path'])


def test_a_policy_that_drove_is_named_and_not_learned_from(
    ros: Harness, robot: Robot, tmp_path: Path, capsys: Any,
) -> None:
    model = goal_policy(tmp_path / 'goal.onnx', GOAL, knows_dark=True)
    other = goal_policy(tmp_path / 'other.onnx', OTHER, name='other', knows_dark=True)
    activate(ros, model_path=str(model), shadow_s=0.0)
    sent = commands(ros)
    robot.start()
    sent.wait_until(near(GOAL.astype(np.float32)))
    recorder = start(ros, tmp_path / 'episodes')
    # Another one takes over in the middle.
    assert ros.set_parameters('/policy', model_path=str(other))[0].successful
    assert ros.call(Trigger, 'policy/reload_policy').success
    sent.wait_until(near(OTHER.astype(np.float32)))
    wait_for(lambda: all(recorder._session.recording.counts.get(topic) for topic in SAYS),
             message='what the policy says in the bag')
    bag = stop(ros)
    with BagReader(bag) as reader:
        known = reader.metadata
        shown = [item.curves[''] for item in BagItems(reader).read(['/policy/confidence'])]
    assert max(shown) > 0.5  # where the policy is, it knows what it sees
    assert (known.policy, known.teacher) == ('other', False)
    episode = ros.collect(DiagnosticStatus, 'teleop_recorder/episode', LATCHED)
    episode.wait_until(lambda m: 'commanded the arm: this is no demonstration' in m.message)
    sums = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in (model, other)}
    file = tmp_path / 'told.json'
    capsys.readouterr()
    assert main(['inspect', str(bag), '--follow', str(tmp_path), '--json', str(file)]) == 0
    found = json.loads(file.read_text())['provenance']['policies']
    assert [(policy['sha256'], policy['ran'], policy['files']) for policy in found] == [
        (sums[path], True, [str(path)]) for path in (model, other)]
    assert capsys.readouterr().out.count('policy that ran') == 2
    assert main(['dataset', str(bag), '--out', str(tmp_path / 'data'), '--no-cache']) != 0
    assert "driven by policy 'other', no demonstration" in capsys.readouterr().err


def test_a_policy_that_is_only_loaded_drove_nothing(
    ros: Harness, robot: Robot, model: Path, tmp_path: Path, capsys: Any,
) -> None:
    ros.node.create_publisher(JointTrajectory, 'joint_trajectory', COMMAND)  # of a person
    activate(ros, model_path=str(model), dry_run=True)
    robot.start()
    recorder = start(ros, tmp_path / 'episodes')
    wait_for(lambda: recorder._session.recording.counts.get('/policy/confidence'))
    bag = stop(ros)
    with BagReader(bag) as reader:
        assert reader.metadata.policy == ''
        assert reader.metadata.active_policy['name'] == 'goal'
    assert main(['inspect', str(bag), '--follow', str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert 'policy that was loaded' in told and 'policy that ran' not in told
