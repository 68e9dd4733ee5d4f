# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Signatures of models: made and checked here, and by minisign's own tool where it is installed.
"""
from __future__ import annotations

from pathlib import Path
import shutil
import subprocess

import pytest

from vaa_ros.core.errors import ModelError
from vaa_ros.policies.signature import make_keys
from vaa_ros.policies.signature import sign_model
from vaa_ros.policies.signature import signature_file
from vaa_ros.policies.signature import TrustedKeys

# A key and a signature that minisign 0.11 itself made, of the eight bytes b'a model\n'.
MINISIGN_KEY = 'RWTjCTfMgWjrKzsD3DwXV9FAEyQqxHQzeBOnJKWCeWzyCwhz5RBtwt/Y'
MINISIGN_SIGNATURE = (
    'untrusted comment: signature from minisign secret key\n'
    'RUTjCTfMgWjrK/qVtoTwLCT5BCNnbcMhyL/gHwzFISuwpOD4UMHUwJYFuzEa'
    'eAt346fjHqAeqbKNSrwSNk0eqCx1abk/h8qwxgA=\n'
    'trusted comment: timestamp:1795610477\tfile:policy.onnx\thashed\n'
    '2UjHLclX52wBwG8cAfABIJOCyUweDhreIqeyQhRYV40dlg5nQbl37pEiOSVs'
    'yBqXXlzvONtxC+Qbxez3OEFtCg==\n')


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / 'policy.onnx'
    path.write_bytes(b'a model\n')
    return path


def check(model: Path, *keys: str, required: bool = True) -> object:
    return TrustedKeys(keys, required).check(model, model.read_bytes())


def test_a_signed_model_is_taken_and_says_who_signed_it(model: Path, tmp_path: Path) -> None:
    secret, public, line = make_keys(tmp_path / 'arm.key')
    made = sign_model(model, secret, comment='reviewed by Ada')
    for key in (line, str(public)):
        assert check(model, key) == made
    assert made.comment == 'reviewed by Ada'
    assert made.key_id in public.read_text().splitlines()[0]
    assert secret.stat().st_mode & 0o077 == 0


def test_what_minisign_itself_signed_is_taken(model: Path) -> None:
    signature_file(model).write_text(MINISIGN_SIGNATURE)
    found = check(model, MINISIGN_KEY)
    assert found.key_id == '2BEB6881CC3709E3'
    assert 'file:policy.onnx' in found.comment


@pytest.mark.skipif(shutil.which('minisign') is None, reason='minisign is not installed')
def test_minisign_itself_takes_what_is_signed_here(model: Path, tmp_path: Path) -> None:
    secret, public, _ = make_keys(tmp_path / 'arm.key')
    sign_model(model, secret)
    done = subprocess.run(['minisign', '-V', '-m', str(model), '-p', str(public)],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_changed_model_or_comment_is_refused(model: Path, tmp_path: Path) -> None:
    secret, _, line = make_keys(tmp_path / 'arm.key')
    sign_model(model, secret, comment='version 1')
    place = signature_file(model)
    whole = place.read_text()
    place.write_text(whole.replace('version 1', 'version 2'))
    with pytest.raises(ModelError, match='is not what the key'):
        check(model, line)
    place.write_text(whole)
    model.write_bytes(b'a mode1\n')
    for required in (True, False):
        with pytest.raises(ModelError, match='is not what the key'):
            check(model, line, required=required)


def test_a_missing_or_foreign_signature_is_refused(model: Path, tmp_path: Path) -> None:
    secret, _, line = make_keys(tmp_path / 'arm.key')
    _, _, other = make_keys(tmp_path / 'other.key')
    with pytest.raises(ModelError, match='not signed: policy.onnx.minisig is missing'):
        check(model, line)
    assert check(model, line, required=False) is None
    sign_model(model, secret)
    with pytest.raises(ModelError, match='trusted_keys has'):
        check(model, other)
    assert check(model, other, line) is not None


@pytest.mark.parametrize('content', [
    b'', b'garbage', b'untrusted comment: x\nRW\n\n\n', b'x' * 10**6])
def test_a_file_that_is_no_signature_is_refused(model: Path, content: bytes) -> None:
    signature_file(model).write_bytes(content)
    with pytest.raises(ModelError, match='not a minisign signature|larger than'):
        check(model, MINISIGN_KEY)


def test_keys_that_are_none_are_refused() -> None:
    with pytest.raises(ModelError, match='trusted_keys is empty'):
        TrustedKeys(required=True)
    with pytest.raises(ModelError, match='no minisign key'):
        TrustedKeys(['RWnokey'])


def test_a_key_is_never_overwritten_and_its_password_counts(model: Path, tmp_path: Path) -> None:
    secret, _, line = make_keys(tmp_path / 'arm.key', password='open sesame')
    with pytest.raises(ModelError, match='never overwritten'):
        make_keys(tmp_path / 'arm.key')
    with pytest.raises(ModelError, match='wrong password'):
        sign_model(model, secret, password='open')
    sign_model(model, secret, password='open sesame')
    assert check(model, line) is not None
