# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command line: ``vaa demo | record | dataset | train | evaluate | export | inspect``."""
