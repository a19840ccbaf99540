#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Every check that needs no test to run. CI runs exactly this.
#
#   utils/lint.sh [-f] [--report FILE]
#
# -f mends what a program can mend: formatting, and the generated pages.
# --report writes the outcome of each check as JUnit XML.
set -uo pipefail
cd "$(dirname "$0")/.."

fix= report=
while [ $# -gt 0 ]; do
  case $1 in
  -f) fix=1 ;;
  --report) report=$2 && shift ;;
  *) echo "usage: utils/lint.sh [-f] [--report FILE]" >&2 && exit 2 ;;
  esac
  shift
done

llvm=/usr/lib/llvm-$(cat cmake/llvm-version.txt)
python=.venv/bin/python
[ -x "$python" ] || python=/usr/bin/python3
failed=0
cases=

# Runs one check, called "$1", and notes its outcome.
check() {
  local name=$1
  shift
  cases+="<testcase classname=\"lint\" name=\"$name\">"
  if "$@"; then
    echo "ok      $name"
  else
    echo "FAILED  $name"
    cases+='<failure message="see the output above"/>'
    failed=$((failed + 1))
  fi
  cases+="</testcase>"
}

cpp_files() {
  find lib include tools test/unit test/fuzz test/Examples test/benchmarks examples python/bindings -type f \
    \( -name '*.h' -o -name '*.cpp' -o -name '*.c' \) 2>/dev/null | sort
}

check_format() {
  if [ -n "$fix" ]; then
    cpp_files | xargs -r "$llvm/bin/clang-format" -i
    return
  fi
  local wrong
  wrong=$(cpp_files | xargs -r "$llvm/bin/clang-format" --dry-run -Wclang-format-violations 2>&1 |
    sed -n 's/:.*warning: .*clang-format-violations.*/: error: expects clang-format/p' | sort -u)
  [ -z "$wrong" ] || { echo "$wrong" && return 1; }
}

check_tablegen() {
  find include -name '*Ops.td' -o -name Passes.td | sort |
    xargs -r "$python" utils/check-td.py "$llvm/bin/llvm-tblgen" \
      -Iinclude -I"$llvm/include"
}

check_python() {
  local ruff=("$python" -m ruff)
  "${ruff[@]}" check --config utils/ruff.toml ${fix:+--fix} . &&
    "${ruff[@]}" format --config utils/ruff.toml $([ -n "$fix" ] || echo --check) .
}

check "clang-format" check_format
check "layering" "$python" utils/check-layering.py
check "style" "$python" utils/check-style.py
check "format names" "$python" utils/check-format-names.py
check "tablegen documentation" check_tablegen
check "generated pages" utils/check-docs.sh ${fix:+-f}
check "python" check_python
check "python types" "$python" -m mypy

if [ -n "$report" ]; then
  mkdir -p "$(dirname "$report")"
  echo "<testsuite name=\"lint\">$cases</testsuite>" >"$report"
fi
[ "$failed" -eq 0 ]
