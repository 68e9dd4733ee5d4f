# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The node teleop_recorder: demonstrations from topics to rosbag2 episodes.

It subscribes while it is active and writes between ``~/start_episode`` and ``~/stop_episode``.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
import sys
import threading
from typing import Any

from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle import LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.utilities import get_rmw_implementation_identifier

from vaa_ros import __version__
from vaa_ros.core.episode_flow import Ended
from vaa_ros.core.episode_plan import Wanted
from vaa_ros.core.errors import EpisodeError
from vaa_ros.core.errors import RosError
from vaa_ros.core.errors import StillWritingError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.image_encoding import ImageFormat
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import load_robot
from vaa_ros.recording.disk import Disk
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.episode import RecordedEpisode
from vaa_ros.recording.episode import recording_spec
from vaa_ros.recording.messages import warm_up
from vaa_ros.recording.policies_seen import ACTIVE
from vaa_ros.recording.policies_seen import TYPES as POLICY_TOPICS
from vaa_ros.recording.session import RecordingSession
from vaa_ros.recording.software import software_versions
from vaa_ros.recording.tally import tally_later
from vaa_ros.recording.telling import log_ended
from vaa_ros.recording.telling import shown_values
from vaa_ros.recording.trash import Trash
from vaa_ros.recording.verdict import load_thresholds
from vaa_ros.ros.diagnostics import ERROR
from vaa_ros.ros.diagnostics import OK
from vaa_ros.ros.diagnostics import WARN
from vaa_ros.ros.episode_desk import EpisodeDesk
from vaa_ros.ros.episode_status import EpisodeStatus
from vaa_ros.ros.parameters import declare
from vaa_ros.ros.policy_reports import loaded_policy
from vaa_ros.ros.process import run
from vaa_ros.ros.process import transition
from vaa_ros.ros.raw_topics import RawTopics
from vaa_ros.ros.recorder_parameters import metadata_values
from vaa_ros.ros.recorder_parameters import PARAMETERS
from vaa_ros.ros.recorder_topics import extra_topics
from vaa_ros.ros.recorder_topics import required_topics
from vaa_ros.ros.recorder_topics import topics_of_episode

STATUS_S = 0.5
End = Callable[[RecordingSession, float], RecordedEpisode]
LAST_WAIT_S = 30.0  # that the end of the process waits for the disk
STOPPED = 'the recorder was stopped in the middle of the episode'


