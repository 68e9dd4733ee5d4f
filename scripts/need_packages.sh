#!/bin/sh
# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
#
# need_packages.sh WHY PACKAGE...
# Installs Debian packages when run by root, and otherwise says the one command that does.
set -eu
why=$1
shift
if ! command -v apt-get >/dev/null 2>&1; then
    echo "$why This system has no apt-get: install what matches these Debian packages: $*" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "$why Run this once, then the same make command again:" >&2
    echo "    sudo apt-get update && sudo apt-get install --no-install-recommends -y $*" >&2
    exit 1
fi
echo "$why Installing $*"
apt-get update -q >/dev/null
DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends -q -y "$@" >/dev/null
