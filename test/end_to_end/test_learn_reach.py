# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The whole loop, small: demonstrations become a policy that does the task through the nodes.

Everything goes through the command line, as a user would do it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
EPISODES = 6


def vaa(folder: Path, *arguments: str) -> dict[str, Any]:
    """Run the command line in a folder and return its figures."""
    figures = folder / 'figures.json'
    figures.unlink(missing_ok=True)
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    environment.pop('ROS_DOMAIN_ID', None)
    done = subprocess.run(
        [sys.executable, '-m', 'vaa_ros.cli.main', *arguments, '--json', str(figures)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, f'vaa {" ".join(arguments)}\n{done.stdout}\n{done.stderr}'
    return json.loads(figures.read_text())


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_policy_learned_from_demonstrations_beats_one_that_holds(tmp_path: Path) -> None:
    made = vaa(tmp_path, 'record', '--task', 'reach', '--episodes', '36', '--out', 'episodes',
               '--in-process')
    assert made['successes'] == 36
    recorded = vaa(tmp_path, 'record', '--task', 'reach', '--seeds', '36:4', '--out', 'episodes')
    assert [e['seed'] for e in recorded['per_episode']] == [36, 37, 38, 39]
    assert recorded['successes'] == 4
    assert recorded['dropped'] == 0
    found = vaa(tmp_path, 'inspect', 'episodes')
    assert len(found['episodes']) == 40

    data = vaa(tmp_path, 'dataset', 'episodes', '--out', 'dataset')
    assert data['episodes'] == 40
    assert data['held_out'] > 0
    assert data['skipped'] == []

    run = vaa(tmp_path, 'train', '--data', 'dataset', '--out', 'run', '--config', 'tiny',
              '--steps', '800')
    assert run['finished']

    exported = vaa(tmp_path, 'export', '--run', 'run', '--out', 'policy.onnx')
    assert exported['parity'] <= 1e-5
    spec = vaa(tmp_path, 'inspect', 'policy.onnx')['spec']
    assert spec['task'] == 'reach'

    seeds = f'100000:{EPISODES}'
    learned = vaa(tmp_path, 'evaluate', '--model', 'policy.onnx', '--task', 'reach', '--ros',
                  '--seeds', seeds, '--data', 'dataset')
    hold = vaa(tmp_path, 'evaluate', '--model', 'hold', '--task', 'reach', '--seeds', seeds)
    assert learned['episodes'] == hold['episodes'] == EPISODES
    assert learned['successes'] > hold['successes']
    assert learned['recall_at_10'] > learned['chance_at_10']
    assert learned['rms_jerk'] > 0

    told = vaa(tmp_path, 'evaluate', '--model', 'policy.onnx', '--task', 'reach', '--seeds',
               seeds, '--data', 'dataset', '--knn', 'dataset', '--neighbours', '8', '--report',
               'report')
    page = (tmp_path / told['report']).read_text(encoding='utf-8')
    assert f'{told["successes"]} of {EPISODES} episodes' in page
    assert f'{100 * told["recall_at_10"]:.1f} %' in page
    assert told['knn']['episodes'] == EPISODES
    assert told['knn']['successes'] > hold['successes']
    probes = {(each['target'], each['name']): each['r2'] for each in told['study']['probes']}
    assert probes and all(np.isfinite(list(probes.values())))
    assert len(told['study']['along_chunk']['l1']) == spec['chunk_length']
    assert (tmp_path / 'report' / 'failures.mp4').is_file() == (told['successes'] < EPISODES)
