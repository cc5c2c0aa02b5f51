#!/usr/bin/env bash
# Every instruction of the card's checks left out, one at a time, in an emulator: compiled for speed, as a release is (3) and less so (2),
# and for size.
#
#   faults.sh PYTHON FOLDER [--all]
#
# PYTHON has unicorn and pyelftools (ci/requirements.txt). Prints a line for each command under attack; see
# crates/card/tests/faults/run.py.
set -u -o pipefail
python=$1 work=$2
shift 2
mkdir -p "$work" || exit 2
[ "$(uname -m)" = x86_64 ] || { echo "SKIP faults: the emulated processor is an x86-64, and this is another"; exit 0; }
cd "$(dirname "$0")/.." || exit 2

levels=(2 3 '"s"')
for level in "${levels[@]}"; do
    cargo rustc --quiet --locked --release -p card --example faults --target-dir "$work/${level//\"/}" \
        --config "profile.release.opt-level=$level" -- -C target-feature=+crt-static -C relocation-model=static || exit 1
done
running=()
for level in "${levels[@]}"; do
    level=${level//\"/}
    "$python" crates/card/tests/faults/run.py "$@" "$work/$level/release/examples/faults" >"$work/$level.log" 2>&1 &
    running+=($!)
done
failed=0
for at in "${!running[@]}"; do
    level=${levels[at]//\"/}
    wait "${running[at]}" || failed=1
    sed -E "s/^(PASS|FAIL) /\1 opt-level $level, /" "$work/$level.log"
done
exit "$failed"
