# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What stamps and arrivals tell: clocks that differ or jump, stamps that repeat or go back, ages.
"""
from __future__ import annotations

import math

from vaa_ros.core.input_findings import Finding
from vaa_ros.core.input_findings import JudgeOptions
from vaa_ros.core.input_findings import WARN_FROM
from vaa_ros.core.sliding import SlidingMax
from vaa_ros.core.sliding import SlidingShare
from vaa_ros.core.types import NANOSECONDS

EVENT_WINDOW_S = 1.0
"""How long a jump of a clock or of a joint counts."""
TRANSIT_WINDOW_S = 2.0
FEWEST, SOONEST_NS = 5, 3 * NANOSECONDS // 10
"""Messages and time before which a stream says nothing about its clock or its order: those that
waited while the node began come all at once."""
SET_BACK_NS = NANOSECONDS
"""A stamp that is older by more tells of a clock that was set, not of a late message."""
THIS_CLOCK = 'clock'


class OwnClock:
    """
    The ROS clock of this computer beside its monotonic clock.

    A difference counts once two readings agree on it: a thread may be put aside between the
    reading of the one and the other.
    """

    def __init__(self, limit_s: float, simulated: bool) -> None:
        self._limit_s = limit_s
        self._simulated = simulated
        self.reset()

    def reset(self) -> None:
        """
        Forget what came; counts go on.
        """
        self._base_ns: int | None = None
        self._pending_ns = 0
        self._jumps = SlidingMax(EVENT_WINDOW_S)

    @property
    def steady(self) -> bool:
        """
        Tell whether the last reading was as expected.
        """
        return self._pending_ns == 0

    def look(self, now_ns: int, ros_ns: int) -> bool:
        """
        Compare; whether the clock was found to have jumped.
        """
        reading_ns = ros_ns if self._simulated else ros_ns - now_ns
        if self._base_ns is None:
            self._base_ns = reading_ns
        way_ns = reading_ns - self._base_ns
        if self._simulated:
            way_ns = min(way_ns, 0)
        if abs(way_ns) < WARN_FROM * self._limit_s * NANOSECONDS:
            self._base_ns, self._pending_ns = reading_ns, 0
            return False
        before_ns, self._pending_ns = self._pending_ns, way_ns
        if self._simulated:
            before_ns = way_ns  # there is one reading only
        if before_ns * way_ns <= 0:
            return False
        self._base_ns, self._pending_ns = reading_ns, 0
        jump_s = min(abs(before_ns), abs(way_ns)) / NANOSECONDS
        self._jumps.add(now_ns, jump_s, f'the clock of this computer was set '
                        f'{"forward" if way_ns > 0 else "back"} by {jump_s:.3f} s')
        return True

    def finding(self, now_ns: int) -> Finding:
        """
        Tell how far the clock was set lately.
        """
        jump_s, what = self._jumps.largest(now_ns)
        return Finding(THIS_CLOCK, 'jump_s', max(jump_s, 0.0), self._limit_s, what)


class StampedStream:
    """
    The stamps of one input.
    """

    def __init__(self) -> None:
        self.repeated = self.disordered = 0
        self.transit = SlidingMax(TRANSIT_WINDOW_S)
        """Time from stamp to arrival [s], negated: the largest is the shortest way."""
        self._steps = SlidingMax(TRANSIT_WINDOW_S)
        """Time between stamps [s], negated too."""
        self.reset()

    def reset(self) -> None:
        """
        Forget what came; counts go on.
        """
        self.newest: tuple[int, int] | None = None
        self.transit.clear()
        self._steps.clear()
        self._disorder = SlidingShare(EVENT_WINDOW_S)
        self._jumps = SlidingMax(EVENT_WINDOW_S)

    def arrived(self, stamp_ns: int, now_ns: int, ros_ns: int, steady: bool, jump_s: float,
                ) -> bool:
        """
        Take note of a message; whether it is newer than those before.
        """
        transit_s = (ros_ns - stamp_ns) / NANOSECONDS
        step_ns = math.inf if self.newest is None else stamp_ns - self.newest[0]
        set_back = step_ns < -SET_BACK_NS
        newer = step_ns > 0 or set_back
        self.repeated += step_ns == 0
        self.disordered += step_ns < 0
        self._disorder.add(now_ns, not newer)
        if set_back:
            self._set(now_ns, -step_ns / NANOSECONDS, 'back')
        if newer:
            self.newest = stamp_ns, now_ns
        if not newer or not steady:
            return newer
        shortest_s = -self.transit.largest(now_ns)[0]
        # Nothing arrives sooner than it ever did, with a gap before its stamp, unless its clock
        # was set. Without the gap a busy computer has caught up.
        step_s = step_ns / NANOSECONDS
        way_s = min(shortest_s - transit_s, step_s + self._steps.largest(now_ns)[0])
        if self._known(now_ns) and way_s > WARN_FROM * jump_s:
            self._set(now_ns, way_s, 'forward')
        self.transit.add(now_ns, -transit_s)
        if step_s > 0:
            self._steps.add(now_ns, -step_s)
        return newer

    def _known(self, now_ns: int) -> bool:
        return (self.transit.count >= FEWEST
                and now_ns - self.transit.first_ns >= SOONEST_NS)

    def _set(self, now_ns: int, way_s: float, where: str) -> None:
        self._jumps.add(now_ns, way_s, f'its clock was set {where} by {way_s:.3f} s')
        self.transit.clear()

    def ages(self, now_ns: int, ros_ns: int, topic: str, limit_s: float) -> list[Finding]:
        """
        Tell how old the newest message is, by its stamp and by its arrival.
        """
        if self.newest is None:
            return []
        stamp_ns, came_ns = self.newest
        by_stamp_s = (ros_ns - stamp_ns) / NANOSECONDS
        by_arrival_s = (now_ns - came_ns) / NANOSECONDS
        return [
            Finding(topic, 'age_by_stamp_s', by_stamp_s, limit_s,
                    f'it is {by_stamp_s:.2f} s old by its stamp'),
            Finding(topic, 'age_by_arrival_s', by_arrival_s, limit_s,
                    f'nothing new came for {by_arrival_s:.2f} s')]

    def order(self, now_ns: int, topic: str, options: JudgeOptions) -> list[Finding]:
        """
        Tell how the clock of the stamps is, and their order.
        """
        share = self._disorder.share(now_ns, FEWEST)
        jump_s, what = self._jumps.largest(now_ns)
        shortest_s = -self.transit.largest(now_ns)[0]
        skew_s = shortest_s if self._known(now_ns) and math.isfinite(shortest_s) else 0.0
        where = 'ahead' if skew_s < 0 else 'behind, or it always comes late'
        return [
            Finding(topic, 'clock_skew_s', skew_s, options.limit('max_clock_skew_s'),
                    f'its clock is {abs(skew_s):.3f} s {where}'),
            Finding(topic, 'clock_jump_s', max(jump_s, 0.0),
                    options.limit('max_clock_jump_s'), what),
            Finding(topic, 'disorder', share, options.limit('max_disorder'),
                    f'{share:.0%} of the stamps of the last second repeat or go back; do two '
                    'nodes publish it?')]
