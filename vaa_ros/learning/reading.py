# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How bags are read into datasets, and which of them are not to be learned from.
"""
from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
import hashlib
import json

import cv2

import vaa_ros
from vaa_ros.core.records import to_plain
from vaa_ros.core.robot import robot_to_mapping
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import COMMAND_KINDS
from vaa_ros.core.spec import PolicySpec
from vaa_ros.learning.corrections import corrections
from vaa_ros.learning.plain_bags import PlainOptions
from vaa_ros.learning.recorded_robot import refuse_robot
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.episode import DISCARDED
from vaa_ros.recording.policies_seen import policies_in

PIECE_VERSION = 4


@dataclass(frozen=True)
class Reading:
    """
    How bags are read.

    :param robot: the robot.
    :param cameras: the cameras wanted and their policy size.
    :param control_rate_hz: rate of actions [Hz].
    :param max_skew_s: largest distance in time of two cameras' frames [s].
    :param command_type: command topic to learn from; None takes the one in the bag.
    :param plain: what to make of bags that teleop_recorder did not write.
    :param task: leave out episodes of other tasks; None takes any.
    :param include_failed: also read episodes that failed, were broken off or were thrown away.
    :param include_policy: also read episodes that a policy drove.
    :param only_corrections: read only what a person did who took over from a policy.
    :param robot_given: whether people say that this is the robot, whatever bags say.
    """

    robot: RobotSpec
    cameras: tuple[CameraSpec, ...]
    control_rate_hz: float
    max_skew_s: float
    command_type: str | None = None
    plain: PlainOptions = field(default_factory=PlainOptions)
    task: str | None = None
    include_failed: bool = False
    include_policy: bool = False
    only_corrections: bool = False
    robot_given: bool = False

    def spec(self, command_type: str, name: str = 'policy', chunk_length: int = 1) -> PolicySpec:
        """
        Give the policy spec of what is read.

        :param command_type: the command topic's name in the ROS interface.
        :param name: the task, which is also the name of the policy.
        :param chunk_length: actions in a chunk.
        """
        return PolicySpec(
            name=name or 'policy', task=name, robot=self.robot.name, cameras=self.cameras,
            joints=self.robot.joints,
            action=ActionSpec.for_robot(COMMAND_KINDS[command_type], self.robot),
            control_rate_hz=self.control_rate_hz, chunk_length=chunk_length,
            base_frame=self.robot.base_frame,
            end_effector_frame=self.robot.end_effector_frame)

    def refuse(self, bag: BagReader) -> str:
        """
        Say why an episode is not to be learned from, '' if it is.
        """
        known = bag.metadata
        if known is None:
            return ''
        if not self.include_failed and known.aborted:
            return f'it was broken off: {known.aborted}'
        folder = bag.path if bag.path.is_dir() else bag.path.parent
        # Takes of old recorders say it by the name of their folder alone.
        aside = folder.absolute().parent.name == DISCARDED
        if not self.include_failed and (known.discarded or aside):
            return 'it was thrown away; it is taken back with: vaa recover --restore FOLDER'
        strange = refuse_robot(bag, self.robot, self.robot_given)
        if strange:
            return strange
        if self.task is not None and known.task != self.task:
            return f'task {known.task!r}, not {self.task!r}'
        drove = known.policy or ', '.join(
            str(policy) for policy in policies_in(bag) if policy.commanded)
        if drove and not (self.include_policy or known.teacher) and corrections(
                bag, 1.0 / self.control_rate_hz) is None:
            return f'driven by policy {drove!r}, no demonstration'
        return ''

    def doubt(self, bag: BagReader) -> str:
        """
        Say what nobody can tell of an episode that is learned from, '' for nothing.
        """
        if bag.metadata is None or bag.metadata.policy:
            return ''
        silent = [str(policy) for policy in policies_in(bag) if policy.commanded is None]
        return (f'policy {", ".join(silent)} was loaded, and nothing says whether it drove the '
                'arm: taken as a demonstration' if silent else '')

    def key(self, sha256: str) -> str:
        """
        Name what this reading makes of a bag.

        :param sha256: hash of the bag.
        """
        told = [PIECE_VERSION, vaa_ros.__version__, cv2.__version__, sha256,
                robot_to_mapping(self.robot), to_plain(self.cameras), self.control_rate_hz,
                self.max_skew_s, self.command_type, to_plain(self.plain), self.only_corrections]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
