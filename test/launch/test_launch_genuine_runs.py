# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The launch files started, used and ended under the genuine ``launch``, where it is installed.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import os
from pathlib import Path
import signal
import tempfile
from typing import Any
from typing import TYPE_CHECKING

from genuine import Launched
from genuine import make_prefix
import launch_double
from launch_files import FILES
from launch_files import GENUINE
from launch_files import load
from launch_files import other_values
from launch_files import SWITCHES
from processes import wait_for
import pytest
import yaml

if TYPE_CHECKING:
    from ros_harness import Collector
    from ros_harness import Harness

pytestmark = [pytest.mark.skipif(not GENUINE, reason='launch_ros is not installed'),
              pytest.mark.timeout(180)]
PROFILE = 'FASTDDS_DEFAULT_PROFILES_FILE'
NODES = {
    'demo.launch.py': {'sim_arm', 'camera_subscriber', 'policy', 'guard'},
    'policy.launch.py': {'camera_subscriber', 'policy', 'guard'},
    'record.launch.py': {'teleop', 'teleop_recorder'},
    'takeover.launch.py': {'camera_subscriber', 'command_mux', 'guard', 'policy', 'teleop',
                           'teleop_recorder'},
}


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return make_prefix(tmp_path / 'prefix')


@pytest.fixture
def start(prefix: Path, ros_domain: int,
          monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Launched]]:
    """
    Give a function that launches a file with arguments; all of it ends with the test.
    """
    monkeypatch.delenv(PROFILE, raising=False)
    launches: list[Launched] = []

    def launch(name: str, **arguments: str) -> Launched:
        launches.append(Launched(prefix, name, arguments))
        return launches[-1]

    yield launch
    for launched in launches:
        launched.close()


@pytest.fixture
def ros(ros_domain: int) -> Iterator[Harness]:
    """
    Give a spinning test node; everything ends with the test.
    """
    from ros_harness import Harness
    harness = Harness()
    yield harness
    harness.close()


def is_there(ros: Harness, node: str) -> bool:
    return any(f'{place.rstrip("/")}/{name}' == node
               for name, place in ros.node.get_node_names_and_namespaces())


def parameters_of(ros: Harness, node: str, names: list[str]) -> dict[str, Any]:
    from rcl_interfaces.srv import GetParameters
    from rclpy.parameter import parameter_value_to_python
    answer = ros.call(GetParameters, f'{node}/get_parameters', GetParameters.Request(names=names))
    return dict(zip(names, map(parameter_value_to_python, answer.values), strict=True))


def joint_states(ros: Harness, topic: str) -> Collector:
    from sensor_msgs.msg import JointState

    from vaa_ros.ros.qos import JOINTS
    return ros.collect(JointState, topic, JOINTS)


def trajectories(ros: Harness, topic: str) -> Collector:
    from trajectory_msgs.msg import JointTrajectory

    from vaa_ros.ros.qos import COMMAND
    return ros.collect(JointTrajectory, topic, COMMAND)


def last_word_is_to_stay(commands: Collector) -> bool:
    *_, before, last = commands.messages
    return last.points[0].positions == before.points[0].positions


def moved(joints: Collector) -> float:
    """
    Tell how far the joint that moved most is from where it was first.
    """
    first, last = joints.wait()[0].position, joints.messages[-1].position
    return max(abs(a - b) for a, b in zip(first, last, strict=True))


def ended_well(launched: Launched, code: int) -> None:
    assert launched.clean == set(launched.pids), launched.output
    assert code == 0, launched.output
    assert 'Traceback' not in launched.output
    # Launch asks again, louder, whoever has not gone after 5 s.
    assert 'escalating' not in launched.output


@pytest.mark.parametrize('name', FILES)
def test_ctrl_c_ends_it(name: str, start: Callable[..., Launched], ros: Harness) -> None:
    launched = start(name)
    for node in NODES[name]:
        wait_for(lambda node=node: is_there(ros, f'/{node}'), 60.0, node)
    assert set(launched.pids) == NODES[name]
    ended_well(launched, launched.press_ctrl_c())


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGKILL])
def test_no_node_outlives_launch(number: signal.Signals, start: Callable[..., Launched],
                                 ros: Harness) -> None:
    launched = start('demo.launch.py')
    joints = joint_states(ros, '/joint_states')
    commands = trajectories(ros, '/joint_trajectory')
    wait_for(lambda: moved(joints) > 0.1, 60.0, 'the arm to move')
    launched.end_alone(number)
    assert last_word_is_to_stay(commands)


