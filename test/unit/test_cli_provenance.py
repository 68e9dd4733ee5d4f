# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From a model to its recordings, from a recording to its policies, whatever was moved."""

from __future__ import annotations

from dataclasses import replace
import hashlib
import json
from pathlib import Path

from learning_bags import make_bag
from learning_bags import METADATA
from policy_models import model
from policy_models import save
from policy_models import SPEC
import pytest

from vaa_ros.cli.main import main
from vaa_ros.learning.dataset import build_dataset
from vaa_ros.learning.dataset import DatasetOptions
from vaa_ros.learning.frames import Frames
from vaa_ros.recording.bag_reader import bag_hash


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """
    Two rounds: demonstrations taught a first model, a recording of which taught a second one.
    """
    lab = tmp_path / 'lab'
    demonstrations = [make_bag(lab / 'bags' / f'episode_00000{seed}', seed=seed,
                               metadata=replace(METADATA, operator='ann')) for seed in range(2)]
    options = DatasetOptions(size=(16, 12), chunk_length=4, include_policy=True)
    for name, bags in (('first', demonstrations), ('second', None)):
        if bags is None:
            ran = hashlib.sha256((lab / 'first.onnx').read_bytes()).hexdigest()
            bags = [make_bag(lab / 'bags' / 'run', metadata=replace(
                METADATA, policy='first', operator='policy', active_policy={
                    'name': 'first', 'path': '/gone/first.onnx', 'sha256': ran}))]
        build_dataset(bags, lab / f'data_{name}', options)
        provenance = Frames(lab / f'data_{name}').spec.provenance
        save(model(replace(SPEC, provenance=provenance)), lab, f'{name}.onnx')
    (lab / 'elsewhere').mkdir()
    (lab / 'bags' / 'episode_000001').rename(lab / 'elsewhere' / 'renamed')
    return lab


def follow(path: Path, *folders: Path) -> object:
    file = path.parent / 'figures.json'
    assert main(['inspect', str(path), '--json', str(file), '--follow',
                 *map(str, folders)]) == 0
    return json.loads(file.read_text())['provenance']


def test_a_model_names_its_recordings_and_what_ran_in_them(lab, capsys):
    found = follow(lab / 'first.onnx', lab)
    assert [row['bag'] for row in found] == [str(lab / 'bags' / 'episode_000000'),
                                             str(lab / 'elsewhere' / 'renamed')]
    assert {row['operator'] for row in found} == {'ann'}
    assert 'learned from 2 recordings, 2 of them found' in capsys.readouterr().out
    second, = follow(lab / 'second.onnx', lab)
    ran = hashlib.sha256((lab / 'first.onnx').read_bytes()).hexdigest()
    assert second['policy'] == f'first {ran[:12]}'


def test_recordings_that_are_gone_are_named_by_their_sum(lab):
    found = follow(lab / 'first.onnx', lab / 'elsewhere')
    assert [row['policy'] for row in found] == ['not found', '']
    assert [len(row['sha256']) for row in found] == [64, 64]
    assert [row['bag'] for row in follow(lab / 'data_first', lab / 'elsewhere')] == [
        None, str(lab / 'elsewhere' / 'renamed')]


def test_a_recording_names_the_policy_that_ran_and_what_learned_from_it(lab, capsys):
    run = lab / 'bags' / 'run'
    found = follow(run, lab)
    assert found['sha256'] == bag_hash(run)
    assert [(policy['ran'], policy['files']) for policy in found['policies']] == [
        (True, [str(lab / 'first.onnx')])]
    assert found['models'] == [str(lab / 'second.onnx')]
    assert found['datasets'] == [str(lab / 'data_second')]
    assert 'first' in capsys.readouterr().out
    demonstration = follow(lab / 'bags' / 'episode_000000', lab)
    assert demonstration['policies'] == [] and demonstration['models'] == [str(lab / 'first.onnx')]


def test_what_cannot_be_followed_says_so(lab, capsys):
    assert main(['inspect', str(lab / 'bags'), '--follow', str(lab)]) == 2
    assert 'expected a model, a dataset or one recording' in capsys.readouterr().err
    assert main(['inspect', str(lab / 'first.onnx'), '--follow', str(lab / 'none')]) == 2
    assert 'there is no such folder' in capsys.readouterr().err
    save(model(SPEC), lab, 'old.onnx')
    assert follow(lab / 'old.onnx', lab) == []
    assert 'does not list its recordings' in capsys.readouterr().out
