# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a person is told while a take is recorded: every fault at once and once, and nothing else.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
import sys
import threading

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies
import numpy as np
from processes import wait_for
import pytest
import recording_bags
from recording_bags import METADATA
from recording_bags import START_NS
from recording_bags import stream
from test_recording_session import Source
from test_recording_verdict import COMMANDS
from test_recording_verdict import Episode
from test_recording_verdict import FRONT
from test_recording_verdict import JOINTS
from test_recording_verdict import KNOWN
from test_recording_verdict import TYPES
from test_recording_verdict import WRIST
from test_recording_verdict_faults import EVENTS
from test_recording_verdict_faults import Item
from test_recording_verdict_faults import MORE
from test_recording_verdict_faults import WRENCH
from test_recording_verdict_faults import wrench

from vaa_ros.core.image_encoding import AS_THEY_COME
from vaa_ros.core.image_encoding import ImageFormat
from vaa_ros.core.types import JointState
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.recording import messages
from vaa_ros.recording import take_watch
from vaa_ros.recording.disk import Disk
from vaa_ros.recording.session import RecordingSession
from vaa_ros.recording.take import Take
from vaa_ros.recording.take import take_of
from vaa_ros.recording.take_watch import TakeWatch
from vaa_ros.recording.verdict import DISCARD
from vaa_ros.recording.verdict import Limits
from vaa_ros.recording.verdict import load_thresholds

TICK_S = 0.5


class Watched:
    """
    A take that goes by, with what is told, and when.

    Lost is what never comes, by topic and the second from which it is known to be lost.
    """

    def __init__(self, items: Sequence[Item], seconds: float,
                 required: Sequence[str] = tuple(TYPES),
                 lost: Sequence[tuple[str, float]] = (),
                 thresholds: Mapping[str, Limits] | None = None) -> None:
        self.watch = TakeWatch(required, load_thresholds() if thresholds is None else thresholds,
                               KNOWN)
        self.told: list[tuple[float, str]] = []
        take, counts = Take(MORE), Counter[str]()
        due = sorted(items, key=lambda item: item[1])
        for second in np.arange(TICK_S, seconds + 0.01, TICK_S):
            now_ns = START_NS + round(second * NANOSECONDS)
            while due and due[0][1] <= now_ns:
                topic, log_ns, data = due.pop(0)
                self.watch.heard[topic] = log_ns
                take.add(topic, log_ns, data)
                counts[topic] += 1
            gone = Counter(topic for topic, since in lost if since <= second)
            self.told += [(float(second), line) for line in
                          self.watch.look(now_ns, take, counts, gone)]

    @property
    def lines(self) -> list[str]:
        return [line for _, line in self.told]


def without(topic: str, *holes: tuple[float, float]) -> dict[str, object]:
    return {'lost': lambda name, when: name == topic and any(
        first <= when < last for first, last in holes)}


@pytest.mark.parametrize('spoilt', [
    {}, {'every': 3}, {'camera_clock_s': 0.1}, {'late_s': lambda index: 0.004 * (index % 3)}])
def test_a_good_take_tells_nothing(spoilt: dict[str, object]) -> None:
    watched = Watched(Episode(seconds=8.0, **spoilt).stream(), 8.0)
    assert watched.told == []
    assert watched.watch.trouble == ''


@pytest.mark.parametrize('topic', [FRONT, WRIST, JOINTS])
@pytest.mark.parametrize('begin_s', [2.03, 2.2, 2.49])
def test_a_silence_is_told_within_a_second_and_once_and_its_end_too(topic: str,
                                                                    begin_s: float) -> None:
    watched = Watched(Episode(seconds=8.0, **without(topic, (begin_s, begin_s + 3.0))).stream(),
                      8.0)
    (silent_s, silent), (back_s, back) = watched.told
    assert silent == f'{topic} is silent'
    assert silent_s <= begin_s + 1.0
    assert back == f'{topic} is back, after it was away for 3.0 s'
    assert back_s <= begin_s + 3.0 + TICK_S + 0.05
    assert watched.watch.trouble == f'{topic} was away for 3.0 s'


def test_who_knows_of_short_pauses_hears_of_long_ones_only() -> None:
    holes = (2.1, 2.7), (4.1, 4.7), (6.1, 7.7)
    watched = Watched(Episode(seconds=9.0, **without(FRONT, *holes)).stream(), 9.0)
    assert [second for second, line in watched.told if 'silent' in line] == [2.5, 7.5]
    assert len(watched.told) == 4


