#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Fails if docs/generated differs from what the .td files say now.
#
#   utils/check-docs.sh [-f] [BUILD [DOCS]]
#
# -f copies the pages instead. BUILD is a CMake build folder (default build),
# DOCS the folder with the committed pages (default docs/generated).
# Formats.md is measured, by utils/gen-formats-page.py, and Interop.md is what
# tests of clients gave, by utils/interop-report: neither is compared.
set -euo pipefail
cd "$(dirname "$0")/.."

fix=
[ "${1:-}" = -f ] && fix=1 && shift
build=${1:-build}
docs=${2:-docs/generated}

[ -f "$build/build.ninja" ] || utils/build.sh --configure
# Pages of what is no longer there must go.
rm -rf "$build/docs/generated"
cmake --build "$build" --target quern-doc >"$build/quern-doc.log" || {
  cat "$build/quern-doc.log" >&2
  exit 1
}
if [ -n "$fix" ]; then
  mkdir -p "$docs"
  rm -rf "$docs/Dialects" "$docs/Passes"
  cp -R "$build/docs/generated/." "$docs/"
elif ! diff -ru --exclude=Formats.md --exclude=Interop.md "$docs" "$build/docs/generated"; then
  echo "error: $docs is not what the .td files say; run utils/lint.sh -f" >&2
  exit 1
fi
