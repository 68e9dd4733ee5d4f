# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which command belongs to which frame, for every way of commanding.
"""
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from learning_bags import command
from learning_bags import LOG_NS
from learning_bags import LOG_TICK_NS
from learning_bags import make_bag
from learning_bags import METADATA
from learning_bags import NAMES
from learning_bags import position
from learning_bags import START_NS
from learning_bags import TICK_NS
import numpy as np
import pytest

from vaa_ros.core.errors import BagError
from vaa_ros.core.robot import load_robot
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import COMMAND_KINDS
from vaa_ros.core.spec import PolicySpec
from vaa_ros.learning.bag_streams import read_streams
from vaa_ros.learning.episodes import Episode
from vaa_ros.learning.episodes import make_episode
from vaa_ros.learning.trajectories import trajectory
from vaa_ros.recording import messages

ROBOT = load_robot('vaa_arm')
CAMERAS = (CameraSpec('front', 32, 24), CameraSpec('wrist', 32, 24))


def episode_of(bag: Path, command_type: str | None = None) -> Episode:
    streams = read_streams(bag, ROBOT, CAMERAS, 1 / 30, command_type)
    spec = PolicySpec('x', 'reach', ROBOT.name, CAMERAS, ROBOT.joints,
                      ActionSpec.for_robot(COMMAND_KINDS[streams.command_type], ROBOT), 30.0, 4)
    return make_episode(streams, spec)


def swap_command(make):
    """Replace the trajectory of each tick by what ``make(tick)`` gives: (topic, log, data)."""
    def change(stream):
        kept = [item for item in stream if item[0] != '/joint_trajectory']
        ticks = sum(item[0] == '/joint_states' for item in kept)
        return kept + [item for tick in range(ticks) for item in make(tick)]
    return change


def log_ns(tick: int) -> int:
    return LOG_NS + tick * LOG_TICK_NS + 9


def header(tick: int) -> dict:
    return messages.header(START_NS + tick * TICK_NS, 'base_link')


def array(values, tick: int | None) -> bytes:
    label = '' if tick is None else f'stamp_ns={START_NS + tick * TICK_NS}'
    layout = {'dim': [{'label': label, 'size': len(values), 'stride': len(values)}]}
    return messages.serialize(messages.FLOAT64_ARRAY, {'layout': layout, 'data': values})


def bag_with(tmp_path: Path, topic: str, kind: str, make, **more) -> Path:
    return make_bag(tmp_path / 'episode_000000', change=swap_command(make),
                    leave_out=('/joint_trajectory',),
                    more_topics={topic: kind, **more.pop('more_topics', {})}, **more)


EXPECTED = np.stack([command(0, tick) for tick in range(12)])


def test_stamped_trajectories_are_matched_by_stamp(tmp_path):
    # Each command reaches the recorder three ticks late; its stamp still says what it answers.
    late = make_bag(tmp_path / 'episode_000000', change=lambda stream: [
        (topic, log + 3 * LOG_TICK_NS * (topic == '/joint_trajectory'), data)
        for topic, log, data in stream])
    found = episode_of(late)
    assert found.actions == pytest.approx(EXPECTED)
    assert found.dropped == {}


@pytest.mark.parametrize('stamped', [True, False])
def test_joint_commands_are_matched_by_stamp_or_arrival(tmp_path, stamped):
    bag = bag_with(tmp_path, '/commands', messages.FLOAT64_ARRAY, lambda tick: [
        ('/commands', log_ns(tick), array(command(0, tick), tick if stamped else None))])
    assert episode_of(bag).actions == pytest.approx(EXPECTED)


def test_trajectories_without_stamp_are_matched_by_arrival(tmp_path):
    bag = make_bag(tmp_path / 'episode_000000', change=swap_command(lambda tick: [
        ('/joint_trajectory', log_ns(tick),
         messages.joint_trajectory(NAMES, command(0, tick), 1 / 30, 0))]))
    assert episode_of(bag).actions == pytest.approx(EXPECTED)


def test_an_answer_that_overtakes_its_picture_is_still_its_answer(tmp_path):
    def change(stream):
        return [(topic, log + 15 * ('image' in topic), data) for topic, log, data in
                swap_command(lambda tick: [('/joint_trajectory', log_ns(tick),
                                            messages.joint_trajectory(
                                                NAMES, command(0, tick), 1 / 30, 0))])(stream)]
    assert episode_of(make_bag(tmp_path / 'episode_000000', change=change)).actions == \
        pytest.approx(EXPECTED)


def test_joints_are_put_in_the_order_of_the_robot(tmp_path):
    order = list(reversed(range(7)))
    bag = make_bag(tmp_path / 'episode_000000', change=swap_command(lambda tick: [
        ('/joint_trajectory', log_ns(tick), messages.joint_trajectory(
            [NAMES[i] for i in order], command(0, tick)[order], 1 / 30, START_NS + tick * TICK_NS
        ))]))
    assert episode_of(bag).actions == pytest.approx(EXPECTED)


def test_joints_that_are_not_commanded_stay_where_they_are(tmp_path):
    bag = make_bag(tmp_path / 'episode_000000', change=swap_command(lambda tick: [
        ('/joint_trajectory', log_ns(tick), messages.joint_trajectory(
            NAMES[:6], command(0, tick)[:6], 1 / 30, START_NS + tick * TICK_NS))]))
    actions = episode_of(bag).actions
    assert actions[:, :6] == pytest.approx(EXPECTED[:, :6])
    assert actions[:, 6] == pytest.approx([position(0, 0)[6]] * 12)


def test_a_long_trajectory_is_stepped_through(tmp_path):
    points = np.linspace(position(0, 0), position(0, 0) + 0.6, 3)

    def one(tick):
        if tick:
            return []
        times = [0.1, 0.2, 0.4]
        data = messages.serialize(messages.JOINT_TRAJECTORY, {
            'header': header(0), 'joint_names': list(NAMES), 'points': [
                {'positions': point, 'time_from_start': {'sec': 0, 'nanosec': round(t * 1e9)}}
                for point, t in zip(points, times, strict=True)]})
        return [('/joint_trajectory', log_ns(0), data)]

    actions = episode_of(make_bag(tmp_path / 'episode_000000', change=swap_command(one))).actions
    assert len(actions) == 12
    wanted = np.interp((np.arange(12) + 1) / 30, [0.1, 0.2, 0.4], points[:, 0])
    assert actions[:, 0] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize('reach_s', [0.1, 0.3])
def test_a_trajectory_replaces_the_rest_of_the_one_before(tmp_path, reach_s):
    def make(tick):
        data = messages.serialize(messages.JOINT_TRAJECTORY, {
            'header': header(tick), 'joint_names': list(NAMES), 'points': [
                {'positions': command(0, tick), 'time_from_start': {
                    'sec': 0, 'nanosec': round(reach_s * 1e9)}}]})
        return [('/joint_trajectory', log_ns(tick), data)]

    plain = episode_of(make_bag(tmp_path / 'episode_000000')).actions
    longer = episode_of(make_bag(tmp_path / 'episode_000001', change=swap_command(make))).actions
    assert longer == pytest.approx(plain, abs=1e-6)


@pytest.mark.parametrize('times', [[1e9], [0.2, 0.1], [-1.0]])
def test_trajectories_whose_times_make_no_sense_are_left_out(times):
    points = [SimpleNamespace(positions=position(0, 0), time_from_start=SimpleNamespace(
        sec=int(time // 1), nanosec=round(time % 1 * 1e9))) for time in times]
    message = SimpleNamespace(joint_names=list(NAMES), points=points)
    with pytest.raises(ValueError, match='expected times that rise'):
        trajectory(message, ROBOT.joint_names, 1 / 30, 0, 0)


@pytest.mark.parametrize('stamped', [True, False])
def test_poses_get_their_gripper(tmp_path, stamped):
    def make(tick):
        data = messages.serialize(messages.POSE_STAMPED, {'header': header(tick), 'pose': {
            'position': {'x': tick / 10, 'y': 0.2, 'z': 0.3},
            'orientation': {'x': 0.0, 'y': 1.0, 'z': 0.0, 'w': 0.0}}})
        return [('/gripper_commands', log_ns(tick) - 1,
                 array([tick / 1000], tick if stamped else None)),
                ('/target_pose', log_ns(tick), data)]
    bag = bag_with(tmp_path, '/target_pose', messages.POSE_STAMPED, make,
                   more_topics={'/gripper_commands': messages.FLOAT64_ARRAY})
    actions = episode_of(bag).actions
    assert actions[:, 0] == pytest.approx(np.arange(12) / 10)
    assert actions[:, 3:7] == pytest.approx(np.tile([0, 1, 0, 0], (12, 1)))
    assert actions[:, 7] == pytest.approx(np.arange(12) / 1000)


def test_twists_without_gripper_command_take_the_measured_opening(tmp_path):
    def make(tick):
        return [('/delta_twist_cmds', log_ns(tick), messages.serialize(messages.TWIST_STAMPED, {
            'header': header(tick), 'twist': {'linear': {'x': 0.1, 'y': 0.0, 'z': tick / 100},
                                              'angular': {'x': 0.0, 'y': 0.0, 'z': 1.0}}}))]
    bag = bag_with(tmp_path, '/delta_twist_cmds', messages.TWIST_STAMPED, make)
    actions = episode_of(bag).actions
    assert actions[3] == pytest.approx([0.1, 0, 0.03, 0, 0, 1.0, 0.05])


def test_frames_without_an_answer_are_dropped(tmp_path):
    # Nobody commands in the first three ticks and the last four.
    bag = make_bag(tmp_path / 'episode_000000', frames=20, change=lambda stream: [
        (topic, log, data) for topic, log, data in stream
        if topic != '/joint_trajectory' or 3 * LOG_TICK_NS <= log - LOG_NS < 16 * LOG_TICK_NS])
    found = episode_of(bag)
    # The three before get the first command: it comes within 0.1 s.
    assert found.actions[0] == pytest.approx(command(0, 3))
    assert found.dropped == {'no command follows within 0.1 s': 4}
    assert len(found.observations) == 16


def test_a_command_that_is_not_finite_is_left_out(tmp_path):
    def make(tick):
        values = command(0, tick)
        values[2] = np.nan if tick == 4 else values[2]
        return [('/joint_trajectory', log_ns(tick), messages.joint_trajectory(
            NAMES, values, 1 / 30, START_NS + tick * TICK_NS))]
    bag = make_bag(tmp_path / 'episode_000000', change=swap_command(make))
    found = episode_of(bag)
    assert np.isfinite(found.actions).all()
    assert found.actions[4] == pytest.approx(command(0, 5))


def test_the_recorded_command_type_is_taken_and_another_can_be_asked_for(tmp_path):
    bag = make_bag(tmp_path / 'episode_000000', more_topics={'/commands': messages.FLOAT64_ARRAY},
                   change=lambda stream: [*stream, *(
                       ('/commands', log_ns(tick) + 1, array(command(7, tick), tick))
                       for tick in range(12))])
    assert episode_of(bag).actions[0, 0] == pytest.approx(0.0)
    assert episode_of(bag, 'commands').actions[0, 0] == pytest.approx(7.0)


def test_several_command_types_and_no_word_which_is_an_error(tmp_path):
    from dataclasses import replace
    bag = make_bag(tmp_path / 'episode_000000', metadata=replace(METADATA, command_type=''),
                   more_topics={'/commands': messages.FLOAT64_ARRAY},
                   change=lambda stream: [*stream, ('/commands', log_ns(0) + 1,
                                                    array(command(7, 0), 0))])
    with pytest.raises(BagError, match='several types.*joint_trajectory, commands'):
        episode_of(bag)


def test_topics_of_another_namespace_are_found(tmp_path):
    renamed = make_bag(
        tmp_path / 'episode_000000',
        leave_out=('/front/image_raw', '/wrist/image_raw', '/joint_states', '/joint_trajectory'),
        more_topics={f'/left{topic}': kind for topic, kind in (
            ('/front/image_raw', messages.IMAGE), ('/wrist/image_raw', messages.IMAGE),
            ('/joint_states', messages.JOINT_STATE),
            ('/joint_trajectory', messages.JOINT_TRAJECTORY))},
        change=lambda stream: [(f'/left{topic}', log, data) for topic, log, data in stream])
    assert episode_of(renamed).actions == pytest.approx(EXPECTED)
