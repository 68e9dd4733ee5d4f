# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Learn robot arm policies from demonstrations with vision-action alignment.
"""

__version__ = '0.1.0'
