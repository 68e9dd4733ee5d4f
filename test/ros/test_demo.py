# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`vaa demo` with real node processes: figures, film, report, and nothing left behind."""

from __future__ import annotations

import json
import os
from pathlib import Path
import signal
import subprocess
import sys

import av
import pytest

from vaa_ros.cli.supervisor import wait_until

ROOT = Path(__file__).resolve().parents[2]
NODES = ('sim_arm', 'camera_subscriber', 'policy')


def environment() -> dict[str, str]:
    values = {**os.environ, 'PYTHONPATH': str(ROOT)}
    values.pop('ROS_DOMAIN_ID', None)  # every demo takes a free domain of its own
    return values


def demo(out: Path, *options: str) -> list[str]:
    return [sys.executable, '-m', 'vaa_ros.cli.main', 'demo', '--task', 'reach', '--model', 'hold',
            '--episodes', '1', '--out', str(out), *options]


def node_processes(out: Path) -> list[str]:
    """Return the command lines of processes that were started for a folder."""
    found = []
    for entry in Path('/proc').iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / 'cmdline').read_bytes().replace(b'\0', b' ').decode()
        except OSError:
            continue
        if 'vaa_ros.nodes.' in command and str(out) in command:
            found.append(command)
    return found


@pytest.mark.parametrize('options', [(), ('--lockstep', '--no-video')])
def test_a_demo_leaves_figures_film_and_report(tmp_path: Path, options: tuple[str, ...]) -> None:
    out, figures_file = tmp_path / 'out', tmp_path / 'figures.json'
    done = subprocess.run(
        demo(out, '--json', str(figures_file), '--seeds', '5', *options), env=environment(),
        cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(figures_file.read_text())
    assert figures['episodes'] == 1
    assert figures['successes'] == 0
    assert figures['success_rate'] == 0.0
    assert figures['seeds'] == [5]
    assert figures['per_episode'][0]['time_s'] == pytest.approx(8.0, abs=0.1)
    assert 'success rate' in done.stdout
    assert str(out / 'report.html') in done.stdout
    text = (out / 'report.html').read_text('utf-8')
    assert 'Episode by episode' in text
    if '--lockstep' in options:
        # 8 s at 30 Hz, each tick answered once, whatever the machine does besides; a few more
        # go out until the policy pauses.
        assert figures['control_ticks'] in range(239, 260)
        assert figures['latency_ms']['p50'] is None
        assert not (out / 'episodes.mp4').exists()
    else:
        assert figures['control_ticks'] > 20
        assert figures['missed_ticks'] >= 0
        assert 0 < figures['latency_ms']['p50'] <= figures['latency_ms']['p99']
        assert figures['latency_ms']['p99'] <= figures['latency_ms']['max']
        with av.open(str(out / 'episodes.mp4')) as film:
            assert sum(1 for _ in film.decode(video=0)) > 30
        assert 'latency' in done.stdout
        assert text.count('data:image/jpeg') == 5
    for node in NODES:
        assert (out / 'logs' / f'{node}.log').is_file()
    assert node_processes(out) == []


def test_ctrl_c_ends_every_process(tmp_path: Path) -> None:
    out = tmp_path / 'out'
    command = subprocess.Popen(demo(out, '--episodes', '50', '--no-video'), env=environment(),
                               cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True)
    try:
        wait_until(lambda: len(node_processes(out)) == len(NODES), 60.0,
                   lambda: f'only these started: {node_processes(out)}')
        command.send_signal(signal.SIGINT)
        said, _ = command.communicate(timeout=60)
    finally:
        command.kill()
    assert command.returncode == 130, said
    assert 'Traceback' not in said
    assert node_processes(out) == []


def test_a_node_that_dies_is_named_with_its_last_words(tmp_path: Path) -> None:
    out = tmp_path / 'out'
    robots = tmp_path / 'share' / 'config' / 'robots'
    robots.mkdir(parents=True)
    robot = (ROOT / 'config' / 'robots' / 'vaa_arm.yaml').read_text()
    # The policy has no camera to look through, which it says before it ends.
    (robots / 'vaa_arm.yaml').write_text(robot.replace('cameras: [front, wrist]', 'cameras: []')
                                         .replace('urdf: vaa_arm.urdf', "urdf: ''"))
    (robots.parent / 'fastdds.xml').write_text((ROOT / 'config' / 'fastdds.xml').read_text())
    done = subprocess.run(
        demo(out), env={**environment(), 'VAA_ROS_SHARE': str(tmp_path / 'share')},
        cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stdout + done.stderr
    assert 'vaa: error: process ' in done.stderr
    assert 'error' in done.stderr.split('the end of', 1)[1]
    assert node_processes(out) == []
