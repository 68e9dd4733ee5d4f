# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a run that improves a policy may begin with, and what it may go on with.
"""
from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path
import shutil
from types import SimpleNamespace

from improve_runs import small_config
from improve_runs import TurnWorld
from improve_runs import write_base
from learning_samples import write_dataset
import numpy as np
import pytest

from vaa_ros.cli.main import main
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import DatasetError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.spec import PolicySpec
from vaa_ros.learning import checkpoint
from vaa_ros.learning.export import export
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.frames import HELD_OUT
from vaa_ros.learning.held_out import unseen_frames
from vaa_ros.learning.improve import improve
from vaa_ros.learning.improve import new_improvement
from vaa_ros.learning.improve import old_improvement
from vaa_ros.learning.improve import open_folder
from vaa_ros.learning.improvement import Improvement


@pytest.fixture(scope='module')
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp('base'))[0]


@pytest.fixture(scope='module')
def spec(base: Path) -> PolicySpec:
    return checkpoint.load_policy(base)[0].spec


def begin(base: Path, folder: Path, data: Path | None = None,
          task: str | None = None) -> Improvement:
    return new_improvement(small_config(), base, folder, data, task, TurnWorld)


def saved(run: Improvement) -> Path:
    open_folder(run)
    run.save()
    return run.folder


@pytest.mark.parametrize('change, problem', [
    ({'chunk_length': 4}, 'chunk_length: policy 6, dataset 4'),
    ({'task': 'push'}, "demonstrates 'push'; expected"),
    ({'control_rate_hz': 30.0}, 'control_rate_hz: policy 20.0, dataset 30.0')])
def test_demonstrations_of_something_else_are_refused(change, problem, base, spec, tmp_path):
    data = write_dataset(tmp_path / 'data', replace(spec, **change))
    with pytest.raises(DatasetError, match=problem):
        begin(base, tmp_path / 'run', data)
    assert not (tmp_path / 'run').exists()


def test_demonstrations_may_be_of_the_task_to_act_which_the_policy_is_for_then(
        base, spec, tmp_path):
    data = write_dataset(tmp_path / 'data', replace(spec, task='push'))
    folder = saved(begin(base, tmp_path / 'run', data, 'push'))
    assert checkpoint.load_policy(folder)[0].spec.task == 'push'
    assert saved(begin(base, tmp_path / 'same', task='push')) and old_improvement(
        tmp_path / 'same', TurnWorld).world.args == ('push',)


def test_other_demonstrations_are_learned_from_and_not_taken_for_unseen(
        base, spec, tmp_path, monkeypatch):
    data = write_dataset(tmp_path / 'data', spec, episodes=4, frames=20, seed=5)
    run = begin(base, tmp_path / 'run', data)
    assert len(run.payment.demonstrations) == 3 and len(run.shown) == 3 * 5
    monkeypatch.setattr('vaa_ros.learning.export.export_policy',
                        lambda policy, spec, output: SimpleNamespace(spec=spec))
    told = export(saved(run), tmp_path / 'policy.onnx')
    frames = Frames(data)
    np.testing.assert_array_equal(unseen_frames(told, frames), frames.split(HELD_OUT))
    # The base's figures on its own held-out demonstrations are not those of this policy.
    assert told.spec.provenance['held_out'] == {}


def test_a_run_goes_on_with_the_demonstrations_that_it_began_with(base, spec, tmp_path):
    data = write_dataset(tmp_path / 'data', spec)
    folder = saved(begin(base, tmp_path / 'run', data))
    moved = Path(shutil.move(data, tmp_path / 'moved'))
    with pytest.raises(DatasetError, match='is no dataset'):
        old_improvement(folder, TurnWorld)
    again = old_improvement(folder, TurnWorld, moved)
    again.save()
    assert old_improvement(folder, TurnWorld).kept['dataset'] == str(moved)
    told = json.loads((moved / 'dataset.json').read_text())
    told['episodes'][0]['success'] = False
    (moved / 'dataset.json').write_text(json.dumps(told))
    with pytest.raises(DatasetError, match='is not the dataset that the run'):
        old_improvement(folder, TurnWorld)


def test_a_run_of_one_method_is_not_gone_on_with_as_one_of_another(base, tmp_path, capsys):
    folder = saved(begin(base, tmp_path / 'run'))
    for method in ('irl', 'bc'):
        assert main(['train', '--method', method, '--resume', '--out', str(folder)]) == 2
        assert f'is a run of --method rl, not of {method}' in capsys.readouterr().err
    with pytest.raises(ModelError, match='not a checkpoint of --method rl or irl'):
        old_improvement(base, TurnWorld)


def test_an_unknown_task_is_told_before_anything_is_written(base, tmp_path):
    with pytest.raises(ConfigError, match='unknown task'):
        improve(small_config(), base, tmp_path / 'run', task='juggle')
    assert not (tmp_path / 'run').exists()


def test_noise_that_never_begins_is_refused():
    with pytest.raises(ValueError, match='noise_memory 1'):
        small_config(noise_memory=1.0)
