# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A folder into which new models are put while the arm runs. Time is passed in.
"""
from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from vaa_ros.core.errors import ConfigError
from vaa_ros.policies.signature import signature_file

FileState: TypeAlias = tuple[int, int, int]
"""Modification time [ns], size [bytes] and inode of a file."""


def file_state(path: Path) -> FileState | None:
    """
    Give what tells one version of a file from another.

    :param path: the file.
    :return: its state, or None where there is no such file.
    """
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class ModelFolder:
    """
    Finds the models that are put into a folder, when they do not change any more.

    What lies there at first is not new. Links are passed over: they may lead anywhere.

    :param folder: the folder.
    :param stable_s: how long a file must stay as it is [s].
    :param signed: wait for its signature too.
    :raises ConfigError: if there is no such folder.
    """

    def __init__(self, folder: Path, stable_s: float = 1.0, signed: bool = False) -> None:
        self._folder = folder.expanduser()
        if not self._folder.is_dir():
            raise ConfigError(f'watch_models: {folder} is no folder')
        self._stable_s = stable_s
        self._signed = signed
        self._done: dict[Path, tuple[FileState | None, ...]] = self._files()
        self._changing: dict[Path, tuple[float, tuple[FileState | None, ...]]] = {}

    def poll(self, now_s: float) -> Path | None:
        """
        Look into the folder.

        :param now_s: the present, on a clock that does not jump [s].
        :return: a model that is new or was replaced, once; of several the newest.
        """
        files = self._files()
        self._done = {path: state for path, state in self._done.items() if path in files}
        ready = []
        for path, state in files.items():
            if self._done.get(path) == state:
                self._changing.pop(path, None)
                continue
            since_s, before = self._changing.get(path, (now_s, None))
            if before != state:
                self._changing[path] = now_s, state
            elif now_s - since_s >= self._stable_s:
                ready.append(path)
        if not ready:
            return None
        for path in ready:
            self._done[path] = files[path]
        return max(ready, key=lambda path: files[path][0])

    def _files(self) -> dict[Path, tuple[FileState | None, ...]]:
        found = {}
        for path in sorted(self._folder.glob('*.onnx')):
            states = (file_state(path), file_state(signature_file(path)))
            missing = states[0] is None or self._signed and states[1] is None
            if path.is_file() and not path.is_symlink() and not missing:
                found[path] = states
        return found
