# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Batches made by a background thread, so that training waits for no frame.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
import itertools
import queue
import threading
import time

import numpy as np
import torch

from vaa_ros.alignment.model import Batch
from vaa_ros.alignment.model import crop_size
from vaa_ros.learning.config import AugmentConfig
from vaa_ros.learning.frames import Frames

AHEAD = 4
ORDER, CROPS = range(2)
"""What chance decides; each has a source of its own."""


@dataclass(frozen=True, eq=False)
class RawBatch:
    """
    Cropped frames as bytes, with what :class:`~vaa_ros.alignment.model.Batch` needs.

    :param pictures: camera key to (B * H, h, w, 3) uint8, the H frames of a sample side by side.
    :param shifts: camera key to (B * H, 2) float32.
    :param state: (B, S).
    :param actions: (B, T, D).
    :param mask: (B, T).
    :param episode: (B,).
    :param stamp: (B,) int64 [ns].
    :param instruction: (B,) int64.
    :param share: which rows of the whole batch these are, where several processes share it.
    :param whole: rows of the whole batch.
    """

    pictures: dict[str, np.ndarray]
    shifts: dict[str, np.ndarray]
    state: np.ndarray
    actions: np.ndarray
    mask: np.ndarray
    episode: np.ndarray
    stamp: np.ndarray
    instruction: np.ndarray
    share: slice
    whole: int


def gather(frames: Frames, chosen: np.ndarray, crop: float,
           random: np.random.Generator | None = None,
           history: np.ndarray | None = None, share: slice = slice(None)) -> RawBatch:
    """
    Copy frames out of the mapped files and crop them.

    :param frames: the dataset.
    :param chosen: frame indices of the whole batch.
    :param crop: part of each side to keep.
    :param random: draws the place of each crop, one for all frames of a sample, so that what
        moves between them is the scene; None is the centre.
    :param history: what :meth:`Frames.history` gave (N, H); None is the present frames alone.
    :param share: the rows that this process gets of the batch; what is drawn for a row does not
        depend on it.
    :return: the frames.
    """
    whole, chosen = len(chosen), chosen[share]
    seen = chosen[:, None] if history is None else history[chosen]
    count = seen.shape[1]
    pictures, shifts = {}, {}
    for camera in frames.spec.cameras:
        rows, columns = crop_size(camera, crop)
        room = np.array([camera.width - columns, camera.height - rows])
        centre = room // 2
        corner = np.tile(centre, (len(chosen), 1)) if random is None else \
            random.integers(0, room + 1, (whole, 2))[share]
        corner = corner.repeat(count, axis=0)
        source = frames.images[camera.key]
        cropped = np.empty((seen.size, rows, columns, 3), np.uint8)
        for place, (frame, (left, top)) in enumerate(zip(seen.flat, corner, strict=True)):
            cropped[place] = source[frame, top:top + rows, left:left + columns]
        pictures[camera.key] = cropped
        shifts[camera.key] = (2.0 * (corner - centre) / (columns, rows)).astype(np.float32)
    actions, mask = frames.chunks(chosen)
    return RawBatch(pictures, shifts, frames.state[chosen], actions, mask,
                    frames.episode[chosen], frames.stamp[chosen], frames.instruction[chosen],
                    share, whole)


