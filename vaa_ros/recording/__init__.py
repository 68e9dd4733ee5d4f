# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Episodes on disk as rosbag2 folders: written and read without rclpy."""
