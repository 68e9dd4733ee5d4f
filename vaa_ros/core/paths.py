# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Where the package's data files are: ``config/`` and ``models/``.

The same call works in a source checkout, in a colcon workspace and after ``pip install``.
"""

from __future__ import annotations

from collections.abc import Iterator
import os
from pathlib import Path
import site
import sys

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.errors import unknown_name

PACKAGE = 'vaa_ros'
SHARE_VARIABLE = 'VAA_ROS_SHARE'


def share_dir() -> Path:
    """
    Find the folder that holds ``config/`` and ``models/``.

    ``VAA_ROS_SHARE`` wins; then the checkout this file is in; then ``share/vaa_ros`` of the
    installation this file belongs to, of ``AMENT_PREFIX_PATH`` and of the Python environment.

    :raises ConfigError: when none of these holds a ``config`` folder.
    """
    tried = []
    for candidate in _candidates():
        if (candidate / 'config').is_dir():
            return candidate
        tried.append(str(candidate))
    raise ConfigError(
        f'the data files of {PACKAGE} (config/, models/) were not found; looked in: '
        + ', '.join(dict.fromkeys(tried))
        + f'. Install the package again, or set {SHARE_VARIABLE} to the folder that holds config/'
    )


def config_file(name: str) -> Path:
    """
    Return a file below ``config/``, such as ``fastdds.xml`` or ``train/small.yaml``.

    :raises ConfigError: when it does not exist; the message lists what does.
    """
    return _data_file('config', 'config', name)


def config_names(folder: str, suffix: str = '.yaml') -> list[str]:
    """Return the names, without suffix, that exist in one folder below ``config/``."""
    root = share_dir() / 'config' / folder
    return sorted(path.stem for path in root.glob(f'*{suffix}'))


def model_file(name: str) -> Path:
    """
    Return a policy: a path to an ``.onnx`` file or the name of a model below ``models/``.

    A bare name such as ``pick_place`` means the one ``.onnx`` file of ``models/pick_place``.

    :raises ModelError: when there is no such file; the message lists what ships.
    """
    direct = Path(name).expanduser()
    if direct.is_file():
        return direct.resolve()
    root = share_dir() / 'models'
    for candidate in (root / name, root.parent / name, direct):
        if candidate.is_file():
            return candidate.resolve()
        files = sorted(candidate.glob('*.onnx')) if candidate.is_dir() else []
        if len(files) == 1:
            return files[0].resolve()
        if files:
            names = ', '.join(path.name for path in files)
            raise ModelError(f'{candidate} holds several models: {names}; name one of them')
    raise ModelError(_unknown('model', name, model_names()))


def model_names() -> list[str]:
    """Return the names of the models that ship with the package."""
    root = share_dir() / 'models'
    return sorted({path.parent.name for path in root.glob('*/*.onnx')})


def _data_file(kind: str, folder: str, name: str) -> Path:
    root = share_dir() / folder
    path = root / name
    if path.is_file():
        return path
    if path.is_dir():
        available = sorted(str(p.relative_to(root)) for p in path.rglob('*') if p.is_file())
    else:
        available = sorted(str(p.relative_to(root)) for p in root.rglob('*') if p.is_file())
    raise ConfigError(_unknown(f'{kind} file', name, available))


def _unknown(kind: str, name: str, available: list[str]) -> str:
    return str(unknown_name(kind, name, available))


def _candidates() -> Iterator[Path]:
    override = os.environ.get(SHARE_VARIABLE)
    if override:
        yield Path(override).expanduser()
    here = Path(__file__).resolve()
    yield here.parents[2]
    # An installed package lies at PREFIX/lib/python3.X/site-packages/vaa_ros/core (Debian adds
    # local/ or dist-packages), so the prefix is a few folders up.
    for parent in here.parents[3:8]:
        yield parent / 'share' / PACKAGE
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        if prefix:
            yield Path(prefix) / 'share' / PACKAGE
    for prefix in (sys.prefix, sys.base_prefix, site.getuserbase()):
        yield Path(prefix) / 'share' / PACKAGE
