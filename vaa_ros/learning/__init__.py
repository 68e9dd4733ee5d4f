# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
From recorded episodes to a policy file: dataset, training, export, evaluation.
"""
