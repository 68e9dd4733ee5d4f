#!/bin/sh
# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
#
# pin.sh UV
# Writes constraints.txt anew: the newest releases that fit together, for CPython 3.10 to 3.13.
set -eu
uv=$1
torch=$(sed -n 's/^torch==//p' constraints.txt)
new=$(mktemp)
trap 'rm -f "$new"' EXIT
# Not the extra `aloha`, which would take MuJoCo back for everyone.
# Set-up needs wheel for the one dependency that is a source archive.
printf 'torch==%s\nwheel\n' "$torch" | "$uv" pip compile setup.py - \
    --extra ros --extra sim --extra ik --extra train --extra vision --extra aloha-data \
    --extra lerobot --extra view --extra test \
    --universal --python-version 3.10 --fork-strategy requires-python --upgrade \
    --no-header --no-annotate --quiet --output-file "$new"
{
    sed -n '/^#/p' constraints.txt
    echo "torch==$torch"
    grep -vE '^(torch|triton|nvidia-|cuda-|pywin32|pyreadline3|colorama)' "$new"
} >constraints.txt.new
mv constraints.txt.new constraints.txt
