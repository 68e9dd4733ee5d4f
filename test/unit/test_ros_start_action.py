# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A goal that a controller accepts when nobody waits for it any more.

``control_msgs`` has no wheel; what is sent and answered here are the futures of rclpy.
"""
from __future__ import annotations

import threading

import pytest
from rclpy.task import Future

from vaa_ros.core.errors import RosError
from vaa_ros.ros.start_action import Cancels
from vaa_ros.ros.start_action import wait_or_cancel


class Handle:
    """What rclpy gives for a goal that was answered."""

    def __init__(self, accepted: bool) -> None:
        self.accepted = accepted
        self.cancelled = threading.Event()
        self.answer = Future()

    def cancel_goal_async(self) -> Future:
        self.cancelled.set()
        return self.answer


def given_up(sent: Future) -> Cancels:
    cancels = Cancels()
    with pytest.raises(RosError, match='given up: stopped'):
        wait_or_cancel(sent, lambda: 'stopped', lambda: cancels.when_accepted(sent))
    return cancels


@pytest.mark.parametrize('accepted', [True, False])
def test_a_goal_accepted_after_it_was_given_up_is_cancelled(accepted: bool) -> None:
    sent, handle = Future(), Handle(accepted)
    cancels = given_up(sent)
    assert not handle.cancelled.is_set() and not cancels.confirmed
    sent.set_result(handle)
    assert handle.cancelled.is_set() == accepted
    # Until the controller has confirmed it, the node must go on to hear.
    assert cancels.confirmed != accepted
    handle.answer.set_result(None)
    assert cancels.confirmed


def test_one_accepted_in_the_moment_of_giving_up_is_cancelled() -> None:
    sent, handle = Future(), Handle(accepted=True)

    def trouble() -> str:
        sent.set_result(handle)
        return 'stopped'
    with pytest.raises(RosError, match='given up: stopped'):
        wait_or_cancel(sent, trouble, lambda: Cancels().when_accepted(sent))
    assert handle.cancelled.is_set()


def test_a_failed_answer_is_no_goal() -> None:
    sent = Future()
    cancels = given_up(sent)
    sent.set_exception(RuntimeError('the server is gone'))
    assert sent.exception() is not None and cancels.confirmed
