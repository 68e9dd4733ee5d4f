# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Some episodes of an evaluation once more, watched closely.

The same seed gives the same episode, so only those that the report shows are drawn in full.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
import math
from typing import TYPE_CHECKING

import numpy as np

from vaa_ros.cli.results import EpisodeResult
from vaa_ros.cli.trace import EpisodeTrace
from vaa_ros.cli.trace import Series

if TYPE_CHECKING:
    from vaa_ros.core.familiarity import Familiarity
    from vaa_ros.learning.evaluate import Tick
    from vaa_ros.policies.base import Policy
    from vaa_ros.sim.world import World

MOST_FAILURES = 4
MOST_SUCCESSES = 3


@dataclass
class CloseUp:
    """
    One episode, watched closely.

    :param trace: pictures, commands, joints and alignment.
    :param score: smoothed score of the scene watch, NaN until there are enough frames; empty for
        a policy without calibration.
    :param confidence: the confidence that the policy node would publish; likewise.
    """

    trace: EpisodeTrace
    score: Series = field(default_factory=Series)
    confidence: Series = field(default_factory=Series)

    @property
    def result(self) -> EpisodeResult:
        """Return the figures of the episode, which is over."""
        assert self.trace.result is not None
        return self.trace.result

    def figures(self) -> dict[str, object]:
        """Return the figures for machines; what is not known is NaN."""
        def extreme(series: Series, choose: Callable[[np.ndarray], float]) -> float:
            known = [value for value in series.values if not np.isnan(value)]
            return float(choose(np.array(known))) if known else math.nan

        return {'seed': self.result.seed, 'success': self.result.success,
                'highest_score': extreme(self.score, np.max),
                'lowest_confidence': extreme(self.confidence, np.min),
                'lowest_alignment': extreme(self.trace.alignment, np.min)}


def worth_a_look(results: Sequence[EpisodeResult]) -> list[int]:
    """Return the seeds to look at: the first that failed, and the first that did not."""
    failed = [result.seed for result in results if not result.success]
    return failed[:MOST_FAILURES] + [
        result.seed for result in results if result.success][:MOST_SUCCESSES]


def watch(policy: Policy, familiarity: Familiarity | None, task: str,
          seeds: Sequence[int], make_simulation: Callable[[str], World]) -> list[CloseUp]:
    """
    Do episodes again and keep what is seen.

    :param policy: the policy.
    :param familiarity: what scenes it knows, or None.
    :param task: task of the simulated arm.
    :param seeds: one episode each.
    :param make_simulation: makes the simulated world of a task.
    """
    from vaa_ros.core.familiarity import Smoother
    from vaa_ros.learning.evaluate import evaluate
    from vaa_ros.learning.evaluate import Rollout

    spec, smoother = policy.spec, Smoother()
    names = tuple(joint.name for joint in spec.joints)
    done: list[CloseUp] = []
    open_: list[CloseUp] = []

    def look(simulation: World, tick: Tick) -> None:
        if not open_:
            smoother.reset()
            open_.append(CloseUp(EpisodeTrace(names, start_ns=tick.observation.stamp_ns)))
        close_up, stamp = open_[0], tick.observation.stamp_ns
        for camera in spec.camera_keys:
            close_up.trace.add_picture(camera, stamp, simulation.render(camera))
        close_up.trace.measured.add(stamp, np.array(tick.observation.state))
        if spec.action.kind == 'joint_position':
            close_up.trace.commands.add(stamp, np.array(tick.command))
        if not np.isnan(tick.chunk.alignment):
            close_up.trace.alignment.add(stamp, np.float64(tick.chunk.alignment))
        if familiarity is not None and tick.chunk.z_vision is not None:
            score = smoother.add(familiarity.score(tick.observation, tick.chunk.z_vision))
            close_up.score.add(stamp, np.float64(score))
            close_up.confidence.add(stamp, np.float64(familiarity.confidence(score)))

    def finish(rollout: Rollout) -> None:
        close_up = open_.pop()
        close_up.trace.result = EpisodeResult(
            rollout.seed, rollout.success, rollout.time_s, control_ticks=rollout.control_ticks,
            rms_jerk=rollout.rms_jerk, instruction=rollout.instruction)
        done.append(close_up)

    evaluate(policy, task, seeds, on_rollout=finish, on_tick=look,
             make_simulation=make_simulation)
    return done