def test_what_never_came_is_told_and_that_it_came_at_last() -> None:
    watched = Watched(Episode(seconds=6.0, **without(WRIST, (0.0, 4.0))).stream(), 6.0)
    assert watched.told == [(1.5, f'nothing has come on {WRIST} yet'),
                            (4.0, f'{WRIST} is back, after it was away for 4.0 s')]


def test_everything_that_falls_silent_together_is_told() -> None:
    watched = Watched(Episode(seconds=3.0).stream(), 8.0)
    assert watched.lines == [f'{topic} is silent' for topic in (FRONT, WRIST, JOINTS)]


def test_an_expert_may_rest() -> None:
    rest = (2.0, 9.0)
    items = [item for item in Episode(seconds=12.0, still=(2.0, 9.0)).stream()
             if item[0] != COMMANDS or not rest[0] <= (item[1] - START_NS) / 1e9 < rest[1]]
    # The camera sees an arm that stands still, and noise.
    assert Watched(items, 12.0).told == []


@pytest.mark.parametrize('begin_s', [0.0, 3.0])
def test_an_arm_that_goes_on_without_commands_is_told(begin_s: float) -> None:
    watched = Watched(Episode(seconds=8.0, **without(COMMANDS, (begin_s, 6.0))).stream(), 8.0)
    (second, line), = watched.told
    assert line.startswith('the arm went on for 1.')
    assert line.endswith('s without a command (limit 1)')
    assert second <= begin_s + 2.0


def test_events_and_slow_cameras_do_not_cry_wolf() -> None:
    slow = [item for item in Episode(seconds=12.0).stream() if item[0] != WRIST]
    pictures = [item for item in Episode(seconds=12.0).stream() if item[0] == WRIST]
    once = [(EVENTS, START_NS + 10, messages.serialize(messages.STRING, {'data': 'ready'}))]
    watched = Watched(slow + pictures[::30] + once, 12.0, [*TYPES, EVENTS])
    assert watched.told == []


def test_a_steady_topic_of_any_type_is_watched() -> None:
    whens = [when for when in np.arange(0, 8, 0.02) if not 3.0 <= when < 6.0]
    watched = Watched(Episode(seconds=8.0).stream() + wrench(whens), 8.0, [*TYPES, WRENCH])
    assert watched.lines == [f'{WRENCH} is silent',
                             f'{WRENCH} is back, after it was away for 3.0 s']
    assert Watched(Episode(seconds=8.0).stream() + wrench(whens), 8.0).told == []


def test_losses_are_told_when_they_are_too_many_and_again_when_far_too_many() -> None:
    few = [(FRONT, 0.2), (FRONT, 0.3)]
    many = [(JOINTS, 4.0)] * 20 + [(JOINTS, 7.0)] * 100
    watched = Watched(Episode(seconds=9.0).stream(), 9.0, lost=few + many)
    assert [(second, line.split(' of the')[0]) for second, line in watched.told] == [
        (4.0, f'{JOINTS}: 4.75%'), (7.0, f'{JOINTS}: 14.62%')]
    assert 'limit 0.1' in watched.watch.trouble


@pytest.mark.parametrize(('spoilt', 'words'), [
    ({'frozen': (2.0, 5.0)}, 'is frozen: the same picture for'),
    ({'dark': (2.0, 3.5)}, 'of the pictures are dark')])
def test_bad_pictures_are_told_once_of_each_camera(spoilt: dict[str, tuple[float, float]],
                                                   words: str) -> None:
    watched = Watched(Episode(seconds=12.0, **spoilt).stream(), 12.0)
    told = [(second, line) for second, line in watched.told if words in line]
    assert [line.split()[0].rstrip(':') for _, line in told] == [FRONT, WRIST]
    assert all(second <= 3.5 for second, _ in told)


def test_pictures_that_cannot_be_read_are_told() -> None:
    items = [(topic, log_ns, data[:40] if topic == WRIST else data)
             for topic, log_ns, data in Episode(seconds=2.0).stream()]
    assert Watched(items, 2.0).lines == [f'16 messages of {WRIST} cannot be read (limit 9)']


def test_a_simulation_may_stand_still_and_its_camera_may_not() -> None:
    def simulated(episode: Episode) -> list[Item]:
        made = []
        for topic, log_ns, data in episode.stream():
            message = messages.deserialize(TYPES[topic], data)
            stamp_ns = 10**9 + log_ns - START_NS
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
            # Five times slower than time, and after 0.7 s it waits for 3 s.
            arrived_ns = START_NS + (log_ns - START_NS) * 5
            arrived_ns += 3 * NANOSECONDS * (log_ns - START_NS > 7e8)
            made.append((topic, arrived_ns, messages.serialize(TYPES[topic], message)))
        return made

    assert Watched(simulated(Episode(seconds=2.0)), 16.0).told == []
    gone = simulated(Episode(seconds=2.0, **without(FRONT, (1.0, 9.0))))
    assert Watched(gone, 16.0).lines == [f'{FRONT} is silent']


