# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The data files are found wherever the package is, and a wrong name lists the right ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaa_ros.core import paths
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import ModelError


@pytest.fixture
def share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a share folder with a config and two models, and point the package at it."""
    (tmp_path / 'config' / 'train').mkdir(parents=True)
    (tmp_path / 'config' / 'train' / 'small.yaml').write_text('a: 1\n')
    (tmp_path / 'config' / 'fastdds.xml').write_text('<x/>')
    for name in ('reach', 'push'):
        (tmp_path / 'models' / name).mkdir(parents=True)
        (tmp_path / 'models' / name / f'{name}.onnx').write_bytes(b'x')
    monkeypatch.setenv(paths.SHARE_VARIABLE, str(tmp_path))
    return tmp_path


def test_the_checkout_is_found_without_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(paths.SHARE_VARIABLE, raising=False)
    assert paths.config_file('robots/vaa_arm.yaml').is_file()


@pytest.mark.parametrize('site', [
    'lib/python3.11/site-packages', 'local/lib/python3.11/dist-packages',
    'lib/python3/dist-packages'])
def test_an_installation_finds_its_own_share(site: str, tmp_path: Path,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / site / 'vaa_ros' / 'core' / 'paths.py'
    module.parent.mkdir(parents=True)
    prefix = tmp_path / 'local' if site.startswith('local') else tmp_path
    (prefix / 'share' / 'vaa_ros' / 'config').mkdir(parents=True)
    monkeypatch.delenv(paths.SHARE_VARIABLE, raising=False)
    monkeypatch.setenv('AMENT_PREFIX_PATH', '')
    monkeypatch.setattr(paths, '__file__', str(module))
    assert paths.share_dir() == prefix / 'share' / 'vaa_ros'


def test_no_data_says_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(paths.SHARE_VARIABLE, str(tmp_path / 'none'))
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path / 'ament'))
    monkeypatch.setattr(paths, '__file__', str(tmp_path / 'a' / 'b' / 'c' / 'paths.py'))
    monkeypatch.setattr(paths.sys, 'prefix', str(tmp_path))
    monkeypatch.setattr(paths.sys, 'base_prefix', str(tmp_path))
    monkeypatch.setattr(paths.site, 'getuserbase', lambda: str(tmp_path))
    with pytest.raises(ConfigError, match='ament.*share.*VAA_ROS_SHARE'):
        paths.share_dir()


def test_a_config_file_by_name(share: Path) -> None:
    assert paths.config_file('train/small.yaml') == share / 'config' / 'train' / 'small.yaml'
    assert paths.config_names('train') == ['small']


@pytest.mark.parametrize('name', ['train/big.yaml', 'train', 'nothing.xml', ''])
def test_an_unknown_config_lists_what_exists(share: Path, name: str) -> None:
    with pytest.raises(ConfigError, match='Available.*small.yaml'):
        paths.config_file(name)


@pytest.mark.parametrize('name', ['reach', 'reach/reach.onnx', 'models/reach',
                                  'models/reach/reach.onnx'])
def test_a_shipped_model_by_name(share: Path, name: str) -> None:
    assert paths.model_file(name) == share / 'models' / 'reach' / 'reach.onnx'


def test_a_model_by_path(share: Path, tmp_path: Path) -> None:
    own = tmp_path / 'own' / 'mine.onnx'
    own.parent.mkdir()
    own.write_bytes(b'x')
    assert paths.model_file(str(own)) == own
    assert paths.model_file(str(own.parent)) == own


def test_a_folder_with_two_models_is_refused(share: Path) -> None:
    (share / 'models' / 'reach' / 'other.onnx').write_bytes(b'x')
    with pytest.raises(ModelError, match='other.onnx, reach.onnx'):
        paths.model_file('reach')


def test_an_unknown_model_lists_what_ships(share: Path) -> None:
    with pytest.raises(ModelError, match="unknown model 'reech'.*Did you mean 'reach'.*push"):
        paths.model_file('reech')
