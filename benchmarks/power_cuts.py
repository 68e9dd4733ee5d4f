# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a power cut costs a recording: disks as they are at random moments, mounted and recovered.

    sudo python benchmarks/power_cuts.py                    # 50 cuts
    sudo python benchmarks/power_cuts.py --cuts 5 --json out/power_cuts.json

The load is that of ``recording.py``: three cameras, 83 MB/s, joint states and commands.
``teleop_recorder`` writes to a disk that is a file (ext4 on a loop device), which the file system
below it clones at random moments (XFS, in one step): what the recorder and the kernel still held
in memory is not in the clone, as after a power cut. The clone is mounted, which replays its
journal, and ``vaa recover`` makes a bag of what is there. Missing is the time from the oldest
message that is lost to the cut. The baseline in the same run is a recording without any fsync:
``plain rclpy`` of ``recording.py``, whose file is read the same way.
Needs root, loop devices and xfsprogs.
"""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import fcntl
import os
from pathlib import Path
import random
import shutil
import subprocess
import tempfile
import time

from bench import make_parser
from bench import not_installed
from bench import show
import numpy as np
from recording import first_written_s
from recording import LOAD
from recording import Operator
from recording import Process
from recording import SETTLE_S
from recording import under_load
from recording_load import JOINTS_HZ

CLONE = 0x40049409  # FICLONE of linux/fs.h
DISK_BYTES = 6 * 1024**3


def call(*command: object) -> None:
    """
    Run a command; its output is the error.
    """
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f'{" ".join(map(str, command))}: {done.stderr.strip()}')


@contextmanager
def mounted(image: Path, folder: Path, *options: str) -> Iterator[Path]:
    """
    Mount a file as a disk.
    """
    folder.mkdir(exist_ok=True)
    call('mount', '-o', ','.join(('loop', *options)), image, folder)
    try:
        yield folder
    finally:
        call('umount', folder)


@contextmanager
def disk(folder: Path) -> Iterator[Path]:
    """
    Make a disk that can be cloned; give where it is mounted, its image being ``below/disk.img``.
    """
    below, image = folder / 'below.img', folder / 'below' / 'disk.img'
    with below.open('wb') as stream:
        stream.truncate(3 * DISK_BYTES)
    call('mkfs.xfs', '-q', '-m', 'reflink=1', below)
    with mounted(below, folder / 'below'):
        with image.open('wb') as stream:
            stream.truncate(DISK_BYTES)
        call('mkfs.ext4', '-q', image)
        with mounted(image, folder / 'disk') as found:
            yield found


def cut(folder: Path) -> tuple[Path, int]:
    """
    Clone the disk as it is now.

    :return: the clone, and when it was made [ns].
    """
    clone = folder / 'below' / 'cut.img'
    with (folder / 'below' / 'disk.img').open('rb') as source, clone.open('wb') as target:
        cut_ns = time.time_ns()
        fcntl.ioctl(target, CLONE, source.fileno())
    return clone, cut_ns


def missing_s(cut_ns: int, newest_ns: int | None, began_ns: int) -> float:
    """
    Tell how much is lost; all of it where nothing is there.
    """
    # The next joint state, at 200 Hz, is the oldest that is lost.
    return max(0.0, (cut_ns - (newest_ns or began_ns)) / 1e9 - 1 / JOINTS_HZ)


def cut_recorder(folder: Path, operator: Operator, wait_s: float) -> float:
    """
    Cut the power while teleop_recorder records; give how much is missing [s].
    """
    from vaa_ros.recording.bag_reader import BagReader
    from vaa_ros.recording.recover import recover
    bag = operator.start()
    first_written_s(bag)
    began_ns = time.time_ns()
    time.sleep(wait_s)
    clone, cut_ns = cut(folder)
    shutil.rmtree(operator.stop()['path'])
    with mounted(clone, folder / 'cut') as found:
        result = recover(found / bag.parent.name / f'{bag.name}.partial')
        with BagReader(result.path) as reader:
            newest_ns = reader.stop_ns
    clone.unlink()
    return missing_s(cut_ns, newest_ns, began_ns)


def cut_plain(folder: Path, wait_s: float) -> float:
    """
    Cut it while the plain recorder does; give how much is missing [s].
    """
    from mcap.stream_reader import StreamReader
    file = folder / 'disk' / 'plain.mcap'
    with Process([LOAD, 'plain', str(file)], 'ready'):
        time.sleep(SETTLE_S)
        began_ns = time.time_ns()
        time.sleep(wait_s)
        clone, cut_ns = cut(folder)
    file.unlink()
    newest_ns = None
    with mounted(clone, folder / 'cut') as found, (found / file.name).open('rb') as stream:
        try:
            for record in StreamReader(stream).records:
                newest_ns = getattr(record, 'log_time', newest_ns)
        except Exception:  # what is half written raises nearly anything
            pass
    clone.unlink()
    return missing_s(cut_ns, newest_ns, began_ns)


def main() -> None:
    """
    Cut the power, and print one table.
    """
    parser = make_parser(__doc__)
    parser.add_argument('--cuts', type=int, default=50, help='how often (default: 50)')
    parser.add_argument('--compression', default='zstd', choices=('none', 'zstd'))
    args = parser.parse_args()
    if os.geteuid() or (absent := not_installed(['mkfs.xfs', 'mkfs.ext4', 'mount'])):
        raise SystemExit(absent if not os.geteuid() else 'mounting needs root')
    rng = random.Random(0)
    found: dict[str, list[float]] = {'teleop_recorder': [], 'plain rclpy': []}
    folder = Path(tempfile.mkdtemp(prefix='power_cuts_'))
    try:
        with disk(folder) as where, under_load(where) as (operator, bags):
            with operator.recorder(bags, args.compression):
                for number in range(args.cuts):
                    found['teleop_recorder'].append(
                        cut_recorder(folder, operator, rng.uniform(0.3, 4.0)))
                    print(f'cut {number + 1}: {found["teleop_recorder"][-1]:.3f} s missing',
                          flush=True)
            for _ in range(max(1, args.cuts // 10)):
                found['plain rclpy'].append(cut_plain(folder, rng.uniform(0.3, 4.0)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rows = {name: {'cuts': len(lost), 'missing_s_median': round(float(np.median(lost)), 3),
                   'missing_s_max': round(max(lost), 3)} for name, lost in found.items()}
    show(f'power cuts, {args.compression}', rows, args.json)


if __name__ == '__main__':
    main()
