# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Sourced by the other scripts: a line before and after every stage of work.

# Runs "$2…" as the stage called "$1"; prints what begins, and how long it took.
stage() {
  local title=$1 begin=$SECONDS status=0
  shift
  printf '\n==> %s\n' "$title"
  "$@" || status=$?
  if [ "$status" -ne 0 ]; then
    printf '==> %s: failed after %d s\n' "$title" $((SECONDS - begin)) >&2
    return "$status"
  fi
  printf '==> %s: done in %d s\n' "$title" $((SECONDS - begin))
}

# Prints the rest of the arguments as one error and ends the script.
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
