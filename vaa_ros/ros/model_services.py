# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the node policy offers about its models: services to change them, a folder, the active one.
"""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import threading
import time
from typing import Any
from typing import Protocol

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter
from std_srvs.srv import Trigger

from vaa_ros.core.errors import VaaError
from vaa_ros.ros.background import in_background
from vaa_ros.ros.policy_reports import policy_status
from vaa_ros.ros.qos import LATCHED

POLL_S = 0.25


class Swaps(Protocol):
    """What puts policies to work."""

    slot: Any

    def change(self, name: str) -> str:
        """
        Put a policy to work, and say what was done.
        """

    def rollback(self) -> str:
        """
        Bring back the policy before, and say what was done.
        """

    def keep_warm(self, names: list[str]) -> list[str]:
        """
        Load policies for later; gives what could not be loaded.
        """

    def facts(self) -> dict[str, object]:
        """
        Describe the policy at work.
        """


class Folder(Protocol):
    """A folder that is looked into."""

    def poll(self, now_s: float) -> Path | None:
        """
        Give a model that is new there.
        """


class ModelServices:
    """
    Changes the models of a node, and says which one is at work.

    :param node: the node; its parameter ``model_path`` names the model.
    :param robot: name of the robot.
    """

    def __init__(self, node: Node, robot: str) -> None:
        self._node = node
        self._robot = robot
        self._swaps: Swaps | None = None
        self._folder: Folder | None = None
        self._told: object = None
        self._busy = threading.Lock()
        self._active_policy = node.create_publisher(DiagnosticStatus, '~/active_policy', LATCHED)
        # A callback that waits would keep a shared group from hearing a stop.
        group = MutuallyExclusiveCallbackGroup()
        for name, answer in (('reload', self._on_reload), ('rollback', self._on_rollback)):
            node.create_service(Trigger, f'~/{name}_policy', answer, callback_group=group)
        node.create_timer(POLL_S, self._on_timer, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def begin(self, swaps: Swaps, warm: list[str], folder: Folder | None) -> None:
        """
        Serve a policy that was put to work.

        :param swaps: changes it.
        :param warm: models to load for later, beside everything else.
        :param folder: where new models appear, or None.
        """
        self._swaps, self._folder, self._told = swaps, folder, None
        self.tell()
        if any(warm):
            threading.Thread(target=self._keep_warm, args=(swaps, [*filter(None, warm)]),
                             name='warm models', daemon=True).start()

    def end(self) -> None:
        """
        Let go of the policies.
        """
        self._swaps = self._folder = self._told = None

    def tell(self) -> None:
        """
        Publish which policy is at work.
        """
        swaps = self._swaps
        if swaps is None:
            return
        self._told = swaps.slot.at_work
        self._active_policy.publish(
            policy_status(swaps.slot.current.spec, self._robot, swaps.facts()))

    async def _on_reload(self, _: Trigger.Request, response: Trigger.Response) -> Any:
        name = self._node.get_parameter('model_path').value
        return await self._serve(response, lambda swaps: swaps.change(name))

    async def _on_rollback(self, _: Trigger.Request, response: Trigger.Response) -> Any:
        return await self._serve(response, lambda swaps: swaps.rollback())

    async def _serve(
        self, response: Trigger.Response, change: Callable[[Swaps], str],
    ) -> Trigger.Response:
        swaps = self._swaps
        if swaps is None:
            response.message = 'the node is not configured: configure it to load a policy'
            return response
        response.success, response.message = await in_background(
            self._node, lambda: change(swaps))
        self._log(response.success, response.message)
        self.tell()
        return response

    def _on_timer(self) -> None:
        swaps = self._swaps
        if swaps is None:
            return
        if swaps.slot.at_work is not self._told:
            # By an instruction, or back by itself.
            if swaps.slot.fault:
                self._log(False, f'rolled back: {swaps.slot.fault}')
            self.tell()
        path = None if self._folder is None else self._folder.poll(time.monotonic())
        if path is not None:
            threading.Thread(target=self._take, args=(swaps, path), name='new model',
                             daemon=True).start()

    def _take(self, swaps: Swaps, path: Path) -> None:
        """
        Load a model that appeared in the folder.
        """
        with self._busy:
            try:
                done = swaps.change(str(path))
            except VaaError as problem:
                self._log(False, f'a new model appeared and was refused: {problem}')
                return
            self._log(True, f'a new model appeared: {done}')
            self._node.set_parameters([RosParameter('model_path', value=str(path))])

    def _keep_warm(self, swaps: Swaps, names: list[str]) -> None:
        for problem in swaps.keep_warm(names):
            self._log(False, f'not held warm: {problem}')
        self.tell()

    def _log(self, good: bool, text: str) -> None:
        # rclpy wants one severity for each line of code.
        if good:
            self._node.get_logger().info(text)
        else:
            self._node.get_logger().warning(text)
