# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The faults of the network between the policy and the arm that faults.py tries.

The arm and the cameras run on one side of it, the policy node on the other; packets get lost in
one direction or both.

Imported by it; it does nothing by itself.
"""
from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
import re
import time

from fault_inputs import AGE_S
from fault_inputs import Fault
from fault_inputs import MOVES
from fault_inputs import Seen
from fault_observer import ANSWER_S
from fault_observer import Failed
from fault_observer import NS
from fault_processes import GUARD_S
from fault_processes import RESET
from fault_rig import Rig
from fault_rig import rig as plain_rig
from lossy_network import Network
import numpy as np
from std_srvs.srv import Trigger

from vaa_ros.core.command_guard import WATCHING

SAID_AGAIN_S = 4.0


class NetworkRig(Rig):
    """
    The same with a network in between.
    """

    network: Network

    def recover(self) -> None:
        """
        Mend the network, too.
        """
        self.network.lose()
        super().recover()


@contextmanager
def rig(folder: Path, patient: bool = False) -> Iterator[NetworkRig]:
    """
    Run the processes on both sides of a network, and end them.

    :param folder: where the models are.
    :param patient: whether the computer may be so busy that everything is late.
    """
    network = Network()
    try:
        with network.here(), plain_rig(folder, patient, network.before) as made:
            made.network = network
            yield made
    finally:
        network.close()


def mended(rig: NetworkRig) -> int:
    """
    Mend the network; gives how many packets were lost.

    :raises Failed: if none was.
    """
    lost = rig.network.mend()
    if not lost:
        raise Failed('no packet was lost')
    return lost


@contextmanager
def guard_of_the_arm(rig: NetworkRig) -> Iterator[None]:
    """
    Have the guard on the arm's side.
    """
    rig.guard.end()
    count = len(rig.hears.diagnostics)
    rig.guard = rig.start_guard('guard_of_the_arm')
    try:
        rig.hears.wait(lambda: any(
            name.startswith('guard') and message == WATCHING
            for name, _, message in rig.hears.diagnostics[count:]), 'the guard to watch')
        rig.run_policy()
        yield
    finally:
        rig.network.mend()
        rig.guard.end()
        rig.guard = rig.start_guard()


def released(rig: NetworkRig) -> None:
    """
    Have the stop of the guard released, and see that the policy moves the arm only then.
    """
    if not rig.hears.call(Trigger, 'guard/reset').success:
        raise Failed('the guard was not reset')
    since_ns = time.monotonic_ns()
    rig.hears.said('stopped', since_ns, 'was pressed')
    rig.hears.call(Trigger, RESET)
    rig.hears.said(MOVES, since_ns)
    rig.moving()


def guard_stopped(rig: NetworkRig) -> int:
    """
    Wait until the guard on the arm's side says that it stopped the arm; gives when [ns].
    """
    clock_ns = time.time_ns() - time.monotonic_ns()
    begin_s = time.monotonic()
    while time.monotonic() < begin_s + ANSWER_S:
        for line in list(rig.guard.lines):
            if found := re.search(r'\[(\d+)\.(\d{9})\].*stopped the arm', line):
                return int(found[1]) * NS + int(found[2]) - clock_ns
        time.sleep(0.01)
    raise Failed('the guard did not stop the arm')


def some_lost(rig: NetworkRig, percent: int) -> Seen:
    """
    Lose some of the packets in both directions for 5 s.
    """
    since_ns = time.monotonic_ns()
    rig.world['arm'].set()
    rig.network.lose(percent, percent)
    time.sleep(5.0)
    lost = mended(rig)
    over_ns = time.monotonic_ns()
    said = [each for each in list(rig.hears.says) if since_ns < each[0] < over_ns]
    if silent := [state for _, state, reason in said
                  if not (re.fullmatch(MOVES, state) or reason)]:
        raise Failed(f'it was {silent[0]} and did not say why')
    held = sorted({reason for _, state, reason in said if state == 'holding'})
    fastest = rig.world['arm'].set()['fastest']
    rig.hears.said(MOVES, over_ns)
    rig.moving()
    share = sum(bool(re.fullmatch(MOVES, state)) for _, state, _ in said) / max(len(said), 1)
    return Seen(f'{lost} packets lost; moved {share:.0%} of the time, the arm at {fastest:.2f} of '
                f'its limits{"; held: " + held[0] if held else ""}')


def all_lost(rig: NetworkRig, to_arm: int, seconds: float) -> Seen:
    """
    Lose every packet from the arm, and maybe to it: the policy holds, and goes on afterwards.
    """
    rig.world['arm'].set()
    at_ns = time.monotonic_ns()
    rig.network.lose(to_arm, 100)
    hold_ns, reason = rig.hears.said('holding', at_ns, 'stale')
    rig.still(hold_ns + NS // 10)
    time.sleep(seconds)
    rig.hears.said('holding', time.monotonic_ns(), 'stale')
    lost = mended(rig)
    mended_ns = time.monotonic_ns()
    rig.hears.said(MOVES, mended_ns)
    fastest = rig.world['arm'].set()['fastest']
    rig.moving()
    return Seen(f'{lost} packets lost; held: {reason}; then the arm at {fastest:.2f} of its '
                'limits', (hold_ns - at_ns) / NS)


def all_lost_guarded(rig: NetworkRig, from_arm: int) -> Seen:
    """
    Lose every packet to the arm, and maybe from it: the guard beside the arm stops it for good.
    """
    with guard_of_the_arm(rig):
        rig.world['arm'].set()
        at_ns = time.monotonic_ns()
        rig.network.lose(100, from_arm)
        pressed_ns = guard_stopped(rig)
        since_ns = pressed_ns
        if from_arm < 100:
            since_ns = max(since_ns, rig.hears.said('stopped', at_ns)[0])
        rig.still(since_ns + NS // 10, silent=True)
        commands_of_the_policy(rig, at_ns)
        before = rig.world['arm'].set()['position']
        lost = mended(rig)
        mended_ns = time.monotonic_ns()
        # DDS says again what was lost within 3 s.
        time.sleep(SAID_AGAIN_S)
        if any(re.fullmatch(MOVES, state) for at, state, _ in list(rig.hears.says)
               if at > mended_ns):
            raise Failed('the policy went on before a reset')
        arm = rig.world['arm'].set()
        way = float(np.abs(np.subtract(arm['position'], before)).max())
        if from_arm < 100 and arm['fastest'] > 0.0:
            raise Failed(f'the arm moved by {way:.4f} once the network was back')
        rig.still(time.monotonic_ns(), silent=True)
        released(rig)
    rig.run_policy()
    return Seen(f'{lost} packets lost; the guard stopped it; when the network was back the arm '
                f'was at {arm["fastest"]:.2f} of its limits, {way:.3f} rad away in the end; it '
                'stood until the reset', (pressed_ns - at_ns) / NS)


def commands_of_the_policy(rig: NetworkRig, at_ns: int) -> None:
    """
    Judge the commands until the guard, if it is heard here, pressed the stop, and said its own.
    """
    until_ns = next((pressed_ns for pressed_ns, pressed in rig.hears.stops
                     if pressed and pressed_ns > at_ns), time.monotonic_ns())
    with rig.hears.changed:
        rig.hears.commands[:] = [each for each in rig.hears.commands if each[0] < until_ns]
        rig.within_limits()


ON, STOP = 'hold, say why, go on when it is over', 'the guard beside the arm stops it, latched'
FAULTS = (
    Fault('network_loss', '30 % of all packets lost in both directions', 'go on, or hold and say '
          'why', partial(some_lost, percent=30)),
    Fault('network_gone', 'every packet lost for 3 s', ON, partial(
        all_lost, to_arm=100, seconds=3.0), AGE_S),
    Fault('network_gone_long', 'every packet lost for 30 s, longer than DDS remembers anybody', ON,
          partial(all_lost, to_arm=100, seconds=30.0), AGE_S),
    Fault('inputs_lost', 'every packet from the arm and the cameras lost', ON, partial(
        all_lost, to_arm=0, seconds=1.0), AGE_S),
    Fault('commands_lost', 'every packet to the arm lost', STOP, partial(
        all_lost_guarded, from_arm=0), GUARD_S),
    Fault('network_gone_guarded', 'every packet lost, the guard on the arm\'s side', STOP, partial(
        all_lost_guarded, from_arm=100), GUARD_S),
)


if __name__ == '__main__':
    argparse.ArgumentParser(description=__doc__).parse_args()
