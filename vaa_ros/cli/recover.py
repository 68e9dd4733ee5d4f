# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Turn episodes that were cut off into valid bags, and say what is missing.

A recorder that is killed leaves a folder whose name ends in .partial. What reached the disk is
written as a bag below aborted/; the original is kept below discarded/. With --restore a
take that was thrown away is taken back.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from vaa_ros.cli.options import add_json
from vaa_ros.cli.output import prepare_json
from vaa_ros.cli.output import table
from vaa_ros.cli.output import write_json

EPILOG = """\
examples:
  vaa recover out/episodes                              every cut-off episode of a folder
  vaa recover out/episodes/episode_000007.partial       one of them
  vaa recover damaged.mcap                              a damaged file
  vaa recover out/episodes/discarded/episode_000003 --restore    thrown away by mistake
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument('path', metavar='PATH', type=Path,
                        help='folder of episodes, one episode, or one .mcap file')
    parser.add_argument('--restore', action='store_true',
                        help='take a take back that was thrown away, out of discarded/')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Recover, and say what is left and what is missing."""
    from vaa_ros.core.errors import BagError
    from vaa_ros.recording.recover import cut_off_episodes
    from vaa_ros.recording.recover import NothingToRecoverError
    from vaa_ros.recording.recover import recover
    prepare_json(args.json)
    if args.restore:
        from vaa_ros.recording.discarded import restore
        path = restore(args.path.expanduser())
        print(f'{path}: is no longer thrown away')
        write_json(args.json, {'restored': path})
        return 0
    done, failed, whole = [], [], []
    for path in cut_off_episodes(args.path.expanduser()):
        try:
            result = recover(path)
        except NothingToRecoverError as told:
            whole.append(path)
            print(told)
            continue
        except BagError as error:
            failed.append({'path': path, 'reason': str(error)})
            print(f'not recovered: {error}')
            continue
        done.append(result)
        missing = sum(result.missing.values())
        print(f'{result.path}: {result.seconds:.2f} s, {sum(result.counts.values())} messages; '
              f'{missing or "no"} messages known to be missing, {result.bytes_lost} bytes were '
              f'no whole chunk; the original is {result.source}')
        print(table([(topic, result.counts.get(topic, 0), result.missing.get(topic, 0))
                     for topic in sorted({*result.counts, *result.missing})],
                    header=('topic', 'messages', 'missing')))
        for remark in result.remarks:
            print(f'({remark})')
        if not result.metadata:
            print('(it does not say what it was: no vaa_ros metadata in the file)')
    if done or failed:
        print(f'{len(done)} recovered, {len(failed)} not. They are aborted episodes: a take that '
              'was cut off is no demonstration. What came less than 0.25 s before the recorder '
              'was killed may not have reached the file.')
    write_json(args.json, {
        'recovered': [{'path': item.path, 'source': item.source, 'seconds': item.seconds,
                       'counts': item.counts, 'missing': item.missing,
                       'bytes_lost': item.bytes_lost, 'remarks': item.remarks}
                      for item in done], 'failed': failed, 'whole': whole})
    return 2 if failed else 0
