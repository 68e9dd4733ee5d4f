# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The faults of processes, people and clocks that faults.py tries.

Imported by it; it does nothing by itself.
"""
from __future__ import annotations

import argparse
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from functools import partial
import json
import os
import signal
import subprocess
import sys
import threading
import time

from fault_inputs import AGE_S
from fault_inputs import Fault
from fault_inputs import hold
from fault_inputs import MOVES
from fault_inputs import Seen
from fault_observer import Failed
from fault_observer import NS
from fault_rig import Rig
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import LATCHED

GUARD_S, DEADMAN_S, SILENCE_S = 0.2, 0.2, 0.5
RESET = 'policy/reset_policy'


def died(rig: Rig, number: int) -> Seen:
    """
    Kill or stop the policy process, and see the guard stop the arm.
    """
    count = len(rig.hears.stops)
    at_ns = rig.policy.send(number)
    pressed_ns, _ = rig.hears.wait(
        lambda: next((each for each in rig.hears.stops[count:] if each[1]), None),
        'the guard to press the stop')
    rig.still(pressed_ns)
    did = 'the guard pressed e_stop and repeated the last target'
    if number == signal.SIGSTOP:
        awake_ns = rig.policy.send(signal.SIGCONT)
        rig.hears.said('stopped', awake_ns)
        # The guard holds it, and the node keeps out of its way.
        rig.still(awake_ns + NS // 10, silent=True)
        did += '; awake again, the node stayed stopped'
    else:
        rig.policy.wait()
    if not rig.hears.call(Trigger, 'guard/reset').success:
        raise Failed('the guard was not reset')
    if number == signal.SIGSTOP:
        released_ns = time.monotonic_ns()
        rig.hears.said('stopped', released_ns, 'was pressed')
        rig.hears.call(Trigger, RESET)
        rig.hears.said(MOVES, released_ns)
    return Seen(did, (pressed_ns - at_ns) / NS)


def ended(rig: Rig, number: int) -> Seen:
    """
    End the policy process, and see that its last word is a hold.
    """
    count = len(rig.hears.stops)
    at_ns = rig.policy.send(number)
    status = rig.policy.wait()
    commands = list(rig.hears.commands)
    last_ns = commands[-1][0]
    if status != 0 or (commands[-1][1] != commands[-2][1]).any():
        raise Failed(f'exit status {status}; the last command was no hold')
    rig.still(last_ns, silent=True)
    if len(rig.hears.stops) > count:
        raise Failed('the guard took it for a fault')
    return Seen('published the hold, then ended with status 0', (last_ns - at_ns) / NS)


def stopped(rig: Rig, press: Callable[[Rig], Callable[[], None]], match: str = '') -> Seen:
    """
    Press the emergency stop, and see that it latches until a reset.

    :param rig: what runs.
    :param press: presses it, and gives what releases it.
    :param match: what the node has to say once it is released.
    """
    at_ns = time.monotonic_ns()
    release = press(rig)
    stop_ns, reason = rig.hears.said('stopped', at_ns)
    rig.still(stop_ns)
    release()
    released_ns = time.monotonic_ns()
    rig.hears.said('stopped', released_ns, match or 'was pressed')
    rig.still(released_ns)
    if not rig.hears.call(Trigger, RESET).success:
        raise Failed('it was not reset')
    rig.hears.said(MOVES, released_ns)
    return Seen(f'stopped: {reason}', (stop_ns - at_ns) / NS)


def by_topic(rig: Rig) -> Callable[[], None]:
    """
    Press by the topic.
    """
    publisher = rig.publisher(Bool, 'e_stop', LATCHED)
    publisher.publish(Bool(data=True))
    return lambda: publisher.publish(Bool(data=False))


def by_service(rig: Rig) -> Callable[[], None]:
    """
    Press by the service, which nobody has to release.
    """
    rig.hears.call(Trigger, 'policy/e_stop')
    return lambda: None


def button_dies(rig: Rig) -> Seen:
    """
    Have the process that presses the stop killed: the press stays.
    """
    at_ns = time.monotonic_ns()
    button = rig.be('button')
    try:
        stop_ns, reason = rig.hears.said('stopped', at_ns)
    finally:
        button.send(signal.SIGKILL)
        button.wait()
    time.sleep(0.5)
    rig.still(stop_ns)
    rig.hears.said('stopped', time.monotonic_ns())
    # Until DDS notices, 20 s later, it could release its press; a new node knows nothing of it.
    rig.policy.end()
    return Seen(f'stayed stopped: {reason}')


def reset_until_it_runs(rig: Rig) -> None:
    """
    Reset as a person does: again, if the button is heard only now.
    """
    for _ in range(5):
        begin_ns = time.monotonic_ns()
        rig.hears.call(Trigger, RESET)
        with suppress(Failed):
            rig.hears.said('running', begin_ns, timeout_s=3.0)
            return
    raise Failed('it was not reset')


def button_gone(rig: Rig) -> Seen:
    """
    Have the process that says that nobody presses killed: that is a press.
    """
    button = rig.be('heartbeat')
    try:
        button.set()
        reset_until_it_runs(rig)
        rig.moving()
    finally:
        at_ns = button.send(signal.SIGKILL)
    stop_ns, _ = rig.hears.said('stopped', at_ns)
    rig.still(stop_ns)
    button = rig.be('heartbeat')
    try:
        rig.hears.said('stopped', stop_ns, 'was pressed')
        rig.still(stop_ns)
        reset_until_it_runs(rig)
    finally:
        button.end()
    return Seen('stopped, also once it was back, until the reset', (stop_ns - at_ns) / NS)


def rival(rig: Rig) -> Seen:
    """
    Have somebody else publish commands: the node falls silent until its reset.
    """
    at_ns = time.monotonic_ns()
    other = rig.be('rival')
    try:
        hold_ns, reason = rig.hears.said('holding', at_ns, 'another publisher')
        time.sleep(0.2)
        count = len(rig.hears.commands)
        rig.still(hold_ns, silent=True)
        if len(rig.hears.commands) > count:
            raise Failed('it published beside another publisher')
    finally:
        other.end()
    left_ns, _ = rig.hears.said('holding', hold_ns, 'it is gone')
    reset_until_it_runs(rig)
    rig.hears.said(MOVES, left_ns)
    return Seen(f'silent: {reason}')


def rival_at_start(rig: Rig) -> Seen:
    """
    Start the node beside another publisher: it refuses.
    """
    rig.policy.end()
    other = rig.be('rival')
    try:
        other.set()
        count = len(rig.hears.commands)
        rig.start_policy()
        status = rig.policy.wait()
        if status != 2 or len(rig.hears.commands) > count:
            raise Failed(f'exit status {status}, {len(rig.hears.commands) - count} commands')
        return Seen(next(line.split(']: ')[-1] for line in rig.policy.lines
                         if 'another publisher' in line))
    finally:
        other.end()


def restarted(rig: Rig, who: str) -> Seen:
    """
    Kill the arm's or the cameras' process, and start it again.
    """
    where = rig.world['arm'].set()['position']
    at_ns = rig.world[who].send(signal.SIGKILL)
    rig.world[who].wait()
    hold_ns, reason = rig.hears.said('holding', at_ns, 'stale')
    if who == 'cameras':
        rig.still(hold_ns)
    rig.world[who] = rig.be(who, *(['--at', json.dumps(where)] if who == 'arm' else []))
    begun_ns = time.monotonic_ns()
    rig.hears.said(MOVES, begun_ns)
    return Seen(f'held: {reason}; went on', (hold_ns - at_ns) / NS)


@contextmanager
def held_deadman(rig: Rig) -> Iterator[threading.Event]:
    """
    Hold a deadman switch until the event is set.
    """
    publisher = rig.publisher(Bool, 'deadman', EVENTS)
    let_go = threading.Event()

    def run() -> None:
        while not let_go.wait(0.05):
            publisher.publish(Bool(data=True))
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield let_go
    finally:
        let_go.set()
        thread.join()


def deadman(rig: Rig, released: bool) -> Seen:
    """
    Let go of a deadman switch, or have it fall silent.
    """
    begin_ns = time.monotonic_ns()
    with held_deadman(rig) as let_go:
        rig.hears.said('running', begin_ns)
        rig.moving()
        let_go.set()
        at_ns = time.monotonic_ns()
    if released:
        rig.publisher(Bool, 'deadman', EVENTS).publish(Bool(data=False))
    hold_ns, reason = rig.hears.said('holding', at_ns, 'deadman')
    rig.still(hold_ns)
    with held_deadman(rig):
        rig.hears.said(MOVES, hold_ns)
    return Seen(f'held: {reason}', (hold_ns - at_ns) / NS)


def starved(rig: Rig) -> Seen:
    """
    Have six processes compete for every core: limits hold, and the arm goes on afterwards.
    """
    since_ns = time.monotonic_ns()
    busy = [subprocess.Popen([sys.executable, '-c', 'while True: pass'])
            for _ in range(3 * len(os.sched_getaffinity(0)))]
    try:
        time.sleep(4.0)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    if any(pressed for at_ns, pressed in rig.hears.stops if at_ns > since_ns):
        rig.hears.call(Trigger, 'guard/reset')
        rig.hears.call(Trigger, RESET)
        did = 'the guard stopped it'
    else:
        held = [reason for at_ns, state, reason in list(rig.hears.says)
                if at_ns > since_ns and state == 'holding']
        did = f'held: {held[0]}' if held else 'went on'
    rig.hears.said(MOVES, time.monotonic_ns())
    return Seen(f'{did}; within limits')


BACK, ALONE = 'hold, say why, go on when it is over', 'stop the arm in its place'
LATCHED_STOP = 'stop, latched until a reset'
SIMULATED = {'use_sim_time': True}

FAULTS = (
    Fault('policy_killed', 'SIGKILL', ALONE, partial(died, number=signal.SIGKILL), GUARD_S),
    Fault('policy_frozen', 'SIGSTOP, then SIGCONT', f'{ALONE}; stay stopped when it wakes',
          partial(died, number=signal.SIGSTOP), GUARD_S),
    Fault('sigterm', 'SIGTERM', 'publish the hold, end', partial(ended, number=signal.SIGTERM)),
    Fault('sigint', 'SIGINT', 'publish the hold, end', partial(ended, number=signal.SIGINT)),
    Fault('cameras_restart', 'the cameras killed, and started again', BACK,
          partial(restarted, who='cameras'), AGE_S),
    Fault('arm_restarts', 'the arm\'s driver killed, and started again', BACK,
          partial(restarted, who='arm'), AGE_S),
    Fault('starved', 'six busy processes on two cores for 4 s', 'keep the limits, go on after',
          starved),
    Fault('stop_topic', 'true on e_stop, then false', LATCHED_STOP,
          partial(stopped, press=by_topic), 0.0),
    Fault('stop_service', 'the service ~/e_stop', LATCHED_STOP,
          partial(stopped, press=by_service, match='is pressed'), 0.0),
    Fault('button_dies', 'true on e_stop by a process that is killed', 'stay stopped',
          button_dies),
    Fault('button_gone', 'a stop button that is killed without a press', LATCHED_STOP,
          button_gone, SILENCE_S, {'e_stop_silence_s': SILENCE_S}),
    Fault('rival', 'another publisher of the commands', 'silent until the reset', rival),
    Fault('rival_at_start', 'the same before the node starts', 'refuse to start', rival_at_start),
    Fault('deadman_released', 'the deadman switch let go', BACK,
          partial(deadman, released=True), 0.0, {'deadman': True}),
    Fault('deadman_silent', 'the deadman switch falls silent', BACK,
          partial(deadman, released=False), DEADMAN_S, {'deadman': True}),
    Fault('clock_back', 'the ROS clock set back by an hour', BACK, partial(
        hold, who='arm', match='set back by 3|future', settings={'clock_s': -3600.0}), None,
        SIMULATED),
    Fault('clock_forward', 'the ROS clock set forward by an hour', BACK, partial(
        hold, who='arm', match='set forward by 3|stale', settings={'clock_s': 3600.0}), None,
        SIMULATED),
    Fault('clock_paused', 'the ROS clock stands still', BACK, partial(
        hold, who='arm', match='future', settings={'clock_s': None}), None, SIMULATED),
)


if __name__ == '__main__':
    argparse.ArgumentParser(description=__doc__).parse_args()
