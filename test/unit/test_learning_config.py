# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Training configurations: strict reading, and back.
"""
from __future__ import annotations

from pathlib import Path

import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.learning.config import config_from_mapping
from vaa_ros.learning.config import config_to_yaml
from vaa_ros.learning.config import load_config
from vaa_ros.learning.config import TrainConfig


@pytest.mark.parametrize('name', ['small', 'tiny'])
def test_shipped_configurations_load_and_survive_writing(name, tmp_path):
    config = load_config(name)
    copy = tmp_path / 'copy.yaml'
    copy.write_text(config_to_yaml(config))
    assert load_config(copy) == config
    assert config.name == name


def test_overrides_replace_and_none_leaves():
    config = load_config('small', steps=7, max_minutes=None, seed=3)
    assert (config.steps, config.seed) == (7, 3)
    assert config.max_minutes == load_config('small').max_minutes


def test_decoder_and_losses_are_chosen_by_a_word():
    config = config_from_mapping({
        'model': {'decoder': 'flow', 'samples': 16},
        'loss': {'contrast': 'sigmoid', 'hard_negatives': 2, 'balance': 'gradient',
                 'learn_temperature': False}}, 'x')
    assert config.model.candidates == 16 and config.loss.hard_negatives == 2
    assert config_from_mapping({}, 'x').loss == TrainConfig().loss


def test_an_empty_section_is_the_default():
    assert config_from_mapping({'model': None}, 'x') == TrainConfig()


@pytest.mark.parametrize('text, message', [
    ('model: {decoder: gmm}', "model: decoder 'gmm', expected one of .*laplace"),
    ('loss: {balance: both}', "loss: balance 'both'"),
    ('loss: {learn_temperature: 3}', 'learn_temperature is 3, expected true or false'),
    ('stepss: 3', 'unknown key stepss. Known: name, steps'),
    ('model: {width: 3}', 'model: unknown key width. Known: vision'),
    ('loss: {contrast: triplet}', "loss: contrast 'triplet'"),
    ('loss: {contrast: sigmoid, targets: 1}', 'loss: targets is 1, expected'),
    ('batch_size: 1', 'batch_size 1'),
    ('frames_per_episode: 40', 'frames_per_episode 40'),
    ('max_minutes: -1', 'max_minutes -1'),
    ('seed: -1', 'seed -1'),
    ('{frames_per_episode: 1, loss: {hard_negatives: 2.0}}', 'hard_negatives none to count'),
    ('optimiser: {learning_rate: 0}', 'learning_rate 0'),
    ('optimiser: {warmup: 1.0}', 'warmup 1.0'),
    ('augment: {colour: 2}', 'colour 2'),
    ('steps: many', "steps|'<'|str"),
    ('[1, 2]', 'found list'),
    ('{', 'cannot read'),
])
def test_a_wrong_file_is_refused_and_says_where(text, message, tmp_path):
    path = tmp_path / 'wrong.yaml'
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(path)
    assert 'wrong.yaml' in str(caught.value)


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(ConfigError, match="'smal'.*Did you mean 'small'.*Available: .*tiny"):
        load_config('smal')


def test_a_missing_file_is_named():
    with pytest.raises(ConfigError, match='nowhere.yaml'):
        load_config(Path('nowhere.yaml'))


def test_an_override_out_of_range_is_refused():
    with pytest.raises(ConfigError, match='steps 0'):
        load_config('small', steps=0)
