# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How fast bags become a dataset: pictures of 640x480, JPEG and raw, to 128x128.

Bags are generated in a temporary folder (about 1 MB a raw frame) and read while the system has
them in memory: the disk is not measured. "again" is a second run, which finds all in the cache.

    python benchmarks/dataset_speed.py
    python benchmarks/dataset_speed.py --frames 3000 --workers 1
"""
from __future__ import annotations

import os
from pathlib import Path
import tempfile
import time

from bench import make_parser
from bench import show
import cv2
import numpy as np

from vaa_ros.core.robot import load_robot
from vaa_ros.core.types import JointState
from vaa_ros.learning.dataset import build_dataset
from vaa_ros.learning.dataset import DatasetOptions
from vaa_ros.recording import messages
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.episode import EpisodeMetadata

PERIOD_NS = 33_333_333
METADATA = EpisodeMetadata(task='reach', robot='vaa_arm', command_type='joint_trajectory',
                           vaa_version='0.0.0', success=True)


def scenes(count: int = 20) -> list[np.ndarray]:
    """
    Make pictures with edges, gradients and some noise, as a camera gives them.
    """
    rng = np.random.default_rng(0)
    result = []
    for _ in range(count):
        rgb = np.repeat(np.linspace(40, 200, 640, dtype=np.float32)[None, :, None], 480, 0)
        rgb = np.repeat(rgb, 3, 2)
        for _ in range(30):
            corner, color = rng.integers(0, 600, 2), rng.integers(0, 256, 3)
            cv2.circle(rgb, corner.tolist(), int(rng.integers(5, 60)), color.tolist(), -1)
        rgb += rng.normal(0, 4, rgb.shape)
        result.append(rgb.clip(0, 255).astype(np.uint8))
    return result


def write_bags(folder: Path, kind: str, bags: int, frames: int) -> None:
    """
    Record episodes of one camera, joints and commands.

    :param folder: where to.
    :param kind: ``jpeg`` or ``raw``.
    :param bags: episodes.
    :param frames: frames in all.
    """
    names = load_robot('vaa_arm').joint_names
    pictures = scenes()
    topic, msgtype = ('/front/image_raw/compressed', messages.COMPRESSED_IMAGE) \
        if kind == 'jpeg' else ('/front/image_raw', messages.IMAGE)
    files = [cv2.imencode('.jpg', rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].reshape(-1)
             for rgb in pictures]
    topics = {topic: msgtype, '/joint_states': messages.JOINT_STATE,
              '/joint_trajectory': messages.JOINT_TRAJECTORY}
    for bag in range(bags):
        with BagWriter(folder / f'episode_{bag:06d}', topics, METADATA, 'none') as writer:
            for tick in range(frames // bags):
                stamp_ns = (1 + tick) * PERIOD_NS
                positions = np.full(len(names), tick / frames)
                if kind == 'raw':
                    data = messages.image(pictures[tick % len(pictures)], stamp_ns)
                else:
                    data = messages.serialize(msgtype, {
                        'header': messages.header(stamp_ns), 'format': 'jpeg',
                        'data': files[tick % len(files)]})
                writer.write('/joint_states', stamp_ns, messages.joint_state(
                    JointState(stamp_ns, names, positions)))
                writer.write(topic, stamp_ns + 1, data)
                writer.write('/joint_trajectory', stamp_ns + 2, messages.joint_trajectory(
                    names, positions, 1 / 30, stamp_ns))
            writer.close()


def measure(kind: str, bags: int, frames: int, workers: int) -> dict[str, object]:
    """
    Build a dataset twice.

    :return: frames a second [1/s].
    """
    options = DatasetOptions(cameras=('front',), size=(128, 128))
    with tempfile.TemporaryDirectory(prefix='dataset_speed_') as scratch:
        folder = Path(scratch)
        (folder / 'bags').mkdir()
        write_bags(folder / 'bags', kind, bags, frames)
        size = sum(file.stat().st_size for file in folder.rglob('*.mcap'))
        row: dict[str, object] = {'MB': round(size / 1e6)}
        for name in ('first', 'again'):
            begin = time.perf_counter()
            result = build_dataset(folder / 'bags', folder / 'data', options, overwrite=True,
                                   workers=workers, cache=folder / 'cache')
            row[f'{name}_per_s'] = round(result.frames / (time.perf_counter() - begin))
    return row


def main() -> None:
    """
    Print one table.
    """
    parser = make_parser(__doc__)
    parser.add_argument('--frames', type=int, default=4000, help='frames of each kind')
    parser.add_argument('--bags', type=int, default=20, help='episodes of each kind')
    parser.add_argument('--workers', type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    rows = {kind: measure(kind, args.bags, args.frames, args.workers) for kind in ('jpeg', 'raw')}
    show(f'bags to dataset, 640x480 to 128x128, {args.workers} processes, frames a second', rows,
         args.json)


if __name__ == '__main__':
    main()
