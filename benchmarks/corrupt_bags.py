# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Damaged recordings into a dataset: what became of each.

Each must be refused with a reason, or give frames that are right. None may crash or hang the
reader, or give less or other frames without a word.

"other" are frames that differ where nothing can tell: messages that were recorded so, or changed
bytes of a kind of recording without check sums (sqlite3). What is not finite or of the wrong shape
is never among them.

    python benchmarks/corrupt_bags.py
    python benchmarks/corrupt_bags.py --files 5000 --first 1000
"""
from __future__ import annotations

from collections import Counter
import faulthandler
import importlib
from pathlib import Path
import sys
import tempfile
import time

from bench import make_parser
from bench import show

TESTS = Path(__file__).resolve().parents[1] / 'test' / 'unit'
HANG_S = 60
OUTCOMES = ('refused', 'same', 'less', 'other', 'silently wrong', 'crash')


def measure(files: int, first: int) -> tuple[dict[str, Counter[str]], float]:
    """
    Read damaged recordings, and say of each one that it went wrong.

    :return: outcomes by source, and the longest time that one took [s].
    """
    sys.path.insert(0, str(TESTS))
    recordings = importlib.import_module('corrupt_corpus')  # that of the tests
    rows = {name: Counter() for name in recordings.SOURCES}
    longest_s = 0.0
    with tempfile.TemporaryDirectory(prefix='corrupt_bags_') as scratch:
        folder = Path(scratch)
        sound = {}
        for damage in recordings.corpus(folder, files, first):
            if damage.source not in sound:
                sound[damage.source] = recordings.build(
                    folder / 'sound' / damage.source, folder / f'sound_{damage.source}')
            faulthandler.dump_traceback_later(HANG_S, exit=True)  # a hang shows where, and ends
            begin = time.perf_counter()
            try:
                found = recordings.outcome(damage, sound[damage.source], folder / 'data')
            except Exception as error:
                found = 'crash'
                print(f'seed {damage.seed}: {damage.source}, {damage.what}: {error!r}')
            longest_s = max(longest_s, time.perf_counter() - begin)
            if found == 'silently wrong':
                print(f'seed {damage.seed}: {damage.source}, {damage.what}: {found}')
            rows[damage.source][found] += 1
    faulthandler.cancel_dump_traceback_later()
    return rows, longest_s


def main() -> None:
    """
    Print one table; the exit code is 1 if anything went wrong.
    """
    parser = make_parser(__doc__)
    parser.add_argument('--files', type=int, default=600, help='damaged recordings')
    parser.add_argument('--first', type=int, default=0, help='seed of the first one')
    args = parser.parse_args()
    rows, longest_s = measure(args.files, args.first)
    total = sum(rows.values(), Counter())
    show(f'{args.files} damaged recordings', {
        name: {kind: row[kind] for kind in OUTCOMES}
        for name, row in {**rows, 'all': total}.items()}, args.json)
    print(f'\nlongest {longest_s:.2f} s')
    sys.exit(bool(total['crash'] + total['silently wrong']))


if __name__ == '__main__':
    main()
