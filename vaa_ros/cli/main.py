# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The ``vaa`` command: one verb a file, errors as one line, Ctrl-C without a traceback.

Exit codes: 0 done, 2 wrong input or nowhere to write, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import importlib
import signal
import sys
from types import FrameType
from typing import NoReturn

from vaa_ros.core.errors import VaaError

VERBS = ('demo', 'record', 'recover', 'dataset', 'data', 'train', 'evaluate', 'export',
         'calibrate', 'sign', 'replay', 'inspect', 'view', 'robot')

DESCRIPTION = """\
Learn robot arm policies from demonstrations with vision-action alignment, on ROS 2.

The way of a policy: record -> dataset -> train -> export -> evaluate. `vaa demo` shows it done.
"""

EPILOG = """\
examples:
  vaa demo                               watch the shipped policy do 10 episodes
  vaa demo --from-scratch                record, learn, export and run, in one go
  vaa inspect models/pick_place          what a model sees and does
  vaa VERB --help                        options and examples of one verb
"""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors look like every other error of the command."""

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with code 2."""
        self.exit(2, f'vaa: error: {message} (see: {self.prog} --help)\n')


SETUP_TARGETS = {
    **dict.fromkeys(('torch', 'onnx', 'onnxscript', 'tensorboard'), 'setup-train'),
    **dict.fromkeys(('mujoco', 'gymnasium', 'av', 'matplotlib', 'PIL', 'tqdm', 'rclpy'), 'setup'),
}
"""What installs a module that only some verbs need."""


def make_parser() -> argparse.ArgumentParser:
    """Build the parser of the command with every verb."""
    parser = Parser(prog='vaa', description=DESCRIPTION, epilog=EPILOG,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--version', action='version', version=_version())
    verbs = parser.add_subparsers(dest='verb', metavar='VERB', title='verbs')
    for name in VERBS:
        module = importlib.import_module(f'vaa_ros.cli.{name}')
        summary = (module.__doc__ or '').strip().splitlines()[0]
        verb = verbs.add_parser(
            name, help=summary, description=module.__doc__, epilog=module.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter)
        module.add_arguments(verb)
        verb.set_defaults(run=module.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code of the process."""
    parser = make_parser()
    parsed = parser.parse_args(arguments)
    if parsed.verb is None:
        parser.print_help()
        return 2
    before = {number: signal.signal(number, _stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    # A background job of a script starts with SIGINT ignored; who sends it one means it.
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return int(parsed.run(parsed))
    except VaaError as error:
        print(f'vaa: error: {error}', file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        target = SETUP_TARGETS.get((error.name or '').split('.')[0])
        if target is None:
            raise
        print(f'vaa: error: {error.name} is not installed; run `make {target}`', file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output is gone: say nothing more at exit
        return 141
    except OSError as error:
        where = f'{error.filename}: ' if error.filename else ''
        print(f'vaa: error: {where}{error.strerror or error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('\nvaa: stopped', file=sys.stderr)
        return 130
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    # A terminated command must end its child processes too, which the finally blocks do.
    raise SystemExit(128 + number)


def _version() -> str:
    from vaa_ros import __version__
    return f'vaa_ros {__version__}'


if __name__ == '__main__':
    sys.exit(main())
