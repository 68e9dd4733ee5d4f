# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Finished takes that are thrown away, and taken back: the bag itself says which they are.
"""
from __future__ import annotations

from collections.abc import Mapping
import contextlib
import os
from pathlib import Path

from vaa_ros.core.errors import BagError
from vaa_ros.recording.bag_files import read_information
from vaa_ros.recording.bag_information import plain_yaml
from vaa_ros.recording.episode import DISCARDED
from vaa_ros.recording.episode import move_aside
from vaa_ros.recording.sure_file import sync_dir
from vaa_ros.recording.trash import METADATA


def discard(take: Path) -> Path:
    """
    Throw a finished take away: into ``discarded/`` beside the others, and by its own word.

    :param take: its folder.
    :return: where it is now.
    :raises BagError: if it cannot be moved or changed; then it is left as it is.
    """
    _say(take, True)
    try:
        return move_aside(take, DISCARDED)
    except BagError:
        _say(take, False)
        raise


def restore(take: Path) -> Path:
    """
    Take back what was thrown away: out of ``discarded/``, where it is there.

    :param take: its folder.
    :return: where it is now.
    :raises BagError: if it was not thrown away, or cannot be moved or changed.
    """
    take = take.absolute()
    aside = take.parent.name == DISCARDED
    if not (take / METADATA).is_file():
        raise BagError(f'{take}: has no {METADATA}, so it is no finished take. Make a bag of it '
                       'with: vaa recover FOLDER')
    if not aside and _custom(take).get('discarded') not in ('true', True):
        raise BagError(f'{take}: was not thrown away')
    target = take.parent.parent / take.name if aside else take
    try:
        if aside:
            if target.exists():
                raise FileExistsError('exists, and is not overwritten')
            os.rename(take, target)
    except OSError as error:
        raise BagError(f'cannot move {take} to {target}: {error}') from error
    _say(target, False)
    return target


def _custom(take: Path) -> Mapping[str, object]:
    custom = read_information(take).get('custom_data')
    return custom if isinstance(custom, Mapping) else {}


def _say(take: Path, discarded: bool) -> None:
    """Change metadata.yaml; whenever this is killed, the old or the new one is there whole."""
    information = {**read_information(take), 'custom_data': {
        **_custom(take), 'discarded': 'true' if discarded else 'false'}}
    file, new = take / METADATA, take / f'.{METADATA}'
    try:
        with new.open('w', encoding='utf-8') as stream:
            stream.write(plain_yaml({'rosbag2_bagfile_information': information}))
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(new, file)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink()
        raise BagError(f'cannot change {file}: {error.strerror or error}') from error
    with contextlib.suppress(OSError):  # it is there all the same
        sync_dir(take)
