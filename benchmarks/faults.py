# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Every fault that a policy node has to survive, injected into the running one, and what it did.

    python benchmarks/faults.py                          # all of them
    python benchmarks/faults.py --only black nan_once
    python benchmarks/faults.py --json out/faults.json

The processes are ``policy`` and ``guard`` as they come, an arm that does what it is told, and two
cameras; they talk over DDS. Between two faults the arm moves in a circle with nothing wrong. While
it holds, its commands must not change and it must stand still; at all times every command is held
to the limits of the robot. Packets are lost between two network namespaces (that needs Linux,
root, ``ip``, ``nft`` and ``nsenter``), and the clocks of drivers are set by libfaketime (which
needs ``faketime`` and ``cc``); where that cannot be done, the table says ``not tried`` and why,
and these faults are not counted. The time is that from the last good message, or from the
fault, to the hold; where it matters it may be one tick more than the bound. Exit status 1 if
anything else came than what was expected.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
import json
import math
import os
from pathlib import Path
import subprocess
import sys
import tempfile
import time
from typing import Any

SLACK_S = 0.1
"""What a computer that is busy with other things may add to a time [s]."""

BEGINNING_S = 0.3
"""How long the arm is watched while it goes on [s]."""
PASSED, NOT_TRIED = 'passed', 'not tried'
LONGEST = 160
"""Letters of a reason in the table."""


def attempt(rig: Any, fault: Any, slack_s: float = SLACK_S) -> dict[str, object]:
    """
    Inject one fault.

    :param rig: what runs.
    :param fault: the fault.
    :param slack_s: what a time may be longer than it should [s].
    :return: its row.
    """
    from fault_observer import Failed
    from fault_rig import TICK_S
    row: dict[str, object] = {'injected': fault.injected, 'expected': fault.expected}
    after_s, step = None, ''
    try:
        rig.run_policy(**fault.parameters)
        seen = fault.act(rig)
        after_s, did, problem = seen.after_s, seen.did, ''
        time.sleep(BEGINNING_S)
        step = f'{rig.within_limits():.2f}'
        if fault.bound_s is not None and after_s > fault.bound_s + TICK_S + slack_s:
            problem = f'too late: {fault.bound_s:g} s and a tick were allowed'
    except Failed as error:
        did, problem = '', str(error)
        rig.recover()
    row.update(did=did[:LONGEST], ms='' if after_s is None else round(1e3 * after_s),
               bound_ms='' if fault.bound_s is None else round(1e3 * fault.bound_s),
               largest_step=step, outcome=f'FAILED: {problem}' if problem else PASSED)
    return row


def attempts(rig: Any, fault: Any, slack_s: float = SLACK_S) -> dict[str, object]:
    """
    Inject one fault; once more where it did not end as promised, which the row then says.

    :param rig: what runs.
    :param fault: the fault.
    :param slack_s: what a time may be longer than it should [s].
    :return: its row.
    """
    row = attempt(rig, fault, slack_s)
    if row['outcome'] == PASSED:
        return row
    again = attempt(rig, fault, slack_s)
    if again['outcome'] == PASSED:
        again['outcome'] = f'passed at the second try; first {row["outcome"]}'
    return again


Rows = dict[str, dict[str, object]]


@dataclass(frozen=True)
class Kind:
    """
    Faults that are tried with the same processes.

    :param faults: the faults.
    :param rig: runs the processes.
    :param missing: says why these faults cannot be tried here, nothing where they can.
    """

    faults: Sequence[Any]
    rig: Callable[[Path, bool], Any]
    missing: Callable[[], str] = str


def all_kinds() -> tuple[Kind, ...]:
    """
    Give every fault.
    """
    import fault_clock
    import fault_inputs
    import fault_network
    import fault_processes
    import fault_reloads
    import fault_rig
    import lossy_network
    return (Kind((*fault_inputs.FAULTS, *fault_processes.FAULTS, *fault_reloads.FAULTS),
                 fault_rig.rig),
            Kind(fault_network.FAULTS, fault_network.rig, lossy_network.missing),
            Kind(fault_clock.FAULTS, fault_clock.rig, fault_clock.missing))


