# shellcheck shell=bash
# What a script needs before python3 can be relied on: messages, packages, the build.
# Sourced by tools/quickstart and tools/test, from a shell with -euo pipefail.

hf_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '%s\n' "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }

# packages_of KIND...: the packages of these kinds, one a line.
packages_of() {
  local package kinds kind
  while read -r package kinds; do
    [[ $package == '#'* || -z $package ]] && continue
    for kind in "$@"; do
      [[ " $kinds " == *" $kind "* ]] && printf '%s\n' "$package" && break
    done
  done < "$hf_root/tools/lib/packages"
  return 0
}

# packages_missing KIND...: those of them that are not installed.
packages_missing() {
  local package
  packages_of "$@" | while read -r package; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
      printf '%s\n' "$package"
  done
}

# packages_install KIND...: installs what is missing; asks the network for nothing when nothing is.
packages_install() {
  local -a missing
  mapfile -t missing < <(packages_missing "$@")
  [[ ${#missing[@]} -eq 0 ]] && return 0
  command -v apt-get > /dev/null || die "needs Debian 12 (no apt-get here)"
  [[ $EUID -eq 0 ]] || die "must be root to install: ${missing[*]}
  as root: apt-get install --no-install-recommends ${missing[*]}"
  say "installing ${#missing[@]} packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q >&2 || die "apt-get update failed"
  without_services apt-get install -q -y --no-install-recommends "${missing[@]}" >&2 ||
    die "apt-get could not install: ${missing[*]}"
  services_disable "${missing[@]}"
}

# without_services COMMAND...: runs it while packages may not start their services, as Debian's do
# when they are installed. A policy that is there already stays as it is.
without_services() (
  policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
  fi
  "$@"
)

# services_disable PACKAGE...: what these packages, installed just now for tests, would start at the
# next boot.
services_disable() {
  local unit
  command -v systemctl > /dev/null || return 0
  dpkg-query -L "$@" | sed -n 's|^\(/usr\)\?/lib/systemd/system/\(.*\.service\)$|\2|p' | sort -u |
    while read -r unit; do
      if [[ $(systemctl is-enabled "$unit" 2> /dev/null) == enabled ]]; then
        systemctl disable "$unit" >&2 || say "could not disable $unit"
      fi
    done
}

# build_in FOLDER [meson options...]: configures FOLDER once, then builds it.
build_in() {
  local folder=$1
  shift
  [[ -f $folder/build.ninja ]] || meson setup "$@" "$folder" "$hf_root" >&2 ||
    die "meson could not configure $folder"
  ninja -C "$folder" >&2 || die "the build in $folder failed"
}
