#!/usr/bin/env bash
# Our card behind pcscd and vsmartcard's vpcd, read by opensc-tool and by `simward bench pcsc`.
#
#   pcsc.sh SIMWARD FOLDER      SIMWARD: the binary; FOLDER: where it may work; kept for a look afterwards
#
# Needs pcscd, vsmartcard-vpcd, opensc, pcsc-tools, util-linux, mount, iproute2.
set -u
[ $# -eq 2 ] || { sed -n '2,6p' "$0" >&2; exit 2; }
. "$(dirname "$0")/space.bash" "$1" "$2" pcscd opensc-tool

# What opensc-tool received, all answers in one string of hexadecimal digits and their status words.
apdus() {
    local arguments=() apdu
    for apdu in "$@"; do arguments+=(-s "$apdu"); done
    opensc-tool -r 0 "${arguments[@]}" 2>&1
}

rm -rf "$work"/*.state "$work/device-keys" "$work/profile.toml"
profile "$work/profile.toml"

refused "first run without a profile" "give --profile" "$simward" card --state "$work/card.state"

start_reader
insert card "$work/profile.toml"

refused "a second process on the same state" "in use by another process" \
    "$simward" card --state "$work/card.state" --vpcd 127.0.0.1:35964

atr=$(opensc-tool -r 0 -a 2>&1 | tr -d ':' | grep -io '3b9f96801fc78031e073f6219f6753696d776172640b')
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

# The same card as scriptor sees it: a UICC with channels of its own, and a SIM in GSM's words.
said=$(printf '%s\n' reset '00 70 00 00 01' '01 A4 08 0C 02 2F E2' '01 B0 00 00 0A' 'A0 A4 00 00 02 7F 20' 'A0 A4 00 00 02 6F 07' \
    'A0 C0 00 00 0F' 'A0 B0 00 00 09' '80 78 00 01' | scriptor 2>&1)
got=$(grep '^< ' <<<"$said" | sed 's/ : .*//' | tr -d '<\n ' | tr '[:upper:]' '[:lower:]')
want="ok:3b9f96801fc78031e073f6219f6753696d776172640b"
for answer in 019000 9000 986800210000000010f79000 9f16 9f0f 000000096f0704 9804 6985; do want+=".*$answer"; done
if grep -q "$want" <<<"$got"; then pass "scriptor: a channel opened, EF.ICCID on it, EF.IMSI as a SIM has it, behind the PIN"
else fail "scriptor: $said"; fi

said=$(apdus 00:20:00:01:08:39:39:39:39:FF:FF:FF:FF)
if grep -q 'SW1=0x63, SW2=0xC2' <<<"$said"; then pass "wrong PIN: two tries left"; else fail "wrong PIN: $said"; fi

# Kill the card as a power cut would and start it again: the spent try stays spent.
kill -KILL "$card" && wait "$card" 2>/dev/null
until_true no_card || fail "the reader still shows the killed card"
insert card.again
said=$(apdus 00:20:00:01)
if grep -q 'SW1=0x63, SW2=0xC2' <<<"$said"; then pass "after kill -9: two tries left"; else fail "after kill -9: $said"; fi

if figures=$("$simward" bench pcsc --json --profile "$work/profile.toml" 2>"$work/bench.log") \
    && [ "$(grep -c '"unit":"1/s"' <<<"$figures")" -eq 2 ]; then
    while read -r figure; do pass "bench $figure"; done <<<"$figures"
else
    fail "bench: $figures $(cat "$work/bench.log")"
fi

# SIGINT ends it in good order.
if withdraw && grep -q stopped "$work/card.again.log"; then pass "SIGINT: stopped, exit code 0"
else fail "SIGINT: $(cat "$work/card.again.log")"; fi

# In blocks: the same answers, without GET RESPONSE, and a length that T=0 cannot say.
start t1 "$simward" card --state "$work/card.state" --t1
card=$last
until_true has_card || fail "no card of T=1 in the reader: $(cat "$work/t1.log")"
said=$(printf '%s\n' reset '00 A4 00 04 02 2F E2 00' '00 B0 00 00 00' '00 B0 00 00 00 00 0A' | scriptor -p T=1 2>&1)
got=$(tr -d ' \n' <<<"$said" | tr '[:upper:]' '[:lower:]') iccid=986800210000000010f79000
if grep -q "<ok:3b9f9681b1fe451fc7.*<62268202412183022fe2[0-9a-f]*9000:.*<$iccid:.*<$iccid:" <<<"$got"; then
    pass "T=1: its ATR, SELECT and READ BINARY in one go, and in an extended length"
else fail "T=1: $said"; fi
withdraw || fail "T=1: exit code $?"

# An older copy of the banks, put back, ends the card: its keys are destroyed. It still answers a reset.
mkdir -p "$work/old" && cp "$work/card.state/bank-a" "$work/card.state/bank-b" "$work/old/"
insert card.before
said=$(apdus 00:20:00:01:08:39:39:39:39:FF:FF:FF:FF)
grep -q 'SW1=0x63, SW2=0xC2' <<<"$said" || fail "a guess before the rollback: $said"
withdraw || fail "before the rollback: exit code $?"
cp "$work/old/bank-a" "$work/old/bank-b" "$work/card.state/"
insert card.rolled-back
said=$(apdus 00:20:00:01)
if grep -q 'SW1=0x6F, SW2=0x00' <<<"$said" && grep -q 'rollback: the log ends at' "$work/card.rolled-back.log"; then
    pass "rollback: terminated, with its ATR ($(grep -o 'rollback: the log[^.]*' "$work/card.rolled-back.log"))"
else
    fail "rollback: $said $(cat "$work/card.rolled-back.log")"
fi
