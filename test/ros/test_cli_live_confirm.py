# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
``vaa train --live`` beside real nodes: what a person has to do before anything explores.
"""
from __future__ import annotations

from collections.abc import Iterator
import io
from pathlib import Path
import threading

from policy_rig import activate
from policy_rig import newest_in_state
from policy_rig import statuses
from processes import wait_for
import pytest
from ros_harness import Harness
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from tiny_policy import spec_of

from vaa_ros.cli import live_nodes
from vaa_ros.cli.arm_client import ArmClient
from vaa_ros.cli.live_confirm import confirm
from vaa_ros.cli.live_nodes import LiveNodes
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import RosError
from vaa_ros.core.gate import PAUSED
from vaa_ros.core.gate import STOPPED
from vaa_ros.nodes.guard import GuardNode
from vaa_ros.nodes.teleop_recorder import TeleopRecorder
from vaa_ros.ros.qos import LATCHED

SPEC = spec_of('tiny')
BOUND = [0.01] * 7


class Typed(io.StringIO):
    """A terminal at which something was typed."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def nodes(ros: Harness, tmp_path: Path) -> Iterator[LiveNodes]:
    """The nodes around an arm, and what follows them."""
    activate(ros, model_path='hold')
    ros.make_node(GuardNode)
    ros.make_node(TeleopRecorder, output_dir=str(tmp_path), keys=False)
    with ArmClient() as client:
        found = LiveNodes(client)
        found.find()
        yield found


class EStop:
    """The button in a person's hand."""

    def __init__(self, ros: Harness) -> None:
        self._ros = ros
        # The policy node, the trainer: three subscriptions each; two of them match a latched one.
        self._button = ros.publisher(Bool, 'e_stop', LATCHED, subscribers=6)

    def press(self, pressed: bool) -> None:
        self._button.publish(Bool(data=pressed))

    def reset(self) -> None:
        # A service may be heard before the release that was published before the call.
        wait_for(lambda: self._ros.call(Trigger, 'policy/reset_policy').success)


def ask(nodes: LiveNodes, patience_s: float = 20.0) -> dict[str, object]:
    return confirm(nodes, nodes.setup(), SPEC, BOUND, 0.5, patience_s)


@pytest.mark.parametrize('typed', ['yes\n', '\n', 'vaa_arm2\n', ''])
def test_a_wrong_word_is_no_confirmation_and_touches_nothing(nodes, ros, monkeypatch, typed):
    said = statuses(ros)
    before = said.wait()[-1]
    monkeypatch.setattr('sys.stdin', Typed(typed))
    with pytest.raises(ConfigError, match='is not confirmed'):
        ask(nodes)
    assert newest_in_state(said, nodes.state) and nodes.state != PAUSED
    assert before.message == said.messages[-1].message


def test_an_e_stop_that_nobody_presses_is_none(nodes, monkeypatch):
    monkeypatch.setattr('sys.stdin', Typed('vaa_arm\n'))
    with pytest.raises(ConfigError, match='Nobody was seen to press /e_stop'):
        ask(nodes, 1.0)


def test_a_stop_by_other_means_proves_no_e_stop(nodes, ros, monkeypatch):
    monkeypatch.setattr('sys.stdin', Typed('vaa_arm\n'))
    timer = threading.Timer(0.5, lambda: ros.call(Trigger, 'policy/e_stop'))
    timer.start()
    with pytest.raises(ConfigError, match='Nobody was seen to press /e_stop'):
        ask(nodes, 2.0)
    timer.join()
    wait_for(lambda: nodes.state == STOPPED)


def test_it_goes_on_when_the_e_stop_stopped_the_node_and_was_reset(nodes, ros, monkeypatch,
                                                                  capsys):
    button = EStop(ros)
    # One that was pressed before counts for nothing: it has to be reset, and pressed again.
    button.press(True)
    wait_for(lambda: nodes.state == STOPPED)
    monkeypatch.setattr('sys.stdin', Typed('vaa_arm\n'))
    found: list[object] = []

    def confirming() -> None:
        try:
            found.append(ask(nodes))
        except ConfigError as problem:
            found.append(problem)

    thread = threading.Thread(target=confirming)
    thread.start()
    said = ''

    def told(part: str) -> bool:
        nonlocal said
        said += capsys.readouterr().out
        return part in said

    wait_for(lambda: told('The arm is stopped'))
    button.press(False)
    button.reset()
    wait_for(lambda: told('Press the e-stop now'))
    assert not found
    button.press(True)
    wait_for(lambda: told('Seen, and the policy node is stopped'))
    assert not found
    button.press(False)
    button.reset()
    thread.join(20.0)
    assert isinstance(found[0], dict), found
    wait_for(lambda: nodes.state == PAUSED)
    for part in ('joint_1', '-2.6', 'gripper (gripper)', '30', 'explores +-', '0.01',
                 'stops the arm 0.2 s', '/e_stop', 'it bounds joints where'):
        assert part in str(found[0]['shown']), part


def test_without_a_guard_it_does_not_begin(ros, tmp_path, monkeypatch):
    monkeypatch.setattr(live_nodes, 'DISCOVERY_S', 3.0)
    activate(ros, model_path='hold')
    ros.make_node(TeleopRecorder, output_dir=str(tmp_path), keys=False)
    with ArmClient() as client, pytest.raises(RosError, match='no word from guard for 3 s'):
        LiveNodes(client).find()


def test_a_node_that_runs_otherwise_is_told(nodes, ros):
    before = nodes.setup()
    assert before.differences(nodes.setup()) == []
    assert ros.set_parameters('policy', instruction='another')[0].successful
    assert before.differences(nodes.setup()) == []
    from dataclasses import replace
    faster = replace(before, policy={**before.policy, 'speed': 0.5})
    assert faster.differences(nodes.setup()) == ['policy: speed was 0.5, is 1.0']