@pytest.mark.parametrize('name', FILES)
def test_every_argument_arrives(name: str, start: Callable[..., Launched], ros: Harness,
                                prefix: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        names = [argument.name for argument in load(name, patch).get_launch_arguments()]
    values = other_values(names, prefix)
    told = {**values, **{switch: 'true' for switch in SWITCHES if switch in names}}
    with pytest.MonkeyPatch.context() as patch:
        launch_double.install(patch)
        patch.setattr(tempfile, 'tempdir', str(prefix))
        expected = launch_double.execute(load(name, patch), told).nodes
    launched = start(name, **told)
    wait_for(lambda: set(launched.pids) == set(expected), 60.0, 'the start of all nodes')
    arrived: set[str] = set()
    for node in set(expected) - {'joy_node'}:
        wanted = dict(expected[node].parameters)
        if node == 'policy':
            wanted['replan'] = 'chunks'  # Told by the parameter file alone.
        wait_for(lambda node=node: is_there(ros, f'/left/{node}'), 60.0, node)
        assert parameters_of(ros, f'/left/{node}', list(wanted)) == wanted, node
        environment = Path(f'/proc/{launched.pids[node]}/environ').read_bytes()
        assert PROFILE.encode() not in environment
        arrived |= set(wanted)
    elsewhere = {'namespace', 'params_file', 'log_level', 'fastdds_profile', 'flights'}
    assert {n for n in values if not n.endswith('_topic')} - elsewhere <= arrived


def test_a_typing_error_is_named(start: Callable[..., Launched]) -> None:
    launched = start('policy.launch.py', sped='0.2', params_file='no.yaml')
    assert launched.wait() == 1
    assert 'params_file no.yaml cannot be read' in launched.output
    launched = start('policy.launch.py', sped='0.2')
    launched.wait_for('sped is no launch argument of vaa_ros; did you mean speed?')


def test_two_arms_side_by_side(start: Callable[..., Launched], ros: Harness) -> None:
    left = start('demo.launch.py', namespace='left', seed='3')
    right = start('demo.launch.py', namespace='right', model_path='hold')
    joints = {side: joint_states(ros, f'/{side}/joint_states') for side in ('left', 'right')}
    commands = trajectories(ros, '/left/joint_trajectory')
    wait_for(lambda: moved(joints['left']) > 0.1, 60.0, 'the left arm to move')
    assert moved(joints['right']) < 0.01
    ended_well(left, left.press_ctrl_c())
    assert last_word_is_to_stay(commands)
    assert is_there(ros, '/right/policy')
    ended_well(right, right.press_ctrl_c())


def test_a_policy_that_is_killed_is_stopped_by_the_guard_and_the_rest_stays(
    start: Callable[..., Launched], ros: Harness,
) -> None:
    from std_msgs.msg import Bool

    from vaa_ros.ros.qos import LATCHED
    launched = start('demo.launch.py')
    joints = joint_states(ros, '/joint_states')
    stops = ros.collect(Bool, '/e_stop', LATCHED)
    wait_for(lambda: moved(joints) > 0.1, 60.0, 'the arm to move')
    os.kill(launched.pids['policy'], signal.SIGKILL)
    stops.wait_until(lambda message: message.data)
    launched.wait_for('process has died')
    for node in ('sim_arm', 'camera_subscriber', 'guard'):
        assert is_there(ros, f'/{node}')
    launched.press_ctrl_c()
    assert launched.clean == set(launched.pids) - {'policy'}, launched.output


def test_an_episode_is_recorded(start: Callable[..., Launched], ros: Harness,
                                prefix: Path) -> None:
    from std_srvs.srv import SetBool
    from std_srvs.srv import Trigger
    launched = start(
        'record.launch.py', simulation='true', mode='expert', task='reach', namespace='left',
        output_dir='takes', command_topic='arm/commands', joint_states_topic='arm/joint_states',
        front_image_topic='front/color', operator='007')
    launched.wait_for('ready to record')
    joints = joint_states(ros, '/left/arm/joint_states')
    answer = ros.call(Trigger, '/left/teleop_recorder/start_episode')
    assert answer.success, answer.message
    wait_for(lambda: moved(joints) > 0.1, 60.0, 'the arm to move')
    answer = ros.call(SetBool, '/left/teleop_recorder/stop_episode', SetBool.Request(data=True))
    assert answer.success, answer.message
    ended_well(launched, launched.press_ctrl_c())
    path, = (prefix / 'takes').rglob('metadata.yaml')
    told = yaml.safe_load(path.read_text(encoding='utf-8'))['rosbag2_bagfile_information']
    topics = {row['topic_metadata']['name'] for row in told['topics_with_message_count']
              if row['message_count']}
    assert topics >= {'/left/arm/commands', '/left/arm/joint_states', '/left/front/color',
                      '/left/wrist/image_raw'}


def test_a_person_takes_over_and_gives_back(start: Callable[..., Launched], ros: Harness,
                                            prefix: Path) -> None:
    from sensor_msgs.msg import Joy
    from std_msgs.msg import String
    from std_srvs.srv import Trigger

    from vaa_ros.ros.qos import LATCHED
    launched = start('takeover.launch.py', simulation='true', model_path='hold')
    sources = ros.collect(String, '/command_source', LATCHED)
    joints = joint_states(ros, '/joint_states')
    sources.wait_until(lambda message: message.data == 'policy', 60.0)
    pad = ros.publisher(Joy, '/joy', 10)
    held = Joy(axes=[0.0, 0.5] + [0.0] * 6, buttons=[0, 0, 0, 0, 1, 0, 0, 0])
    free = Joy(axes=[0.0] * 8, buttons=[0] * 8)

    def say(message: Joy, done: Callable[[], bool]) -> Callable[[], bool]:
        def ask() -> bool:
            pad.publish(message)
            return done()
        return ask

    wait_for(say(free, lambda: is_there(ros, '/teleop')))
    wait_for(say(held, lambda: moved(joints) > 0.05), 60.0, 'the person to move the arm')
    assert sources.messages[-1].data == 'person'
    wait_for(say(free, lambda: sources.messages[-1].data == 'hold'))
    assert ros.call(Trigger, '/command_mux/resume').success
    wait_for(lambda: sources.messages[-1].data == 'policy')
    ended_well(launched, launched.press_ctrl_c())
