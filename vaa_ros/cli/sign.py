# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Sign a model, so that arms which ask for a signature take it; make the keys for it.

The signature, `<model>.onnx.minisig`, lies beside the model. The tool `minisign` can make and
check the same files.
"""

from __future__ import annotations

import argparse
from getpass import getpass
from pathlib import Path

from vaa_ros.cli.options import add_json
from vaa_ros.cli.output import prepare_json
from vaa_ros.cli.output import table
from vaa_ros.cli.output import write_json

EPILOG = """\
examples:
  vaa sign --make-key arm.key                once: arm.key stays secret, arm.pub does not
  vaa sign --model out/policy.onnx --key arm.key --comment 'reviewed by Ada'
  ros2 run vaa_ros policy --ros-args -p model_path:=out/policy.onnx \\
      -p require_signature:=true -p trusted_keys:="['arm.pub']"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument('--make-key', type=Path, metavar='FILE.key',
                      help='make a pair of keys: this secret file, and FILE.pub beside it')
    what.add_argument('--model', metavar='MODEL',
                      help='model to sign: an .onnx file, or the name of a shipped model')
    parser.add_argument('--key', type=Path, metavar='FILE.key',
                        help='secret key to sign with (needed with --model)')
    parser.add_argument('--comment', default='', metavar='TEXT',
                        help='what the signature says, covered by it (default: time and file)')
    parser.add_argument('--password', action='store_true',
                        help='ask for the password that protects the secret key')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Make keys or a signature, and say where they are."""
    from vaa_ros.core.errors import ConfigError
    from vaa_ros.core.paths import model_file
    from vaa_ros.policies.signature import make_keys
    from vaa_ros.policies.signature import sign_model
    from vaa_ros.policies.signature import signature_file
    prepare_json(args.json)
    if args.model is not None and args.key is None:
        raise ConfigError('--model needs --key, the secret key to sign with; '
                          '`vaa sign --make-key arm.key` makes one')
    password = getpass('password of the key: ') if args.password else ''
    if args.make_key is not None:
        secret, public, line = make_keys(args.make_key, password)
        found = {'secret_key': str(secret), 'public_key': str(public), 'public_line': line}
    else:
        path = model_file(args.model)
        signed = sign_model(path, args.key, password, args.comment)
        found = {'signature': str(signature_file(path)), 'key': signed.key_id,
                 'comment': signed.comment}
    print(table(list(found.items())))
    write_json(args.json, found)
    return 0
