# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Raw pictures to compressed ones while they are recorded, on threads of their own.
"""
from __future__ import annotations

from collections import deque
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
import os
import threading
from typing import NamedTuple

import numpy as np

from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import ImageError
from vaa_ros.core.image_encoding import ImageFormat
from vaa_ros.core.image_encoding import NONE
from vaa_ros.recording.messages import COMPRESSED_IMAGE
from vaa_ros.recording.messages import deserialize
from vaa_ros.recording.messages import IMAGE
from vaa_ros.recording.messages import serialize

MOST_THREADS = 4


class Queued(NamedTuple):
    """
    A message on its way into the bag.

    :param topic: its topic.
    :param log_ns: when it was received [ns].
    :param data: the serialised message (CDR).
    :param publish_ns: when it was sent [ns].
    """

    topic: str
    log_ns: int
    data: bytes
    publish_ns: int


def compressed_topic(topic: str) -> str:
    """
    Name the topic of a camera's compressed pictures, as image_transport does.

    :param topic: that of the raw ones.
    """
    return f'{topic}/compressed'


def check_distinct(topic: str, topics: Collection[str], form: ImageFormat) -> None:
    """
    Make sure that pictures compressed here do not mix with those that a camera compresses.

    :param topic: a topic that is to be recorded.
    :param topics: the others.
    :param form: how raw pictures are stored.
    :raises BagError: naming the topic that would be written twice.
    """
    names = {topic, *topics}
    for raw in (topic, topic.removesuffix(compressed_topic(''))):
        if form.form != NONE and raw in names and compressed_topic(raw) in names:
            raise BagError(f'{raw} and {compressed_topic(raw)} are both to be recorded, and '
                           'image_compression stores the first as the second. Leave one out, or '
                           'set image_compression to none')


def topic_in_bag(topic: str, counts: Mapping[str, int]) -> str:
    """
    Tell where the messages of a topic are in a bag.

    :param topic: where they were published.
    :param counts: messages in the bag by topic.
    :return: the topic, or that of its compressed pictures if only that has messages.
    """
    copy = compressed_topic(topic)
    return copy if counts.get(copy) and not counts.get(topic) else topic


class ImageEncoder:
    """
    Compresses pictures; those of one topic come out in the order in which they went in.

    ``put`` and ``done`` are called from one thread.

    :param form: how they are stored.
    :param change: notified whenever one is ready. (No method of the recorder: an episode that is
        part of a cycle keeps its memory until somebody looks for cycles.)
    """

    def __init__(self, form: ImageFormat, change: threading.Condition) -> None:
        self._form = form
        self._change = change
        self._pool = ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1), 'image_encoder')
        self._pending: dict[str, deque[tuple[Queued, Future[bytes]]]] = {}
        self.stored_raw: dict[str, str] = {}
        """Why a topic has pictures that are stored as they came."""

    def to_mapping(self) -> dict[str, object]:
        """
        Describe for the metadata how pictures were stored.
        """
        raw = {'raw': dict(self.stored_raw)} if self.stored_raw else {}
        return {**self._form.to_mapping(), **raw}

    @property
    def busy(self) -> bool:
        """Tell whether a picture went in and has not come out."""
        return any(self._pending.values())

    @property
    def ready(self) -> bool:
        """Tell whether a picture can come out."""
        return any(waiting and waiting[0][1].done() for waiting in self._pending.values())

    def put(self, item: Queued) -> None:
        """
        Take one picture.

        :param item: a sensor_msgs/Image.
        """
        future = self._pool.submit(_compressed, self._form, item.data)
        self._pending.setdefault(item.topic, deque()).append((item, future))
        future.add_done_callback(self._notify)

    def _notify(self, future: Future[bytes]) -> None:
        with self._change:
            self._change.notify()

    def done(self) -> Iterator[tuple[Queued, str, Queued]]:
        """
        Give the pictures that are ready.

        :return: what went in, and type and message to store: a CompressedImage, or what went in
            where it cannot be compressed.
        """
        for topic, waiting in self._pending.items():
            while waiting and waiting[0][1].done():
                item, future = waiting.popleft()
                try:
                    yield item, COMPRESSED_IMAGE, item._replace(
                        topic=compressed_topic(topic), data=future.result())
                except (ImageError, BagError) as reason:
                    self.stored_raw.setdefault(topic, str(reason))
                    yield item, IMAGE, item

    def close(self) -> None:
        """End the threads; what has not come out is lost."""
        self._pool.shutdown(cancel_futures=True)


def _compressed(form: ImageFormat, data: bytes) -> bytes:
    image = deserialize(IMAGE, data)
    told, file = form.encode(image.height, image.width, image.encoding, image.step, image.data,
                             bool(image.is_bigendian))
    # The header object is that of the raw picture: same stamp, same frame.
    return serialize(COMPRESSED_IMAGE, {'header': image.header, 'format': told,
                                        'data': np.frombuffer(file, np.uint8)})