def to_batch(raw: RawBatch, augment: AugmentConfig | None = None,
             generator: torch.Generator | None = None,
             device: torch.device | str = 'cpu') -> Batch:
    """
    Turn bytes into what the network takes, with colour variation.

    :param raw: the cropped frames.
    :param augment: how to vary them, or None to leave them as they are.
    :param generator: draws the variation.
    :param device: where the batch is to be.
    :return: the batch; pictures are in channels-last memory.
    """
    def there(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values).to(device, non_blocking=True)

    pictures = {}
    for key, values in raw.pictures.items():
        picture = there(values).permute(0, 3, 1, 2).float()
        if augment is None:
            pictures[key] = picture.div_(127.5).sub_(1)
        else:
            # The frames of a sample are taken in the same light.
            gain, offset = (
                each[raw.share].repeat_interleave(len(values) // len(raw.state), 0).to(device)
                for each in colour_draw(raw.whole, augment, generator))
            pictures[key] = picture.mul_(gain).add_(offset)
    return Batch(pictures, {key: there(item) for key, item in raw.shifts.items()},
                 there(raw.state), there(raw.actions), there(raw.mask), there(raw.episode),
                 there(raw.stamp), there(raw.instruction))


def colour_draw(count: int, augment: AugmentConfig, generator: torch.Generator | None,
                ) -> tuple[torch.Tensor, torch.Tensor]:
    """
    Draw one affine change a sample and channel: byte * gain + offset is the picture.

    :param count: samples.
    :param augment: how far.
    :param generator: the source of chance.
    :return: gain and offset, each (B, 3, 1, 1).
    """
    def draw(channels: int, width: float) -> torch.Tensor:
        return (2 * torch.rand(count, channels, 1, 1, generator=generator) - 1) * width

    gain = (1 + draw(1, augment.contrast)) * (1 + draw(3, augment.colour))
    return gain / 127.5, 2 * draw(1, augment.brightness) - gain


def epoch_order(frames: np.ndarray, episode: np.ndarray, together: int,
                random: np.random.Generator) -> np.ndarray:
    """
    Order the frames of one pass: each once, in groups of one episode, far apart in it.

    Frames next to each other are near-duplicates; a group spread over its episode gives the
    contrastive loss hard negatives (same scene, other moment) instead.

    :param frames: frame indices in order (n,).
    :param episode: episode of each of them (n,).
    :param together: frames in a group.
    :param random: the source of chance.
    :return: the frames in a new order (n,).
    """
    groups, rest = [], []
    edges = np.flatnonzero(np.diff(episode)) + 1
    for run in np.split(frames, edges):
        count = len(run) // together
        run = np.roll(run, random.integers(len(run)))
        groups.append(run[:count * together].reshape(together, count).T)
        rest.append(run[count * together:])
    order = random.permutation(np.concatenate(groups)) if groups else np.empty((0, together))
    return np.concatenate([order.reshape(-1), random.permutation(np.concatenate(rest))])


class BatchStream:
    """
    An endless stream of training batches, a few of them always ready.

    A batch follows from the seed and its number alone, so a stream that begins at a later one goes
    on exactly where another was left. A context manager: its thread ends with it.

    :param frames: the dataset.
    :param chosen: the frames to learn from.
    :param crop: part of each picture side to keep.
    :param batch_size: frames in a batch.
    :param together: frames from one episode.
    :param seed: seed of order and crops.
    :param history: what :meth:`Frames.history` gave; None is the present frames alone.
    :param share: the rows of each batch that this process gets.
    :param first: number of the batch to begin with.
    """

    def __init__(self, frames: Frames, chosen: np.ndarray, crop: float, batch_size: int,
                 together: int, seed: int, history: np.ndarray | None = None,
                 share: slice = slice(None), first: int = 0) -> None:
        self._frames, self._chosen, self._crop = frames, chosen, crop
        self._history, self._share = history, share
        self._size, self._together = batch_size, together
        self._seed, self._first = seed, first
        self._ready: queue.Queue[RawBatch | BaseException] = queue.Queue(AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name='batches', daemon=True)
        self.waited_s = 0.0
        """Time that the consumer has waited in total [s]."""

    def __enter__(self) -> BatchStream:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def __iter__(self) -> Iterator[RawBatch]:
        while True:
            start = time.perf_counter()
            item = self._ready.get()
            self.waited_s += time.perf_counter() - start
            if isinstance(item, BaseException):
                raise item
            yield item

    def _work(self) -> None:
        try:
            for number, chosen in enumerate(self._orders(), self._first):
                if not self._put(gather(self._frames, chosen, self._crop,
                                        self._chance(CROPS, number), self._history,
                                        self._share)):
                    return
        except BaseException as problem:  # noqa: B036 (handed to the consumer)
            self._put(problem)

    def _chance(self, what: int, number: int) -> np.random.Generator:
        return np.random.default_rng((self._seed, what, number))

    def _orders(self) -> Iterator[np.ndarray]:
        left = np.empty(0, np.int64)
        episode = np.asarray(self._frames.episode)[self._chosen]
        begun, gone = divmod(self._first * self._size, len(self._chosen))
        for number in itertools.count(begun):
            order = epoch_order(self._chosen, episode, self._together,
                                self._chance(ORDER, number))
            left = np.concatenate([left, order[gone:]]).astype(np.int64)
            gone = 0
            while len(left) >= self._size:
                yield left[:self._size]
                left = left[self._size:]

    def _put(self, item: RawBatch | BaseException) -> bool:
        while not self._stop.is_set():
            try:
                self._ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False
