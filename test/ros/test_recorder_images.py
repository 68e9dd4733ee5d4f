# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
teleop_recorder that compresses the pictures of real topics.
"""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from processes import wait_for
import pytest
from ros_harness import Harness
from rosbags.rosbag2 import Reader
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger

from vaa_ros.core.images import decode_compressed
from vaa_ros.nodes.teleop_recorder import TeleopRecorder
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.ros.conversions import rgb_to_image
from vaa_ros.ros.qos import JOINTS_OUT

FRAMES = 30


def test_raw_pictures_are_stored_as_png_and_depth_as_it_comes(
        ros: Harness, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    camera = ros.node.create_publisher(Image, 'front/image_raw', JOINTS_OUT)
    depth = ros.node.create_publisher(Image, 'front/depth', JOINTS_OUT)
    node = ros.make_node(TeleopRecorder, output_dir=str(tmp_path), min_free_gb=0.0,
                         topics=['front/image_raw', 'front/depth'], image_compression='png')
    node.trigger_configure()
    node.trigger_activate()
    assert ros.call(Trigger, 'teleop_recorder/start_episode').success
    rng, sent = np.random.default_rng(0), []
    for index in range(FRAMES):
        sent.append(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
        camera.publish(rgb_to_image(sent[-1], 10**18 + index, 'front'))
    depth.publish(Image(height=1, width=2, encoding='32FC1', step=8, data=bytes(8)))
    wait_for(lambda: node._session.recording.counts.get('/front/depth'), message='the depth')
    said = ''

    def told() -> bool:
        nonlocal said
        said += capfd.readouterr().err
        return '/front/depth is stored as it comes: 32FC1 cannot be stored as png' in said
    wait_for(told, message='the note')
    answer = ros.call(SetBool, 'teleop_recorder/stop_episode', SetBool.Request(data=True))
    path = Path(json.loads(answer.message)['path'])
    with BagReader(path) as bag:
        got = [message for _, _, message in bag.messages(['/front/image_raw/compressed'])]
        assert bag.metadata.image_compression['format'] == 'png'
    assert [message.header.stamp.nanosec for message in got] == list(range(FRAMES))
    assert all((decode_compressed(message.data) == rgb).all()
               for message, rgb in zip(got, sent, strict=True))
    with Reader(path) as bag:
        assert {found.topic: found.msgcount for found in bag.connections if found.msgcount} == {
            '/front/image_raw/compressed': FRAMES, '/front/depth': 1}
