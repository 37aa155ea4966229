#!/usr/bin/env bash
# Installs the system packages that a bare Debian lacks, and only those: Python's venv module, a C linker where cargo is
# there to use it, and with --browser Chromium for the tests of the pages. Does nothing where nothing is missing; without
# root it says what to install and leaves the decision to the caller (exit 0: what can go on without goes on).
set -euo pipefail

browser=
if [ "${1:-}" = --browser ]; then browser=1; shift; fi
python=${1:-python3}
missing=()
if [ -n "$browser" ] && ! command -v chromium >/dev/null; then missing+=(chromium fonts-dejavu-core); fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then missing+=(python3 python3-venv); fi
if command -v cargo >/dev/null && ! command -v cc >/dev/null; then missing+=(gcc libc6-dev); fi
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "setup: missing: ${missing[*]} (on Debian: sudo apt-get install ${missing[*]})" >&2
    exit 0
fi
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get install -y -q --no-install-recommends "${missing[@]}" </dev/null >/dev/null \
    || { apt-get update -q </dev/null >/dev/null && apt-get install -y -q --no-install-recommends "${missing[@]}" </dev/null >/dev/null; }
