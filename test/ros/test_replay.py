# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A policy's run through the nodes, recorded and replayed: the same commands to the last bit.
"""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from policy_rig import GOAL
import pytest
from tiny_policy import goal_policy
from tiny_policy import ROBOT

from vaa_ros.cli.main import main
from vaa_ros.cli.record_run import begin_scene
from vaa_ros.cli.world import open_world
from vaa_ros.policies.onnx_policy import OnnxPolicy

SECONDS = 1.0


def record(folder: Path, model: Path) -> Path:
    """Let the policy move the simulated arm for a while, and record it."""
    with open_world(folder) as world:
        world.start('sim_arm', {'task': 'reach', 'seed': 3, 'clock': 'lockstep'})
        world.start('camera_subscriber', {'model_path': str(model)})
        world.start('policy', {'model_path': str(model), 'lockstep': True,
                               'stamp_commands': True})
        world.start('teleop_recorder', {'task': 'reach', 'policy': 'goal', 'keys': False,
                                        'output_dir': str(folder / 'episodes')})
        client = world.client
        client.wait_for_arm(30.0)
        client.set_bool('policy/pause', True)
        begin_scene(client, 3)
        client.trigger('teleop_recorder/start_episode')
        client.trigger('policy/reset_policy')
        client.set_bool('policy/pause', False)
        client.wait(lambda: client.task.time_s > SECONDS, 'some ticks', 60.0)
        client.set_bool('policy/pause', True)
        return Path(json.loads(client.set_bool('teleop_recorder/stop_episode', True))['path'])


@pytest.mark.usefixtures('ros_domain')
def test_a_recorded_run_replays_to_the_same_bits(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    bag = record(tmp_path, model)
    figures = tmp_path / 'figures.json'
    drawn = tmp_path / 'replay.svg'
    arguments = ['replay', str(bag), '--model', str(model), '--json', str(figures)]
    assert main([*arguments, '--plot', str(drawn)]) == 0
    first = json.loads(figures.read_text())['bags'][0]
    assert first['lockstep']
    assert first['compared'] >= 25
    assert first['identical'] == first['compared']
    assert all(error['max'] == 0 for error in first['error'].values())
    assert first['holds'] == []
    assert 'identical' in capsys.readouterr().out
    assert drawn.read_text().startswith('<svg')
    assert main(arguments) == 0
    assert json.loads(figures.read_text())['bags'][0]['sha256'] == first['sha256']

    other = goal_policy(tmp_path / 'other.onnx', np.array(GOAL) + 0.05)
    assert OnnxPolicy(other).spec.joint_names == ROBOT.joint_names
    assert main(['replay', str(bag), '--model', str(other), '--json', str(figures)]) == 0
    changed = json.loads(figures.read_text())['bags'][0]
    assert changed['identical'] < changed['compared']
    assert changed['error']['joint_1']['max'] > 0


def test_what_cannot_be_replayed_is_named(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(['replay', str(tmp_path / 'none'), '--model', str(model)]) == 2
    assert 'none' in capsys.readouterr().err
    (tmp_path / 'empty').mkdir()
    assert main(['replay', str(tmp_path / 'empty'), '--model', str(model)]) == 2
    assert 'empty' in capsys.readouterr().err
    assert main(['replay', str(tmp_path / 'none'), '--model', 'nope']) == 2
    assert 'pick_place' in capsys.readouterr().err
