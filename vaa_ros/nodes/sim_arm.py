# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The simulated arm as a ROS 2 node: it speaks what a real arm behind ros2_control speaks.

``python -m vaa_ros.nodes.sim_arm --ros-args -p task:=reach -p clock:=lockstep``
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
import json
import sys
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from geometry_msgs.msg import TwistStamped
import numpy as np
from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMsg
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState as JointStateMsg
from std_msgs.msg import Float64MultiArray
from std_msgs.msg import String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.core.errors import SimulationError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.robot import load_robot
from vaa_ros.core.types import JointState
from vaa_ros.ros.command_publisher import array_stamp_ns
from vaa_ros.ros.conversions import joint_state_to_msg
from vaa_ros.ros.conversions import joint_trajectory_from_msg
from vaa_ros.ros.conversions import ns_to_stamp
from vaa_ros.ros.conversions import pose_from_msg
from vaa_ros.ros.conversions import pose_msg
from vaa_ros.ros.conversions import stamp_to_ns
from vaa_ros.ros.conversions import twist_from_msg
from vaa_ros.ros.diagnostics import DiagnosticsPublisher
from vaa_ros.ros.diagnostics import OK
from vaa_ros.ros.diagnostics import status_message
from vaa_ros.ros.diagnostics import WARN
from vaa_ros.ros.image_cdr import write_rgb
from vaa_ros.ros.parameters import declare
from vaa_ros.ros.parameters import Parameter
from vaa_ros.ros.process import run
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import IMAGE_OUT
from vaa_ros.ros.qos import JOINTS_OUT
from vaa_ros.ros.qos import LATCHED
from vaa_ros.ros.transform_publisher import transform_publisher
from vaa_ros.sim import TASK_NAMES
from vaa_ros.sim.arm_controller import ArmController
from vaa_ros.sim.environment import load_environment
from vaa_ros.sim.live import Command
from vaa_ros.sim.live import LiveSimulation
from vaa_ros.sim.live import Status
from vaa_ros.sim.live_lockstep import LockstepSimulation
from vaa_ros.sim.live_real_time import RealTimeSimulation
from vaa_ros.sim.world import World

PARAMETERS = (
    Parameter('task', 'pick_place', 'Task of the next episode; ~/reset begins it.',
              choices=TASK_NAMES),
    Parameter('environment', '', 'A Gymnasium environment in place of the simulated arm: a name '
              'in config/environments or a YAML file; task, robot and image size are its own.',
              read_only=True),
    Parameter('allow_module', '', 'Python module that the environment may import, in full: code '
              'that runs with all rights of this node.', read_only=True),
    Parameter('seed', 0, 'Seed of the next episode: object poses, colours, light.', minimum=0,
              maximum=2**31 - 1),
    Parameter('clock', 'real_time', 'real_time, or lockstep: time waits for the command of '
              'every control tick and is published on /clock.',
              choices=('real_time', 'lockstep'), read_only=True),
    Parameter('robot', 'vaa_arm', 'Robot description: a name in config/robots or a YAML file.',
              read_only=True),
    Parameter('max_time_s', 0.0, "Time limit of an episode, after which commands are ignored; 0 "
              "for the task's own.", 's', 0.0, 86400.0, read_only=True),
    Parameter('image_width', 320, 'Width of the camera pictures.', 'px', 16, 1280,
              read_only=True),
    Parameter('image_height', 240, 'Height of the camera pictures.', 'px', 16, 960,
              read_only=True),
)


