#!/usr/bin/env bash
# The portal and the move page in headless Chromium, with a virtual authenticator and axe-core.
#
#   portal.sh SIMWARD FOLDER      NODE_HOME: a folder whose node_modules has playwright-core and axe-core
#
# Needs chromium, nodejs, npm, util-linux, mount, iproute2.
set -u
[ $# -eq 2 ] || { sed -n '2,6p' "$0" >&2; exit 2; }
tests=$(realpath "$(dirname "$0")/../browser")
. "$(dirname "$0")/space.bash" "$1" "$2" node chromium

rm -rf "$work"/{node,quick,screens} "$work"/*.toml
CHROMIUM=$(command -v chromium) node "$tests/portal.mjs" "$simward" "$work" || failed=1
