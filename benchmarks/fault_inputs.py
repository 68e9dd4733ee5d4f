# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The faults of cameras, joint states and answers of the policy that faults.py tries.

Imported by it; it does nothing by itself.
"""
from __future__ import annotations

import argparse
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from functools import partial
import time
from typing import Any

from fault_models import HUGE
from fault_models import LENGTH
from fault_models import MEMORY
from fault_models import NAN
from fault_models import RATE_HZ
from fault_models import SLOW
from fault_models import SPEED
from fault_models import STUCK
from fault_observer import Failed
from fault_observer import NS
from fault_rig import Rig
from fault_world import ARM
from fault_world import ARM_S
from fault_world import CAMERA
from fault_world import CAMERA_S
import numpy as np
from std_srvs.srv import Trigger

USUAL = {'arm': ARM, 'cameras': CAMERA}
MOVES = 'running|ramping in'


@dataclass(frozen=True)
class Seen:
    """
    What the node did.

    :param did: in words.
    :param after_s: how long after the last good message, or the fault, the arm held [s].
    """

    did: str
    after_s: float | None = None


@dataclass(frozen=True)
class Fault:
    """
    One fault.

    :param name: its name.
    :param injected: what is done.
    :param expected: what has to come of it.
    :param act: does it, sees to what comes of it, and mends it.
    :param bound_s: when the arm has to hold, but for one tick; None where it does not matter
        [s].
    :param parameters: of the policy node.
    """

    name: str
    injected: str
    expected: str
    act: Callable[[Rig], Seen]
    bound_s: float | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


def hold(rig: Rig, who: str, match: str, settings: Mapping[str, Any], mend: str = '') -> Seen:
    """
    Change the world, and see that the arm holds and goes on when it is mended.

    :param rig: what runs.
    :param who: ``arm`` or ``cameras``.
    :param match: what the node has to say.
    :param settings: what is changed.
    :param mend: a service to call in the end.
    """
    last_ns = rig.world[who].set(**settings)['last_ns']
    try:
        at_ns, _ = rig.hears.said('holding', last_ns)
        _, reason = rig.hears.said('holding', last_ns, match)
        rig.still(at_ns)
    finally:
        mended_ns = time.monotonic_ns()
        rig.world[who].set(**USUAL[who])
    if mend:
        rig.hears.call(Trigger, mend)
    rig.hears.said(MOVES, mended_ns)
    return Seen(f'held: {reason}', (at_ns - last_ns) / NS)


def long_hold(rig: Rig) -> Seen:
    """
    Have no pictures for longer than a hold may last, and see that the arm waits for a reset.
    """
    last_ns = rig.world['cameras'].set(silent=True)['last_ns']
    try:
        rig.hears.said('holding', last_ns, STALE)
        time.sleep(REARM_S)
    finally:
        mended_ns = time.monotonic_ns()
        rig.world['cameras'].set(**CAMERA)
    at_ns, reason = rig.hears.said('holding', mended_ns, 'reset the policy to go on')
    rig.still(at_ns)
    since_ns = time.monotonic_ns()
    rig.hears.call(Trigger, 'policy/reset_policy')
    rig.hears.said(MOVES, since_ns)
    return Seen(reason)


def blink(rig: Rig, match: str, settings: Mapping[str, Any]) -> Seen:
    """
    Have a few pictures provoke a fault, and see that the arm holds only for a moment.
    """
    last_ns = rig.world['cameras'].set(**settings)['last_ns']
    at_ns, reason = rig.hears.said('holding', last_ns, match)
    over_ns, _ = rig.hears.said(MOVES, at_ns)
    held = [command for time_ns, command in list(rig.hears.commands)
            if at_ns - NS * CAMERA_S / 4 < time_ns < over_ns - NS * CAMERA_S / 2]
    if not held or any((held[0] != command).any() for command in held):
        raise Failed('commands move the arm although it should hold')
    return Seen(f'held: {reason}', (at_ns - last_ns) / NS)


def go_on(rig: Rig, who: str, settings: Mapping[str, Any]) -> Seen:
    """
    Change the world, and see that the arm does not mind.
    """
    since_ns = time.monotonic_ns()
    rig.world[who].set(**settings)
    try:
        time.sleep(1.0)
        rig.moving()
        bad = [(state, reason) for at_ns, state, reason in list(rig.hears.says)
               if at_ns > since_ns and (state != 'running' or reason)]
        if bad:
            raise Failed(f'it was {bad[0][0]}: {bad[0][1]}')
    finally:
        rig.world[who].set(**USUAL[who])
    return Seen('went on')


def survive(rig: Rig, who: str, settings: Mapping[str, Any]) -> Seen:
    """
    Change the world for a while, and see that the arm goes on afterwards.
    """
    since_ns = time.monotonic_ns()
    rig.world[who].set(**settings)
    time.sleep(2.0)
    rig.world[who].set(**USUAL[who])
    held = [reason for at_ns, state, reason in list(rig.hears.says)
            if at_ns > since_ns and state == 'holding']
    rig.hears.said(MOVES, time.monotonic_ns())
    rig.moving()
    return Seen(f'held: {held[0]}' if held else 'went on')


def not_following(rig: Rig) -> Seen:
    """
    Have the arm stand still whatever it is told, and see that what it is told does not run away.
    """
    rig.world['arm'].set(follows=False)
    try:
        time.sleep(1.0)
        where = np.array(rig.world['arm'].set()['position'])
        way = float(np.abs(rig.hears.commands[-1][1] - where).max())
        if way > REACH:
            raise Failed(f'it is told to be {way:.2f} rad away')
    finally:
        rig.world['arm'].set(**USUAL['arm'])
    rig.moving()
    rig.hears.said(MOVES, time.monotonic_ns())
    return Seen(f'told it to be {way:.2f} rad away, and no further')


def slow_then_hold(rig: Rig, who: str, match: str, settings: Mapping[str, Any]) -> Seen:
    """
    Change the world, and see that the arm is slowed before it holds.
    """
    since_ns = rig.world[who].set(**settings)['last_ns']
    try:
        slow_ns, _ = rig.hears.said(MOVES, since_ns, 'slowed')
        at_ns, _ = rig.hears.said('holding', since_ns, match)
        if slow_ns > at_ns:
            raise Failed('it was slowed only after it held')
        rig.still(at_ns)
    finally:
        mended_ns = time.monotonic_ns()
        rig.world[who].set(**USUAL[who])
    rig.hears.said(MOVES, mended_ns)
    reason = next(reason for at_ns, state, reason in rig.hears.says
                  if at_ns > since_ns and state == 'holding')
    return Seen(f'slowed, then held: {reason}')


HOLD = 'hold, say why, go on when it is over'


def camera(name: str, injected: str, match: str, bound_s: float | None = None,
           parameters: Mapping[str, Any] | None = None, mend: str = '', expected: str = HOLD,
           **settings: Any) -> Fault:
    """
    Make a fault of a camera that ends in a hold.
    """
    return Fault(name, injected, expected, partial(
        hold, who='cameras', match=match, settings=settings, mend=mend), bound_s, parameters or {})


def arm(name: str, injected: str, match: str, bound_s: float | None = None,
        **settings: Any) -> Fault:
    """
    Make a fault of the joint states that ends in a hold.
    """
    return Fault(name, injected, HOLD, partial(
        hold, who='arm', match=match, settings=settings), bound_s)


REACH = SPEED * LENGTH / RATE_HZ
"""How far a chunk of the policy leads [rad]."""
AGE_S, BLANK_S, MISSING_S, UNPAIRED_S, REARM_S = 0.2, 0.2, 0.1, 0.2, 2.0
"""Defaults of the node."""
STALE = 'is stale|nothing new came'

FAULTS = (
    camera('cameras_stop', 'no pictures', STALE, AGE_S, silent=True),
    camera('camera_stops', 'no pictures of one of two', STALE, AGE_S, silent=True, who='wrist'),
    camera('cameras_stop_soon', 'the same, where pictures may be three frames old', STALE, 0.1,
           {'max_image_age_s': 0.1}, silent=True),
    Fault('long_hold', 'no pictures for 2 s and more', 'hold, and wait for a reset', long_hold,
          parameters={'rearm_after_s': REARM_S}),
    camera('frozen', 'the same picture, new stamps', 'same picture|frozen|bit by bit',
           frozen=True,
           who='front'),
    camera('same_stamps', 'new pictures, the same stamp', f'{STALE}|repeat', AGE_S,
           repeats=True, who='front'),
    camera('black', 'black pictures', 'is black', BLANK_S, look='black', who='front'),
    camera('saturated', 'white pictures', 'is saturated', BLANK_S, look='white', who='wrist'),
    camera('encoding', 'an encoding that does not exist', 'encoding', CAMERA_S, encoding='xyz8',
           who='front'),
    camera('size', 'pictures of twice the size', 'has shape', CAMERA_S, scale=2, who='front'),
    camera('cut_off', 'pictures with 100 bytes', 'bytes', CAMERA_S, cut=True, who='front'),
    camera('giant', 'a header of 100,000 x 100,000 pixels', 'bytes|pixels', CAMERA_S,
           claims=100_000, who='front'),
    camera('future', 'pictures from 1 s ahead', 'future|set forward|ahead', CAMERA_S, late_s=-1.0),
    camera('past', 'pictures that are 1 s old', STALE, AGE_S, late_s=1.0),
    camera('camera_clock', 'the clock of the cameras set forward by 0.09 s',
           'set forward|future|ahead', late_s=-0.09),
    camera('disorder', 'after each picture one that is 0.1 s older', 'repeat or go back',
           echo_s=0.1, who='front'),
    Fault('growing_delay', 'each picture 1.5 ms later than the one before', 'slow, then hold',
          partial(slow_then_hold, who='cameras', match=f'{STALE}|comes late',
                  settings={'creep_s': 0.0015})),
    camera('out_of_sync', 'one of two cameras 15 ms late, where 4 are allowed',
           'pairing: no observation', UNPAIRED_S, {'max_skew_s': 0.004}, late_s=0.015,
           who='wrist'),
    arm('joints_stop', 'no joint states', STALE, AGE_S, silent=True),
    arm('missing_joint', 'joint states without the gripper', 'has no gripper', MISSING_S,
        names='missing'),
    arm('nan_joint', 'NaN as a position', 'finite|nan', MISSING_S, nan=True),
    arm('joint_jump', 'a joint 1 rad from where it was', 'joint_2 moved', ARM_S, leap=1.0),
    arm('same_joint_stamps', 'new joint states, the same stamp', f'{STALE}|repeat', AGE_S,
        repeats=True),
    arm('joint_disorder', 'after each joint state one that is 0.1 s older', 'repeat or go back',
        echo_s=0.1),
    arm('joint_clock', 'joint states from 1 s ahead', 'future|set forward|ahead', ARM_S,
        late_s=-1.0),
    Fault('not_following', 'the arm stands still whatever it is told',
          'do not run away from it, go on when it moves', not_following),
    Fault('flood', '330 pictures a second from each camera', 'keep the limits, go on after',
          partial(survive, who='cameras', settings={'flood': 10})),
    Fault('loss', 'a fifth of the pictures gets lost', 'go on',
          partial(go_on, who='cameras', settings={'loss': 0.2})),
    Fault('other_order', 'the joints in another order', 'go on',
          partial(go_on, who='arm', settings={'names': 'turned'})),
    Fault('more_joints', 'joints of other devices in between', 'go on',
          partial(go_on, who='arm', settings={'names': 'more'})),
    Fault('nan_once', 'one answer is NaN', HOLD, partial(
        blink, match='not finite', settings={'order': NAN, 'frames': 1}), CAMERA_S),
    camera('nan_always', 'every answer is NaN', '3 times in a row', CAMERA_S, order=NAN,
           mend='policy/reset_policy', expected='hold, latched until a reset'),
    camera('huge', 'answers of a billion', 'refused', CAMERA_S, order=HUGE),
    Fault('slow_once', 'one answer takes about 0.3 s', 'go on along the plan',
          partial(go_on, who='cameras', settings={'order': SLOW, 'frames': 1})),
    camera('stuck', 'answers that do not end', 'deadline|come too late', order=STUCK),
    Fault('memory', 'an answer wants four petabytes', HOLD, partial(
        blink, match='failed', settings={'order': MEMORY, 'frames': 1}), CAMERA_S),
)


if __name__ == '__main__':
    argparse.ArgumentParser(description=__doc__).parse_args()