def test_what_has_no_threshold_is_not_watched() -> None:
    items = Episode(seconds=2.0).stream()
    assert Watched(items, 6.0, thresholds={}).told == []
    assert Watched(items, 6.0, thresholds={'gap_s': Limits()}).told == []
    told = Watched(items, 6.0, thresholds={'gap_s': Limits(discard=2.0)}).told
    assert [second for second, _ in told] == [4.0] * 3


@settings(max_examples=60, deadline=None)
@given(strategies.lists(strategies.tuples(
    strategies.sampled_from([FRONT, JOINTS, COMMANDS]), strategies.integers(-10**19, 10**19),
    strategies.sampled_from([-1, 0, 1, 2**31 - 1]), strategies.booleans()), max_size=40))
def test_whatever_comes_can_be_watched(sent: list[tuple[str, int, int, bool]]) -> None:
    items = []
    for topic, after_ns, second, good in sent:
        data = {FRONT: messages.image(np.zeros((2, 2, 3), np.uint8), second * NANOSECONDS, ''),
                JOINTS: messages.joint_state(JointState(second * NANOSECONDS, ('a',), [second])),
                COMMANDS: messages.joint_trajectory(('a',), [second], 0.1)}[topic]
        log_ns = max(min(START_NS + after_ns, 2**63 - 1), -2**63)
        items.append((topic, log_ns, data if good else data[:9]))
    told = Watched(items, 2.0).lines
    assert not [line for line in told if 'cannot be watched' in line]


def test_what_cannot_be_watched_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(take_watch, 'frozen_s', lambda *_: 1 / 0)
    watched = Watched(Episode(seconds=4.0, frozen=(0.0, 4.0)).stream(), 4.0)
    assert watched.lines == ["the take cannot be watched: ZeroDivisionError('division by zero')"]


@pytest.mark.parametrize('images', [AS_THEY_COME, ImageFormat('png')])
def test_a_session_tells_what_never_came_and_knows_what_still_waits(
        tmp_path: Path, images: ImageFormat) -> None:
    source, now_ns = Source(), START_NS
    session = RecordingSession(source, list(recording_bags.TOPICS), lambda: now_ns,
                               load_thresholds())
    source.put = session.put
    session.start(Disk(tmp_path, images=images), METADATA)
    assert session.troubles() == []
    sent = list(stream(60))
    for item in sent[:90]:
        session.put(*item, 0)
    wait_for(lambda: sum(session.recording.counts.values()) == 90)
    source.waiting = sent[90:]  # this process was busy for a second
    now_ns = sent[-1][1]
    assert session.troubles() == []
    source.lost = {'/front/image_raw': 10}
    assert session.failure() == ''
    told, = session.troubles()
    assert told.startswith('/front/image_raw') and '14.29% of the messages are missing' in told
    now_ns += NANOSECONDS
    silent = ['/front/image_raw is silent', '/joint_states is silent']
    assert session.troubles() == silent
    assert session.watch.trouble == '; '.join([told, *silent])
    assert session.stop(True).verdict.judgement == DISCARD
    session.start(Disk(tmp_path, images=images), METADATA)
    assert session.watch.trouble == ''
    session.put(*sent[0], 0)
    session.discard()
    assert session.troubles() == []


def test_a_take_is_read_while_another_thread_adds_to_it() -> None:
    items = Episode(seconds=20.0).stream()
    take, ended, failed = Take(TYPES), threading.Event(), []

    def write() -> None:
        try:
            for item in items:
                take.add(*item)
        except BaseException as error:
            failed.append(error)
        finally:
            ended.set()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=write)
    thread.start()
    looked = 0
    while not ended.is_set():
        joints = take.newest(1.0).streams[JOINTS]
        assert len(joints.rows) == len(joints.positions()) <= len(joints.log_ns) <= 102
        looked += len(joints.rows) > 0
    thread.join()
    sys.setswitchinterval(before)
    assert failed == []
    assert looked > 10
    whole = take_of(TYPES, items).newest(1.0).streams[JOINTS]
    assert (take.newest(1.0).streams[JOINTS].positions() == whole.positions()).all()
    assert whole.rows[-1] == len(whole.log_ns) - 1 == 100
