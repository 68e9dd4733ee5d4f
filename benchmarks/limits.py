# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Ten million commands, random and hostile, through the safety limits: how many break one.

    python benchmarks/limits.py                      # all of them, in every processor
    python benchmarks/limits.py --commands 200000    # a quick look

The wishes are walks, leaps, square waves, walks along the edges, tiny and huge numbers, NaN and
infinity, at regular, jittered and long periods, with holds and changes of the speed factor in
between. Each command that comes out is judged by the plain definition of its limit: finite; inside
the positions; no faster, no more accelerated and no further from the last one than allowed. The
baseline, fed the same wishes in the same run, is the clipping that policy runners usually have:
to the last command plus or minus the largest step, then to the positions.
"""
from __future__ import annotations

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
import time

from bench import make_parser
from bench import show
import numpy as np

from vaa_ros.core.limited_motion import LimitedMotion
from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.robot import load_robot
from vaa_ros.core.safety import CommandLimiter
from vaa_ros.learning.machine import cores

EPISODE = 200
"""Commands of one motion; each begins anywhere inside the limits."""
PERIOD_S = 1 / 30
SLACK = 1 + 1e-9
"""A limit counts as kept when only the rounding of the judge is beyond it."""
BREAKS = ('not finite', 'position', 'velocity', 'acceleration', 'step')


def robot_limits() -> SafetyLimits:
    """
    Give the limits of the simulated arm, with a step limit besides.
    """
    limits = SafetyLimits.from_robot(load_robot('vaa_arm'))
    return SafetyLimits(
        limits.names, limits.lower, limits.upper, limits.velocity, limits.acceleration,
        step=limits.velocity * 0.05, gripper=limits.gripper)


def wishes(generator: np.random.Generator, limits: SafetyLimits, start: np.ndarray) -> np.ndarray:
    """
    Make one motion's wishes.

    :param generator: randomness.
    :param limits: the limits that they try.
    :param start: where the arm is (n,).
    :return: wished positions (EPISODE, n), also NaN and infinite.
    """
    joints = len(start)
    shape = (EPISODE, joints)
    span = limits.upper - limits.lower
    kind = generator.integers(6)
    if kind == 0:
        wanted = start + np.cumsum(generator.normal(0, 0.02, shape), 0) * span
    elif kind == 1:
        wanted = generator.uniform(limits.lower - span, limits.upper + span, shape)
    elif kind == 2:
        high = (np.arange(EPISODE) // generator.integers(1, 20)) % 2
        wanted = np.where(high[:, None] == 1, limits.upper, limits.lower)
    elif kind == 3:
        edge = np.where(generator.random(shape) < 0.5, limits.lower, limits.upper)
        wanted = np.nextafter(edge, generator.choice([-np.inf, np.inf], shape))
    elif kind == 4:
        wanted = generator.normal(0, 1, shape) * 10.0 ** generator.integers(-320, 308, shape)
    else:
        steps = np.cumsum(np.cumsum(generator.normal(0, 1, shape), 0), 0)
        wanted = start + steps * limits.acceleration * PERIOD_S ** 2
    if generator.random() < 0.5:
        spoilt = generator.random(shape) < 0.01
        wanted = np.where(spoilt, generator.choice([np.nan, np.inf, -np.inf], shape), wanted)
    return wanted


def periods(generator: np.random.Generator) -> np.ndarray:
    """
    Make the times between the commands of one motion [s] (EPISODE,).
    """
    regular = np.full(EPISODE, PERIOD_S)
    choice = generator.integers(3)
    if choice == 0:
        return regular
    if choice == 1:
        return regular * generator.uniform(0.05, 3.0, EPISODE)
    return np.where(generator.random(EPISODE) < 0.05, 10.0 ** generator.uniform(-6, 3, EPISODE),
                    regular)


class Judge:
    """
    Counts what is broken, from the commands alone.

    :param limits: the limits.
    :param start: where the arm stands (n,).
    """

    def __init__(self, limits: SafetyLimits, start: np.ndarray) -> None:
        self._limits, self._last = limits, start
        self._rate, self._slack = np.zeros_like(start), 0.0

    def look(self, command: np.ndarray | None, dt_s: float) -> list[str]:
        """
        Judge one command.

        :param command: what was sent (n,); None for nothing, which is a hold.
        :param dt_s: time since the last one [s].
        :return: the limits that it breaks.
        """
        limits = self._limits
        if command is None:
            self._rate = np.zeros_like(self._rate)
            return []
        if not np.isfinite(command).all():
            return ['not finite']
        way = command - self._last
        counted = min(dt_s, limits.max_dt_s)
        if dt_s > limits.max_dt_s:
            self._rate = np.zeros_like(self._rate)
        rate = way / counted
        slack = 4 * np.spacing(np.abs(command) + np.abs(self._last)) / counted
        change = np.abs(rate - self._rate) - slack - self._slack
        broken = {
            'position': (command < limits.lower) | (command > limits.upper),
            'velocity': np.abs(rate) > limits.velocity * SLACK + slack,
            'acceleration': change > limits.acceleration * counted * SLACK,
            'step': np.abs(way) > limits.step * SLACK,
        }
        self._last, self._rate, self._slack = command, rate, slack
        return [name for name, where in broken.items() if where.any()]


def clip(limits: SafetyLimits, wanted: np.ndarray, last: np.ndarray) -> np.ndarray:
    """
    Limit as the baseline does: to the last command plus or minus the step, then to the positions.

    :param limits: the limits.
    :param wanted: the wish (n,).
    :param last: the last command (n,).
    :return: the command (n,).
    """
    return np.clip(np.clip(wanted, last - limits.step, last + limits.step),
                   limits.lower, limits.upper)


class Contest:
    """
    One motion, sent through both.

    :param limits: the limits.
    :param start: where the arm stands (n,).
    :param ours: what is counted of the safety limits.
    :param theirs: what is counted of the baseline.
    """

    def __init__(self, limits: SafetyLimits, start: np.ndarray, ours: Counter,
                 theirs: Counter) -> None:
        self._limits, self._start, self._last = limits, start, start
        self._motion = LimitedMotion(CommandLimiter(limits))
        self._judges = Judge(limits, start), Judge(limits, start)
        self._ours, self._theirs = ours, theirs

    def send(self, wish: np.ndarray, dt_s: float, speed: float) -> None:
        """
        Send a wish through the safety limits; what is refused is held.
        """
        begin = time.perf_counter()
        result = self._motion.move(wish, self._start, dt_s, speed)
        self._ours['seconds'] += time.perf_counter() - begin
        self._ours['clamped'] += result.clamped_count > 0
        self._ours['refused'] += result.command is None
        if result.command is None:
            self.hold(dt_s)
        else:
            self._ours.update(self._judges[0].look(result.command, dt_s))

    def hold(self, dt_s: float) -> None:
        """
        Hold, which ends the motion where it was sent.
        """
        self._motion.hold(dt_s)
        self._judges[0].look(None, dt_s)

    def clip(self, wish: np.ndarray, dt_s: float) -> None:
        """
        Send a wish through the baseline; after one that is not a number it begins anew.
        """
        begin = time.perf_counter()
        command = clip(self._limits, wish, self._last)
        self._theirs['seconds'] += time.perf_counter() - begin
        self._theirs['clamped'] += bool((command != wish).any())
        self._theirs.update(self._judges[1].look(command, dt_s))
        if np.isfinite(command).all():
            self._last = command


def run(seed: int, motions: int) -> dict[str, Counter]:
    """
    Send motions through both.

    :param seed: of the randomness.
    :param motions: how many.
    :return: what was counted, by name.
    """
    limits = robot_limits()
    generator = np.random.default_rng(seed)
    counts = {'safety limits': Counter(), 'clip to step and range': Counter()}
    for _ in range(motions):
        start = generator.uniform(limits.lower, limits.upper)
        contest = Contest(limits, start, *counts.values())
        holds = generator.random(EPISODE) < generator.choice([0.0, 0.02])
        speeds = generator.uniform(0.1, 1.0, EPISODE // 20).repeat(20)
        for wish, dt_s, held, speed in zip(wishes(generator, limits, start), periods(generator),
                                           holds, speeds, strict=True):
            if held:
                contest.hold(dt_s)
            else:
                contest.send(wish, dt_s, speed)
            contest.clip(wish, dt_s)
    return counts


def main() -> None:
    """
    Count in every processor, and print the table.
    """
    parser = make_parser(__doc__)
    parser.add_argument('--commands', type=int, default=10_000_000)
    args = parser.parse_args()
    workers = cores()
    motions = -(-args.commands // (EPISODE * workers * 20))
    with ProcessPoolExecutor(workers) as pool:
        done = list(pool.map(run, range(workers * 20), [motions] * workers * 20))
    rows = {}
    sent = EPISODE * motions * workers * 20
    for name in done[0]:
        total = sum((each[name] for each in done), Counter())
        rows[name] = {
            'commands': f'{sent:,}', **{broken: f'{total[broken]:,}' for broken in BREAKS},
            'clamped': f'{total["clamped"]:,}', 'refused': f'{total["refused"]:,}',
            'µs each': f'{1e6 * total["seconds"] / sent:.1f}'}
    show('limits', rows, args.json)


if __name__ == '__main__':
    main()
