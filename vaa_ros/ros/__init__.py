# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What touches rclpy and messages: process life, QoS, parameters, conversions, diagnostics."""
