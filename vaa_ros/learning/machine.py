# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Settings of the process that make training on a few CPU cores fast.
"""
from __future__ import annotations

import ctypes
import os

import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE = 1 << 30


def cores() -> int:
    """
    Give the number of processor cores that this process may use.
    """
    return len(os.sched_getaffinity(0))


def has_bfloat16(gpu: bool) -> bool:
    """
    Tell whether the processor computes with bfloat16 itself; others imitate it, slower.

    :param gpu: whether it is asked of the GPU, or of the CPU (AVX-512 BF16 or AMX).
    """
    if gpu:
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = getattr(torch.cpu, 'get_capabilities', dict)()
    return any(capabilities.get(name, False) for name in ('avx512_bf16', 'amx_bf16'))


def prepare(threads: int) -> int:
    """
    Set the number of threads and keep freed memory in the process.

    :param threads: CPU threads.
    :return: the number set.
    """
    torch.set_num_threads(threads)
    # glibc gives every large tensor back to the kernel and asks for it again, zeroed page by
    # page: measured at a third of the training time. Other C libraries do not have mallopt.
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE)
        mallopt(M_TRIM_THRESHOLD, LARGE)
    return threads
