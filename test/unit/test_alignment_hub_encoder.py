# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The encoders of transformers: one config word each, trained, frozen, pretrained, exported.
"""
from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path
from typing import Any

from learning_samples import HUB_SIZES
from learning_samples import TINY
from learning_samples import tiny_config
from learning_samples import tiny_hub_model
from learning_samples import tiny_spec
from learning_samples import write_dataset
import numpy as np
import pytest
import torch

from vaa_ros.alignment.config import LossConfig
from vaa_ros.alignment.config import ModelConfig
from vaa_ros.alignment.graphs import PolicyGraph
from vaa_ros.alignment.hub_encoder import body_config
from vaa_ros.alignment.hub_encoder import FAMILIES
from vaa_ros.alignment.hub_encoder import HubEncoder
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.alignment.model import Batch
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.types import Observation
from vaa_ros.learning import checkpoint
from vaa_ros.learning.export import export
from vaa_ros.learning.optimiser import parameter_groups
from vaa_ros.learning.pretrained import put_pretrained
from vaa_ros.learning.pretrained import resampled
from vaa_ros.learning.pretrained import with_pretrained_size
from vaa_ros.learning.train import resume
from vaa_ros.learning.train import train
from vaa_ros.policies.onnx_policy import OnnxPolicy

pytest.importorskip('transformers')

@pytest.fixture(scope='module')
def data(tmp_path_factory) -> Path:
    return write_dataset(tmp_path_factory.mktemp('hub') / 'data')


@pytest.mark.parametrize('vision', FAMILIES)
def test_each_trains_exports_and_runs(vision: str, data: Path, tmp_path: Path) -> None:
    config = tiny_config(steps=4, model=tiny_hub_model(vision))
    assert train(config, data, tmp_path / 'run', progress=False).finished
    result = export(tmp_path / 'run', tmp_path / 'policy.onnx')
    assert result.parity <= 1e-5
    policy = OnnxPolicy(tmp_path / 'policy.onnx')
    chunk = policy.infer(Observation(
        1, {'front': np.zeros((24, 32, 3), np.uint8)}, np.zeros(3, np.float32)))
    assert np.isfinite(chunk.actions).all()


@pytest.mark.parametrize('shared', [False, True])
@pytest.mark.parametrize('vision', FAMILIES)
def test_each_looks_at_every_frame(vision: str, shared: bool) -> None:
    torch.manual_seed(0)
    spec = replace(tiny_spec(cameras=('front', 'wrist')), observation_history=2)
    policy = AlignedPolicy(spec, tiny_hub_model(vision, share_vision=shared), LossConfig()).eval()
    pictures = [torch.randint(0, 256, (1, 24, 32, 3), dtype=torch.uint8) for _ in range(4)]
    with torch.no_grad():
        graph = PolicyGraph(policy)
        whole = graph(*pictures, torch.zeros(1, 3))[2]
        for place, picture in enumerate(pictures):
            changed = [*pictures[:place], 255 - picture, *pictures[place + 1:]]
            assert not torch.allclose(graph(*changed, torch.zeros(1, 3))[2], whole, atol=1e-5)


@pytest.mark.parametrize('vision', FAMILIES)
def test_the_default_size_is_one_for_two_cores(vision: str) -> None:
    encoder = HubEncoder(ModelConfig(vision=vision))
    count = sum(p.numel() for p in encoder.parameters())
    assert 3e5 < count < 3e6
    assert encoder(torch.zeros(1, 3, 90, 120)).shape == (1, 128)


@pytest.mark.parametrize('vision', FAMILIES)
def test_the_loss_reaches_everything_that_learns(vision: str) -> None:
    torch.manual_seed(0)
    policy = AlignedPolicy(tiny_spec(), tiny_hub_model(vision, state_dropout=0.0), LossConfig())
    batch = Batch({'front': torch.rand(4, 3, 22, 30)}, {}, torch.randn(4, 3),
                  torch.randn(4, 6, 3), torch.ones(4, 6))
    policy.train()(batch)[0].backward()
    # DistributedDataParallel waits for ever for a weight that has no gradient.
    assert [name for name, weights in policy.named_parameters()
            if weights.requires_grad and weights.grad is None] == []
    assert [name for name, weights in policy.eyes.named_parameters()
            if weights.requires_grad and not weights.grad.any()] == []
    still = sum(not weights.requires_grad for weights in policy.eyes.parameters())
    assert still == {'resnet': 0, 'vit': 2, 'clip': 2, 'dinov2': 1}[vision]


@pytest.mark.parametrize('vision', FAMILIES)
def test_it_sees_where_and_what(vision: str) -> None:
    torch.manual_seed(0)
    encoder = HubEncoder(tiny_hub_model(vision)).eval()
    picture = -torch.ones(1, 3, 24, 24)
    left, right = picture.clone(), picture.clone()
    left[..., :8], right[..., 16:] = 1.0, 1.0
    assert not torch.allclose(encoder(left), encoder(right), atol=1e-4)


def test_pictures_are_normalised_as_the_family_is_used_to() -> None:
    encoder = HubEncoder(tiny_hub_model('clip')).eval()
    seen = []
    encoder.body.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(kwargs['pixel_values']), with_kwargs=True)
    encoder(torch.full((1, 3, 24, 24), 2 * 0.7 - 1))
    mean, spread = FAMILIES['clip'].normal
    wanted = (0.7 - torch.tensor(mean)) / torch.tensor(spread)
    torch.testing.assert_close(seen[0][0, :, 3, 5], wanted)


def test_fine_tuning_is_slower() -> None:
    config = tiny_config(model=tiny_hub_model('vit', train_vision='fine_tune', pretrained='x'))
    policy = AlignedPolicy(tiny_spec(), config.model, config.loss)
    groups = parameter_groups(policy, config)
    slow = {id(p) for group in groups if group['scale'] == config.optimiser.vision_rate
            for p in group['params']}
    assert slow == {id(p) for p in policy.eyes['front'].body.parameters() if p.requires_grad}
    everything = [id(p) for group in groups for p in group['params']]
    learning = [p for p in policy.parameters() if p.requires_grad]
    assert len(everything) == len(set(everything)) == len(learning)


@pytest.mark.parametrize('vision', ['conv', 'vit'])
def test_cameras_share_one_encoder(vision: str, tmp_path: Path) -> None:
    spec = tiny_spec(cameras=('front', 'wrist'))
    model = replace(TINY if vision == 'conv' else tiny_hub_model(vision), share_vision=True)
    policy = AlignedPolicy(spec, model, LossConfig())
    assert policy.eyes['front'] is policy.eyes['wrist']
    apart = AlignedPolicy(spec, replace(model, share_vision=False), LossConfig())
    ours, theirs = (sum(p.numel() for p in each.parameters()) for each in (policy, apart))
    assert theirs - ours == sum(p.numel() for p in policy.eyes['front'].parameters())
    data = write_dataset(tmp_path / 'data', spec)
    train(tiny_config(steps=3, model=model), data, tmp_path / 'run', progress=False)
    assert export(tmp_path / 'run', tmp_path / 'shared.onnx').parity <= 1e-5


@pytest.mark.parametrize('vision', FAMILIES)
def test_pretrained_weights_come_from_a_folder(vision: str, data: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    source = HubEncoder(tiny_hub_model(vision)).body
    source.save_pretrained(tmp_path / 'weights')
    model = replace(TINY, vision=vision, pretrained=str(tmp_path / 'weights'),
                    train_vision='frozen')
    run = tmp_path / 'run'
    config = tiny_config(steps=2, model=model)
    train(config, data, run, progress=False)
    # From here on the folder is not needed any more.
    (tmp_path / 'weights').rename(tmp_path / 'elsewhere')
    policy, kept, state = checkpoint.load_policy(run)
    found = policy.eyes['front'].body.state_dict()
    for name, value in source.state_dict().items():
        assert torch.equal(found[name], value), name
        assert torch.equal(state['model'][f'eyes.front.body.{name}'], value), name
    assert not policy.train().eyes['front'].body.training
    assert HUB_SIZES[vision].items() <= dict(kept.model.vision_config).items()
    assert resume(run, data, progress=False).finished


def test_weights_in_shards_are_read_and_a_missing_one_is_named(tmp_path: Path) -> None:
    torch.manual_seed(5)
    source = HubEncoder(tiny_hub_model('vit')).body
    source.save_pretrained(tmp_path, max_shard_size='6KB')
    shards = sorted(tmp_path.glob('model-*.safetensors'))
    assert len(shards) > 1
    model = with_pretrained_size(replace(TINY, vision='vit', pretrained=str(tmp_path)))
    encoder = HubEncoder(model)
    put_pretrained({'front': encoder}, model)
    for name, value in source.state_dict().items():
        assert torch.equal(encoder.body.state_dict()[name], value), name
    shards[1].unlink()
    with pytest.raises(ModelError, match=f'has no {shards[1].name}, only'):
        with_pretrained_size(model)
    index = tmp_path / 'model.safetensors.index.json'
    for text, said in (('{}', 'no index of weights'), ('[', 'no index of weights'),
                       ('{"weight_map": {}}', 'lists no file'),
                       ('{"weight_map": {"a": "../b"}}', r'lists \.\./b')):
        index.write_text(text)
        with pytest.raises(ModelError, match=said):
            with_pretrained_size(model)


def test_pictures_are_normalised_as_pretrained_weights_say(data: Path, tmp_path: Path) -> None:
    HubEncoder(tiny_hub_model('vit')).body.save_pretrained(tmp_path)
    told = tmp_path / 'preprocessor_config.json'
    plain = replace(TINY, vision='vit', pretrained=str(tmp_path))

    def tell(**values: Any) -> ModelConfig:
        told.write_text(json.dumps(values))
        return with_pretrained_size(plain)

    assert with_pretrained_size(plain).image_mean is None
    model = tell(image_mean=[0.4, 0.5, 0.6], image_std=[0.1, 0.2, 0.25], rescale_factor=1 / 255)
    encoder = HubEncoder(model)
    # ((x + 1) / 2 - mean) / std is (x - (2 mean - 1)) / (2 std).
    assert (encoder.middle.flatten() + 1).tolist() == pytest.approx([0.8, 1.0, 1.2])
    assert encoder.spread.flatten().tolist() == pytest.approx([0.2, 0.4, 0.5])
    run = tmp_path / 'run'
    train(tiny_config(steps=1, model=plain), data, run, progress=False)
    told.unlink()
    kept = checkpoint.load_policy(run)[0].eyes['front']
    assert torch.equal(kept.middle, encoder.middle) and torch.equal(kept.spread, encoder.spread)

    assert tell(do_normalize=False).image_std == (1.0, 1.0, 1.0)
    assert tell(size=224).image_mean is None
    own = replace(plain, image_mean=(0.1, 0.1, 0.1), image_std=(0.3, 0.3, 0.3))
    told.write_text('{"image_mean": [0, 0, 0], "image_std": [1, 1, 1]}')
    assert with_pretrained_size(own).image_mean == (0.1, 0.1, 0.1)
    for values, said in (
            ({'image_mean': [0.5] * 3}, 'image_std'),
            ({'image_mean': 1, 'image_std': 1}, 'cannot'),
            ({'image_mean': [0.5], 'image_std': [0.5]}, 'three numbers each'),
            ({'image_mean': [0.5] * 3, 'image_std': [0, 1, 1]}, 'expected above 0'),
            ({'image_mean': [0.5] * 3, 'image_std': [1] * 3, 'do_rescale': False}, 'do_rescale'),
            ({'image_mean': [0.5] * 3, 'image_std': [1] * 3, 'rescale_factor': 0.1}, '1/255')):
        with pytest.raises(ModelError, match=said):
            tell(**values)


@pytest.mark.parametrize(('how', 'moves'), [('fine_tune', False), ('full', True)])
def test_fine_tuning_keeps_the_statistics_of_batch_norms(
    how: str, moves: bool, data: Path, tmp_path: Path,
) -> None:
    HubEncoder(tiny_hub_model('resnet')).body.save_pretrained(tmp_path / 'weights')
    model = tiny_hub_model('resnet', train_vision=how, pretrained=str(tmp_path / 'weights'))
    train(tiny_config(steps=2, model=model), data, tmp_path / 'run', progress=False)
    eye = checkpoint.load_policy(tmp_path / 'run')[0].eyes['front']
    norms = [layer for layer in eye.body.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert norms
    for norm in norms:
        assert bool((norm.running_mean != 0).any()) is moves
        assert norm.weight.requires_grad
    eye.train()
    assert {norm.training for norm in norms} == {moves} and eye.body.training


def test_position_embeddings_are_resampled_to_another_size(tmp_path: Path) -> None:
    torch.manual_seed(5)
    HubEncoder(tiny_hub_model('vit')).body.save_pretrained(tmp_path / 'weights')
    model = with_pretrained_size(replace(TINY, vision='vit', pretrained=str(tmp_path / 'weights'),
                                         vision_config={'image_size': 36}))
    assert body_config(model).image_size == 36
    encoder = HubEncoder(model)
    put_pretrained({'front': encoder}, model)
    assert torch.isfinite(encoder(torch.zeros(1, 3, 24, 24))).all()
    flat = torch.cat((torch.ones(1, 1, 4), torch.full((1, 16, 4), 3.0)), 1)
    wider = resampled(flat, torch.zeros(1, 37, 4))
    assert wider.shape == (1, 37, 4)
    assert torch.equal(wider[:, 0], flat[:, 0])
    torch.testing.assert_close(wider[:, 1:], torch.full((1, 36, 4), 3.0))


def test_weights_that_are_not_there_are_told_where_to_put(tmp_path: Path) -> None:
    def load(name: str, vision: str = 'vit') -> None:
        with_pretrained_size(replace(TINY, vision=vision, pretrained=name))

    with pytest.raises(ModelError, match=r'no such folder.*config.json and model.safetensors'):
        load(str(tmp_path / 'nowhere'))
    (tmp_path / 'half').mkdir()
    (tmp_path / 'half' / 'config.json').write_text('{}')
    with pytest.raises(ModelError, match='has no model.safetensors, only config.json'):
        load(str(tmp_path / 'half'))
    (tmp_path / 'half' / 'model.safetensors').write_bytes(b'garbage')
    with pytest.raises(ModelError, match='cannot be loaded as ViTModel'):
        load(str(tmp_path / 'half'))


def test_a_checkpoint_with_parts_missing_or_of_another_family_is_refused(tmp_path: Path) -> None:
    body = HubEncoder(tiny_hub_model('vit')).body
    kept = {name: value for name, value in body.state_dict().items() if 'layernorm' not in name}
    body.save_pretrained(tmp_path / 'holes', state_dict=kept)
    with pytest.raises(ModelError, match='no whole ViTModel: [1-9]'):
        with_pretrained_size(replace(TINY, vision='vit', pretrained=str(tmp_path / 'holes')))
    HubEncoder(tiny_hub_model('clip')).body.save_pretrained(tmp_path / 'clip')
    with pytest.raises(ModelError, match='ViTModel'):
        with_pretrained_size(replace(TINY, vision='vit', pretrained=str(tmp_path / 'clip')))


@pytest.mark.parametrize(('vision', 'wrong'), [
    ('vit', {'hidden_size': 'large'}), ('vit', {'num_attention_heads': 0}),
    ('clip', {'num_attention_heads': 3}), ('dinov2', {'image_size': [24, 48]})])
def test_sizes_that_make_no_encoder_are_one_line(vision: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match='vision_config'):
        HubEncoder(replace(TINY, vision=vision, vision_config={**HUB_SIZES[vision], **wrong}))


def test_what_a_family_does_not_have_is_named() -> None:
    with pytest.raises(ConfigError, match=r'unknown key widht.*hidden_size'):
        HubEncoder(replace(TINY, vision='vit', vision_config={'widht': 3}))
    with pytest.raises(ValueError, match='conv has no pretrained'):
        replace(TINY, pretrained='x')
    with pytest.raises(ValueError, match='train_vision'):
        replace(TINY, vision='vit', train_vision='some')
    for how in ('frozen', 'fine_tune'):
        with pytest.raises(ValueError, match=f'{how}.*would leave the weights of vit at random'):
            replace(TINY, vision='vit', train_vision=how)