def try_kind(kind: Kind, faults: Sequence[Any], folder: Path, patient: bool) -> Rows:
    """
    Try some faults of a kind.

    :param kind: the kind.
    :param faults: those of it.
    :param folder: where the models are.
    :param patient: whether any time will do.
    :return: the row of each.
    """
    rows: Rows = {}
    if why := kind.missing():
        rows = {fault.name: {
            'injected': fault.injected, 'expected': fault.expected, 'did': '', 'ms': '',
            'bound_ms': '', 'largest_step': '', 'outcome': f'{NOT_TRIED}: {why}',
        } for fault in faults}
        return rows
    with kind.rig(folder, patient) as running:
        for fault in faults:
            row = rows[fault.name] = attempts(running, fault, math.inf if patient else SLACK_S)
            print(f'{fault.name}: {row["outcome"]} {row["did"]}', file=sys.stderr, flush=True)
    return rows


def try_apart(names: Sequence[str], folder: Path, patient: bool) -> Rows:
    """
    Try faults in a process of its own, for DDS remembers the network that it saw first.

    :param names: their names.
    :param folder: for what it finds.
    :param patient: whether any time will do.
    :return: the row of each.
    """
    found = folder / f'{names[0]}.json'
    subprocess.run([sys.executable, __file__, '--json', str(found), *['--patient'] * patient,
                    '--only', *names], stdout=subprocess.DEVNULL)
    if not found.is_file():
        raise SystemExit(f'the process that tried {", ".join(names)} failed')
    return json.loads(found.read_text())


def main() -> None:
    """
    Try the faults, and print one table.
    """
    from bench import make_parser
    from bench import show
    parser = make_parser(__doc__)
    parser.add_argument('--list', action='store_true', help='name the faults')
    parser.add_argument('--only', nargs='+', metavar='NAME', help='these alone')
    parser.add_argument('--patient', action='store_true',
                        help='any time will do: for a computer that is busy with other things')
    args = parser.parse_args()
    from fault_models import write_all
    kinds = all_kinds()
    faults = [fault for kind in kinds for fault in kind.faults]
    if args.list:
        print(*(f'{fault.name}: {fault.injected}; {fault.expected}' for fault in faults), sep='\n')
        return
    if unknown := set(args.only or ()) - {fault.name for fault in faults}:
        parser.error(f'no such fault: {", ".join(sorted(unknown))}; --list names them')
    # Whoever is killed while it writes into shared memory may leave it locked, and everybody waits
    # for seconds; with LOCALHOST, rmw_fastrtps uses it whatever the transports are.
    os.environ.update(ROS_DOMAIN_ID=os.environ.get('ROS_DOMAIN_ID', '77'),
                      ROS_AUTOMATIC_DISCOVERY_RANGE='SUBNET',
                      FASTDDS_BUILTIN_TRANSPORTS='UDPv4', PYTHONUNBUFFERED='1')
    os.environ.pop('FASTDDS_DEFAULT_PROFILES_FILE', None)
    rows: Rows = {}
    begin_s = time.monotonic()
    chosen = [(kind, those) for kind in kinds if (those := [
        fault for fault in kind.faults if not args.only or fault.name in args.only])]
    with tempfile.TemporaryDirectory() as folder:
        if len(chosen) == 1:
            rows = try_kind(*chosen[0], write_all(Path(folder)), args.patient)
        else:
            for _, those in chosen:
                rows.update(try_apart([fault.name for fault in those], Path(folder), args.patient))
    show('fault', rows, args.json)
    left = [row['outcome'] for row in rows.values() if row['outcome'].startswith(NOT_TRIED)]
    passed = sum(row['outcome'].startswith(PASSED) for row in rows.values())
    twice = sum(row['outcome'].startswith(f'{PASSED} at') for row in rows.values())
    over = [row['ms'] - row['bound_ms'] for row in rows.values()
            if row['ms'] != '' and row['bound_ms'] != '']
    second = f', {twice} of them at the second try' if twice else ''
    late = f'; holds came {max(over)} ms after their bounds at most' if over else ''
    tried = len(rows) - len(left)
    print(f'\n{passed} of {tried} faults end as promised{second}, in '
          f'{time.monotonic() - begin_s:.0f} s{late}')
    if left:
        print(f'{len(left)} more were {"; ".join(sorted(set(left)))}')
    sys.stdout.flush()
    sys.exit(passed < tried)


if __name__ == '__main__':
    main()
