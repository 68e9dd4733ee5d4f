# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A folder that appears whole or not at all.
"""
from __future__ import annotations

from collections.abc import Iterator
import contextlib
import os
from pathlib import Path
import shutil

from vaa_ros.core.errors import DatasetError


@contextlib.contextmanager
def whole_folder(target: Path, replaces: str | None = None) -> Iterator[Path]:
    """
    Give a folder to write into that gets its name at the end, unless there was an error.

    :param target: the name that it gets.
    :param replaces: a file by which a folder that may be replaced is known; None for none.
    :return: the folder to write into.
    :raises DatasetError: if the name is taken, or something cannot be written.
    """
    if target.exists() and not (replaces and (target / replaces).is_file()):
        raise DatasetError(f'{target} exists already; choose another folder, or overwrite it '
                           '(only a dataset is ever overwritten)')
    partial = target.with_name(f'.{target.name}.partial')
    before = target.with_name(f'.{target.name}.before')
    try:
        if before.exists() and not target.exists():
            # An earlier run was killed between the two renames below.
            os.rename(before, target)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        if target.exists():
            # Deleting takes long: whenever this is killed, the old or the new one is there whole.
            shutil.rmtree(before, ignore_errors=True)
            os.rename(target, before)
        os.rename(partial, target)
        shutil.rmtree(before, ignore_errors=True)
    except OSError as problem:
        where, why = problem.filename, problem.strerror or problem
        if where is None or Path(os.fsdecode(where)).is_relative_to(target.parent):
            raise DatasetError(f'cannot write the dataset {target}: {problem}') from problem
        raise DatasetError(f'{os.fsdecode(where)}: {why}. The dataset {target} is not '
                           'written') from problem
    finally:
        shutil.rmtree(partial, ignore_errors=True)