class TeleopRecorder(LifecycleNode):
    """
    Records demonstrations, one rosbag2 folder each.

    :param options: passed on to :class:`rclpy.lifecycle.LifecycleNode`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__('teleop_recorder', **options)
        declare(self, PARAMETERS)
        self.finished = threading.Event()
        self._required: list[str] = []
        self._topics: RawTopics | None = None
        self._session: RecordingSession | None = None
        self._robot: RobotSpec | None = None
        self._simulated = False
        self._saved = 0
        self._broken = ''
        """Why the last episode was broken off, and where the rest is; empty if it was not."""
        self._last: RecordedEpisode | None = None
        self._kept: RecordedEpisode | None = None
        self._trash = Trash(lambda line: self.get_logger().info(line),
                            lambda line: self.get_logger().warning(line))
        self._status = EpisodeStatus(self, self._values)
        self._desk = EpisodeDesk(self, self, self._report, self._status.refresh, self.finished.set)
        self.create_timer(STATUS_S, self._watch, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._status.refresh()

    @transition
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Work out the topics of every episode."""
        self._required = required_topics(self)
        try:
            self._robot = load_robot(self._value('robot'))
        except VaaError as error:
            self._robot = None
            self.get_logger().warning(f'the metadata will not describe the robot: {error}')
        return TransitionCallbackReturn.SUCCESS

    @transition
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe, and read keys where there is a terminal."""
        self._settle()
        if self._session is not None and self._session.ending:
            raise RosError(f'{self._session.ending_in} is still being written; activate later')
        thresholds = load_thresholds(self._value('thresholds'))
        warm_up()
        software_versions(get_rmw_implementation_identifier())  # asked once, which takes a while
        self._desk.open(lambda tasks: tally_later(self._output_dir(), tasks),
                        lambda: self._kept and self._kept.path)
        self._simulated = bool(self._value('use_sim_time'))
        # Always: a bag says which policy was there when it was recorded, and whether it drove.
        names = list(dict.fromkeys([*self._required, *extra_topics(self),
                                    *map(self.resolve_topic_name, POLICY_TOPICS)]))
        self._topics = RawTopics(self, names, self._on_message)
        self._session = RecordingSession(self._topics, self._required, self._now_ns, thresholds)
        self.get_logger().info(f'ready to record {", ".join(self._required)} to '
                               f'{self._output_dir()}')
        return super().on_activate(state)

    @transition
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Abort an episode that is being recorded, and unsubscribe."""
        self._halt('the recorder was deactivated in the middle of the episode',
                   self._value('stop_wait_s'))
        return super().on_deactivate(state)

    @transition
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Abort an episode that is being recorded."""
        self._halt(STOPPED, self._value('stop_wait_s'))
        return TransitionCallbackReturn.SUCCESS

    def stop(self) -> None:
        """Abort an episode that is being recorded, and wait longer than before for the disk."""
        self._halt(STOPPED, LAST_WAIT_S)
        if self._session is not None:
            left = self._session.ending_in
            self._report(f'{left} is left behind: the disk took longer than {LAST_WAIT_S:g} s. '
                         f'When it answers again, make a bag of it with: vaa recover {left}')

    def fault(self, reason: str) -> None:
        """
        Show an exception that escaped a callback; recording goes on.

        :param reason: one line.
        """
        self._status.show(ERROR, reason)

    def start_episode(self, wanted: Wanted) -> str:
        """
        Begin an episode.

        :param wanted: task and instruction; empty for those of the parameters.
        :return: the folder that it will have.
        :raises VaaError: if a topic is missing or the episode cannot be written.
        """
        self._settle()
        session, known = self._active(), self._metadata()
        disk = Disk(self._output_dir(), self._value('compression'),
                    int(self._value('min_free_gb') * 1e9),
                    ImageFormat(self._value('image_compression'), self._value('jpeg_quality')),
                    self._value('stop_wait_s'))
        path = session.start(disk, replace(
            known, task=wanted.task or known.task,
            instruction=wanted.instruction or known.instruction), self._value('topic_wait_s'))
        self._last, self._kept, self._broken = None, None, ''
        self._status.show(OK, 'recording')
        self.get_logger().info(f'recording {path}')
        return str(path)

    def stop_episode(self, success: bool) -> Ended:
        """
        Finish the episode.

        :param success: verdict of the operator.
        :return: what was recorded.
        :raises VaaError: if nothing is being recorded, or it could not be written.
        """
        return self._end(lambda session, wait_s: session.stop(success, wait_s))

    def discard_episode(self) -> Ended:
        """Finish the episode as :meth:`stop_episode`, and move it out of the demonstrations."""
        return self._end(lambda session, wait_s: session.discard(wait_s))

    def discard_last_episode(self) -> Ended:
        """
        Move the episode that was kept last out of the demonstrations.

        :return: what was recorded.
        :raises VaaError: if there is none, or it cannot be moved.
        """
        session = self._active()
        self._settle()
        if self._kept is None:
            raise EpisodeError('there is no episode of this session to discard')
        recorded = session.disk.discard(self._kept, self._value('stop_wait_s'))
        self._kept = None
        self._saved -= 1
        self._trim(recorded.path)
        return self._finish('discarded', recorded, [])

    def _value(self, name: str) -> object:
        return self.get_parameter(name).value

    def _active(self) -> RecordingSession:
        if self._session is None or self._topics is None:
            raise RosError('the recorder is not active; activate it first')
        return self._session

    def _output_dir(self) -> Path:
        return Path(self._value('output_dir')).expanduser().absolute()

    def _metadata(self) -> EpisodeMetadata:
        assert self._topics is not None
        heard = self._topics.standing(self.resolve_topic_name(ACTIVE))
        spec = {} if self._robot is None else recording_spec(
            self._robot, control_rate_hz=self._value('control_rate_hz'),
            **topics_of_episode(self, self._robot, self._required))
        return EpisodeMetadata(
            **metadata_values(self, self._robot), vaa_version=__version__, spec=spec,
            software=software_versions(get_rmw_implementation_identifier()),
            active_policy={} if heard is None else loaded_policy(heard[0]))

    def _now_ns(self) -> int:
        return self.get_clock().now().nanoseconds

    def _on_message(self, topic: str, received_ns: int, data: bytes, sent_ns: int) -> None:
        if self._session is not None:
            # As rosbag2 does: bags of a simulated clock are logged in simulated time.
            log_ns = self._now_ns() if self._simulated else received_ns
            self._session.put(topic, log_ns, data, sent_ns)

    def _report(self, problem: str) -> None:
        self.get_logger().error(problem)
        self._status.show(WARN if self._values()['recording'] else ERROR, problem)

    def _break_off(self, why: str, problem: str) -> None:
        self._broken = why
        self._desk.flow.broken_off(why)
        self._report(problem)

    def _finish(self, what: str, recorded: RecordedEpisode, problems: list[str]) -> Ended:
        self._last = recorded
        remark = log_ended(self.get_logger(), what, recorded, problems)
        self._status.show(WARN if problems else OK, '; '.join([what, *problems]))
        return Ended(recorded.to_json(), remark)

    def _end(self, end: End) -> Ended:
        self._settle()
        if self._broken:
            raise EpisodeError(f'no episode is being recorded; it was broken off: {self._broken}')
        session = self._active()
        return self._take_in(session, end(session, self._value('stop_wait_s')))

    def _take_in(self, session: RecordingSession, recorded: RecordedEpisode) -> Ended:
        """Take note of an episode that is whole now: kept, thrown away or broken off."""
        if recorded.aborted:
            self._broken = f'{recorded.aborted}. What was written is in {recorded.path}'
            return self._finish('aborted', recorded, [recorded.aborted])
        if recorded.success is None:
            self._trim(recorded.path)
            return self._finish('discarded', recorded, [])
        self._saved += 1
        self._kept = recorded
        return self._finish(f'saved as {"success" if recorded.success else "failure"}', recorded,
                            session.problems(recorded))

    def _settle(self) -> None:
        """Take in an episode for which the disk was too slow when it ended."""
        if self._session is not None and self._session.ending:
            self._come_late(self._session, self._session.ended)

    def _come_late(self, session: RecordingSession, ended: Callable[[], Any]) -> None:
        try:
            recorded = ended()
            if recorded is None:
                return
            taken = self._take_in(session, recorded)
            if not recorded.aborted:
                self._desk.flow.came_late(recorded.success, taken)
                self._status.refresh()
        except StillWritingError:
            pass
        except VaaError as error:
            self._break_off(str(error), str(error))

    def _trim(self, discarded: Path) -> None:
        self._trash.trim(discarded, self._value('discarded_max'),
                         int(self._value('discarded_max_gb') * 1e9))

    def _halt(self, reason: str, wait_s: float) -> None:
        self._desk.close()
        self._settle()
        if self._session is not None:
            self._come_late(self._session,
                            lambda: self._session.wind_up(reason, wait_s, self._report))
        if self._session is None or not self._session.ending:
            self._session = None
        if self._topics is not None:
            self._topics.close()
            self._topics = None

    def _watch(self) -> None:
        """Look for new topics and for a failure of the writer, and show the progress."""
        self._settle()
        if self._session is None or self._topics is None:
            return
        if answered := self._session.disk.over():
            self.get_logger().info(answered)
            self._status.show(OK, answered)
        if failure := self._session.failure():
            self._break_off(failure, f'the episode was aborted: {failure}')
        elif self._session.recording is not None:
            for line in self._session.news():
                self.get_logger().warning(line)
            self._status.refresh()
            if troubles := self._session.troubles():
                self._desk.warn('; '.join(troubles))
                self._status.show(WARN, self._session.watch.trouble)
        self._topics.refresh()

    def _values(self) -> dict[str, object]:
        recorder = self._session.recording if self._session is not None else None
        return {
            'recording': recorder is not None, 'episodes_saved': self._saved,
            'output_dir': self._output_dir(),
            'task': self._desk.flow.wanted.task or self._value('task'),
            'instruction': self._desk.flow.wanted.instruction or self._value('instruction'),
            'seed': self._value('seed'), **self._desk.values(),
            **shown_values(recorder or self._last, self._last)}


def main() -> None:
    """Run the node until a signal ends it."""
    sys.exit(run(TeleopRecorder))


if __name__ == '__main__':
    main()
