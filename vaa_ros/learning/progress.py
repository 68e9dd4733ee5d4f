# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How a training run shows itself, and how it is interrupted.
"""
from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import signal
import threading

from tqdm import tqdm


class Bar:
    """
    The progress bar: part done, losses, held-out accuracy and recall.

    :param show: False shows nothing.
    """

    def __init__(self, show: bool) -> None:
        self._bar = tqdm(total=100.0, disable=not show, unit='%', dynamic_ncols=True,
                         bar_format='train {percentage:3.0f}%|{bar:20}| {elapsed}{postfix}')
        self._shown: dict[str, str] = {}

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def advance(self, part: float) -> None:
        """
        Move to where the run is, a part from 0 to 1.
        """
        self._bar.n = round(100 * part, 1)
        self._bar.update(0)

    def losses(self, means: Mapping[str, float], rate: float) -> None:
        """
        Show the terms of the loss, and the speed [samples/s].
        """
        self._shown.update(clone=f'{means["cloning"]:.3f}', align=f'{means["align"]:.2f}',
                           nll=f'{means["nll"]:.2f}', per_s=f'{rate:.0f}')
        self._bar.set_postfix(self._shown, refresh=True)

    def metrics(self, metrics: Mapping[str, float]) -> None:
        """
        Show how the held-out episodes do.
        """
        if metrics:
            self._shown.update(held_l1=f'{metrics["l1"]:.3f}',
                               accuracy=f'{metrics["accuracy"]:.0%}',
                               recall10=f'{metrics["recall_at_10"]:.0%}')
            self._bar.set_postfix(self._shown, refresh=True)


@contextlib.contextmanager
def interruptible(stop: threading.Event) -> Iterator[None]:
    """
    Let Ctrl-C and SIGTERM (torchrun's) set ``stop``, so that a step is never cut in two.

    A second one ends the process as usual.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: object) -> None:
        signal.signal(number, before[number])
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
