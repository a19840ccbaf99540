#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Proves that `make` needs nothing but Debian 12: installs one into FOLDER,
# clones the committed state of this repository into it and runs a target.
#
#   utils/try-bare-debian.sh FOLDER [TARGET...]      (as root; default: test)
#
# Nothing of this machine is visible inside but /proc and the settings that
# reach the network: apt's mirror, name resolution, certificates, proxies.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=utils/stage.sh
. utils/stage.sh

[ $# -ge 1 ] || fail "usage: utils/try-bare-debian.sh FOLDER [TARGET...]"
[ "$(id -u)" -eq 0 ] || fail "expects root, which chroot needs"
command -v debootstrap >/dev/null || fail "expects debootstrap; apt-get install debootstrap"
folder=$1
shift
targets=("${@:-test}")

bootstrap() {
  local mirror
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' |
    grep -m1 '/debian/\?$')
  debootstrap --variant=minbase --include=make,ca-certificates bookworm "$folder" "$mirror"
}

# What a machine with this network has: how to reach it.
copy_network_settings() {
  cp -L /etc/resolv.conf /etc/hosts "$folder/etc/" || true
  apt-config dump | grep -E '^Acquire::https?::' >"$folder/etc/apt/apt.conf.d/99network" || true
  cp -RL /usr/local/share/ca-certificates/. "$folder/usr/local/share/ca-certificates/" || true
  cp -L /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs/ca-certificates.crt"
  [ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$folder/etc/pip.conf"
}

clone() {
  rm -rf "$folder/quern"
  git clone --quiet --no-hardlinks . "$folder/quern"
}

run_targets() {
  local settings name
  settings=()
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY \
    PIP_CERT PIP_INDEX_URL SSL_CERT_FILE; do
    [ -z "${!name:-}" ] || settings+=("$name=${!name}")
  done
  mountpoint -q "$folder/proc" || mount -t proc proc "$folder/proc"
  trap 'umount "$folder/proc"' EXIT
  chroot "$folder" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
    "${settings[@]}" make -C /quern "${targets[@]}" </dev/null
}

[ -x "$folder/usr/bin/make" ] || stage "Install Debian 12 into $folder" bootstrap
stage "Copy the network's settings" copy_network_settings
stage "Clone the repository" clone
stage "make ${targets[*]}" run_targets
