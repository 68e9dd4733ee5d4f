# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The faults of models on disk, and of parameters, that faults.py tries while the arm moves.

Imported by it; it does nothing by itself.
"""
from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
import shutil
import time

from fault_inputs import Fault
from fault_inputs import MOVES
from fault_inputs import Seen
from fault_inputs import USUAL
from fault_models import OTHER_NAN
from fault_observer import Failed
from fault_rig import Rig
from rclpy.parameter import Parameter
from rclpy.parameter_client import AsyncParameterClient

REFUSE = 'refuse, go on with the old model'


def nonsense(rig: Rig) -> Seen:
    """
    Set limits while the node runs, and a model that does not exist.
    """
    client = AsyncParameterClient(rig.hears.node, 'policy')
    if not client.wait_for_services(10.0):
        raise Failed('there are no parameter services')
    refused = []

    def act() -> None:
        for name, value in (('speed', float('nan')), ('max_image_age_s', -1.0),
                            ('max_jump', 1e9), ('deadman', 'perhaps'), ('robot', 'none'),
                            ('model_path', 'no such model'), ('probation_s', -5.0)):
            answer = rig.hears.answer(client.set_parameters([Parameter(name, value=value)]), name)
            if answer.results[0].successful:
                raise Failed(f'{name} = {value} was accepted')
            refused.append(name)
    go_on_while(rig, act)
    return Seen(f'refused: {", ".join(refused)}')


def go_on_while(rig: Rig, act: Callable[[], None]) -> None:
    """
    See that something does not disturb the arm at all.
    """
    since_ns = time.monotonic_ns()
    act()
    rig.moving()
    bad = [(state, reason) for at_ns, state, reason in list(rig.hears.says)
           if at_ns > since_ns and state != 'running']
    if bad:
        raise Failed(f'it was {bad[0][0]}: {bad[0][1]}')


def refused(rig: Rig, kind: str, match: str) -> Seen:
    """
    Ask for a model that must not be taken, and see that the old one goes on.
    """
    answer = None

    def act() -> None:
        nonlocal answer
        answer = rig.reload(rig.folder / f'{kind}.onnx')
    go_on_while(rig, act)
    if answer.success or match not in answer.message:
        raise Failed(f'it answered: {answer.message}')
    return Seen(f'refused: {answer.message}')


def swapped(rig: Rig) -> Seen:
    """
    Replace the file of the running model by garbage, and reload it.
    """
    path = rig.folder / 'round.onnx'
    good = shutil.copy(path, rig.folder / 'good.copy')
    path.write_bytes(b'\x08\x09garbage' * 100)
    try:
        return refused(rig, 'round', 'onnx')
    finally:
        shutil.move(good, path)


def probation(rig: Rig) -> Seen:
    """
    Put a model to work that fails soon: the one before takes over again.
    """
    answer = rig.reload(rig.folder / 'fails.onnx')
    if not answer.success:
        raise Failed(f'it was refused: {answer.message}')
    since_ns = time.monotonic_ns()
    rig.hears.said(MOVES, since_ns)
    try:
        rig.world['cameras'].set(order=OTHER_NAN)
        rig.hears.wait(lambda: rig.hears.figures.get('policy') == 'round', 'the old model')
    finally:
        rig.world['cameras'].set(**USUAL['cameras'])
    rig.moving()
    rig.hears.said(MOVES, time.monotonic_ns())
    return Seen('took the old model back')


FAULTS = (
    Fault('nonsense', 'limits and models set to nonsense while it runs', 'refuse, go on',
          nonsense),
    Fault('model_cut_off', 'a reload of half a file', REFUSE, partial(
        refused, kind='cut', match='cut off or damaged')),
    Fault('model_swapped', 'garbage in the file of the running model, and a reload', REFUSE,
          swapped),
    Fault('model_of_another', 'a reload of a model for another robot', REFUSE, partial(
        refused, kind='robot', match='another_')),
    Fault('model_shape', 'a reload of a model with an action too many', REFUSE, partial(
        refused, kind='shape', match='actions')),
    Fault('model_nan', 'a reload of a model that answers NaN', REFUSE, partial(
        refused, kind='nan', match='not finite')),
    Fault('model_greedy', 'a reload of a model that wants four petabytes', REFUSE, partial(
        refused, kind='greedy', match='memory')),
    Fault('model_endless', 'a reload of a model that never answers', REFUSE, partial(
        refused, kind='endless', match='answer'), None, {'trial_timeout_s': 4.0}),
    Fault('model_fails', 'a new model that answers NaN on probation', 'take the old one back',
          probation),
)


if __name__ == '__main__':
    argparse.ArgumentParser(description=__doc__).parse_args()
