# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Run a policy before an audience: lines as it goes, a table, a film, a report and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
import time

from vaa_ros import __version__
from vaa_ros.cli.output import write_json
from vaa_ros.cli.policy_run import HOLD
from vaa_ros.cli.policy_run import policy_spec
from vaa_ros.cli.policy_run import PolicyRun
from vaa_ros.cli.report import Report
from vaa_ros.cli.results import Latency
from vaa_ros.cli.results import Summary
from vaa_ros.cli.stage import clock
from vaa_ros.cli.stage import machine
from vaa_ros.cli.trace import EpisodeTrace
from vaa_ros.cli.trace import film
from vaa_ros.core.robot import load_robot

Curves = dict[str, dict[str, tuple[list[float], list[float]]]]

MUCH_MISSED = 0.02
"""Share of missed ticks above which the figures say more of the machine than of the policy."""


@dataclass(frozen=True)
class Showcase:
    """
    What to show.

    :param task: task of the simulated arm.
    :param model: path of the ``.onnx`` file, or ``hold``.
    :param seeds: one episode each.
    :param out: folder for everything that stays.
    :param lockstep: the simulator waits for each command.
    :param pictures: make a film and picture strips.
    :param json: file for the figures, or None.
    :param command: the command line, for the report.
    :param training: curves to show in the report.
    :param facts: further facts for the report.
    :param extra: further figures.
    :param stages_s: how long the stages before took [s].
    """

    task: str
    model: str
    seeds: Sequence[int]
    out: Path
    lockstep: bool = False
    pictures: bool = True
    json: Path | None = None
    command: str = ''
    training: Curves = field(default_factory=dict)
    facts: Sequence[tuple[str, str]] = ()
    extra: dict[str, float] = field(default_factory=dict)
    stages_s: dict[str, float] = field(default_factory=dict)

    def run(self) -> Summary:
        """
        Run all episodes and leave film, report and figures.

        :raises RosError: when a node dies or does not answer.
        """
        start = time.monotonic()
        spec = policy_spec(self.model)
        logs = self.out / 'logs'
        if spec is not None and spec.task != self.task:
            print(f'note: this policy learned task {spec.task!r}, not {self.task!r}')
        print(f'starting sim_arm, camera_subscriber and policy as ROS 2 processes; logs in {logs}',
              flush=True)
        traces = PolicyRun(self.task, self.model, self.seeds, self.lockstep, logs,
                           self.pictures).run(self._say)
        summary = Summary(tuple(t.result for t in traces if t.result is not None), self.extra)
        print(f'\n{summary.table(self._title())}\n', flush=True)
        if not self.lockstep and summary.missed_share > MUCH_MISSED:
            print(f'note: {100 * summary.missed_share:.0f} % of the ticks were missed: this '
                  'machine is too slow or too busy for\nreal time, which costs successes; '
                  '--lockstep gives the same result on any machine\n', flush=True)
        robot = load_robot('vaa_arm')
        video = self._film(traces, robot.cameras)
        report = Report(
            title=self._title(), subtitle=self._subtitle(spec.name if spec else HOLD),
            summary=summary, traces=traces, units=[joint.unit for joint in robot.joints],
            video=video, training=self.training, facts=self._facts(),
        ).write(self.out / 'report.html')
        write_json(self.json, {
            'task': self.task, 'model': self.model, 'seeds': list(self.seeds),
            'clock': 'lockstep' if self.lockstep else 'real_time', 'version': __version__,
            **summary.figures(), 'video': video, 'report': report,
            **({'stages_s': self.stages_s} if self.stages_s else {})})
        for name, path in (('film', video), ('report', report), ('figures', self.json)):
            if path is not None:
                print(f'{name:8} {path}')
        print(f'{"time":8} {clock(time.monotonic() - start)}', flush=True)
        return summary

    def _say(self, trace: EpisodeTrace) -> None:
        result = trace.result
        if result is None:
            return
        number = list(self.seeds).index(result.seed) + 1
        verdict = 'success' if result.success else 'failure'
        latency = Latency.of(result.latencies_ms).text() if result.latencies_ms else ''
        print(f'episode {number:>3} of {len(self.seeds)}   seed {result.seed}   {verdict}   '
              f'{result.time_s:5.1f} s   {latency}'.rstrip(), flush=True)

    def _film(self, traces: list[EpisodeTrace], cameras: Sequence[str]) -> Path | None:
        if not self.pictures:
            return None
        from tqdm import tqdm
        path = self.out / 'episodes.mp4'
        with tqdm(total=len(traces), desc='film', unit='episode', leave=False,
                  disable=None) as bar:
            frames = film(traces, path, tuple(cameras), bar.update)
        return path if frames else None

    def _title(self) -> str:
        return f'{self.task}: {len(self.seeds)} episodes through ROS 2'

    def _subtitle(self, name: str) -> str:
        pace = ('in lockstep, the simulator waiting for every command' if self.lockstep
                else 'in real time')
        return (f'Policy {name} moving the simulated arm {pace}: camera pictures, joint states '
                'and commands cross real ROS 2 topics between separate processes.')

    def _facts(self) -> list[tuple[str, str]]:
        first, last = min(self.seeds), max(self.seeds)
        return [
            *([('command', self.command)] if self.command else []), ('model', self.model),
            ('seeds', f'{first} to {last}'), *self.facts, ('vaa_ros', __version__),
            ('measured on', machine()),
        ]
