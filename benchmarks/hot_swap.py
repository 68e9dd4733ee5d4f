# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Another model every moment while the arm moves: missed ticks, largest step, memory, threads.

    python benchmarks/hot_swap.py                        # 100 swaps
    python benchmarks/hot_swap.py --load                 # beside a process that keeps a core busy
    python benchmarks/hot_swap.py --swaps 200 --json out/hot_swap.json

Processes: a camera driver (two cameras, 640x480 at 30 Hz), ``camera_subscriber``, ``policy``, and
this one, which asks for swaps and receives the commands. The two models are the shipped one with
its first joint 0.3 rad to the left and to the right, so that every swap moves the arm. A step is
compared with what the joint's velocity limit allows in the time between two commands, or in 1.25
control periods, the longest regular tick, where they are closer. Memory and threads are those of
the policy process, after a tenth of the swaps and at the end. The baseline is what a swap that
nobody notices would show.
"""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import sys
import tempfile
import threading
from typing import Any

from bench import held_by
from bench import make_parser
from bench import running
from bench import show
from bench import Spinning
import numpy as np

OFFSET = 0.3
ANSWER_S = 120.0
BUSY = 'import os\nos.sched_setaffinity(0, {max(os.sched_getaffinity(0))})\nwhile True: pass'


def shifted(model: Path, offset: float, place: Path) -> Path:
    """
    Write a model whose first action element is moved.

    :param model: the ONNX file.
    :param offset: by how much [rad].
    :param place: the file to write.
    :return: that file.
    """
    import onnx
    from onnx import helper
    from onnx import numpy_helper
    made = onnx.load(model)
    for node in made.graph.node:
        node.output[:] = ['unmoved' if name == 'actions' else name for name in node.output]
        node.input[:] = ['unmoved' if name == 'actions' else name for name in node.input]
    width = next(output for output in made.graph.output
                 if output.name == 'actions').type.tensor_type.shape.dim[-1].dim_value
    added = np.zeros(width, np.float32)
    added[0] = offset
    made.graph.initializer.append(numpy_helper.from_array(added, 'moved_by'))
    made.graph.node.append(helper.make_node('Add', ['unmoved', 'moved_by'], ['actions']))
    onnx.save(made, place)
    return place


class Observer(Spinning):
    """
    Receives what the policy node says, and asks it for models.
    """

    def __init__(self) -> None:
        from diagnostic_msgs.msg import DiagnosticStatus
        from rclpy.parameter_client import AsyncParameterClient
        from std_srvs.srv import Trigger
        from trajectory_msgs.msg import JointTrajectory

        from vaa_ros.ros.diagnostics import status_values
        super().__init__('observer')
        self.commands: list[tuple[float, np.ndarray]] = []
        self.status: dict[str, str] = {}
        self.said = threading.Event()
        self._request = Trigger.Request
        self._reload = self.node.create_client(Trigger, 'policy/reload_policy')
        self._parameters = AsyncParameterClient(self.node, 'policy')

        def on_command(message: JointTrajectory, info: dict[str, Any]) -> None:
            self.commands.append((info['source_timestamp'] / 1e9,
                                  np.array(message.points[0].positions)))

        def on_status(message: DiagnosticStatus) -> None:
            self.status = status_values(message)
            self.said.set()

        self.node.create_subscription(JointTrajectory, 'joint_trajectory', on_command, 100)
        self.node.create_subscription(DiagnosticStatus, 'policy/status', on_status, 10)
        self.spin()

    def wait_running(self) -> dict[str, str]:
        """
        Wait until the node says anew that it commands the arm.

        :return: the values of that status.
        """
        for _ in range(round(ANSWER_S)):
            self.said.clear()
            self.said.wait(1.0)
            if self.status.get('state') == 'running' and self.said.is_set():
                return self.status
        raise SystemExit(f'the policy node does not run; it said: {self.status}')

    def swap(self, model: Path) -> None:
        """
        Put another model to work.

        :param model: the ONNX file.
        """
        from rclpy.parameter import Parameter
        self._answer(self._parameters.set_parameters(
            [Parameter('model_path', value=str(model))]))
        answer = self._answer(self._reload.call_async(self._request()))
        if not answer.success:
            raise SystemExit(f'swap refused: {answer.message}')

    @staticmethod
    def _answer(future: Any) -> Any:
        done = threading.Event()
        future.add_done_callback(lambda _: done.set())
        if not done.wait(ANSWER_S):
            raise SystemExit(f'the policy node gave no answer within {ANSWER_S:g} s')
        return future.result()


@contextmanager
def chain(model: Path, shadow_s: float, load: bool) -> Iterator[int]:
    """
    Run the processes.

    :param model: the first model.
    :param shadow_s: how long each new one stays in shadow [s].
    :param load: whether to keep one core busy too.
    :return: the process id of the policy node.
    """
    node = [sys.executable, '-m']
    commands = [
        [*node, 'vaa_ros.nodes.policy', '--ros-args', '-p', f'model_path:={model}',
         '-p', 'autostart:=true', '-p', 'watch_scene:=false', '-p', f'shadow_s:={shadow_s}'],
        [*node, 'vaa_ros.nodes.camera_subscriber', '--ros-args', '-p', f'model_path:={model}'],
        [sys.executable, str(Path(__file__).with_name('latency.py')), '--role', 'driver'],
        *([[sys.executable, '-c', BUSY]] if load else [])]
    with running(commands) as processes:
        yield processes[0].pid


def largest_step(commands: list[tuple[float, np.ndarray]], period_s: float) -> float:
    """
    Compare the steps between commands with the velocity limits.

    :param commands: times [s] and positions of the joints (D,).
    :param period_s: control period [s].
    :return: the largest, as a share of what its limit allows.
    """
    from vaa_ros.core.robot import load_robot
    from vaa_ros.core.tick_schedule import DEADLINE
    robot = load_robot('vaa_arm')
    limits = np.array([joint.velocity for joint in robot.joints])
    times = np.array([time_s for time_s, _ in commands])
    track = np.array([position[:len(limits)] for _, position in commands])
    allowed = limits * np.maximum(np.diff(times), DEADLINE * period_s)[:, None]
    return float((np.abs(np.diff(track, axis=0)) / allowed).max())


def measure(models: list[Path], swaps: int, shadow_s: float, load: bool) -> dict[str, float]:
    """
    Swap, and give the figures.

    :param models: the two models.
    :param swaps: how many times.
    :param shadow_s: how long each new one stays in shadow [s].
    :param load: whether to keep one core busy too.
    :return: the figures of one row.
    """
    from vaa_ros.cli.policy_run import CONTROL_RATE_HZ
    with chain(models[0], shadow_s, load) as policy:
        observer = Observer()
        before = observer.wait_running()
        start = len(observer.commands)
        early: dict[str, float] = {}
        for number in range(1, swaps + 1):
            observer.swap(models[number % 2])
            if number == max(1, swaps // 10):
                early = held_by(policy)
        after = observer.wait_running()
        late = held_by(policy)
        observer.close()
    counted = {key: int(after[key]) - int(before[key]) for key in
               ('control_ticks', 'missed_ticks', 'failures', 'refused')}
    step = largest_step(observer.commands[start:], 1.0 / CONTROL_RATE_HZ)
    return {'swaps': swaps, **counted, 'largest_step': round(step, 3),
            **{f'{key}_{when}': value for when, values in (('early', early), ('end', late))
               for key, value in values.items()}}


def main() -> None:
    """
    Swap, and print one table.
    """
    parser = make_parser(__doc__)
    parser.add_argument('--model', default='pick_place', help='model name or ONNX file')
    parser.add_argument('--swaps', type=int, default=100, help='how many (default: 100)')
    parser.add_argument('--shadow', type=float, default=0.3, metavar='SECONDS',
                        help='how long each new model stays in shadow (default: 0.3)')
    parser.add_argument('--load', action='store_true', help='keep one core busy meanwhile')
    args = parser.parse_args()
    from vaa_ros.core.paths import config_file
    from vaa_ros.core.paths import model_file
    os.environ.update(ROS_DOMAIN_ID=os.environ.get('ROS_DOMAIN_ID', '98'),
                      ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST',
                      FASTDDS_DEFAULT_PROFILES_FILE=str(config_file('fastdds.xml')))
    with tempfile.TemporaryDirectory() as folder:
        models = [shifted(model_file(args.model), offset, Path(folder) / f'{name}.onnx')
                  for name, offset in (('left', -OFFSET), ('right', OFFSET))]
        found = measure(models, args.swaps, args.shadow, args.load)
    wanted = {'swaps': args.swaps, 'missed_ticks': 0, 'failures': 0, 'refused': 0,
              'largest_step': '1 at most', 'memory_mb_end': found['memory_mb_early'],
              'threads_end': found['threads_early']}
    show('swaps during motion', {'one core busy' if args.load else 'measured': found,
                                 'baseline: nobody notices': wanted}, args.json)


if __name__ == '__main__':
    main()
