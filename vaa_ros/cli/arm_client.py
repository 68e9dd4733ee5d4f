# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command's own ROS node: calls services, follows the task, and measures what it sees."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
import json
import threading
from types import TracebackType
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.srv import GetParameters
from rcl_interfaces.srv import SetParameters
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.parameter import parameter_value_to_python
from rclpy.qos import DurabilityPolicy
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger

from vaa_ros.cli.supervisor import wait_until
from vaa_ros.core.errors import RosError
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.qos import COMMAND

SERVICE_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class TaskStatus:
    """
    What the simulated arm says of its task, every control tick.

    :param objects: name -> pose (7,) of each object.
    :param stamp_ns: time of the tick, on the clock of the simulation's stamps.
    """

    task: str
    instruction: str
    seed: int
    episode: int
    time_s: float
    success: bool
    done: bool
    max_time_s: float
    objects: Mapping[str, list[float]]
    stamp_ns: int

    @classmethod
    def read(cls, message: DiagnosticStatus) -> TaskStatus:
        """
        Read the message.

        :raises RosError: when a value is missing or is not what it should be.
        """
        values = status_values(message)
        try:
            return cls(
                values['task'], values['instruction'], int(values['seed']),
                int(values['episode']), float(values['time_s']), values['success'] == 'true',
                values['done'] == 'true', float(values['max_time_s']),
                json.loads(values.get('objects', '{}')),
                int(values['stamp_ns']))
        except (KeyError, ValueError) as error:
            raise RosError(f'task_status: cannot read {values}: {error!r}') from error


class ArmClient:
    """
    A ROS node that spins in a thread of its own; a context manager.

    :param watch: called while waiting; raises when there is no use in waiting on, for example
        because a process has died.
    """

    def __init__(self, watch: Callable[[], None] = lambda: None) -> None:
        """Join the ROS graph."""
        self._watch = watch
        self._context = rclpy.Context()
        rclpy.init(args=[], context=self._context,
                   signal_handler_options=SignalHandlerOptions.NO)
        self.node = rclpy.create_node('vaa_cli', context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._clients: dict[str, Any] = {}
        self._perturb: Any = None
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._spin, name='vaa_cli', daemon=True)
        self.task: TaskStatus | None = None
        self.on_task: Callable[[TaskStatus], None] = lambda status: None
        # Deeper than the publisher's: the tick that ends an episode must not be overwritten.
        every_tick = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.node.create_subscription(
            DiagnosticStatus, 'sim_arm/task_status', self._task_status, every_tick)

    def __enter__(self) -> ArmClient:
        """Start to spin."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Leave the ROS graph."""
        self._stop.set()
        self._thread.join(5.0)
        self._executor.shutdown(timeout_sec=1.0)
        self.node.destroy_node()
        self._context.try_shutdown()

    def wait_for_arm(self, timeout_s: float) -> None:
        """
        Wait for the simulated arm, and make sure that it is the only one.

        :raises RosError: when it does not speak, or another one is in the same ROS domain.
        """
        self.wait(lambda: self.task is not None, 'the task status of sim_arm', timeout_s)
        count = self.node.count_publishers('sim_arm/task_status')
        if count > 1:
            raise RosError(f'{count} simulated arms run in this ROS domain; end the others, or '
                           'unset ROS_DOMAIN_ID so that a free domain is taken')

    def wait(self, condition: Callable[[], bool], what: str, timeout_s: float) -> None:
        """
        Wait for something that messages bring.

        :param what: what is waited for, to name in the error.
        :raises RosError: when the time is up, a process died or a callback failed.
        """
        wait_until(condition, timeout_s, lambda: f'waited {timeout_s:g} s for {what} in vain',
                   self.check)

    def check(self) -> None:
        """
        Make sure that there is use in waiting on.

        :raises RosError: when a process died or a callback failed.
        """
        if self._failure is not None:
            raise RosError(f'cannot follow the run: {self._failure!r}') from self._failure
        self._watch()

    def trigger(self, service: str, timeout_s: float = SERVICE_TIMEOUT_S) -> str:
        """
        Call a Trigger service.

        :param timeout_s: how long its answer may take [s].
        :return: its message.
        :raises RosError: when it does not answer or says no.
        """
        return self._call(Trigger, service, Trigger.Request(), timeout_s)

    def set_bool(self, service: str, data: bool) -> str:
        """
        Call a SetBool service.

        :return: its message.
        :raises RosError: when it does not answer or says no.
        """
        return self._call(SetBool, service, SetBool.Request(data=data))

    def set_parameters(self, node: str, **values: object) -> None:
        """
        Set parameters of another node.

        :raises RosError: when it does not answer or refuses one, with its reason.
        """
        request = SetParameters.Request(parameters=[
            _parameter(name, value) for name, value in values.items()])
        response = self._request(SetParameters, f'{node}/set_parameters', request)
        for (name, value), result in zip(values.items(), response.results, strict=True):
            if not result.successful:
                raise RosError(f'{node} refused {name} = {value!r}: {result.reason}')

    def get_parameters(self, node: str, names: Sequence[str]) -> dict[str, Any]:
        """
        Read parameters of another node; None for one that it does not have.

        :raises RosError: when it does not answer.
        """
        response = self._request(GetParameters, f'{node}/get_parameters',
                                 GetParameters.Request(names=list(names)))
        return {name: parameter_value_to_python(value)
                for name, value in zip(names, response.values, strict=True)}

    def perturb(self, offsets: np.ndarray) -> None:
        """Push the simulated arm's joint targets aside for a moment, (7,) [rad, m]."""
        if self._perturb is None:
            self._perturb = self.node.create_publisher(
                Float64MultiArray, 'sim_arm/perturb', COMMAND)
        self._perturb.publish(Float64MultiArray(data=[float(value) for value in offsets]))

    def _call(self, kind: Any, service: str, request: Any,
              timeout_s: float = SERVICE_TIMEOUT_S) -> str:
        response = self._request(kind, service, request, timeout_s)
        if not response.success:
            raise RosError(f'{service} said no: {response.message or "without a reason"}')
        return str(response.message)

    def _request(self, kind: Any, service: str, request: Any,
                 timeout_s: float = SERVICE_TIMEOUT_S) -> Any:
        if service not in self._clients:
            self._clients[service] = self.node.create_client(kind, service)
        client = self._clients[service]
        self.wait(client.service_is_ready, f'service {service}', SERVICE_TIMEOUT_S)
        future = client.call_async(request)
        try:
            self.wait(future.done, f'an answer of service {service}', timeout_s)
        finally:
            if not future.done():
                client.remove_pending_request(future)
        return future.result()

    def _task_status(self, message: DiagnosticStatus) -> None:
        self.task = TaskStatus.read(message)
        self.on_task(self.task)

    def _spin(self) -> None:
        while not self._stop.is_set():
            try:
                self._executor.spin_once(timeout_sec=0.05)
            except Exception as error:
                self._failure = error
                return


def _parameter(name: str, value: Any) -> ParameterMessage:
    if isinstance(value, np.generic):
        value = value.item()
    return Parameter(name, value=value).to_parameter_msg()
