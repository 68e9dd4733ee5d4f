# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The ROS clock is set while the arm moves: it holds, logs it, and goes on.
"""
from __future__ import annotations

import itertools
import json
from pathlib import Path
import time

from policy_rig import activate
from policy_rig import newest_in_state
from policy_rig import Robot
from policy_rig import statuses
from processes import wait_for
import pytest
from ros_harness import Harness
from rosgraph_msgs.msg import Clock

from vaa_ros.ros.conversions import ns_to_stamp
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.qos import EVENTS


def test_a_clock_that_is_set_back_holds_is_logged_and_the_arm_goes_on(
    ros: Harness, robot: Robot, model: Path, capfd: pytest.CaptureFixture[str],
) -> None:
    activate(ros, model_path=str(model), use_sim_time=True)
    clock = ros.publisher(Clock, '/clock', EVENTS)
    said = statuses(ros)
    ahead_ns = 3600 * 10**9

    def now_ns() -> int:
        # The clock goes ahead of what is stamped with it.
        stamp_ns = time.monotonic_ns() + ahead_ns
        clock.publish(Clock(clock=ns_to_stamp(stamp_ns)))
        return stamp_ns
    robot.now_ns = now_ns
    robot.start()
    newest_in_state(said, 'running')
    count = len(said.messages)
    ahead_ns = 0
    held = said.wait_until(lambda message: message in said.messages[count:]
                           and status_values(message)['state'] == 'holding')
    # That of the node or of a stream, whichever is heard first.
    assert 'was set back by 3' in status_values(held)['reason']
    newest_in_state(said, 'running')
    written: list[str] = []

    def changes() -> list[dict]:
        written.append(capfd.readouterr().err)
        return [json.loads(line[line.index('{'):]) for line in ''.join(written).splitlines()
                if '"event": "gate"' in line]
    wait_for(lambda: [each for each in changes() if each['to'] == 'holding']
             and changes()[-1]['to'] == 'running')
    seen = changes()
    assert seen[0]['from'] == 'unconfigured' and seen[0]['policy'] == 'goal'
    assert any('was set back' in each['reason'] for each in seen if each['to'] == 'holding')
    assert all(after['from'] == before['to'] and after['monotonic_ns'] >= before['monotonic_ns']
               for before, after in itertools.pairwise(seen))
