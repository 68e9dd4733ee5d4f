# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Subscribes to what flows during an episode and keeps it as a trace."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
import math
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.cli.arm_client import ArmClient
from vaa_ros.cli.arm_client import TaskStatus
from vaa_ros.cli.results import EpisodeResult
from vaa_ros.cli.trace import EpisodeTrace
from vaa_ros.core.errors import ImageError
from vaa_ros.core.errors import RosError
from vaa_ros.core.errors import unknown_name
from vaa_ros.core.robot import RobotSpec
from vaa_ros.ros.command_publisher import COMMAND_MESSAGES
from vaa_ros.ros.conversions import stamp_to_ns
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.image_cdr import read_image
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import JOINTS
from vaa_ros.ros.qos import SENSOR


@dataclass(frozen=True)
class PolicyCounters:
    """Counters of the policy node since its start."""

    ticks: int = 0
    missed: int = 0
    received: int = 0


class Observer:
    """
    Fills one trace an episode from the topics of the arm, the cameras and the policy.

    Callbacks run in the client's thread; the other methods in the caller's.

    :param cameras: whose pictures to keep.
    :param command_type: the command topic.
    :param wall_clock: whether stamps are wall-clock time, so that latencies can be measured.
    :param tick_s: spacing of the joint positions that jerk is measured from [s]; the control
        period, as in process.
    """

    def __init__(self, client: ArmClient, robot: RobotSpec, cameras: Sequence[str],
                 command_type: str, wall_clock: bool, tick_s: float) -> None:
        """Subscribe."""
        if command_type not in COMMAND_MESSAGES:
            raise unknown_name('command type', command_type, COMMAND_MESSAGES)
        self._client, self._robot, self._wall_clock = client, robot, wall_clock
        self._tick_s = tick_s
        self._trace: EpisodeTrace | None = None
        self._episode = -1
        self._newest_ns = 0
        self._shown: dict[str, int] = {}
        # Commands are timed as they arrive, so nothing slow may run in the client's thread.
        self._encoder = ThreadPoolExecutor(1, 'pictures')
        self.finished: TaskStatus | None = None
        self.counters = PolicyCounters()
        self.policy_state = ''
        self.policy_reason = ''
        node = client.node
        node.create_subscription(JointState, 'joint_states', self._joints, JOINTS)
        node.create_subscription(COMMAND_MESSAGES[command_type], command_type, self._command,
                                 COMMAND)
        node.create_subscription(Float64, 'policy/alignment', self._alignment, EVENTS)
        node.create_subscription(DiagnosticStatus, 'policy/status', self._status, EVENTS)
        for camera in cameras:
            node.create_subscription(
                Image, f'{camera}/image_raw',
                lambda data, camera=camera: self._image(camera, data), SENSOR, raw=True)
        client.on_task = self._task

    def begin(self, after_episode: int) -> None:
        """Keep what belongs to the first episode with a number above ``after_episode``."""
        self.finished = None
        self._episode = after_episode
        self._trace = EpisodeTrace(self._robot.joint_names)

    def end(self, before: PolicyCounters, after: PolicyCounters) -> EpisodeTrace:
        """
        Stop keeping and return the episode.

        :param before: the policy's counters before the episode.
        :param after: the policy's counters after it.
        """
        trace, status = self._trace, self.finished
        self._trace = None
        self._encoder.submit(lambda: None).result()
        if trace is None or status is None:
            raise RosError('the episode was ended before it was done')
        time_s = min(status.time_s, status.max_time_s)
        trace.result = EpisodeResult(
            status.seed, status.success, time_s, tuple(trace.latencies_ms),
            after.ticks - before.ticks, after.missed - before.missed,
            self._rms_jerk(trace, time_s), status.instruction)
        return trace

    def _rms_jerk(self, trace: EpisodeTrace, time_s: float) -> float:
        from vaa_ros.learning.evaluate import rms_jerk
        if trace.start_ns is None or not trace.measured.values:
            return math.nan
        times, measured = trace.measured.since(trace.start_ns)
        ticks = np.arange(0.0, min(time_s, times[-1]) + 1e-6, self._tick_s)
        arm = [index for index, name in enumerate(trace.names) if name != self._robot.gripper]
        return rms_jerk(np.stack([np.interp(ticks, times, measured[:, index])
                                  for index in arm], axis=1), self._tick_s)

    def _task(self, status: TaskStatus) -> None:
        trace = self._trace
        if trace is None or status.episode <= self._episode or self.finished is not None:
            return
        if trace.start_ns is None:
            trace.start_ns = status.stamp_ns - round(status.time_s * 1e9)
        if status.done:
            self.finished = status

    def _running(self) -> EpisodeTrace | None:
        trace = self._trace
        over = trace is None or trace.start_ns is None or self.finished is not None
        return None if over else trace

    def _joints(self, message: JointState) -> None:
        self._newest_ns = stamp_to_ns(message.header.stamp)
        trace = self._running()
        if trace is None:
            return
        where = {name: index for index, name in enumerate(message.name)}
        if set(self._robot.joint_names) <= where.keys():
            position = [message.position[where[name]] for name in self._robot.joint_names]
            if not trace.measured.stamps_ns or self._newest_ns > trace.measured.stamps_ns[-1]:
                trace.measured.add(self._newest_ns, np.asarray(position))

    def _command(self, message: Any) -> None:
        received_ns = time.time_ns()
        trace = self._running()
        if trace is None or isinstance(message, Float64MultiArray):
            return
        stamp_ns = stamp_to_ns(message.header.stamp)
        if self._wall_clock and stamp_ns > 0:
            trace.latencies_ms.append((received_ns - stamp_ns) / 1e6)
        repeated = bool(trace.commands.stamps_ns) and stamp_ns <= trace.commands.stamps_ns[-1]
        if isinstance(message, JointTrajectory) and message.points and not repeated:
            where = {name: index for index, name in enumerate(message.joint_names)}
            positions = message.points[0].positions
            trace.commands.add(stamp_ns, np.asarray(
                [positions[where[name]] if name in where else np.nan
                 for name in self._robot.joint_names]))

    def _alignment(self, message: Float64) -> None:
        trace = self._running()
        if trace is not None and np.isfinite(message.data):
            stamps = trace.commands.stamps_ns
            trace.alignment.add(stamps[-1] if stamps else self._newest_ns,
                                np.asarray(message.data))

    def _status(self, message: DiagnosticStatus) -> None:
        values = status_values(message)
        self.policy_state = values.get('state', '')
        self.policy_reason = values.get('reason', '') or message.message
        try:
            self.counters = PolicyCounters(
                int(values['control_ticks']), int(values['missed_ticks']),
                self.counters.received + 1)
        except (KeyError, ValueError) as error:
            raise RosError(f'policy status: cannot read {values}: {error!r}') from error

    def _image(self, camera: str, data: bytes) -> None:
        trace = self._running()
        if trace is None:
            return
        try:
            image = read_image(data)
            stamp_ns, rgb = image.stamp_ns, image.rgb()
        except ImageError:
            return
        if self._shown.get(camera, -1) >= stamp_ns:
            return  # in lockstep a picture is sent again while its command is awaited
        self._shown[camera] = stamp_ns
        self._encoder.submit(trace.add_picture, camera, stamp_ns, rgb)
