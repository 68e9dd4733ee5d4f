# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Any Gymnasium environment as a simulated robot.
"""
from __future__ import annotations

import json
from pathlib import Path
import threading
from typing import Any

import numpy as np
from processes import wait_for
import pytest
from small_gym_env import Joints
from small_gym_env import MODULE
from small_gym_env import write_files

from vaa_ros.cli.main import main
from vaa_ros.cli.policy_run import hold_spec
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import SimulationError
from vaa_ros.core.errors import VaaError
from vaa_ros.learning.dataset import build_dataset
from vaa_ros.learning.dataset import DatasetOptions
from vaa_ros.learning.demonstrations import record_demonstrations
from vaa_ros.learning.evaluate import evaluate
from vaa_ros.policies.hold_policy import HoldPolicy
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.sim import environment_experts
from vaa_ros.sim.environment import load_environment
from vaa_ros.sim.gym_simulation import GymSimulation
from vaa_ros.sim.live import Command
from vaa_ros.sim.live import Status
from vaa_ros.sim.live_lockstep import LockstepSimulation

TICK_S = 0.05


def make(folder: Path, **changes: Any) -> GymSimulation:
    return GymSimulation(load_environment(str(write_files(folder, **changes))), MODULE)


def inside(simulation: GymSimulation) -> Joints:
    return simulation.env.unwrapped


def go(simulation: GymSimulation, turn: float) -> None:
    goal = simulation.setpoint
    goal[0] = turn
    simulation.set_trajectory(np.array([TICK_S]), goal[None])
    simulation.advance(1)


def test_joints_come_and_go_in_the_robots_order_and_units(tmp_path: Path) -> None:
    simulation = make(tmp_path)
    assert simulation.pace.control_hz == 20 and simulation.max_time_s == 1.5
    finger, turn, bend = inside(simulation).position
    np.testing.assert_allclose(simulation.joint_position, [turn, bend, 0.04 * finger + 0.01])
    goal = simulation.joint_position + [0.1, -0.1, 0.012]
    simulation.set_trajectory(np.array([TICK_S]), goal[None])
    simulation.advance(1)
    np.testing.assert_allclose(
        inside(simulation).actions[-1], [finger + 0.3, turn + 0.1, bend - 0.1], atol=1e-6)
    np.testing.assert_allclose(simulation.joint_position, goal, atol=1e-7)
    np.testing.assert_allclose(simulation.joint_velocity, [2.0, -2.0, 0.24], atol=1e-5)
    assert simulation.time_ns == 50_000_000 and simulation.steps == 1


def test_without_velocities_they_are_taken_from_the_positions(tmp_path: Path) -> None:
    told, taken = make(tmp_path), make(tmp_path, velocity=None)
    for simulation in (told, taken):
        go(simulation, simulation.setpoint[0] + 0.1)
    np.testing.assert_allclose(taken.joint_velocity, told.joint_velocity, atol=1e-9)


def test_the_seed_decides_the_episode(tmp_path: Path) -> None:
    simulation = make(tmp_path)
    starts = []
    for seed in (3, 4, 3):
        simulation.reset(seed)
        starts.append((simulation.joint_position, simulation.render('front')))
    assert (starts[0][0] == starts[2][0]).all() and (starts[0][1] == starts[2][1]).all()
    assert (starts[0][0] != starts[1][0]).any()
    with pytest.raises(SimulationError, match='seed is -1'):
        simulation.reset(-1)


def test_pictures_come_from_the_observation_or_from_render(tmp_path: Path) -> None:
    simulation = make(tmp_path)
    assert simulation.cameras == ('front', 'side')
    assert simulation.render('side')[0, 0, 0] == 200
    go(simulation, 0.4)
    go(simulation, 0.4)
    assert (simulation.render('front') == 120).all()
    with pytest.raises(ConfigError, match='camera.*wrist.*front, side'):
        simulation.render('wrist')


def test_a_leap_is_slowed_to_the_robots_limits(tmp_path: Path) -> None:
    simulation = make(tmp_path)
    start = simulation.setpoint[0]
    go(simulation, 9.0)
    assert simulation.joint_position[0] == pytest.approx(start + 5.0 * TICK_S)
    simulation.advance(20)
    assert simulation.setpoint[0] == 2.0


def test_a_push_passes(tmp_path: Path) -> None:
    simulation = make(tmp_path)
    before = simulation.joint_position
    simulation.perturb(np.array([0.1, 0.0, 0.0]), 0.1)
    simulation.advance(2)
    np.testing.assert_allclose(simulation.joint_position - before, [0.1, 0, 0], atol=1e-6)
    simulation.advance(1)
    np.testing.assert_allclose(simulation.joint_position, before, atol=1e-6)
    with pytest.raises(SimulationError, match='3 finite'):
        simulation.perturb(np.zeros(7))


@pytest.mark.parametrize('rule', [{'info': 'is_success'}, {'reward': 0.5}])
def test_success_by_info_or_reward_ends_the_episode(tmp_path: Path, rule: dict[str, Any]) -> None:
    simulation = make(tmp_path, success=rule)
    go(simulation, 0.4)
    assert not simulation.success() and not simulation.done()
    go(simulation, 0.6)
    assert simulation.success() and simulation.done()
    count = len(inside(simulation).actions)
    simulation.advance(5)
    assert len(inside(simulation).actions) == count, 'an episode that is over is left alone'
    assert simulation.steps == 7


def test_success_that_is_not_sticky_has_to_hold_at_the_end(tmp_path: Path) -> None:
    simulation = make(tmp_path, success={'info': 'is_success', 'sticky': False}, max_steps=4)
    go(simulation, 0.4)
    go(simulation, 0.6)
    assert simulation.success() and not simulation.done()
    go(simulation, 0.4)
    assert not simulation.success()
    go(simulation, 0.6)
    assert simulation.success() and simulation.done()


def test_an_episode_ends_by_time_or_by_the_environment(tmp_path: Path) -> None:
    simulation = make(tmp_path, max_steps=3)
    simulation.advance(2)
    assert not simulation.done()
    simulation.advance(1)
    assert simulation.done() and not simulation.success()
    ends = make(tmp_path, success={'reward': 99.0})
    for _ in range(10):
        go(ends, 1.95)
    assert ends.done() and ends.steps == 10 and ends.time_s < ends.max_time_s
    assert len(inside(ends).actions) == 8


@pytest.mark.parametrize(('changes', 'words'), [
    ({'state': 'agent/pos'}, ['state', "'agent/pos'", 'agent/position (3,) float64']),
    ({'velocity': 'agent'}, ['velocity', "'agent'", 'shape ()']),
    ({'cameras': {'top': 'pixels/top'}}, ['camera top', 'pixels/front (24, 32, 3) uint8']),
    ({'kwargs': {'bad': 'picture'}}, ['camera side', 'float32', 'uint8']),
    ({'joints': ['finger', 'turn']}, ['finger, turn', 'turn, bend, finger']),
    ({'env': 'vaa_test/Nothing-v0'}, ['vaa_test/Nothing-v0', 'vaa_test/Joints-v0']),
    ({'env': 'os:Joints-v0'}, ['os:Joints-v0', 'module']),
    ({'kwargs': {'colour': 1}}, ['colour', 'vaa_test/Joints-v0']),
    ({'module': 'no_such_module'}, ['no_such_module', '--allow-module']),
    ({'success': {}}, ['success', 'info', 'reward']),
    ({'success': {'info': 'a', 'reward': 1.0}}, ['success', 'either']),
    ({'action': 'joint_velocity'}, ['joint_velocity', 'joint_position']),
    ({'scale': {'finger': 0.0}}, ['scale of finger', 'other than 0']),
    ({'offset': {'elbow': 0.1}}, ['offset', 'elbow', 'finger, turn, bend']),
    ({'max_steps': 0}, ['max_steps', 'positive']),
    ({'cameras': {}}, ['cameras', 'at least one']),
    ({'state': None}, ['missing key state']),
    ({'rate': 5}, ['unknown key rate', 'control_rate_hz']),
    ({'robot': 'vaa_amr'}, ['vaa_amr', 'vaa_arm']),
])
def test_a_wrong_description_is_refused_by_name(
        tmp_path: Path, changes: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(VaaError) as caught:
        make(tmp_path, **changes)
    for word in words:
        assert word in str(caught.value)


def test_what_goes_wrong_while_it_runs_is_named(tmp_path: Path) -> None:
    simulation = make(tmp_path, success={'info': 'won'})
    with pytest.raises(ConfigError, match="no 'won' in info, which has: is_success, turn"):
        simulation.advance(1)
    simulation = make(tmp_path, kwargs={'bad': 'nan'})
    with pytest.raises(SimulationError, match='state.*not finite'):
        simulation.advance(1)


def test_a_module_is_imported_only_where_it_is_allowed(tmp_path: Path) -> None:
    spec = load_environment(str(write_files(tmp_path)))
    for allowed in ('', 'small', 'small_gym_env.more'):
        with pytest.raises(ConfigError, match="'small_gym_env' is code that would run"):
            GymSimulation(spec, allowed)


def test_end_effector_commands_are_refused(tmp_path: Path) -> None:
    kinematics = make(tmp_path).kinematics()
    with pytest.raises(SimulationError, match='joint_trajectory or commands'):
        kinematics.forward(np.zeros(3))


def test_a_policy_is_evaluated_in_it(tmp_path: Path) -> None:
    spec = load_environment(str(write_files(tmp_path)))
    policy = HoldPolicy(hold_spec('joints', environment=spec))
    result = evaluate(policy, 'joints', [0, 1],
                      make_simulation=lambda task: GymSimulation(spec, MODULE))
    assert [rollout.success for rollout in result.rollouts] == [False, False]
    assert [rollout.control_ticks for rollout in result.rollouts] == [30, 30]


class Turner:
    """Turns by a tenth of a radian in each tick."""

    def __init__(self, simulation: GymSimulation, seed: int) -> None:
        self._simulation = simulation

    def act(self) -> np.ndarray:
        return self._simulation.setpoint + [0.1, 0.0, 0.0]


def test_demonstrations_become_a_dataset(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(environment_experts.EXPERTS, 'turner', Turner)
    spec = load_environment(str(write_files(tmp_path, expert='turner', success={'reward': 1.0})))
    done = record_demonstrations('', [5, 6], tmp_path / 'bags', environment=spec, allowed=MODULE)
    assert done.successes == 2
    with BagReader(done.episodes[0].path) as bag:
        assert bag.metadata.task == 'joints' and bag.metadata.robot == 'small'
        assert bag.metadata.instruction == 'turn beyond half a radian'
    build_dataset(tmp_path / 'bags', tmp_path / 'data', DatasetOptions(
        robot=str(tmp_path / 'robot.yaml'), control_rate_hz=20.0, held_out=0.0,
        cameras=('front', 'side')))
    state, action = (np.load(tmp_path / 'data' / f'{name}.npy') for name in ('state', 'action'))
    np.testing.assert_allclose(action[:, 0] - state[:, 0], 0.1, atol=1e-5)
    assert np.load(tmp_path / 'data' / 'images_side.npy').shape == (len(state), 96, 128, 3)
    other = build_dataset(tmp_path / 'bags', tmp_path / 'slow', DatasetOptions(
        robot=str(tmp_path / 'robot.yaml'), cameras=('front',)))
    assert other.notes[:1] == ['recorded at 20 Hz, actions of a chunk are at 30 Hz: --rate 20 '
                               'takes the same']
    assert [note.endswith('Make the dataset with --rate 20') for note in other.notes[1:]] == [True]


def test_demonstrations_need_an_expert(tmp_path: Path) -> None:
    for expert, words in (('', 'no scripted expert'), ('nobody', 'aloha_transfer')):
        spec = load_environment(str(write_files(tmp_path, expert=expert)))
        with pytest.raises(ConfigError, match=words):
            record_demonstrations('', [0], tmp_path / 'bags', environment=spec, allowed=MODULE)
    assert not (tmp_path / 'bags').exists()


def test_the_verbs_take_an_environment(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(environment_experts.EXPERTS, 'turner', Turner)
    path = str(write_files(tmp_path, expert='turner'))
    chosen = ['--environment', path, '--allow-module', MODULE]
    out = tmp_path / 'bags'
    figures = tmp_path / 'figures.json'
    assert main(['record', *chosen, '--episodes', '2', '--in-process', '--out', str(out), '--json',
                 str(figures)]) == 0
    said = capsys.readouterr().out
    assert '2 of them successes' in said
    for episode in json.loads(figures.read_text())['per_episode']:
        with BagReader(Path(episode['path'])) as bag:
            verdict = bag.metadata.verdict
        assert (episode['verdict'], episode['reasons']) == (verdict['judgement'],
                                                            verdict['reasons'])
        assert verdict['judgement'] in said.splitlines()[0]
        assert all(reason in said for reason in verdict['reasons'])
    assert main(['record', *chosen, '--episodes', '2', '--in-process', '--out', str(out)]) == 0
    assert 'already holds 2 of 2 seeds' in capsys.readouterr().out
    assert main(['evaluate', *chosen, '--model', 'hold', '--seeds', '0:1']) == 0
    assert '(0 of 1)' in capsys.readouterr().out
    for wrong, words in ((['record', *chosen, '--out', str(out)], '--in-process'),
                         (['evaluate', '--model', 'hold'], '--environment NAME'),
                         (['evaluate', *chosen, '--model', 'hold', '--task', 'reach'], '--task'),
                         (['evaluate', *chosen[:2], '--model', 'hold'], '--allow-module')):
        assert main(wrong) != 0
        assert words in capsys.readouterr().err


class Outlet:
    """Answers every tick of a live simulation with a turn, until the episode is over."""

    def __init__(self) -> None:
        self.live: LockstepSimulation | None = None
        self.stamps: list[int] = []
        self.over = threading.Event()

    def joint_state(self, stamp_ns: int, position: np.ndarray, velocity: np.ndarray) -> None:
        self.stamps.append(stamp_ns)

    def status(self, status: Status) -> None:
        assert status.tool_pose is None and status.objects == {}
        if status.done:
            self.over.set()
        elif self.live is not None:
            self.live.submit(Command('commands', status.stamp_ns, lambda arm: arm.move_to(
                arm._plant.setpoint + [0.1, 0.0, 0.0])))

    def wants(self, camera: str) -> bool:
        return False

    def image(self, camera: str, stamp_ns: int, rgb: np.ndarray) -> None:
        raise AssertionError('nobody looks')

    def refused(self, topic: str, reason: str) -> None:
        raise AssertionError(f'{topic}: {reason}')


def test_it_runs_in_lockstep(tmp_path: Path) -> None:
    outlet = Outlet()
    live = LockstepSimulation(lambda task: make(tmp_path), outlet, 'joints', 0, lambda: False)
    outlet.live = live
    live.start()
    try:
        wait_for(outlet.over)
    finally:
        live.stop()
    ticks = sorted(set(outlet.stamps))
    assert set(np.diff(ticks)) == {50_000_000} and live.failure is None
