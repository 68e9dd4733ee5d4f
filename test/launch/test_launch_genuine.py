# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The launch files under the genuine ``launch`` and ``launch_ros``, where these are installed.
"""

from __future__ import annotations

import os
from pathlib import Path
import signal
import subprocess
import sys
import threading

from launch_files import FILES
from launch_files import GENUINE
from launch_files import load
from launch_files import ROOT
import pytest

pytestmark = pytest.mark.skipif(not GENUINE, reason='launch_ros is not installed')

# Launch file, arguments, what one of its nodes says when it is ready.
STARTS = [
    ('demo.launch.py', {'namespace': 'left', 'model_path': 'hold'}, 'vision/<camera>'),
    ('record.launch.py', {'simulation': 'true', 'mode': 'expert', 'task': 'reach'},
     'ready to record'),
]
SERVE = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
pairs = [tuple(word.split('=')) for word in sys.argv[2:]]
service = LaunchService()
service.include_launch_description(LaunchDescription([IncludeLaunchDescription(
    PythonLaunchDescriptionSource(sys.argv[1]), launch_arguments=pairs)]))
sys.exit(service.run())
"""


@pytest.mark.parametrize('name', FILES)
def test_every_argument_is_described(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = load(name, monkeypatch).get_launch_arguments()
    assert {'namespace', 'params_file', 'log_level', 'fastdds_profile'} <= {
        argument.name for argument in arguments}
    for argument in arguments:
        assert argument.description and argument.default_value is not None, argument.name


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """
    An install prefix that points into this checkout, so that nothing has to be built.
    """
    share = tmp_path / 'share' / 'vaa_ros'
    share.mkdir(parents=True)
    for top in ('config', 'launch', 'models'):
        (share / top).symlink_to(ROOT / top)
    marker = tmp_path / 'share/ament_index/resource_index/packages/vaa_ros'
    marker.parent.mkdir(parents=True)
    marker.touch()
    scripts = tmp_path / 'lib' / 'vaa_ros'
    scripts.mkdir(parents=True)
    for node in ('camera_subscriber', 'command_mux', 'flight_recorder', 'guard', 'policy',
                 'sim_arm', 'teleop', 'teleop_recorder'):
        script = scripts / node
        script.write_text(f'#!{sys.executable}\nimport sys\nfrom vaa_ros.nodes.{node} import main'
                          '\nsys.exit(main())\n', encoding='utf-8')
        script.chmod(0o755)
    return tmp_path


@pytest.mark.timeout(120)
@pytest.mark.parametrize(('name', 'arguments', 'ready'), STARTS, ids=[s[0] for s in STARTS])
def test_it_starts_and_stops(name: str, arguments: dict[str, str], ready: str, prefix: Path,
                             ros_domain: int) -> None:
    environment = {
        **os.environ,
        'AMENT_PREFIX_PATH': os.pathsep.join(
            [str(prefix), os.environ.get('AMENT_PREFIX_PATH', '')]).rstrip(os.pathsep),
        'PYTHONPATH': os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')]),
    }
    words = [f'{key}={value}' for key, value in arguments.items()]
    process = subprocess.Popen(
        [sys.executable, '-c', SERVE, str(ROOT / 'launch' / name), *words], cwd=prefix,
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    # Launch ends its nodes when it is interrupted, so no kill here but for the watchdog's.
    watchdog = threading.Timer(60.0, process.send_signal, [signal.SIGINT])
    watchdog.start()
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if ready in line:
                process.send_signal(signal.SIGINT)
        code = process.wait(timeout=30)
    finally:
        watchdog.cancel()
        process.kill()
        process.stdout.close()
    text = ''.join(lines)
    assert ready in text, text
    assert text.count('process has finished cleanly') == 3, text
    assert code == 0, text
