#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Installs what a build needs: Debian packages and the virtual environment
# .venv. Each half leaves a stamp in .setup, a checksum of the list that it
# installed, so that a second run does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=utils/stage.sh
. utils/stage.sh

stamps=.setup
packages=utils/apt-packages.txt
requirements=(utils/requirements.txt utils/requirements-test.txt)
# python3-dev is for the system's interpreter, whichever one PATH names.
python=/usr/bin/python3

# Succeeds if the stamp "$1" was made from the files "$2…".
is_done() {
  local stamp=$stamps/$1
  shift
  [ -f "$stamp" ] && [ "$(cat "$@" | cksum)" = "$(cat "$stamp")" ]
}

mark_done() {
  local stamp=$stamps/$1
  shift
  cat "$@" | cksum >"$stamp"
}

# Prints "name version" of every listed package, version "-" where any will do.
listed_packages() { sed -e 's/#.*//' -e '/^ *$/d' "$packages" | awk '{print $1, ($2 ? $2 : "-")}'; }

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Becomes root for one command, without a question where nobody can answer it.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif [ -t 0 ]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

# LLVM 22 comes to Debian 12 through its security archive. Where apt knows no
# such archive, adds the one beside the mirror that apt already uses.
add_security_archive() {
  local mirror
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' |
    grep -m1 '/debian/\?$' || true)
  [ -n "$mirror" ] || fail "apt knows no Debian mirror; clang-22 is in bookworm-security"
  mirror=${mirror%/}-security
  echo "apt has no clang-22: adding $mirror bookworm-security"
  echo "deb $mirror bookworm-security main" |
    as_root tee /etc/apt/sources.list.d/bookworm-security.list >/dev/null
  apt_update
}

# Other archives of the machine may be out of reach; ours decide below.
apt_update() {
  as_root apt-get update || echo "warning: apt-get update reported errors; going on" >&2
}

# Prints "name=version" if the archive has the wanted version, else "name".
choose_version() {
  local name=$1 version=$2
  if [ "$version" = - ] || apt-cache madison "$name" | awk '{print $3}' | grep -qxF "$version"; then
    [ "$version" = - ] && echo "$name" || echo "$name=$version"
  else
    echo "note: $name $version is not in the archive; taking its newest version" >&2
    echo "$name"
  fi
}

install_packages() {
  local missing=() wanted=() name version
  while read -r name version; do
    is_installed "$name" || missing+=("$name $version")
  done < <(listed_packages)
  if [ ${#missing[@]} -eq 0 ]; then
    echo "all packages are installed"
    return
  fi
  echo "missing: $(printf '%s\n' "${missing[@]}" | awk '{printf "%s ", $1}')"
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    fail "installing packages needs root; run this once as root:" \
      "apt-get install $(printf '%s\n' "${missing[@]}" | awk '{printf "%s ", $1}')"
  fi
  apt_update
  apt-cache show clang-22 >/dev/null 2>&1 || add_security_archive
  for name in "${missing[@]}"; do
    # shellcheck disable=SC2086
    wanted+=("$(choose_version $name)")
  done
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${wanted[@]}"
}

make_environment() {
  [ -x "$python" ] || fail "expects Python at $python, but there is none"
  [ -x .venv/bin/pip ] || "$python" -m venv .venv
  .venv/bin/python -m pip install --disable-pip-version-check --progress-bar off \
    "${requirements[@]/#/--requirement=}"
}

mkdir -p "$stamps"
if ! is_done apt "$packages"; then
  command -v apt-get >/dev/null || fail "expects Debian 12 with apt, but there is no apt-get"
  stage "Install Debian packages" install_packages
  mark_done apt "$packages"
fi
if ! is_done venv "${requirements[@]}" || [ ! -x .venv/bin/python ]; then
  stage "Make the virtual environment .venv" make_environment
  mark_done venv "${requirements[@]}"
fi
