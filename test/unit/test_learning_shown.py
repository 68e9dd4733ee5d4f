# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What demonstrations count for where a policy is improved: only known successes end in one.
"""
from __future__ import annotations

import json
from pathlib import Path
import shutil
from typing import Any

from improve_runs import small_config
from improve_runs import TurnWorld
from improve_runs import write_base
import pytest
import torch

from vaa_ros.core.errors import DatasetError
from vaa_ros.learning.improve import new_improvement
from vaa_ros.learning.improvement import Improvement

CORRECTION = {'cut': {'rule': 'corrections', 'start_s': 1.0, 'stop_s': 2.0}}


@pytest.fixture(scope='module')
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp('base'))[0]


def begin(base: Path, folder: Path, *episodes: dict[str, Any], **changes: Any) -> Improvement:
    """Begin a run whose first demonstrations are told otherwise."""
    data = shutil.copytree(base.parent / 'data', folder / 'data')
    told = json.loads((data / 'dataset.json').read_text())
    for item, change in zip(told['episodes'], episodes, strict=False):
        item |= change
    (data / 'dataset.json').write_text(json.dumps(told))
    return new_improvement(small_config(n_step=20, **changes), base, folder / 'run', data, None,
                           TurnWorld)


@pytest.mark.parametrize('change, looked_like', [
    ({'success': False}, 4), ({'success': None}, 5), (CORRECTION, 4),
    ({'cut': {'rule': 'activity'}, 'success': None}, 5)])
def test_only_a_known_success_ends_in_one(change, looked_like, base, tmp_path):
    run = begin(base, tmp_path, change)
    drawn = run.shown.draw(1000, torch.Generator().manual_seed(0))
    # 20 decisions look beyond the 8 of each demonstration.
    assert float((drawn.reward > 0).float().mean()) == pytest.approx(4 / 5, abs=0.05)
    assert torch.equal(drawn.reward > 0, drawn.discount == 0)
    assert len(run.payment.demonstrations) == looked_like


def test_whole_successes_all_end_in_one(base, tmp_path):
    drawn = begin(base, tmp_path).shown.draw(100, torch.Generator().manual_seed(0))
    assert (drawn.reward > 0).all() and (drawn.discount == 0).all()


@pytest.mark.parametrize('reward', ['transport', 'discriminator', 'critic'])
def test_nothing_is_learned_from_failures_alone(reward, base, tmp_path):
    with pytest.raises(DatasetError, match='did not fail'):
        begin(base, tmp_path, *[{'success': False}] * 5, method='irl', reward=reward)
