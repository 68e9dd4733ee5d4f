# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the tests under the genuine ``launch`` share: an install prefix, a walk, a launch that runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
import os
from pathlib import Path
import re
import signal
import subprocess
import sys
import threading
from typing import Any

from launch_double import Started
from launch_files import ROOT
from processes import TIMEOUT_S
from processes import wait_for
import yaml

NODES = ('camera_subscriber', 'command_mux', 'flight_recorder', 'guard', 'policy', 'sim_arm',
         'teleop', 'teleop_recorder')
SERVE = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
words = sys.argv[2:]
service = LaunchService(argv=words)
service.include_launch_description(LaunchDescription([IncludeLaunchDescription(
    PythonLaunchDescriptionSource(sys.argv[1]),
    launch_arguments=[tuple(word.split(':=', 1)) for word in words])]))
sys.exit(service.run())
"""
"""What ``ros2 launch`` does: ``launch_a_launch_file`` of ``ros2launch``."""


def make_prefix(folder: Path) -> Path:
    """
    Make an install prefix that points into this checkout, so that nothing has to be built.

    Its package ``joy`` has a ``joy_node`` that ends at once.
    """
    share = folder / 'share' / 'vaa_ros'
    share.mkdir(parents=True)
    for top in ('config', 'launch', 'models'):
        (share / top).symlink_to(ROOT / top)
    texts = {('vaa_ros', node): f'from vaa_ros.nodes.{node} import main\nsys.exit(main())'
             for node in NODES}
    for (package, name), text in {**texts, ('joy', 'joy_node'): 'sys.exit()'}.items():
        marker = folder / 'share/ament_index/resource_index/packages' / package
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
        script = folder / 'lib' / package / name
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(f'#!{sys.executable}\nimport sys\n{text}\n', encoding='utf-8')
        script.chmod(0o755)
    return folder


def with_prefix(prefix: Path) -> str:
    """
    Give the value of ``AMENT_PREFIX_PATH`` that finds a prefix first.
    """
    return os.pathsep.join([str(prefix), os.environ.get('AMENT_PREFIX_PATH', '')]).rstrip(
        os.pathsep)


def walk(description: Any, arguments: Mapping[str, str], patch: Any) -> dict[str, Started]:
    """
    Do what launch would, but for the processes, and give their command lines as read by ROS.
    """
    from launch import LaunchContext
    from launch.actions import ExecuteProcess
    from launch.utilities import perform_substitutions

    found: dict[str, Started] = {}

    def execute(action: Any, context: Any) -> None:
        words = [perform_substitutions(context, list(word)) for word in action.cmd]
        patience = perform_substitutions(context, action._ExecuteLocal__sigterm_timeout)
        started = started_by(words, dict(context.environment), float(patience))
        name = f'{started.namespace.rstrip("/")}/{started.executable}'
        assert name not in found
        found[name] = started

    def visit(entity: Any) -> None:
        for part in entity.visit(context) or ():
            visit(part)

    patch.setattr(ExecuteProcess, 'execute', execute)
    context = LaunchContext()
    context.launch_configurations.update(arguments)
    visit(description)
    return found


def started_by(words: list[str], environment: dict[str, str], patience_s: float) -> Started:
    """
    Read a command line of launch.
    """
    path, rest = Path(words[0]), words[1:]
    pairs = list(pairwise(rest))
    files = [Path(b) for a, b in pairs if a == '--params-file']
    rules = [b.split(':=', 1) for a, b in pairs if a == '-r']
    names = dict(rule for rule in rules if not rule[0].startswith('__'))
    (_, body), = yaml.safe_load(files[-1].read_text(encoding='utf-8')).items()
    level = rest.index('--log-level')
    return Started(path.name, path.parent.name,
                   dict(rule for rule in rules if rule[0] == '__ns').get('__ns', ''),
                   tuple(file.resolve() for file in files[:-1]), body['ros__parameters'], names,
                   environment, tuple(rest[level:level + 2]), patience_s)


class Launched:
    """
    A launch that runs, in a process group of its own, as a terminal gives it one.
    """

    def __init__(self, prefix: Path, name: str, arguments: Mapping[str, str]) -> None:
        environment = {
            **os.environ, 'AMENT_PREFIX_PATH': with_prefix(prefix), 'PYTHONUNBUFFERED': '1',
            'ROS_LOG_DIR': str(prefix / 'log'), 'TMPDIR': str(prefix),
            'PYTHONPATH': os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])}
        words = [f'{key}:={value}' for key, value in arguments.items()]
        self._process = subprocess.Popen(
            [sys.executable, '-c', SERVE, str(ROOT / 'launch' / name), *words], cwd=prefix,
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout:
            self._lines.append(line)

    @property
    def output(self) -> str:
        return ''.join(self._lines)

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of the nodes that were started."""
        found = re.findall(r'\[(\w+)-\d+\]: process started with pid \[(\d+)\]', self.output)
        return {name: int(pid) for name, pid in found}

    @property
    def clean(self) -> set[str]:
        """The nodes that ended with exit code 0."""
        return set(re.findall(r'\[(\w+)-\d+\]: process has finished cleanly', self.output))

    def wait_for(self, part: str, timeout_s: float = 60.0) -> None:
        """Wait until it has said something."""
        try:
            wait_for(lambda: part in self.output or self._process.poll() is not None, timeout_s)
        finally:
            assert part in self.output, self.output

    def press_ctrl_c(self) -> int:
        """Interrupt it as a terminal does, with all its nodes, and give the exit code."""
        os.killpg(self._process.pid, signal.SIGINT)
        return self.wait()

    def end_alone(self, number: signal.Signals) -> None:
        """Send a signal to launch and not to its nodes, and wait until all of them are gone."""
        self._process.send_signal(number)
        self._process.wait(TIMEOUT_S)
        wait_for(lambda: not any(Path('/proc', str(pid)).exists() for pid in self.pids.values()),
                 message='the end of the nodes')

    def wait(self) -> int:
        """Wait for its end, and give the exit code."""
        code = self._process.wait(TIMEOUT_S)
        self._reader.join(TIMEOUT_S)
        return code

    def close(self) -> None:
        """End all that is left."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
            try:
                self._process.wait(TIMEOUT_S)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._reader.join(TIMEOUT_S)
        self._process.stdout.close()
