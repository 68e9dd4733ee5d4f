# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Judges what comes in for a policy: whether it shows the world as it is now.

Ages and gaps, clocks that differ or jump, stamps that repeat or go back, pictures without
anything in them, joints that are missing or move faster than they can. Pure bookkeeping: the
monotonic and the ROS clock are passed in with everything that arrives.

What comes of it is a :class:`~vaa_ros.core.input_findings.Judgement` that the gate obeys. Frozen
pictures are found by :mod:`vaa_ros.core.scene_watch`, which sees whole observations.
"""
from __future__ import annotations

from collections.abc import Sequence
import math

import numpy as np

from vaa_ros.core.input_findings import Finding
from vaa_ros.core.input_findings import HELD
from vaa_ros.core.input_findings import Judgement
from vaa_ros.core.input_findings import JudgeOptions
from vaa_ros.core.input_findings import SLOWED
from vaa_ros.core.input_findings import told
from vaa_ros.core.input_stamps import EVENT_WINDOW_S
from vaa_ros.core.input_stamps import OwnClock
from vaa_ros.core.input_stamps import StampedStream
from vaa_ros.core.robot import JointSpec
from vaa_ros.core.sliding import SlidingMax
from vaa_ros.core.types import NANOSECONDS

SLOW_FOR_S = 0.5
"""How long the arm stays slow after the last reason for it, so that its speed does not flicker."""
STAMP_JITTER_S, GRIPPER_JITTER_S = 0.01, 0.1
"""How wrong the time between two positions of a joint may be by the stamps of the states. Grippers
have drivers of their own, which often read them less often than the arm says its state."""
BLACK, WHITE = 16, 250
"""Black of limited-range video, and what a saturated sensor gives after a resize."""
BLANK_SHARE = 0.98
BLANK_STEP = 4


class InputJudge:
    """
    Judges every input of a policy.

    Not thread-safe: the caller holds a lock.

    :param cameras: topics of the pictures.
    :param joints_topic: topic of the joint states.
    :param joints: the joints that the policy sees, with their speed limits.
    :param options: what is still good enough.
    :param simulated: whether the ROS clock is that of a simulation, which may run at any speed.
    :param gripper: which of the joints is the gripper, if any.
    """

    def __init__(self, cameras: Sequence[str], joints_topic: str, joints: Sequence[JointSpec],
                 options: JudgeOptions | None = None, simulated: bool = False,
                 gripper: str | None = None) -> None:
        self.options = options or JudgeOptions()
        self._joints_topic = joints_topic
        self._names = [joint.name for joint in joints]
        self._speeds = np.array([joint.velocity for joint in joints])
        self._jitter_s = np.array([GRIPPER_JITTER_S if name == gripper else STAMP_JITTER_S
                                   for name in self._names])
        self._clock = OwnClock(self.options.limit('max_clock_jump_s'), simulated)
        self._streams = {topic: StampedStream() for topic in (*cameras, joints_topic)}
        self._cameras = tuple(cameras)
        self.reset()

    def reset(self) -> None:
        """
        Forget everything: nothing is unusual. Counts go on.
        """
        self._clock.reset()
        for stream in self._streams.values():
            stream.reset()
        self._blank: dict[str, tuple[int, str]] = {}
        self._unusable: tuple[int, str] | None = None
        self._position: tuple[int, np.ndarray] | None = None
        self._speed = SlidingMax(EVENT_WINDOW_S)
        self._slow: tuple[int, str] = (-1, '')

    def picture(self, topic: str, stamp_ns: int, rgb: np.ndarray, now_ns: int, ros_ns: int,
                ) -> None:
        """
        Take note of a picture.

        :param topic: its topic.
        :param stamp_ns: its capture time [ns].
        :param rgb: the picture (H, W, 3) uint8.
        :param now_ns: when it came, on a clock that does not jump [ns].
        :param ros_ns: the same on the clock of the stamps [ns].
        """
        self._arrived(topic, stamp_ns, now_ns, ros_ns)
        blank = blank_picture(rgb)
        if not blank:
            self._blank.pop(topic, None)
        elif topic not in self._blank:
            self._blank[topic] = now_ns, blank

    def joints(self, stamp_ns: int, values: np.ndarray | None, problem: str, now_ns: int,
               ros_ns: int) -> None:
        """
        Take note of a joint state.

        :param stamp_ns: its stamp [ns].
        :param values: positions in the order of ``joints`` (S,) [rad or m], None if unusable.
        :param problem: why it is unusable.
        :param now_ns: when it came, on a clock that does not jump [ns].
        :param ros_ns: the same on the clock of the stamps [ns].
        """
        newer = self._arrived(self._joints_topic, stamp_ns, now_ns, ros_ns)
        if values is None:
            self._unusable = (self._unusable or (now_ns, ''))[0], problem
            return
        self._unusable = None
        if newer:
            self._moved(stamp_ns, values, now_ns)

    def judge(self, now_ns: int, ros_ns: int, unpaired: tuple[float, str] = (0.0, ''),
              ) -> Judgement:
        """
        Judge the present.

        :param now_ns: the present on the clock of the arrivals [ns].
        :param ros_ns: the present on the clock of the stamps [ns].
        :param unpaired: how long pictures have come without an observation [s], and why.
        :return: what was found.
        """
        self._look_at_clock(now_ns, ros_ns)
        findings = []
        late = False
        for topic, stream in self._streams.items():
            aged = stream.ages(now_ns, ros_ns, topic, self._age_limit(topic))
            late |= any(each.grade for each in aged)
            findings += [*aged, *stream.order(now_ns, topic, self.options)]
        findings += self._content(now_ns)
        # A late input is reason enough that nothing is paired.
        findings.append(Finding('pairing', 'unpaired_s', 0.0 if late else unpaired[0],
                                self.options.limit('max_unpaired_s'), unpaired[1]))
        findings.append(self._clock.finding(now_ns))
        slow = told(findings, SLOWED)
        if slow:
            self._slow = now_ns + round(SLOW_FOR_S * NANOSECONDS), slow
        # Of ages the gate says itself why it holds.
        rest = [each for each in findings if not each.name.startswith('age')]
        return Judgement(findings, told(rest, HELD),
                         self._slow[1] if now_ns <= self._slow[0] else '')

    def lasts_s(self, now_ns: int) -> float:
        """
        Tell when what is bad already, and lasts, will make the arm hold.

        :param now_ns: the present on the clock of the arrivals [ns].
        :return: time until then, below 0 where it is over; infinite where nothing is bad [s].
        """
        limit = self.options.limit
        since = [(since_ns, limit('max_blank_s')) for since_ns, _ in self._blank.values()]
        if self._unusable is not None:
            since.append((self._unusable[0], limit('max_joints_missing_s')))
        return min((limit_s - (now_ns - since_ns) / NANOSECONDS for since_ns, limit_s in since),
                   default=math.inf)

    def counts(self) -> dict[str, int]:
        """
        Give how many messages of each input repeated a stamp, or came out of order.
        """
        return {f'{topic} {name}': getattr(stream, name)
                for topic, stream in self._streams.items() for name in ('repeated', 'disordered')}

    def _age_limit(self, topic: str) -> float:
        return self.options.limit('max_joint_age_s' if topic == self._joints_topic
                                  else 'max_image_age_s')

    def _arrived(self, topic: str, stamp_ns: int, now_ns: int, ros_ns: int) -> bool:
        self._look_at_clock(now_ns, ros_ns)
        return self._streams[topic].arrived(stamp_ns, now_ns, ros_ns, self._clock.steady,
                                            self.options.limit('max_clock_jump_s'))

    def _look_at_clock(self, now_ns: int, ros_ns: int) -> None:
        if self._clock.look(now_ns, ros_ns):
            for stream in self._streams.values():
                stream.transit.clear()

    def _moved(self, stamp_ns: int, values: np.ndarray, now_ns: int) -> None:
        before, self._position = self._position, (stamp_ns, values)
        if before is None:
            return
        dt_s = abs(stamp_ns - before[0]) / NANOSECONDS
        way = np.abs(values - before[1])
        speed = way / (self._speeds * (dt_s + self._jitter_s))
        fastest = int(speed.argmax())
        self._speed.add(now_ns, float(speed[fastest]),
                        f'{self._names[fastest]} moved by {way[fastest]:.3f} within '
                        f'{dt_s:.3f} s: {speed[fastest]:.1f} times as fast as it may')

    def _content(self, now_ns: int) -> list[Finding]:
        limit = self.options.limit
        found = []
        for topic in self._cameras:
            since_ns, what = self._blank.get(topic, (now_ns, ''))
            blank_s = (now_ns - since_ns) / NANOSECONDS
            found.append(Finding(topic, 'blank_s', blank_s, limit('max_blank_s'),
                                 f'the picture is {what} for {blank_s:.2f} s'))
        since_ns, what = self._unusable or (now_ns, '')
        missing_s = (now_ns - since_ns) / NANOSECONDS
        found.append(Finding(self._joints_topic, 'missing_s', missing_s,
                             limit('max_joints_missing_s'), f'{what} for {missing_s:.2f} s'))
        speed, what = self._speed.largest(now_ns)
        found.append(Finding(self._joints_topic, 'speed', max(speed, 0.0),
                             limit('max_joint_speed'), what))
        return found


def blank_picture(rgb: np.ndarray) -> str:
    """
    Tell whether a picture shows nothing.

    :param rgb: the picture (H, W, 3) uint8.
    :return: ``black`` or ``saturated`` when nearly every pixel is, or nothing.
    """
    sample = rgb[::BLANK_STEP, ::BLANK_STEP]
    if np.count_nonzero(sample <= BLACK) >= BLANK_SHARE * sample.size:
        return 'black'
    if np.count_nonzero(sample >= WHITE) >= BLANK_SHARE * sample.size:
        return 'saturated'
    return ''
