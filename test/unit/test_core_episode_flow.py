# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A session goes as people expect, whatever they press and whenever.
"""
from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies
import pytest

from vaa_ros.core.episode_buttons import ACTIONS
from vaa_ros.core.episode_buttons import bindings
from vaa_ros.core.episode_buttons import joy_bindings
from vaa_ros.core.episode_buttons import Presses
from vaa_ros.core.episode_flow import Cue
from vaa_ros.core.episode_flow import Ended
from vaa_ros.core.episode_flow import EpisodeFlow
from vaa_ros.core.episode_flow import Phase
from vaa_ros.core.episode_plan import FlowSettings
from vaa_ros.core.episode_plan import plan_of
from vaa_ros.core.episode_plan import Wanted
from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import EpisodeError
from vaa_ros.core.errors import StillWritingError
from vaa_ros.core.errors import VaaError


@dataclass
class Recorder:
    """Keeps takes in lists, as the recorder does in folders."""

    kept: list[tuple[Wanted, bool]] = field(default_factory=list)
    discarded: list[Wanted] = field(default_factory=list)
    running: Wanted | None = None
    problem: str = ''
    remark: str = ''
    error: type[VaaError] = BagError

    def start_episode(self, wanted: Wanted) -> str:
        if self.running is not None or self.problem:
            raise BagError(self.problem or 'already recording')
        self.running = wanted
        return 'here'

    def stop_episode(self, success: bool) -> Ended:
        self.kept.append((self.end(), success))
        return Ended('kept', self.remark)

    def discard_episode(self) -> Ended:
        self.discarded.append(self.end())
        return Ended('gone')

    def discard_last_episode(self) -> Ended:
        self.discarded.append(self.kept.pop()[0])
        return Ended('gone')

    def end(self) -> Wanted:
        if self.running is None or self.problem:
            self.running = None
            raise self.error(self.problem or 'nothing is being recorded')
        ended, self.running = self.running, None
        return ended


class Session:
    """A flow, its recorder and what was told."""

    def __init__(self, **options: object) -> None:
        self.takes = Recorder()
        self.cues: list[Cue] = []
        self.settings = FlowSettings(**options)  # type: ignore[arg-type]
        self.flow = EpisodeFlow(self.takes, lambda: self.settings, self.cues.append)

    def said(self) -> list[str]:
        told, self.cues[:] = [cue.text for cue in self.cues], []
        return told


def test_without_settings_it_starts_and_stops_at_once() -> None:
    session = Session()
    assert session.flow.start(0.0) == 'here'
    assert session.flow.phase is Phase.RECORDING
    assert session.flow.stop(True, 1.0) == 'kept'
    session.flow.tick(1e6)
    assert session.flow.phase is Phase.IDLE
    assert session.said() == ['recording', 'success']


def test_a_plan_is_told_when_ready_at_every_start_and_after_every_stop() -> None:
    session = Session(plan=plan_of(['sort: red', 'put it down']), episodes=2)
    flow = session.flow
    flow.announce()
    flow.start(0.0)
    flow.announce()  # of the episode that is being recorded it was told already
    assert session.said() == ['Next: sort: red', 'recording: sort: red']
    flow.stop(False, 1.0)
    flow.start(2.0)
    flow.discard(3.0)
    flow.start(4.0)
    assert session.said() == ['failure 0 of 2. Next: sort: red', 'recording: sort: red',
                              'discarded. Next: sort: red', 'recording: sort: red']
    session.settings = replace(session.settings, reset_s=5.0)
    flow.stop(True, 5.0)
    assert session.said() == ['success 1 of 2. Reset: 5 seconds. Next: put it down']
    flow.tick(10.0)
    flow.redo(11.0)
    assert session.said() == ['recording: put it down',
                              'again. Reset: 5 seconds. Next: put it down']
    flow.start(12.0)
    session.takes.problem, session.takes.error = 'still being written', StillWritingError
    with pytest.raises(StillWritingError):
        flow.stop(False, 13.0)
    flow.came_late(False, Ended('kept'))
    assert session.said()[-1] == 'failure 1 of 2, written at last. Next: put it down'
    session.takes.problem = ''
    flow.start(14.0)
    flow.stop(True, 15.0)
    flow.announce()
    assert session.said() == ['recording: put it down', 'success 2 of 2. All 2 are recorded']


def test_it_counts_down_and_goes_on_by_itself_until_all_are_there() -> None:
    session = Session(countdown_s=3.0, reset_s=10.0, episodes=2)
    flow = session.flow
    assert flow.start(100.0) == 'recording in 3 s'
    for tenth in range(31):
        assert session.takes.running is None
        flow.tick(100.0 + tenth / 10)
    assert session.said() == ['3', '2', '1', 'recording']
    session.takes.remark = 'look: front is dark'
    flow.stop(True, 110.0)
    assert session.said() == ['success 1 of 2. look: front is dark. Reset: 10 seconds']
    assert (flow.phase, flow.left_s(115.0)) == (Phase.RESET, 5.0)
    flow.tick(119.9)
    assert flow.phase is Phase.RESET
    flow.tick(120.0)
    assert (flow.phase, session.said()) == (Phase.COUNTDOWN, ['3'])
    flow.tick(123.0)
    flow.stop(False, 124.0)
    with pytest.raises(EpisodeError, match='the last one has ended'):
        flow.stop(True, 124.5)
    assert (flow.phase, flow.successes, flow.failures) == (Phase.RESET, 1, 1)
    assert flow.start(125.0) == 'recording in 3 s'  # who is ready earlier need not wait
    flow.tick(128.0)
    session.takes.remark = ''
    session.said()
    flow.stop(True, 130.0)
    assert session.said() == ['success 2 of 2. All 2 are recorded']
    assert flow.phase is Phase.DONE
    with pytest.raises(EpisodeError, match='all 2 episodes are recorded; set episodes higher'):
        flow.start(131.0)
    session.settings = FlowSettings(episodes=3)
    assert flow.start(132.0) == 'here'


def test_redo_throws_the_last_one_away_and_starts() -> None:
    session = Session(plan=plan_of(['sort: red', 'sort: blue']), episodes=2)
    flow = session.flow
    flow.start(0.0)
    flow.redo(1.0)
    assert (session.takes.discarded, session.takes.running) == ([Wanted('sort', 'red')],
                                                                Wanted('sort', 'red'))
    flow.stop(True, 2.0)
    assert flow.wanted == Wanted('sort', 'blue')
    flow.redo(3.0)
    assert (session.takes.kept, flow.successes) == ([], 0)
    assert session.takes.running == Wanted('sort', 'red')
    flow.stop(False, 4.0)
    flow.start(5.0)
    flow.discard(6.0)
    # What was kept before the take that was thrown away is not in danger.
    flow.redo(7.0)
    assert len(session.takes.kept) == 1
    assert session.takes.running == Wanted('sort', 'red')


def test_redo_takes_back_only_what_counts() -> None:
    session = Session(plan=plan_of(['sort: red', 'sort: blue']))
    flow = session.flow
    flow.start(0.0)
    flow.stop(True, 1.0)
    # Now another folder, or other tasks, are counted: the last take is none of them.
    flow.counted(3, 1, last=False)
    flow.redo(2.0)
    assert (flow.successes, flow.failures) == (3, 1)
    flow.stop(True, 3.0)
    flow.counted(3, 1, last=True)
    flow.redo(4.0)
    assert (flow.successes, flow.failures) == (2, 1)
    assert session.takes.kept == []


def test_nothing_begins_while_what_is_there_is_counted() -> None:
    session = Session(countdown_s=2.0, reset_s=5.0)
    flow = session.flow
    flow.start(0.0)
    flow.counting = True
    flow.tick(3.0)
    assert flow.phase is Phase.COUNTDOWN
    flow.counted(0, 0, last=False)
    flow.tick(4.0)
    flow.counting = True
    flow.stop(True, 5.0)
    for act in (flow.start, flow.redo):
        with pytest.raises(EpisodeError, match='are being counted'):
            act(6.0)
    assert flow.phase is Phase.RESET and len(session.takes.kept) == 1
    flow.counted(1, 0, last=True)
    flow.tick(10.0)
    assert flow.phase is Phase.COUNTDOWN


def test_a_take_that_the_disk_holds_up_counts_when_it_is_whole() -> None:
    session = Session(episodes=2)
    flow = session.flow
    flow.start(0.0)
    session.takes.problem, session.takes.error = 'still being written', StillWritingError
    with pytest.raises(StillWritingError):
        flow.stop(True, 1.0)
    assert (flow.phase, flow.successes) == (Phase.IDLE, 0)
    assert session.said() == ['recording', 'still being written']
    session.takes.kept.append((Wanted(), True))
    flow.came_late(True, Ended('kept'))
    assert (flow.successes, session.said()) == (1, ['success 1 of 2, written at last'])
    flow.came_late(None, Ended('gone'))
    assert (flow.successes, session.said()) == (1, ['discarded 1 of 2, written at last'])
    session.takes.problem = ''
    flow.redo(2.0)
    assert flow.successes == 0


def test_redo_of_the_last_wanted_one_waits_for_the_scene() -> None:
    session = Session(episodes=1, reset_s=5.0)
    session.flow.start(0.0)
    session.flow.stop(True, 1.0)
    assert session.flow.phase is Phase.DONE
    session.flow.redo(2.0)
    assert (session.flow.phase, session.flow.successes) == (Phase.RESET, 0)
    session.flow.tick(7.0)
    assert session.flow.phase is Phase.RECORDING


def test_discard_stops_what_would_begin_by_itself() -> None:
    session = Session(countdown_s=2.0, reset_s=5.0)
    flow = session.flow
    flow.start(0.0)
    with pytest.raises(EpisodeError, match='has not begun'):
        flow.stop(True, 0.5)
    with pytest.raises(EpisodeError, match='running already'):
        flow.start(0.5)
    assert flow.toggle(1.0) == 'the countdown was stopped'
    flow.tick(50.0)
    assert session.takes.running is None
    flow.start(50.0)
    flow.tick(52.0)
    flow.discard(53.0)
    assert flow.phase is Phase.RESET
    assert flow.discard(54.0) == 'paused; start goes on'
    flow.tick(100.0)
    assert (flow.phase, session.takes.running) == (Phase.IDLE, None)


def test_problems_are_told_and_end_in_a_known_state() -> None:
    session = Session(countdown_s=1.0)
    session.takes.problem = 'nobody publishes /front'
    session.flow.start(0.0)
    with pytest.raises(BagError):
        session.flow.tick(1.0)
    assert session.flow.phase is Phase.IDLE
    assert session.cues[-1] == Cue('cannot start: nobody publishes /front', 4)
    session.takes.problem = ''
    session.settings = FlowSettings()
    session.flow.start(2.0)
    with pytest.raises(BagError, match='already recording'):
        session.flow.start(2.5)
    assert session.flow.phase is Phase.RECORDING
    session.takes.problem = 'the disk is full'
    with pytest.raises(BagError):
        session.flow.stop(True, 3.0)
    assert (session.flow.phase, session.flow.successes) == (Phase.IDLE, 0)
    assert session.cues[-1].text == 'lost: the disk is full'


@settings(max_examples=150, deadline=None)
@given(strategies.lists(strategies.tuples(
    strategies.sampled_from([*ACTIONS, 'tick', 'break']), strategies.floats(0.0, 4.0)),
    max_size=40), strategies.sampled_from([0.0, 2.0]), strategies.sampled_from([0.0, 3.0]),
    strategies.integers(0, 3))
def test_whatever_is_pressed_the_count_is_that_of_the_takes(
        presses: list[tuple[str, float]], countdown_s: float, reset_s: float,
        episodes: int) -> None:
    session = Session(countdown_s=countdown_s, reset_s=reset_s, episodes=episodes)
    flow, takes, now_s = session.flow, session.takes, 0.0
    acts = {'toggle': flow.toggle, 'start': flow.start, 'discard': flow.discard,
            'redo': flow.redo, 'success': lambda at: flow.stop(True, at),
            'failure': lambda at: flow.stop(False, at), 'tick': flow.tick}
    for action, wait_s in presses:
        now_s += wait_s
        before, phase = (len(takes.kept), len(takes.discarded)), flow.phase
        if action == 'break':
            takes.running = None
            flow.broken_off('disk')
            continue
        try:
            acts[action](now_s)
        except VaaError:
            assert (len(takes.kept), len(takes.discarded)) == before
            # Who presses what cannot be done now stops nothing that goes on.
            assert flow.phase is phase
        assert (flow.phase is Phase.RECORDING) == (takes.running is not None)
        good = [success for _, success in takes.kept]
        assert (flow.successes, flow.failures) == (good.count(True), good.count(False))
        assert flow.left_s(now_s) == 0.0 or takes.running is None
        # Only discard and redo throw anything away.
        assert len(takes.discarded) == before[1] or action in ('discard', 'redo')
        assert len(takes.kept) >= before[0] - (action == 'redo')


def test_a_plan_may_name_tasks() -> None:
    assert plan_of(['sort: red: left', 'put it down', 'go on: now']) == (
        Wanted('sort', 'red: left'), Wanted('', 'put it down'), Wanted('', 'go on: now'))


def test_buttons_act_once_a_press() -> None:
    presses = Presses(joy_bindings(['toggle=1', 'redo = 2'], 'joy_actions'))
    assert presses.update([0, 1, 0], 0.0) == ''  # held since before
    assert presses.update([0, 0, 0], 1.0) == ''
    assert [presses.update([0, 1, 0], at) for at in (2.0, 2.5, 9.0)] == ['toggle', '', '']
    assert presses.update([0, 1, 1], 10.0) == 'redo'
    assert presses.update([0, 0], 10.1) == ''
    assert presses.update([0, 1], 10.2) == ''  # bounced
    assert presses.update([0, 0], 10.3) == ''
    assert presses.update([0, 1], 10.4) == 'toggle'
    assert [presses.press(1, 20.0), presses.press(7, 30.0)] == ['toggle', '']


@pytest.mark.parametrize(('lines', 'said'), [
    (['toggle'], "found 'toggle', expected ACTION=BUTTON"),
    (['togle=1'], "Did you mean 'toggle'"),
    (['start=KEY_A', 'redo=KEY_A'], 'KEY_A does start and redo')])
def test_wrong_bindings_are_named(lines: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        bindings(lines, 'pedal_actions')
    assert str(caught.value).startswith('pedal_actions: ')
    with pytest.raises(ConfigError, match='expected its number'):
        joy_bindings(['start=A'], 'joy_actions')
