# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Writing a .npy file whose length is known only at its end.
"""
from __future__ import annotations

from pathlib import Path

import numpy as np

MAGIC = b'\x93NUMPY\x01\x00'
HEADER = 256
"""Bytes before the data: room for any length, and a multiple of 64 as the format asks."""


class NpyStream:
    """
    An array that grows along its first axis, on disk.

    :param path: the file to write.
    :param dtype: type of the elements.
    :param shape: shape of one item.
    """

    def __init__(self, path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> None:
        self._dtype, self._shape, self._count = np.dtype(dtype), tuple(shape), 0
        self._file = path.open('wb')
        self._file.write(self._header())

    def append(self, items: np.ndarray) -> None:
        """
        Add items.

        :param items: (n, *shape).
        :raises ValueError: if type or shape differ.
        """
        if items.dtype != self._dtype or items.shape[1:] != self._shape:
            raise ValueError(f'items are {items.dtype} {items.shape}, expected {self._dtype} '
                             f'(n, {", ".join(map(str, self._shape))})')
        self._file.write(np.ascontiguousarray(items).data)
        self._count += len(items)

    def close(self) -> None:
        """
        Write the length and close the file.
        """
        if not self._file.closed:
            self._file.seek(0)
            self._file.write(self._header())
            self._file.close()

    def _header(self) -> bytes:
        text = repr({'descr': np.lib.format.dtype_to_descr(self._dtype),
                     'fortran_order': False, 'shape': (self._count, *self._shape)})
        size = HEADER - len(MAGIC) - 2
        return MAGIC + size.to_bytes(2, 'little') + text.ljust(size - 1).encode() + b'\n'
