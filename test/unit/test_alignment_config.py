# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Sizes and weights that do not fit are refused.
"""
from __future__ import annotations

import pytest

from vaa_ros.alignment.config import LossConfig
from vaa_ros.alignment.config import ModelConfig


@pytest.mark.parametrize('change, message', [
    ({'widths': (8, 16), 'blocks': (1,)}, 'same number of stages'),
    ({'widths': (), 'blocks': ()}, 'at least one'),
    ({'widths': (12,), 'blocks': (0,)}, 'multiples of 8'),
    ({'crop': 0.1}, 'crop 0.1'),
    ({'crop': float('nan')}, 'crop nan'),
    ({'state_dropout': 1.0}, 'state_dropout'),
    ({'action_width': 20, 'action_heads': 4}, 'action_width 20'),
    ({'embedding_size': 0}, 'embedding_size 0'),
])
def test_a_model_that_cannot_be_built_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ModelConfig(**change)


@pytest.mark.parametrize('change, message', [
    ({'contrast': 'triplet'}, "contrast 'triplet'"),
    ({'beta': 1.5}, 'beta 1.5'),
    ({'align': -0.1}, 'align -0.1'),
    ({'target_quantile': 0.0}, 'target_quantile'),
    ({'temperature': 5.0}, 'temperature 5'),
])
def test_a_loss_that_makes_no_sense_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        LossConfig(**change)


def test_lists_from_yaml_become_tuples():
    assert ModelConfig(widths=[8, 16], blocks=[0, 1]).widths == (8, 16)
