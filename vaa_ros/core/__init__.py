# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The pure middle of vaa_ros: types, the policy spec, pixels, time, safety.

Nothing here imports ROS, torch or a simulator; time and data come in as arguments.
"""