class SimArm(Node):
    """
    Hands messages to a live simulation and publishes what it says.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__('sim_arm', **options)
        declare(self, PARAMETERS)
        name = self._value('environment')
        self._environment = load_environment(name) if name else None
        self._robot = load_robot(
            self._environment.robot if self._environment else self._value('robot'))
        self._refused: dict[str, int] = {}
        self._last_status: Status | None = None
        self._echoes: Counter[str] = Counter()
        self._asked: Any = None
        self._make_publishers()
        self._live = self._make_live()
        try:
            self._live.start()
        except VaaError:
            self._live.stop()
            raise
        self._make_subscriptions()
        self.create_service(Trigger, '~/reset', self._on_reset)
        DiagnosticsPublisher(self, 'simulation', self._report)
        self.create_timer(0.2, self._watch, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def stop(self) -> None:
        """
        End the simulation's thread.
        """
        self._live.stop()

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _task(self) -> str:
        return self._environment.name if self._environment else self._value('task')

    def _make_live(self) -> LiveSimulation:
        size = (self._value('image_height'), self._value('image_width'))
        robot, max_time_s = self._value('robot'), self._value('max_time_s')
        environment, allowed = self._environment, self._value('allow_module')

        def make(task: str) -> World:
            if environment is not None:
                from vaa_ros.sim.gym_simulation import GymSimulation
                return GymSimulation(environment, allowed, max_time_s)
            from vaa_ros.sim.simulation import Simulation
            simulation = Simulation(task, size, robot)
            if max_time_s > 0.0:
                simulation.task = replace(simulation.task, max_time_s=max_time_s)
            return simulation

        task, seed = self._task(), self._value('seed')
        if self._value('clock') == 'lockstep':
            return LockstepSimulation(
                make, self, task, seed,
                lambda: self.count_publishers(self._gripper.topic_name) > 0)
        return RealTimeSimulation(
            make, self, task, seed, lambda: self.get_clock().now().nanoseconds)

    def _make_publishers(self) -> None:
        self._joints = self.create_publisher(JointStateMsg, 'joint_states', JOINTS_OUT)
        self._tool = self.create_publisher(PoseStamped, 'tool_pose', JOINTS_OUT)
        self._images = {camera: self.create_publisher(Image, f'{camera}/image_raw', IMAGE_OUT)
                        for camera in (self._environment or self._robot).cameras}
        self._status = self.create_publisher(DiagnosticStatus, '~/task_status', LATCHED)
        self._instruction = self.create_publisher(String, 'instruction', LATCHED)
        self._clock_out = None
        if self._value('clock') == 'lockstep':
            self._clock_out = self.create_publisher(ClockMsg, '/clock', COMMAND)
        self._tf = transform_publisher(self)

    def _make_subscriptions(self) -> None:
        self._take(JointTrajectory, 'joint_trajectory', _trajectory)
        self._take(Float64MultiArray, 'commands', _positions)
        self._take(Float64MultiArray, 'velocity_commands', _velocities)
        self._take(TwistStamped, 'delta_twist_cmds', _twist)
        self._take(PoseStamped, 'target_pose', _pose)
        self._gripper = self._take(Float64MultiArray, 'gripper_commands', _opening)
        self.create_subscription(Float64MultiArray, '~/perturb', self._on_perturb, COMMAND)
        self._asked = self.create_subscription(
            String, 'instruction', self._on_instruction, EVENTS)

    def _take(self, kind: type, topic: str, read: Callable[[Any], Command]) -> Any:
        def on_message(message: Any) -> None:
            try:
                self._live.submit(read(message))
            except VaaError as error:
                self.refused(topic, str(error))
        return self.create_subscription(kind, topic, on_message, COMMAND)

    def _on_perturb(self, message: Float64MultiArray) -> None:
        try:
            self._live.perturb(np.array(message.data))
        except VaaError as error:
            self.refused('~/perturb', str(error))

    def _on_instruction(self, message: String) -> None:
        if self._echoes[message.data] > 0:
            # What this node said itself; the episode may be another by now.
            self._echoes[message.data] -= 1
            return
        try:
            self._live.ask_for(message.data)
        except VaaError as error:
            self.refused('instruction', str(error))

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        task, seed = self._task(), self._value('seed')
        try:
            self._live.reset(task, seed)
        except VaaError as error:
            response.success, response.message = False, str(error)
            return response
        response.success = True
        response.message = f'episode {self._live.episode}: task {task}, seed {seed}'
        return response

    def _watch(self) -> None:
        if self._live.failure is not None:
            raise SimulationError(self._live.failure)

    def _report(self) -> tuple[bytes, str, dict[str, object]]:
        refused = sum(self._refused.values())
        values = {f'refused {topic}': count for topic, count in self._refused.items()}
        if self._last_status is not None:
            values['episode'] = self._last_status.episode
            values['time_s'] = self._last_status.time_s
        for name in ('lost_s', 'repeats', 'out_of_step'):
            if hasattr(self._live, name):
                values[name] = getattr(self._live, name)
        if refused:
            return WARN, f'{refused} commands refused', values
        return OK, 'running', values

    # What follows is the outlet of the live simulation, called from its thread.

    def joint_state(self, stamp_ns: int, position: np.ndarray, velocity: np.ndarray) -> None:
        """
        Publish the measured joints.
        """
        state = JointState(stamp_ns, self._robot.joint_names, position, velocity)
        self._joints.publish(joint_state_to_msg(state))

    def status(self, status: Status) -> None:
        """
        Publish where the episode stands, and in lockstep the time.
        """
        before, self._last_status = self._last_status, status
        if status.done and not (before is not None and before.done):
            self.get_logger().info(
                f'episode {status.episode} is over: '
                + ('success' if status.success else f'its {status.max_time_s:g} s have passed')
                + '; commands are ignored until ~/reset')
        if self._clock_out is not None:
            self._clock_out.publish(ClockMsg(clock=ns_to_stamp(status.stamp_ns)))
        if status.tool_pose is not None:
            x, y, z, qw, qx, qy, qz = status.tool_pose
            pose = pose_msg((x, y, z, qx, qy, qz, qw), self._robot.base_frame, status.stamp_ns)
            self._tool.publish(pose)
            if self._tf is not None:
                self._tf(pose, self._robot.end_effector_frame)
        self._status.publish(status_message('sim_arm: task', OK, status.task, {
            'task': status.task, 'instruction': status.instruction, 'seed': status.seed,
            'episode': status.episode, 'time_s': repr(status.time_s),
            'success': status.success, 'done': status.done,
            'objects': json.dumps({name: [float(value) for value in pose]
                                   for name, pose in status.objects.items()}),
            'max_time_s': repr(status.max_time_s), 'stamp_ns': status.stamp_ns}))

    def asked_for(self, instruction: str) -> None:
        """
        Publish what a new episode asks for.
        """
        heard = self._asked is not None and self._asked.get_publisher_count() > 0
        self._echoes[instruction] += heard
        self._instruction.publish(String(data=instruction))

    def wants(self, camera: str) -> bool:
        """
        Tell whether anyone subscribes to a camera.
        """
        publisher = self._images.get(camera)
        return publisher is not None and publisher.get_subscription_count() > 0

    def image(self, camera: str, stamp_ns: int, rgb: np.ndarray) -> None:
        """
        Publish a picture.
        """
        self._images[camera].publish(write_rgb(rgb, stamp_ns, f'{camera}_optical_frame'))

    def refused(self, topic: str, reason: str) -> None:
        """
        Count a command that was refused, and say why, not too often.
        """
        self._refused[topic] = self._refused.get(topic, 0) + 1
        self.get_logger().warning(f'{topic} refused: {reason}', throttle_duration_sec=1.0)


def _trajectory(message: JointTrajectory) -> Command:
    names, points, times_s = joint_trajectory_from_msg(message)

    def apply(arm: ArmController) -> None:
        arm.follow(names, points, times_s)
    return Command('joint_trajectory', stamp_to_ns(message.header.stamp), apply)


def _positions(message: Float64MultiArray) -> Command:
    values = np.array(message.data)
    return Command('commands', array_stamp_ns(message), lambda arm: arm.move_to(values))


def _velocities(message: Float64MultiArray) -> Command:
    values = np.array(message.data)
    return Command('velocity_commands', array_stamp_ns(message), lambda arm: arm.speed(values))


def _twist(message: TwistStamped) -> Command:
    twist, frame = twist_from_msg(message), message.header.frame_id
    return Command('delta_twist_cmds', stamp_to_ns(message.header.stamp),
                   lambda arm: arm.drive(twist, frame))


def _pose(message: PoseStamped) -> Command:
    pose, frame = pose_from_msg(message), message.header.frame_id
    return Command('target_pose', stamp_to_ns(message.header.stamp),
                   lambda arm: arm.reach(pose, frame))


def _opening(message: Float64MultiArray) -> Command:
    values = np.array(message.data)
    return Command('gripper_commands', array_stamp_ns(message),
                   lambda arm: arm.open_gripper(values))


def main() -> None:
    """
    Run the node.
    """
    sys.exit(run(SimArm))


if __name__ == '__main__':
    main()
