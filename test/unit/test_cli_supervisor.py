# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Children are ended whatever happens, and a dead one is named with its last words."""

from __future__ import annotations

import os
from pathlib import Path
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from vaa_ros.cli import supervisor
from vaa_ros.cli.supervisor import Child
from vaa_ros.cli.supervisor import Supervisor
from vaa_ros.cli.supervisor import wait_until
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import RosError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder for modules that children can run."""
    monkeypatch.setenv('PYTHONPATH', f'{tmp_path}{os.pathsep}{ROOT}')
    return tmp_path


def write(folder: Path, name: str, body: str) -> None:
    (folder / f'{name}.py').write_text(textwrap.dedent(body))


def said(child: Child, text: str) -> None:
    wait_until(lambda: text in child.log.read_text(), 20.0, lambda: child.last_lines())


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f'/proc/{pid}/stat').read_text() if Path(f'/proc/{pid}/stat').exists() else ''
    return status.rpartition(')')[2].split()[:1] == ['Z']


def test_a_polite_child_ends_at_the_first_signal(modules: Path) -> None:
    write(modules, 'polite', """
        import time
        try:
            print('up')
            time.sleep(100)
        except KeyboardInterrupt:
            print('bye')
    """)
    with Supervisor(modules / 'logs') as children:
        child = children.start('polite', 'polite')
        said(child, 'up')
    assert child.process.returncode == 0
    assert 'bye' in child.log.read_text()


def test_a_stubborn_child_and_its_own_child_are_killed(
        modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, 'STOP_STEPS', (
        (signal.SIGINT, 0.2), (signal.SIGTERM, 0.2), (signal.SIGKILL, 10.0)))
    write(modules, 'stubborn', """
        import signal, subprocess, sys, time
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        inner = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)'])
        print('inner', inner.pid, 'up')
        time.sleep(100)
    """)
    with Supervisor(modules / 'logs') as children:
        child = children.start('stubborn', 'stubborn')
        said(child, 'up')
        inner = int(child.log.read_text().split()[1])
    assert child.process.returncode == -signal.SIGKILL
    wait_until(lambda: gone(inner), 10.0, lambda: f'{inner} lives')


@pytest.mark.parametrize('patience_s', [0.0, 30.0])
def test_a_child_that_needs_longer_is_given_the_time(
        modules: Path, monkeypatch: pytest.MonkeyPatch, patience_s: float) -> None:
    monkeypatch.setattr(supervisor, 'STOP_STEPS', (
        (signal.SIGINT, 0.1), (signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0)))
    write(modules, 'slow', """
        import time
        try:
            print('up')
            time.sleep(100)
        except KeyboardInterrupt:
            time.sleep(1.0)
            print('written')
    """)
    with Supervisor(modules / 'logs') as children:
        child = children.start('slow', 'slow', patience_s=patience_s)
        said(child, 'up')
    assert ('written' in child.log.read_text()) == (patience_s > 0)
    assert child.process.returncode == (0 if patience_s else -signal.SIGTERM)


def test_children_end_when_the_body_fails(modules: Path) -> None:
    write(modules, 'sleeper', "import time; print('up'); time.sleep(100)")
    with pytest.raises(ZeroDivisionError):
        with Supervisor(modules / 'logs') as children:
            child = children.start('sleeper', 'sleeper')
            said(child, 'up')
            raise ZeroDivisionError
    assert child.process.returncode is not None


def test_children_end_when_the_command_is_killed(modules: Path) -> None:
    write(modules, 'sleeper', "import time; print('up', flush=True); time.sleep(100)")
    write(modules, 'command', """
        import sys, time
        from pathlib import Path
        from vaa_ros.cli.supervisor import Supervisor
        with Supervisor(Path(sys.argv[1])) as children:
            print(children.start('sleeper', 'sleeper').process.pid, flush=True)
            time.sleep(100)
    """)
    command = subprocess.Popen([sys.executable, '-m', 'command', str(modules / 'logs')],
                               stdout=subprocess.PIPE, text=True)
    assert command.stdout is not None
    pid = int(command.stdout.readline())
    log = modules / 'logs' / 'sleeper.log'
    wait_until(lambda: 'up' in log.read_text(), 20.0, lambda: 'the child did not start')
    command.kill()
    command.communicate()
    wait_until(lambda: gone(pid), 10.0, lambda: f'{pid} outlived kill -9 of its command')


def test_a_dead_child_is_named_with_the_end_of_its_log(modules: Path) -> None:
    write(modules, 'broken', """
        import sys
        for line in range(50):
            print('line', line)
        sys.exit('the camera is on fire')
    """)
    with Supervisor(modules / 'logs') as children:
        child = children.start('camera', 'broken')
        child.process.wait(20.0)
        with pytest.raises(RosError) as caught:
            children.check()
    text = str(caught.value)
    assert 'camera ended with code 1' in text
    assert 'the camera is on fire' in text
    assert 'line 49' in text
    assert 'line 20\n' not in text


def test_a_killed_child_is_named_with_its_signal(modules: Path) -> None:
    write(modules, 'sleeper', 'import time; time.sleep(100)')
    with Supervisor(modules / 'logs') as children:
        child = children.start('policy', 'sleeper')
        child.process.kill()
        child.process.wait(20.0)
        with pytest.raises(RosError, match='policy was ended by signal 9(.|\n)*printed nothing'):
            children.check()


def test_children_get_arguments_and_environment(modules: Path) -> None:
    write(modules, 'teller', "import os, sys; print(sys.argv[1:], os.environ['MARK'])")
    with Supervisor(modules / 'logs', {'MARK': 'seven'}) as children:
        child = children.start('teller', 'teller', ['--a', 'b c'])
        child.process.wait(20.0)
    assert child.log.read_text() == "['--a', 'b c'] seven\n"


def test_a_log_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(ConfigError, match='log folder'):
        with Supervisor(tmp_path / 'file' / 'logs'):
            pass


def test_waiting_ends_with_the_time_or_the_watch() -> None:
    start = time.monotonic()
    with pytest.raises(RosError, match='nothing came'):
        wait_until(lambda: False, 0.05, lambda: 'nothing came')
    assert time.monotonic() - start < 5.0

    def watch() -> None:
        raise RosError('it died')

    with pytest.raises(RosError, match='it died'):
        wait_until(lambda: False, 100.0, lambda: 'no', watch)
