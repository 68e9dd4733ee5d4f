# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What recording keeps and costs: three raw cameras, joint states and commands, and kill -9.

    python benchmarks/recording.py                          # 10 minutes each, 50 kills
    python benchmarks/recording.py --seconds 20 --kills 3 --json out/recording.json

Three cameras (640x480 rgb8 at 30 Hz, 83 MB/s), joint states at 200 Hz and commands at 100 Hz come
from processes of their own. ``teleop_recorder`` and, as the baseline in the same run, a plain
rclpy node that deserialises and writes in the callback record them one after the other, in turns
of ``--turn`` seconds. Kept: messages in the bag of those sent between its first and last. CPU:
of the recording process alone, in cores. Then teleop_recorder is killed at random moments and
what is left is recovered; missing is the time from the oldest message that is lost to the kill.
"""
from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
import contextlib
import json
import os
from pathlib import Path
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

from bench import make_parser
from bench import show
import numpy as np
from recording_load import CAMERAS
from recording_load import JOINTS_HZ
from recording_load import TOPICS

LOAD = str(Path(__file__).with_name('recording_load.py'))
SETTLE_S = 3.0
CALL_S = 10.0
RECORDER = 'vaa_ros.nodes.teleop_recorder'


class Process:
    """
    A process of this benchmark; a context manager that ends it.

    :param command: what follows ``python``.
    :param ready: text that it prints when it is ready; empty not to wait.
    """

    def __init__(self, command: list[str], ready: str = '') -> None:
        # Its own session: Ctrl-C reaches this benchmark, which ends its children itself.
        self.child = subprocess.Popen([sys.executable, *command], text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      start_new_session=True)
        assert self.child.stdout is not None
        if ready:
            lines = []
            for line in self.child.stdout:
                lines.append(line)
                if ready in line:
                    break
            else:
                raise RuntimeError(f'{command} ended:\n{"".join(lines)}')
        threading.Thread(target=self.child.stdout.read, daemon=True).start()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *error: object) -> None:
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        self.child.wait()

    def memory_mb(self) -> float:
        """
        Give the memory that it holds now [MB].
        """
        pages = int(Path(f'/proc/{self.child.pid}/statm').read_text().split()[1])
        return pages * os.sysconf('SC_PAGE_SIZE') / 1e6

    def threads(self) -> int:
        """
        Give the threads that it has now.
        """
        return len(os.listdir(f'/proc/{self.child.pid}/task'))

    def cpu_s(self) -> float:
        """
        Give the processor time used so far [s].
        """
        fields = Path(f'/proc/{self.child.pid}/stat').read_text().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')  # user, system


class Operator:
    """
    Starts and stops episodes of teleop_recorder by its services.
    """

    def __init__(self) -> None:
        import rclpy
        from rclpy.signals import SignalHandlerOptions
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self._node = rclpy.create_node('operator')
        self._count = 0

    def recorder(self, folder: Path, compression: str) -> Process:
        """
        Start a recorder under a name of its own: DDS remembers one that was killed for a while.
        """
        from std_srvs.srv import SetBool
        from std_srvs.srv import Trigger
        self._count += 1
        name = f'recorder_{self._count}'
        options = [f'output_dir:={folder}', f'topics:=[{",".join(TOPICS)}]', 'keys:=false',
                   f'compression:={compression}', 'topic_wait_s:=20.0']
        process = Process(['-m', RECORDER, '--ros-args', '-r', f'__node:={name}',
                           *(text for option in options for text in ('-p', option))],
                          'ready to record')
        self._start = self._node.create_client(Trigger, f'{name}/start_episode')
        self._stop = self._node.create_client(SetBool, f'{name}/stop_episode')
        time.sleep(SETTLE_S)  # until it is connected to every publisher
        return process

    def start(self) -> Path:
        """
        Start an episode; give the folder that it will have.
        """
        from std_srvs.srv import Trigger
        return Path(self._call(self._start, Trigger.Request()))

    def stop(self) -> dict[str, Any]:
        """
        Stop it; give what was recorded.
        """
        from std_srvs.srv import SetBool
        return json.loads(self._call(self._stop, SetBool.Request(data=True)))

    def _call(self, client: Any, request: Any) -> str:
        import rclpy
        while True:
            if not client.wait_for_service(CALL_S):
                continue
            future = client.call_async(request)
            rclpy.spin_until_future_complete(self._node, future, timeout_sec=CALL_S)
            if future.done():
                break
            # After a kill an answer can be lost: then the episode is running already.
            client.remove_pending_request(future)
        answer = future.result()
        running = re.match(r'already recording (.+); stop', answer.message)
        if not answer.success and running is None:
            raise RuntimeError(answer.message)
        return answer.message if running is None else running.group(1)


def numbers_in(file: Path) -> dict[str, list[int]]:
    """
    Read the numbers of the messages in an MCAP file by topic, from their frame_id.
    """
    from mcap.reader import make_reader
    found: dict[str, list[int]] = defaultdict(list)
    with file.open('rb') as stream:
        for _, channel, message in make_reader(stream).iter_messages(log_time_order=False):
            # CDR: 4 bytes of encapsulation, the stamp, then frame_id with its length and a zero.
            length = int.from_bytes(message.data[12:16], 'little')
            found[channel.topic].append(int(message.data[16:15 + length]))
    return found


def kept(file: Path) -> tuple[int, int]:
    """
    Count the messages in a file, and those sent between its first and last, over all topics.
    """
    count = sent = 0
    for numbers in numbers_in(file).values():
        count += len(numbers)
        sent += max(numbers) - min(numbers) + 1
    return count, sent


def time_recording(folder: Path, operator: Operator, seconds: float, compression: str,
                   waits_ms: list[float]) -> tuple[int, int, float, dict[str, Any]]:
    """
    Record for a while with teleop_recorder.

    :return: messages kept and sent, the processor's time as a share of a core, and the answer.
    """
    with operator.recorder(folder, compression) as process:
        called_s = time.monotonic()
        bag = operator.start()
        waits_ms.append((first_written_s(bag) - called_s) * 1000)
        cpu_s, began_s = process.cpu_s(), time.monotonic()
        time.sleep(seconds)
        share = (process.cpu_s() - cpu_s) / (time.monotonic() - began_s)
        memory_mb, stopped_s = process.memory_mb(), time.monotonic()
        answer = operator.stop()
        answer['memory_mb'] = memory_mb
        answer['stop_s'] = time.monotonic() - stopped_s
    return (*kept(next(Path(answer['path']).glob('*.mcap'))), share, answer)


def first_written_s(bag: Path) -> float:
    """
    Wait until the file of a running episode holds a message; give the time [s].
    """
    from mcap.records import Message
    from mcap.stream_reader import StreamReader
    file = bag.with_name(bag.name + '.partial') / f'{bag.name}_0.mcap'
    while True:
        # The end of what is there may be half written, which raises nearly anything.
        with file.open('rb') as stream, contextlib.suppress(Exception):
            if any(isinstance(record, Message) for record in StreamReader(stream).records):
                return time.monotonic()
        time.sleep(0.001)


def time_plain(folder: Path, seconds: float) -> tuple[int, int, float]:
    """
    Record for a while with the baseline.
    """
    file = folder / 'plain.mcap'
    with Process([LOAD, 'plain', str(file)], 'ready') as process:
        time.sleep(SETTLE_S)  # numbers count from the first message that it has
        cpu_s, began_s = process.cpu_s(), time.monotonic()
        time.sleep(seconds)
        share = (process.cpu_s() - cpu_s) / (time.monotonic() - began_s)
    return (*kept(file), share)


def kill_once(folder: Path, operator: Operator, rng: random.Random, compression: str) -> float:
    """
    Kill teleop_recorder at a random moment of an episode, and recover it.

    :return: how much is missing at the end [s].
    """
    from vaa_ros.recording.bag_reader import BagReader
    from vaa_ros.recording.recover import recover
    with operator.recorder(folder, compression) as process:
        bag = operator.start()
        first_written_s(bag)
        time.sleep(rng.uniform(0.0, 3.0))
        killed_ns = time.time_ns()
        process.child.kill()
    result = recover(bag.with_name(bag.name + '.partial'))
    with BagReader(result.path) as reader:
        newest_ns = reader.stop_ns
    # The next joint state, at 200 Hz, is the oldest that is lost.
    return max(0.0, (killed_ns - newest_ns) / 1e9 - 1 / JOINTS_HZ)


@contextlib.contextmanager
def under_load(parent: Path | None) -> Iterator[tuple[Operator, Path]]:
    """
    Have cameras and an arm publish, in a ROS domain of their own.

    :param parent: where the bags go; None for the system's folder of temporary files.
    :return: who starts recorders, and a folder for the bags that goes in the end.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # to end the processes too
    from vaa_ros.cli.isolation import DomainClaim
    from vaa_ros.cli.isolation import ros_environment
    os.environ.update(ros_environment(DomainClaim().domain))
    operator, folder = Operator(), Path(tempfile.mkdtemp(prefix='recording_', dir=parent))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for role in (*CAMERAS, 'arm'):
            stack.enter_context(Process([LOAD, role]))
        yield operator, folder


