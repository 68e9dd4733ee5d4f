# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A set of node processes on a ROS domain of its own, with the command's own node among them."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from contextlib import ExitStack
import os
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from vaa_ros.cli.isolation import chosen_domain
from vaa_ros.cli.isolation import DomainClaim
from vaa_ros.cli.isolation import ros_environment
from vaa_ros.cli.supervisor import Supervisor

if TYPE_CHECKING:
    from vaa_ros.cli.arm_client import ArmClient

PATIENCE_S = {'teleop_recorder': 35.0}
"""How long a node may take to end: the recorder waits up to 30 s for a slow disk [s]."""


class World:
    """Node processes, the client that talks to them, and where their logs are."""

    def __init__(self, supervisor: Supervisor, client: ArmClient, log_dir: Path,
                 domain: int) -> None:
        """Use what :func:`open_world` made."""
        self.domain = domain
        self._supervisor = supervisor
        self._log_dir = log_dir
        self.client = client

    def start(self, node: str, parameters: Mapping[str, object],
              remap: Mapping[str, str] | None = None, stdin: int | None = None) -> None:
        """
        Start a node of this package as a process.

        Its parameters go through a file beside the log: no quoting can go wrong, and what a
        node ran with can be read afterwards.

        :param remap: topic -> topic.
        :param stdin: file descriptor of a terminal for a node that reads keys.
        """
        path = self._log_dir / f'{node}.yaml'
        path.write_text(yaml.safe_dump({'/**': {'ros__parameters': dict(parameters)}},
                                       sort_keys=False), encoding='utf-8')
        arguments = ['--ros-args', '--params-file', str(path)]
        for old, new in (remap or {}).items():
            arguments += ['-r', f'{old}:={new}']
        self._supervisor.start(node, f'vaa_ros.nodes.{node}', arguments, stdin,
                               PATIENCE_S.get(node, 0.0))


@contextmanager
def open_world(log_dir: Path) -> Iterator[World]:
    """
    Claim a domain, join it, and end whatever was started in it.

    A ``ROS_DOMAIN_ID`` that the user has set is used as it is.
    """
    chosen = chosen_domain()
    with ExitStack() as stack:
        domain = chosen
        if domain is None:
            claim = DomainClaim()
            stack.callback(claim.release)
            domain = claim.domain
        environment = ros_environment(domain)
        supervisor = stack.enter_context(Supervisor(log_dir, environment))
        stack.enter_context(_environment(environment))
        # Importing rclpy loads the middleware, which reads the environment.
        from vaa_ros.cli.arm_client import ArmClient
        client = stack.enter_context(ArmClient(supervisor.check))
        yield World(supervisor, client, log_dir, domain)


@contextmanager
def _environment(added: Mapping[str, str]) -> Iterator[None]:
    before = {key: os.environ.get(key) for key in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
