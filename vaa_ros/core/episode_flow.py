# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A session of demonstrations as people go through it: countdown, recording, time to reset, the next.

Pure: time is an argument, and who records, and who is told, are given by the caller.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import enum
import math
from typing import Protocol

from vaa_ros.core.episode_plan import FlowSettings
from vaa_ros.core.episode_plan import Wanted
from vaa_ros.core.errors import EpisodeError
from vaa_ros.core.errors import StillWritingError
from vaa_ros.core.errors import VaaError


class Phase(enum.Enum):
    """Where a session is."""

    IDLE = 'idle'
    COUNTDOWN = 'countdown'
    RECORDING = 'recording'
    RESET = 'reset'
    DONE = 'done'


@dataclass(frozen=True)
class Cue:
    """
    What a person is told at once.

    :param text: a few words.
    :param bells: how often the terminal's bell rings: 1 recording, 2 ended, 3 all done, 4 trouble.
    """

    text: str
    bells: int = 0


@dataclass(frozen=True)
class Ended:
    """
    What became of an episode.

    :param message: for whoever asked.
    :param remark: what a person has to know of it, such as a bad verdict; empty for nothing.
    """

    message: str
    remark: str = ''


class Takes(Protocol):
    """Who records. Every method may raise :class:`VaaError`."""

    def start_episode(self, wanted: Wanted) -> str:
        """Start an episode; says where it will be."""

    def stop_episode(self, success: bool) -> Ended:
        """Finish the episode and keep it."""

    def discard_episode(self) -> Ended:
        """Finish the episode and throw it away."""

    def discard_last_episode(self) -> Ended:
        """Throw away the episode that was kept last."""


