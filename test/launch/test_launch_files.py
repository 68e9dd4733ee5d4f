# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Every launch file: what it offers, and what it would start, read through the recording double.
"""

from __future__ import annotations

import importlib
from pathlib import Path
import re
from typing import Any

from launch_files import FILES
from launch_files import other_values
from launch_files import ROOT
from launch_files import SWITCHES
import pytest
import yaml

from vaa_ros.cli.world import PATIENCE_S

pytest.importorskip('rclpy')

EXECUTABLES = {
    'demo.launch.py': {'sim_arm', 'camera_subscriber', 'policy', 'guard'},
    'policy.launch.py': {'camera_subscriber', 'policy', 'guard'},
    'record.launch.py': {'teleop', 'teleop_recorder'},
    'takeover.launch.py': {'camera_subscriber', 'command_mux', 'guard', 'policy', 'teleop',
                           'teleop_recorder'},
}
PROFILE = 'FASTDDS_DEFAULT_PROFILES_FILE'


def rows_of(node: str) -> dict[str, Any]:
    module = importlib.import_module(f'vaa_ros.nodes.{node}')
    return {row.name: row for row in module.PARAMETERS}


def test_the_launch_files_are_those_of_the_documentation() -> None:
    assert set(FILES) == set(EXECUTABLES)


@pytest.mark.parametrize('name', FILES)
def test_every_argument_is_described(launch: Any, name: str) -> None:
    for argument in launch(name).arguments.values():
        assert re.fullmatch(r'[A-Z].*\.', argument.description, re.DOTALL), argument.name
        assert argument.default_value is not None, f'{argument.name} has no default'


@pytest.mark.parametrize('name', FILES)
def test_what_is_finite_has_choices(launch: Any, name: str) -> None:
    context = launch(name)
    for started in context.nodes.values():
        rows = rows_of(started.executable)
        for parameter, value in started.parameters.items():
            argument = context.arguments.get(parameter)
            if argument is None:
                continue
            choices = set(argument.choices or ())
            if isinstance(value, bool):
                assert choices == {'true', 'false', 'True', 'False'}, parameter
            elif parameter in rows and rows[parameter].choices and parameter != 'task':
                # A launched process has no keyboard, an arm led by hand no commands to record,
                # the expert takes nothing over, and the mux gives on no joint velocities.
                left_out = {'keyboard', 'hand'} | (
                    {'expert', 'velocity_commands'} if 'takeover' in name else set())
                assert choices == set(rows[parameter].choices) - left_out, parameter
    assert context.arguments['log_level'].choices == ['debug', 'info', 'warn', 'error', 'fatal']


@pytest.mark.parametrize('name', FILES)
def test_every_argument_reaches_a_node(launch: Any, name: str, tmp_path: Path) -> None:
    plain = launch(name)
    switches = {switch: 'true' for switch in SWITCHES if switch in plain.arguments}
    before = launch(name, **switches).nodes
    for argument, value in other_values(plain.arguments, tmp_path).items():
        if argument != 'params_file':
            told = launch(name, **switches, **{argument: value}).nodes
            assert told != before, f'{argument} changes nothing'


def test_the_demo_offers_every_task(launch: Any) -> None:
    tasks = rows_of('sim_arm')['task'].choices
    assert set(launch('demo.launch.py').arguments['task'].choices) == set(tasks)


@pytest.mark.parametrize('name', FILES)
def test_it_starts_executables_that_exist(launch: Any, name: str) -> None:
    context = launch(name)
    assert set(context.nodes) == EXECUTABLES[name]
    scripts = (ROOT / 'setup.py').read_text(encoding='utf-8')
    for started in context.nodes.values():
        assert started.package == 'vaa_ros'
        module = f'vaa_ros.nodes.{started.executable}'
        assert f"'{started.executable} = {module}:main'" in scripts


@pytest.mark.parametrize('name', FILES)
def test_parameters_fit_the_tables_of_the_nodes(launch: Any, name: str) -> None:
    arguments = {'simulation': 'true'} if name == 'record.launch.py' else {}
    for started in launch(name, **arguments).nodes.values():
        rows = rows_of(started.executable)
        for parameter, value in started.parameters.items():
            if parameter == 'use_sim_time':
                assert value is False
                continue
            assert parameter in rows, f'{started.executable} has no parameter {parameter}'
            assert rows[parameter].problem(value) == ''


@pytest.mark.parametrize('name', FILES)
def test_parameter_files_exist_and_fit(launch: Any, name: str) -> None:
    for started in launch(name).nodes.values():
        own, = started.parameter_files
        assert own == ROOT / 'config' / 'nodes' / f'{started.executable}.yaml'
        for key, body in yaml.safe_load(own.read_text(encoding='utf-8')).items():
            assert key == f'/**/{started.executable}', f'{own} does not fit every namespace'
            assert set(body['ros__parameters']) <= set(rows_of(started.executable))


@pytest.mark.parametrize('name', FILES)
def test_names_are_relative_and_the_namespace_reaches_every_node(launch: Any, name: str) -> None:
    for started in launch(name).nodes.values():
        assert started.namespace == '/'
        for pair in started.remappings.items():
            assert not any(topic.startswith('/') for topic in pair), pair
    assert {n.namespace for n in launch(name, namespace='left').nodes.values()} == {'/left'}


@pytest.mark.parametrize('name', FILES)
def test_the_fast_dds_profile_is_set_unless_off(launch: Any, name: str) -> None:
    profile = str(ROOT / 'config' / 'fastdds.xml')
    assert Path(profile).is_file()
    cases = [({}, {}, profile), ({}, {'fastdds_profile': 'false'}, None),
             ({PROFILE: 'mine.xml'}, {}, 'mine.xml')]
    for environment, arguments, expected in cases:
        for started in launch(name, environment, **arguments).nodes.values():
            assert started.environment.get(PROFILE) == expected


@pytest.mark.parametrize('name', FILES)
def test_the_log_level_reaches_every_node(launch: Any, name: str) -> None:
    for started in launch(name, log_level='debug').nodes.values():
        assert started.ros_arguments == ('--log-level', 'debug')


@pytest.mark.parametrize('name', ['demo.launch.py', 'policy.launch.py'])
def test_camera_and_policy_read_one_model(launch: Any, name: str) -> None:
    nodes = launch(name, model_path='other.onnx').nodes
    read = {nodes[node].parameters['model_path'] for node in ('camera_subscriber', 'policy')}
    assert read == {'other.onnx'}


def test_a_real_arm_has_its_own_topics(launch: Any) -> None:
    nodes = launch('policy.launch.py', command_topic='/jtc/joint_trajectory',
                   joint_states_topic='/arm/joint_states', front_image_topic='/cam/image').nodes
    assert nodes['policy'].remappings == {
        'joint_states': '/arm/joint_states', 'joint_trajectory': '/jtc/joint_trajectory'}
    camera = nodes['camera_subscriber'].remappings
    assert camera['front/image_raw'] == '/cam/image'
    assert camera['front/image_raw/compressed'] == '/cam/image/compressed'
    assert camera['wrist/image_raw'] == 'wrist/image_raw'


@pytest.mark.parametrize('name', ['demo.launch.py', 'policy.launch.py'])
def test_the_guard_hears_the_commands_of_the_policy(launch: Any, name: str) -> None:
    assert 'guard' not in launch(name, guard='false').nodes
    nodes = launch(name, command_type='delta_twist_cmds').nodes
    assert nodes['guard'].parameters['command_type'] == 'delta_twist_cmds'
    assert nodes['guard'].remappings.get('delta_twist_cmds') == \
        nodes['policy'].remappings.get('delta_twist_cmds')


def test_in_a_takeover_the_mux_alone_commands_the_arm(launch: Any) -> None:
    nodes = launch('takeover.launch.py', command_type='target_pose', model_path='mine.onnx',
                   command_topic='/servo/pose', joint_states_topic='/arm/joint_states').nodes
    for name in ('policy', 'teleop'):
        assert nodes[name].remappings == {
            'joint_states': '/arm/joint_states', 'target_pose': f'{name}/target_pose',
            'gripper_commands': f'{name}/gripper_commands'}
    for name in ('command_mux', 'guard', 'teleop_recorder'):
        assert nodes[name].remappings['target_pose'] == '/servo/pose'
    assert nodes['guard'].parameters['commanding_topic'] == 'command_mux/commanding'
    assert nodes['teleop_recorder'].parameters['policy'] == 'mine.onnx'


@pytest.mark.parametrize('name', ['record.launch.py', 'takeover.launch.py'])
def test_a_session_is_the_same_in_every_launch_file(launch: Any, name: str) -> None:
    told = {'episodes': '30', 'countdown_s': '3.0', 'reset_s': '10.0', 'cues': 'speech',
            'pedal': '/dev/input/event9', 'min_free_gb': '5.0', 'thresholds': 'mine.yaml'}
    given = launch(name, **told).nodes['teleop_recorder'].parameters
    assert {key: str(given[key]) for key in told} == told


@pytest.mark.parametrize('name', ['record.launch.py', 'takeover.launch.py'])
def test_the_recorder_is_given_the_time_to_wait_for_a_slow_disk(launch: Any, name: str) -> None:
    longest_s = importlib.import_module('vaa_ros.nodes.teleop_recorder').LAST_WAIT_S
    nodes = launch(name).nodes
    assert nodes['teleop_recorder'].sigterm_timeout_s > longest_s
    assert PATIENCE_S['teleop_recorder'] > longest_s  # of vaa record and vaa demo
    assert nodes['teleop'].sigterm_timeout_s <= 5.0


def test_flights_are_recorded_where_a_folder_is_given(launch: Any) -> None:
    assert 'flight_recorder' not in launch('policy.launch.py').nodes
    nodes = launch('policy.launch.py', flights='here', command_topic='/jtc/joint_trajectory').nodes
    assert nodes['flight_recorder'].parameters['output_dir'] == 'here'
    assert nodes['flight_recorder'].remappings == nodes['policy'].remappings


def test_recording_starts_what_is_asked_for(launch: Any) -> None:
    both = launch('record.launch.py', simulation='true', mode='expert').nodes
    assert set(both) == {'sim_arm', 'teleop', 'teleop_recorder'}
    assert both['teleop'].parameters['mode'] == 'expert'
    assert both['teleop'].remappings['task_status'] == 'sim_arm/task_status'
    assert set(launch('record.launch.py', teleop='false').nodes) == {'teleop_recorder'}


def test_recording_a_real_arm_has_its_own_topics(launch: Any) -> None:
    nodes = launch('record.launch.py', command_topic='/jtc/joint_trajectory', simulation='true',
                   joint_states_topic='/arm/joint_states', front_image_topic='/cam/image').nodes
    arm = {'joint_states': '/arm/joint_states', 'joint_trajectory': '/jtc/joint_trajectory'}
    cameras = {'front/image_raw': '/cam/image', 'front/image_raw/compressed':
               '/cam/image/compressed', 'wrist/image_raw': 'wrist/image_raw',
               'wrist/image_raw/compressed': 'wrist/image_raw/compressed'}
    for node in ('teleop_recorder', 'sim_arm'):
        used = {name: topic for name, topic in nodes[node].remappings.items()
                if not name.startswith('no_camera')}
        assert used == {**arm, **cameras}
    assert nodes['teleop'].remappings.items() >= arm.items()
    with_twists = launch('record.launch.py', command_type='delta_twist_cmds',
                         command_topic='/servo_node/delta_twist_cmds').nodes
    for node in ('teleop', 'teleop_recorder'):
        assert with_twists[node].remappings['delta_twist_cmds'] == '/servo_node/delta_twist_cmds'


def test_recording_starts_the_joystick_node_when_asked(launch: Any) -> None:
    assert 'joy_node' not in launch('record.launch.py').nodes
    started = launch('record.launch.py', joy='true', namespace='left').nodes['joy_node']
    assert (started.package, started.namespace) == ('joy', '/left')


@pytest.mark.parametrize(('given', 'recorded', 'simulated'), [
    ({}, -1, 0), ({'seed': '0'}, 0, 0), ({'seed': '7'}, 7, 7)])
def test_recording_names_no_seed_unless_it_is_given(
    launch: Any, given: dict[str, str], recorded: int, simulated: int,
) -> None:
    nodes = launch('record.launch.py', simulation='true', **given).nodes
    assert nodes['teleop_recorder'].parameters['seed'] == recorded
    assert nodes['sim_arm'].parameters['seed'] == simulated


def test_documented_launch_commands_work(launch: Any) -> None:
    texts = [path.read_text(encoding='utf-8')
             for path in [ROOT / 'README.md', *(ROOT / 'doc').glob('*.md')]]
    commands = re.findall(r'ros2 launch vaa_ros (\S+\.launch\.py)((?: \w+:=[^\s`|]+)*)',
                          '\n'.join(texts))
    assert {name for name, _ in commands} == set(FILES), 'README shows every launch file'
    for name, rest in commands:
        # A file of one's own stands for one that is there.
        rest = re.sub(r'robot:=\S+\.yaml', f'robot:={ROOT}/config/robots/vaa_arm.yaml', rest)
        launch(name, **dict(item.split(':=') for item in rest.split()))


@pytest.mark.parametrize(('name', 'node'), [('policy.launch.py', 'policy'),
                                            ('record.launch.py', 'teleop')])
def test_topics_are_those_of_the_robot_file(launch: Any, name: str, node: str) -> None:
    nodes = launch(name, robot='ur5e').nodes
    camera = nodes.get('camera_subscriber', nodes.get('teleop_recorder')).remappings
    assert nodes[node].remappings['joint_trajectory'] == (
        'scaled_joint_trajectory_controller/joint_trajectory')
    assert camera['wrist/image_raw'] == 'wrist/camera/color/image_raw'
    assert launch(name, robot='fr3').nodes[node].remappings['joint_states'] == (
        'franka/joint_states')
    # What is said wins, and another type of command has another topic.
    told = launch(name, robot='ur5e', command_topic='mine').nodes[node].remappings
    assert told['joint_trajectory'] == 'mine'
    other = launch(name, robot='ur5e', command_type='commands').nodes[node].remappings
    assert other['commands'] == 'commands'


def test_cameras_of_any_name_are_where_the_robot_file_says(launch: Any, tmp_path: Path) -> None:
    text = (ROOT / 'config' / 'robots' / 'ur5e.yaml').read_text(encoding='utf-8')
    path = tmp_path / 'mine.yaml'
    path.write_text(text.replace('cameras: [front, wrist]', 'cameras: [front, wrist, top, side]')
                    .replace('  front: front/camera', '  top: ceiling/camera'), encoding='utf-8')
    found = launch('policy.launch.py', robot=str(path)).nodes['camera_subscriber'].remappings
    assert found['top/image_raw'] == 'ceiling/camera/color/image_raw'
    assert found['top/image_raw/compressed'] == 'ceiling/camera/color/image_raw/compressed'
    assert found['side/image_raw'] == 'side/image_raw'
