# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The access control of config/sros2 against what the real nodes offer and use.

The wheels of Fast DDS come without the security libraries, so it is not enforced here.
"""
from __future__ import annotations

from xml.etree import ElementTree

from processes import ROOT
from processes import wait_for
import pytest
from rclpy.node import Node
from ros_harness import Harness

from vaa_ros.nodes.camera_subscriber import CameraSubscriber
from vaa_ros.nodes.guard import GuardNode
from vaa_ros.nodes.policy import PolicyNode

COMMANDS = '/joint_trajectory'


def allowed() -> dict[str, dict[str, set[str]]]:
    """Give the full names that each node may publish, subscribe, reply to and request."""
    found: dict[str, dict[str, set[str]]] = {}
    policy = ElementTree.parse(ROOT / 'config' / 'sros2' / 'vaa.policy.xml')
    for profile in policy.iter('profile'):
        node = profile.get('node')
        own = found.setdefault(node, {})
        for group in profile:
            for kind, answer in group.attrib.items():
                assert answer == 'ALLOW'
                own.setdefault(kind, set()).update(
                    f'/{node}/{item.text[1:]}' if item.text.startswith('~') else f'/{item.text}'
                    for item in group)
    return found


def used(node: Node) -> dict[str, set[str]]:
    """Give the full names that a node uses."""
    name = node.get_name(), node.get_namespace()
    ask = {'publish': node.get_publisher_names_and_types_by_node,
           'subscribe': node.get_subscriber_names_and_types_by_node,
           'reply': node.get_service_names_and_types_by_node,
           'request': node.get_client_names_and_types_by_node}
    return {kind: {topic for topic, _ in names(*name)} for kind, names in ask.items()}


@pytest.mark.parametrize('kind, parameters', [
    (PolicyNode, {'model_path': 'pick_place', 'deadman': True}),
    (GuardNode, {}),
    (CameraSubscriber, {}),
    (CameraSubscriber, {'compressed': True}),
])
def test_a_node_may_do_what_it_does(ros: Harness, kind: type, parameters: dict) -> None:
    node = ros.make_node(kind, **parameters)
    if kind is PolicyNode:
        node.trigger_configure()
        wait_for(lambda: COMMANDS in used(node)['publish'])
    for what, names in used(node).items():
        assert names <= allowed()[node.get_name()].get(what, set()), what


def test_the_policy_and_its_guard_alone_may_command() -> None:
    rules = allowed()
    assert {node for node, own in rules.items() if COMMANDS in own.get('publish', ())} == {
        'policy', 'guard'}
    # And only camera_subscriber may say what the policy sees, only a person may ask for a model.
    assert [node for node, own in rules.items() if '/vision/front' in own['publish']] == [
        'camera_subscriber']
    assert [node for node, own in rules.items() if any(
        name.startswith('/policy/') for name in own.get('request', ()))] == ['operator']