@dataclass
class EpisodeFlow:
    """
    Decides what comes next.

    All methods are called from one thread, and return what is answered to whoever asked.

    :param takes: who records.
    :param settings: gives how the session goes; asked whenever it matters.
    :param tell: tells a person.
    :param successes: episodes of this session, or found in its folder, that are successes.
    :param failures: those that are failures.
    :param counting: whether the episodes that are there are being counted; none is started then.
    """

    takes: Takes
    settings: Callable[[], FlowSettings]
    tell: Callable[[Cue], None]
    successes: int = 0
    failures: int = 0
    counting: bool = False
    _phase: Phase = Phase.IDLE
    _until_s: float = 0.0
    _counted: int = 0
    _last: bool | None = None
    _last_counts: bool = True

    @property
    def phase(self) -> Phase:
        """Tell where the session is."""
        return Phase.DONE if self._phase is Phase.IDLE and self._is_done() else self._phase

    @property
    def wanted(self) -> Wanted:
        """Tell what the next episode shall show, or the one that is being recorded."""
        plan = self.settings().plan
        return plan[self.successes % len(plan)] if plan else Wanted()

    def left_s(self, now_s: float) -> float:
        """
        Tell how long the countdown or the time to reset still goes [s]; 0 at other times.

        :param now_s: the time [s].
        """
        waits = self._phase in (Phase.COUNTDOWN, Phase.RESET)
        return max(self._until_s - now_s, 0.0) if waits else 0.0

    def start(self, now_s: float) -> str:
        """
        Start the countdown, or the episode where there is none; ends the time to reset.

        :param now_s: the time [s].
        :raises EpisodeError: if the countdown runs, or all episodes are recorded.
        :raises VaaError: if the episode cannot be started.
        """
        settings = self.settings()
        if self._phase is Phase.COUNTDOWN:
            raise EpisodeError('the countdown is running already; discard stops it')
        if self._phase is Phase.RECORDING:
            return self._begin()
        self._require_counts()
        if self._is_done():
            raise EpisodeError(f'all {settings.episodes} episodes are recorded; set episodes '
                               'higher to go on')
        if settings.countdown_s <= 0:
            return self._begin()
        self._phase, self._until_s = Phase.COUNTDOWN, now_s + settings.countdown_s
        self._counted = math.ceil(settings.countdown_s)
        self.tell(Cue(_joined(': ', str(self.wanted), str(self._counted))))
        return f'recording in {settings.countdown_s:g} s'

    def stop(self, success: bool, now_s: float) -> str:
        """
        Finish the episode and keep it.

        :param success: verdict of the person.
        :param now_s: the time [s].
        :raises EpisodeError: in the countdown, and in the time to reset.
        :raises VaaError: if nothing is being recorded, or it could not be kept.
        """
        if self._phase is Phase.COUNTDOWN:
            raise EpisodeError('the episode has not begun; discard stops the countdown')
        if self._phase is Phase.RESET:
            raise EpisodeError('no episode is being recorded: the last one has ended, and the '
                               'next begins by itself; discard pauses, redo does the last again')
        ended = self._ended(lambda: self.takes.stop_episode(success))
        self._count(success)
        self._next(f'{"success" if success else "failure"}{self._progress()}', ended, now_s)
        return ended.message

    def discard(self, now_s: float) -> str:
        """
        Throw the episode away; between episodes, stop what would begin by itself.

        :param now_s: the time [s].
        :raises VaaError: if there is nothing to throw away.
        """
        if self._phase in (Phase.COUNTDOWN, Phase.RESET):
            text = ('the countdown was stopped' if self._phase is Phase.COUNTDOWN
                    else 'paused; start goes on')
            self._phase = Phase.IDLE
            self.tell(Cue(text))
            return text
        ended = self._ended(self.takes.discard_episode)
        self._next('discarded', ended, now_s)
        return ended.message

    def redo(self, now_s: float) -> str:
        """
        Throw the episode, or between episodes the one before, away and record it again.

        Where that one was thrown away already, it starts.

        :param now_s: the time [s].
        :raises EpisodeError: in the countdown.
        :raises VaaError: if the episode cannot be thrown away, or the next one not be started.
        """
        if self._phase is Phase.COUNTDOWN:
            raise EpisodeError('the countdown is running; discard stops it')
        self._require_counts()
        if self._phase is Phase.RECORDING:
            ended = self._ended(self.takes.discard_episode)
        elif self._last is None:  # it was thrown away already, or this is the first one
            return self.start(now_s)
        else:
            ended = self.takes.discard_last_episode()
            if self._last_counts:
                self.successes -= self._last
                self.failures -= not self._last
            self._last, self._phase = None, Phase.IDLE
        if self.settings().reset_s > 0:
            self._next('again', ended, now_s)
        else:
            self.tell(Cue('again', 2))
            self.start(now_s)
        return ended.message

    def toggle(self, now_s: float) -> str:
        """
        Do what one button can mean: start, stop as a success, or stop the countdown.

        :param now_s: the time [s].
        :raises VaaError: if that cannot be done.
        """
        if self._phase is Phase.RECORDING:
            return self.stop(True, now_s)
        return self.discard(now_s) if self._phase is Phase.COUNTDOWN else self.start(now_s)

    def end(self) -> None:
        """Take note that the recorder listens no more; nothing begins by itself."""
        self._phase, self._last = Phase.IDLE, None

    def broken_off(self, reason: str) -> None:
        """
        Take note that the recorder had to end the episode.

        :param reason: why.
        """
        self._phase = Phase.IDLE
        self.tell(Cue(f'broken off: {reason}', 4))

    def came_late(self, success: bool | None, ended: Ended) -> None:
        """
        Take note that an episode is whole now of which the disk was too slow before.

        :param success: verdict of the person; None for one that was thrown away.
        :param ended: what became of it.
        """
        if success is not None:
            self._count(success)
        text = 'discarded' if success is None else 'success' if success else 'failure'
        told = f'{text}{self._progress()}, written at last'
        self.tell(Cue(_joined('. ', told, ended.remark, self._next_asked()), 2))

    def counted(self, successes: int, failures: int, last: bool) -> None:
        """
        Take the numbers of the episodes that are there.

        :param successes: those that count and are successes.
        :param failures: those that count and are failures.
        :param last: whether the take that redo throws away is one of them.
        """
        self.successes, self.failures, self._last_counts = successes, failures, last
        self.counting = False

    def announce(self) -> None:
        """Tell what the next episode shall show, where there is a plan."""
        if self._phase is not Phase.RECORDING and self._next_asked():
            self.tell(Cue(self._next_asked()))

    def tick(self, now_s: float) -> None:
        """
        Count down, and begin what is due.

        :param now_s: the time [s].
        :raises VaaError: if the episode cannot be started.
        """
        if self.counting:
            return
        if self._phase is Phase.COUNTDOWN:
            left = math.ceil(self._until_s - now_s)
            if left <= 0:
                self._begin()
            elif left < self._counted:
                self._counted = left
                self.tell(Cue(str(left)))
        elif self._phase is Phase.RESET and now_s >= self._until_s:
            self._phase = Phase.IDLE
            self.start(now_s)

    def _begin(self) -> str:
        before, self._phase = self._phase, Phase.IDLE
        try:
            message = self.takes.start_episode(self.wanted)
        except VaaError as error:
            if before is Phase.RECORDING:
                self._phase = before
            else:
                self.tell(Cue(f'cannot start: {error}', 4))
            raise
        self._phase, self._last = Phase.RECORDING, None
        self.tell(Cue(_joined(': ', 'recording', str(self.wanted)), 1))
        return message

    def _ended(self, end: Callable[[], Ended]) -> Ended:
        try:
            return end()
        except StillWritingError as error:
            self.tell(Cue(str(error), 4))
            raise
        except VaaError as error:
            if self._phase is Phase.RECORDING:
                self.tell(Cue(f'lost: {error}', 4))
            raise
        finally:
            # Whatever became of it, it is not being recorded any more.
            self._phase = Phase.IDLE

    def _count(self, success: bool) -> None:
        self.successes += success
        self.failures += not success
        self._last, self._last_counts = success, True

    def _require_counts(self) -> None:
        if self.counting:
            raise EpisodeError('the episodes that are there are being counted; ask again soon')

    def _next(self, text: str, ended: Ended, now_s: float) -> None:
        settings, due, bells = self.settings(), '', 2
        if self._is_done():
            due, bells = f'All {settings.episodes} are recorded', 3
        elif settings.reset_s > 0:
            self._phase, self._until_s = Phase.RESET, now_s + settings.reset_s
            due = f'Reset: {settings.reset_s:g} seconds'
        self.tell(Cue(_joined('. ', text, ended.remark, due, self._next_asked()), bells))

    def _is_done(self) -> bool:
        return 0 < self.settings().episodes <= self.successes

    def _progress(self) -> str:
        episodes = self.settings().episodes
        return f' {self.successes} of {episodes}' if episodes else ''

    def _next_asked(self) -> str:
        asked = '' if self._is_done() else str(self.wanted)
        return asked and f'Next: {asked}'


def _joined(between: str, *parts: str) -> str:
    return between.join(part for part in parts if part)
