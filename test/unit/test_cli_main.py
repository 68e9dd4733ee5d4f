# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command line: help with examples, one-line errors that list what exists, light start."""

from __future__ import annotations

import argparse
from pathlib import Path
import re
import shlex
import subprocess
import sys

import pytest

from vaa_ros.cli import options
from vaa_ros.cli.main import main
from vaa_ros.cli.main import make_parser
from vaa_ros.cli.main import VERBS
from vaa_ros.sim.registry import TASK_NAMES

ROOT = Path(__file__).resolve().parents[2]


def examples(verb: str) -> list[str]:
    """Return the example command lines of a verb, without what stands behind them."""
    import importlib
    text = importlib.import_module(f'vaa_ros.cli.{verb}').EPILOG
    lines = [line.strip() for line in text.splitlines() if line.startswith('  vaa ')]
    return [line.split('  ')[0] for line in lines]


def commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Give the commands that a parser chooses from."""
    found = [a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return found[0] if found else {}


def options_of(verb: str) -> list[argparse.Action]:
    """Give the options and arguments of a verb and of its commands."""
    own = commands(make_parser())[verb]
    return [action for each in (own, *commands(own).values()) for action in each._actions
            if not isinstance(action, argparse._SubParsersAction)]


@pytest.mark.parametrize('verb', VERBS)
def test_every_verb_has_help_with_examples(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, '--help'])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert 'examples:' in said
    assert f'vaa {verb} ' in said
    assert any('--json' in action.option_strings for action in options_of(verb))


@pytest.mark.parametrize('verb', ['record', 'evaluate', 'demo'])
def test_the_help_names_every_task(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([verb, '--help'])
    said = ' '.join(capsys.readouterr().out.split())
    assert f'{", ".join(TASK_NAMES[:-1])} or {TASK_NAMES[-1]}' in said


@pytest.mark.parametrize('verb', VERBS)
def test_every_example_can_be_parsed(verb: str) -> None:
    found = examples(verb)
    assert len(found) >= 2
    for line in found:
        parsed = make_parser().parse_args(shlex.split(line)[1:])
        assert parsed.verb == verb


@pytest.mark.parametrize('verb', VERBS)
def test_every_option_is_described(verb: str) -> None:
    for action in options_of(verb):
        assert action.help, f'{verb}: {action.dest} has no help'


def test_without_a_verb_it_prints_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    said = capsys.readouterr().out
    for verb in VERBS:
        assert re.search(rf'^    {verb}\s', said, re.MULTILINE)


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    from vaa_ros import __version__
    with pytest.raises(SystemExit):
        main(['--version'])
    assert capsys.readouterr().out == f'vaa_ros {__version__}\n'


@pytest.mark.parametrize('arguments, match', [
    (['fly'], "invalid choice: 'fly'"),
    (['demo', '--episodes', '0'], 'not a whole number of at least 1'),
    (['demo', '--episodes', 'many'], 'not a whole number of at least 1'),
    (['demo', '--minutes', 'nan'], 'not a number above 0'),
    (['demo', '--minutes', '-3'], 'not a number above 0'),
    (['evaluate', '--model', 'x', '--task', 'reach', '--seeds', '1:0'], 'FIRST:COUNT'),
    (['evaluate', '--model', 'x', '--task', 'reach', '--seeds=-1:5'], 'FIRST:COUNT'),
    (['evaluate', '--model', 'x', '--task', 'reach', '--seeds', '1:2:3'], 'FIRST:COUNT'),
    (['record', '--out', 'x', '--command-type', 'shout'], "'joint_trajectory', 'commands'"),
    (['export', '--out', 'x.onnx'], '--run'),
    (['train', '--out', 'x', '--seed=-1'], 'not a whole number of at least 0'),
    (['train', '--out', 'x', '--minutes', 'inf'], 'not a number above 0'),
])
def test_a_wrong_option_is_one_line(arguments: list[str], match: str,
                                    capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith('vaa: error: ')
    assert said.count('\n') == 1
    assert match in said.replace('"', "'") or match in said


@pytest.mark.parametrize('arguments, match', [
    (['demo', '--task', 'reech'], "unknown task 'reech'. Did you mean 'reach'? Available: "
                                  'insert, pick_place'),
    (['demo', '--task', 'reach'], "no model ships for task 'reach'"),
    (['demo', '--task', 'reach', '--model', 'no_such'], "unknown model 'no_such'"),
    (['evaluate', '--task', 'reach', '--model', 'no_such'], "unknown model 'no_such'"),
    (['evaluate', '--task', 'fly', '--model', 'hold'], "unknown task 'fly'"),
    (['evaluate', '--task', 'reach', '--model', 'hold', '--real-time'], '--real-time goes with'),
    (['evaluate', '--task', 'reach', '--model', 'hold', '--ros', '--report', 'r'],
     'leave out --ros'),
    (['evaluate', '--task', 'reach', '--model', 'hold', '--knn', 'd'], '--knn goes with'),
    (['evaluate', '--task', 'reach', '--model', 'hold', '--data', 'd'], '--data goes with a'),
    (['evaluate', '--task', 'reach', '--model', 'hold', '--neighbours', '3'], 'goes with --knn'),
    (['evaluate', '--task', 'reach', '--model', 'hold', '--train-data', 'd'], '--train-data goes'),
    (['evaluate', '--task', 'reach', '--model', 'hold', '--report', '/proc/nope'],
     '--report /proc/nope/report.html: cannot write there'),
    (['record', '--task', 'fly', '--out', 'episodes'], "unknown task 'fly'"),
    (['record', '--out', 'e', '--in-process', '--teleop', 'keyboard'], '--in-process'),
    (['record', '--out', 'e', '--time-limit', '9'], '--time-limit is for --teleop keyboard'),
    (['dataset', 'nowhere', '--out', 'ds'], 'nowhere'),
    (['train', '--out', 'run'], '--data is missing'),
    (['train', '--out', 'run', '--data', 'ds', '--config', 'huge'],
     "unknown training configuration 'huge'"),
    (['train', '--out', 'run', '--resume', '--steps', '5'], '--steps cannot be changed'),
    (['train', '--out', 'run', '--resume', '--seed', '0'], '--seed cannot be changed'),
    (['train', '--out', 'run', '--resume'], 'run'),
    (['export', '--run', 'nowhere', '--out', 'x.onnx'], 'nowhere'),
    (['inspect', 'nowhere'], 'no such file'),
    (['demo', '--from-scratch', '--out', '/proc/nope'], '/proc/nope'),
    (['dataset', 'nowhere', '--out', 'ds', '--held-out', '5'], 'held_out is 5'),
])
def test_wrong_names_list_what_exists(arguments: list[str], match: str, tmp_path: Path,
                                      monkeypatch: pytest.MonkeyPatch,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith('vaa: error: ')
    assert match in said


def test_figures_that_cannot_be_written_are_an_error_before_the_run(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / 'file').write_text('')
    assert main(['demo', '--json', str(tmp_path / 'file' / 'figures.json')]) == 2
    assert 'cannot write there' in capsys.readouterr().err


def test_the_command_starts_without_heavy_imports() -> None:
    code = ('import sys; from vaa_ros.cli.main import make_parser; make_parser(); '
            "print([m for m in ('torch', 'mujoco', 'onnxruntime', 'rclpy', 'cv2', 'av', "
            "'matplotlib', 'gymnasium') if m in sys.modules])")
    said = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True,
                          check=True).stdout
    assert said == '[]\n'


def test_ctrl_c_and_terminate_have_their_exit_codes(monkeypatch: pytest.MonkeyPatch,
                                                    capsys: pytest.CaptureFixture[str]) -> None:
    from vaa_ros.cli import inspect

    def interrupted(args: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(inspect, 'run', interrupted)
    assert main(['inspect', 'x']) == 130
    assert capsys.readouterr().err == '\nvaa: stopped\n'


def test_terminate_runs_the_finally_blocks() -> None:
    code = ('import os, signal\nfrom vaa_ros.cli import inspect, main\n'
            'def run(args):\n    try:\n        os.kill(os.getpid(), signal.SIGTERM)\n'
            '        import time; time.sleep(30)\n    finally:\n        print("cleaned")\n'
            'inspect.run = run\nmain.main(["inspect", "x"])')
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True,
                          timeout=20)
    assert done.stdout == 'cleaned\n'
    assert done.returncode == 143


def test_seeds() -> None:
    assert options.seeds('7').numbers(3) == [7, 8, 9]
    assert options.seeds('7:2').numbers(3) == [7, 8]
