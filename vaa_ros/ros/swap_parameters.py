# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The parameters of the node policy that say which models it takes, and how one follows another.
"""
from __future__ import annotations

from vaa_ros.ros.parameters import Parameter

SWAP_PARAMETERS = (
    Parameter('dry_run', False, 'Do everything but command the arm: what it would have commanded '
              'goes to ~/would_command, and the difference from what moves the arm into '
              '/diagnostics.', read_only=True),
    Parameter('max_inference_s', 0.0, 'Longest time for an answer of a model that is loaded; 0 '
              'takes the policy\'s period.', 's', 0.0, 10.0, read_only=True),
    Parameter('trial_memory_mb', 2048.0, 'Memory that a model may take while it is tried out in '
              'a process of its own, before it is loaded.', 'MiB', 64.0, 1e6, read_only=True),
    Parameter('trial_timeout_s', 30.0, 'Time that this trial may take.', 's', 1.0, 600.0,
              read_only=True),
    Parameter('shadow_s', 1.0, 'How long a new model answers beside the one at work before it may '
              'command; how their answers differ is told.', 's', 0.0, 3600.0, read_only=True),
    Parameter('swap_blend_s', 0.3, 'How long the commands go over from the old model\'s plan to '
              'the new one\'s.', 's', 0.0, 10.0, read_only=True),
    Parameter('probation_s', 10.0, 'How long after a swap a failure of the new model brings the '
              'old one back.', 's', 0.0, 3600.0, read_only=True),
    Parameter('models', (), 'Models that are held warm: setting model_path to one of them and '
              'reloading takes no time, and an instruction that only one of them knows switches '
              'to it.', read_only=True),
    Parameter('watch_models', '', 'Folder: an .onnx file that is put there, or replaced, is '
              'loaded when it does not change any more; empty watches none.', read_only=True),
    Parameter('require_signature', False, 'Take only models with a valid <model>.onnx.minisig of '
              'a trusted key beside them.', read_only=True),
    Parameter('trusted_keys', (), 'Public keys of minisign: the line that begins with RW, or a '
              '.pub file.', read_only=True),
)
