# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`vaa sign` makes keys and signatures that the policy node accepts."""

from __future__ import annotations

import json
from pathlib import Path

from policy_models import model
from policy_models import save
import pytest

from vaa_ros.cli.main import main
from vaa_ros.policies.signature import TrustedKeys


def test_what_it_signs_is_accepted_and_what_changed_is_not(tmp_path: Path) -> None:
    path, secret, figures = save(model(), tmp_path), tmp_path / 'arm.key', tmp_path / 'out.json'
    assert main(['sign', '--make-key', str(secret), '--json', str(figures)]) == 0
    made = json.loads(figures.read_text())
    assert secret.stat().st_mode & 0o077 == 0
    arguments = ['sign', '--model', str(path), '--key', str(secret), '--comment', 'by Ada']
    assert main([*arguments, '--json', str(figures)]) == 0
    for key in (made['public_line'], made['public_key']):
        signed = TrustedKeys([key], required=True).check(path, path.read_bytes())
        assert signed.comment == 'by Ada'
        assert signed.key_id == json.loads(figures.read_text())['key']


def test_it_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(model(), tmp_path)
    assert main(['sign', '--model', str(path)]) == 2
    assert '--model needs --key' in capsys.readouterr().err
    assert main(['sign', '--model', str(path), '--key', str(tmp_path / 'none.key')]) == 2
    assert 'none.key' in capsys.readouterr().err
    assert main(['sign', '--make-key', str(path)]) == 2
    assert 'never overwritten' in capsys.readouterr().err
    assert not list(tmp_path.glob('*.minisig'))
