#!/usr/bin/env bash
# Our card behind pcscd and vsmartcard's vpcd, read by opensc-tool and by `simward bench pcsc`.
#
#   pcsc.sh SIMWARD FOLDER      SIMWARD: the binary; FOLDER: where it may work; kept for a look afterwards
#
# Needs pcscd, vsmartcard-vpcd, opensc, util-linux, iproute2. Runs in a network and mount namespace of its own, so it
# meets no other pcscd and no port is seen outside. Every PASS is something that was read, not something that was
# missing. Exit code 0 only if nothing failed.
set -u

if [ "${PCSC_INSIDE:-}" != 1 ]; then
    [ $# -eq 2 ] || { sed -n '2,8p' "$0" >&2; exit 2; }
    for tool in unshare ip ss pcscd opensc-tool; do
        PATH="$PATH:/usr/sbin:/sbin" command -v "$tool" >/dev/null || { echo "FAIL $tool is not installed"; exit 2; }
    done
    mkdir -p "$2" || exit 2
    PATH="$PATH:/usr/sbin:/sbin" PCSC_INSIDE=1
    export PATH PCSC_INSIDE
    if [ "$(id -u)" -eq 0 ]; then spaces=-mn; else spaces=-Urmn; fi
    exec unshare "$spaces" --kill-child --pid --fork -- "$BASH" "$0" "$(realpath "$1")" "$(realpath "$2")"
fi

simward=$1
work=$2
failed=0
started=()

pass() { echo "PASS $*"; }
fail() { echo "FAIL $*"; failed=1; }
finish() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null; done
    exit "$failed"
}
trap 'finish' EXIT
trap 'failed=1; exit' INT TERM

# Tries a command for ten seconds until it succeeds.
until_true() {
    local _
    for _ in $(seq 200); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.05
    done
    return 1
}

start() { # NAME COMMAND…: in the background, its output in NAME.log; the process id in $last
    local name=$1
    shift
    "$@" >"$work/$name.log" 2>&1 &
    last=$!
    started+=("$last")
}

# What opensc-tool received, all answers in one string of hexadecimal digits and their status words.
apdus() {
    local arguments=() apdu
    for apdu in "$@"; do arguments+=(-s "$apdu"); done
    opensc-tool -r 0 "${arguments[@]}" 2>&1
}

ip link set lo up || { fail "no loopback in the namespace"; exit; }
mkdir -p /run/pcscd && mount -t tmpfs tmpfs /run/pcscd || { fail "no /run/pcscd of our own"; exit; }

rm -rf "$work/state" "$work/profile.toml"
cat >"$work/profile.toml" <<'PROFILE'
iccid = "8986001200000000017"
imsi = "460001234567890"
mnc_length = 2
k = "465b5ce8b199b49faa5f0a2ee238a6bc"
opc = "cd63cb71954a9f4e48a5994e37a02baf"
pin = "1234"
puk = "12345678"
adm1 = "87654321"
PROFILE
chmod 600 "$work/profile.toml"

# Refusals that need no reader.
refused() { # WHAT TEXT COMMAND…: fails and says TEXT
    local what=$1 text=$2 said
    shift 2
    if said=$("$@" 2>&1); then fail "$what: accepted"
    elif grep -qF -- "$text" <<<"$said"; then pass "$what: $(tail -n 1 <<<"$said")"
    else fail "$what: said $said"; fi
}
refused "first run without a profile" "give --profile" "$simward" card --state "$work/state"

# The reader, then the card.
start pcscd pcscd --foreground
listening() { ss -ltn | grep -q ':35963 '; }
until_true listening || { fail "vpcd does not listen: $(cat "$work/pcscd.log")"; exit; }
start card "$simward" card --state "$work/state" --profile "$work/profile.toml"
card=$last
# vpcd has two slots; ours is the first.
has_card() { opensc-tool -l 2>/dev/null | grep -q '^0 *Yes'; }
no_card() { opensc-tool -l 2>/dev/null | grep -q '^0 *No'; }
until_true has_card || { fail "no card in the reader: $(cat "$work/card.log")"; exit; }

refused "a second process on the same state" "in use by another process" \
    "$simward" card --state "$work/state" --vpcd 127.0.0.1:35964

