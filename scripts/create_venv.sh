#!/bin/sh
# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
#
# create_venv.sh FOLDER [PYTHON]
# Makes the virtual environment with PYTHON, or with the first of python3, python3.13 ... python3.10
# that is CPython 3.10 to 3.13. An environment that already works is left as it is.
set -eu
folder=$1
wanted=${2:-}
here=$(dirname "$0")

supported() {
    "$1" -c 'import sys
ok = (3, 10) <= sys.version_info[:2] <= (3, 13) and sys.implementation.name == "cpython"
sys.exit(not ok)' 2>/dev/null
}

if supported "$folder/bin/python"; then
    exit 0
fi

python=
for candidate in ${wanted:-python3 python3.13 python3.12 python3.11 python3.10}; do
    if supported "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    found=$("${wanted:-python3}" --version 2>&1 | tail -n 1 || true)
    echo "vaa_ros needs CPython 3.10 to 3.13; ${wanted:-python3} is: ${found:-not there}." >&2
    echo "Install one of them and name it: make ... PYTHON=/path/to/python3.12" >&2
    exit 1
fi

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    "$here/need_packages.sh" "$python cannot make virtual environments." "python$version-venv"
fi
echo "Creating $folder with $("$python" --version)"
"$python" -m venv --clear "$folder"
