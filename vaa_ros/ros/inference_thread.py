# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The thread that asks the policy, so that the thread that commands the arm never waits for it.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
import threading
import time

from vaa_ros.core.errors import LateError
from vaa_ros.core.inference import Answer
from vaa_ros.core.inference import Answers
from vaa_ros.core.inference import ask
from vaa_ros.core.input_buffer import InputBuffer
from vaa_ros.core.pacing import Pacing
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.core.types import Observation

PATIENCE_S, JOIN_S = 0.2, 5.0
"""How long an answer under way is waited for before it is ended, and after."""


Asked = tuple[int, Answers, Observation]
"""When [ns], whom, and about what."""


class InferenceThread:
    """
    Asks about the newest observation, when the replan rule says so, and keeps the newest answer.

    What the control thread calls, it calls with the condition held. An answer that was asked for
    before :meth:`forget`, or that comes after its deadline, is dropped.

    :param changed: guards the inputs and what is here; notified when an answer is there.
    :param inputs: gives observations.
    :param policy: gives the policy at work.
    :param pacing: when to ask, and how long an answer may take.
    """

    def __init__(
        self, changed: threading.Condition, inputs: InputBuffer, policy: Callable[[], Answers],
        pacing: Pacing,
    ) -> None:
        self._changed = changed
        self._inputs = inputs
        self._policy = policy
        self._deadline_ns = round(pacing.deadline_s * NANOSECONDS)
        self._rule = pacing.rule()
        self._answer: Answer | None = None
        self._asked: Asked | None = None
        self._allowed = self._anew = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """
        Begin to ask, once it is allowed.
        """
        self._allowed = False
        self._thread = threading.Thread(target=self._main, name='inference', daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """
        End the thread, and an answer under way.
        """
        with self._changed:
            thread, self._thread = self._thread, None
            asked = self._asked
            self.forget()
            self._changed.notify_all()
        if thread is not None:
            thread.join(PATIENCE_S)
            if thread.is_alive():
                end(asked)
                thread.join(JOIN_S)

    def allow(self, asking: bool) -> None:
        """
        Say whether the policy is to be asked; if not, what it was asked before is forgotten.

        :param asking: whether.
        """
        if not asking:
            self.forget()
        elif not self._allowed:
            self._changed.notify_all()
        self._allowed = asking

    def forget(self, anew: bool = False) -> None:
        """
        Drop the answer that waits, and the one under way.

        :param anew: whether the policy shall forget what came before, too.
        """
        self._answer = self._asked = None
        if anew:
            self._anew = True
            self._rule.reset()

    @property
    def answered(self) -> bool:
        """
        Tell whether an answer waits.
        """
        return self._answer is not None

    def take(self) -> Answer | None:
        """
        Take the answer that waits, or None.
        """
        answer, self._answer = self._answer, None
        return answer

    def expire(self, now_ns: int) -> None:
        """
        End an answer that is past its deadline.

        :param now_ns: the present on the monotonic clock [ns].
        """
        if self._asked is None or now_ns - self._asked[0] <= self._deadline_ns:
            return
        _, policy, observation = self._asked
        end(self._asked)
        self.forget()
        self._answer = Answer(policy, observation, None, LateError(
            'the policy gave no answer within its deadline of '
            f'{self._deadline_ns / NANOSECONDS:.2f} s'))

    def figures(self) -> dict[str, object]:
        """
        Give what a status has to say about the asking.
        """
        rule = self._rule
        return {'replan': 'chunks' if rule.chunked else 'always',
                'replan_interval_s': rule.interval_s}

    def _due(self) -> bool:
        return (self._allowed and self._inputs.ready()
                and self._rule.due(time.monotonic_ns()))

    def _main(self) -> None:
        me = threading.current_thread()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._thread is not me or self._due())
                if self._thread is not me:
                    return
                observation, _ = self._inputs.take()
                policy, anew, self._anew = self._policy(), self._anew, False
                asked = self._asked = time.monotonic_ns(), policy, observation
                self._rule.asked(asked[0])
            answer = ask(policy, observation, anew)
            with self._changed:
                if self._asked is asked:
                    self._keep(answer)

    def _keep(self, answer: Answer) -> None:
        self._asked = None
        if answer.chunk is not None:
            horizon_s = len(answer.chunk.actions) * answer.chunk.dt_s
            self._rule.answered(answer.took_s, horizon_s)
        self._answer = replace(answer, seam_s=self._rule.seam_s)
        self._changed.notify_all()


def end(asked: Asked | None) -> None:
    """
    End an answer under way, where the policy knows how.
    """
    interrupt = getattr(asked[1], 'interrupt', None) if asked else None
    if interrupt is not None:
        interrupt()
