# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Definitions written from installed messages are those that rosbags knows.
"""
from __future__ import annotations

import pytest
from rosbags.typesys import get_types_from_msg
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores
from sensor_msgs.msg import Image

from vaa_ros.core.errors import RosError
from vaa_ros.ros.message_types import definition_text
from vaa_ros.ros.message_types import message_class

TYPES = ['sensor_msgs/msg/Image', 'sensor_msgs/msg/Imu', 'sensor_msgs/msg/CameraInfo',
         'trajectory_msgs/msg/JointTrajectory', 'diagnostic_msgs/msg/DiagnosticArray',
         'std_msgs/msg/Float64MultiArray', 'std_msgs/msg/Empty',
         'rcl_interfaces/msg/ParameterDescriptor']


@pytest.mark.parametrize('msgtype', TYPES)
def test_same_hash_as_the_original_definition(msgtype: str) -> None:
    known = get_typestore(Stores.ROS2_KILTED)
    try:
        text = definition_text(msgtype)
    except RosError:
        pytest.skip(f'{msgtype} is not installed')
    own = get_typestore(Stores.EMPTY)
    own.register(get_types_from_msg(text, msgtype))
    assert own.hash_rihs01(msgtype) == known.hash_rihs01(msgtype)


def test_classes() -> None:
    assert message_class('sensor_msgs/msg/Image') is Image
    for name in ('no_msgs/msg/No', 'sensor_msgs/msg/No'):
        with pytest.raises(RosError, match='install or source the package'):
            message_class(name)
