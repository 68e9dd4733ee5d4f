# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A person confirms that a policy may explore with a real arm: limits read, e-stop proven."""

from __future__ import annotations

from collections.abc import Callable
import sys
import time
from typing import Protocol

from vaa_ros.cli.live_limits import limits_text
from vaa_ros.cli.live_limits import LiveSetup
from vaa_ros.cli.live_limits import problems
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.gate import INACTIVE
from vaa_ros.core.gate import STOPPED
from vaa_ros.core.gate import UNCONFIGURED
from vaa_ros.core.spec import PolicySpec

PATIENCE_S = 120.0
"""How long a person may take to press the e-stop, and to reset it [s]."""
REFUSED = """\
--live is refused: exploring with a real arm means commands that nobody has seen before. A person
with an e-stop has to confirm that the limits which bound them fit the arm, its table and its
tools, and to prove that the e-stop stops it. {why}
To improve a policy without exploring: run it with the policy node, whose gate, limits and e-stop
you have checked (doc/safety.md), record its successes with teleop_recorder, and train on them with
--method bc. How --live works: doc/reinforcement.md."""
RESET = 'ros2 service call /policy/reset_policy std_srvs/srv/Trigger'


class Nodes(Protocol):
    """What is asked of :class:`vaa_ros.cli.live_nodes.LiveNodes`."""

    state: str
    reason: str
    presses: bool

    @property
    def guard_stopped(self) -> bool:
        """Tell whether the guard itself has stopped the arm."""

    def check(self) -> None:
        """Make sure that all of them are still there."""

    def look_anew(self) -> None:
        """Forget that the e-stop was pressed."""

    def pause(self, paused: bool) -> None:
        """Keep the arm still, or let the policy move it."""


def need_person() -> None:
    """
    Make sure that somebody is there.

    :raises ConfigError: where standard input is no terminal.
    """
    if not sys.stdin.isatty():
        raise ConfigError(REFUSED.format(
            why='That takes a terminal, and standard input is none; no option stands for it.'))


def confirm(nodes: Nodes, setup: LiveSetup, spec: PolicySpec, bound: list[float], noise: float,
            patience_s: float = PATIENCE_S) -> dict[str, object]:
    """
    Ask a person, and return only if everything was confirmed; the arm is paused then.

    :param nodes: what the nodes say.
    :param setup: how they run.
    :param spec: the policy.
    :param bound: how far the residual may move each element of an action [its unit].
    :param noise: exploration, as part of the bound.
    :param patience_s: how long a person may take for each step with the e-stop [s].
    :return: what was confirmed.
    :raises ConfigError: if anything is against it, or was not confirmed.
    """
    against = problems(setup, spec)
    if nodes.state in (UNCONFIGURED, INACTIVE):
        against.append(f'the policy node is {nodes.state}')
    if nodes.guard_stopped:
        against.append('the guard has stopped the arm: mend that, and reset both')
    if against:
        raise ConfigError(REFUSED.format(why=f'Here it cannot: {"; ".join(against)}.'))
    shown = limits_text(setup, spec, bound, noise)
    print(f'\n{shown}\n\nThe arm moves only while teleop_recorder records an episode. Nobody may '
          'be in its reach then.\n', flush=True)
    _type_name(setup.robot.name)
    nodes.pause(True)
    _prove_e_stop(nodes, setup, patience_s)
    return {'robot': setup.robot.name, 'shown': shown, 'e_stop': setup.e_stop}


def _type_name(robot: str) -> None:
    print('Do these limits fit your arm, its table and its tools, do you see the arm, and is its '
          f'e-stop in your hand? Then type the name of the robot ({robot}): ', end='', flush=True)
    try:
        typed = input().strip()
    except EOFError:
        typed = ''
    if typed != robot:
        raise ConfigError(REFUSED.format(
            why=f'{typed!r} was typed, expected {robot!r}: it is not confirmed.'))


def _prove_e_stop(nodes: Nodes, setup: LiveSetup, patience_s: float) -> None:
    def wait(done: Callable[[], bool], why: str) -> None:
        end_s = time.monotonic() + patience_s
        while not done():
            nodes.check()
            if nodes.guard_stopped:
                raise ConfigError(REFUSED.format(
                    why='The guard has stopped the arm: mend that, and reset both.'))
            if time.monotonic() > end_s:
                raise ConfigError(REFUSED.format(why=f'{why} within {patience_s:g} s.'))
            time.sleep(0.02)

    if nodes.state == STOPPED:
        print(f'The arm is stopped: {nodes.reason}. Release it, then: {RESET}', flush=True)
        wait(lambda: nodes.state != STOPPED, 'The stop was not reset')
    nodes.look_anew()
    print(f'Press the e-stop now ({setup.e_stop}).', flush=True)
    wait(lambda: nodes.presses and nodes.state == STOPPED,
         f'Nobody was seen to press {setup.e_stop} so that the policy node stopped')
    print(f'Seen, and the policy node is stopped. Release it, then: {RESET}', flush=True)
    wait(lambda: nodes.state != STOPPED, 'The e-stop was not released and reset')
    print('The e-stop works. The arm is paused.', flush=True)
