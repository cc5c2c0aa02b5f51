#!/usr/bin/env bash
# EAP-SIM, EAP-AKA and EAP-AKA' with other people's programs at both ends: hostapd as the EAP server, eapol_test as the
# phone, our card behind pcscd and vpcd, our node as the authentication centre.
#
#   eap.sh SIMWARD FOLDER       SIMWARD: the binary; FOLDER: where it may work; kept for a look afterwards
#
# Needs hostapd, eapoltest, pcscd, vsmartcard-vpcd, opensc, sqlite3, jq, python3, util-linux, mount, iproute2.
set -u
[ $# -eq 2 ] || { sed -n '2,7p' "$0" >&2; exit 2; }
. "$(dirname "$0")/space.bash" "$1" "$2" hostapd eapol_test pcscd opensc-tool sqlite3 jq python3

owner=8613800138000 thief=8613900139000 nobody=999700000000000
rm -rf "$work"/node* "$work"/*.state "$work"/*.toml "$work"/*-keys "$work"/*.log "$work"/*.peer
data=$work/node

# ---- the node

up() { # NAME [OPTION…]: until both doors are open; $node is its process
    local name=$1
    shift
    start "$name" "$simward" up --data "$data" --gateway /run/gateway.sock "$@"
    node=$last
    until_true grep -q '^ready http://127.0.0.1:8740 gateway /run/gateway.sock$' "$work/$name.log" \
        || { fail "the node does not start: $(cat "$work/$name.log")"; exit; }
}
down() { kill -TERM "$node" && wait "$node"; }
number() { "$simward" number "$1" "$2" --data "$data" "${@:3}" 2>>"$work/number.log"; }
resolves_to() { number show "$1" --json | jq -r .imsi; }
imsi_of() { sed -n 's/^imsi = "\(.*\)"$/\1/p' "$1"; }
pin_of() { sed -n 's/^pin = "\(.*\)"$/\1/p' "$1"; }
sql() { sqlite3 -cmd '.timeout 5000' "$@"; }

# ---- the phone

# authenticate NAME METHOD PIN: one session of eapol_test through PC/SC, its output in NAME.log
authenticate() {
    cat >"$work/$1.peer" <<PEER
network={
    key_mgmt=WPA-EAP
    eap=$2
    pcsc=""
    pin="$3"
}
PEER
    timeout 30 eapol_test -c "$work/$1.peer" -P "" -a 127.0.0.1 -p 18120 -s testing123 -t 10 >"$work/$1.log" 2>&1
}
succeeds() { # WHAT NAME METHOD PIN
    if authenticate "${@:2}" && grep -q '^CTRL-EVENT-EAP-SUCCESS' "$work/$2.log" \
        && grep -qx SUCCESS "$work/$2.log"; then pass "$1: SUCCESS"
    else fail "$1: $(grep -E '^(CTRL-EVENT-EAP|FAILURE|PCSC|SCARD)' "$work/$2.log" | tail -n 5)"; fi
}
# fails WHAT NAME METHOD PIN TEXT: the phone is told no, and TEXT stands in its log
fails() {
    if authenticate "${@:2:3}"; then fail "$1: SUCCESS"
    elif grep -qx FAILURE "$work/$2.log" && grep -qF -- "$5" "$work/$2.log"; then pass "$1: FAILURE, $5"
    else fail "$1: $(tail -n 5 "$work/$2.log")"; fi
}

# gateway TEXT…: each as one datagram to the node; prints the answer to the last
gateway() {
    python3 - /run/gateway.sock "$@" <<'PYTHON'
import os, socket, sys
door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
door.bind(f"/run/asker-{os.getpid()}")
door.settimeout(5)
for text in sys.argv[2:]:
    door.sendto(os.fsencode(text), sys.argv[1])
print(door.recv(2048).decode())
PYTHON
}
noise() { # two thousand datagrams that are no requests, of a fixed seed
    python3 - /run/gateway.sock <<'PYTHON'
import random, socket, sys
chance = random.Random(20)
door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
good = b"AKA-AUTS 999700000000000 " + b"00" * 14 + b" " + b"11" * 16
for round in range(2000):
    bad = bytearray(chance.randbytes(chance.randrange(0, 1500)) if round % 2 else good[: chance.randrange(len(good))])
    for _ in range(chance.randrange(3)):
        if bad: bad[chance.randrange(len(bad))] = chance.randrange(256)
    door.sendto(bad, sys.argv[1])
print("sent")
PYTHON
}

# ---- the story

up node1 --short-waits
refused "a second node on the same folder" "in use by another simward process" \
    timeout 10 "$simward" up --data "$data" --listen 127.0.0.1:0 --gateway /run/other.sock
refused "a port in use" "127.0.0.1:8740" \
    timeout 10 "$simward" up --data "$work/node-two" --listen 127.0.0.1:8740 --gateway /run/other.sock
refused "a gateway in use" "/run/gateway.sock" \
    timeout 10 "$simward" up --data "$work/node-two" --listen 127.0.0.1:0 --gateway /run/gateway.sock

for who in owner thief; do
    number issue "${!who}" --profile "$work/$who.toml" --owner "$work/$who-keys" >"$work/issue-$who.log" \
        || { fail "issue: $(cat "$work/number.log")"; exit; }
done
ours=$(imsi_of "$work/owner.toml") theirs=$(imsi_of "$work/thief.toml")
[ "$(resolves_to $owner)" = "$ours" ] && pass "issued: the number resolves to its card" || fail "issue: resolves elsewhere"

# The node as it stands now, for the day it is restored from a copy that is too old.
down || fail "SIGTERM: exit code $?"
cp -a "$data" "$work/node-before"
up node2

cat >"$work/hostapd.conf" <<HOSTAPD
driver=none
interface=lo
ieee8021x=1
eap_server=1
eap_user_file=$work/hostapd.users
eap_sim_db=unix:/run/gateway.sock
eap_sim_id=3
radius_server_clients=$work/hostapd.clients
radius_server_auth_port=18120
HOSTAPD
cat >"$work/hostapd.users" <<'USERS'
"0"* AKA
"1"* SIM
"6"* AKA'
USERS
echo "127.0.0.1/32 testing123" >"$work/hostapd.clients"
start hostapd hostapd -ddK "$work/hostapd.conf"
until_true grep -q 'AP-ENABLED' "$work/hostapd.log" || { fail "hostapd: $(tail -n 5 "$work/hostapd.log")"; exit; }
start_reader

insert owner "$work/owner.toml"
pin=$(pin_of "$work/owner.toml")
succeeds "EAP-SIM" sim SIM "$pin"
succeeds "EAP-AKA" aka AKA "$pin"
succeeds "EAP-AKA'" aka-prime "AKA'" "$pin"
identity="6$ours@wlan.mnc070.mcc999.3gppnetwork.org"
if grep -qF "'$identity'" "$work/hostapd.log"; then pass "the identity comes from EF.IMSI and EF.AD: $identity"
else fail "hostapd was not told $identity"; fi

wrong=$(printf '%04d' $(((10#$pin + 1) % 10000)))
fails "a wrong PIN" wrong-pin "AKA'" "$wrong" "PIN verification failed"
succeeds "the right PIN after it" right-pin "AKA'" "$pin"

# The ledger falls behind the card: the enforcement point's file is put back as it was before all this.
for turn in 1 2 3; do succeeds "authentication $turn before the copy is put back" "before-$turn" AKA "$pin"; done
down
rm -f "$data"/auc/pins.db*
cp -a "$work/node-before"/auc/pins.db* "$data/auc/"
behind=$(sql "$data/auc/pins.db" "SELECT next FROM sqn WHERE imsi = '$ours'")
up node3
resyncs() { grep -c 'reporting AKA AUTS' "$work/hostapd.log"; }
before=$(resyncs)
succeeds "a card ahead of the ledger, EAP-AKA" ahead-aka AKA "$pin"
ahead=$(sql "$data/auc/pins.db" "SELECT next FROM sqn WHERE imsi = '$ours'")
if grep -q 'SCARD: UMTS Synchronization-Failure' "$work/ahead-aka.log" && [ "$(resyncs)" -eq $((before + 1)) ] \
    && [ "$ahead" -gt $((behind + 3)) ]; then
    pass "resynchronised by one AUTS in that session: next SEQ $behind, then $ahead"
else
    fail "resynchronised: $(($(resyncs) - before)) AUTS, next SEQ $behind, then $ahead"
fi
succeeds "the session after it" after-ahead "AKA'" "$pin"
[ "$(resyncs)" -eq $((before + 1)) ] || fail "the session after it resynchronised again"

# The owner moves the number to a new card.
if number change $owner --owner "$work/owner-keys" --profile "$work/new.toml" --with both --wait >"$work/change.log"; then
    pass "a change agreed with both keys: $(tail -n 1 "$work/change.log")"
else
    fail "change: $(cat "$work/change.log" "$work/number.log")"
fi
new=$(imsi_of "$work/new.toml")
[ "$(resolves_to $owner)" = "$new" ] && pass "the number resolves to the new card" || fail "resolves elsewhere"
no_vector="General failure notification (before authentication)"
fails "the old card, EAP-AKA'" old-card "AKA'" "$pin" "$no_vector"
fails "the old card, EAP-SIM" old-card-sim SIM "$pin" "$no_vector"
[ "$(grep -c 'authentication refused code="replaced"' "$work/node3.log")" -eq 2 ] && pass "the node refused both: replaced" \
    || fail "the node's reason: $(grep 'authentication refused' "$work/node3.log")"
withdraw || fail "the old card: exit code $?"
insert new "$work/new.toml"
pin=$(pin_of "$work/new.toml")
for method in SIM AKA "AKA'"; do succeeds "the new card, EAP-$method" "new-${method/"'"/-prime}" "$method" "$pin"; done

# A thief with the database: the owner's number is pointed at the thief's own card, the thief's wrapped key is put where
# the owner's is. Tried on a running node, and again on one that has started from that file.
sql "$data/operator.db" "
    UPDATE numbers SET imsi = '$theirs' WHERE number = '$owner';
    UPDATE cards SET keys = (SELECT keys FROM cards WHERE imsi = '$theirs') WHERE imsi = '$new';" \
    || fail "the database could not be edited"
[ "$(sql "$data/operator.db" "SELECT imsi FROM numbers WHERE number = '$owner'")" = "$theirs" ] \
    || fail "the database was not edited"
# The thief's blank card: the owner's IMSI over the thief's own key.
sed -e "s/^imsi = .*/imsi = \"$new\"/" -e '/^msisdn/d' -e '/^deed_id/d' "$work/thief.toml" >"$work/blank.toml"
for when in running restarted; do
    [ $when = running ] || { down; up node4; }
    succeeds "database edited, $when: the owner's card" "edited-$when" "AKA'" "$pin"
    withdraw || fail "the owner's card: exit code $?"
    insert "blank.$when" "$work/blank.toml"
    fails "database edited, $when: the thief's blank card" "blank-$when-aka" "AKA'" "$(pin_of "$work/blank.toml")" \
        "MAC != XMAC"
    withdraw || fail "the blank card: exit code $?"
    insert "thief.$when" "$work/thief.toml"
    succeeds "database edited, $when: the thief's own card, for the thief's own number" "thief-$when" "AKA'" \
        "$(pin_of "$work/thief.toml")"
    withdraw || fail "the thief's card: exit code $?"
    now=$(number show $owner --json | jq -r '.imsi + " " + .served')
    [ "$now" = "$new served" ] && pass "database edited, $when: the number still resolves to the owner's card" \
        || fail "database edited, $when: resolves to $now"
    [ "$(resolves_to $thief)" = "$theirs" ] || fail "the thief's own number resolves elsewhere"
    insert "new.$when"
done
alarmed() { [ "$(sql "$data/operator.db" "SELECT count(*) FROM alarms WHERE text LIKE '%${owner: -4}%'")" -gt 0 ]; }
if until_true alarmed; then pass "alarms: $(sql "$data/operator.db" "SELECT group_concat(DISTINCT code) FROM alarms")"
else fail "no alarm about the edited rows: $(sql "$data/operator.db" "SELECT code, text FROM alarms")"; fi

# Strangers and noise at the datagram door.
answer=$(gateway "AKA-REQ-AUTH $nobody")
[ "$answer" = "AKA-RESP-AUTH $nobody FAILURE" ] && pass "an unknown IMSI: $answer" || fail "an unknown IMSI: $answer"
sed -e "s/^imsi = .*/imsi = \"$nobody\"/" -e '/^msisdn/d' -e '/^deed_id/d' "$work/thief.toml" >"$work/stranger.toml"
withdraw || fail "the owner's card: exit code $?"
insert stranger "$work/stranger.toml"
fails "a stranger's card" stranger-aka "AKA'" "$(pin_of "$work/stranger.toml")" "$no_vector"
withdraw || fail "the stranger's card: exit code $?"
noise >"$work/noise.log" 2>&1 || fail "noise: $(tail -n 1 "$work/noise.log")"
answer=$(gateway "AKA-REQ-AUTH" "AKA-AUTS $new 00 00" "AKA-REQ-AUTH $new")
[[ $answer =~ ^AKA-RESP-AUTH\ $new(\ [0-9a-f]{32}){4}\ [0-9a-f]{16}$ ]] \
    && pass "after 2,000 datagrams of noise: a vector" || fail "after noise: $answer"
insert new.noise
succeeds "after noise: the owner's card" after-noise "AKA'" "$pin"
withdraw || fail "the owner's card: exit code $?"

if ! grep -l "panicked" "$work"/*.log; then pass "no panic in $(ls "$work"/*.log | wc -l) logs"; else fail "a panic"; fi
if down; then pass "SIGTERM: the node ends, exit code 0"; else fail "SIGTERM: exit code $?"; fi
