# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Does a policy get better by the corrections of a person who takes over? HG-DAgger, end to end.

    python benchmarks/takeover.py
    python benchmarks/takeover.py --demonstrations 8 --corrections 20 --episodes 100

A tiny policy learns `reach` from few demonstrations and is judged. Then it runs in real time, as
`takeover.launch.py` has it: sim_arm, camera_subscriber, policy, teleop, command_mux and
teleop_recorder as processes. The person is a model: it watches where tool and target are, takes
over 0.3 s after the policy has come no nearer for a second, and steers through the topic `joy`
alone, with noise on the sticks. The bags go through `vaa dataset` with the old demonstrations, and
a new policy of the same size learns from both for the same number of steps. Both are judged on
the same seeds, which neither was trained or corrected on. `more demonstrations` is the control:
the old ones and as many new ones of the scripted expert, whole, as there were corrections.
"""
from __future__ import annotations

from dataclasses import replace
import math
import os
from pathlib import Path
import time
from typing import Any
from typing import TYPE_CHECKING

from bench import make_parser
from bench import PUSHES
from bench import rate
from bench import show
import numpy as np

if TYPE_CHECKING:
    from vaa_ros.cli.arm_client import ArmClient
    from vaa_ros.cli.arm_client import TaskStatus
    from vaa_ros.cli.world import World

TASK = 'reach'
CORRECTED_FROM = 50_000
"""First seed of the scenes in which the person corrects."""
MORE_FROM = 60_000
JUDGED_FROM = 100_000
TIME_LIMIT_S = 15.0
STUCK_S, NEARER_M, CLOSE_M = 1.0, 0.01, 0.02
REACTION_S = 0.3
GIVE_BACK_S = 1.0
FULL_STICK_M = 0.08
NOISE, NOISE_KEEPS = 0.25, 0.9
DEADMAN = [0, 0, 0, 0, 1, 0, 0, 0]


class Person:
    """
    A noisy model of a person with a gamepad, who knows topics alone.

    :param client: joins the ROS graph.
    """

    def __init__(self, client: ArmClient) -> None:
        from geometry_msgs.msg import PoseStamped
        from sensor_msgs.msg import Joy
        from std_msgs.msg import Bool
        from std_msgs.msg import String
        from std_srvs.srv import Trigger

        from vaa_ros.ros.qos import EVENTS
        from vaa_ros.ros.qos import JOINTS
        from vaa_ros.ros.qos import LATCHED
        self._joy = client.node.create_publisher(Joy, 'joy', EVENTS)
        client.node.create_subscription(PoseStamped, 'tool_pose', self._on_tool, JOINTS)
        client.node.create_subscription(
            String, 'command_source', lambda said: setattr(self, 'source', said.data), LATCHED)
        client.node.create_subscription(
            Bool, 'command_mux/commanding',
            lambda said: setattr(self, 'commanding', said.data), LATCHED)
        client.on_task = self._on_task
        self.source, self.commanding = '', False
        self.takeovers = 0
        self._tool: np.ndarray | None = None
        resume = client.node.create_client(Trigger, 'command_mux/resume')
        self._give_back = lambda: resume.call_async(Trigger.Request())
        self.begin(0)

    def begin(self, seed: int) -> None:
        """
        Get ready for a scene, hands off.
        """
        self._rng = np.random.default_rng([seed, 271])
        self._noise = np.zeros(3)
        self._nearest, self._nearest_s = math.inf, 0.0
        self._drives = False
        self.watching = False
        self._let_go_s = 0.0

    def _on_tool(self, message: Any) -> None:
        at = message.pose.position
        self._tool = np.array([at.x, at.y, at.z])

    def _on_task(self, status: TaskStatus) -> None:
        if self._tool is None:
            return
        way = np.array(status.objects['target'][:3]) - self._tool
        distance = float(np.linalg.norm(way))
        if self.source != 'policy':
            # Patience begins when the policy does.
            self._nearest, self._nearest_s = math.inf, status.time_s
        elif distance < self._nearest - NEARER_M:
            self._nearest, self._nearest_s = distance, status.time_s
        idle_s = status.time_s - self._nearest_s
        if self.watching and not self._drives and distance > CLOSE_M and (
                idle_s > STUCK_S + REACTION_S):
            self._drives = True
            self.takeovers += 1
        if status.done or not self.watching:
            self._drives = False
        if self._drives or self.source != 'hold':
            self._let_go_s = status.time_s
        elif self.watching and status.time_s - self._let_go_s > GIVE_BACK_S:
            self._let_go_s = status.time_s
            self._give_back()
        self._steer(way)

    def _steer(self, way: np.ndarray) -> None:
        from sensor_msgs.msg import Joy
        axes = [0.0] * 8
        if self._drives:
            self._noise = NOISE_KEEPS * self._noise + math.sqrt(1 - NOISE_KEEPS ** 2) * (
                NOISE * self._rng.standard_normal(3))
            wish = way / max(FULL_STICK_M, float(np.abs(way).max()))
            # The hand shakes more the further it pushes.
            sticks = np.clip(wish + self._noise * (0.2 + np.abs(wish).max()), -1.0, 1.0)
            axes[1], axes[0], axes[4] = (float(value) for value in sticks)
        self._joy.publish(Joy(axes=axes, buttons=DEADMAN if self._drives else [0] * 8))


def start(world: World, model: Path, out: Path) -> None:
    """
    Start what takeover.launch.py starts.
    """
    world.start('sim_arm', {'task': TASK, 'seed': 0, 'max_time_s': TIME_LIMIT_S})
    world.start('camera_subscriber', {'model_path': str(model)})
    world.start('policy', {'model_path': str(model)},
                {'joint_trajectory': 'policy/joint_trajectory'})
    world.start('teleop', {'mode': 'gamepad', 'speed': 1.0},
                {'joint_trajectory': 'teleop/joint_trajectory'})
    world.start('command_mux', {'timeout_s': 0.5})
    world.start('teleop_recorder', {
        'output_dir': str(out.resolve()), 'task': TASK, 'policy': model.stem, 'keys': False,
        'operator': 'noisy model', 'control_rate_hz': 30.0})


def take(client: ArmClient, person: Person, seed: int) -> bool:
    """
    Let the policy do one scene, with the person beside it, and record it.

    :return: whether the target was touched in the end.
    """
    from vaa_ros.cli.follow import follow
    client.set_bool('policy/pause', True)
    client.wait(lambda: person.source == 'hold' and not person.commanding,
                'everybody to let go of the arm', 20.0)
    client.set_parameters('sim_arm', seed=seed)
    number = client.task.episode
    client.trigger('sim_arm/reset')
    client.wait(lambda: client.task.episode > number, 'the new episode', 20.0)
    person.begin(seed)
    client.trigger('teleop_recorder/start_episode')
    client.trigger('policy/reset_policy')
    client.trigger('command_mux/resume')
    client.set_bool('policy/pause', False)
    person.watching = True
    status = follow(client, number, lambda: f'{person.source} drives')
    person.watching = False
    client.set_bool('teleop_recorder/stop_episode', status.success)
    return status.success


def correct(model: Path, wanted: int, out: Path) -> dict[str, int]:
    """
    Run the policy with a person beside it until there are enough corrections.

    :return: scenes, takeovers, and scenes that ended well.
    """
    from vaa_ros.cli.follow import START_TIMEOUT_S
    from vaa_ros.cli.world import open_world
    found = {'scenes': 0, 'takeovers': 0, 'ended well': 0}
    with open_world(out / 'log') as world:
        person = Person(world.client)
        start(world, model, out / 'takeovers')
        world.client.wait_for_arm(START_TIMEOUT_S)
        while person.takeovers < wanted and found['scenes'] < 5 * wanted:
            well = take(world.client, person, CORRECTED_FROM + found['scenes'])
            found['scenes'] += 1
            found['ended well'] += well
            found['takeovers'] = person.takeovers
            print(f'{found}', flush=True)
    return found


def learn(bags: list[Path], name: str, out: Path, steps: int, seed: int) -> Path:
    """
    Make a dataset of bags, train on it, and export the policy.
    """
    from vaa_ros.cli.dataset import build
    from vaa_ros.learning.config import load_config
    from vaa_ros.learning.export import export
    from vaa_ros.learning.train import train
    model = out / f'{name}.onnx'
    figures = build(bags, out / f'data_{name}', True, task=TASK, control_rate_hz=30.0)
    print(f'{name}: {figures["episodes"]} episodes, {figures["frames"]} frames', flush=True)
    config = replace(load_config('tiny', steps=steps, threads=1, seed=seed), max_minutes=None)
    train(config, out / f'data_{name}', out / f'run_{name}', False)
    export(out / f'run_{name}', model)
    return model


def judge(model: Path, episodes: int) -> dict[str, object]:
    """
    Count the scenes that a policy does by itself.
    """
    from vaa_ros.learning.evaluate import evaluate
    seeds = range(JUDGED_FROM, JUDGED_FROM + episodes)
    began_s = time.monotonic()
    wins = sum(rollout.success for rollout in evaluate(model, TASK, seeds).rollouts)
    print(f'{model.stem}: {wins} of {episodes}, {time.monotonic() - began_s:.0f} s', flush=True)
    return {'success % (95 %)': rate(wins, episodes), 'successes': wins, 'episodes': episodes}


def main() -> None:
    """
    Learn, correct, learn again, and print both.
    """
    parser = make_parser(__doc__)
    parser.add_argument('--demonstrations', type=int, default=8,
                        help='episodes of the first policy (default: 8)')
    parser.add_argument('--corrections', type=int, default=20,
                        help='takeovers of the person (default: 20)')
    parser.add_argument('--episodes', type=int, default=100,
                        help='episodes of each judgement (default: 100)')
    parser.add_argument('--steps', type=int, default=1500, help='batches (default: 1500)')
    parser.add_argument('--seed', type=int, default=0, help='seed of training (default: 0)')
    parser.add_argument('--no-control', action='store_true',
                        help='leave out the policy with more demonstrations')
    parser.add_argument('--out', type=Path, default=Path('out/takeover'),
                        help='folder of bags, datasets and runs; must not exist yet')
    args = parser.parse_args()
    from vaa_ros.learning.demonstrations import record_demonstrations
    os.environ['OMP_NUM_THREADS'] = '1'
    args.out.mkdir(parents=True)
    out, demos = args.out, args.out / 'demos'
    record_demonstrations(TASK, range(args.demonstrations), demos, pushes_a_second=PUSHES)
    weak = learn([demos], 'before', out, args.steps, args.seed)
    rows = {'demonstrations alone': judge(weak, args.episodes)}
    found = correct(weak, args.corrections, out)
    both = learn([demos, out / 'takeovers'], 'after', out, args.steps, args.seed)
    rows['and corrections'] = {**judge(both, args.episodes), **found}
    if not args.no_control:
        record_demonstrations(TASK, range(MORE_FROM, MORE_FROM + found['takeovers']),
                              out / 'more', pushes_a_second=PUSHES)
        more = learn([demos, out / 'more'], 'control', out, args.steps, args.seed)
        rows['control: more demonstrations'] = judge(more, args.episodes)
    show('learned from', rows, args.json)


if __name__ == '__main__':
    main()
