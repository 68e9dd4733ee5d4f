# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The only Node subclasses; each module holds one node, its PARAMETERS and its main()."""
