# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Datasets of plain bags, for tests.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from plain_sessions import session

from vaa_ros.learning.cutting import Cutting
from vaa_ros.learning.dataset import build_dataset
from vaa_ros.learning.dataset import DatasetOptions
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.plain_bags import PlainOptions
from vaa_ros.learning.topic_mapping import TopicMapping

OPTIONS = DatasetOptions(size=(16, 12), chunk_length=4, control_rate_hz=20.0, task='reach')


def build(bag: Path, out: Path, rule: str = 'auto', mapping: TopicMapping | None = None,
          measured: bool = False, **changes: object):
    cutting = Cutting(rule, **{name: changes.pop(name) for name in
                               ('idle_s', 'length_s', 'until_release') if name in changes})
    plain = PlainOptions(mapping or TopicMapping(), cutting, measured)
    return build_dataset(bag, out, replace(OPTIONS, plain=plain, **changes))


def assert_same(one: Frames, other: Frames) -> None:
    assert len(one) == len(other)
    for name in ('state', 'action', 'stamp', 'episode'):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    for key in one.images:
        assert np.array_equal(one.images[key], other.images[key]), key
    assert one.spec.joints == other.spec.joints and one.spec.action == other.spec.action


def renamed(names: dict[str, str]) -> list[tuple[str, int, bytes]]:
    return [(names.get(topic, topic), at, data) for topic, at, data in session(1)]
