# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Training learns, can be interrupted and resumed, and keeps its promises on the way.
"""
from __future__ import annotations

from dataclasses import replace
import os
from pathlib import Path
import signal
import threading
import time

from learning_samples import TINY
from learning_samples import tiny_config
from learning_samples import write_dataset
import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_flatten_with_path

from vaa_ros.alignment.config import LossConfig
from vaa_ros.cli.main import main
from vaa_ros.core.errors import DatasetError
from vaa_ros.core.errors import ModelError
from vaa_ros.learning import checkpoint
from vaa_ros.learning.batches import gather
from vaa_ros.learning.config import config_to_yaml
from vaa_ros.learning.config import load_config
from vaa_ros.learning.config import OptimiserConfig
from vaa_ros.learning.engine import Engine
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.train import learning_rate
from vaa_ros.learning.train import resume
from vaa_ros.learning.train import Run
from vaa_ros.learning.train import train
from vaa_ros.learning.validate import calibrate
from vaa_ros.learning.validate import pools


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> Path:
    return write_dataset(tmp_path_factory.mktemp('train') / 'data', episodes=12, held_out=2)


@pytest.fixture(scope='module')
def trained(data, tmp_path_factory):
    """One finished run, for several tests."""
    folder = tmp_path_factory.mktemp('run') / 'run'
    return train(tiny_config(steps=200), data, folder, progress=False)


def test_training_learns_what_can_only_be_seen(trained):
    held_out = [line for line in checkpoint.read_metrics(trained.folder)
                if line['split'] == 'held_out']
    assert trained.finished and trained.steps == 200
    assert held_out[-1]['l1'] < 0.6 * held_out[0]['l1'] or held_out[-1]['l1'] < 0.25
    assert trained.metrics['recall_at_10'] > 2 * trained.metrics['chance_at_10']


def test_a_run_leaves_everything_behind(trained):
    names = {path.name.split('.')[0] for path in trained.folder.iterdir()}
    assert {'checkpoint', 'config', 'metrics', 'events'} <= names
    policy, config, state = checkpoint.load_policy(trained.folder)
    assert not policy.training and config.steps == 200
    assert state['metrics'] == trained.metrics
    assert -1 <= state['calibration']['alignment_low'] <= state['calibration']['alignment_median']
    assert policy.spec.embedding_size == config.model.embedding_size
    lines = [line for line in checkpoint.read_metrics(trained.folder) if line['split'] == 'train']
    assert {'loss', 'cloning', 'align', 'reconstruct', 'nll', 'l1', 'learning_rate',
            'temperature', 'data_wait', 'gradient'} <= set(lines[-1])


def test_every_figure_that_is_logged_is_in_the_report(trained):
    from vaa_ros.cli.training_log import PANELS
    shown = {(split, name) for _, lines in PANELS for split, name, _ in lines}
    logged = {(line['split'], name) for line in checkpoint.read_metrics(trained.folder)
              for name in line}
    plain = {'split', 'step', 'elapsed_s', 'pool', 'chance_at_1', 'chance_at_5'}
    assert {item for item in logged if item[1] not in plain} - shown == set()


def test_a_full_disk_keeps_the_checkpoint_before(trained, monkeypatch, tmp_path):
    config, spec, state = checkpoint.load(trained.folder)
    path = checkpoint.save(tmp_path, config, spec, state)
    before = path.read_bytes()

    def full(_, target):
        Path(target).write_bytes(b'half')
        raise RuntimeError('[enforce fail at inline_container.cc:1] unexpected pos\nmore')

    monkeypatch.setattr(torch, 'save', full)
    with pytest.raises(ModelError, match='disk full'):
        checkpoint.save(tmp_path, config, spec, state)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_statistics_are_those_of_the_training_episodes(data):
    frames = Frames(data)
    run = Run(tiny_config(), frames, data)
    chunk, mask = frames.chunks(frames.split('train'))
    with torch.no_grad():
        normal = run.policy.space.normal_chunk(
            torch.from_numpy(chunk), torch.from_numpy(frames.state[frames.split('train')]))
    weight = torch.from_numpy(mask)[..., None]
    mean = (normal * weight).sum(0) / weight.sum(0)
    assert mean.abs().max() < 1e-3


class StopAfter(threading.Event):
    """Set once it was asked so many times: after so many steps."""

    def __init__(self, steps):
        super().__init__()
        self.left = steps

    def is_set(self):
        self.left -= 1
        return self.left < 0


def test_an_interrupted_run_ends_as_if_it_had_not_been(data, tmp_path):
    config = tiny_config(steps=52, model=replace(TINY, decoder='flow'),
                         loss=LossConfig(balance='gradient'))
    first = train(config, data, tmp_path / 'run', progress=False, stop=StopAfter(7))
    assert not first.finished and first.steps == 7 and first.metrics == {}
    assert not resume(tmp_path / 'run', progress=False, stop=StopAfter(10)).finished
    assert resume(tmp_path / 'run', progress=False).metrics
    train(config, data, tmp_path / 'whole', progress=False)
    states = [checkpoint.load(tmp_path / name)[2] for name in ('whole', 'run')]
    assert_same(*states)
    whole, parts = ([(line['split'], line['step']) for line in checkpoint.read_metrics(
        tmp_path / name)] for name in ('whole', 'run'))
    assert whole == parts and ('train', 50) in whole
    train(replace(config, seed=1, steps=2), data, tmp_path / 'other', progress=False)
    other = checkpoint.load(tmp_path / 'other')[2]['model']
    assert not torch.equal(states[0]['model']['fusion.mix.weight'], other['fusion.mix.weight'])


def assert_same(whole, parts):
    """Bit for bit, but for times."""
    assert whole.keys() == parts.keys()
    for name in whole.keys() - {'elapsed_s', 'waited_s'}:
        ours, theirs = (tree_flatten_with_path(state[name])[0] for state in (whole, parts))
        for (path, one), (_, two) in zip(ours, theirs, strict=True):
            same = torch.equal(one, two) if isinstance(one, torch.Tensor) else one == two
            assert same, (name, path)


def test_a_checkpoint_of_an_earlier_version_goes_on(data, tmp_path):
    train(tiny_config(steps=4), data, tmp_path / 'run', progress=False, stop=StopAfter(2))
    config, spec, state = checkpoint.load(tmp_path / 'run')
    checkpoint.save(tmp_path / 'run', config, spec, {**state, 'resumed': 3})
    assert resume(tmp_path / 'run', progress=False).steps == 4
    del state['generator']
    checkpoint.save(tmp_path / 'run', config, spec, state)
    with pytest.raises(ModelError, match="may be of another vaa_ros: 'generator'"):
        resume(tmp_path / 'run', progress=False)


def test_the_command_line_sets_seed_and_length(data, tmp_path):
    kept = tiny_config(seed=4, max_minutes=3.0)
    (tmp_path / 'config.yaml').write_text(config_to_yaml(kept))
    options = ['--steps', '1', '--data', str(data), '--config', str(tmp_path / 'config.yaml')]
    for name, given, wanted in (
            ('set', ['--seed', '0', '--minutes', 'none'], {'seed': 0, 'max_minutes': None}),
            ('left', [], {})):
        assert main(['train', '--out', str(tmp_path / name), *options, *given]) == 0
        assert load_config(tmp_path / name / 'config.yaml') == replace(kept, steps=1, **wanted)


def test_the_chance_of_a_gpu_is_kept(monkeypatch):
    engine, given = Engine(tiny_config()), []
    engine.device = torch.device('cuda', 0)
    monkeypatch.setattr(torch.cuda, 'get_rng_state', lambda device: torch.tensor([7]))
    monkeypatch.setattr(torch.cuda, 'set_rng_state', lambda *told: given.append(told))
    states = engine.chance()
    engine.set_chance(states)
    assert given == [(states['rng_gpu'], engine.device)]
    engine.set_chance({'rng': states['rng']})
    assert len(given) == 1


def test_ctrl_c_ends_after_a_step_with_a_checkpoint(data, tmp_path):
    run = tmp_path / 'run'

    def interrupt() -> None:
        while not (run / 'config.yaml').exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=interrupt)
    # The handler is in place once training runs; until then Ctrl-C is an ordinary one.
    signal.signal(signal.SIGINT, lambda *_: thread_again())

    def thread_again() -> None:
        threading.Thread(target=interrupt).start()

    try:
        thread.start()
        result = train(tiny_config(steps=100_000), data, run, progress=False)
        thread.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert not result.finished
    assert checkpoint.load(run)[2]['step'] == result.steps


def test_a_time_limit_ends_the_run_and_bends_the_learning_rate(data, tmp_path):
    config = tiny_config(steps=10**6, max_minutes=1.5 / 60)
    result = train(config, data, tmp_path / 'run', progress=False)
    assert result.finished and result.out_of_time and result.steps < 10**6
    assert result.minutes == pytest.approx(1.5 / 60, rel=1.0)
    rate = checkpoint.load(tmp_path / 'run')[2]['optimiser']['param_groups'][0]['lr']
    assert rate < 0.2 * config.optimiser.learning_rate


def test_the_learning_rate_rises_and_falls():
    config = tiny_config(optimiser=OptimiserConfig(learning_rate=1.0 - 1e-9, warmup=0.1,
                                                   final=0.01))
    rates = [learning_rate(part / 100, config) for part in range(101)]
    assert rates[0] < 0.05 and max(rates) == pytest.approx(1.0) and rates.index(max(rates)) == 10
    assert rates[-1] == pytest.approx(0.01, rel=1e-3)
    assert all(before >= after for before, after in zip(rates[10:], rates[11:], strict=False))


def test_the_exported_weights_are_the_average(data, tmp_path):
    frames = Frames(data)
    run = Run(tiny_config(optimiser=OptimiserConfig(ema=0.5)), frames, tmp_path)
    expected = {name: value.clone() for name, value in run.averaged.named_parameters()}
    for step in range(3):
        run.learn(gather(frames, frames.split('train')[:16], run.config.model.crop))
        decay = min(0.5, (2 + step) / (11 + step))
        for name, value in run.policy.named_parameters():
            expected[name] = decay * expected[name] + (1 - decay) * value.detach()
    for name, value in run.averaged.named_parameters():
        assert torch.allclose(value, expected[name], atol=1e-6), name


def test_a_temperature_at_its_bound_can_leave_it(data, tmp_path):
    frames = Frames(data)
    run = Run(tiny_config(), frames, tmp_path)
    batch = gather(frames, frames.split('train')[:16], run.config.model.crop)
    scale = run.policy.contrast.log_scale
    with torch.no_grad():
        scale.fill_(5.0)
    run.learn(batch)
    assert run.policy.contrast.temperature == pytest.approx(0.01, rel=1e-4)
    scale.grad = None
    run.learn(batch)
    assert scale.grad.abs() > 0


def test_a_run_is_not_overwritten(trained, data):
    with pytest.raises(ModelError, match='already holds a run'):
        train(tiny_config(), data, trained.folder, progress=False)


def test_another_dataset_cannot_be_resumed_with(trained, tmp_path):
    other = write_dataset(tmp_path / 'other', episodes=3)
    with pytest.raises(DatasetError, match='not the dataset'):
        resume(trained.folder, other, progress=False)


def test_too_few_frames_are_refused(tmp_path):
    small = write_dataset(tmp_path / 'data', episodes=2, frames=5)
    with pytest.raises(DatasetError, match='5 training frames, fewer than one batch of 16'):
        train(tiny_config(), small, tmp_path / 'run', progress=False)
    assert not (tmp_path / 'run').exists()


def test_without_held_out_episodes_there_are_no_figures(tmp_path):
    data = write_dataset(tmp_path / 'data', episodes=3, held_out=0)
    result = train(tiny_config(steps=4), data, tmp_path / 'run', progress=False)
    assert result.finished and result.metrics == {}


def test_a_gradient_that_is_not_finite_is_an_error(data, tmp_path):
    frames = Frames(data)
    run = Run(tiny_config(), frames, tmp_path)
    with torch.no_grad():
        next(run.policy.eyes.parameters()).fill_(float('nan'))
    with pytest.raises(ModelError, match='not finite'):
        run.learn(gather(frames, frames.split('train')[:16], run.config.model.crop))


def test_pools_are_the_same_for_every_policy():
    episode = np.repeat(np.arange(10), 100)
    assert [pool.tolist() for pool in pools(episode)] == [pool.tolist() for pool in pools(episode)]
    assert all(len(set(pool)) == 256 for pool in pools(episode))
    assert [len(pool) for pool in pools(episode[:100])] == [100]


def test_pairs_of_a_pool_are_from_different_episodes_where_there_are_enough():
    episode = np.repeat(np.arange(300), 8)
    for pool in pools(episode):
        assert len(set(episode[pool])) == len(pool) == 256
    few = np.repeat(np.arange(14), 100)
    for pool in pools(few):
        counts = np.bincount(few[pool])
        assert counts.max() - counts.min() <= 1


def test_calibration_is_the_quantile_of_the_own_alignment():
    from vaa_ros.learning.validate import Answers
    angle = torch.linspace(0, torch.pi / 2, 1001)
    z_vision = torch.stack([angle.cos(), angle.sin()], 1)
    z_own = torch.tensor([[1.0, 0.0]]).expand(1001, 2)
    empty = torch.zeros(1)
    found = calibrate(Answers(empty, empty, empty, empty, z_vision, empty, z_own, 0.0, 0.0,
                              np.zeros(1001, int)))
    assert found['alignment_low'] == pytest.approx(z_vision[:, 0].quantile(0.01).item(), abs=1e-4)
    assert found['frames'] == 1001


def test_a_configuration_is_kept_with_the_run(trained):
    assert load_config(trained.folder / 'config.yaml') == replace(tiny_config(), steps=200)
