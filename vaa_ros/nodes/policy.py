# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The node policy: from pictures and joint states to commands, with a policy from an ONNX file.

``python -m vaa_ros.nodes.policy --ros-args -p model_path:=pick_place``
"""
from __future__ import annotations

import gc
import math
from pathlib import Path
import sys
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle import LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter as RosParameter
from std_msgs.msg import Bool
from std_msgs.msg import Float64
from std_msgs.msg import String
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger

from vaa_ros.core.control_loop import ControlLoop
from vaa_ros.core.control_setup import make_control_loop
from vaa_ros.core.control_setup import make_judge
from vaa_ros.core.errors import RosError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.input_buffer import InputBuffer
from vaa_ros.core.paths import model_file
from vaa_ros.core.robot import load_robot
from vaa_ros.core.spec import SOURCE_KINDS
from vaa_ros.core.sync import ObservationSync
from vaa_ros.core.tick import Tick
from vaa_ros.policies.kinematics import for_workspace
from vaa_ros.policies.model_folder import ModelFolder
from vaa_ros.policies.opening import HOLD
from vaa_ros.policies.swapping import make_swaps
from vaa_ros.policies.swapping import PolicySwaps
from vaa_ros.ros.background import in_background
from vaa_ros.ros.command_publisher import CommandPublisher
from vaa_ros.ros.control_thread import ControlThread
from vaa_ros.ros.control_thread import UNANSWERED
from vaa_ros.ros.control_wiring import Wiring
from vaa_ros.ros.diagnostics import DiagnosticsPublisher
from vaa_ros.ros.diagnostics import status_message
from vaa_ros.ros.diagnostics import WARN
from vaa_ros.ros.dry_run import DryRun
from vaa_ros.ros.emergency_stop import EmergencyStop
from vaa_ros.ros.gate_log import GateLog
from vaa_ros.ros.input_parameters import judge_options
from vaa_ros.ros.model_services import ModelServices
from vaa_ros.ros.parameters import declare
from vaa_ros.ros.policy_inputs import PolicyInputs
from vaa_ros.ros.policy_parameters import control_options
from vaa_ros.ros.policy_parameters import pacing_options
from vaa_ros.ros.policy_parameters import PARAMETERS
from vaa_ros.ros.policy_reports import control_report
from vaa_ros.ros.policy_reports import inputs_report
from vaa_ros.ros.policy_reports import without_scenes
from vaa_ros.ros.process import run
from vaa_ros.ros.process import transition
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import LATCHED
from vaa_ros.ros.start_move import StartMove
from vaa_ros.ros.tracing import Tracing

SWITCH_INTERVAL_S = 0.0005


class PolicyNode(LifecycleNode):
    """
    Wires inputs to a control thread and says what it does.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__('policy', **options)
        declare(self, PARAMETERS)
        self.add_on_set_parameters_callback(self._check_parameters)
        self.add_post_set_parameters_callback(self._take_parameters)
        self._robot = load_robot(self._value('robot'))
        self._kind = SOURCE_KINDS[self._value('command_type')]
        self._swaps: PolicySwaps | None = None
        self._thread: ControlThread | None = None
        self._loop: ControlLoop | None = None
        self._commands: CommandPublisher | None = None
        self._inputs: PolicyInputs | None = None
        self._gate_log: GateLog | None = None
        self._tracing: Tracing | None = None
        self._most_clamped, self._paused, self._commanding = math.inf, False, False
        self._lifecycle, self._instruction = 'unconfigured', self._value('instruction')
        self._alignment = self.create_publisher(Float64, '~/alignment', EVENTS)
        self._confidence = self.create_publisher(Float64, '~/confidence', EVENTS)
        self._status = self.create_publisher(DiagnosticStatus, '~/status', EVENTS)
        self._says_commanding = self.create_publisher(Bool, '~/commanding', LATCHED)
        self._models = ModelServices(self, self._robot.name)
        self._stop = EmergencyStop(self, self._on_e_stop, silent_s=self._value('e_stop_silence_s'))
        for qos in (LATCHED, EVENTS):
            self.create_subscription(
                String, 'instruction', lambda message: self._ask_for(message.data), qos)
        if self._value('deadman'):
            self.create_subscription(Bool, 'deadman', self._on_deadman, EVENTS)
        # A callback that waits would keep a shared group from hearing a stop.
        alone = MutuallyExclusiveCallbackGroup()
        self.create_service(Trigger, '~/reset_policy', self._on_reset, callback_group=alone)
        self.create_service(SetBool, '~/pause', self._on_pause)
        self._start = StartMove(
            self, self._robot, lambda: self._swaps.slot.current.spec,
            lambda: self._thread if self._lifecycle == 'active' else None,
            lambda: self._pause(True), lambda: self._inputs.newest_joints)
        self.wind_down = self._start.give_up
        self.create_timer(0.5, self._on_timer, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._diagnostics = DiagnosticsPublisher(self, 'control', self._report)

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _check_parameters(self, changes: list[RosParameter]) -> SetParametersResult:
        for change in changes:
            if change.name == 'model_path' and change.value != HOLD:
                try:
                    model_file(change.value)
                except (VaaError, TypeError) as error:
                    return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _take_parameters(self, changes: list[RosParameter]) -> None:
        for change in changes:
            if change.name == 'instruction':
                self._ask_for(change.value)

    @transition
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """
        Load the policy and connect its inputs.
        """
        swaps = make_swaps(self._robot, self._kind, self._value)
        spec = swaps.begin(self._value('model_path'))
        watched = self._value('watch_models')
        folder = ModelFolder(Path(watched), signed=self._value('require_signature')) \
            if watched else None
        pacing = pacing_options(self._value, spec)
        lockstep = pacing.lockstep
        self._loop = make_control_loop(
            spec, self._robot, control_options(self._value, pacing),
            for_workspace(self._robot, spec.action.kind, self.get_logger().warning))
        self._swaps = swaps
        self._most_clamped = self._value('warn_clamped_s') / pacing.period_s
        self._commands = (DryRun if self._value('dry_run') else CommandPublisher)(
            self, self._value('command_type'), self._robot, pacing.period_s,
            self._value('stamp_commands') or lockstep, self._value('trajectory_points'),
            self._loop.ahead, lambda: self._inputs.joints)
        self._loop.sender_coasts, self._commands.step = self._commands.coasts, self._loop.step
        self._loop.sender_led_on = self._commands.led_on
        tracing = self._tracing = Tracing(
            self, spec.camera_keys[0], self._loop.figures.latency, self._commands.publish)
        self._inputs = PolicyInputs(self, spec, self._robot, lockstep, tracing.times)
        wiring = Wiring(lambda: tracing.timed(self._start.at_work(swaps.slot.at_work)),
                        tracing.publish, self._commands.again, self._after,
                        lambda: self.get_clock().now().nanoseconds, self._inputs.measured)
        judge = make_judge(spec, self._robot, judge_options(self._value),
                           self._value('use_sim_time'))
        buffer = InputBuffer(ObservationSync(spec, self._value('max_skew_s')), lockstep, judge)
        self._thread = ControlThread(self._loop, buffer, wiring, pacing)
        self._gate_log = GateLog(self, lambda: self._thread.decision,
                                 lambda: swaps.slot.current.spec.name)
        self._thread.pause(self._paused)
        self._thread.set_instruction(self._instruction)
        self._stop.repeat()
        self._diagnostics.add('inputs', lambda: inputs_report(*self._thread.judged()))
        self._diagnostics.add('latency', tracing.report)
        self._inputs.connect(self._thread)
        self._lifecycle = 'inactive'
        if self._value('watch_scene') and (said := without_scenes(swaps.slot.current, HOLD)):
            self.get_logger().info(said)
        self._models.begin(swaps, self._value('models'), folder)
        self._announce(False)
        return super().on_configure(state)

    @transition
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """
        Begin to command the arm, unless someone else does.
        """
        if others := self._commands.rivals(self._value('allow_other_publishers'),
                                           discovery_s=self._value('discovery_s')):
            raise RosError(f'not activated: {others}')
        # What exists now stays; later collections then have little to look through.
        gc.collect()
        gc.freeze()
        for problem in self._thread.start():
            self.get_logger().warning(problem)
        self._lifecycle = 'active'
        return super().on_activate(state)

    @transition
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """
        Hold the arm and stop commanding it.
        """
        self._thread.halt(lambda: self._announce(False))
        gc.unfreeze()
        self._lifecycle = 'inactive'
        return super().on_deactivate(state)

    @transition
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """
        Hold the arm and disconnect everything that belongs to the policy.
        """
        self._disconnect()
        return TransitionCallbackReturn.SUCCESS

    on_shutdown = on_error = on_cleanup

    def stop(self) -> None:
        """
        Publish the hold before the process ends.
        """
        if self._thread is not None:
            self._thread.halt(lambda: self._announce(False))
            self._inputs.close()
        gc.unfreeze()

    def fault(self, reason: str) -> None:
        """
        Hold after an exception that escaped a callback, until ~/reset_policy.

        :param reason: one line.
        """
        if self._thread is not None:
            self._thread.problem('node', reason)

    def _disconnect(self) -> None:
        self.stop()
        if self._commands is not None:
            self._commands.close()
            self._tracing.close()
            self._diagnostics.remove('inputs', 'latency')
        self._models.end()
        self._thread = self._loop = self._inputs = self._commands = self._swaps = None
        self._tracing, self._lifecycle = None, 'unconfigured'

    def _on_deadman(self, message: Bool) -> None:
        if self._thread is not None:
            self._thread.set_deadman(message.data)

    def _on_e_stop(self, pressed: bool) -> None:
        if self._thread is not None:
            self._thread.set_e_stop(pressed, self._stop.taken_over)

    def _ask_for(self, instruction: str) -> None:
        if instruction == self._instruction:
            return
        self._instruction = instruction
        self.get_logger().info(f'instruction: {instruction!r}')
        if self._swaps is not None:
            # First, so that the policy that knows it is the one that is asked.
            self._swaps.answer_to(instruction)
        if self._thread is not None:
            self._thread.set_instruction(instruction)

    async def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Any:
        still, thread = self._stop.release(), self._thread
        if thread is None:
            response.message = 'the node is not configured: nothing but a stop was reset'
        elif still:
            response.message = f'not reset: release e_stop first ({still})'
        else:
            response.success, said = await in_background(self, thread.reset)
            response.message = f'{said}{self._stop.forgotten}'
        return response

    def _on_pause(self, request: Any, response: SetBool.Response) -> SetBool.Response:
        response.success, response.message = self._pause(request.data)
        return response

    def _pause(self, paused: bool) -> tuple[bool, str]:
        self._paused, thread = paused, self._thread
        if thread is not None:
            thread.pause(paused)
            if not thread.settled():
                return False, UNANSWERED
            if not paused and thread.paused_by:
                return False, f'paused by {thread.paused_by}, which ends with a pause'
        return True, 'paused: the arm holds' if paused else 'going on'

    def _announce(self, commanding: bool) -> None:
        self._commanding = commanding
        self._says_commanding.publish(Bool(data=commanding))

    def _after(self, tick: Tick) -> None:
        # In lockstep a silence means nothing: time stands still.
        commanding = tick.command is not None and not (
            self._value('lockstep') or self._value('dry_run'))
        if commanding != self._commanding:
            self._announce(commanding)
        if tick.meant_wrong and not self._start.under_way:
            self._swaps.slot.failed(tick.meant_wrong)
        self._tracing.say_trace(self._swaps.slot.current.spec.name, tick.decision.state)
        if self._gate_log.note():
            self._say_status()
        if tick.fresh:
            self._alignment.publish(Float64(data=self._loop.figures.alignment))
            self._confidence.publish(Float64(data=self._loop.figures.confidence))

    def _on_timer(self) -> None:
        if self._thread is None:
            return
        # Again and again, for a guard that forgot whom it watches.
        self._announce(self._commanding)
        self._thread.set_other_publisher(
            self._commands.rivals(self._value('allow_other_publishers'), wait=False))
        self._gate_log.note()
        self._gate_log.write()
        self._say_status()
        self._tracing.say_latency()

    def _say_status(self) -> None:
        self._status.publish(status_message('policy: control', *self._report()))

    def _report(self) -> tuple[bytes, str, dict[str, object]]:
        if self._thread is None:
            return WARN, 'the node is not configured', {'state': self._lifecycle, 'reason': ''}
        level, text, values = control_report(
            self._thread.decision, self._swaps.slot.current.spec.name, self._instruction,
            {**self._loop.figures.values(), **self._commands.figures(), **self._thread.figures()},
            self._thread.ages_s(), self._most_clamped)
        return level, f'dry run: {text}' if self._value('dry_run') else text, values


def main() -> None:
    """
    Run the node.
    """
    # The control thread shall not wait 5 ms for a callback that is busy.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    sys.exit(run(PolicyNode))


if __name__ == '__main__':
    main()