def main() -> None:
    """
    Run everything and print the tables.
    """
    parser = make_parser(__doc__)
    parser.add_argument('--seconds', type=float, default=600.0, help='recording time of each [s]')
    parser.add_argument('--turn', type=float, default=60.0, help='longest turn of each [s]')
    parser.add_argument('--kills', type=int, default=50, help='how often it is killed')
    parser.add_argument('--compression', default='zstd', choices=('none', 'zstd'),
                        help="of teleop_recorder, zstd is its default; the baseline's is none")
    parser.add_argument('--dir', type=Path, help='where the bags go; a turn takes 83 MB/s')
    args = parser.parse_args()
    with under_load(args.dir) as (operator, folder):
        measure(args, operator, folder)


def measure(args: argparse.Namespace, operator: Operator, folder: Path) -> None:
    """
    Record in turns, kill, and print.
    """
    totals: dict[str, list[Any]] = {'teleop_recorder': [], 'plain rclpy': []}
    waits_ms: list[float] = []
    stops_s, memory_mb, dropped, left_s = [], 0.0, 0, args.seconds
    while left_s > 0:
        turn_s = min(args.turn, left_s)
        left_s -= turn_s
        *ours, answer = time_recording(folder, operator, turn_s, args.compression, waits_ms)
        totals['teleop_recorder'].append(ours)
        stops_s.append(answer['stop_s'])
        dropped += answer['dropped']
        memory_mb = max(memory_mb, answer['memory_mb'])
        shutil.rmtree(answer['path'])
        totals['plain rclpy'].append(time_plain(folder, turn_s))
    rows = {name: {
        'kept [%]': round(100 * sum(t[0] for t in turns) / sum(t[1] for t in turns), 4),
        'missing': sum(t[1] - t[0] for t in turns), 'messages': sum(t[0] for t in turns),
        'CPU [cores]': round(float(np.mean([t[2] for t in turns])), 3)}
        for name, turns in totals.items()}
    show(f'{args.seconds:g} s each, {args.compression}', rows, args.json)
    print(f'\nteleop_recorder counted {dropped} messages as lost itself; start to first written '
          f'message: median {np.median(waits_ms):.0f}, max {max(waits_ms):.0f} ms; stop with '
          f'verdict: max {max(stops_s):.2f} s; memory at the end of a turn: {memory_mb:.0f} MB')
    if not args.kills:
        return
    rng = random.Random(0)
    missing_s = []
    for index in range(args.kills):
        missing_s.append(kill_once(folder, operator, rng, args.compression))
        print(f'kill {index + 1}: {missing_s[-1]:.3f} s missing', flush=True)
    print(f'killed {args.kills} times, {args.kills} recovered; missing at the end: median '
          f'{np.median(missing_s):.3f}, max {max(missing_s):.3f} s')


if __name__ == '__main__':
    main()
