# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Improve a policy on a real arm: a policy for each episode, which a person records and judges."""

from __future__ import annotations

import argparse
from pathlib import Path
import threading
import time
from typing import TYPE_CHECKING

from vaa_ros.cli.live_confirm import confirm
from vaa_ros.cli.live_confirm import RESET
from vaa_ros.core.episode_buttons import KEY_HELP
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import RosError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.gate import MOVING
from vaa_ros.core.gate import STOPPED
from vaa_ros.recording.episode import PARTIAL_SUFFIX

if TYPE_CHECKING:
    from vaa_ros.cli.live_limits import LiveSetup
    from vaa_ros.cli.live_nodes import LiveNodes
    from vaa_ros.learning.live import LiveRun
    from vaa_ros.learning.live_policy import LivePolicy

POLL_S = 0.02


def open_live(args: argparse.Namespace) -> LiveRun:
    """
    Make, or go on with, the run that the options ask for; nothing is written yet.

    :raises VaaError: if they do not fit together, or there is no such run.
    """
    only = [f'--{name}' for name in ('task', 'workers', 'minutes') if getattr(args, name)]
    if only:
        raise ConfigError(f'{", ".join(only)} are for the simulator, not for --live')
    from vaa_ros.learning.improve_config import load_improve_config
    from vaa_ros.learning.live import EPISODES
    from vaa_ros.learning.live import LiveRun
    if args.resume:
        return LiveRun.resume(args.out, args.episodes, args.data, args.method)
    if args.base is None:
        raise ConfigError('--base is missing: --live improves a policy, the run folder that '
                          '`vaa train` wrote')
    learned = {'method': 'irl', 'reward': 'transport'} if (
        args.method == 'irl' and args.config is None) else {}
    config = load_improve_config(args.config or 'live', steps=args.steps, **learned)
    if config.method != args.method:
        raise ConfigError(f'--config {args.config} is for --method {config.method}, not for '
                          f'{args.method}')
    return LiveRun.begin(config, args.base, args.out, args.data, args.episodes or EPISODES)


def run_live(live: LiveRun) -> None:
    """
    Have a person confirm, then act and learn until the end or Ctrl-C.

    :param live: the run.
    :raises VaaError: if it is not confirmed, or a node is not what was confirmed any more.
    """
    if live.done:
        raise ConfigError(f'{live.run.folder} has its {live.episodes} episodes; give more with '
                          '--episodes')
    from vaa_ros.cli.arm_client import ArmClient
    from vaa_ros.cli.live_nodes import LiveNodes
    from vaa_ros.learning.progress import interruptible
    with ArmClient() as client:
        nodes = LiveNodes(client)
        nodes.find()
        setup, config = nodes.setup(), live.run.config
        confirmed = confirm(nodes, setup, live.run.policy.spec,
                            live.run.residual.bound.tolist(), config.noise)
        stop = threading.Event()
        with interruptible(stop):
            LiveLoop(live, nodes, setup, stop).go(confirmed)


