# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Policies that see more than one frame: what they learn from it, and that they run.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from learning_samples import arm_spec
from learning_samples import TINY
from learning_samples import tiny_config
from learning_samples import tiny_spec
from learning_samples import write_dataset
import numpy as np
import onnx
import pytest
import torch

from vaa_ros.alignment.config import LossConfig
from vaa_ros.alignment.config import ModelConfig
from vaa_ros.alignment.graphs import PolicyGraph
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.alignment.model import Batch
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.history import seen_frames
from vaa_ros.core.types import Past
from vaa_ros.learning.batches import BatchStream
from vaa_ros.learning.batches import gather
from vaa_ros.learning.batches import to_batch
from vaa_ros.learning.checkpoint import load_policy
from vaa_ros.learning.config import AugmentConfig
from vaa_ros.learning.config import with_history
from vaa_ros.learning.evaluate import Driver
from vaa_ros.learning.evaluate import evaluate
from vaa_ros.learning.export import export
from vaa_ros.learning.export import export_policy
from vaa_ros.learning.export import random_observations
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.held_out import evaluate_held_out
from vaa_ros.learning.train import train
from vaa_ros.learning.validate import answer
from vaa_ros.learning.validate import judge
from vaa_ros.policies.hold_policy import HoldPolicy
from vaa_ros.policies.onnx_policy import OnnxPolicy
from vaa_ros.sim.simulation import Simulation


def seeing(frames: int, **changes: Any) -> Any:
    return replace(tiny_spec(**changes), observation_history=frames)


def policy_of(frames: int, model: ModelConfig = TINY, **changes: Any) -> AlignedPolicy:
    torch.manual_seed(0)
    return AlignedPolicy(seeing(frames, **changes), model, LossConfig(align=0.0))


@pytest.fixture(scope='module')
def made(tmp_path_factory) -> tuple[Path, Path, Path]:
    folder = tmp_path_factory.mktemp('history')
    data = write_dataset(folder / 'data', episodes=8, held_out=2)
    config = tiny_config(steps=10, observation_history=2, history_stride=2)
    train(config, data, folder / 'run', progress=False)
    export(folder / 'run', folder / 'p.onnx')
    return folder / 'p.onnx', data, folder / 'run'


def test_one_frame_is_the_network_that_it_was():
    ours, theirs = policy_of(1), policy_of(2)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    widened = {name for name, value in ours.state_dict().items()
               if value.shape != theirs.state_dict()[name].shape}
    assert {name.split('.')[0] for name in widened} == {'project_vision', 'fusion'}


def test_frames_that_are_alike_say_that_nothing_moves():
    policy = policy_of(3).eval()
    picture = torch.rand(1, 3, 24, 32)
    features, _ = policy.see({'front': picture.expand(3, -1, -1, -1)})
    width = TINY.vision_features
    assert features.shape == (1, 3 * width)
    assert features[0, width:].abs().max() < 1e-6 < features[0, :width].abs().max()


def test_every_frame_has_its_own_place_and_the_gradient_reaches_it():
    policy = policy_of(3, cameras=('front', 'wrist')).eval()
    pictures = {key: torch.rand(6, 3, 24, 32, requires_grad=True) for key in ('front', 'wrist')}
    batch = Batch(pictures, {}, torch.zeros(2, 3), torch.rand(2, 6, 3), torch.ones(2, 6))
    loss, _ = policy(batch)
    loss.backward()
    for picture in pictures.values():
        assert (picture.grad.flatten(1).norm(dim=1) > 0).all()
    # Another picture changes the features of its own place alone.
    with torch.no_grad():
        before, _ = policy.see(pictures)
        changed = {**pictures, 'front': pictures['front'].clone()}
        changed['front'][1] = 0.0
        moved = (policy.see(changed)[0] - before).abs().unflatten(1, (6, -1)).amax(2) > 1e-5
    assert moved.tolist() == [[False, True, False, False, False, False], [False] * 6]


def test_a_graph_gives_what_training_saw(made):
    _, data, run = made
    frames, (policy, _, _) = Frames(data), load_policy(run)
    chosen, history = np.array([3, 70]), frames.history(policy.spec)
    assert policy.spec.history_stride == 2 and history[3].tolist() == [3, 1]
    found = answer(policy, frames, chosen)
    graph = PolicyGraph(policy).eval()
    for row, frame in enumerate(chosen):
        seen = seen_frames(policy.spec, frames.observation(frame, history))
        with torch.no_grad():
            actions, *_ = graph(*(torch.from_numpy(images['front'].copy())[None]
                                  for images in seen),
                                torch.from_numpy(frames.state[[frame]]))
        assert torch.allclose(actions[0], found.predicted[row], atol=1e-5)


def test_frames_of_a_sample_share_crop_and_light(made):
    frames = Frames(made[1])
    history = np.repeat(np.arange(len(frames))[:, None], 3, axis=1)
    raw = gather(frames, np.array([5, 40]), 0.75, np.random.default_rng(0), history)
    assert raw.pictures['front'].shape == (6, 18, 24, 3) and raw.shifts['front'].shape == (6, 2)
    batch = to_batch(raw, AugmentConfig(), torch.Generator().manual_seed(0))
    picture = batch.pictures['front'].unflatten(0, (2, 3))
    assert torch.equal(picture[:, 0], picture[:, 1]) and torch.equal(picture[:, 0], picture[:, 2])
    plain = gather(frames, np.array([5, 40]), 0.75, np.random.default_rng(0))
    assert np.array_equal(raw.pictures['front'][::3], plain.pictures['front'])


