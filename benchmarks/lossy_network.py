# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A network that loses packets, for faults.py.

Two network namespaces, a pair of virtual network cards between them, and nftables, which throws
packets away on arrival, before fragments are put together. It needs Linux, root, ``ip``, ``nft``
and ``nsenter``.

Imported by it; it does nothing by itself.
"""
from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
import ctypes
import os
from pathlib import Path
import re
import subprocess

from bench import not_installed

TOOLS = ('ip', 'nft', 'nsenter')
CLONE_NEWNET = 0x40000000
HERE, THERE = 'here', 'there'
ADDRESSES = {HERE: '10.77.213.1', THERE: '10.77.213.2'}
AWAY = ('arm', 'cameras', 'guard_of_the_arm')
"""The roles on the arm's side."""
# The priority is before that at which the kernel puts fragments together.
RULES = """
table ip vaa_loss
delete table ip vaa_loss
table ip vaa_loss {{
  chain arriving {{
    type filter hook prerouting priority -450; policy accept;
    {rule}
  }}
}}
"""
RULE = 'ip saddr {source} ip protocol udp numgen random mod 100 <= {highest} counter drop'
OWN_NETWORK = Path('/proc/thread-self/ns/net')


def tool(*command: str, told: str = '') -> str:
    """
    Run a tool of the system, and give what it says.

    :param command: its command line.
    :param told: its input.
    :raises OSError: if it fails.
    """
    done = subprocess.run(command, input=told, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f'{" ".join(command)}: {done.stderr.strip()}')
    return done.stdout


class Network:
    """
    Two network namespaces, and what is thrown away between them.
    """

    def __init__(self) -> None:
        self._names = {side: f'vaa_{side}_{os.getpid()}' for side in ADDRESSES}
        cards = {side: f'vaa_{side}' for side in ADDRESSES}
        try:
            for name in self._names.values():
                tool('ip', 'netns', 'add', name)
            tool('ip', 'link', 'add', cards[HERE], 'netns', self._names[HERE], 'type', 'veth',
                 'peer', 'name', cards[THERE], 'netns', self._names[THERE])
            for side, name in self._names.items():
                tool('ip', '-n', name, 'addr', 'add', f'{ADDRESSES[side]}/24', 'dev', cards[side])
                for card in ('lo', cards[side]):
                    tool('ip', '-n', name, 'link', 'set', card, 'up')
            self.lose()
        except OSError:
            self.close()
            raise

    def before(self, role: str) -> list[str]:
        """
        Give the command that runs a role on its side.
        """
        return self._inside(THERE) if role in AWAY else []

    def _inside(self, side: str) -> list[str]:
        return ['nsenter', f'--net=/run/netns/{self._names[side]}']

    def lose(self, to_arm: int = 0, from_arm: int = 0) -> None:
        """
        Throw UDP packets away from now on.

        :param to_arm: how many of those to the arm's side [%].
        :param from_arm: how many of those from it [%].
        """
        for side, other, percent in ((THERE, HERE, to_arm), (HERE, THERE, from_arm)):
            rule = RULE.format(source=ADDRESSES[other], highest=percent - 1) if percent else ''
            tool(*self._inside(side), 'nft', '-f', '-', told=RULES.format(rule=rule))

    def mend(self) -> int:
        """
        Throw nothing away any more, and give how many packets were.
        """
        lost = sum(int(count) for side in ADDRESSES for count in re.findall(
            r'counter packets (\d+)', tool(*self._inside(side), 'nft', 'list', 'ruleset')))
        self.lose()
        return lost

    @contextmanager
    def here(self) -> Iterator[None]:
        """
        Have this thread, and what it starts, on the policy's side.
        """
        with OWN_NETWORK.open() as outside:
            enter(Path('/run/netns') / self._names[HERE])
            try:
                yield
            finally:
                enter(Path(f'/proc/self/fd/{outside.fileno()}'))

    def close(self) -> None:
        """
        Take it down.
        """
        for name in self._names.values():
            subprocess.run(['ip', 'netns', 'del', name], capture_output=True)


def enter(namespace: Path) -> None:
    """
    Move this thread into a network namespace.
    """
    with namespace.open() as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f'setns {namespace}')


def missing() -> str:
    """
    Say what is missing for these faults, nothing where they can be tried.
    """
    if absent := not_installed(TOOLS):
        return absent
    try:
        network = Network()
        try:
            with network.here():
                return ''
        finally:
            network.close()
    except OSError as error:
        return str(error)


if __name__ == '__main__':
    argparse.ArgumentParser(description=__doc__).parse_args()
