# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Vision-action alignment: torch modules that map scenes and action chunks into one space.

Read :mod:`vaa_ros.alignment.model` first.
"""
