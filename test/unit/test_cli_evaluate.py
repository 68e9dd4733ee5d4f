# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
An evaluation on demonstrated scenes says so.
"""
from __future__ import annotations

from dataclasses import replace

from policy_models import model
from policy_models import SPEC
import pytest

from vaa_ros.cli.evaluate import demonstrated


@pytest.mark.parametrize('task, wanted', [(SPEC.task, [3, 5]), ('another', [])])
def test_seeds_of_demonstrations_are_known(task, wanted, tmp_path):
    path = tmp_path / 'p.onnx'
    spec = replace(SPEC, provenance={'seeds': [0, 3, None, 5]})
    path.write_bytes(model(spec).SerializeToString())
    assert demonstrated(str(path), task, [2, 3, 4, 5]) == wanted
    assert demonstrated('hold', SPEC.task, [3]) == []
