#!/usr/bin/env bash
# A running card is ended, by its holder's word or by its lid, and the process's whole memory is searched for its keys: they
# are found before, or the search would be worth nothing, and not after. Then a card on a full disk is ended.
#
#   tamper.sh SIMWARD FOLDER      SIMWARD: the binary; FOLDER: where it may work; kept for a look afterwards
#
# Needs pcscd, vsmartcard-vpcd, opensc, python3, util-linux, mount, iproute2.
set -u
[ $# -eq 2 ] || { sed -n '2,7p' "$0" >&2; exit 2; }
. "$(dirname "$0")/space.bash" "$1" "$2" pcscd opensc-tool python3

mount -t proc proc /proc || { fail "no /proc of our own"; exit; }
rm -rf "$work"/*.state "$work/device-keys" "$work/lid"
profile "$work/profile.toml" 9a3c5e7f1b2d4c6e8f0a1b3c5d7e9f10 1f2e3d4c5b6a79880f1e2d3c4b5a6978 4829

# search PID: how many times K, OPc, the device key and the PIN's block stand in the memory of the process.
search() {
    python3 - "$1" "$device_key" <<'PYTHON'
import re, sys
pid, device_key = sys.argv[1:]
secrets = {
    "K": bytes.fromhex("9a3c5e7f1b2d4c6e8f0a1b3c5d7e9f10"),
    "OPc": bytes.fromhex("1f2e3d4c5b6a79880f1e2d3c4b5a6978"),
    "device key": bytes.fromhex(device_key),
    "device key in hexadecimal": device_key.encode(),
    "PIN": b"4829\xff\xff\xff\xff",
}
found, octets = dict.fromkeys(secrets, 0), 0
with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
    for line in maps:
        start, end, rights = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line).groups()
        start, end = int(start, 16), int(end, 16)
        if "r" not in rights or "[v" in line:
            continue
        memory.seek(start)
        try:
            part = memory.read(end - start)
        except OSError:
            continue
        octets += len(part)
        for name, secret in secrets.items():
            found[name] += part.count(secret)
print(", ".join(f"{name} {n}" for name, n in found.items()), f"in {octets >> 10} KiB")
PYTHON
}

apdu() { opensc-tool -r 0 "${@/#/-s}" 2>&1; }

# A challenge answered: K is in use.
use_card() {
    apdu 00:A4:04:0C:07:A0:00:00:00:87:10:02 00:20:00:01:08:34:38:32:39:FF:FF:FF:FF \
        00:88:00:80:11:10:23:55:3C:BE:96:37:A8:9D:21:8A:E6:4D:AE:47:BF:35 | grep -q 'SW1=0x61\|SW1=0x90'
}

start_reader
for way in word lid; do
    echo 1 >"$work/lid"
    insert_with=()
    [ $way = word ] || insert_with=(--lid "$work/lid")
    start "$way" "$simward" card --state "$work/$way.state" --profile "$work/profile.toml" "${insert_with[@]}"
    card=$last
    until_true has_card || { fail "no card in the reader: $(cat "$work/$way.log")"; exit; }
    key=$(ls -t "$work"/device-keys/*.key | head -n 1)
    device_key=$(cut -d ' ' -f 1 "$key")
    use_card && pass "$way: the card answers a challenge" || fail "$way: $(apdu 00:A4:00:0C:02:3F:00)"
    before=$(search "$card") || { fail "the memory of process $card cannot be read"; exit; }
    if grep -Eq '^K [1-9].*OPc [1-9]' <<<"$before"; then pass "$way, before: $before"; else fail "$way, before: $before"; fi
    if [ $way = word ]; then
        said=$("$simward" card end --state "$work/$way.state" --for-good --reason "seen in other hands" 2>&1)
        grep -q 'TERMINATED' <<<"$said" && pass "$way: $said" || fail "$way: $said"
    else
        echo 0 >"$work/lid"
        until_true test -e "$work/$way.state/terminated" && pass "$way: $(tail -n 1 "$work/$way.state/terminated")" \
            || fail "$way: the lid was opened and the card goes on"
    fi
    until_true test ! -e "$key"
    [ ! -e "$key" ] && pass "$way: the device key is gone" || fail "$way: the device key is still there"
    # Once from the process that was told, once from the one it became.
    begun_anew() { [ "$(grep -c 'was TERMINATED' "$work/$way.log")" -eq 2 ]; }
    until_true begun_anew || fail "$way: the process did not begin anew: $(cat "$work/$way.log")"
    after=$(search "$card")
    if grep -q '^K 0, OPc 0, device key 0, device key in hexadecimal 0, PIN 0 ' <<<"$after"; then pass "$way, after: $after"; else fail "$way, after: $after"; fi
    is_ended() { apdu 00:A4:00:0C:02:3F:00 | grep -q 'SW1=0x6F, SW2=0x00'; }
    until_true is_ended && pass "$way: what is left answers 6F00" || fail "$way: $(apdu 00:A4:00:0C:02:3F:00)"
    opensc-tool -r 0 -a 2>&1 | tr -d ':' | grep -qi 3b9f96801fc7 && pass "$way: and a reset" || fail "$way: no ATR"
    kill "$card"; wait "$card" 2>/dev/null
    until_true no_card || fail "the reader still shows the card"
    refused "$way: after a restart" "TERMINATED" "$simward" card files --state "$work/$way.state"
done

full=$work/full
mkdir -p "$full" && mount -t tmpfs -o size=256k tmpfs "$full" || { fail "no small disk"; exit; }
"$simward" card make --state "$full/card" --profile "$work/profile.toml" >"$work/full.log" 2>&1 || fail "$(cat "$work/full.log")"
key=$(ls -t "$work"/device-keys/*.key | head -n 1)
[ -s "$key" ] || fail "full disk: no device key was made"
cat /dev/zero >"$full/fill" 2>"$work/full.log"
grep -q 'No space left' "$work/full.log" && pass "full disk: there is no room for one octet" || fail "full disk: $(cat "$work/full.log")"
said=$("$simward" card end --state "$full/card" --for-good 2>&1)
if grep -q 'TERMINATED' <<<"$said" && [ ! -e "$key" ]; then pass "full disk: $said"; else fail "full disk: $said"; fi
refused "full disk: after that" "TERMINATED" "$simward" card files --state "$full/card"
