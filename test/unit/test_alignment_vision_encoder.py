# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The vision encoder: what it sees, and where it says it is.
"""
from __future__ import annotations

from dataclasses import replace

from learning_samples import TINY
import pytest
import torch

from vaa_ros.alignment.vision_encoder import Keypoints
from vaa_ros.alignment.vision_encoder import make_vision_encoder
from vaa_ros.core.errors import ConfigError


def sharp_keypoint() -> Keypoints:
    """One point that follows the brightest place of a one-channel map."""
    keypoints = Keypoints(1, None, 1)
    torch.nn.init.constant_(keypoints.score.weight, 50.0)
    return keypoints


@pytest.mark.parametrize('row, column, x, y', [(0, 0, -1, -1), (0, 4, 1, -1), (2, 2, 0, 0),
                                               (4, 0, -1, 1)])
def test_a_keypoint_is_where_its_feature_is(row, column, x, y):
    picture = torch.zeros(1, 1, 5, 5)
    picture[0, 0, row, column] = 1.0
    assert sharp_keypoint()(picture)[0].tolist() == pytest.approx([x, y], abs=1e-4)


def test_the_coarse_map_chooses_between_alike_places():
    keypoints = Keypoints(1, 1, 1)
    for scores in (keypoints.score, keypoints.context):
        torch.nn.init.constant_(scores.weight, 50.0)
    fine = torch.zeros(1, 1, 4, 8)
    fine[0, 0, 2, 1] = fine[0, 0, 2, 6] = 1.0
    for column, x in ((0, -1 + 2 / 7), (3, -1 + 12 / 7)):
        coarse = torch.zeros(1, 1, 2, 4)
        coarse[0, 0, :, column] = 1.0
        assert keypoints(fine, coarse)[0, 0].item() == pytest.approx(x, abs=0.05)


def test_keypoints_are_given_in_the_frame_of_the_camera_not_of_the_crop():
    encoder = make_vision_encoder(replace(TINY, keypoints=1))
    encoder.where = sharp_keypoint()
    encoder.features = torch.nn.Identity()
    encoder.stages = torch.nn.ModuleList([torch.nn.Identity()])
    whole, seen = torch.zeros(1, 1, 9, 9), []
    whole[0, 0, 4, 6] = 1.0
    for left in (0, 1, 2):  # a crop of 7 columns of the 9, its place shifted by left - 1
        shift = torch.tensor([[2.0 * (left - 1) / 6, 0.0]])
        seen.append(encoder(whole[:, :, 1:8, left:left + 7], shift)[0, 0].item())
    assert seen == pytest.approx([seen[0]] * 3, abs=1e-3)


def test_the_encoder_gives_one_vector_a_picture():
    encoder = make_vision_encoder(TINY).eval()
    pictures = torch.rand(3, 3, 22, 30)
    features = encoder(pictures)
    assert features.shape == (3, TINY.vision_features)
    assert torch.allclose(features[1:2], encoder(pictures[1:2]), atol=1e-5)


def test_a_single_stage_is_enough():
    encoder = make_vision_encoder(replace(TINY, widths=(8,), blocks=(1,)))
    assert encoder(torch.rand(2, 3, 24, 32)).shape == (2, TINY.vision_features)


def test_an_unknown_encoder_is_refused_with_what_there_is():
    with pytest.raises(ConfigError, match="'vgg'.*conv.*resnet"):
        make_vision_encoder(replace(TINY, vision='vgg'))
