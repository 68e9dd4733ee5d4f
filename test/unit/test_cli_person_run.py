# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What happens between a person's keys, with nodes that are played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
import queue
from types import SimpleNamespace
from typing import Any

import pytest

from vaa_ros.cli import person_run
from vaa_ros.cli.person_run import Grip
from vaa_ros.cli.person_run import record_episode
from vaa_ros.recording.episode import RecordedEpisode
from vaa_ros.recording.verdict import Verdict

LIMIT_S = 60.0


@dataclass(frozen=True)
class Task:
    """What the arm says of its task."""

    episode: int = 0
    time_s: float = 0.0
    success: bool = False
    max_time_s: float = LIMIT_S
    instruction: str = 'touch it'

    @property
    def done(self) -> bool:
        return self.success or self.time_s >= self.max_time_s


class Nodes:
    """Plays the nodes: writes down what they are asked; ``then`` is called after every request."""

    def __init__(self, then: dict[int, Callable[[Nodes], None]] | None = None) -> None:
        self.task = Task()
        self.calls: list[str] = []
        self.looks = 0
        self.then = then or {}
        self.node = SimpleNamespace(create_subscription=self._subscribe)

    def _subscribe(self, kind: type, topic: str, callback: Callable, qos: object) -> None:
        self.tell_active = lambda active: callback(SimpleNamespace(data=active))

    def trigger(self, service: str) -> str:
        self.calls.append(service)
        if service == 'sim_arm/reset':
            self.task = Task(self.task.episode + 1)
        return 'episode_000000'

    def set_bool(self, service: str, data: bool) -> str:
        self.calls.append(f'{service} {data}')
        return RecordedEpisode(Path('episode_000000'), 4.0, {'/joint_states': 5}, {},
                               Verdict('look', ('it is dark',), {})).to_json()

    def set_parameters(self, node: str, **values: object) -> None:
        pass

    def wait(self, condition: Callable[[], bool], what: str, timeout_s: float) -> None:
        assert condition()

    def check(self) -> None:
        self.looks += 1
        self.then.pop(self.looks, lambda nodes: None)(self)


def run(nodes: Nodes, keys: queue.SimpleQueue[str]) -> Any:
    return record_episode(nodes, keys, Grip(nodes, lambda: nodes.calls.append('let go')), 3)


def passes(seconds: float, keys: queue.SimpleQueue[str], key: str = '',
           ) -> Callable[[Nodes], None]:
    def happen(nodes: Nodes) -> None:
        nodes.task = replace(nodes.task, time_s=seconds)
        if key:
            keys.put(key)
    return happen


def test_scene_and_clock_begin_when_the_person_starts() -> None:
    keys: queue.SimpleQueue[str] = queue.SimpleQueue()
    nodes = Nodes({1: passes(50.0, keys, '\n'), 2: passes(4.0, keys, '\n')})
    episode = run(nodes, keys)
    assert nodes.calls == ['let go', 'sim_arm/reset', 'let go', 'sim_arm/reset',
                           'teleop_recorder/start_episode', 'teleop_recorder/stop_episode True']
    assert (episode.seed, episode.success, episode.time_s) == (3, True, 4.0)
    assert str(episode) == 'episode_000000   seed 3   success   4.0 s   look: it is dark'


def test_a_scene_that_was_looked_at_for_too_long_begins_anew() -> None:
    keys: queue.SimpleQueue[str] = queue.SimpleQueue()
    nodes = Nodes({1: passes(LIMIT_S, keys), 2: passes(1.0, keys, '\n'),
                   3: passes(2.0, keys, 'n')})
    assert run(nodes, keys).success is False
    assert nodes.calls.count('sim_arm/reset') == 3


@pytest.mark.parametrize(('key', 'last'), [('n', 'stop_episode False'),
                                           ('\n', 'stop_episode True')])
def test_when_time_is_over_the_person_is_asked(
        key: str, last: str, capsys: pytest.CaptureFixture[str]) -> None:
    keys: queue.SimpleQueue[str] = queue.SimpleQueue()
    nodes = Nodes({1: passes(0.0, keys, '\n'), 2: passes(LIMIT_S, keys),
                   3: passes(LIMIT_S + 9, keys, key)})
    episode = run(nodes, keys)
    assert f'time is over ({LIMIT_S:g} s)' in capsys.readouterr().out
    assert nodes.calls[-1] == f'teleop_recorder/{last}'
    assert episode.time_s == LIMIT_S, 'the arm only waited after that'


def test_success_ends_the_episode_by_itself() -> None:
    keys: queue.SimpleQueue[str] = queue.SimpleQueue()

    def succeed(nodes: Nodes) -> None:
        nodes.task = replace(nodes.task, success=True, time_s=5.0)

    nodes = Nodes({1: passes(0.0, keys, '\n'), 2: succeed})
    assert run(nodes, keys).success


def test_who_ends_the_session_in_a_take_is_told_where_it_is(
        capsys: pytest.CaptureFixture[str]) -> None:
    keys: queue.SimpleQueue[str] = queue.SimpleQueue()
    nodes = Nodes({1: passes(0.0, keys, '\n'), 2: passes(3.0, keys, 'q')})
    with pytest.raises(person_run._Quit):
        run(nodes, keys)
    assert 'goes to aborted/episode_000000' in capsys.readouterr().out
    assert nodes.calls[-1] == 'teleop_recorder/start_episode'


def test_no_scene_begins_under_the_commands_of_the_last(
        capsys: pytest.CaptureFixture[str]) -> None:
    nodes = Nodes({3: lambda nodes: nodes.tell_active(False)})
    grip = Grip(nodes, lambda: nodes.calls.append('let go'))
    nodes.tell_active(True)
    grip.let_go()
    assert nodes.looks == 3
    assert nodes.calls == ['let go']
