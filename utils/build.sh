#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Configures build/, compiles everything and installs the Python package into
# .venv. Each step is skipped when nothing that it depends on has changed.
#
#   utils/build.sh [--configure | --tests]
#
# --configure stops after CMake; --tests also builds the GoogleTest programs.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=utils/stage.sh
. utils/stage.sh

build=build
jobs=$(utils/jobs.sh)
configured=$(cat CMakePresets.json utils/build.sh | cksum)

configure() {
  cmake --preset release -DQUERN_BUILD_PYTHON=ON \
    -DPython_EXECUTABLE="$PWD/.venv/bin/python" \
    -DPython3_EXECUTABLE="$PWD/.venv/bin/python" &&
    echo "$configured" >"$build/configured"
}

if [ ! -f "$build/build.ninja" ] ||
  [ "$(cat "$build/configured" 2>/dev/null)" != "$configured" ]; then
  stage "Configure $build/" configure
fi
[ "${1:-}" = --configure ] && exit

targets=(all)
[ "${1:-}" = --tests ] && targets+=(quern-unittests)
stage "Compile with $jobs jobs" cmake --build "$build" -j "$jobs" --target "${targets[@]}"

# What the installed package is made of; changes with any of it.
package_state() {
  find python/quern "$build/python" pyproject.toml share/clients.txt -type f ! -name '*.pyc' -exec cksum {} + |
    sort | cksum
}

install_package() {
  .venv/bin/python -m pip install --disable-pip-version-check --no-build-isolation --no-deps \
    --force-reinstall --config-settings=build-dir="$build" .
}

if [ "$(package_state)" != "$(cat "$build/package-installed" 2>/dev/null)" ] ||
  [ ! -x .venv/bin/quern ]; then
  stage "Install the Python package into .venv" install_package
  package_state >"$build/package-installed"
fi
