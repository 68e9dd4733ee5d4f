# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a person who moves an arm and looks at no screen is told: by the bell, by a voice, by a topic.
"""
from __future__ import annotations

from collections.abc import Callable
import queue
import shutil
import subprocess
import sys
import threading

from rclpy.node import Node
from std_msgs.msg import String

from vaa_ros.core.episode_flow import Cue
from vaa_ros.ros.qos import EVENTS

CUES = ('none', 'print', 'bell', 'speech')
"""Each of them does what those before it do."""
SPEAKER = 'spd-say'
SPEAK_S = 20.0
BELL = '\a'
TROUBLE = 4
"""Bells of what goes wrong."""


class Cues:
    """
    Tells a person.

    Every cue is published on ``~/cue``, whatever else is done with it.

    :param node: whose name it is said in.
    :param how: one of :data:`CUES`.
    """

    def __init__(self, node: Node, how: str) -> None:
        self._log = node.get_logger()
        self._level = CUES.index(how)
        self._out = node.create_publisher(String, '~/cue', EVENTS)
        self._voice: Voice | None = None
        if self._does('speech'):
            if shutil.which(SPEAKER) is None:
                self._log.warning(f'cues:=speech needs {SPEAKER} of speech-dispatcher, which is '
                                  'not on PATH; cues are printed, with the bell')
            else:
                self._voice = Voice(self._log.warning)

    def warn(self, text: str) -> None:
        """
        Tell of something that goes wrong, in the log whatever else is done.

        :param text: one line.
        """
        if not self._does('print'):
            self._log.warning(text)
        self.tell(Cue(text, TROUBLE))

    def tell(self, cue: Cue) -> None:
        """
        Tell something now.

        :param cue: what.
        """
        self._out.publish(String(data=cue.text))
        if self._does('print'):
            # rclpy lets no line of the code log with two severities.
            if cue.bells >= TROUBLE:
                self._log.warning(cue.text)
            else:
                self._log.info(cue.text)
        if self._does('bell') and cue.bells:
            # Under launch, which shows whole lines, it rings in the terminal of launch.
            sys.stdout.write(BELL * cue.bells + ('' if sys.stdout.isatty() else '\n'))
            sys.stdout.flush()
        if self._voice is not None:
            self._voice.say(cue.text)

    def _does(self, what: str) -> bool:
        return self._level >= CUES.index(what)


class Voice:
    """
    Speaks in a thread of its own, so that nobody waits for it.

    A new text does not wait for older ones: those that were not begun are left out.

    :param complain: told once when it does not work.
    """

    def __init__(self, complain: Callable[[str], object]) -> None:
        self._complain = complain
        self._texts: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name='voice', daemon=True)
        self._thread.start()

    def say(self, text: str) -> None:
        """
        Speak.

        :param text: what.
        """
        self._texts.put(text)

    def _run(self) -> None:
        failed = False
        while True:
            text = self._texts.get()
            while not self._texts.empty():
                text = self._texts.get()
            try:
                subprocess.run([SPEAKER, '--wait', '--', text], check=True, timeout=SPEAK_S,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
            except (OSError, subprocess.SubprocessError) as error:
                if not failed:
                    self._complain(f'cues are not spoken: {error}')
                failed = True
