# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A table of parameters on a real node: declared, described, and refused without side effects.
"""
from __future__ import annotations

from typing import Any

import pytest
from rcl_interfaces.srv import DescribeParameters
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter
from ros_harness import Harness

from vaa_ros.core.errors import ConfigError
from vaa_ros.ros.parameters import declare
from vaa_ros.ros.parameters import Parameter

TABLE = (
    Parameter('cameras', ('front',), 'Cameras.'),
    Parameter('crop', (), 'Crop.', minimum=0.0, maximum=1.0, element=float),
    Parameter('width', 128, 'Width.', 'px', 16, 4096),
    Parameter('rate', 30.0, 'Rate.', 'Hz', 1.0, 100.0),
    Parameter('mode', 'a', 'Mode.', choices=('a', 'b')),
    Parameter('model', 'm', 'Model.', read_only=True),
)


class Parameters(Node):
    def __init__(self, **options: Any) -> None:
        super().__init__('parameters', **options)
        declare(self, TABLE)

    def values(self) -> dict[str, Any]:
        return {row.name: self.get_parameter(row.name).value for row in TABLE}


@pytest.fixture
def node(ros: Harness) -> Parameters:
    return ros.make_node(Parameters)


def test_defaults_and_descriptions(ros: Harness, node: Parameters) -> None:
    assert node.values() == {'cameras': ['front'], 'crop': [], 'width': 128, 'rate': 30.0,
                             'mode': 'a', 'model': 'm'}
    request = DescribeParameters.Request(names=['width', 'rate', 'mode', 'model'])
    width, rate, mode, model = ros.call(
        DescribeParameters, 'parameters/describe_parameters', request).descriptors
    assert width.description == 'Width. [px]'
    assert (width.integer_range[0].from_value, width.integer_range[0].to_value) == (16, 4096)
    assert rate.floating_point_range[0].to_value == 100.0
    assert mode.additional_constraints == 'one of a, b'
    assert model.read_only


def test_overrides_are_taken_and_widened(ros: Harness) -> None:
    node = ros.make_node(Parameters, crop=[0, 1], rate=10, width=16, cameras=['a', 'b'])
    assert node.values() == {'cameras': ['a', 'b'], 'crop': [0.0, 1.0], 'width': 16,
                             'rate': 10.0, 'mode': 'a', 'model': 'm'}


@pytest.mark.parametrize(('name', 'value', 'words'), [
    ('width', 3, '16 to 4096'), ('crop', [2.0], '0 to 1'), ('mode', 'c', 'one of a, b'),
    ('cameras', 'front', r'string\[\]'), ('widht', 3, "Did you mean 'width'")])
def test_bad_overrides_are_refused(ros: Harness, name: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ros.make_node(Parameters, **{name: value})


@pytest.mark.parametrize(('name', 'value', 'words'), [
    ('width', 3, 'width'), ('rate', float('nan'), 'rate'), ('crop', [2.0], 'crop: found 2.0'),
    ('crop', ['x'], 'crop: found'), ('mode', 'c', 'one of a, b'), ('model', 'x', 'read-only'),
    ('cameras', 3, 'cameras: found 3'), ('other', 1, 'undeclared')])
def test_bad_values_are_refused_at_run_time(ros: Harness, node: Parameters, name: str, value: Any,
                                            words: str) -> None:
    before = node.values()
    result = ros.set_parameters('/parameters', **{name: value})[0]
    assert not result.successful
    assert words in result.reason
    assert node.values() == before


def test_one_bad_value_refuses_the_whole_list(ros: Harness, node: Parameters) -> None:
    before = node.values()
    changes = [RosParameter('rate', value=20.0), RosParameter('mode', value='c'),
               RosParameter('crop', value=[7.0])]
    request = SetParametersAtomically.Request(
        parameters=[change.to_parameter_msg() for change in changes])
    result = ros.call(SetParametersAtomically, 'parameters/set_parameters_atomically',
                      request).result
    assert not result.successful
    assert result.reason == "mode: found 'c', expected string, one of a, b"
    assert node.values() == before


def test_good_values_are_taken(ros: Harness, node: Parameters) -> None:
    results = ros.set_parameters('/parameters', crop=[0.5, 1.0], cameras=['x'], rate=20.0)
    assert [result.reason for result in results] == ['', '', '']
    assert list(node.values()['crop']) == [0.5, 1.0]
