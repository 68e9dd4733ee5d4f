# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the nodes around a real arm say, and the little that a trainer asks of them."""

from __future__ import annotations

from pathlib import Path
import time
from typing import TYPE_CHECKING

from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import Bool

from vaa_ros.cli.live_limits import GUARD_PARAMETERS
from vaa_ros.cli.live_limits import LiveSetup
from vaa_ros.core.errors import RosError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.gate import STOPPED
from vaa_ros.core.robot import load_robot
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.policy_parameters import PARAMETERS
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import LATCHED
from vaa_ros.ros.qos import SENSOR

if TYPE_CHECKING:
    from vaa_ros.cli.arm_client import ArmClient

NODES = {'policy': 'policy/status', 'guard': 'guard/status',
         'teleop_recorder': 'teleop_recorder/episode'}
"""The nodes that are needed, and where each says how it is."""
DISCOVERY_S = 15.0
RELOAD_S = 120.0
"""Longest time for a policy to be taken: its trial, the warm-up and the shadow [s]."""
SILENT_S = 5.0
"""Silence of the policy node, which speaks twice a second, after which it counts as gone [s]."""


class LiveNodes:
    """
    Follows policy node, guard, recorder and e-stop.

    Callbacks run in the client's thread; the other methods in the caller's.

    :param client: speaks to them; it spins already.
    """

    def __init__(self, client: ArmClient) -> None:
        """Subscribe."""
        self._client, self._said = client, dict.fromkeys(NODES, '')
        self._heard_s = time.monotonic()
        self.state = self.reason = ''
        self.loaded = ''
        """SHA-256 of the policy that the node has loaded."""
        self.presses = False
        """Whether e_stop was pressed since :meth:`look_anew`."""
        self.take = self._takes = 0
        """Number of the episode that is being recorded; 0 for none."""
        self.folder: Path | None = None
        node = client.node
        node.create_subscription(DiagnosticStatus, NODES['policy'], self._on_policy, EVENTS)
        node.create_subscription(DiagnosticStatus, NODES['guard'], self._on_guard, LATCHED)
        node.create_subscription(DiagnosticStatus, NODES['teleop_recorder'], self._on_recorder,
                                 LATCHED)
        node.create_subscription(DiagnosticStatus, 'policy/active_policy', self._on_loaded,
                                 LATCHED)
        node.create_subscription(Bool, 'teleop_recorder/is_recording', self._on_recording,
                                 LATCHED)
        for qos in (LATCHED, EVENTS, SENSOR):
            node.create_subscription(Bool, 'e_stop', self._on_e_stop, qos)

    def find(self) -> None:
        """
        Wait until every node that is needed has spoken.

        :raises RosError: naming those that have not.
        """
        end_s = time.monotonic() + DISCOVERY_S
        while silent := [name for name, said in self._said.items() if not said]:
            if time.monotonic() > end_s:
                raise RosError(f'no word from {", ".join(silent)} for {DISCOVERY_S:g} s: policy, '
                               'guard and teleop_recorder have to run in this ROS domain, each '
                               'under its own name')
            time.sleep(0.02)
        self.check()

    def check(self) -> None:
        """
        Make sure that all of them are still there, once each.

        :raises RosError: naming who is not.
        """
        self._client.check()
        for name, topic in NODES.items():
            count = self._client.node.count_publishers(topic)
            if count != 1:
                raise RosError(f'{count} nodes publish {topic}, expected one {name}')
        if time.monotonic() - self._heard_s > SILENT_S:
            raise RosError(f'the policy node has been silent for {SILENT_S:g} s')

    def setup(self) -> LiveSetup:
        """
        Read how policy node and guard run.

        :raises RosError: if they do not answer, or their robot description is not to be had here.
        """
        policy = self._client.get_parameters('policy', [item.name for item in PARAMETERS])
        guard = self._client.get_parameters('guard', GUARD_PARAMETERS)
        try:
            robot = load_robot(policy['robot'])
        except VaaError as problem:
            raise RosError(f'the robot description of the policy node cannot be read here, give '
                           f'it by an absolute path: {problem}') from problem
        return LiveSetup(robot, policy, guard, self.e_stop_topic)

    @property
    def e_stop_topic(self) -> str:
        """Give the full name of the topic of the e-stop."""
        return str(self._client.node.resolve_topic_name('e_stop'))

    @property
    def guard_stopped(self) -> bool:
        """Tell whether the guard itself has stopped the arm."""
        return self._said['guard'] == STOPPED

    def look_anew(self) -> None:
        """Forget that the e-stop was pressed."""
        self.presses = False

    def pause(self, paused: bool) -> None:
        """
        Keep the arm still, or let the policy move it.

        :raises RosError: if the node does not answer or says no.
        """
        self._client.set_bool('policy/pause', paused)

    def load(self, path: Path, sha256: str) -> str:
        """
        Have the node take a policy.

        :return: what the node says of it.
        :raises RosError: if it refuses, with its reason.
        """
        self._client.set_parameters('policy', model_path=str(path))
        answer = self._client.trigger('policy/reload_policy', RELOAD_S)
        self._client.wait(lambda: self.loaded == sha256, f'the policy node to say that {path} is '
                          'at work', DISCOVERY_S)
        return answer

    def _on_policy(self, message: DiagnosticStatus) -> None:
        values = status_values(message)
        self.state, self.reason = values.get('state', ''), values.get('reason', '')
        self._said['policy'], self._heard_s = self.state, time.monotonic()

    def _on_guard(self, message: DiagnosticStatus) -> None:
        self._said['guard'] = status_values(message).get('state', '')

    def _on_recorder(self, message: DiagnosticStatus) -> None:
        self.folder = Path(status_values(message).get('output_dir', ''))
        self._said['teleop_recorder'] = str(self.folder)

    def _on_loaded(self, message: DiagnosticStatus) -> None:
        self.loaded = status_values(message).get('sha256', '')

    def _on_recording(self, message: Bool) -> None:
        # Said again and again; after a redo the next one may begin before anybody looks.
        self._takes += message.data and not self.take
        self.take = self._takes if message.data else 0

    def _on_e_stop(self, message: Bool) -> None:
        self.presses |= message.data
