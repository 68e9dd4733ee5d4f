# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which recordings a folder holds, without opening them.
"""
from __future__ import annotations

from pathlib import Path

from vaa_ros.core.errors import BagError
from vaa_ros.recording.bag_files import is_one_bag
from vaa_ros.recording.bag_files import storage_suffix


def find_bags(folder: Path | str,
              skipped: list[tuple[Path, str]] | None = None) -> list[Path]:
    """
    Find what looks like a bag in a folder, without opening it.

    :param folder: folder of episodes, one episode, or one .mcap or .db3 file.
    :param skipped: takes what cannot be looked into, such as ``lost+found``, with the reason.
    :return: bags, in order of name.
    :raises BagError: if the folder does not exist, cannot be read, or holds no bag at all.
    """
    folder = Path(folder)
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise BagError(f'{folder}: there is no such folder')
    try:
        if (folder / 'metadata.yaml').exists() or is_one_bag(folder):
            return [folder]
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise BagError(f'{folder}: cannot be read: {error.strerror or error}') from error
    found, skipped = [], [] if skipped is None else skipped
    for path in inside:
        try:
            found += [path] if _looks_like_bag(path) else []
        except BagError as error:
            skipped.append((path, str(error)))
        except OSError as error:
            skipped.append((path, f'cannot be read: {error.strerror or error}'))
    if not found:
        why = ''.join(f'. {path} {reason}' for path, reason in skipped[:3])
        raise BagError(f'{folder}: holds no bags; expected folders with a metadata.yaml, as '
                       f'teleop_recorder and ros2 bag record write them{why}')
    return found


def _looks_like_bag(path: Path) -> bool:
    """
    Tell whether something in a folder is to be opened as a bag.

    :raises BagError: if it is a folder of several bags.
    """
    if not path.is_dir():
        return bool(storage_suffix(path))
    if (path / 'metadata.yaml').exists() or path.name.startswith('episode_'):
        return True
    files = sum(bool(storage_suffix(item)) for item in path.iterdir())
    if files > 1 and not is_one_bag(path):
        raise BagError(f'holds {files} bags, which are not looked into here: name this folder')
    return files > 0
