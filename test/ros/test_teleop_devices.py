# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
teleop with 3D mouse, leader arm, hand guiding, and devices that are read directly.
"""
from __future__ import annotations

from collections.abc import Iterator
import json
import os
from pathlib import Path
import threading
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
from processes import wait_for
import pytest
from rclpy.serialization import deserialize_message
from ros_harness import Harness
from sensor_msgs.msg import JointState as JointStateMsg
from sensor_msgs.msg import Joy
from std_msgs.msg import Bool
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import RosError
from vaa_ros.core.robot import load_robot
from vaa_ros.nodes.teleop import Teleop
from vaa_ros.nodes.teleop_recorder import TeleopRecorder
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import JOINTS_OUT
from vaa_ros.ros.qos import LATCHED

ROBOT = load_robot('vaa_arm')
HOME = np.array(ROBOT.home)
PATIENT_S = 2.0
"""How long a device may be silent, for machines where everything is late."""


class World:
    """
    Joint states of the robot, of a leader, and a Joy message, at 30 Hz each.
    """

    def __init__(self, ros: Harness) -> None:
        self._robot = ros.node.create_publisher(JointStateMsg, 'joint_states', JOINTS_OUT)
        self._leader = ros.node.create_publisher(JointStateMsg, 'leader/joint_states', JOINTS_OUT)
        self._joy = ros.node.create_publisher(Joy, 'spacenav/joy', EVENTS)
        self.robot: np.ndarray | None = HOME.copy()
        self.leader: np.ndarray | None = None
        self.puck: tuple[list, list] | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(1 / 30):
            for publisher, position in ((self._robot, self.robot), (self._leader, self.leader)):
                if position is not None:
                    publisher.publish(JointStateMsg(
                        name=list(ROBOT.joint_names), position=position.tolist()))
            if self.puck is not None:
                self._joy.publish(Joy(axes=self.puck[0], buttons=self.puck[1]))


@pytest.fixture
def world(ros: Harness) -> Iterator[World]:
    made = World(ros)
    yield made
    made.stop()


def teleop(ros: Harness, **parameters: Any) -> Teleop:
    return ros.make_node(Teleop, joy_timeout_s=PATIENT_S, **parameters)


def positions(message: JointTrajectory) -> np.ndarray:
    return np.array(message.points[0].positions)


def engage(ros: Harness, data: bool) -> SetBool.Response:
    return ros.call(SetBool, 'teleop/engage', SetBool.Request(data=data))


def test_the_puck_of_a_3d_mouse_moves_the_tool(ros: Harness, world: World) -> None:
    teleop(ros, mode='spacemouse')
    sent = ros.collect(JointTrajectory, 'joint_trajectory', COMMAND)
    active = ros.collect(Bool, 'teleop/active', LATCHED)
    status = ros.collect(DiagnosticStatus, 'teleop/status', LATCHED)
    world.puck = ([0.0, 1.0, 0.0, 0.0, 0.0, 0.0], [0, 0])
    sent.wait_until(lambda message: positions(message)[0] > 0.02)
    driving = status_values(status.wait_until(
        lambda message: status_values(message)['active'] == 'true'))
    assert driving['device'] == 'spacemouse on spacenav/joy'
    assert (driving['mode'], driving['moves'], driving['speed']) == ('spacemouse', 'tool', '0.7')
    world.puck = ([0.0] * 6, [0, 0])
    wait_for(lambda: not active.messages[-1].data)


def test_an_episode_says_who_drove_and_how(ros: Harness, world: World, tmp_path: Path) -> None:
    recorder = ros.make_node(TeleopRecorder, output_dir=str(tmp_path), topics=['joint_states'],
                             keys=False, min_free_gb=0.0, topic_wait_s=20.0)
    teleop(ros, mode='spacemouse')
    recorder.trigger_configure()
    recorder.trigger_activate()

    def heard(state: str) -> bool:
        """Whether the recorder has got this state on both topics."""
        said = recorder._topics.latched
        return '/teleop/active' in said and '/teleop/status' in said and state == str(
            deserialize_message(said['/teleop/active'][0], Bool).data).lower() == status_values(
            deserialize_message(said['/teleop/status'][0], DiagnosticStatus))['active']

    wait_for(lambda: heard('false'), message='what is latched')
    assert ros.call(Trigger, 'teleop_recorder/start_episode').success
    world.puck = ([0.0, 1.0, 0.0, 0.0, 0.0, 0.0], [0, 0])
    wait_for(lambda: heard('true'), message='the drive')
    answer = ros.call(SetBool, 'teleop_recorder/stop_episode', SetBool.Request(data=True))
    assert answer.success, answer.message
    with BagReader(json.loads(answer.message)['path']) as bag:
        told = [(topic, message) for topic, _, message in bag.messages(
            ['/teleop/active', '/teleop/status'])]
    driving = [message.data for topic, message in told if topic == '/teleop/active']
    # What was latched opens the episode, what changed follows.
    assert driving[0] is False and driving[-1] is True
    states = [{item.key: item.value for item in message.values} for topic, message in told
              if topic == '/teleop/status']
    assert states[-1]['device'] == 'spacemouse on spacenav/joy'
    assert (states[0]['active'], states[-1]['active']) == ('false', 'true')


def test_speed_may_be_set_while_the_node_runs(ros: Harness, world: World) -> None:
    teleop(ros, mode='spacemouse')
    status = ros.collect(DiagnosticStatus, 'teleop/status', LATCHED)
    assert ros.set_parameters('teleop', speed=0.25)[0].successful
    status.wait_until(lambda message: status_values(message)['speed'] == '0.25')
    assert not ros.set_parameters('teleop', speed=2.0)[0].successful


def test_an_emergency_stop_ends_the_drive_until_the_hand_was_off(
    ros: Harness, world: World,
) -> None:
    node = teleop(ros, mode='spacemouse')
    sent = ros.collect(JointTrajectory, 'joint_trajectory', COMMAND)
    active = ros.collect(Bool, 'teleop/active', LATCHED)
    stop = ros.publisher(Bool, 'e_stop', EVENTS)
    world.puck = ([0.0, 1.0, 0.0, 0.0, 0.0, 0.0], [0, 0])
    sent.wait(3)
    stop.publish(Bool(data=True))
    wait_for(lambda: not active.messages[-1].data)
    assert 'e_stop is pressed' in node._trouble
    stop.publish(Bool(data=False))
    wait_for(lambda: 'let go' in node._trouble)
    assert not active.messages[-1].data
    world.puck = ([0.0] * 6, [0, 0])
    wait_for(lambda: not node.stop_latch.bars(True))
    world.puck = ([0.0, 1.0, 0.0, 0.0, 0.0, 0.0], [0, 0])
    wait_for(lambda: active.messages[-1].data)


def test_an_emergency_stop_lets_go_of_the_leader(ros: Harness, world: World) -> None:
    teleop(ros, mode='leader')
    active = ros.collect(Bool, 'teleop/active', LATCHED)
    stop = ros.publisher(Bool, 'e_stop', LATCHED)
    world.leader = HOME + 0.01
    wait_for(lambda: engage(ros, True).success)
    stop.publish(Bool(data=True))
    wait_for(lambda: not active.messages[-1].data)
    assert 'e_stop is pressed' in engage(ros, True).message
    stop.publish(Bool(data=False))
    wait_for(lambda: engage(ros, True).success)


def test_it_drives_only_while_the_deadman_switch_is_held(ros: Harness, world: World) -> None:
    node = teleop(ros, mode='leader', deadman=True)
    active = ros.collect(Bool, 'teleop/active', LATCHED)
    switch = ros.publisher(Bool, 'deadman', EVENTS)
    world.leader = HOME + 0.01
    wait_for(lambda: 'deadman switch is not held' in engage(ros, True).message)

    def engaged() -> bool:
        switch.publish(Bool(data=True))
        return engage(ros, True).success

    wait_for(engaged)
    active.wait_until(lambda message: message.data)
    # Nobody says any more that it is held.
    wait_for(lambda: not active.messages[-1].data)
    assert 'the deadman switch is not held' in node._trouble


def test_the_robot_is_led_to_the_leader_and_follows_it(ros: Harness, world: World) -> None:
    teleop(ros, mode='leader')
    sent = ros.collect(JointTrajectory, 'joint_trajectory', COMMAND)
    active = ros.collect(Bool, 'teleop/active', LATCHED)
    world.leader = HOME + [0.3, 0, 0, 0, 0, 0, -0.05]
    wait_for(lambda: engage(ros, True).success)
    goal = world.leader
    wait_for(lambda: sent.messages and np.abs(positions(sent.messages[-1]) - goal).max() < 1e-3)
    track = np.array([positions(message) for message in sent.messages])
    assert np.abs(track[0] - HOME).max() < 0.06
    assert np.abs(np.diff(track[:, 0])).max() < 0.3 * 2.5 * 2 / 30 + 1e-6
    world.leader = goal + [0.1, 0, 0, 0, 0, 0, 0]
    wait_for(lambda: abs(positions(sent.messages[-1])[0] - 0.4) < 1e-3)
    assert active.messages[-1].data
    assert engage(ros, False).success
    wait_for(lambda: not active.messages[-1].data)


def test_a_leader_that_is_too_far_off_is_refused(ros: Harness, world: World) -> None:
    node = teleop(ros, mode='leader')
    sent = ros.collect(JointTrajectory, 'joint_trajectory', COMMAND)
    assert 'joint_states' in engage(ros, True).message
    world.leader = HOME + [0.0, 0.8, 0, 0, 0, 0, 0]
    wait_for(lambda: 'joint_2' in engage(ros, True).message)
    assert 'joint_2' in node._trouble
    assert sent.messages == []


def test_a_leader_that_falls_silent_lets_go_until_asked_again(
    ros: Harness, world: World,
) -> None:
    node = ros.make_node(Teleop, mode='leader', joy_timeout_s=0.3)
    sent = ros.collect(JointTrajectory, 'joint_trajectory', COMMAND)
    active = ros.collect(Bool, 'teleop/active', LATCHED)
    world.leader = HOME + 0.01
    wait_for(lambda: engage(ros, True).success)
    sent.wait(3)
    world.leader = None
    wait_for(lambda: not active.messages[-1].data)
    assert 'leader/joint_states' in node._trouble
    world.leader = HOME + 0.01
    heard = ros.collect(JointStateMsg, 'leader/joint_states', JOINTS_OUT)
    heard.wait(5)
    assert not active.messages[-1].data
    wait_for(lambda: engage(ros, True).success)
    wait_for(lambda: active.messages[-1].data)


def test_two_leaders_with_equal_joint_names(ros: Harness, world: World) -> None:
    node = ros.make_node(Teleop, mode='leader', robot='aloha', leader='aloha', leader_topics=[
        'left_=left/joint_states', 'right_=right/joint_states'])
    aloha = load_robot('aloha')
    home = np.array(aloha.home)
    names = [name.removeprefix('left_') for name in aloha.joint_names[:7]]
    robot = ros.publisher(JointStateMsg, 'joint_states', JOINTS_OUT)
    arms = [ros.publisher(JointStateMsg, f'{side}/joint_states', JOINTS_OUT)
            for side in ('left', 'right')]
    world.robot = None
    sent = ros.collect(JointTrajectory, 'joint_trajectory', COMMAND)

    def say() -> None:
        robot.publish(JointStateMsg(name=list(aloha.joint_names), position=home.tolist()))
        for side, arm in enumerate(arms):
            position = home[7 * side:7 * side + 7] + 0.02 * (side + 1)
            position[6] = (-0.6842, 0.3083)[side]
            arm.publish(JointStateMsg(name=names, position=position.tolist()))

    def engaged() -> bool:
        say()
        return engage(ros, True).success

    wait_for(engaged)

    def there() -> bool:
        say()
        if not sent.messages:
            return False
        found = positions(sent.messages[-1])
        return np.abs(found[[0, 7, 6, 13]] - [0.02, 0.04, 0.021, 0.057]).max() < 1e-3

    wait_for(there, message=f'the arms; {node._trouble}')


def test_two_leaders_that_tell_the_same_joint_are_refused(ros: Harness, world: World) -> None:
    node = teleop(ros, mode='leader', leader_topics=['leader/joint_states', 'other/joint_states'])
    other = ros.publisher(JointStateMsg, 'other/joint_states', JOINTS_OUT)
    sent = ros.collect(JointTrajectory, 'joint_trajectory', COMMAND)
    world.leader = HOME + 0.01

    def refused() -> bool:
        other.publish(JointStateMsg(name=['joint_1'], position=[0.5]))
        return 'joint_1' in engage(ros, True).message

    wait_for(refused, message=f'a refusal; {node._trouble}')
    assert 'prefix=topic' in node._trouble and 'other/joint_states' in node._trouble
    assert sent.messages == []


def test_hand_guiding_commands_nothing_and_says_when_the_arm_moves(
    ros: Harness, world: World,
) -> None:
    teleop(ros, mode='hand')
    active = ros.collect(Bool, 'teleop/active', LATCHED)
    subscribed = ros.node.create_subscription(
        JointTrajectory, 'joint_trajectory', lambda message: moved.append(message), COMMAND)
    moved: list[JointTrajectory] = []
    active.wait()
    assert not active.messages[-1].data

    def push() -> bool:
        world.robot = world.robot + [0.01, 0, 0, 0, 0, 0, 0]
        return active.messages[-1].data

    wait_for(push)
    wait_for(lambda: not active.messages[-1].data)
    assert moved == []
    assert subscribed is not None


@pytest.mark.parametrize(('parameters', 'error', 'says'), [
    ({'mode': 'leader', 'command_type': 'target_pose'}, ConfigError, 'joint_trajectory'),
    ({'mode': 'expert', 'lockstep': True, 'deadman': True}, ConfigError, 'deadman'),
    ({'mode': 'leader', 'leader': 'so101'}, ConfigError, 'shoulder_pan'),
    ({'mode': 'gamepad', 'device': '/dev/null'}, RosError, 'no gamepad at device /dev/null'),
    ({'mode': 'spacemouse', 'device': '/nowhere'}, RosError, 'group input')])
def test_what_cannot_be_is_refused(
    ros: Harness, parameters: dict, error: type, says: str,
) -> None:
    if 'device' in parameters:
        pytest.importorskip('evdev')
    with pytest.raises(error, match=says):
        ros.make_node(Teleop, **parameters)


@pytest.mark.skipif(not os.access('/dev/uinput', os.W_OK), reason='no /dev/uinput to write to')
def test_a_pad_of_the_kernel_drives_and_lets_go_when_it_is_pulled_out(
    ros: Harness, world: World,
) -> None:
    evdev = pytest.importorskip('evdev')
    codes = evdev.ecodes
    stick = evdev.AbsInfo(0, -32768, 32767, 0, 0, 0)
    pad = evdev.UInput({codes.EV_KEY: [304, 305, 307, 308, 310, 311, 314, 315, 316],
                        codes.EV_ABS: [(code, stick) for code in (0, 1, 3, 4)]},
                       name='test pad')
    try:
        wait_for(lambda: os.access(pad.device.path, os.R_OK))
        ros.make_node(Teleop, mode='gamepad', device=pad.device.path, joy_timeout_s=PATIENT_S)
        sent = ros.collect(JointTrajectory, 'joint_trajectory', COMMAND)
        active = ros.collect(Bool, 'teleop/active', LATCHED)
        pad.write(codes.EV_KEY, 310, 1)
        pad.write(codes.EV_ABS, 0, -32768)
        pad.syn()
        sent.wait_until(lambda message: positions(message)[0] > 0.02)
    finally:
        pad.close()
    wait_for(lambda: not active.messages[-1].data)