atr=$(opensc-tool -r 0 -a 2>&1 | tr -d ':' | grep -io '3b9f96801fc78031e073f621006753696d7761726494')
[ -n "$atr" ] && pass "ATR $atr" || fail "ATR: $(opensc-tool -r 0 -a 2>&1)"

said=$(apdus 00:A4:08:0C:02:2F:E2 00:B0:00:00:0A)
if grep -q '98 68 00 21 00 00 00 00 10 F7' <<<"$said"; then pass "EF.ICCID 8986001200000000017"
else fail "EF.ICCID: $said"; fi

said=$(apdus 00:A4:04:0C:07:A0:00:00:00:87:10:02 00:A4:00:0C:02:6F:07 00:B0:00:00:09)
if grep -q 'SW1=0x69, SW2=0x82' <<<"$said"; then pass "EF.IMSI without PIN: 6982"
else fail "EF.IMSI without PIN: $said"; fi

said=$(apdus 00:A4:04:0C:07:A0:00:00:00:87:10:02 00:20:00:01:08:31:32:33:34:FF:FF:FF:FF \
    00:A4:00:0C:02:6F:07 00:B0:00:00:09)
if grep -q '08 49 06 00 21 43 65 87 09' <<<"$said"; then pass "EF.IMSI with PIN 460001234567890"
else fail "EF.IMSI with PIN: $said"; fi

said=$(apdus 00:20:00:01:08:39:39:39:39:FF:FF:FF:FF)
if grep -q 'SW1=0x63, SW2=0xC2' <<<"$said"; then pass "wrong PIN: two tries left"; else fail "wrong PIN: $said"; fi

# Kill the card as a power cut would and start it again: the spent try stays spent.
kill -KILL "$card" && wait "$card" 2>/dev/null
until_true no_card || fail "the reader still shows the killed card"
start card2 "$simward" card --state "$work/state"
card=$last
until_true has_card || { fail "no card after the kill: $(cat "$work/card2.log")"; exit; }
said=$(apdus 00:20:00:01)
if grep -q 'SW1=0x63, SW2=0xC2' <<<"$said"; then pass "after kill -9: two tries left"; else fail "after kill -9: $said"; fi

if figures=$("$simward" bench pcsc --json --profile "$work/profile.toml" 2>"$work/bench.log") \
    && [ "$(grep -c '"unit":"1/s"' <<<"$figures")" -eq 2 ]; then
    while read -r figure; do pass "bench $figure"; done <<<"$figures"
else
    fail "bench: $figures $(cat "$work/bench.log")"
fi

# SIGINT ends it in good order.
kill -INT "$card"
if wait "$card" && grep -q stopped "$work/card2.log"; then pass "SIGINT: stopped, exit code 0"
else fail "SIGINT: $(cat "$work/card2.log")"; fi

# An older copy of the banks, put back, locks the card; it still answers a reset.
until_true no_card || fail "the reader still shows the stopped card"
mkdir -p "$work/old" && cp "$work/state/bank-a" "$work/state/bank-b" "$work/old/"
start card3 "$simward" card --state "$work/state"
card=$last
until_true has_card || fail "no card before the rollback: $(cat "$work/card3.log")"
said=$(apdus 00:20:00:01:08:39:39:39:39:FF:FF:FF:FF)
grep -q 'SW1=0x63, SW2=0xC2' <<<"$said" || fail "a guess before the rollback: $said"
kill -INT "$card" && wait "$card"
until_true no_card || fail "the reader still shows the stopped card"
cp "$work/old/bank-a" "$work/old/bank-b" "$work/state/"
start card4 "$simward" card --state "$work/state"
until_true has_card || fail "no ATR after the rollback: $(cat "$work/card4.log")"
said=$(apdus 00:20:00:01)
if grep -q 'SW1=0x6F, SW2=0x00' <<<"$said" && grep -q 'rollback: the log ends at' "$work/card4.log"; then
    pass "rollback: locked, with its ATR ($(grep -o 'rollback: the log[^;]*' "$work/card4.log"))"
else
    fail "rollback: $said $(cat "$work/card4.log")"
fi