def test_the_stream_gives_the_frames_of_the_rule(made):
    frames = Frames(made[1])
    history = frames.history(seeing(2))
    with BatchStream(frames, np.arange(len(frames)), 1.0, 8, 2, 0, history) as stream:
        raw = next(iter(stream))
    rows = raw.episode * 30 + np.round(raw.stamp * 30 / 1e9).astype(int)
    assert np.array_equal(raw.pictures['front'], frames.images['front'][history[rows].ravel()])


def test_the_exported_file_has_an_input_a_frame_and_judges_as_torch_does(made):
    model, data, run = made
    names = [item.name for item in onnx.load(model).graph.input]
    assert names == ['image_front', 'image_front_earlier_1', 'state']
    policy, _, state = load_policy(run)
    frames, found = Frames(data), evaluate_held_out(model, data)
    wanted = judge(answer(policy, frames, frames.split('held_out')), policy.spec)
    for name in ('l1', 'nll'):
        assert found[name] == pytest.approx(wanted[name], abs=1e-4)
        assert found[name] == pytest.approx(state['metrics'][name], abs=1e-4)


def test_a_running_policy_sees_the_past_and_refuses_a_malformed_one(made):
    policy = OnnxPolicy(made[0])
    observation = random_observations(policy.spec, 0)[1]
    still = replace(observation, past=None)
    assert not np.allclose(policy.infer(observation).actions, policy.infer(still).actions,
                           atol=1e-6)
    (stamp_ns, images), = observation.past.frames
    bad = Past(stamp_ns, ((stamp_ns, {'front': images['front'][:5]}),))
    with pytest.raises(ModelError, match="image of camera 'front' is uint8"):
        policy.infer(replace(observation, past=bad))


def test_a_file_with_other_inputs_than_its_spec_is_refused(made, tmp_path):
    from vaa_ros.core.spec import METADATA_KEY
    from vaa_ros.policies.onnx_file import with_metadata
    spec = replace(OnnxPolicy(made[0]).spec, observation_history=3)
    path = tmp_path / 'p.onnx'
    path.write_bytes(with_metadata(made[0].read_bytes(), METADATA_KEY, spec.to_json()))
    with pytest.raises(ModelError, match='image_front_earlier_2 is missing'):
        OnnxPolicy(path)


class Short(Simulation):
    """Ends before anything is reached."""

    def done(self) -> bool:
        return self.time_s >= 0.3


class Watching(HoldPolicy):
    """Stays where it is, and keeps what it saw."""

    def __init__(self) -> None:
        robot = arm_spec()
        super().__init__(replace(robot, task='reach', observation_history=2))
        self.seen: list[Any] = []

    def infer(self, observation: Any) -> Any:
        self.seen.append(observation)
        return super().infer(observation)


def test_evaluation_gives_the_frames_of_its_own_episode():
    simulation, policy = Short('reach'), Watching()
    try:
        driver = Driver(simulation, policy)
        for seed in (1, 2):
            driver.episode(seed)
    finally:
        simulation.close()
    half = len(policy.seen) // 2
    for episode in (policy.seen[:half], policy.seen[half:]):
        assert len(episode) >= 6
        for tick, observation in enumerate(episode):
            now, before = seen_frames(policy.spec, observation)
            assert now is observation.images
            assert before is episode[max(0, tick - 3)].images


def test_a_policy_of_two_frames_runs_in_evaluation(tmp_path):
    spec = replace(arm_spec(), task='reach', observation_history=2,
                   embedding_size=TINY.embedding_size)
    torch.manual_seed(0)
    result = export_policy(AlignedPolicy(spec, TINY, LossConfig()), spec, tmp_path / 'p.onnx')
    assert result.parity <= 1e-5 and result.spec.observation_history == 2

    rollout, = evaluate(result.path, 'reach', [3], make_simulation=Short).rollouts
    assert rollout.control_ticks >= 6


@pytest.mark.parametrize('frames, learned', [(1, False), (2, True)])
def test_which_way_something_moves_is_learned_from_two_frames_alone(frames, learned):
    policy = policy_of(frames, length=2)
    optimiser = torch.optim.Adam(policy.parameters(), 5e-3)
    generator = torch.Generator().manual_seed(0)

    def batch(count: int) -> tuple[Batch, torch.Tensor]:
        place = torch.randint(8, 20, (count,), generator=generator)
        way = 2 * torch.randint(0, 2, (count,), generator=generator) - 1
        column = torch.arange(32)
        seen = [((column >= (place - age * 4 * way)[:, None])
                 & (column < (place - age * 4 * way)[:, None] + 5)) for age in range(frames)]
        bars = torch.stack(seen, 1).flatten(0, 1).float()[:, None, None, :]
        actions = 0.3 * way[:, None, None].expand(count, 2, 3).float()
        return Batch({'front': 2 * bars.expand(-1, 3, 24, -1) - 1}, {}, torch.zeros(count, 3),
                     actions, torch.ones(count, 2)), way

    for _ in range(80):
        optimiser.zero_grad()
        loss, _ = policy.train()(batch(32)[0])
        loss.backward()
        optimiser.step()
    policy.eval()
    test, way = batch(200)
    with torch.no_grad():
        features, z_vision = policy.see(test.pictures)
        chunk, _, _ = policy.answer(policy.decide(features, z_vision, test.state), z_vision)
    right = float((chunk[:, 0, 0].sign() == way).float().mean())
    assert right > 0.97 if learned else 0.3 < right < 0.7


def test_a_history_that_cannot_be_is_refused():
    with pytest.raises(ConfigError, match='reaches back 0.667 s'):
        with_history(tiny_spec(), tiny_config(observation_history=3, history_stride=8))
    with pytest.raises(ValueError, match='observation_history 4, expected 1 to 3'):
        tiny_config(observation_history=4)
    with pytest.raises(ValueError, match='history_stride 0, expected at least 1'):
        tiny_config(history_stride=0)