class LiveLoop:
    """
    Episode after episode.

    :param live: what learns.
    :param nodes: what moves the arm, records it and stops it.
    :param setup: how they run, as it was confirmed.
    :param stop: ends it when set.
    """

    def __init__(self, live: LiveRun, nodes: LiveNodes, setup: LiveSetup,
                 stop: threading.Event) -> None:
        """Begin with an arm that is paused."""
        self._live, self._nodes, self._setup, self._stop = live, nodes, setup, stop
        self._take = self._refused = 0
        self._stopped = False
        self._known = self._bags()

    def go(self, confirmed: dict[str, object]) -> None:
        """
        Act and learn; however it ends, the arm is paused then.

        :param confirmed: what the person confirmed.
        :raises VaaError: if a node is gone or not what was confirmed.
        """
        live = self._live
        _say('making the first policy ...')
        live.prepare(confirmed)
        if live.scenes:
            _say(f'unknown scenes will not be noticed: {live.scenes}')
        try:
            while not live.done and not self._stop.is_set():
                self._episode(live.next())
        finally:
            self._leave()

    def _episode(self, policy: LivePolicy) -> None:
        """Wait for an episode of a policy, and learn from it."""
        live = self._live
        if self._nodes.take:
            _say('an episode is being recorded that is none of these: end it first')
        while self._nodes.take and not self._stop.is_set():
            self._nodes.check()
            time.sleep(POLL_S)
        self._load(policy)
        lasts = f' after {live.lasts_s:.1f} s' if live.lasts_s else ''
        how = f'exploring, noise {policy.noise:g}' if policy.noise else 'without noise'
        _say(f'\nepisode {policy.index + 1} of {live.episodes}, {how}: set up the scene and start '
             f'the recorder, the arm moves while it records. End it{lasts} with your verdict; '
             f'what you discard is not learned from. Its {KEY_HELP}. Awaited in '
             f'{self._nodes.folder}')
        while not self._stop.is_set():
            self._follow(policy)
            # A recording may be there before its recorder says that it has ended.
            for bag in sorted(self._bags() - self._known) if not self._take else ():
                self._known.add(bag)
                try:
                    figures = live.take(bag, policy, self._setup.robot,
                                        self._setup.policy['max_skew_s'])
                except VaaError as problem:
                    _say(f'left out: {problem}\nthe same episode again')
                    continue
                paid = f'reward {figures["reward"]:.2f}' if 'reward' in figures else \
                    'judged once there are more'
                wins, count = (sum(item[place] for item in live.run.curve) for place in (1, 2))
                _say(f'{bag.name}: {"success" if figures["success"] else "failure"}, '
                     f'{figures["ticks"]:.0f} ticks, {paid}; without noise {wins} of {count} '
                     'were successes')
                return
            time.sleep(POLL_S)

    def _load(self, policy: LivePolicy) -> None:
        """Have the node take a policy, if all is still as it was confirmed."""
        changed = self._setup.differences(self._nodes.setup())
        if changed:
            raise RosError(f'not what was confirmed any more: {"; ".join(changed)}. Confirm it '
                           'again with --resume --live')
        _say(self._nodes.load(policy.path, policy.sha256))

    def _follow(self, policy: LivePolicy) -> None:
        """Let the arm move while an episode is recorded, and only then."""
        nodes = self._nodes
        nodes.check()
        stopped = nodes.state == STOPPED
        if stopped and not self._stopped:
            _say(f'stopped: {nodes.reason} ({RESET})')
        self._stopped = stopped
        right = nodes.loaded == policy.sha256
        if self._take and self._take != nodes.take:
            nodes.pause(True)
            self._take = 0
        elif nodes.take and not self._take and right:
            nodes.pause(False)
            self._take = nodes.take
        elif nodes.take and not right and nodes.take != self._refused:
            self._refused = nodes.take
            _say('another policy was put to work: what is being recorded will be left out')
        elif not nodes.take and nodes.state in MOVING:
            # By whoever else resumed it, or not known to have stopped yet.
            nodes.pause(True)
        elif not nodes.take and not right:
            _say('another policy is at work; putting this one back')
            self._load(policy)

    def _bags(self) -> set[Path]:
        """Give the finished episodes of the recorder."""
        folder = self._nodes.folder
        if folder is None or not folder.is_dir():
            return set()
        return {path for path in folder.glob('episode_*') if path.suffix != PARTIAL_SUFFIX}

    def _leave(self) -> None:
        """Leave the arm paused, and with a policy that does not explore where there is one."""
        try:
            self._nodes.pause(True)
            _say('the arm is paused')
            policy = self._live.last()
            self._nodes.load(policy.path, policy.sha256)
            _say(f'{policy.name} is loaded, which does not explore; `{_GO_ON}` lets it move')
        except VaaError as problem:
            _say(f'not left as it should be, look at the arm: {problem}')


_GO_ON = 'ros2 service call /policy/pause std_srvs/srv/SetBool "{data: false}"'


def _say(text: str) -> None:
    print(text, flush=True)
