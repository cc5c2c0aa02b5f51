#!/usr/bin/env bash
# The portal and the move page in headless Chromium, with a virtual authenticator and axe-core.
#
#   portal.sh SIMWARD FOLDER      NODE_HOME: a folder whose node_modules has playwright-core and axe-core
#
# Needs chromium, nodejs, npm, oathtool, util-linux, mount, iproute2.
set -u
[ $# -eq 2 ] || { sed -n '2,6p' "$0" >&2; exit 2; }
# Inside, /tmp is another one: what lies beside this script comes along.
[ "${SPACE:-}" = inside ] || { mkdir -p "$2/tests" && cp "$(dirname "$0")"/../browser/*.mjs "$2/tests"; } || exit 2
. "$(dirname "$0")/space.bash" "$1" "$2" node chromium oathtool

export SIMWARD_DEVICE_KEYS=$work/device-keys
CHROMIUM=$(command -v chromium)
export CHROMIUM
for test in portal rescue; do
    rm -rf "${work:?}/$test" && mkdir "$work/$test" || exit
    node "$work/tests/$test.mjs" "$simward" "$work/$test" || failed=1
done
